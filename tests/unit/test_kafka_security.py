"""The file that says how Kafka is reached: taken whole, or refused by name without its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.runners.security import OPEN, SecurityError, read_security

SECRET = "a pass=phrase #1"  # noqa: S105 - nobody's


def written(directory: Path, *lines: str) -> Path:
    path = directory / "client.properties"
    path.write_text("\n".join(lines))
    return path


def test_without_a_file_nothing_is_asked_for() -> None:
    assert read_security(None) is OPEN
    assert OPEN.options() == {"security_protocol": "PLAINTEXT"}


def test_a_sign_in_is_handed_to_clients_and_not_shown(tmp_path: Path) -> None:
    found = read_security(
        written(
            tmp_path,
            "# kafka.example",
            "",
            "security.protocol = sasl_ssl",
            "sasl.mechanism=SCRAM-SHA-256",
            "sasl.username=earshot",
            f"sasl.password={SECRET}",
        )
    )

    options = found.options()
    assert options.pop("ssl_context").check_hostname
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "earshot",
        "sasl_plain_password": SECRET,
    }
    assert SECRET not in repr(found)


def test_a_name_that_the_certificate_need_not_have_is_said_in_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "security.protocol=SSL", "ssl.endpoint.identification.algorithm=none")

    tls = read_security(file).tls

    assert tls is not None
    assert not tls.check_hostname


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["security.protocol=TLS"], "security.protocol is one of"),
        (["security.protocol"], "line 1 is none of"),
        (["", "sasl.jaas.config=x"], "line 2 is none of"),
        (["security.protocol=SASL_PLAINTEXT", "sasl.username=x"], "needs sasl.mechanism, sasl.pas"),
        (
            [
                "security.protocol=SASL_SSL",
                "sasl.mechanism=MD5",
                "sasl.username=x",
                "sasl.password=y",
            ],
            "sasl.mechanism is one of",
        ),
        (["security.protocol=SSL", f"sasl.password={SECRET}"], "nobody asks for sasl.password"),
        ([f"sasl.password={SECRET}"], "nobody asks for sasl.password"),
        (["ssl.ca.location=ca.pem"], "nobody asks for ssl.ca.location"),
        (["security.protocol=SSL", "ssl.key.location=key.pem"], "needs ssl.certificate.location"),
        (["security.protocol=SSL", "ssl.ca.location=nowhere.pem"], "cannot be used"),
        (
            ["security.protocol=SSL", "ssl.endpoint.identification.algorithm=maybe"],
            "is https or none",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_tells_no_secret(
    tmp_path: Path, lines: list[str], words: str
) -> None:
    with pytest.raises(SecurityError, match=words) as told:
        read_security(written(tmp_path, *lines))

    assert SECRET not in str(told.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecurityError, match="nowhere cannot be read"):
        read_security(tmp_path / "nowhere")
