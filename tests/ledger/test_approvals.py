"""A planned repair waits for a person; the word of that person is good for one hour and one act."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ledger.conftest import Database
from tests.ledger.things import TARGET, drift, key, planned
from watchdog.errors import NotFound
from watchdog.ledger.approvals import DECISIONS, GOOD_FOR, binding_of
from watchdog.ledger.open import Ledger
from watchdog.model.approvals import ApprovalState
from watchdog.model.drifts import Proposal
from watchdog.model.repairs import PlannedRepair, Risk

A = ApprovalState
WAYS = {
    A.WAITING: (), A.APPROVED: (A.APPROVED,), A.REJECTED: (A.REJECTED,), A.EXPIRED: (A.EXPIRED,),
    A.USED: (A.APPROVED, A.USED), A.WITHDRAWN: (A.WITHDRAWN,),
}  # fmt: skip


def test_a_request_is_kept_whole_and_short_to_type(book: Ledger):
    asked = book.request_approval(planned(uuid="x"), ("POST /open?uuid=x",), 1000.0)

    assert (asked.state, asked.target, asked.remedy, asked.object) == (A.WAITING, TARGET, "open", key())
    assert (asked.parameters, asked.drift_keys, asked.risk, asked.describes) == (
        {"uuid": "x"},
        (drift().key,),
        "disruptive",
        ("POST /open?uuid=x",),
    )
    assert (asked.requested_at, asked.decided_at, asked.decided_by, asked.expires_at) == (1000.0, None, None, None)
    assert len(asked.id) == 5
    assert asked.id.isalnum()
    assert asked.binding == binding_of(planned(uuid="x"))
    assert book.approvals(TARGET, (A.WAITING,)) == (asked,)


def test_the_same_plan_asks_once_whatever_its_facts_say(book: Ledger):
    first = book.request_approval(planned(), ("stop 3 players",), 1000.0)
    proposal = planned().proposal
    other_facts = PlannedRepair(
        Proposal(proposal.remedy, proposal.object, proposal.parameters, {"players": 9}), Risk.DESTRUCTIVE, (drift().key,)
    )
    second = book.request_approval(other_facts, ("stop 9 players",), 1010.0)

    assert (second.id, second.requested_at) == (first.id, 1000.0)
    assert (second.describes, second.risk) == (("stop 9 players",), "destructive"), "who decides reads the newest"
    assert book.approvals() == (second,)


def test_an_approved_request_stays_as_it_was_read(book: Ledger):
    asked = book.request_approval(planned(), ("stop 3 players",), 1000.0)
    book.decide(asked.id, A.APPROVED, "ann", 1010.0)
    again = book.request_approval(planned(), ("stop 9 players",), 1020.0)
    assert (again.id, again.state, again.describes) == (asked.id, A.APPROVED, ("stop 3 players",))


@pytest.mark.parametrize(
    "other",
    [
        planned("two"), planned(remedy="restart"), planned(force=True), replace(planned(), drift_keys=(drift().key, drift("two").key)),
    ],
)  # fmt: skip
def test_another_object_remedy_parameter_or_drift_is_another_request(book: Ledger, other: PlannedRepair):
    first = book.request_approval(planned(), (), 1000.0)
    assert book.request_approval(other, (), 1000.0).id != first.id


def test_the_sequence_of_drifts_does_not_matter():
    both = (drift().key, drift("two").key)
    assert binding_of(replace(planned(), drift_keys=both)) == binding_of(replace(planned(), drift_keys=both[::-1]))


@pytest.mark.parametrize("frm", A, ids=lambda state: state.value)
@pytest.mark.parametrize("to", A, ids=lambda state: state.value)
def test_decisions_follow_the_table(ledger_of_pairs: Ledger, frm: ApprovalState, to: ApprovalState):
    asked = ledger_of_pairs.request_approval(planned(f"{frm.value}-{to.value}"), (), 1000.0)
    for state in WAYS[frm]:
        ledger_of_pairs.decide(asked.id, state, "ann", 1001.0)
    decided = ledger_of_pairs.decide(asked.id, to, "bob", 1002.0)

    assert (decided is not None) == (to in DECISIONS[frm])
    (now,) = (each for each in ledger_of_pairs.approvals() if each.id == asked.id)
    assert now.state is (to if decided else frm)


def test_an_approval_is_good_for_an_hour_and_for_one_use(book: Ledger):
    asked = book.request_approval(planned(), (), 1000.0)
    approved = book.decide(f" {asked.id.upper()} ", A.APPROVED, "ann", 1010.0)
    used = book.decide(asked.id, A.USED, "host/1/abc", 1020.0)

    assert approved is not None
    assert (approved.expires_at, approved.decided_at, approved.decided_by) == (1010.0 + GOOD_FOR, 1010.0, "ann")
    assert used is not None
    assert (used.decided_by, used.decided_at) == ("ann", 1010.0), "the record names the person, not the program that acted"
    assert book.decide(asked.id, A.USED, "host/1/abc", 1021.0) is None
    assert book.request_approval(planned(), (), 1030.0).id != asked.id


def test_an_hour_later_it_is_worth_nothing(book: Ledger):
    asked = book.request_approval(planned(), (), 1000.0)
    book.decide(asked.id, A.APPROVED, "ann", 1010.0)
    assert book.decide(asked.id, A.USED, "me", 1010.0 + GOOD_FOR) is None
    assert book.approvals()[0].state is A.EXPIRED
    newer = book.request_approval(planned(), (), 5000.0)
    assert (newer.id != asked.id, newer.state) == (True, A.WAITING)
    book.decide(newer.id, A.APPROVED, "ann", 5000.0)
    third = book.request_approval(planned(), (), 9000.0)
    assert third.state is A.WAITING, "asking again finds out that time is up, too"
    assert [each.state for each in book.approvals()] == [A.EXPIRED, A.EXPIRED, A.WAITING]


def test_what_nobody_asks_for_any_more_is_withdrawn(book: Ledger):
    kept, gone, approved = (book.request_approval(planned(name), (), 1000.0) for name in ("kept", "gone", "approved"))
    book.decide(approved.id, A.APPROVED, "ann", 1001.0)
    assert book.withdraw_missing("other", [], 1002.0) == 0
    assert book.withdraw_missing(TARGET, [binding_of(planned("kept"))], 1002.0) == 1
    assert {each.id: each.state for each in book.approvals()} == {kept.id: A.WAITING, gone.id: A.WITHDRAWN, approved.id: A.APPROVED}
    assert book.withdraw_missing(TARGET, [], 1003.0) == 1
    assert book.request_approval(planned("gone"), (), 1004.0).id != gone.id


def test_an_unknown_id_and_another_hosts_id_are_not_found(database: Database):
    here, there = database.open(host="a"), database.open(host="b")
    asked = here.request_approval(planned(), (), 1000.0)
    for book, name in ((here, "zzzzz"), (there, asked.id)):
        with pytest.raises(NotFound, match=name):
            book.decide(name, A.APPROVED, "ann", 1001.0)
    assert there.approvals() == ()
    assert there.request_approval(planned(), (), 1000.0).id != asked.id, "approvals are bound to the host"
