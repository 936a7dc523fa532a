"""What of Docker is watched: ``collectors: {docker: {...}}`` of the configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from watchdog.runtime.fields import AbsolutePath, Duration, Strict


class TlsSettings(Strict):
    """The three files of Docker's TLS."""

    ca: AbsolutePath
    """Certificate of the authority that signed the engine's certificate."""
    certificate: AbsolutePath
    """Our own certificate."""
    key: AbsolutePath
    """Our own key, readable for this user only."""


class GateSettings(Strict):
    """The Docker gate: nothing that needs Docker is repaired until the engine has answered several times in a row."""

    start_delay: Duration = 10.0
    """Time between our own start and the first try."""
    retry: Duration = Field(5.0, gt=0)
    """Time between two tries; they go on without end."""
    successes: int = Field(3, ge=1)
    """How many tries in a row (ping, version, one list) must succeed before the gate opens."""
    timeout: Duration = Field(5.0, gt=0)
    """How long each of the three answers may take."""


class DockerSettings(Strict):
    """Settings of the Docker collector."""

    enabled: bool | Literal["auto"] = "auto"
    """Whether to look at all; ``auto`` looks when a panel needs Docker, or when its socket or program is on this host."""
    url: str = "unix:///var/run/docker.sock"
    """The engine to read: ``unix:///path`` or ``tcp://host:port``.

    A socket proxy that allows PING, VERSION, INFO, CONTAINERS and EVENTS is enough."""
    act_url: str | None = None
    """The engine for repairs (start, stop, remove, exec), when another endpoint than ``url`` allows them; the same engine, of course."""
    tls: TlsSettings | None = None
    """TLS files for ``tcp://`` URLs."""
    interval: Duration = Field(15.0, gt=0)
    """Time between two lists; events bring the next one forward."""
    deadline: Duration = Field(10.0, gt=0)
    """A look that takes longer than this is abandoned."""
    labels: tuple[str, ...] = ()
    """Label keys whose values are exported, in ``watchdog_docker_container_labels``. Keys that panels need are read, not exported."""
    inspects_per_look: int = Field(200, ge=1)
    """At most so many new or changed containers are inspected in one look; the others wait for the next."""
    events_window: Duration = Field(3600.0, gt=0)
    """How long an event is remembered in the snapshot."""
    events_silence: Duration = Field(60.0, gt=0)
    """An event stream without a byte for so long is opened anew (an idle proxy may have dropped it without a word)."""
    names_limit: int = Field(5000, ge=1)
    """Counts are kept for at most so many container names; further names are counted together as ``(other)``."""
    cgroup: AbsolutePath = Path("/sys/fs/cgroup")
    """Where the cgroup file systems are; in a container, mount the host's read-only and name it here."""
    proc: AbsolutePath = Path("/proc")
    """The host's /proc, for the cgroup of a container's first process and the start time of the engine."""
    pid_file: AbsolutePath = Path("/var/run/docker.pid")
    """The engine's pid file, from which its start time is told."""
    gate: GateSettings = GateSettings()
    """The Docker gate."""

    @field_validator("url", "act_url")
    @classmethod
    def _known_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("unix:///", "tcp://")):
            raise ValueError(f"'{value}' is no engine URL: write unix:///path/to/docker.sock or tcp://host:port")
        return value

    @model_validator(mode="after")
    def _tls_fits(self) -> Self:
        if self.tls is not None and not any(url and url.startswith("tcp://") for url in (self.url, self.act_url)):
            raise ValueError("tls is for tcp:// URLs only: remove it, or write a tcp:// url")
        return self

    @property
    def socket(self) -> Path | None:
        """Return the path of the unix socket, None for tcp."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None

    def wanted(self, *, needed: bool) -> bool:
        """Given whether a panel needs Docker, return whether to look (see ``enabled``)."""
        if self.enabled != "auto":
            return self.enabled
        programs = ("/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd")
        return needed or self.socket is None or self.socket.exists() or any(os.access(program, os.X_OK) for program in programs)
