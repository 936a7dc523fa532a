"""The dashboards as tests read them: every query of panels, variables and annotations, and what an answer must look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
NOT_IN_THE_DEMO = {
    # what the demo cannot show, or only by chance, and why; tests/house/test_dashboards.py proves these queries on made-up series instead
    "alertmanager_last_success_timestamp_seconds": "no Alertmanager",
    "alertmanager_up": "no Alertmanager",
    "approval_oldest_timestamp_seconds": "nothing waits for a person",
    "archive_verifying_bytes": "its archives are read within a moment",
    "archive_verifying_bytes_per_second": "its archives are read within a moment",
    "archives_directory_error": "every directory can be read",
    "archives_passed_over": "no links and no pipes among its archives",
    "docker_container_cpu_seconds_total": "its engine is a fake: no cgroups",
    "docker_container_memory_bytes": "its engine is a fake: no cgroups",
    "docker_container_memory_limit_bytes": "its engine is a fake: no cgroups",
    "docker_container_pids": "its engine is a fake: no cgroups",
    "docker_gate_waiting_since_timestamp_seconds": "the gate is shut for a moment only",
    "drift_open_timestamp_seconds": "some of its drifts are mended within two scrapes",
    "heartbeat_last_success_timestamp_seconds": "no dead man's switch",
    "log_covered_from_timestamp_seconds": "no log is watched",
    "log_error": "no log is watched",
    "log_gaps_total": "no log is watched",
    "log_last_match_timestamp_seconds": "no log is watched",
    "log_matches_kept": "no log is watched",
    "log_matches_total": "no log is watched",
    "log_read_bytes_total": "no log is watched",
    "log_read_to_timestamp_seconds": "no log is watched",
    "log_readable": "no log is watched",
    "notifications_total": "no channel",
    "notify_failing_since_timestamp_seconds": "no channel",
    "notify_last_success_timestamp_seconds": "no channel",
    "notify_outbox_messages": "no channel",
    "notify_outbox_oldest_timestamp_seconds": "no channel",
    "panel_run_expected_bytes": "no backup of ours is made of SysReptor",
    "panel_run_received_bytes": "no backup of ours is made of SysReptor",
    "pause_indefinite_since_timestamp_seconds": "each pause has an end",
    "pause_rule_active": "no rules",
    "pause_rule_readable": "no rules",
    "pause_window_next_timestamp_seconds": "no rules",
    "pterodactyl_canary_took_seconds": "its first canary may be through only after the last fault",
    "second_installation_since_timestamp_seconds": "there is none",
    "silences": "no Alertmanager",
    "subject_unknown_since_timestamp_seconds": "what is unknown there is so for a moment only",
    "sysreptor_task_started_timestamp_seconds": "no login of its database",
    "wireguard_namespace_success": "no other network namespace",
    "wireguard_namespace_threads_left_behind": "no other network namespace",
}
_LABEL_VALUES = re.compile(r"label_values\((.*),\s*\w+\)", re.DOTALL)


def load(file: Path) -> dict[str, Any]:
    """Return one dashboard."""
    return json.loads(file.read_text(encoding="utf-8"))


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all panels, those in rows too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (where it stands, expression) of each query, those of variables and annotations first."""
    for variable in dashboard.get("templating", {}).get("list", ()):
        asked = variable.get("query")
        found = _LABEL_VALUES.fullmatch(asked["query"].strip()) if isinstance(asked, dict) else None
        if found:
            yield f"variable {variable['name']}", found[1]
    for mark in dashboard.get("annotations", {}).get("list", ()):
        yield f"annotation {mark['name']}", mark["expr"]
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]


def filled_in(expression: str, dashboard: dict[str, Any], window: str = "10s") -> str:
    """Return an expression as Grafana would send it with every variable at All."""
    for interval in ("$__rate_interval", "$__interval", "$__range"):
        expression = expression.replace(interval, window)
    for variable in dashboard.get("templating", {}).get("list", ()):
        expression = re.sub(rf"\$(?:{variable['name']}\b|\{{{variable['name']}(?::\w+)?\}})", ".*", expression)
    assert "$" not in expression, f"a variable that the dashboard does not have: {expression}"
    return expression


def not_in_the_demo(expression: str) -> list[str]:
    """Return what an expression asks for that the demo cannot be trusted to show."""
    return [metric for metric in re.findall(r"\bwatchdog_(\w+)", expression) if metric in NOT_IN_THE_DEMO]


LARGEST = {"s": 4e9, "percentunit": 100, "bytes": 1e15, "binBps": 1e12, "reqps": 1e5, "cps": 1e7, "short": 1e9}
BELOW_NOTHING = {"s", "percentunit"}


def implausible(panel: dict[str, Any], target: dict[str, Any], answer: list[dict[str, Any]]) -> str:
    """Return what is odd about what Prometheus answers a query of a panel, by the panel's unit, words and legend; nothing = plausible."""
    defaults = panel["fieldConfig"]["defaults"]
    found = {float(value) for series in answer for _, value in series["values"]}
    unit = unit_of(panel, target)
    largest = LARGEST[unit]
    lowest = -largest if unit in BELOW_NOTHING else 0.0
    if odd := [value for value in found if not lowest <= value <= largest]:  # not a number is neither
        return f"not {unit}: {odd[:3]}"
    if panel["type"] == "table":
        return ""
    meant = {float(value) for each in defaults["mappings"] if each["type"] == "value" for value in each["options"]}
    if meant and not found <= meant:
        return f"without a word: {found - meant}"
    names = {called(target["legendFormat"], each["metric"]) for each in answer}
    kinds = {tuple(sorted(each["metric"].items())) for each in answer}
    return "" if len(names) == len(kinds) else f"{len(kinds)} series have {len(names)} names: {sorted(names)[:3]}"


def unit_of(panel: dict[str, Any], target: dict[str, Any]) -> str:
    """Return the unit of what a query answers: in a table that of its column, which has the query's legend for a title."""
    settings = panel["fieldConfig"]
    columns = {column["matcher"]["options"]: column["properties"] for column in settings["overrides"]}
    units = [each["value"] for each in columns.get(target["legendFormat"], ()) if each["id"] == "unit"]
    return units[0] if units else settings["defaults"]["unit"]


def called(legend: str, labels: dict[str, str]) -> str:
    """Return what Grafana calls a series."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)
