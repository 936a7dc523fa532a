"""Settings of the logs collector: how much is read, and how much is kept."""

from __future__ import annotations

from pydantic import Field, model_validator

from watchdog.runtime.fields import Duration, Size, Strict


class LogsSettings(Strict):
    """Logs that panels ask for. Which files, which patterns: the panels say it."""

    interval: Duration = Field(default=10.0, ge=1.0)
    """How often the logs are looked at."""
    deadline: Duration = Field(default=20.0, ge=1.0)
    """How long one look at all of them may take."""
    max_bytes: Size = Field(default=4 << 20, ge=64 << 10)
    """Bytes read of one log in one look."""
    max_backlog: Size = Field(default=64 << 20, ge=1 << 20)
    """More than this unread is skipped: a gap."""
    window: Size = Field(default=1 << 20, ge=4 << 10)
    """Bytes before the end read at first start, and read again after a restart, since matches are kept in memory only."""
    container_window: Duration = Field(default=600.0, ge=10.0)
    """The same for the logs of containers, as time."""
    max_line: Size = Field(default=8 << 10, ge=256, le=64 << 10)
    """Bytes of one line that are looked at; the rest of a longer line is skipped: a gap."""
    keep: int = Field(default=5_000, ge=10)
    """Matches kept per log; when older ones go, ``covered_from`` moves up."""

    @model_validator(mode="after")
    def _window_fits(self) -> LogsSettings:
        if self.window > self.max_bytes:
            raise ValueError("window must not be larger than max_bytes: it is read in one look")
        return self
