"""Which ends are against the wish: only those that we witnessed, that nobody asked for, and that nobody else mends. Pure."""

from dataclasses import replace

import pytest

from tests.support.containers import NOW, Scene, box, ended, hand, service, settings, told
from watchdog.model.docker import EventStream, Gate

DIED = (told("die", "web", 300.0, 1),)
RUNNING = {"panel-watchdog.heal": "true", "panel-watchdog.heal.expect": "running"}
ANY = RUNNING | {"panel-watchdog.heal.expect": "any"}


def test_a_crash_that_nobody_asked_for_is_mended_by_a_start():
    scene = Scene([ended(code=3)], DIED)
    drift = scene.drift()
    assert drift.kind == "container_exited" and drift.proposal.remedy == "start_container" and drift.hold is None
    assert drift.proposal.parameters == {"container": drift.proposal.parameters["container"], "name": "web", "ended": NOW.wall - 300}
    assert drift.proposal.facts == {"wish": "known"} and drift.evidence["exit_code"] == 3 and drift.evidence["ended"] == "itself"


@pytest.mark.parametrize(
    ("code", "labels", "found"),
    [(0, {"panel-watchdog.heal": "true"}, False), (0, RUNNING, True), (1, ANY, False), (137, {"panel-watchdog.heal": "true"}, True)],
)
def test_what_counts_as_wrong_is_what_is_expected(code, labels, found):
    assert bool(Scene([ended(code=code, labels=labels)], (told("die", "web", 300.0, code),)).drift()) is found


@pytest.mark.parametrize("expect", ["auto", "running"])
@pytest.mark.parametrize(
    "events",
    [
        hand(),
        (told("kill", "web", 300.1), told("die", "web", 300.0, 137)),
        (told("kill", "web", 850.0), told("die", "web", 300.0, 0)),
        (told("die", "web", 300.0, 143), told("stop", "web", 280.0)),
    ],
    ids=["docker stop", "docker kill", "a signal long before", "a stop told later"],
)
def test_a_persons_stop_is_no_drift_whatever_is_expected(events, expect):
    scene = Scene([ended(code=143)], events, settings(rules=[{"name": "*", "expect": expect}]))
    scene.containers[0] = replace(scene.containers[0], labels={})
    assert scene.drift() is None
    assert scene.look().fine


@pytest.mark.parametrize(
    "change",
    [
        {"events": ()},
        {"stream": EventStream(connected=True, connected_at=NOW.wall - 310.0)},
        {"stream": EventStream(connected=True, connected_at=NOW.wall - 10.0, dropped_at=NOW.wall - 60.0, reconnects=1)},
        {"stream": EventStream(connected=False, connected_at=NOW.wall - 9000.0, dropped_at=NOW.wall - 60.0)},
        {"engine_started_at": NOW.wall - 290.0},
        {"events_since": NOW.wall - 100.0},
        {"events_since": None},
        {"containers": [ended(code=255, ago=300.0, finished_at=None)]},
    ],
    ids=[
        "no event",
        "just connected",
        "reconnected since",
        "deaf",
        "Docker restarted",
        "events do not reach back",
        "reach unknown",
        "no time",
    ],
)
def test_an_end_that_nobody_witnessed_is_never_undone_by_us_alone(change):
    scene = Scene([ended(code=1)], DIED)
    for name, value in change.items():
        setattr(scene, name, value)
    assert scene.drift() is None, "left alone"
    scene.containers = [replace(scene.containers[0], labels=RUNNING)]
    drift = scene.drift()
    assert drift.kind == "container_exited" and drift.proposal.facts == {"wish": "unknown"}, "a person is asked"


def test_what_was_witnessed_outlives_the_events_and_a_hand_that_is_told_later_counts():
    scene = Scene([ended(code=1)], DIED)
    assert scene.drift()
    scene.events, scene.stream = (), EventStream(connected=True, connected_at=NOW.wall)
    assert scene.drift().proposal.facts == {"wish": "known"}
    scene.events = hand()
    assert scene.drift() is None
    scene.events = ()
    assert scene.drift() is None


@pytest.mark.parametrize(("after", "found"), [(-3.0, True), (3.0, False), (50.0, False), (70.0, True), (-200.0, True)])
def test_only_a_start_of_docker_right_after_an_end_explains_it(after, found):
    scene = Scene([ended(code=1)], DIED, engine_started_at=NOW.wall - 300.0 + after)
    scene.look()
    scene.now = replace(scene.now, wall=scene.now.wall + 200)
    assert bool(scene.drift()) is found


def test_a_short_life_is_witnessed_when_we_listened_through_it():
    brief = ended(code=1, ago=300.0, started_at=NOW.wall - 305.0)
    scene = Scene([brief], (told("start", "web", 305.0), *DIED))
    scene.stream = EventStream(connected=True, connected_at=NOW.wall - 320.0)
    assert scene.drift()


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
def test_a_restart_policy_is_dockers_own_wish(policy):
    drift = Scene([ended(code=1, restart_policy=policy)], DIED).drift()
    assert drift.proposal is None and f"'{policy}'" in drift.hold


def test_what_we_stopped_ourselves_and_did_not_come_up_is_ours_to_start():
    scene = Scene([box(health="unhealthy")])
    scene.look()
    scene.containers = [ended(code=137, ago=30.0, restart_policy="always")]
    scene.events = hand("web", 30.0)
    scene.ours("restart_container", 45.0)
    drift = scene.drift()
    assert drift.kind == "container_exited" and drift.proposal.remedy == "start_container" and drift.evidence["ended"] == "ours"
    assert drift.proposal.facts == {"wish": "known"}
    scene.containers = [ended(code=0, ago=30.0, started_at=NOW.wall - 40.0)]
    scene.facts = replace(scene.facts, memory={})
    judgement = scene.look(150.0)
    assert not judgement.drifts and judgement.fine, "it had come up after our restart: this stop is a person's"


def test_without_the_network_that_it_shares_a_start_waits():
    vpn = ended("vpn", code=0)
    guest = ended("guest", network_mode=f"container:{vpn.id}")
    scene = Scene([vpn, guest], (told("die", "guest", 300.0, 1), *hand("vpn", 300.0)))
    assert "'vpn', which does not run" in scene.drift().hold


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((told("create", "web", 60.0),), "deploy"),
        ((told("rename", "web", 60.0),), "deploy"),
        ((told("destroy", "db", 60.0, **service("db")),), "deploy"),
        ((told("destroy", "guest", 60.0, **service("guest")),), None),
        ((told("create", "x", 60.0, **service("web"), **{"com.docker.compose.oneoff": "True"}),), None),
        ((told("create", "web", 130.0),), None),
        ((told("unpause", "web", 60.0),), "touched"),
        ((told("restart", "web", 60.0),), "touched"),
        ((told("kill", "web", 60.0),), "touched"),
        ((told("health_status: unhealthy", "web", 60.0),), None),
    ],
)
def test_after_a_deploy_or_a_hand_nothing_is_judged_for_a_while(events, reason):
    ill = box(health="unhealthy", labels=service("web", "db:service_started:false"))
    judgement = Scene([ill, box("db", labels=service("db"))], events).look()
    assert [each.reason for each in judgement.unknown] == ([reason] if reason else [])
    assert bool(judgement.drifts) is (reason is None)


def test_after_a_start_of_docker_nothing_is_judged_for_a_while_but_what_is_well_is_well():
    scene = Scene([box(health="unhealthy"), box("db")], engine_started_at=NOW.wall - 60.0)
    judgement = scene.look()
    assert [each.reason for each in judgement.unknown] == ["engine_started"] and [str(each) for each in judgement.fine] == ["container/db"]
    assert scene.look(90.0).drifts


def test_our_own_hand_is_no_touch():
    scene = Scene([box(health="unhealthy")], (*hand("web", 60.0), told("start", "web", 59.0), told("restart", "web", 58.9)))
    assert not scene.look().drifts
    scene.ours("restart_container", 61.0)
    assert scene.look().drifts


def test_an_ordinary_deploy_is_no_drift_from_its_first_to_its_last_event():
    labels = service("web")
    old, new = box("web", labels=labels), box("web", id="f" * 64, labels=labels, started_at=NOW.wall - 1, health="starting")
    scene = Scene([old])
    scene.look()
    stopping = tuple(replace(event, labels=labels) for event in hand("web", 4.0))
    scene.events = (told("create", "abc_web", 5.0, **labels), *stopping)
    scene.containers = [ended("web", code=143, ago=4.0, labels=labels), replace(new, name="abc_web", state="created")]
    assert not scene.look().drifts
    scene.containers, scene.events = [], (*scene.events, told("destroy", "web", 3.0, **labels))
    assert not scene.look().drifts
    scene.containers = [new]
    assert not scene.look().drifts
    scene.containers = [replace(new, health="unhealthy")]
    assert [each.reason for each in scene.look().unknown] == ["deploy"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gate": Gate(open=False)}, "gate_closed"),
        ({"docker_error": "Unreachable"}, "docker_stale"),
        ({"docker_age": 600.0}, "docker_stale"),
    ],
)
def test_what_cannot_be_seen_is_unknown_and_nothing_is_forgotten(change, reason):
    scene = Scene([box(health="unhealthy"), ended("db")], (told("die", "db", 300.0, 1),))
    kept = scene.look()
    assert len(kept.drifts) == 2
    for name, value in change.items():
        setattr(scene, name, value)
    blind = scene.look()
    assert not blind.drifts and not blind.fine and blind.memory == kept.memory
    subjects = ["container/db", "container/web", "engine/docker"]
    assert [(str(each.subject), each.reason) for each in blind.unknown] == [(subject, reason) for subject in subjects]


def test_a_container_without_its_details_is_unknown():
    assert [each.reason for each in Scene([box(health="unhealthy", restart_count=None)]).look().unknown] == ["not_inspected"]
    assert [each.reason for each in Scene([box(state="removing")]).look().unknown] == ["removing"]


def test_a_memory_that_cannot_be_read_is_none():
    scene = Scene([box(health="unhealthy")])
    scene.facts = replace(scene.facts, memory={"c:web": "[1,2", "c:gone": 5, "other": "x"})
    judgement = scene.look()
    assert judgement.drifts and set(judgement.memory) == {"c:web"}
