"""All settings: one YAML file, environment overrides, secrets in ``*_file``; an unknown key is an error that names the key and its line.

Each collector and each panel brings its own model; here they are put together. Panels appear under ``panels:`` by themselves.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import Field, ValidationError, create_model, model_validator

from watchdog.collectors.archives.settings import ArchivesSettings
from watchdog.collectors.docker.settings import DockerSettings
from watchdog.collectors.host.settings import HostSettings
from watchdog.collectors.logs.settings import LogsSettings
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.errors import BadSettings
from watchdog.ledger.settings import LedgerSettings
from watchdog.notify.settings import AlertmanagerSettings, NotifySettings
from watchdog.panels import discover
from watchdog.reconciler.settings import PausesSettings
from watchdog.runtime import yaml
from watchdog.runtime.fields import Duration, Strict
from watchdog.web.settings import ServerSettings

ENVIRONMENT_PREFIX = "PANEL_WATCHDOG__"
DEFAULT_PATH = Path("/etc/panel-watchdog/config.yaml")


class LogSettings(Strict):
    """What the program says about itself, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines to write."""
    format: Literal["logfmt", "json", "console"] = "logfmt"
    """One line per event: ``logfmt`` and ``json`` for machines, ``console`` for a person at a terminal."""


class CollectorsSettings(Strict):
    """What is read as true, and how often."""

    docker: DockerSettings = Field(default_factory=DockerSettings)
    wireguard: WireguardSettings = Field(default_factory=WireguardSettings)
    archives: ArchivesSettings = Field(default_factory=ArchivesSettings)
    logs: LogsSettings = Field(default_factory=LogsSettings)
    host: HostSettings = Field(default_factory=HostSettings)


class ReconcilerSettings(Strict):
    """Bounds of all repairs, whatever the panel."""

    attempts: int = Field(default=5, ge=1)
    """Attempts on one object since it was last in order; then only a person starts another."""
    budget_per_hour: int = Field(default=6, ge=1)
    """Repairs of one object within an hour."""
    breaker: int = Field(default=3, ge=1)
    """Unverified repairs of one object in a row after which only a person starts another."""
    many_floor: int = Field(default=5, ge=1)
    """A pass that would act on this many different objects at once, and on more than ``many_share`` of all, acts on none."""
    many_share: float = Field(default=0.3, gt=0, le=1)
    """See ``many_floor``; a share between 0 and 1."""
    after_person: Duration = 300.0
    """How long an object is left alone after somebody else acted on it, where the panel's audit trail tells (MCSManager, Pterodactyl). An
    approval given for a repair overrides it."""
    backoff_first: Duration = 30.0
    """How long an object rests after the first attempt that did not mend it; doubled each time."""
    backoff_cap: Duration = 3600.0
    """The longest such rest."""
    confirm: Duration | None = None
    """Instead of each drift kind's own: how long a drift must last before it counts. The number of looks stays; what counts at once still
    does."""
    settle: Duration | None = None
    """Instead of each remedy's own: how long after a repair the verdict may come at the earliest; not for what a person ordered, such as
    pauses."""
    cooldown: Duration | None = None
    """Instead of each remedy's own: the least time between two repairs of one object; not for what a person ordered, such as pauses."""


class SettingsBase(Strict):
    """The whole configuration."""

    host: str = Field(default_factory=socket.gethostname, min_length=1)
    """This host's name in the ledger; approvals and leases are bound to it."""
    log: LogSettings = Field(default_factory=LogSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    collectors: CollectorsSettings = Field(default_factory=CollectorsSettings)
    reconciler: ReconcilerSettings = Field(default_factory=ReconcilerSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    alertmanager: AlertmanagerSettings | None = None
    """Where the alerts of paused targets are silenced; none = nowhere."""
    pauses: PausesSettings = Field(default_factory=PausesSettings)
    panels: Any

    def targets(self) -> tuple[tuple[str, Any], ...]:
        """Return (panel, settings of one target) for every configured target, in the order written."""
        return tuple((panel, target) for panel in type(self.panels).model_fields for target in getattr(self.panels, panel))

    @model_validator(mode="after")
    def _names_are_unique(self) -> SettingsBase:
        seen: dict[str, str] = {}
        for panel, target in self.targets():
            if target.name in seen:
                raise ValueError(
                    f"two targets are called '{target.name}' (panels.{seen[target.name]} and panels.{panel}): "
                    "names are unique over all panels, rename one"
                )
            seen[target.name] = panel
        return self

    @model_validator(mode="after")
    def _pauses_name_targets_that_exist(self) -> SettingsBase:
        known = [target.name for _, target in self.targets()]
        for pattern in self.pauses.patterns():
            if not set(pattern) & set("*?[") and pattern not in known:
                raise ValueError(f"pauses: no target is called '{pattern}' (known: {', '.join(known) or 'none'})")
        return self


def control_path(settings: SettingsBase) -> Path:
    """Return where the control socket stands: as configured, else beside the ledger, else in /run."""
    if settings.server.control_socket is not None:
        return settings.server.control_socket
    beside = settings.ledger.path
    return (beside.parent if beside else Path("/run/panel-watchdog")) / "control.sock"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration: ``key`` is dotted, ``line`` counts from 1 (None = not written in the file)."""

    key: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.key}: {self.message}" if self.key else f"{place}{self.message}"


class ManyBadSettings(BadSettings):
    """All that is wrong with one configuration, at once."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{source}: " + "; ".join(map(str, problems)))
        self.source = source
        self.problems = problems


@lru_cache(maxsize=1)
def model() -> type[SettingsBase]:
    """Return the settings model with one list per discovered panel under ``panels``."""
    fields: dict[str, Any] = {}
    for name, panel in discover().items():
        several = tuple.__class_getitem__((panel.settings, ...))
        fields[name] = (several, Field(default=(), description=f"Targets of kind {name}."))
    panels = create_model("PanelsSettings", __base__=Strict, __doc__="The panels that are watched, by kind.", **fields)
    return create_model("Settings", __base__=SettingsBase, __doc__=SettingsBase.__doc__, panels=(panels, Field(default_factory=panels)))


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> SettingsBase:
    """Given the file's path (None = no file) and the environment, return the settings.

    Raises ManyBadSettings with every problem, each naming its key and line, or BadSettings when the file cannot be read at all.
    """
    text = _read(path) if path else ""
    return parse(text, str(path or "configuration"), os.environ if environment is None else environment)


def parse(text: str, source: str, environment: Mapping[str, str]) -> SettingsBase:
    """Given YAML text, return the settings; see ``load``."""
    document = yaml.parse(text, source)
    if document.value is None:
        document = yaml.Document({}, {})
    if not isinstance(document.value, dict):
        raise BadSettings(f"{source}: the file must be a mapping of keys such as 'server:' and 'panels:'")
    written = _override(document.value, environment)
    try:
        return model().model_validate(written)
    except ValidationError as error:
        raise ManyBadSettings(source, _problems(error, document)) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadSettings(f"there is no configuration file '{path}': write one with 'panel-watchdog init'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read the configuration file '{path}': {error}") from None


def _override(written: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Lay ``PANEL_WATCHDOG__SERVER__LISTEN=...`` over ``server.listen``; list items by number."""
    result = dict(written)
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX):
            _lay(result, name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"), yaml.scalar(environment[name]), name)
    return result


def _lay(into: dict[str, Any], keys: list[str], value: Any, name: str) -> None:
    first, *rest = keys
    if not rest:
        into[first] = value
        return
    below = into.get(first)
    if isinstance(below, list):
        below = {str(index): item for index, item in enumerate(below)}
    if below is not None and not isinstance(below, dict):
        raise BadSettings(f"the environment variable {name} goes into '{first}', which is a single value")
    copy = dict(below or {})
    _lay(copy, rest, value, name)
    into[first] = [copy[index] for index in sorted(copy, key=int)] if copy and all(key.isdigit() for key in copy) else copy


def _problems(error: ValidationError, document: yaml.Document) -> tuple[Problem, ...]:
    found: dict[tuple[str | int, ...], list[str]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        location, shape = _written(detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"unknown key{_did_you_mean(str(location[-1]), shape)}"
        elif detail["type"] == "model_type":
            message = "a mapping of keys belongs here"
        found.setdefault(location, []).append(message)
    # of a value that may be one of several things: what is wrong inside of one says more than that it is none of the others
    inner = {location: says for location, says in found.items() if not any(_is_below(other, location) for other in found)}
    problems = [Problem(_dotted(location), "; or: ".join(dict.fromkeys(says)), document.line(location)) for location, says in inner.items()]
    return tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.key)))


def _is_below(other: tuple[str | int, ...], location: tuple[str | int, ...]) -> bool:
    return len(other) > len(location) and other[: len(location)] == location


def _dotted(location: tuple[str | int, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _did_you_mean(key: str, shape: Any) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only on the way to an error message

    near = get_close_matches(key, list(getattr(shape, "model_fields", {})), n=1)
    return f"; did you mean '{near[0]}'?" if near else "; see docs/configuration.md for the keys that exist"


def _written(location: tuple[str | int, ...]) -> tuple[tuple[str | int, ...], Any]:
    """Return a place as it is written in the file, and the model in which its last key stands (None = in none).

    Where a value may be one of several things, pydantic puts in which of them it means: that is no key.
    """
    kept: list[str | int] = []
    here: Any = model()
    inside: Any = None
    for part in location:
        fields = getattr(here, "model_fields", None)
        if isinstance(part, int):
            here = next(iter(get_args(here)), None)
        elif fields is None and len(arms := _arms(here)) > 1:
            here = next((arm for arm in arms if getattr(arm, "__name__", "") and re.search(rf"\b{arm.__name__}\b", part)), None)
            continue
        else:
            inside, here = here, fields[part].annotation if fields and part in fields else None
            here = _arms(here)[0] if len(_arms(here)) == 1 else here
        kept.append(part)
    return tuple(kept), inside


def _arms(annotation: Any) -> tuple[Any, ...]:
    """Return what a value may be besides None."""
    if get_origin(annotation) not in (Union, UnionType):
        return (annotation,)
    return tuple(arm for arm in get_args(annotation) if arm is not NoneType)
