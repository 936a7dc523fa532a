"""An old installation with five hundred findings at the first start: one digest, no repair, no alert; then a person decides."""

import subprocess
import sys

import pytest

from tests.support.mcsmanager_on_docker import FakeEngineSide, Installation, Sentinel

pytestmark = pytest.mark.timeout(600)
COUNT = 500


def command(games, *words):
    """Run the real CLI against the running program; return what it printed."""
    argv = [sys.executable, "-m", "watchdog", *words, "--config", str(games.folder / "config.yaml")]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, (result.stdout, result.stderr)
    return result.stdout


@pytest.fixture(params=[COUNT])
def old(request):
    """Half of them ghosts, half of them orphans, and nobody has looked for months."""
    with FakeEngineSide() as engine, Installation(engine, count=request.param, speed=500.0) as games:
        for number, item in enumerate(games.instances):
            item.stream = False
            if number % 2:
                engine.engine.remove(item.container, force=True)
            else:
                item.status, item.container, item.started = 0, "", 0
        yield games


def quiet(running, games):
    """Assert that nothing alerts and nothing was done."""
    lines = running.metrics().splitlines()
    states = {"open", "awaiting_approval", "repairing"}
    loud = [line for line in lines if line.startswith("watchdog_drifts{") and any(f'state="{s}"' in line for s in states)]
    assert loud and all(line.endswith(" 0.0") for line in loud)
    assert not [line for line in lines if line.startswith("watchdog_drift_open_timestamp_seconds{")]
    assert not running.repairs() and not games.sent() and not games.hooks_run()
    assert running.api("plans")["approvals"] == []


def wait_for_baseline(running, count):
    """Wait until so many old findings are exported: while a loaded machine keeps the picture of Docker old, they are unknown instead."""

    def counted():
        lines = running.metrics().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("watchdog_drifts{") and 'state="baseline"' in line)

    running.wait_for(f"{count} old findings", lambda: counted() == count, 200)


def test_old_findings_are_one_line_and_wait_for_a_person(old):
    with old.program() as running, Sentinel(running):
        running.wait_for("the first look", lambda: running.target("games")["baseline"] == "taken", 200)
        running.wait_for_passes("games", 5)
        digests = [line for line in running.log.splitlines() if "the first look at a target is complete" in line]
        assert len(digests) == 1 and f"findings={COUNT}" in digests[0] and "250 ghost_running, 250 orphan" in digests[0]
        assert len(running.log.splitlines()) < 30, "no line for each finding"
        wait_for_baseline(running, COUNT)
        quiet(running, old)
        assert "baseline accept|repair games" in command(old, "status")
        assert "0 planned" in command(old, "plan", "games")

        assert f"{COUNT} findings of 'games': left as they are" in command(old, "baseline", "accept", "games")
        running.wait_for_passes("games", 5)
        quiet(running, old)
        wait_for_baseline(running, COUNT)
        assert not running.errors()


@pytest.mark.parametrize("old", [40], indirect=True)
def test_after_a_restart_of_the_program_old_findings_are_still_old(old):
    for log in ("first.log", "second.log"):
        with old.program(log=log) as running:
            running.wait_for("the first look", lambda running=running: running.target("games")["baseline"] == "taken", 200)
            running.wait_for_passes("games", 4)
            wait_for_baseline(running, len(old.instances))
            quiet(running, old)
    assert "the first look at a target is complete" not in (old.folder / "second.log").read_text()


@pytest.mark.parametrize("old", [100], indirect=True)
def test_a_person_can_have_the_old_findings_mended(old):
    with old.program() as running, Sentinel(running):
        running.wait_for("the first look", lambda: running.target("games")["baseline"] == "taken", 200)
        running.wait_for_passes("games", 2)
        quiet(running, old)
        assert f"{len(old.instances)} findings of 'games': free for repair" in command(old, "baseline", "repair", "games")
        running.wait_for("a verified repair", lambda: [each for each in running.repairs() if each["state"] == "verified"], 120)
        running.wait_for("peace", lambda: old.all_well() and not running.drifts(), 120)
        running.wait_for_passes("games", 5)
        assert [(each["remedy"], each["state"]) for each in running.repairs()] == [("restart_daemon", "verified")]
        assert len(running.repairs()[0]["drift_keys"]) == len(old.instances)
        assert old.hooks_run() == 1 and not old.sent() and old.all_well() and not running.errors()
