"""Every command, option and setting is in docs/command-line.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.cli import COMMANDS, load
from api.settings import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")
SETTINGS = DOCUMENT.split("## Settings")[1].split("\n## ")[0]


def section(title):
    """The text under a heading, with its subsections."""
    level = "##" if title.count(" ") == 1 else "###"
    found = re.search(
        rf"^{level} {title}$(.*?)(?=^#{{2,{len(level)}}} |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL
    )
    assert found, f"{level} {title} is missing in docs/command-line.md"
    return found.group(1)


def described():
    """Every command with its own command object and the name of its section."""
    for name in COMMANDS:
        command = load(name)
        children = getattr(command, "commands", None)
        if children:
            for child, inner in children.items():
                yield f"earshot {name} {child}", inner
        yield f"earshot {name}", command


@pytest.mark.parametrize(("title", "command"), described(), ids=lambda value: str(value)[:40])
def test_every_command_and_option_is_documented(title, command):
    text = section(title) + SETTINGS
    options = [
        option
        for parameter in command.params
        if parameter.param_type_name == "option" and "--help" not in parameter.opts
        for option in (*parameter.opts, *parameter.secondary_opts)
    ]

    assert [option for option in options if f"`{option}`" not in text] == []


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_variable(name):
    assert f"`EARSHOT_{name.upper()}`" in SETTINGS


def test_every_variable_of_an_option_is_documented():
    variables = {
        str(parameter.envvar)
        for _, command in described()
        for parameter in command.params
        if getattr(parameter, "envvar", None)
    }

    assert [name for name in sorted(variables) if f"`{name}`" not in SETTINGS] == []


def test_no_variable_is_documented_that_does_not_exist():
    known = {f"EARSHOT_{name.upper()}" for name in Settings.model_fields} | {
        str(parameter.envvar)
        for _, command in described()
        for parameter in command.params
        if getattr(parameter, "envvar", None)
    }

    assert set(re.findall(r"`(EARSHOT_[A-Z0-9_]+)`", SETTINGS)) <= known
