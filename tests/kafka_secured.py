"""A real Apache Kafka broker that asks for TLS and a sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.kafka_broker import KafkaBroker, free_ports, run_kafka

USER, PASSWORD = "earshot", "a pass=phrase #1"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class SecuredBroker(KafkaBroker):
    """Its clients trust ``authority`` and sign in with SCRAM-SHA-512."""

    def __init__(self, home: Path) -> None:
        (self._private,) = free_ports(1)
        authority = trustme.CA()
        self.authority = home / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self._keystore = home / "keystore.pem"
        self._keystore.write_bytes(_keystore(authority.issue_cert("127.0.0.1")))
        super().__init__(home)

    def client_file(
        self, directory: Path, *, password: str = PASSWORD, trusted: bool = True
    ) -> Path:
        """A file for its clients."""
        lines = [
            "# as Kafka's own tools take it",
            "security.protocol=SASL_SSL",
            *([f"ssl.ca.location = {self.authority}"] if trusted else []),
            "sasl.mechanism=SCRAM-SHA-512",
            f"sasl.username={USER}",
            f"sasl.password={password}",
        ]
        path = directory / "client.properties"
        path.write_text("\n".join(lines))
        return path

    def _accounts(self) -> list[str]:
        return ["--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"]

    def _inside(self) -> str:
        return f"127.0.0.1:{self._private}"

    def _more_settings(self) -> dict[str, object]:
        doors = {
            "SASL_SSL": self.bootstrap,
            "INSIDE": self._inside(),
        }
        advertised = ",".join(f"{name}://{place}" for name, place in doors.items())
        return {
            "listeners": f"{advertised},CONTROLLER://127.0.0.1:{self._controller}",
            "advertised.listeners": advertised,
            "inter.broker.listener.name": "INSIDE",
            "listener.security.protocol.map": (
                "SASL_SSL:SASL_SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _SCRAM,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._keystore,
        }


def _keystore(issued: trustme.LeafCert) -> bytes:
    """Key and certificates in the one form that Kafka takes: PKCS 8."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return plain + b"".join(part.bytes() for part in issued.cert_chain_pems)


@pytest.fixture(scope="session")
def secured_broker() -> Iterator[SecuredBroker]:
    """The session's broker that asks who comes."""
    yield from run_kafka(SecuredBroker)
