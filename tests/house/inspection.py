"""The house inspection: what a panel must bring before it counts as furnished. Returns what is missing, one sentence each."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from watchdog.model.panels import Panel

STORY_SECTIONS = ("story", "versions", "repair", "refuse", "risk")
FURNITURE = ("__init__", "settings", "client", "view", "drift", "repairs", "metrics", "fake")
CITATION = re.compile(r"recording|contract|\[RUN|\[SRC|head-|v10\.|\.ts\b|\.py\b", re.IGNORECASE)


def inspect_panel(root: Path, name: str, panel: Panel) -> list[str]:
    """Given the root of a checkout, a panel's name and its PANEL, return what is missing."""
    folder, tests = root / "watchdog/panels" / name, root / "tests/panels" / name
    return [
        *_furniture(folder),
        *_story(folder),
        *_drift_tables(tests, [kind.name for kind in panel.kinds]),
        *_run_twice(tests, [remedy.name for remedy in panel.remedies]),
        *_alerts(root, name, [kind.name for kind in panel.kinds]),
        *_dashboard(root, name, [spec.metric.name for spec in panel.metrics]),
        *_fake(folder),
    ]


def _furniture(folder: Path) -> Iterable[str]:
    for item in FURNITURE:
        if not (folder / f"{item}.py").exists() and not (folder / item / "__init__.py").exists():
            yield f"no {item}.py"


def _story(folder: Path) -> Iterable[str]:
    doc = (ast.get_docstring(ast.parse(_text(folder / "__init__.py"))) or "").lower()
    for section in STORY_SECTIONS:
        if section not in doc:
            yield f"the docstring of __init__ does not speak of '{section}' (story, versions, what we repair and refuse, risk)"


def _drift_tables(tests: Path, kinds: list[str]) -> Iterable[str]:
    literals = set().union(*(_literals(ast.parse(_text(file))) for file in tests.glob("test_drift*.py")), set())
    for kind in kinds:
        if kind not in literals:
            yield f"no table test names the drift kind '{kind}' (tests/panels/{tests.name}/test_drift*.py)"


def _run_twice(tests: Path, remedies: list[str]) -> Iterable[str]:
    proven: set[str] = set()
    for file in tests.glob("test_*.py"):
        tree = ast.parse(_text(file))
        if any(isinstance(node, ast.FunctionDef) and "twice" in node.name for node in ast.walk(tree)):
            proven |= _literals(tree)
    for remedy in remedies:
        if remedy not in proven:
            yield f"no test runs the remedy '{remedy}' twice (a function with 'twice' in its name)"


def _alerts(root: Path, name: str, kinds: list[str]) -> Iterable[str]:
    rules = _yaml(root / "alerts" / f"{name}.yml")
    tests = _yaml(root / "alerts/tests" / f"{name}.yml")
    alerts = {rule["alert"]: rule for group in rules.get("groups", ()) for rule in group["rules"] if "alert" in rule}
    tested = {case["alertname"] for test in tests.get("tests", ()) for case in test.get("alert_rule_test", ())}
    for kind in kinds:
        speaking = [alert for alert, rule in alerts.items() if re.search(rf"\b{kind}\b", rule["expr"])]
        if not speaking:
            yield f"no alert in alerts/{name}.yml speaks of the drift kind '{kind}'"
        elif not set(speaking) & tested:
            yield f"the alert {speaking[0]} for '{kind}' has no promtool test in alerts/tests/{name}.yml"


def _dashboard(root: Path, name: str, metrics: list[str]) -> Iterable[str]:
    path = root / "dashboards" / f"{name}.json"
    if not path.exists():
        yield f"no dashboards/{name}.json"
        return
    queries = " ".join(_expressions(json.loads(_text(path))))
    for metric in metrics:
        if not re.search(rf"\b{metric}\b", queries):
            yield f"no panel of dashboards/{name}.json queries {metric}"


def _fake(folder: Path) -> Iterable[str]:
    files = [folder / "fake.py"] if (folder / "fake.py").exists() else sorted((folder / "fake").glob("*.py"))
    text = "\n".join(_text(file) for file in files)
    if not CITATION.search(text):
        yield "the fake cites no recording and no source line for its answers"
    if not re.search(r"\bbug|crash|hang|ghost|switch", text, re.IGNORECASE):
        yield "the fake has no switch for the panel's bug"


def _expressions(node: object) -> Iterable[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"expr", "query"} and isinstance(value, str):
                yield value
            else:
                yield from _expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _expressions(value)


def _literals(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _yaml(path: Path) -> dict:
    return yaml.safe_load(_text(path)) or {}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
