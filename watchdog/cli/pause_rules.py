"""What ``doctor`` says of pauses by rule: when each window opens, and whether what each pressure rule goes by can be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from watchdog.app.ruling import pressure_rules, window_rules
from watchdog.model.moments import Moment
from watchdog.model.panels import Probe
from watchdog.model.snapshots import Actual
from watchdog.settings import SettingsBase


def rule_probes(loaded: SettingsBase, actual: Actual, now: Moment) -> Iterator[Probe]:
    """Given the settings and what was found just now, yield one line for each rule."""
    names = [target.name for _, target in loaded.targets()]
    for window in window_rules(loaded.pauses, names):
        yield Probe(f"window {window.name}", *_of(window.targets, _opens(window.window.opens_at(now.wall))))
    facts = actual.host.facts if actual.host is not None else None
    for rule in pressure_rules(loaded.pauses, names):
        value = None if facts is None else rule.gauge.read(facts)
        if value is None:
            yield Probe(f"pressure {rule.name}", False, f"{rule.gauge} cannot be read here: this rule pauses nothing")
        else:
            yield Probe(f"pressure {rule.name}", *_of(rule.targets, f"{rule.gauge} is {value:g} now"))


def _of(targets: tuple[str, ...], said: str) -> tuple[bool | None, str]:
    return (True, f"{', '.join(targets)}: {said}") if targets else (None, f"no target has a name like that; {said}")


def _opens(at: float | None) -> str:
    return "never opens" if at is None else f"opens next {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
