"""Which of the shipped alert rules would fire over a simulated life: those over what the reconciler itself exports.

The rules are read from ``alerts/``; their values come from the reconciler's own metric tables (``watchdog.reconciler.metrics.SPECS``) over
the statuses of the houses. Rules over collectors' and panels' own metrics need those worlds and Prometheus; they are not evaluated here
(``Pages.left_out`` names them). A rule that asks for two things at once is evaluated by hand in ``BY_HAND``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchdog.reconciler.metrics import SPECS
from watchdog.runtime import yaml

Samples = Mapping[str, list[tuple[dict[str, str], float]]]
Labels = tuple[tuple[str, str], ...]
ALERTS = Path(__file__).parents[2] / "alerts"
TABLES = {spec.metric.name: spec for spec in SPECS}
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SHAPE = re.compile(
    r"(?P<age>time\(\) - )?(?P<metric>\w+)(?:\{(?P<match>[^}]*)\})? (?P<op>>|==) (?P<than>[\d.]+)"
)  # fmt: skip
SUM = re.compile(r"sum by \((?P<by>[\w, ]+)\) \((?P<metric>\w+)\{(?P<match>[^}]*)\}\) > 0")


@dataclass(frozen=True)
class Rule:
    """One alert rule: what it asks for, and for how long that must hold, in seconds."""

    name: str
    severity: str
    hold: float
    expr: str

    def holds(self, samples: Samples, now: float) -> Iterator[Labels]:
        """Return the label sets for which it holds at ``now`` (UNIX seconds)."""
        if self.name in BY_HAND:
            yield from BY_HAND[self.name](samples, now)
        elif found := SUM.fullmatch(self.expr):
            keys = found["by"].split(", ")
            sums: dict[Labels, float] = {}
            for labels, value in _matching(samples, found["metric"], found["match"]):
                place = tuple((key, labels.get(key, "")) for key in keys)
                sums[place] = sums.get(place, 0.0) + value
            yield from (place for place, value in sums.items() if value > 0)
        elif found := SHAPE.fullmatch(self.expr):
            for labels, value in _matching(samples, found["metric"], found["match"] or ""):
                seen = now - value if found["age"] else value
                if seen > float(found["than"]) if found["op"] == ">" else seen == float(found["than"]):
                    yield tuple(labels.items())

    def known(self) -> bool:
        """Whether it can be evaluated here."""
        found = SUM.fullmatch(self.expr) or SHAPE.fullmatch(self.expr)
        return self.name in BY_HAND or (found is not None and found["metric"] in TABLES)


def _matching(samples: Samples, metric: str, match: str) -> Iterator[tuple[dict[str, str], float]]:
    wanted = re.findall(r'(\w+)(=~|=)"([^"]*)"', match)
    for labels, value in samples.get(metric, ()):
        if all(re.fullmatch(text, labels[key]) if op == "=~" else labels[key] == text for key, op, text in wanted):
            yield labels, value


def _not_judged(samples: Samples, now: float) -> Iterator[Labels]:
    judged = {labels["target"]: value for labels, value in samples["watchdog_reconcile_last_judged_timestamp_seconds"]}
    for labels, _ in samples["watchdog_panel_up"]:
        if now - judged.get(labels["target"], float("-inf")) > 900:
            yield tuple(labels.items())


def _subject_unknown(samples: Samples, now: float) -> Iterator[Labels]:
    down = {labels["target"] for labels, value in samples["watchdog_panel_up"] if value == 0}
    for labels, since in samples["watchdog_subject_unknown_since_timestamp_seconds"]:
        if now - since > 3600 and labels["target"] not in down:
            yield tuple(labels.items())


BY_HAND = {"PanelWatchdogNotJudged": _not_judged, "PanelWatchdogSubjectUnknown": _subject_unknown}


def rules(severities: Iterable[str] = ("critical", "warning")) -> list[Rule]:
    """Return the shipped alert rules of these severities."""
    found = []
    for path in sorted(ALERTS.glob("*.yml")):
        for group in yaml.parse(path.read_text(encoding="utf-8"), path.name).value["groups"]:
            for each in group["rules"]:
                if "alert" in each and each["labels"]["severity"] in severities:
                    text = str(each.get("for", "0s"))
                    hold = float(text[:-1]) * UNITS[text[-1]]
                    found.append(Rule(each["alert"], each["labels"]["severity"], hold, " ".join(each["expr"].split())))
    return found


class Pages:
    """Evaluates the rules after each pass of a house; ``fired`` is what would have been sent, as (UNIX seconds, severity, rule, labels)."""

    def __init__(self) -> None:
        every = rules()
        self.rules = [each for each in every if each.known()]
        self.left_out = [each.name for each in every if not each.known()]
        self._tables = {name: spec for name, spec in TABLES.items() if any(name in each.expr for each in self.rules)}
        self.fired: list[tuple[float, str, str, dict[str, str]]] = []
        self._since: dict[tuple[str, Rule, Labels], float] = {}
        self._told: set[tuple[str, Rule, Labels]] = set()

    def look(self, house: Any) -> None:
        """Evaluate what the newest pass of a house published; what held until now has held until now."""
        now = house.clock.now()
        status = house.reconciler.status
        samples = {
            name: [(dict(zip(spec.metric.labels, row, strict=True)), value) for row, value in spec.rows([status])]
            for name, spec in self._tables.items()
        }
        about = [each for each in self.rules if 'panel="' not in each.expr or f'panel="{status.panel}"' in each.expr]
        standing = {(house.name, each, labels) for each in about for labels in each.holds(samples, now.wall)}
        for place in standing:
            self._since.setdefault(place, now.mono)
        for place, since in [each for each in self._since.items() if each[0][0] == house.name]:
            if now.mono - since >= place[1].hold and place not in self._told:
                self._told.add(place)
                self.fired.append((now.wall, place[1].severity, place[1].name, dict(place[2])))
            if place not in standing:
                del self._since[place]
                self._told.discard(place)

    def forget(self, house: Any) -> None:
        """Take note that nothing was scraped for a while (the host slept or was off): an alert that has not fired begins anew."""
        gone = [each for each in self._since if each[0] == house.name]
        for each in gone:
            del self._since[each]
            self._told.discard(each)

    def of(self, severity: str) -> list[str]:
        """Return what fired of one severity, one line each."""
        return [f"{name} {labels}" for _, each, name, labels in self.fired if each == severity]
