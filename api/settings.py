"""What can be set, in one place: environment variables and the options of the same names.

Every setting is an ``EARSHOT_*`` environment variable; a command line option, where
given, wins over the variable, and the variable over the default. An unusable value
is reported by name, never silently replaced.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import Any, Self, cast

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENVIRONMENT_PREFIX = "EARSHOT_"
STORE_FILE = "earshot.db"
_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")
_STORE_SCHEMES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says why."""


def default_data_directory() -> Path:
    """Where the embedded store lives when ``EARSHOT_DATA`` is not set.

    ``$XDG_DATA_HOME/earshot``, by default ``~/.local/share/earshot``: one place per
    user, so that ``earshot keys`` finds the store that ``earshot serve`` opened,
    whatever directory each was started in.
    """
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "earshot"


class Settings(BaseSettings):
    """The settings in force. Frozen: a change means a restart, and shows in the log."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    data: Path = Field(
        default_factory=default_data_directory,
        description="Directory of the embedded store.",
    )
    host: str = Field(default="127.0.0.1", description="Address the HTTP door listens on.")
    port: int = Field(default=8470, ge=0, le=65535, description="Port of the HTTP door.")
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="Store to use instead of the embedded one (postgresql+psycopg://...).",
    )
    kafka: str | None = Field(
        default=None, description="Kafka bootstrap servers, host:port separated by commas."
    )
    kafka_config: Path | None = Field(
        default=None, description="File that says how Kafka is reached: TLS and sign-in."
    )
    topic_prefix: str = Field(
        default="quality.",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="Prefix of the Kafka topic names.",
    )
    budget_level1: float = Field(
        default=0.2,
        gt=0,
        le=52,
        description="Level 1: expected false alerts per stable unit and year.",
    )
    budget_level2: float = Field(
        default=0.05,
        gt=0,
        le=52,
        description="Level 2: expected false alerts per stable unit and year.",
    )
    worker_id: str = Field(
        default_factory=socket.gethostname,
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="Stable name of this worker in its consumer group.",
    )
    organisations: Path | None = Field(
        default=None, description="Organisation file that replaces what ships."
    )
    indicators: Path | None = Field(
        default=None, description="Indicator file that extends or replaces what ships."
    )
    reference: Path | None = Field(
        default=None, description="Calibration file to use instead of the shipped one."
    )
    rate_events: float = Field(
        default=5000.0,
        ge=0,
        le=1e9,
        description="Events a second that a key may send on average; 0 sets no limit.",
    )
    rate_requests: float = Field(
        default=200.0,
        ge=0,
        le=1e9,
        description="Requests a second that a key may make on average; 0 sets no limit.",
    )
    auth: bool = Field(default=False, description="Ask for a key on loopback too.")

    @field_validator("data", "organisations", "indicators", "reference", "kafka_config")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return value.expanduser() if value is not None else None

    @field_validator("database_url")
    @classmethod
    def _known_scheme(cls, value: str | None) -> str | None:
        if value and not value.startswith(_STORE_SCHEMES):
            schemes = ", ".join(_STORE_SCHEMES)
            raise ValueError(f"must start with one of {schemes}")
        if value and value.startswith("postgresql://"):
            return value.replace("postgresql://", "postgresql+psycopg://", 1)
        return value or None

    @model_validator(mode="after")
    def _level2_is_stricter(self) -> Self:
        if self.budget_level2 > self.budget_level1:
            raise ValueError(
                "budget_level2 must not exceed budget_level1: level 2 is the rarer alert"
            )
        return self

    @classmethod
    def load(cls, **options: Path | str | float | bool | None) -> Self:
        """Settings from the environment, with every option that is not None on top.

        Raises:
            SettingsError: a value cannot be used; each such setting is named.

        """
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return cls(**cast("dict[str, Any]", given))
        except ValidationError as error:
            raise SettingsError(_in_words(error)) from None

    @property
    def store_url(self) -> str:
        """The store's address: the one given, or the embedded file under ``data``."""
        return self.database_url or f"sqlite:///{self.data.absolute() / STORE_FILE}"

    @property
    def store_name(self) -> str:
        """The store's address for people and logs, without its password."""
        return _PASSWORD.sub("***", self.store_url)

    @property
    def embedded(self) -> bool:
        """True when events are kept in the embedded journal rather than on Kafka."""
        return self.kafka is None

    @property
    def loopback(self) -> bool:
        """True when only programs on this machine can reach the HTTP door."""
        return is_loopback(self.host)

    @property
    def keys_vouch(self) -> bool:
        """Whether keys say which providers there are: in one process, where no file does.

        Without a file no provider could ever be known, and whoever makes a key for one has
        said that it is.
        """
        return self.embedded and self.keys_needed and self.organisations is None

    @property
    def keys_needed(self) -> bool:
        """True when every call must carry an organisation key."""
        return self.auth or not self.loopback

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine to itself only. Unresolvable names are not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_words(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if name:
            lines.append(f"{ENVIRONMENT_PREFIX}{name.upper()}: {message}")
        else:
            lines.append(message)
    return "; ".join(lines)
