"""What is over is forgotten by age and by count; what is open never."""

from __future__ import annotations

from tests.ledger.conftest import Database
from tests.ledger.test_repairs import walk
from tests.ledger.things import TARGET, drift, intended, key, leased, planned, seen
from watchdog.ledger.open import Ledger
from watchdog.model.approvals import ApprovalState, Holding
from watchdog.model.notes import Letter, Note
from watchdog.model.repairs import RepairState
from watchdog.runtime.clock import SimulatedClock

DAY = 86400.0
S = RepairState


def _fill(book: Ledger, now: float) -> None:
    book.observe(TARGET, seen("closed", "open", "blind"), now, baseline=False)
    book.observe(TARGET, seen("open", unknown=("blind",)), now, baseline=False)
    for name, states in {"open": (), "acting": (S.ACTING,), "settling": (S.ACTING, S.SETTLING), "doubt": (S.IN_DOUBT,)}.items():
        walk(book, intended(book, name, now), *states, now=now)
    walk(book, intended(book, "ended", now), S.GAVE_UP, now=now)
    book.note_step(book.repairs(states=(S.GAVE_UP,))[0], "step", now)
    for name, state in {"asked": None, "yes": ApprovalState.APPROVED, "no": ApprovalState.REJECTED}.items():
        asked = book.request_approval(planned(name), (), now)
        if state:
            book.decide(asked.id, state, "ann", now)
    for what in ("held", "released"):
        held = book.hold(Holding(0, TARGET, what, key(), "undo", {}, now))
        if what == "released":
            book.release_holding(held.id, now)
    book.ignore("over", "over", now + 1, "ann", now)
    book.ignore("mcsmanager/*", "until its evidence changes", None, "ann", now)


def test_age_removes_what_is_over_and_nothing_else(database: Database):
    clock = SimulatedClock(wall=1000.0)
    book = database.open(clock, keep={"age": "7d"})
    _fill(book, 1000.0)
    book.post([Letter("ops", Note("drift_opened", "warning", TARGET, "s", "o", "title"), 0.0)], 1000.0)
    nothing = dict.fromkeys(book.prune(1000.0 + 7 * DAY - 1), 0)
    assert book.prune(1000.0 + 7 * DAY - 1) == nothing
    removed = book.prune(1000.0 + 7 * DAY + 2)

    assert removed == {
        "episodes": 1, "repairs": 1, "approvals": 1, "holdings": 1, "pauses": 0, "ignores": 1, "evidence": 0, "objects": 1, "leases": 0,
        "letters": 1,
    }  # fmt: skip
    assert [episode.drift.subject.id for episode in book.episodes(closed=True)] == ["blind", "open"]
    assert {record.object.id for record in book.repairs()} == {"open", "acting", "settling", "doubt"}
    assert {each.state for each in book.approvals()} == {ApprovalState.WAITING, ApprovalState.APPROVED}
    assert [holding.what for holding in book.holdings(released=True)] == ["held"]
    assert [ignore.pattern for ignore in book.ignores()] == ["mcsmanager/*"]
    facts = book.facts(TARGET, 1000.0)
    assert set(facts.history) == {key(name) for name in ("open", "acting", "settling", "doubt")}
    assert set(facts.last_remedy_at) == {("open", each) for each in facts.history}


def test_an_object_with_an_open_drift_keeps_its_count_however_old(database: Database):
    book = database.open(keep={"age": "7d"})
    book.observe(TARGET, seen("stuck"), 1000.0, baseline=False)
    walk(book, intended(book, "stuck", 1000.0), S.ACTING, S.SETTLING, S.UNVERIFIED)
    book.prune(1000.0 + 365 * DAY)
    assert book.repairs() == ()
    history = book.facts(TARGET, 0.0).history[key("stuck")]
    assert (history.attempts, history.unverified) == (1, 1)
    assert book.facts(TARGET, 0.0).last_remedy_at == {("open", key("stuck")): 1000.0}


def test_count_keeps_the_newest(database: Database):
    book = database.open(keep={"count": 10})
    for number in range(15):
        book.observe(TARGET, seen(number), 1000.0 + number, baseline=False)
        walk(book, intended(book, number, 1000.0 + number), S.GAVE_UP)
    book.observe(TARGET, seen("open"), 2000.0, baseline=False)
    removed = book.prune(2000.0)

    assert (removed["episodes"], removed["repairs"]) == (5, 5)
    assert [episode.drift.subject.id for episode in book.episodes(closed=True)] == ["open", *map(str, range(14, 4, -1))]
    assert [record.object.id for record in book.repairs()] == [str(number) for number in range(14, 4, -1)]


def test_what_an_ignore_remembers_of_forgotten_drifts_is_forgotten(database: Database):
    book = database.open(keep={"age": "7d"})
    book.ignore("mcsmanager/*", "all", None, "ann", 1.0)
    book.observe(TARGET, seen("one", "two"), 1000.0, baseline=False)
    book.observe(TARGET, seen("two"), 1001.0, baseline=False)
    assert book.prune(1002.0)["evidence"] == 0
    assert book.prune(1001.0 + 8 * DAY)["evidence"] == 1
    assert set(book.ignores()[0].evidence_keys) == {drift("two").key}


def test_leases_of_long_ago_are_removed_and_live_ones_stay(simulated_ledger: tuple[Ledger, SimulatedClock]):
    book, clock = simulated_ledger
    live, over, released = leased(book, "live", seconds=30 * DAY), leased(book, "over"), leased(book, "released")
    book.release(released)
    assert book.prune(0.0)["leases"] == 1
    clock.advance(2 * DAY)
    assert book.prune(0.0)["leases"] == 1
    assert book.leases() == (live,)
    assert leased(book, "over").number > over.number


def test_other_hosts_rows_are_left_to_them(database: Database):
    here, there = database.open(host="a", keep={"age": "1s"}), database.open(host="b", keep={"age": "1s"})
    there.observe(TARGET, seen("one"), 1000.0, baseline=False)
    there.observe(TARGET, seen(), 1001.0, baseline=False)
    assert here.prune(1e9)["episodes"] == 0
    assert there.prune(1e9)["episodes"] == 1
