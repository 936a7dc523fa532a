"""The rules of alerts/ and their promtool cases, read as they are written: for the house tests of alerts and of runbooks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ALERTS = Path(__file__).resolve().parents[2] / "alerts"
FILES = sorted(file.name for file in ALERTS.glob("*.yml"))
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class Told:
    """What the blocks of a promtool file prove of one alert."""

    fires: bool
    waits: bool  # the same series, looked at before it fires
    resolves: bool  # the same series, looked at after it fired
    silent: bool  # some series of which it says nothing at that moment


def rules(name: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((ALERTS / name).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def every_rule() -> list[tuple[str, dict[str, Any]]]:
    return [(name, rule) for name in FILES for rule in rules(name)]


def seconds(text: str | int) -> float:
    """Read a duration of Prometheus, such as 1h30m."""
    return sum(float(number) * UNITS[unit or "s"] for number, unit in re.findall(r"(\d+)(ms|[smhdw])?", str(text)))


def told(blocks: list[dict[str, Any]], alert: str) -> Told:
    """Given the ``tests`` of a promtool file, return what they prove of the alert."""
    proofs = [_of_a_block(block, alert) for block in blocks]
    return Told(*(any(getattr(proof, field) for proof in proofs) for field in Told.__slots__))


def _of_a_block(block: dict[str, Any], alert: str) -> Told:
    cases = [(seconds(case["eval_time"]), bool(case["exp_alerts"])) for case in block["alert_rule_test"] if case["alertname"] == alert]
    on, off = [at for at, fires in cases if fires], [at for at, fires in cases if not fires]
    return Told(
        fires=bool(on),
        waits=bool(on) and any(at < min(on) for at in off),
        resolves=bool(on) and any(at > min(on) for at in off),
        silent=bool(off),
    )


def comments(name: str) -> dict[str, str]:
    """Return the comment right above each alert of a file, "" where there is none."""
    found, above = {}, ""
    for line in (ALERTS / name).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\s+- alert: (\w+)", line):
            found[match[1]] = above.strip()
        above = f"{above} {line.strip().removeprefix('#').strip()}" if line.strip().startswith("#") else ""
    return found
