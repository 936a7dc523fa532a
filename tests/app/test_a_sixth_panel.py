"""A panel is one folder: dropped into a copy of the tree it is found, configured, run and exported without a changed line elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.program import run_program
from watchdog.app.policies import TimedPanel, policy_of
from watchdog.model.drifts import Confirm, DriftKind
from watchdog.model.repairs import Mode
from watchdog.panels import discover
from watchdog.panels.mcsmanager import PANEL
from watchdog.settings import ReconcilerSettings

ROOT = Path(__file__).parents[2]
TOY = '''"""Toys: a panel for a test. It believes what a file says."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from watchdog.model.drifts import Confirm, Drift, DriftKind, Judgement, Subject
from watchdog.model.metrics import Metric, MetricSpec
from watchdog.model.needs import FilesystemNeed, Needs
from watchdog.model.panels import Probe
from watchdog.model.places import Place
from watchdog.model.repairs import Mode
from watchdog.runtime.fields import AbsolutePath, Duration, Strict


class ToysSettings(Strict):
    """Settings of one box of toys."""

    name: str = Field(min_length=1)
    """The target's name."""
    box: AbsolutePath
    """The file that the panel believes."""
    mode: Mode = Mode.OBSERVE
    """What is allowed."""
    kinds: dict[str, Mode] = Field(default_factory=dict)
    """The mode of single kinds."""
    allow: tuple[str, ...] = ()
    """Remedies."""
    baseline: str = "repair"
    """What was there before."""
    interval: Duration = 1.0
    """Time between two looks."""


class ToysTarget:
    def __init__(self, settings):
        self.name, self._box = settings.name, settings.box

    def view(self):
        return self._box.read_text().split()

    def evidence(self, actual):
        return None

    def detect(self, actual, view, evidence, facts, now):
        lost = [Subject("toy", name, name) for name in view if name.startswith("lost")]
        drifts = tuple(Drift("lost", "toys", self.name, subject, "gone", "here") for subject in lost)
        return Judgement(drifts, (), tuple(Subject("toy", name, name) for name in view if not name.startswith("lost")))

    def place(self, actual, view):
        return Place(engine_id="toy", proof="it is a toy")

    def repair(self, repair, act):
        raise NotImplementedError

    def describe(self, repair):
        return ()

    def close(self):
        pass


class ToysPanel:
    name = "toys"
    settings = ToysSettings
    kinds = (DriftKind("lost", "A toy is lost.", confirm=Confirm(1, 0.0)),)
    remedies = ()
    metrics = (
        MetricSpec(
            Metric("watchdog_toys_in_box", "gauge", "Toys in the box, as the panel believes.", ("target",)),
            lambda target, actual, view: [((target,), float(len(view)))],
        ),
    )

    def needs(self, settings):
        return Needs(filesystems=(FilesystemNeed("box", str(Path(settings.box).parent)),))

    def connect(self, settings, ports):
        return ToysTarget(settings)

    def probe(self, settings, ports):
        return (Probe("box", settings.box.exists()),)

    def find(self, clues):
        return ()


PANEL = ToysPanel()
'''


@pytest.fixture
def tree(tmp_path):
    copy = tmp_path / "tree"
    shutil.copytree(ROOT / "watchdog", copy / "watchdog", ignore=shutil.ignore_patterns("__pycache__"))
    before = {path: path.read_bytes() for path in copy.rglob("*.py")}
    folder = copy / "watchdog/panels/toys"
    folder.mkdir()
    (folder / "__init__.py").write_text(TOY)
    yield copy
    assert all(path.read_bytes() == content for path, content in before.items()), "nothing else was edited"


def in_tree(tree, *words):
    return subprocess.run(
        [sys.executable, "-m", "watchdog", *words], cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


@pytest.mark.timeout(600)
def test_a_dropped_folder_is_configured_checked_run_and_exported(tree, tmp_path):
    (tmp_path / "box").write_text("bear car lost-doll")
    config = tmp_path / "config.yaml"
    config.write_text(
        f"server: {{listen: '127.0.0.1:0'}}\nledger: {{url: 'sqlite:///{tmp_path}/l.sqlite3', ephemeral: true}}\n"
        "collectors: {docker: {enabled: false}}\n"
        f"panels: {{toys: [{{name: nursery, box: {tmp_path}/box, colour: red}}]}}\n"
    )
    refused = in_tree(tree, "check-config", "-c", str(config))
    assert refused.returncode == 78
    assert "line 4: panels.toys[0].colour: unknown key" in refused.stderr
    config.write_text(config.read_text().replace(", colour: red", ""))
    good = in_tree(tree, "check-config", "-c", str(config))
    assert "toys/nursery: mode observe" in good.stdout, good.stderr
    schema = json.loads(in_tree(tree, "check-config", "--schema").stdout)
    assert set(schema["$defs"]["PanelsSettings"]["properties"]) == {"mcsmanager", "toys"} | set(discover())
    with run_program(config, tmp_path / "log", environment={"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}) as program:
        program.wait_for("its own metric", lambda: 'watchdog_toys_in_box{target="nursery"} 3' in program.metrics())
        program.wait_for("its drift", lambda: [each["subject"]["id"] for each in program.open_drifts()] == ["lost-doll"])
        said = in_tree(tree, "status", "-c", str(config))
        assert "toys/nursery: up" in said.stdout, said.stderr
        doctor = in_tree(tree, "doctor", "-c", str(config))
        assert "toys/nursery" in doctor.stdout
    text = subprocess.run(
        [sys.executable, "-c", "from watchdog.cli import reference; print(reference.metrics() + reference.configuration())"],
        cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True, timeout=200, check=True,
    ).stdout  # fmt: skip
    assert "watchdog_toys_in_box" in text
    assert "## panels.toys[]" in text


def test_every_folder_is_a_panel_that_exports_itself():
    found = discover()
    folders = {each.name for each in (ROOT / "watchdog/panels").iterdir() if (each / "__init__.py").exists()}
    assert set(found) == folders
    assert all(panel.name == name for name, panel in found.items())
    assert list(found) == sorted(found)


def test_the_operators_timing_replaces_the_panels_own_and_nothing_else():
    timed = TimedPanel(PANEL, ReconcilerSettings(confirm="3s", settle="7s", cooldown="11s"))
    waiting = [kind.confirm.seconds > 0 for kind in PANEL.kinds]
    assert True in waiting
    assert [kind.confirm.seconds for kind in timed.kinds] == [3.0 if waits else 0.0 for waits in waiting]
    assert [kind.confirm.looks for kind in timed.kinds] == [kind.confirm.looks for kind in PANEL.kinds]
    assert {remedy.cooldown for remedy in timed.remedies} == {11.0}
    assert all(remedy.settle.min == min(7.0, own.settle.max) for remedy, own in zip(timed.remedies, PANEL.remedies, strict=True))
    assert all(remedy.settle.max == own.settle.max for remedy, own in zip(timed.remedies, PANEL.remedies, strict=True))
    plain = TimedPanel(PANEL, ReconcilerSettings())
    assert plain.kinds == PANEL.kinds
    assert plain.remedies == PANEL.remedies
    assert (timed.needs, timed.connect, timed.probe, timed.find) == (PANEL.needs, PANEL.connect, PANEL.probe, PANEL.find)


def test_what_counts_at_once_and_what_a_person_ordered_keep_their_time():
    at_once, ordered = DriftKind("now", "Counts at once.", confirm=Confirm(1, 0.0)), replace(PANEL.remedies[0], ordered=True)
    timed = TimedPanel(
        SimpleNamespace(**vars_of(PANEL) | {"kinds": (at_once,), "remedies": (ordered,)}),
        ReconcilerSettings(confirm="60s", settle="60s", cooldown="60s"),
    )
    assert timed.kinds == (at_once,)
    assert timed.remedies == (ordered,)


def vars_of(panel):
    return {name: getattr(panel, name, None) for name in ("name", "settings", "metrics", "needs", "connect", "probe", "find")}


def test_a_targets_settings_and_the_bounds_of_all_make_its_policy(tmp_path):
    target = PANEL.settings(
        name="games", url="http://127.0.0.1:1", api_key_file=tmp_path / "key", mode="repair", kinds={"paused": "observe"},
        allow=["restart_daemon"], baseline="repair", interval="20s",
    )  # fmt: skip
    policy = policy_of(target, ReconcilerSettings(attempts=2, breaker=4, backoff_first="5s", backoff_cap="1m", many_share=0.5))
    assert (policy.mode, policy.kinds, policy.allow, policy.baseline) == (
        Mode.REPAIR, {"paused": Mode.OBSERVE}, frozenset({"restart_daemon"}), "repair",
    )  # fmt: skip
    assert (policy.bounds.attempts, policy.bounds.breaker, policy.bounds.many_share) == (2, 4, 0.5)
    assert (policy.bounds.backoff.first, policy.bounds.backoff.cap) == (5.0, 60.0)
    assert policy.timing.interval == 20.0
