"""Settings come from options, then the environment, then defaults, and never by surprise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.settings import Settings, SettingsError, default_data_directory, is_loopback

ANYWHERE = "0.0.0.0"  # noqa: S104 - never bound here


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("EARSHOT_"):
            monkeypatch.delenv(name)


def test_defaults_are_the_contract_s():
    settings = Settings.load()

    assert (settings.host, settings.port) == ("127.0.0.1", 8470)
    assert (settings.budget_level1, settings.budget_level2) == (0.2, 0.05)
    assert settings.topic_prefix == "quality."
    assert settings.embedded
    assert not settings.keys_needed


def test_an_option_wins_over_the_environment_and_that_over_the_default(monkeypatch):
    monkeypatch.setenv("EARSHOT_PORT", "9001")
    monkeypatch.setenv("EARSHOT_TOPIC_PREFIX", "x.")

    settings = Settings.load(port=9002, topic_prefix=None)

    assert settings.port == 9002
    assert settings.topic_prefix == "x."


def test_the_data_directory_is_one_place_per_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert default_data_directory() == tmp_path / "earshot"
    assert Settings.load().store_url == f"sqlite:///{tmp_path}/earshot/earshot.db"


def test_without_xdg_the_data_directory_is_under_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert default_data_directory() == tmp_path / ".local" / "share" / "earshot"


def test_a_relative_directory_is_made_absolute_in_the_store_s_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert Settings.load(data=Path("here")).store_url == f"sqlite:///{tmp_path}/here/earshot.db"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "99999", "EARSHOT_PORT"),
        ("PORT", "http", "EARSHOT_PORT"),
        ("BUDGET_LEVEL1", "0", "EARSHOT_BUDGET_LEVEL1"),
        ("BUDGET_LEVEL1", "nan", "EARSHOT_BUDGET_LEVEL1"),
        ("BUDGET_LEVEL2", "0.5", "level 2 is the rarer"),
        ("DATABASE_URL", "mysql://x", "EARSHOT_DATABASE_URL"),
        ("TOPIC_PREFIX", "a b", "EARSHOT_TOPIC_PREFIX"),
        ("WORKER_ID", "", "EARSHOT_WORKER_ID"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(monkeypatch, name, value, message):
    monkeypatch.setenv(f"EARSHOT_{name}", value)

    with pytest.raises(SettingsError, match=message):
        Settings.load()


def test_a_postgresql_address_gets_its_driver_and_hides_its_password():
    settings = Settings.load(database_url="postgresql://quality:s3cret@db:5432/earshot")

    assert settings.store_url == "postgresql+psycopg://quality:s3cret@db:5432/earshot"
    assert settings.store_name == "postgresql+psycopg://quality:***@db:5432/earshot"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_addresses_of_this_machine_need_no_key(host):
    assert is_loopback(host)
    assert not Settings.load(host=host).keys_needed
    assert Settings.load(host=host, auth=True).keys_needed


@pytest.mark.parametrize("host", [ANYWHERE, "::", "10.0.0.5", "earshot.example", ""])
def test_every_other_address_needs_keys(host):
    assert Settings.load(host=host).keys_needed


def test_the_page_s_address_is_one_a_browser_can_open():
    assert Settings.load(host=ANYWHERE).url == "http://127.0.0.1:8470"
    assert Settings.load(host="::1", port=80).url == "http://[::1]:80"
