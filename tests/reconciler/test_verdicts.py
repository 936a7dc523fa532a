"""When a repair counts as verified: its subjects are in order, by a look that began after the act; a drift under another name is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bench import Bench
from tests.support.panel import REMEDIES
from watchdog.model.drifts import Drift, Judgement, ObjectKey, Subject, UnknownSubject
from watchdog.model.repairs import Outcome, RepairRecord, RepairState, Risk
from watchdog.reconciler.verify import FreshLook, findings

TABLE = {remedy.name: remedy for remedy in REMEDIES}
KINDS = ("down", "ghost", "worn", "odd")


def drift(kind, name="a"):
    return Drift(kind, "toys", "toy", Subject("thing", name), "t", "b")


def record(*drifts, state=RepairState.SETTLING):
    keys = tuple(sorted(each.key for each in drifts))
    return RepairRecord(1, ObjectKey("toys", "toy", "daemon", "main"), "restart", {}, Risk.DISRUPTIVE, state, keys, "watchdog", 0.0)


def verdict(of, look, age):
    found = findings([(of, age)], look, TABLE, ())
    return found[0].state.value if found else None


def look(*drifts, unknown=(), ignored=(), view_age=0.0, truth_age=0.0):
    blind = tuple(UnknownSubject(Subject("thing", name), "hidden") for name in unknown)
    return FreshLook(Judgement(drifts, blind), view_age, truth_age, frozenset(each.key for each in ignored))


GHOST, OTHER = drift("ghost"), drift("ghost", "b")


@pytest.mark.parametrize(
    ("case", "of", "seen", "early", "settled", "late"),
    [
        ("all is well", [GHOST], look(), None, "verified", "verified"),
        ("still there", [GHOST], look(GHOST), None, None, "unverified"),
        ("its subject has a drift of another kind", [GHOST], look(drift("down")), None, None, "unverified"),
        ("one subject of two has a drift of another kind", [GHOST, OTHER], look(drift("worn", "b")), None, None, "unverified"),
        ("another subject has a drift", [GHOST], look(drift("down", "c")), None, "verified", "verified"),
        ("another kind, ignored", [GHOST], look(drift("odd"), ignored=[drift("odd")]), None, "verified", "verified"),
        ("ignored and one that is not", [GHOST], look(drift("odd"), drift("down"), ignored=[drift("odd")]), None, None, "unverified"),
        ("to ignore it is not to mend it", [GHOST], look(GHOST, ignored=[GHOST]), None, None, "unverified"),
        ("the subject is unknown", [GHOST], look(unknown=["a"]), None, None, None),
        ("one is unknown, one has a drift", [GHOST, OTHER], look(OTHER, unknown=["a"]), None, None, None),
        ("another subject is unknown", [GHOST], look(unknown=["c"]), None, "verified", "verified"),
        ("the panel was read before the act", [GHOST], look(view_age=1000.0), None, None, None),
        ("Docker was read before the act", [GHOST], look(truth_age=1000.0), None, None, None),
    ],
)
def test_verdicts_before_settling_after_its_least_and_after_its_longest_time(case, of, seen, early, settled, late):
    for state in (RepairState.SETTLING, RepairState.IN_DOUBT):
        given_now = [verdict(record(*of, state=state), seen, age) for age in (1.0, 10.0, 61.0)]
        assert given_now == [early, settled, late], case


def test_what_a_remedy_leaves_by_its_nature_does_not_speak_against_it():
    leaving = {**TABLE, "restart": replace(TABLE["restart"], leaves=("worn",))}
    of = record(GHOST)

    def judged(*drifts):
        return [each.state.value for each in findings([(of, 61.0)], look(*drifts), leaving, ())]

    assert judged(drift("worn")) == ["verified"]
    assert judged(drift("worn"), drift("down")) == ["unverified"]
    assert judged(GHOST) == ["unverified"]
    of = record(drift("worn"))
    assert judged(drift("worn")) == ["unverified"], "what it was for always counts"


DRIFTS = st.builds(drift, st.sampled_from(KINDS), st.sampled_from("abc"))


@given(
    of=st.sets(DRIFTS.map(lambda each: (each.kind, each.subject.id)), min_size=1),
    seen=st.lists(DRIFTS, max_size=6),
    unknown=st.sets(st.sampled_from("abc")),
    ignored=st.lists(DRIFTS, max_size=4),
    age=st.floats(0.1, 500.0),
)
def test_verified_means_that_nothing_unignored_is_seen_on_any_of_its_subjects(of, seen, unknown, ignored, age):
    mine = [drift(*each) for each in of]
    subjects = {each.subject.id for each in mine}
    said = verdict(record(*mine), look(*seen, unknown=sorted(unknown), ignored=ignored), age)
    if said is not None:
        assert not subjects & unknown
    bad = [each for each in seen if each.subject.id in subjects and each.key not in {other.key for other in ignored}]
    if said == "verified":
        assert not bad
        assert not {each.key for each in mine} & {each.key for each in seen}
    if said == "unverified":
        assert age >= TABLE["restart"].settle.max
        assert {each.subject.id for each in seen} & subjects


def stopping(bench):
    """Let the restart end the ghost by stopping the thing: the panel now believes it up, and it is down."""

    def restart(_repair, _act):
        bench.world.effect("restart", "daemon", lambda things: things["a"].update(up=False, believed="up"))
        return Outcome.done()

    bench.target._restart = restart


def test_a_ghost_that_became_a_stopped_thing_is_never_verified(bench):
    bench.world.add("a", believed="down")
    stopping(bench)
    bench.target._lift = lambda repair, act: Outcome.gave_up("no way")
    bench.run(50)
    restart = next(each for each in bench.ledger.repairs("toy") if each.remedy == "restart")
    assert restart.state is RepairState.SETTLING
    bench.run(60)
    restart = next(each for each in bench.ledger.repairs("toy") if each.remedy == "restart")
    assert restart.state is RepairState.UNVERIFIED
    assert "down is there instead" in restart.message


def test_it_is_verified_when_the_next_repair_brought_the_thing_up(bench):
    bench.world.add("a", believed="down")
    stopping(bench)
    bench.run(90)
    assert {each.remedy: each.state.value for each in bench.ledger.repairs("toy")} == {"restart": "verified", "lift": "verified"}


def test_a_drift_of_another_kind_that_a_person_ignores_does_not_hinder(ledger, clock):
    bench = Bench(ledger, clock=clock)
    bench.world.add("a", up=False)
    bench.ledger.ignore("*/odd/*", "known", None, "me", clock.now().wall)

    def odd(judgement):
        return replace(judgement, drifts=tuple(sorted((*judgement.drifts, drift("odd")), key=lambda each: each.key)), fine=())

    bench.target.extra = odd
    bench.run(60)
    assert bench.states() == ["verified"]
