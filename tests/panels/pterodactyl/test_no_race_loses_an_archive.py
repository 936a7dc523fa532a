"""Our repair against Wings' own report, in every order of their steps: no order loses an archive that was whole.

Wings is moved a step at each point where our repair gives way. ``blind``: our guards are deceived (Wings seems to have been started after
the archive was written, while it lives and is about to report), so that what is left are the link, the reading back and the watch.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.pterodactyl_ward import Hand, Ward, completion
from watchdog.panels.pterodactyl.fake import BackupJob

OURS = ("looked", "held", "linked", "verified", "checked", "posted", "confirmed", "sleep", "sleep", "sleep", "sleep")
"""Where our repair gives way: its steps, and the first of the looks of its watch."""
THEIRS = ("created", "checksum", "callback", "answered")
"""Where Wings may stand when ours begins. It has four steps at most to its end when the panel is well."""


SOON = 12
"""The look of our watch by which Wings has ended: after its archive is read it tries for 30 s, and the last try takes 30 s at most."""


@dataclass
class Race:
    """Wings goes ``moves[n]`` steps when ours gives way for the n-th time. ``hasty``: it ends in a minute, as the real one must."""

    job: BackupJob
    moves: tuple[int, ...]
    hasty: bool
    at: int = 0
    steps: list[str] = field(default_factory=list)

    def gives_way(self, name: str) -> None:
        self.steps.append(name)
        for _ in range(self.moves[self.at] if self.at < len(self.moves) else 0):
            step(self.job)
        self.at += 1
        if self.hasty and self.steps.count("sleep") == SOON:
            self.job.advance()


def step(job: BackupJob) -> None:
    """Move Wings by one step."""
    if not job.over:
        job._next()


def deceive(ward: Ward) -> None:
    """Let process and log say that Wings was started this moment, while it goes on with its backup."""
    wings = ward.wings
    wings._traces.begin(wings.pid, ward.clock.now().mono, wings.config, wings.journal.zone)
    wings.journal.write("INFO", "writing log files to disk", path=wings.log_file)


def run(ward: Ward, start: str, moves: tuple[int, ...], *, blind: bool, lost: int) -> None:
    """Let one race happen, and judge its end."""
    row, job = ward.begin()
    job.advance(start)
    path = ward.path(row.uuid)
    if not path.exists():  # Wings was answered well or ill before we began
        return
    sha1, size = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest(), path.stat().st_size
    ward.world.switches.lose_completions = lost
    ward.pass_time(5)
    if blind:
        deceive(ward)
    race = Race(job, moves, blind)
    hand = Hand(ward=ward, left=12 * 3600.0, at_step=race.gives_way, at_sleep=lambda: race.gives_way("sleep"))
    before = len(ward.posts(row.uuid))
    outcome = ward.carry(completion(ward, row.uuid), hand=hand)
    there = path.exists() or ward.link(row.uuid).exists()
    job.advance()  # our guards saw it at work, and nothing was sent
    ward.world.switches.lose_completions = 0
    for _ in range(4):
        ward.look(60)
        for tend in ward.target.tends():
            tend.step()
    linked, state = "linked" in race.steps, ward.stands(row.uuid)[0]
    said = f"{start}, {moves}, blind={blind}, lost={lost}: {outcome}, steps {race.steps}, Wings at {job.step}"
    if lost and not linked:
        return  # Wings lost its own archive (case K) while we had not begun: nobody could have known
    assert there, said
    assert path.exists() and path.stat().st_size == size, said
    assert hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() == sha1, said
    record = ward.shown(row.uuid)
    assert (state, record["checksum"], record["bytes"]) == ("complete", f"sha1:{sha1}", size), said
    ours = sum(each.startswith("POST") for each in outcome.sent)
    assert ours <= 1 and len(ward.posts(row.uuid)) - before >= ours, said
    assert row.uuid not in ward.kept(), said


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(Ward(tmp_path_factory.mktemp("race")))
        made.world.throttle = (10_000, 1.0)
        made.server.backup_limit = 0
        yield made


def orders() -> st.SearchStrategy[tuple[int, ...]]:
    """Return where Wings' last steps fall among ours."""
    return st.lists(st.integers(0, 2), min_size=0, max_size=len(OURS)).map(tuple)


BOUNDED = settings(
    max_examples=20, deadline=None, derandomize=True, phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@BOUNDED
@given(start=st.sampled_from(THEIRS), moves=orders(), blind=st.booleans(), lost=st.sampled_from((0, 0, 1)))
def test_no_order_loses_an_archive(ward, start, moves, blind, lost):
    run(ward, start, moves, blind=blind, lost=lost)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("blind", "lost"), [(True, 0), (True, 1), (False, 0)], ids=["deceived", "lost answer", "guarded"])
def test_no_order_at_all_loses_an_archive(tmp_path, blind, lost):
    """Every order: Wings' steps that are left fall into every choice of places among ours."""
    with Ward(tmp_path) as ward:
        ward.world.throttle, ward.server.backup_limit = (10_000, 1.0), 0
        for start, left in zip(THEIRS, (4, 3, 2, 1), strict=True):
            for places in itertools.combinations_with_replacement(range(len(OURS) - 3), left):
                moves = tuple(places.count(place) for place in range(len(OURS)))
                run(ward, start, moves, blind=blind, lost=lost)
