"""Every file of alerts: promtool accepts it, its tests pass, and each rule is told, tested and about metrics that exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
import yaml

from tests.conftest import require
from tests.support.alerts import ALERTS, FILES, every_rule, rules, told
from watchdog.app.catalogue import catalogue
from watchdog.panels import discover


def promtool(folder, *words):
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    # promtool makes a small database for each block: in memory, where there is room for that, none waits for a disk
    memory = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}
    done = subprocess.run(
        ["promtool", *words], cwd=folder, capture_output=True, text=True, timeout=800, check=False, env=os.environ | memory
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_alerts_and_each_test_file_belongs_to_one():
    assert "watchdog.yml" in FILES
    assert sorted(file.name for file in (ALERTS / "tests").iterdir()) == FILES


@pytest.mark.prometheus
@pytest.mark.timeout(900)
def test_promtool_accepts_the_rules_and_their_tests_pass():
    promtool(ALERTS, "check", "rules", *FILES)
    promtool(ALERTS / "tests", "test", "rules", *FILES)


@pytest.mark.parametrize("name", FILES)
def test_each_rule_is_proven_to_wait_to_fire_to_be_silent_and_to_resolve(name):
    document = yaml.safe_load((ALERTS / "tests" / name).read_text(encoding="utf-8"))
    assert document["rule_files"] == [f"../{name}"]
    for rule in rules(name):
        proof = told(document["tests"], rule["alert"])
        assert proof.fires, f"{rule['alert']} is never seen to fire"
        assert proof.silent, f"{rule['alert']} is never seen to be silent"
        assert proof.resolves, f"{rule['alert']} is never seen to resolve"
        assert proof.waits or "for" not in rule, f"{rule['alert']} is never looked at before its time"


def test_a_block_without_an_end_or_a_beginning_proves_neither():
    def block(*cases):
        return {"alert_rule_test": [{"alertname": "A", "eval_time": at, "exp_alerts": [{}] * fires} for at, fires in cases]}

    whole = told([block(("1m", 0), ("1h", 1), ("1h5m", 0))], "A")
    assert (whole.fires, whole.waits, whole.resolves, whole.silent) == (True, True, True, True)
    assert not told([block(("1m", 0), ("1h", 1))], "A").resolves
    assert not told([block(("1h", 1), ("2h", 0))], "A").waits
    apart = told([block(("1m", 0)), block(("1h", 1)), block(("2h", 0))], "A")
    assert (apart.fires, apart.silent, apart.waits, apart.resolves) == (True, True, False, False)
    assert not told([block(("1h", 1))], "B").fires


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


def test_each_drift_that_a_rule_is_about_exists_and_each_that_exists_has_a_rule():
    kinds = {(panel, kind.name) for panel, found in discover().items() for kind in found.kinds}
    spoken = set()
    for _, rule in every_rule():
        for matchers in re.findall(r"watchdog_drift_open_timestamp_seconds\{([^}]*)\}", rule["expr"]):
            labels = dict(re.findall(r'(panel|kind)="(\w+)"', matchers))
            spoken.add((labels["panel"], labels["kind"]))
    assert spoken == kinds
