"""Two agents on one ledger and the same panel with a dead thread: one restart, fenced, and one record of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.ledger.conftest import POSTGRESQL, SQLITE, Database, database, postgresql, postgresql_template
from tests.panels.wgdashboard.crash_rows import SPEED, Outside
from tests.panels.wgdashboard.test_a_repair_has_one_effect import kill, watched
from tests.panels.wgdashboard.test_the_whole_way_through_the_reconciler import Program
from tests.support.crash import ROOT, clock_of
from tests.support.ledger import ledger_at
from tests.support.wgdashboard_ward import Ward
from watchdog.model.drifts import DriftState
from watchdog.model.repairs import Mode, RepairState
from watchdog.panels.wgdashboard.fake import KEY
from watchdog.reconciler.policy import Policy, Timing

__all__ = ["database", "postgresql", "postgresql_template"]
pytestmark = pytest.mark.timeout(600)
POLICY = Policy(mode=Mode.REPAIR, baseline="repair", timing=Timing(interval=5.0))


@pytest.mark.parametrize("hosts", [("one", "one"), ("one", "two")], ids=["one host", "two hosts"])
def test_while_one_agent_restarts_the_other_stands_back(tmp_path: Path, hosts: tuple[str, str]):
    """Simulated time: the second agent looks on inside the first one's hook. What it would act on is a panel that is being restarted."""
    with Ward(tmp_path, "4.2.3", count=3) as ward:
        watched(ward)
        ledgers = [ledger_at(tmp_path / "ledger.sqlite3", ward.clock, host) for host in hosts]
        beside = SimpleNamespace(  # the same world, and a connection of its own to the panel
            clock=ward.clock, actual=ward.actual, settings=ward.settings, pass_by=ward.pass_by, target=ward.begin()
        )  # fmt: skip
        first, second = Program(ward, ledgers[0], POLICY), Program(beside, ledgers[1], POLICY)
        agents, seen = [first, second], []
        restart = ward.hooks.deed

        def slowly() -> None:
            assert len(ward.hooks.ran) == 1, "the other agent runs the hook, too"
            other = agents[1]
            passes = other.reconciler.status.passes
            other.live(30.0)
            status = other.reconciler.status
            assert status.passes > passes and set(other.open().values()) <= {DriftState.UNKNOWN}
            seen.extend(each.reason for each in status.unknown if each.subject.kind == "panel")
            restart()

        def live(turns: int) -> None:
            for _ in range(2 * turns):
                agents[0].live(5.0)
                agents.reverse()

        ward.hooks.deed = slowly
        live(12)
        assert not first.open() and not second.open()
        kill(ward)
        live(24)
        assert seen and set(seen) <= {"settling", "observing"}, "it knew of the restart"
        assert ward.panel.restarts == len(ward.hooks.ran) == 1
        assert not first.open() and not second.open()
        records = {(record.id, record.state, record.fence) for ledger in ledgers for record in ledger.repairs()}
        assert [state for _id, state, _fence in records] == [RepairState.VERIFIED]
        assert all(fence > 0 for _id, _state, fence in records)
        beside.target.close()
        for ledger in ledgers:
            ledger.close()


def start(directory: Path, database: Database, host: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "tests.panels.wgdashboard.second_agent", str(directory), database.url, host]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize(
    ("database", "hosts"),
    [pytest.param(*SQLITE.values, ("one", "one"), id="sqlite"), pytest.param(*POSTGRESQL.values, ("one", "two"), marks=POSTGRESQL.marks)],
    indirect=["database"],
)
def test_two_programs_restart_a_panel_once(tmp_path: Path, database: Database, hosts: tuple[str, str]):
    """Real processes, real HTTP, a real database: whoever of them is first."""
    key = tmp_path / "key"
    key.write_text(KEY)
    outside = Outside(tmp_path)
    with outside.panel:
        outside.panel.kill_thread()
        now = outside.clock.now().mono
        outside.proc.show(100, 101, began=now - 2000.0, forked=now - 1999.5, tasks=(101,))
        (tmp_path / "told").write_text(json.dumps(outside.told(key)))
        agents = [start(tmp_path, database, host) for host in hosts]
        answers = [agent.communicate(timeout=500)[0] for agent in agents]
        assert [agent.returncode for agent in agents] == [0, 0], answers
        assert outside.effects() == ["restart"]
        assert outside.panel.thread_lives
    clock = clock_of(tmp_path, SPEED)
    records = [record for host in sorted(set(hosts)) for record in database.open(clock, host=host, migrate=False).repairs()]
    assert [(record.remedy, record.state) for record in records] == [("restart_panel", RepairState.VERIFIED)]
    assert records[0].fence > 0
