"""Which containers are unhealthy, in a loop or cut off, and what is proposed, waited for or left to somebody else. Pure."""

from dataclasses import replace

import pytest

from tests.support.containers import NOW, Scene, box, ended, hand, id_of, service, settings, told
from watchdog.model.docker import Mount
from watchdog.panels.containers.drift import KINDS
from watchdog.panels.containers.view import ContainersView, Ourselves

ILL = {"health": "unhealthy"}
LOOP = tuple(event for ago in (400.0, 300.0, 200.0) for event in (told("die", "web", ago, 2), told("start", "web", ago - 1)))
OOMS = tuple(event for ago in (1500.0, 400.0) for event in (told("oom", "web", ago), told("die", "web", ago - 0.1, 137)))


def test_the_kinds_are_these():
    assert [kind.name for kind in KINDS] == [
        "container_unhealthy", "container_exited", "container_restart_loop", "container_oom_loop", "container_dependent_detached",
    ]  # fmt: skip


def test_what_is_well_is_fine():
    for each in (box(), box(health=None), box(health="starting"), box(state="created", health=None, started_at=None)):
        judgement = Scene([each]).look()
        assert [str(subject) for subject in judgement.fine] == ["container/web"] and not judgement.drifts


def test_an_unhealthy_container_is_restarted_with_the_last_words_of_its_check_as_evidence():
    scene = Scene([box(**ILL)])
    scene.says("curl: (28) timed out after 5001 ms")
    drift = scene.drift()
    assert drift.kind == "container_unhealthy" and drift.key == "containers/plain/container_unhealthy/container/web"
    assert drift.evidence == {"container": id_of("web")[:12], "output": "curl: (28) timed out after 5001 ms", "check_code": 1}
    assert drift.proposal.remedy == "restart_container" and drift.hold is None
    assert drift.proposal.parameters == {
        "container": id_of("web"), "name": "web", "began": NOW.wall - 3600, "reason": "unhealthy", "grace": None, "dependents": "",
    }  # fmt: skip
    assert drift.proposal.facts["strangers"] == 0


def test_evidence_stands_while_only_numbers_move_and_follows_new_words():
    scene = Scene([box(**ILL)])
    said = []
    for output in ("took 5001 ms", "took 5017 ms", "", "refused"):
        scene.says(output)
        said.append(scene.drift().evidence["output"])
    assert said == ["took 5001 ms", "took 5001 ms", "took 5001 ms", "refused"]


def test_the_start_of_docker_is_the_cause_only_for_what_was_never_well_since():
    started = NOW.wall - 300.0
    assert Scene([box(**ILL)], engine_started_at=started).drift().proposal.facts["cause"].startswith("Docker was started at ")
    fell = Scene([box()], engine_started_at=started)
    assert fell.drift() is None
    fell.containers, fell.engine_started_at = [box(**ILL)], started + 2.0  # told from another clock's tick
    assert "cause" not in fell.drift().proposal.facts, "it was well under this Docker"
    fell.engine_started_at = NOW.wall + 10.0
    fell.containers = [box(health="starting")]
    assert [each.reason for each in fell.look(200.0).unknown] == ["starting"]
    fell.containers = [box(**ILL)]
    assert "cause" not in fell.drift().proposal.facts, "ill before this start, too"
    late = Scene([box(**ILL)], engine_started_at=NOW.wall - 700.0)
    assert "cause" not in late.drift().proposal.facts


@pytest.mark.parametrize(
    "each",
    [
        box(**ILL, state="paused"),
        ended(code=0),  # an exited container keeps a stale "unhealthy" at Docker's; the collector does not pass it on
        box(**ILL, labels={}),
        box(**ILL, labels={"panel-watchdog.heal": "false"}),
        box(**ILL, labels={"autoheal": "true"}),
        box(**ILL, labels={"panel-watchdog.heal": "true", "mcsmanager.instance.uuid": "c0ffee"}),
        box(**ILL, labels={"panel-watchdog.heal": "true", "Service": "Pterodactyl"}),
        box(**ILL, labels={"panel-watchdog.heal": "true", "com.docker.swarm.service.name": "web"}),
        box(**ILL, labels={"panel-watchdog.heal": "true", "com.docker.compose.oneoff": "True"}),
    ],
    ids=["paused", "exited", "not opted in", "opted out", "autoheal's label", "MCSManager's", "Wings'", "Swarm's", "a one-off run"],
)
def test_these_are_left_alone(each):
    assert Scene([each]).drift() is None


@pytest.mark.parametrize(
    ("more", "labels"),
    [
        ({"compat_labels": True}, {"autoheal": "true"}),
        ({"rules": [{"name": "we*"}]}, {}),
        ({"rules": [{"image": "nginx:*"}]}, {}),
        ({"rules": [{"labels": {"tier": "fr*"}}]}, {"tier": "front"}),
        ({"rules": [{"name": "web", "heal": False}]}, {"panel-watchdog.heal": "true"}),
    ],
)
def test_these_opt_in(more, labels):
    assert Scene([box(**ILL, labels=labels)], settings=settings(**more)).drift().kind == "container_unhealthy"


@pytest.mark.parametrize(
    ("more", "labels"),
    [
        ({"rules": [{"name": "db*"}, {"image": "redis"}]}, {}),
        ({"rules": [{"name": "web", "image": "redis"}]}, {}),
        ({"rules": [{"name": "web", "heal": False}, {"name": "*"}]}, {}),
        ({"rules": [{"name": "*"}]}, {"panel-watchdog.heal": "false"}),
        ({"rules": [{"name": "*"}], "never": ["w?b"]}, {}),
        ({"compat_labels": True}, {"autoheal": "false"}),
        ({"compat_labels": True}, {"autoheal": "true", "panel-watchdog.heal": "no"}),
    ],
)
def test_these_do_not(more, labels):
    assert Scene([box(**ILL, labels=labels)], settings=settings(**more)).drift() is None


@pytest.mark.parametrize(
    ("more", "labels", "grace"),
    [
        ({}, {}, None),
        ({"stop_timeout": "45s"}, {}, 45.0),
        ({}, {"panel-watchdog.heal.stop-timeout": "90"}, 90.0),
        ({"compat_labels": True}, {"autoheal.stop.timeout": "20"}, 20.0),
        ({}, {"autoheal.stop.timeout": "20"}, None),
        ({}, {"panel-watchdog.heal.stop-timeout": "soon"}, None),
        ({}, {"panel-watchdog.heal.stop-timeout": "86400"}, 600.0),
    ],
)
def test_the_grace_is_the_containers_own_unless_somebody_says_otherwise(more, labels, grace):
    scene = Scene([box(**ILL, labels={"panel-watchdog.heal": "true", **labels})], settings=settings(**more))
    assert scene.drift().proposal.parameters["grace"] == grace


def test_never_ourselves_and_never_the_door_to_docker():
    doors = [
        (Ourselves(id=id_of("web")), box(**ILL)),
        (Ourselves(doors=("web",)), box(**ILL)),
        (Ourselves(through_proxy=True), box(**ILL, mounts=(Mount("/var/run/docker.sock", "/var/run/docker.sock"),))),
        (Ourselves(through_proxy=True), box(**ILL, mounts=(Mount("/run/docker.sock", "/x", writable=False),))),
    ]
    for ourselves, each in doors:
        assert Scene([each], view=ContainersView(ourselves=ourselves)).drift() is None
    # with Docker's own socket in hand, who else holds it is no door of ours
    held = box(**ILL, mounts=(Mount("/var/run/docker.sock", "/s"),))
    assert Scene([held], view=ContainersView(ourselves=Ourselves())).drift().proposal


def test_what_shares_a_network_with_us_is_not_cut_off():
    us = box("us", health=None, network_mode=f"container:{id_of('vpn')}", labels={})
    vpn = box("vpn", **ILL)
    drift = Scene([vpn, us], view=ContainersView(ourselves=Ourselves(id=us.id))).drift()
    assert drift.proposal is None and "'us' shares its network" in drift.hold
    drift = Scene([vpn, us], settings=settings(never=["u*"])).drift()
    assert drift.proposal is None and "`never` names it" in drift.hold


@pytest.mark.parametrize(
    ("label", "labels", "borne", "stands_back"),
    [
        ("autoheal", {"autoheal": "true"}, frozenset(), True),
        ("autoheal", {}, frozenset(), False),
        ("autoheal", {"autoheal": "false"}, frozenset(), False),
        ("*", {}, frozenset(), True),
        ("", {}, frozenset(), True),
        ("own.label", {}, frozenset({"own.label"}), True),
        ("own.label", {}, frozenset(), False),
    ],
)
def test_another_healer_beside_us_is_left_to_what_it_does(label, labels, borne, stands_back):
    scene = Scene([box(**ILL, labels={"panel-watchdog.heal": "true", **labels})])
    scene.says("down", healers=borne)
    scene.beside("healer", label)
    drift = scene.drift()
    assert (drift.proposal is None) is stands_back
    assert not stands_back or "'healer' runs beside us" in drift.hold


def test_it_stays_ill_until_it_was_seen_healthy():
    scene = Scene([box(**ILL)])
    assert scene.drift()
    scene.containers = [box(health="starting", started_at=NOW.wall - 5)]
    assert [each.reason for each in scene.look().unknown] == ["starting"]
    scene.containers = [box(state="paused")]
    assert [each.reason for each in scene.look().unknown] == ["paused"]
    scene.containers = [box()]
    assert scene.look().fine
    scene.containers = [box(health="starting")]
    assert scene.look().fine, "it was healthy in between"


def test_a_container_made_anew_and_one_that_somebody_stopped_begin_well():
    scene = Scene([box(**ILL)])
    scene.look()
    scene.containers = [box(id=id_of("new"), health="starting")]
    assert scene.look().fine, "another container of that name"
    scene.containers = [box(**ILL)]
    scene.look()
    scene.containers, scene.events = [ended(code=143)], hand()
    scene.look()
    scene.containers = [box(health="starting")]
    assert scene.look().fine, "somebody stopped it, and somebody started it"


def test_what_is_paused_is_in_no_loop():
    assert Scene([box(state="paused")], LOOP).drift() is None


def test_what_has_gone_while_ill_is_not_called_mended_at_once():
    scene = Scene([box(**ILL), box("db")])
    scene.look()
    scene.containers = [box("db")]
    assert [(str(each.subject), each.reason) for each in scene.look(30.0).unknown] == [("container/web", "vanished")]
    later = scene.look(60.0)
    assert not later.unknown and [str(each) for each in later.fine] == ["container/db"] and "c:web" not in later.memory


def test_a_restart_loop_is_never_fed():
    for each in (box(restart_policy="always"), box(state="restarting", health=None, restart_policy="always"), box(**ILL)):
        judgement = Scene([each], LOOP).look()
        loop = next(drift for drift in judgement.drifts if drift.kind == "container_restart_loop")
        assert loop.evidence["exit_code"] == 2 and all(drift.proposal is None and drift.hold for drift in judgement.drifts)
    assert {drift.kind for drift in judgement.drifts} == {"container_restart_loop", "container_unhealthy"}
    assert "want of memory" in Scene([box(oom_killed=True)], LOOP).drift().hold


def test_an_oom_loop_is_never_fed():
    judgement = Scene([ended(code=137, ago=399.9, oom_killed=True)], OOMS).look()
    assert [drift.kind for drift in judgement.drifts] == ["container_exited", "container_oom_loop"]
    assert all(drift.proposal is None and "memory" in drift.hold for drift in judgement.drifts)


def test_kills_of_one_run_after_the_other_are_counted_however_close():
    events = tuple(
        event for ago in (303.0, 301.0) for event in (told("oom", "web", ago), told("die", "web", ago), told("start", "web", ago - 1))
    )
    assert Scene([box()], events).drift().kind == "container_oom_loop"


@pytest.mark.parametrize(
    "events",
    [
        LOOP[:4],
        tuple(event for ago in (500.0, 400.0, 300.0, 200.0) for event in (*hand("web", ago), told("start", "web", ago - 1))),
        tuple(replace(event, at=event.at - 3600) for event in LOOP),
        (told("oom", "web", 300.0), told("oom", "web", 299.0), told("oom", "web", 298.0)),
        tuple(told("oom", "web", ago + 3600) for ago in (300.0, 200.0, 100.0)),
    ],
    ids=["two deaths", "a person's restarts", "long ago", "one kill told three times", "kills long ago"],
)
def test_these_are_no_loops(events):
    assert Scene([box()], events).drift() is None


def test_who_shares_a_network_that_was_started_anew_is_cut_off():
    vpn = box("vpn", started_at=NOW.wall - 200)
    guest = box("guest", network_mode=f"container:{vpn.id}", started_at=NOW.wall - 3000)
    drift = Scene([vpn, guest]).drift()
    assert drift.kind == "container_dependent_detached" and drift.proposal.remedy == "restart_container" and drift.hold is None
    assert drift.proposal.parameters["reason"] == "detached" and drift.evidence["shares"] == "vpn"
    assert Scene([replace(vpn, started_at=NOW.wall - 3600), guest]).drift() is None
    assert Scene([replace(vpn, started_at=None), guest]).drift() is None, "nobody knows"
    by_name = replace(guest, network_mode="container:vpn")
    assert Scene([vpn, by_name]).drift().kind == "container_dependent_detached"


def test_who_shares_a_network_that_has_gone_must_be_made_anew_by_a_person():
    guest = box("guest", network_mode=f"container:{id_of('old vpn')}", labels=service("guest"))
    drift = Scene([box("vpn"), guest]).drift()
    assert drift.kind == "container_dependent_detached" and drift.proposal is None and "docker compose up -d guest" in drift.hold


def test_who_is_taken_along_by_the_repair_of_another_is_waited_for():
    vpn = box("vpn", started_at=NOW.wall - 20)
    scene = Scene([vpn, box("guest", network_mode=f"container:{vpn.id}")])
    scene.ours("restart_container", 60.0, "vpn")
    assert "takes it along" in scene.drift().hold
    scene.now = replace(scene.now, wall=scene.now.wall + 300)
    assert scene.drift().hold is None


def test_those_that_share_its_network_follow_in_order_and_strangers_make_it_a_question():
    vpn = box("vpn", **ILL)
    guests = [box(name, network_mode=f"container:{vpn.id}") for name in ("b-guest", "a-guest")]
    stopped = ended("c-guest", network_mode=f"container:{vpn.id}", code=0)
    scene = Scene([vpn, *guests, stopped])
    proposal = scene.drift().proposal
    assert proposal.parameters["dependents"] == f"{id_of('a-guest')} {id_of('b-guest')}" and proposal.facts["strangers"] == 0
    scene.containers[1] = replace(guests[0], labels={})
    assert scene.drift().proposal.facts["strangers"] == 1


def test_compose_services_that_must_follow_do_and_others_do_not():
    db = box("shop-db-1", **ILL, labels=service("db"))
    app = box("shop-app-1", labels=service("app", "db:service_healthy:true"))
    cron = box("shop-cron-1", labels=service("cron", "db:service_started:false"))
    other = box("other-app-1", labels=service("app", "db:service_healthy:true") | {"com.docker.compose.project": "other"})
    shy = box("shop-shy-1", labels=service("shy", "db:service_healthy:true") | {"panel-watchdog.heal": "false"})
    proposal = Scene([db, app, cron, other, shy]).drift().proposal
    assert proposal.parameters["dependents"] == app.id and proposal.facts["strangers"] == 0


@pytest.mark.parametrize(
    ("db", "waits"),
    [
        (box("db", health="unhealthy", labels=service("db")), True),
        (box("db", health="starting", labels=service("db")), True),
        (box("db", health="unhealthy", labels=service("db") | {"panel-watchdog.heal": "false"}), True),
        (ended("db", code=1, labels=service("db")), True),
        (ended("db", code=0, labels=service("db")), False),
        (box("db", labels=service("db")), False),
        (box("db", health=None, labels=service("db")), False),
    ],
)
def test_what_it_depends_on_comes_first(db, waits):
    app = box("app", **ILL, labels=service("app", "db:service_healthy:false,migrate:service_completed_successfully:false"))
    migrate = ended("migrate", code=0, labels=service("migrate"))
    drift = next(each for each in Scene([app, db, migrate]).look().drifts if str(each.subject) == "container/app")
    assert bool(drift.hold) is waits and (not waits or "'db'" in drift.hold)
