"""Wings, the panel, a person, our repairs and our deaths in any order: the guard never removes the last name of a wanted archive.

Wanted = it was linked once, the panel still has its record, it is no temporary file of an upload, and no cap was reached. Wings deletes
while a record is pending or given up, and for as long after its completion as its own retries last (contract section 0, K), never later.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.pterodactyl_guard import Node, NotebookGone, uuid
from watchdog.errors import WatchdogError
from watchdog.panels.pterodactyl.linking import Shelf

ARCHIVES = 3
LATE = 90.0
"""Seconds for which Wings may still delete after a completion: 30 s of retries, the last one held up for 30 s, and some."""
TIMES = (1.0, 20.0, 61.0, 140.0, 400.0)
ACTS = (
    "make", "catch", "wings_hears_success", "wings_gives_up", "wings_deletes_late", "cron_prunes", "person_deletes", "upload_ends",
    "person_deletes_record", "repair_completes", "pass", "judge", "judge_and_die", "restart", "ledger_away", "ledger_back",
    "panel_away", "panel_back", "time", "release",
)  # fmt: skip
STEP = st.tuples(st.sampled_from(ACTS), st.integers(0, ARCHIVES - 1), st.integers(0, len(TIMES) - 1))
STEPS = st.lists(STEP, min_size=5, max_size=40)
LONG = st.lists(STEP, min_size=20, max_size=120)


class History:
    """One run: what happened, and what must therefore still be there."""

    def __init__(self, folder: Path, flavour: str) -> None:
        self.node = Node(folder, flavour=flavour, guard={"max_age": "30d", "max_bytes": "1TiB"})
        self.linked: set[str] = set()
        self.done_at: dict[str, float] = {}
        self.uploads: set[str] = set()

    def now(self) -> float:
        return self.node.clock.now().mono

    def state(self, backup: str) -> str:
        if backup not in self.node.records:
            return "never"
        record = self.node.records[backup]
        return "deleted" if record is None else record.state

    def unlink(self, backup: str) -> None:
        self.node.path(backup).unlink(missing_ok=True)

    def act(self, name: str, backup: str, seconds: float) -> None:
        getattr(self, name)(backup, seconds)
        self.linked |= self.node.kept()
        self.check(name)

    def check(self, after: str) -> None:
        for backup in self.linked:
            wanted = self.state(backup) in {"pending", "complete", "failed"} and backup not in self.uploads
            if wanted:
                assert self.node.content(backup) == backup, f"{backup[-4:]} is lost after {after}"
        for backup in self.node.kept():
            assert self.node.link(backup).read_bytes().startswith(backup.encode())

    # ---- the world -----------------------------------------------------------------------------------------------------------------------

    def make(self, backup, _):
        if self.state(backup) == "never":
            self.node.make(backup)

    def catch(self, *_):
        self.node.catch()

    def wings_hears_success(self, backup, _):
        if self.state(backup) == "pending" and self.node.path(backup).exists():
            self.node.word(backup, successful=True)
            self.done_at[backup] = self.now()

    def wings_gives_up(self, backup, _):
        if self.state(backup) in {"pending", "failed"}:
            self.unlink(backup)

    def wings_deletes_late(self, backup, _):
        if self.state(backup) == "complete" and self.now() - self.done_at[backup] < LATE:
            self.unlink(backup)

    def cron_prunes(self, backup, _):
        if self.state(backup) == "pending":
            self.node.word(backup, successful=False)

    def person_deletes(self, backup, _):
        if self.state(backup) not in {"never", "deleted"}:
            self.unlink(backup)
            self.node.records[backup] = None

    def person_deletes_record(self, backup, _):
        if self.state(backup) not in {"never", "deleted"}:
            self.node.records[backup] = None

    def upload_ends(self, backup, _):
        if self.state(backup) == "pending":
            self.uploads.add(backup)
            self.node.stores.add(backup)
            self.unlink(backup)
            self.node.word(backup, successful=True)
            self.done_at[backup] = self.now()

    def repair_completes(self, backup, _):
        """Put the held file back, report it, watch it: as the remedy does."""
        node, known = self.node, self.state(backup)
        if backup not in node.kept() or known not in {"pending", "failed", "complete"} or backup in self.uploads:
            return
        Shelf(node.directory, node.backups).put_back(node.link(backup), node.path(backup))
        if known != "complete":
            node.word(backup, successful=True)
            self.done_at[backup] = self.now()

    # ---- the guard -----------------------------------------------------------------------------------------------------------------------

    def judge(self, *_):
        self.node.judge()

    def judge_and_die(self, _, seconds):
        self.node.notebook.dies_in = 1 + int(seconds) % 3
        try:
            self.node.judge()
        except NotebookGone:
            self.node.notebook.dies_in = 0
            self.restart()
        self.node.notebook.dies_in = 0

    def restart(self, *_):
        self.node.restart()

    def ledger_away(self, *_):
        self.node.notebook.away = True

    def ledger_back(self, *_):
        self.node.notebook.away = False

    def panel_away(self, *_):
        self.node.reachable = False

    def panel_back(self, *_):
        self.node.reachable = True

    def time(self, _, seconds):
        self.node.clock.advance(seconds)

    def release(self, backup, _):
        """A person's order, as `panel-watchdog release` carries it out."""
        held = {} if self.node.notebook.away else self.node.held()
        if backup in held:
            try:
                self.node.guard.undo(held[backup])
            except WatchdogError:
                return  # it stays held
            self.node.notebook.release(held[backup].id)
            # it was not lost by this; from now on it is that person's affair what Wings does
            self.check("release")
            self.linked.discard(backup)

    def settle(self) -> None:
        """Let everything be well for an hour and a half: nothing is held that nobody needs, and the record is right."""
        node = self.node
        node.notebook.away, node.reachable = False, True
        node.rounds(5400.0, 50.0)
        self.check("settling")
        kept = node.kept()
        assert set(node.held()) == kept
        for backup in kept:
            settled = self.state(backup) == "complete" and node.path(backup).exists()
            # the disk of an upload is asked of the panel; of a deleted record that was never seen nobody knows
            assert not settled, f"{backup[-4:]} is held for nothing"


setattr(History, "pass", lambda self, *_: self.node.saw())


def run(steps, flavour):
    with tempfile.TemporaryDirectory(prefix="pt-") as folder:
        history = History(Path(folder), flavour)
        try:
            for name, number, index in steps:
                history.act(name, uuid(number + 1), TIMES[index])
            history.settle()
        finally:
            history.node.guard.close()


@settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, flavour=st.sampled_from(["pterodactyl", "pelican"]))
@example(
    [("make", 0, 0), ("catch", 0, 0), ("wings_hears_success", 0, 0), ("pass", 0, 0), ("judge", 0, 0), ("time", 0, 2),
     ("wings_deletes_late", 0, 0), ("time", 0, 4), ("judge", 0, 0)], "pterodactyl",
)  # fmt: skip
@example(
    [("make", 0, 0), ("catch", 0, 0), ("wings_gives_up", 0, 0), ("cron_prunes", 0, 0), ("judge_and_die", 0, 1), ("judge", 0, 0)],
    "pterodactyl",
)
@example([("make", 0, 0), ("catch", 0, 0), ("judge", 0, 0), ("wings_gives_up", 0, 0), ("release", 0, 0)], "pelican")
@example([("make", 0, 0), ("catch", 0, 0), ("person_deletes", 0, 0), ("restart", 0, 0)], "pelican")
@example(
    [("make", 0, 0), ("catch", 0, 0), ("wings_hears_success", 0, 0), ("wings_deletes_late", 0, 0), ("restart", 0, 0), ("judge", 0, 0)],
    "pelican",
)
def test_no_order_of_events_loses_a_wanted_archive(steps, flavour):
    run(steps, flavour)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=4000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(steps=LONG, flavour=st.sampled_from(["pterodactyl", "pelican"]))
def test_no_order_of_many_events_loses_a_wanted_archive(steps, flavour):
    run(steps, flavour)


def test_the_check_itself_sees_a_loss(tmp_path):
    history = History(tmp_path, "pterodactyl")
    backup = uuid(1)
    for name in ("make", "catch", "wings_gives_up"):
        history.act(name, backup, 1.0)
    history.node.link(backup).unlink()
    try:
        history.check("a removal")
    except AssertionError as error:
        assert "is lost" in str(error)
    else:
        raise AssertionError("a lost archive was not noticed")
    finally:
        history.node.guard.close()
