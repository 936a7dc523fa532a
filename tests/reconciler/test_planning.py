"""The planner: tables of single decisions, and properties over any mix of drifts, modes, histories and approvals."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.panel import KINDS, REMEDIES
from watchdog.model.approvals import Approval, ApprovalState
from watchdog.model.drifts import Drift, Episode, ObjectKey, Proposal, Subject
from watchdog.model.moments import Moment
from watchdog.model.repairs import Mode, ObjectHistory, Risk
from watchdog.reconciler.planner import REASONS, Scene, plan, standing_approval
from watchdog.reconciler.policy import Policy

NOW = Moment(1_000_000.0, 5_000.0)
KIND_TABLE = {kind.name: kind for kind in KINDS}
REMEDY_TABLE = {remedy.name: remedy for remedy in REMEDIES}
REPAIR = Policy(mode=Mode.REPAIR)


def key(id_, kind="thing"):
    return ObjectKey("toys", "toy", kind, id_)


def episode(name, kind="down", remedy="lift", on=None, facts=None, parameters=None, hold=None, **more):
    proposal = Proposal(remedy, on or key(name), parameters or {}, {"version": "1"} if facts is None else facts) if remedy else None
    drift = Drift(kind, "toys", "toy", Subject("thing", name), "t", "b", {}, proposal, hold)
    return replace(Episode(abs(hash((name, kind))), drift, NOW.wall - 60, NOW.wall, 5, NOW.wall - 60, NOW.wall - 30), **more)


def scene(*episodes, **more):
    base = Scene("toy", episodes, KIND_TABLE, REMEDY_TABLE, REPAIR, NOW, gate_open=True, objects=1000)
    return replace(base, **more)


def approval(repair, state=ApprovalState.APPROVED, **more):
    made = Approval(
        "a1", "b", "toy", repair.proposal.remedy, repair.proposal.object, repair.proposal.parameters, repair.drift_keys, repair.risk.value,
        (),
        state, NOW.wall - 10, NOW.wall - 5, "me", NOW.wall + 3000,
    )  # fmt: skip
    return replace(made, **more)


def reasons(made):
    return [held.reason for held in made.held]


def test_many_drifts_behind_one_object_are_one_repair():
    ghosts = [episode(f"g{n}", "ghost", "restart", key("main", "daemon")) for n in range(50)]
    made = plan(scene(*ghosts, policy=replace(REPAIR, allow=frozenset({"restart"}))))
    (repair,) = made.repairs
    assert len(repair.drift_keys) == 50
    assert list(repair.drift_keys) == sorted(repair.drift_keys)
    assert repair.risk is Risk.DISRUPTIVE
    assert not repair.needs_approval
    assert made.held == ()


def test_of_two_remedies_for_one_object_the_safer_then_the_wider_is_taken():
    safe = episode("a", "down", "lift", key("x"))
    wild = episode("b", "rotten", "purge", key("x"))
    wide = [episode(n, "worn", "cycle", key("x"), parameters={"generation": 0}) for n in "cd"]
    made = plan(scene(wild, safe, *wide))
    (repair,) = made.repairs
    assert repair.proposal.remedy == "cycle"
    assert reasons(made) == ["other_remedy", "other_remedy"]


@pytest.mark.parametrize(
    ("drift", "reason"),
    [
        (episode("a", baseline=True), "baseline"),
        (episode("a", ignore_reason="known"), "ignored"),
        (episode("a", ignore_reason="known", ignored_until=NOW.wall + 1), "ignored"),
        (episode("a", remedy=None), "person"),
        (episode("a", hold="waits for the pull"), "waiting"),
        (episode("a", remedy="bless"), "no_remedy"),
    ],
)
def test_a_drift_that_asks_for_nothing_is_held_by_name(drift, reason):
    made = plan(scene(drift))
    assert made.repairs == ()
    assert reasons(made) == [reason]
    assert reason in REASONS


def test_an_ignore_that_is_over_holds_no_more():
    assert len(plan(scene(episode("a", ignore_reason="known", ignored_until=NOW.wall - 1))).repairs) == 1


@pytest.mark.parametrize(
    ("policy", "kind", "remedy", "facts", "asks"),
    [
        (REPAIR, "down", "lift", {"version": "1"}, False),
        (REPAIR, "ghost", "restart", {"version": "1"}, True),
        (replace(REPAIR, allow=frozenset({"restart"})), "ghost", "restart", {"version": "1"}, False),
        (replace(REPAIR, allow=frozenset({"restart"})), "ghost", "restart", {"version": "unknown"}, True),
        (replace(REPAIR, allow=frozenset({"purge"})), "rotten", "purge", {"version": "1"}, True),
        (REPAIR, "down", "lift", {"version": "unknown"}, True),
        (REPAIR, "down", "lift", {"version": "1", "wish": "unknown"}, True),
        (Policy(), "down", "lift", {"version": "1"}, True),
        (Policy(kinds={"down": Mode.REPAIR}), "down", "lift", {"version": "1"}, False),
        (replace(REPAIR, kinds={"down": Mode.APPROVE}), "down", "lift", {"version": "1"}, True),
    ],
)
def test_who_may_start_what(policy, kind, remedy, facts, asks):
    (repair,) = plan(scene(episode("a", kind, remedy, facts=facts), policy=policy)).repairs
    assert repair.needs_approval is asks


@pytest.mark.parametrize("policy", [Policy(mode=Mode.OBSERVE), replace(REPAIR, kinds={"down": Mode.OBSERVE})])
def test_observe_never_acts(policy):
    made = plan(scene(episode("a"), policy=policy))
    assert made.repairs == ()
    assert reasons(made) == ["observe"]


def test_a_risk_that_cannot_be_read_counts_as_destructive():
    remedies = {**REMEDY_TABLE, "lift": replace(REMEDY_TABLE["lift"], risk=lambda facts: facts["nowhere"])}
    (repair,) = plan(scene(episode("a"), remedies=remedies)).repairs
    assert repair.risk is Risk.DESTRUCTIVE
    assert repair.needs_approval


def test_the_worst_case_over_everything_it_touches_decides():
    daemon = key("main", "daemon")
    fine = [episode(f"g{n}", "ghost", "restart", daemon) for n in range(3)]
    bad = episode("h", "ghost", "restart", daemon, facts={"version": "unknown"})
    (repair,) = plan(scene(*fine, bad)).repairs
    assert repair.risk is Risk.DESTRUCTIVE
    assert repair.proposal.facts["version"] == "unknown"


def test_a_closed_gate_holds_what_needs_docker_and_nothing_else():
    made = plan(scene(episode("a"), episode("b", "rotten", "purge"), gate_open=False))
    assert [repair.proposal.remedy for repair in made.repairs] == ["purge"]
    assert reasons(made) == ["gate"]


@pytest.mark.parametrize("why", ["in_flight", "in_doubt"])
def test_an_object_with_an_unfinished_repair_is_left_alone(why):
    made = plan(scene(episode("a"), episode("b"), busy={key("a"): why}))
    assert [repair.proposal.object for repair in made.repairs] == [key("b")]
    assert reasons(made) == [why]


def test_history_holds_by_name():
    made = plan(scene(episode("a"), histories={key("a"): ObjectHistory(3, 3, NOW.wall - 9e5)}))
    assert reasons(made) == ["breaker"]
    assert "3 repairs in a row" in made.held[0].message


@pytest.mark.parametrize(
    ("objects", "drifting", "held"),
    [
        (200, 4, False),
        (200, 59, False),
        (200, 60, True),
        (10, 4, False),
        (10, 5, True),
        (5, 5, True),
        (4, 4, False),
        (16, 5, True),
        (17, 5, False),
    ],
)
def test_too_many_objects_at_once_hold_them_all(objects, drifting, held):
    made = plan(scene(*[episode(f"i{n:03}") for n in range(drifting)], objects=objects))
    assert (len(made.repairs) == 0) is held
    assert set(reasons(made)) == ({"too_many"} if held else set())


def test_repairs_under_way_count_among_the_many():
    drifts = [episode(f"i{n}") for n in range(3)]
    busy = {key(f"x{n}"): "in_flight" for n in range(2)}
    assert plan(scene(*drifts, objects=10, busy=busy)).repairs == ()


def test_one_target_wide_repair_is_never_too_many():
    ghosts = [episode(f"g{n}", "ghost", "restart", key("main", "daemon")) for n in range(200)]
    made = plan(scene(*ghosts, objects=200, policy=replace(REPAIR, allow=frozenset({"restart"}))))
    assert len(made.repairs) == 1


CAUSED = {"version": "1", "cause": "an outage that ended"}


def test_many_with_one_cause_that_is_over_are_mended_in_turn():
    drifts = [episode(f"i{n:02}", facts=CAUSED) for n in range(20)]

    made = plan(scene(*drifts, objects=20))

    assert [repair.proposal.object.id for repair in made.repairs] == ["i00"]
    assert reasons(made) == ["in_turn"] * 19


def test_the_next_waits_while_the_canary_is_not_proved():
    drifts = [episode(f"i{n:02}", facts=CAUSED) for n in range(20)]

    made = plan(scene(*drifts, objects=20, busy={key("i00"): "in_flight"}))

    assert made.repairs == ()
    assert sorted(set(reasons(made))) == ["in_flight", "in_turn"]


@pytest.mark.parametrize(("unverified", "ago", "again"), [(1, 1000, ["i00"]), (1, 10, []), (3, 9000, [])])
def test_a_canary_that_could_not_be_proved_stops_the_rest(unverified, ago, again):
    """It is tried again within its own bounds; nothing else is."""
    drifts = [episode(f"i{n:02}", facts=CAUSED) for n in range(20)]
    failed = ObjectHistory(attempts=unverified, unverified=unverified, last_attempt_at=NOW.wall - ago, attempts_last_hour=1)

    made = plan(scene(*drifts, objects=20, histories={key("i00"): failed}))

    assert [repair.proposal.object.id for repair in made.repairs] == again
    assert reasons(made).count("canary") == 19


def test_a_known_cause_does_not_free_those_without_one():
    drifts = [episode(f"i{n:02}", facts=CAUSED) for n in range(20)] + [episode(f"x{n:02}") for n in range(20)]

    made = plan(scene(*drifts, objects=40))

    assert [repair.proposal.object.id for repair in made.repairs] == ["i00"]
    assert reasons(made).count("too_many") == 20
    assert reasons(made).count("in_turn") == 19


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_with_a_cause_are_mended_in_turn_too(count):
    made = plan(scene(*[episode(f"i{n}", facts=CAUSED) for n in range(count)], objects=10))

    assert [repair.proposal.object.id for repair in made.repairs] == ["i0"]
    assert reasons(made) == ["in_turn"] * (count - 1)


def test_few_without_a_cause_are_mended_at_once():
    assert len(plan(scene(*[episode(f"i{n}") for n in range(4)], objects=10)).repairs) == 4


def test_two_causes_are_mended_one_repair_at_a_time_all_the_same():
    other = {**CAUSED, "cause": "another outage"}
    made = plan(scene(episode("a", facts=CAUSED), episode("b", facts=other), objects=10))

    assert [repair.proposal.object.id for repair in made.repairs] == ["a"]


@pytest.mark.parametrize(("attempts", "free"), [((1, 1, 2), True), ((1, 1, 1, 1, 1), False), ((5,), False), ((4,), True)])
def test_one_incident_has_one_budget(attempts, free):
    """Attempts that were put off count together: each object must not try for itself until all have."""
    drifts = [episode(f"i{n:02}", facts=CAUSED) for n in range(20)]
    histories = {key(f"i{n:02}"): ObjectHistory(count, 0, NOW.wall - 5000, None, NOW.wall + 900) for n, count in enumerate(attempts)}

    made = plan(scene(*drifts, objects=20, histories=histories))

    assert len(made.repairs) == free
    assert ("incident" in reasons(made)) is not free


def test_a_budget_that_is_spent_holds_no_other_incident():
    spent = [episode(f"i{n}", facts=CAUSED) for n in range(3)]
    other = episode("x", facts={**CAUSED, "cause": "another outage"})
    histories = {key("i0"): ObjectHistory(5, 0, NOW.wall - 5000)}

    made = plan(scene(*spent, other, objects=20, histories=histories))

    assert [repair.proposal.object.id for repair in made.repairs] == ["x"]


def test_an_object_in_doubt_holds_up_its_own_incident_and_no_other():
    drifts = [episode("i0", facts=CAUSED), episode("i1", facts=CAUSED), episode("x", facts={**CAUSED, "cause": "another outage"})]

    made = plan(scene(*drifts, objects=20, busy={key("i0"): "in_doubt"}))

    assert [repair.proposal.object.id for repair in made.repairs] == ["x"]


def test_what_a_person_approved_is_neither_counted_nor_held_as_too_many():
    drifts = [episode(f"i{n}") for n in range(6)]
    asked = plan(scene(*drifts, objects=6, policy=Policy()))
    approvals = tuple(approval(repair, id=f"a{n}") for n, repair in enumerate(asked.repairs))
    made = plan(scene(*drifts, objects=6, policy=Policy(), approvals=approvals))
    assert [repair.approval_id for repair in made.repairs] == [f"a{n}" for n in range(6)]


def asked_for(*episodes, **more):
    (repair,) = plan(scene(*episodes, policy=Policy(), **more)).repairs
    return repair


def test_an_approval_holds_over_changed_facts_and_not_over_changed_parameters_object_or_remedy():
    worn = episode("a", "worn", "cycle", parameters={"generation": 1}, facts={"version": "1", "age": 5})
    given = approval(asked_for(worn))

    def standing(changed):
        return asked_for(changed, approvals=(given,)).approval_id

    assert standing(worn) == "a1"
    assert standing(episode("a", "worn", "cycle", parameters={"generation": 1}, facts={"version": "1", "age": 500})) == "a1"
    assert standing(episode("a", "worn", "cycle", parameters={"generation": 2})) is None
    assert standing(episode("a", "worn", "cycle", on=key("z"), parameters={"generation": 1})) is None
    assert standing(episode("a", "worn", "lift", parameters={"generation": 1})) is None
    assert standing(episode("b", "worn", "cycle", on=key("a"), parameters={"generation": 1})) is None


def test_an_approval_covers_fewer_drifts_and_never_more_and_never_a_higher_risk():
    daemon = key("main", "daemon")
    one, two = (episode(n, "ghost", "restart", daemon) for n in "ab")
    wild = episode("a", "ghost", "restart", daemon, facts={"version": "unknown"})
    both = approval(asked_for(one, two))
    assert asked_for(one, approvals=(both,)).approval_id == "a1"
    assert asked_for(one, two, approvals=(approval(asked_for(one)),)).approval_id is None
    assert asked_for(wild, approvals=(approval(asked_for(one)),)).approval_id is None


@pytest.mark.parametrize("state", [state for state in ApprovalState if state is not ApprovalState.APPROVED])
def test_only_an_approved_and_unexpired_approval_counts(state):
    repair = asked_for(episode("a"))
    assert standing_approval(repair, (approval(repair, state),), NOW) is None
    assert standing_approval(repair, (approval(repair, expires_at=NOW.wall),), NOW) is None
    assert standing_approval(repair, (approval(repair),), NOW) is not None
    assert standing_approval(repair, (approval(repair),), NOW, NOW.wall - 5) is None, "asked for before this incident began"


def test_a_rejected_repair_is_not_asked_again_until_the_drift_comes_back_anew():
    repair = asked_for(episode("a"))
    rejected = approval(repair, ApprovalState.REJECTED)
    assert reasons(plan(scene(episode("a"), policy=Policy(), approvals=(rejected,)))) == ["rejected"]
    assert plan(scene(episode("a", first_seen=NOW.wall - 1), policy=Policy(), approvals=(rejected,))).repairs


def test_an_approval_starts_what_the_breaker_held():
    tired = {key("a"): ObjectHistory(9, 9, NOW.wall - 9999, attempts_last_hour=9)}
    given = approval(asked_for(episode("a")))
    assert plan(scene(episode("a"), histories=tired)).repairs == ()
    assert plan(scene(episode("a"), histories=tired, approvals=(given,))).repairs[0].approval_id == "a1"


facts_s = st.fixed_dictionaries({"version": st.sampled_from(["1", "unknown"]), "wish": st.sampled_from(["running", "unknown"])})
episode_s = st.builds(
    lambda name, pair, on, facts, parameter, baseline, hold: episode(
        name, pair[0], pair[1], key(*on), facts, {"generation": parameter}, hold, baseline=baseline
    ),
    st.text("abcdef", min_size=1, max_size=2),
    st.sampled_from([("down", "lift"), ("ghost", "restart"), ("worn", "cycle"), ("rotten", "purge"), ("odd", None)]),
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from(["thing", "daemon"])),
    facts_s,
    st.integers(0, 1),
    st.booleans(),
    st.none() | st.just("waits"),
)
object_s = st.builds(key, st.sampled_from("uvwxyz"), st.sampled_from(["thing", "daemon"]))
mode_s = st.sampled_from(list(Mode))
history_s = st.builds(
    ObjectHistory, st.integers(0, 7), st.integers(0, 4), st.none() | st.floats(NOW.wall - 9e3, NOW.wall), st.none(),
    st.none() | st.floats(NOW.wall - 100, NOW.wall + 100), st.integers(0, 8),
)  # fmt: skip
scene_s = st.builds(
    lambda episodes, mode, kinds, allow, gate, objects, histories, busy: scene(
        *{e.drift.key: e for e in episodes}.values(),
        policy=Policy(mode, kinds, frozenset(allow)), gate_open=gate, objects=objects, histories=histories, busy=busy,
    ),
    st.lists(episode_s, max_size=12),
    mode_s,
    st.dictionaries(st.sampled_from(list(KIND_TABLE)), mode_s),
    st.sets(st.sampled_from(list(REMEDY_TABLE))),
    st.booleans(),
    st.integers(0, 60),
    st.dictionaries(object_s, history_s),
    st.dictionaries(object_s, st.sampled_from(["in_flight", "in_doubt"])),
)  # fmt: skip


@given(scene_s)
@settings(max_examples=400, deadline=None)
def test_whatever_the_scene_the_promises_hold(given_scene):
    made = plan(given_scene)
    policy = given_scene.policy
    objects = [repair.proposal.object for repair in made.repairs]
    assert len(objects) == len(set(objects)), "never two repairs on one object"

    placed = [drift_key for repair in made.repairs for drift_key in repair.drift_keys] + [held.drift_key for held in made.held]
    assert sorted(placed) == sorted(e.drift.key for e in given_scene.episodes), "every drift is in exactly one place"
    assert {held.reason for held in made.held} <= set(REASONS)

    by_key = {e.drift.key: e for e in given_scene.episodes}
    for repair in made.repairs:
        members = [by_key[drift_key] for drift_key in repair.drift_keys]
        assert all(policy.mode_of(e.drift.kind) is not Mode.OBSERVE for e in members), "never in observe"
        assert not any(e.baseline for e in members)
        assert repair.proposal.object not in given_scene.busy
        assert given_scene.gate_open or not REMEDY_TABLE[repair.proposal.remedy].needs_docker
        if not repair.needs_approval:
            assert repair.risk is not Risk.DESTRUCTIVE, "destructive never without an approval"
            assert all(policy.mode_of(e.drift.kind) is Mode.REPAIR for e in members)
            assert all(e.drift.proposal.facts["wish"] != "unknown" for e in members)
            assert repair.risk is Risk.SAFE or repair.proposal.remedy in policy.allow
    alone = [repair for repair in made.repairs if not repair.needs_approval]
    assert len(alone) < policy.bounds.many(given_scene.objects)


@given(scene_s, st.integers())
@settings(deadline=None)
def test_the_order_of_what_was_seen_changes_nothing(given_scene, seed):
    shuffled = list(given_scene.episodes)
    random.Random(seed).shuffle(shuffled)
    assert plan(replace(given_scene, episodes=tuple(shuffled))) == plan(given_scene)
