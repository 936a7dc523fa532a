"""The real reconciler and ledger over the fakes, in simulated time: what 1.11.6 left behind waits for the upgrade and mends itself."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager

from tests.support.bench import Recorder, inline
from tests.support.ledger import ledger_at
from tests.support.pterodactyl_ward import Ward
from watchdog.model.repairs import Mode, RepairState
from watchdog.panels.pterodactyl import PANEL
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.policy import Policy, Timing
from watchdog.reconciler.runner import RepairRunner


class Life:
    """One life of the program with this one target."""

    def __init__(self, ward: Ward, ledger) -> None:
        self.ward, self.ledger = ward, ledger
        counts = RepairCounts(Recorder())
        self.runner = RepairRunner(ledger, ward.clock, counts, ward.actual, spawn=inline)
        self.reconciler = Reconciler(
            panel=PANEL, target=ward.target, needs=PANEL.needs(ward.settings), ledger=ledger, runner=self.runner, counts=counts,
            policy=Policy(mode=Mode.REPAIR, baseline="repair", timing=Timing(interval=15.0)), clock=ward.clock, instruments=Recorder(),
            actual=ward.actual, holder=holder_name(), spawn=inline,
        )  # fmt: skip

    def live(self, seconds, until=lambda: False) -> bool:
        """Let so many seconds pass, or as many as it takes; return whether ``until`` held."""
        end = self.ward.clock.now().mono + seconds
        while self.ward.clock.now().mono < end and not until():
            rest = self.reconciler.step()
            self.runner.tend()
            self.ward.pass_time(min(max(rest, 1.0), 15.0))
        return until()

    def ends(self) -> list[tuple[str, RepairState]]:
        return [(record.remedy, record.state) for record in reversed(self.ledger.repairs())]


@contextmanager
def life(tmp_path, release):
    with Ward(tmp_path, release) as ward:
        ward.world.throttle = (100, 1.0)
        ledger = ledger_at(tmp_path / "ledger.sqlite3", ward.clock)
        try:
            yield ward, Life(ward, ledger)
        finally:
            ledger.close()


def test_what_1_11_6_left_behind_waits_for_the_upgrade_and_is_then_mended_one_by_one(tmp_path):
    with life(tmp_path, "1.11.6") as (ward, program):
        ward.wings.switches.remove_fails = True  # so the archives stay, as with our guard
        uuids = []
        for _ in range(3):
            row, job = ward.begin()
            job.advance()
            uuids.append(row.uuid)
        assert {ward.stands(uuid) for uuid in uuids} == {("pending", True)}
        program.live(1500)
        assert program.ends() == [] and {ward.stands(uuid)[0] for uuid in uuids} == {"pending"}
        kinds = {episode.drift.kind for episode, _ in program.reconciler.status.episodes}
        assert {"callback_broken", "backup_stuck"} <= kinds

        ward.world.upgrade("1.11.8")
        done = [("complete_backup", RepairState.VERIFIED)] * 3
        assert program.live(4 * 3600, lambda: program.ends() == done), program.ends()
        for uuid in uuids:
            record, content = ward.shown(uuid), ward.path(uuid).read_bytes()
            assert record["checksum"] == f"sha1:{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"
            assert record["bytes"] == len(content) and not ward.link(uuid).exists()
        assert [each for each in program.ledger.holdings() if each.released_at is None] == []
        acted = sorted((record.acted_at, record.verdict_at) for record in program.ledger.repairs())
        first, others = acted[0], acted[1:]
        assert all(first[1] <= begun for begun, _ in others), "one goes first, alone, and the others wait for its proof"
