"""One set of plain containers in the configuration: ``panels: {containers: [{name, rules, ...}]}``."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from watchdog.model.repairs import Mode
from watchdog.runtime.fields import Duration, Strict

KindName = Literal[
    "container_unhealthy", "container_exited", "container_restart_loop", "container_oom_loop", "container_dependent_detached"
]
RemedyName = Literal["restart_container", "start_container"]
Expect = Literal["auto", "running", "any"]
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


class RuleSettings(Strict):
    """Which containers are looked after without a label of theirs: all that is named here must fit (``*`` and ``?`` as in a shell)."""

    name: str = ""
    """A pattern for the container's name, such as ``web-*``."""
    image: str = ""
    """A pattern for the container's image, such as ``nginx:*``."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Label keys and a pattern for the value of each, such as ``{com.docker.compose.project: shop}``."""
    heal: bool = True
    """``false`` leaves what fits alone, whatever later rules say."""
    expect: Expect = "auto"
    """What you want of them. ``auto``: whatever ends with an error must run, whatever ends well may. ``running``: every end by itself is
    wrong. ``any``: no end is; only health counts."""
    stop_timeout: Duration | None = None
    """How long a graceful stop may take, instead of the container's own stop timeout."""

    @field_validator("labels")
    @classmethod
    def _keys_are_whole(cls, value: dict[str, str]) -> dict[str, str]:
        for key in value:
            if _KEY.fullmatch(key) is None:
                raise ValueError(f"{key!r} is no label key: patterns are for values only")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.name or self.image or self.labels):
            raise ValueError("a rule names at least one of: name, image, labels ('*' fits all)")
        return self


class ContainersSettings(Strict):
    """Settings of the plain containers of one engine. A container's own label goes before every rule; the first rule that fits decides."""

    name: str = Field(min_length=1)
    """The target's name, unique over all panels."""
    mode: Mode = Mode.APPROVE
    """``observe`` (export and alert), ``approve`` (plan, wait for a person) or ``repair`` (act)."""
    kinds: dict[KindName, Mode] = Field(default_factory=dict)
    """The mode of single drift kinds, such as ``{container_unhealthy: repair}``."""
    allow: tuple[RemedyName, ...] = ()
    """Disruptive remedies that mode ``repair`` may run by itself: ``[restart_container]`` for what autoheal does."""
    baseline: Literal["ask", "repair"] = "ask"
    """What becomes of drifts that were there before us: ``ask`` leaves them until a person decides."""
    interval: Duration = Field(10.0, ge=1)
    """Time between two looks."""
    compat_labels: bool = False
    """Whether ``autoheal=true`` and ``autoheal.stop.timeout`` count like our own labels, so that docker-autoheal can be replaced as it
    is."""
    rules: tuple[RuleSettings, ...] = ()
    """Containers that are looked after without a label."""
    never: tuple[str, ...] = ()
    """Patterns for names that are never acted on, whatever labels and rules say."""
    stop_timeout: Duration | None = Field(None, le=600)
    """How long a graceful stop may take; unset = each container's own stop timeout (Docker's is 10 s)."""
    quiet: Duration = Field(120.0, ge=10)
    """How long nothing is judged of a container after a deploy, a person's hand on it, or a start of Docker."""
    healthy_wait: Duration = Field(60.0, le=300)
    """How long a repair waits for a restarted container to be healthy before it goes on with those that depend on it."""
    loop_deaths: int = Field(3, ge=2)
    """So many deaths within ``loop_window`` are a restart loop."""
    loop_window: Duration = Field(600.0, ge=60)
    """The time within which deaths are counted; at most the Docker collector's ``events_window``."""
    oom_kills: int = Field(2, ge=2)
    """So many kills for want of memory within ``oom_window`` are a loop."""
    oom_window: Duration = Field(3600.0, ge=60)
    """The time within which kills for want of memory are counted; at most the Docker collector's ``events_window``."""
