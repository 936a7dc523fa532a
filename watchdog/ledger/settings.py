"""Where the ledger is, and how much of the past it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from watchdog.errors import BadSettings
from watchdog.runtime.fields import AbsolutePath, Duration, Strict, read_secret

DEFAULT_URL = "sqlite:////var/lib/panel-watchdog/ledger.sqlite3"
_POSTGRESQL = ("postgresql://", "postgres://", "postgresql+psycopg://")
_SHAPES = "write sqlite:////absolute/path, an absolute path, or postgresql://user@host/database"


def normal_url(text: str) -> str:
    """Given what a person wrote, return ``sqlite:////path`` or ``postgresql+psycopg://...``. Raise ValueError, never showing the text."""
    text = text.strip()
    if text.startswith("/"):
        return f"sqlite:///{text}"
    if text.startswith("sqlite:"):
        if not text.startswith("sqlite:////") or "?" in text:
            raise ValueError(f"the path of an SQLite ledger must be absolute, with four slashes: {_SHAPES}")
        return text
    for prefix in _POSTGRESQL:
        if text.startswith(prefix):
            return "postgresql+psycopg://" + text.removeprefix(prefix)
    raise ValueError(f"this is no ledger we know: {_SHAPES}")


class KeepSettings(Strict):
    """How much of what is over stays readable. Open drifts, running repairs and live holdings are never removed."""

    age: Duration = 90 * 86400.0
    """Closed drifts, ended repairs and pauses, decided approvals and released holdings older than this are removed."""
    count: int = Field(default=10_000, ge=10)
    """At most this many closed drifts, as many ended repairs, and as many ended pauses are kept."""


class LedgerSettings(Strict):
    """The record of drifts, repairs, leases and holdings. SQLite needs nothing; hosts that share history share one PostgreSQL."""

    # a URL that is refused may hold a password: it must not be shown in the refusal
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = DEFAULT_URL
    """``sqlite:////absolute/path`` or ``postgresql://user@host/database``, without a password."""
    url_file: AbsolutePath | None = None
    """A file holding the whole URL, for one with a password; used instead of ``url``."""
    ephemeral: bool = False
    """Allow an SQLite ledger on tmpfs or overlay storage, which a restart of the machine or container empties."""
    keep: KeepSettings = Field(default_factory=KeepSettings)
    """How much history is kept."""
    busy_timeout: Duration = Field(default=10.0, gt=0)
    """How long to wait for another writer before the ledger counts as unavailable."""
    migration_timeout: Duration = Field(default=120.0, gt=0)
    """How long to wait at start for another process that is migrating."""

    @field_validator("url")
    @classmethod
    def _no_password(cls, value: str) -> str:
        url = normal_url(value)
        if "password=" in url or ("@" in url and ":" in url.split("://", 1)[1].rsplit("@", 1)[0]):
            raise ValueError("a password does not belong here: put the whole URL in a file and name it in url_file")
        return url

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.url_file is not None and self.url != DEFAULT_URL:
            raise ValueError("url and url_file are both given: keep one of them")
        return self

    def resolved(self) -> str:
        """Return the URL, from ``url_file`` if there is one. It may hold a password. Raises BadSettings naming the key."""
        if self.url_file is None:
            return self.url
        text = read_secret(self.url_file)
        try:
            return normal_url(text)
        except ValueError as error:
            raise BadSettings(f"ledger.url_file: {error}") from None

    @property
    def path(self) -> Path | None:
        """Return the file of an SQLite ledger given by ``url``; None for PostgreSQL or ``url_file``."""
        return sqlite_path(self.url) if self.url_file is None else None


def sqlite_path(url: str) -> Path | None:
    """Given a normal URL, return the SQLite file it names, or None."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else None
