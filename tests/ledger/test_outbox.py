"""The outbox: letters are written with what they tell, leave by compare-and-set, and stay bounded. On both databases."""

from __future__ import annotations

import pytest

from tests.ledger.conftest import Database
from tests.ledger.things import TARGET, drift, intended, planned, seen
from watchdog.errors import LedgerUnavailable
from watchdog.ledger.open import Ledger
from watchdog.model.notes import Backlog, Letter, Nobody, Note
from watchdog.model.pauses import PauseOrder
from watchdog.model.repairs import RepairState
from watchdog.notify.settings import NotifySettings
from watchdog.notify.telling import Telling
from watchdog.runtime.clock import SimulatedClock

NOW = 1_800_000_000.0


def note(occasion: str = "one", subject: str = "s", event: str = "drift_opened", severity: str = "warning") -> Note:
    return Note(event, severity, TARGET, subject, occasion, f"title of {occasion}", "body")  # type: ignore[arg-type]


def letter(*args: str, channel: str = "ops", window: float = 3600.0) -> Letter:
    return Letter(channel, note(*args), window)


def occasions(book: Ledger, now: float, channel: str = "ops") -> list[str]:
    return [each.note.occasion for each in book.waiting(channel, now)]


def settings(*names: str, **more: object) -> NotifySettings:
    return NotifySettings.model_validate({"channels": [{"name": name, "url": "json://127.0.0.1/x", **more} for name in names or ("ops",)]})


def told(book: Ledger) -> list[tuple[list[Letter], list[Letter]]]:
    heard: list[tuple[list[Letter], list[Letter]]] = []
    book.teller = Telling(settings(), {}, lambda fresh, resting: heard.append((list(fresh), list(resting))))
    return heard


def test_a_letter_is_written_once_for_its_occasion(book: Ledger) -> None:
    assert book.post([letter("a"), letter("a"), letter("b", "t")], NOW) == 2
    assert book.post([letter("a")], NOW + 10_000) == 0
    assert occasions(book, NOW) == ["a", "b"]


def test_a_batch_is_claimed_delivered_and_returned_by_compare_and_set(book: Ledger) -> None:
    book.post([letter("a"), letter("b", "t")], NOW)
    first, second = book.waiting("ops", NOW)
    assert [each.id for each in book.claim([first.id, second.id], "batch-1", "h/1/x", NOW)] == [first.id, second.id]
    assert book.claim([first.id], "batch-2", "h/2/y", NOW) == ()
    assert book.waiting("ops", NOW) == ()
    assert book.returned("batch-1", "no_connection") == 2
    assert [each.attempts for each in book.waiting("ops", NOW)] == [1, 1]
    book.claim([first.id], "batch-3", "h/1/x", NOW)
    assert (book.delivered("batch-1", NOW), book.delivered("batch-3", NOW + 1), book.delivered("batch-3", NOW + 2)) == (0, 1, 0)
    assert book.sends("ops", NOW, NOW + 1) == (NOW + 1,)
    assert occasions(book, NOW) == ["b"]


def test_what_a_dead_process_took_goes_back_and_what_a_living_one_took_does_not(book: Ledger) -> None:
    book.post([letter("a"), letter("b", "t")], NOW)
    first, second = book.waiting("ops", NOW)
    book.claim([first.id], "b1", "dead", NOW)
    book.claim([second.id], "b2", "alive", NOW)
    assert book.holders("ops") == ("alive", "dead")
    assert book.recover("ops", ["dead"], NOW - 900) == 1
    assert occasions(book, NOW) == ["a"]
    assert book.recover("ops", [], NOW + 1) == 1  # nobody sends one message for so long
    assert occasions(book, NOW) == ["a", "b"]


def test_its_like_within_the_window_rests_until_the_windows_end_and_the_newest_stands_for_all(book: Ledger) -> None:
    book.post([letter("o1")], NOW)
    (first,) = book.waiting("ops", NOW)
    book.claim([first.id], "b", "h", NOW)
    book.delivered("b", NOW + 5)
    book.post([letter("c1", "s", "drift_closed")], NOW + 10)  # another event is told at once
    (closed,) = book.waiting("ops", NOW + 10)
    book.claim([closed.id], "c", "h", NOW + 10)
    book.delivered("c", NOW + 11)
    book.post([letter("o2")], NOW + 20)
    book.post([letter("c2", "s", "drift_closed")], NOW + 30)
    book.post([letter("o3")], NOW + 40)
    assert book.backlog() == {}, "what rests is no backlog"
    assert occasions(book, NOW + 3604) == []
    (last,) = book.waiting("ops", NOW + 3605)
    assert (last.note.occasion, last.folded) == ("o3", 2)


def test_another_severity_or_subject_or_channel_is_not_its_like(book: Ledger) -> None:
    book.post([letter("a")], NOW)
    book.post([letter("b", "s", "drift_opened", "critical"), letter("c", "t"), letter("d", channel="other")], NOW + 1)
    assert occasions(book, NOW + 1) == ["a", "b", "c"]
    assert occasions(book, NOW + 1, "other") == ["d"]


def test_a_rest_written_by_a_clock_that_jumped_holds_nothing_back(book: Ledger) -> None:
    book.post([letter("a", window=3600.0)], NOW + 10 * 86400)
    book.post([letter("b", window=3600.0)], NOW + 10 * 86400 + 1)
    assert occasions(book, NOW) == ["a", "b"]


def test_tidy_forgets_by_age_and_count_and_drops_the_oldest_that_wait_last_of_all(book: Ledger) -> None:
    book.post([letter(f"{number}", f"s{number}") for number in range(30)], NOW)
    for parcel in book.waiting("ops", NOW)[:10]:
        book.claim([parcel.id], f"b{parcel.id}", "h", NOW)
        book.delivered(f"b{parcel.id}", NOW)
    book.post([letter("gone", "g", channel="removed")], NOW)
    assert book.tidy(["ops"], NOW - 1, NOW - 1, 100, NOW) == {("removed", "drift_opened", "no_channel"): 1}
    assert book.tidy(["ops"], NOW - 1, NOW - 1, 25, NOW) == {}, "sent ones go first"
    assert len(occasions(book, NOW)) == 20
    assert book.tidy(["ops"], NOW - 1, NOW - 1, 15, NOW) == {("ops", "drift_opened", "full"): 5}
    assert occasions(book, NOW)[0] == "15"
    assert book.backlog() == {"ops": Backlog(15, NOW)}
    assert book.tidy(["ops"], NOW, NOW + 1, 100, NOW) == {("ops", "drift_opened", "stale"): 15}


def test_hosts_that_share_a_database_do_not_touch_each_others_letters(database: Database) -> None:
    one, two = database.open(host="one"), database.open(host="two")
    one.post([letter("a")], NOW)
    two.post([letter("a")], NOW)
    (mine,) = one.waiting("ops", NOW)
    assert two.claim([mine.id], "b", "h", NOW) == ()
    assert two.tidy([], NOW, NOW, 100, NOW) == {("ops", "drift_opened", "no_channel"): 1}
    assert occasions(one, NOW) == ["a"]


def test_a_confirmed_drift_is_told_with_its_confirmation_and_its_end_and_a_baseline_in_one_digest(book: Ledger) -> None:
    told(book)
    first = book.observe(TARGET, seen("old", "older"), NOW, baseline=True)
    book.confirm(first, NOW)
    assert occasions(book, NOW) == []
    book.set_baseline(TARGET, "taken", NOW)
    (digest,) = book.waiting("ops", NOW)
    assert (digest.note.event, digest.note.title.count("2 ghost")) == ("baseline", 1)
    fresh = [each for each in book.observe(TARGET, seen("old", "older", "new"), NOW + 1, baseline=False) if not each.baseline]
    assert len(occasions(book, NOW)) == 1, "a drift that is not confirmed is nobody's business"
    book.confirm(fresh, NOW + 2)
    book.confirm(fresh, NOW + 2)
    book.observe(TARGET, seen(), NOW + 60, baseline=False)
    assert [each.note.event for each in book.waiting("ops", NOW + 60)] == ["baseline", "drift_opened", "drift_closed"]


def test_an_ignored_drift_is_not_told(book: Ledger) -> None:
    told(book)
    book.ignore(drift("one").key, "known", None, "me", NOW)
    book.confirm(book.observe(TARGET, seen("one"), NOW, baseline=False), NOW)
    book.observe(TARGET, seen(), NOW + 1, baseline=False)
    assert occasions(book, NOW + 1) == []


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ((RepairState.ACTING, RepairState.SETTLING, RepairState.VERIFIED), "repair_verified"),
        ((RepairState.ACTING, RepairState.SETTLING, RepairState.UNVERIFIED), "repair_unverified"),
        ((RepairState.ACTING, RepairState.GAVE_UP), "repair_gave_up"),
        ((RepairState.ACTING, RepairState.IN_DOUBT), "repair_in_doubt"),
        ((RepairState.ACTING, RepairState.LATER), None),
    ],
)
def test_the_end_of_a_repair_is_told_with_it(book: Ledger, path: tuple[RepairState, ...], event: str | None) -> None:
    told(book)
    record = intended(book)
    for state in path:
        moved = book.move(record, state, NOW)
        assert moved is not None
        record = moved
    assert [each.note.event for each in book.waiting("ops", NOW)] == ([event] if event else [])


def test_an_approval_is_told_once_while_it_waits(book: Ledger) -> None:
    told(book)
    asked = book.request_approval(planned(), ("POST /open",), NOW)
    book.request_approval(planned(), ("POST /open now",), NOW + 1)
    (waiting,) = book.waiting("ops", NOW + 1)
    assert waiting.note.event == "approval_waiting"
    assert f"panel-watchdog approve {asked.id}" in waiting.note.body
    assert "would: POST /open" in waiting.note.body


def test_each_change_of_a_pause_is_told_however_soon_it_follows(book: Ledger) -> None:
    heard = told(book)
    order = PauseOrder(TARGET, "moving disks", "anna")
    for _ in range(2):
        pause = book.begin_pause(order, NOW + 60, "boot", None, NOW)
        assert pause is not None
        changed = book.change_pause(pause.id, pause.version, order, NOW + 90, "boot", None)
        assert changed is not None
        book.restate_pause(pause.id, NOW + 95)
        assert book.end_pause(pause.id, None, "resumed", "anna", NOW) is not None
        assert book.end_pause(pause.id, None, "resumed", "anna", NOW) is None
    events = [each.note.event for each in book.waiting("ops", NOW)]
    assert events == ["pause_begun", "pause_changed", "pause_ended"] * 2
    assert [len(fresh) for fresh, _ in heard] == [1] * 6


def test_drifts_of_a_paused_target_are_told_when_the_pause_is_over_if_they_last(book: Ledger) -> None:
    book.teller = Telling(settings(), {}, lambda *_: None, hushed={TARGET})

    def look(*names: str, now: float) -> None:
        book.confirm(book.observe(TARGET, seen(*names), now, baseline=False), now)

    look("before", now=NOW)
    pause = book.begin_pause(PauseOrder(TARGET, "moving disks", "anna"), None, "boot", None, NOW + 1)
    assert pause is not None
    look("before", "short", "long", now=NOW + 2)
    look("long", now=NOW + 3)
    events = [(each.note.event, each.note.title.split()[-1]) for each in book.waiting("ops", NOW + 3)]
    assert [event for event, _ in events] == ["drift_opened", "pause_begun", "drift_closed"], "only what was told before is told to its end"
    assert book.end_pause(pause.id, None, "resumed", "anna", NOW + 4) is not None
    after = [each.note for each in book.waiting("ops", NOW + 4)][3:]
    assert [(each.event, "long" in each.title) for each in after] == [("pause_ended", False), ("drift_opened", True)]
    look(now=NOW + 5)
    assert book.waiting("ops", NOW + 5)[-1].note.event == "drift_closed"


def test_a_pause_of_one_task_hushes_that_task_alone_and_a_pausable_panel_is_never_hushed(book: Ledger) -> None:
    book.teller = Telling(settings(), {}, lambda *_: None, hushed={TARGET})
    book.begin_pause(PauseOrder(TARGET, "moving disks", "anna", task="a"), None, "boot", None, NOW)
    book.confirm(book.observe(TARGET, seen("a", "b"), NOW, baseline=False), NOW)
    assert [each.note.event for each in book.waiting("ops", NOW)] == ["pause_begun", "drift_opened"]
    book.teller = Telling(settings(), {}, lambda *_: None)
    book.confirm(book.observe(TARGET, seen("a", "b", "c"), NOW + 1, baseline=False), NOW + 1)
    book.observe(TARGET, seen(), NOW + 2, baseline=False)
    assert [each.note.event for each in book.waiting("ops", NOW + 2)][2:] == ["drift_opened"] + ["drift_closed"] * 3


def test_a_letter_goes_with_its_change_or_not_at_all(database: Database) -> None:
    book = database.open(SimulatedClock(NOW))

    class Breaks(Nobody):
        def opened(self, *_: object) -> tuple[Letter, ...]:
            raise LedgerUnavailable("in the middle of the transaction")

    (episode,) = book.observe(TARGET, seen("one"), NOW, baseline=False)
    book.teller = Breaks()
    with pytest.raises(LedgerUnavailable):
        book.confirm([episode], NOW)
    assert book.episodes(TARGET)[0].opened_at is None
    told(book)
    book.confirm([episode], NOW + 1)
    assert [each.note.event for each in book.waiting("ops", NOW + 1)] == ["drift_opened"]
