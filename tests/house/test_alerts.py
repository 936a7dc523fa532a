"""Every file of alerts: promtool accepts it, its tests pass, and each rule is told, tested and about metrics that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import require
from watchdog.app.catalogue import catalogue

ALERTS = Path(__file__).parents[2] / "alerts"
FILES = sorted(file.name for file in ALERTS.glob("*.yml"))


def rules(name):
    document = yaml.safe_load((ALERTS / name).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def promtool(folder, *words):
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_alerts_and_each_test_file_belongs_to_one():
    assert "watchdog.yml" in FILES
    assert sorted(file.name for file in (ALERTS / "tests").iterdir()) == FILES


@pytest.mark.prometheus
@pytest.mark.parametrize("name", FILES)
def test_promtool_accepts_the_rules_and_their_tests_pass(name):
    promtool(ALERTS, "check", "rules", name)
    promtool(ALERTS / "tests", "test", "rules", name)


@pytest.mark.parametrize("name", FILES)
def test_each_rule_is_proven_to_fire_and_to_be_silent(name):
    document = yaml.safe_load((ALERTS / "tests" / name).read_text(encoding="utf-8"))
    assert document["rule_files"] == [f"../{name}"]
    cases = [case for test in document["tests"] for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert {rule["alert"] for rule in rules(name)} - (fires & silent) == set()


@pytest.mark.parametrize("name", FILES)
def test_each_rule_says_what_it_is_about_and_what_to_type(name):
    for rule in rules(name):
        notes = rule["annotations"]
        assert {"summary", "description", "next"} <= set(notes), rule["alert"]
        assert all(notes.values()), rule["alert"]
        assert "$labels." in notes["summary"], f"{rule['alert']} does not name its subject"
        assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}


def test_rules_have_names_of_their_own():
    """Other bundles of rules have a dead man's switch called Watchdog; two of one name silence each other's routes."""
    names = [rule["alert"] for name in FILES for rule in rules(name)]
    assert len(names) == len(set(names))
    assert "PanelWatchdogAlive" in names
    assert "Watchdog" not in names


@pytest.mark.parametrize("name", FILES)
def test_each_rule_asks_for_metrics_and_labels_that_exist(name):
    known = {metric.name: metric for metric in catalogue()}
    for rule in rules(name):
        asked = re.findall(r"\b(watchdog_\w+)", rule["expr"])
        assert asked, rule["alert"]
        for metric in asked:
            assert metric in known, f"{rule['alert']} asks for {metric}"
        for metric, matchers in re.findall(r"\b(watchdog_\w+)\{([^}]*)\}", rule["expr"]):
            labels = set(re.findall(r"(\w+)\s*[=!]", matchers))
            assert labels <= set(known[metric].labels), f"{rule['alert']}: {metric} has no label {labels - set(known[metric].labels)}"
