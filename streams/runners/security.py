"""How Kafka is reached where it asks for TLS and a sign-in: one file for all clients.

The file is of the kind that Kafka's own tools take with ``--command-config``, a name and a
value on each line, with the names that librdkafka gives to files in PEM form. It holds a
password, so it is a file, not an option that other users of the machine could read.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_TLS = (
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.endpoint.identification.algorithm",
)
_SIGN_IN = ("sasl.mechanism", "sasl.username", "sasl.password")
NAMES = ("security.protocol", *_TLS, *_SIGN_IN)


class SecurityError(ValueError):
    """The file cannot be used; the message says why and never tells a value."""


@dataclass(frozen=True, slots=True)
class Security:
    """What clients of Kafka must show; as made without arguments, nothing.

    Args:
        protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
        tls: whom to trust and what to show; None without TLS.
        mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; None without a sign-in.
        username: for the sign-in.
        password: for the sign-in.

    """

    protocol: str = "PLAINTEXT"
    tls: ssl.SSLContext | None = None
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def options(self) -> dict[str, Any]:
        """The arguments for clients of kafka-python and aiokafka."""
        found: dict[str, Any] = {"security_protocol": self.protocol}
        if self.tls is not None:
            found["ssl_context"] = self.tls
        if self.mechanism is not None:
            found |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return found


OPEN = Security()
"""Kafka that asks for nothing."""


def first_words(server: str, security: Security, seconds: float) -> str:
    """What a connection shows where a client only says that it could not begin.

    Args:
        server: host:port.
        security: as the client had it.
        seconds: to wait for each step.

    Returns:
        What it may be, or nothing where nobody listens there.
    """
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), seconds) as plain:
            if security.tls is not None:
                security.tls.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLError as error:
        return f"TLS fails: {error.reason or error}".replace("_", " ").lower().replace("tls", "TLS")
    except (OSError, ValueError):
        return ""
    if security.mechanism is not None:
        return "somebody listens there; are mechanism, user and password what they ask for?"
    asked = "a sign-in" if security.tls is not None else "TLS or a sign-in"
    return f"somebody listens there; do they ask for {asked} (--kafka-config)?"


def read_security(path: Path | None) -> Security:
    """Read a client file.

    Args:
        path: lines of ``name = value``; those that begin with # are left out. Without a file
            nothing is asked for.

    Raises:
        SecurityError: the file cannot be read, a name is unknown, a value is none of those
            that can be, something is missing, or a certificate cannot be used.

    """
    if path is None:
        return OPEN
    given = _lines(path)
    protocol = given.get("security.protocol", "PLAINTEXT").upper()
    if protocol not in _PROTOCOLS:
        raise SecurityError(f"{path}: security.protocol is one of {', '.join(_PROTOCOLS)}")
    _refuse_idle(path, given, protocol)
    tls = _tls(path, given) if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL"):
        return Security(protocol, tls)
    missing = [name for name in _SIGN_IN if not given.get(name)]
    if missing:
        raise SecurityError(f"{path}: {protocol} needs {', '.join(missing)}")
    if given["sasl.mechanism"] not in _MECHANISMS:
        raise SecurityError(f"{path}: sasl.mechanism is one of {', '.join(_MECHANISMS)}")
    return Security(protocol, tls, *(given[name] for name in _SIGN_IN))


def _lines(path: Path) -> dict[str, str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SecurityError(f"{path} cannot be read: {reason}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or name not in NAMES:
            known = ", ".join(NAMES)
            raise SecurityError(
                f"{path}: line {number} is none of {known}, each with = and a value"
            )
        found[name] = value
    return found


def _refuse_idle(path: Path, given: dict[str, str], protocol: str) -> None:
    """Refuse what would have no effect: a password that is given is meant to be asked for."""
    idle = [
        name
        for names, used in ((_TLS, protocol.endswith("SSL")), (_SIGN_IN, protocol[:4] == "SASL"))
        for name in names
        if name in given and not used
    ]
    if idle:
        raise SecurityError(f"{path}: with security.protocol={protocol} nobody asks for {idle[0]}")


def _tls(path: Path, given: dict[str, str]) -> ssl.SSLContext:
    certificate, key = (given.get(f"ssl.{name}.location") for name in ("certificate", "key"))
    if key and not certificate:
        raise SecurityError(f"{path}: ssl.key.location needs ssl.certificate.location")
    named = given.get("ssl.endpoint.identification.algorithm", "https").lower()
    if named not in {"https", "none"}:
        raise SecurityError(f"{path}: ssl.endpoint.identification.algorithm is https or none")
    try:
        tls = ssl.create_default_context(cafile=given.get("ssl.ca.location"))
        if certificate:
            # A password that is missing would be asked for on a terminal that nobody sees.
            tls.load_cert_chain(certificate, key, given.get("ssl.key.password", ""))
    except (OSError, ValueError) as error:
        raise SecurityError(f"{path}: a certificate or key cannot be used: {error}") from None
    tls.check_hostname = named == "https"
    return tls
