"""The pure rules, kind by kind: what is a drift, what is proposed, and what is left alone."""

from dataclasses import replace

import pytest

from tests.support.mcsmanager import DAEMON, NOW, Scene, container_of, foreign, instance, settings
from watchdog.model.docker import ContainerEvent
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts, Risk
from watchdog.panels.mcsmanager import PANEL
from watchdog.panels.mcsmanager.remedies import daemon_object, instance_object
from watchdog.panels.mcsmanager.settings import KindName, RemedyName
from watchdog.panels.mcsmanager.view import LABEL, Operation, Status

RISKS = {remedy.name: remedy.risk for remedy in PANEL.remedies}


def risk(drift):
    return RISKS[drift.proposal.remedy](drift.proposal.facts)


def test_running_with_its_container_is_fine():
    item = instance()
    scene = Scene([item], [container_of(item)])
    judgement = scene.settle()
    assert not judgement.drifts and not judgement.unknown
    assert {str(subject) for subject in judgement.fine} == {f"instance/{item.uuid}", f"daemon/{DAEMON}"}


def test_the_first_look_at_an_instance_judges_nothing():
    scene = Scene([instance()], [foreign()])
    judgement = scene.look()
    assert not judgement.drifts
    assert [item.reason for item in judgement.unknown] == ["first_look"]


# -- C ghost_running -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STOPPING])
def test_a_ghost_is_running_or_stopping_without_a_container(status):
    drift = Scene([instance(status=status)], [foreign()]).only()
    assert drift.kind == "ghost_running"
    assert drift.proposal.remedy == "restart_daemon"
    assert drift.proposal.object == daemon_object("games", DAEMON)
    assert drift.proposal.parameters == {"daemon": DAEMON, "hook": "run restart-the-daemon"}
    assert risk(drift) is Risk.DISRUPTIVE


def test_a_ghost_with_a_dead_container_is_a_ghost_still():
    item = instance()
    drift = Scene([item], [foreign(), container_of(item, "exited")]).only()
    assert drift.kind == "ghost_running" and "exited" in drift.truth


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": "4.12.2"}, "SIGTERM kills every instance up to 10.12"),
        ({"version": "4.6.2", "soft_shutdown": None, "soft_shutdown_skips_docker": None}, "older still"),
        ({"soft_shutdown": False}, "soft shutdown is off"),
        ({"soft_shutdown_skips_docker": False}, "it does not skip Docker"),
        ({"soft_shutdown": None}, "nobody knows"),
    ],
)
def test_a_daemon_restart_that_may_kill_is_destructive(changes, why):
    scene = Scene([instance()], [foreign()])
    scene.daemon = replace(scene.daemon, **changes)
    assert risk(scene.only()) is Risk.DESTRUCTIVE, why


def test_an_unknown_version_is_not_judged_at_all():
    scene = Scene([instance()], [foreign()])
    scene.daemon = replace(scene.daemon, version="nightly")
    judgement = scene.settle()
    assert not judgement.drifts
    assert {item.reason for item in judgement.unknown} == {"version_unknown"}


def test_without_a_hook_a_ghost_is_reported_and_says_what_is_missing():
    drift = Scene([instance()], [foreign()], settings=settings(hooks={})).only()
    assert drift.proposal is None and "hook" in drift.hold


@pytest.mark.parametrize("other", [Status.BUSY, Status.STARTING])
def test_a_daemon_is_not_restarted_under_an_update_or_a_start(other):
    sick, neighbour = instance(1), instance(2, other)
    judgement = Scene([sick, neighbour], [foreign()]).settle()
    drift = next(d for d in judgement.drifts if d.subject.id == sick.uuid)
    assert drift.proposal is None and "not restarted under it" in drift.hold


def test_many_ghosts_are_one_object():
    for count in (1, 3, 200):
        judgement = Scene([instance(n) for n in range(count)], [foreign()]).settle()
        assert len(judgement.drifts) == count
        assert {d.proposal.object for d in judgement.drifts} == {daemon_object("games", DAEMON)}
        assert len({(d.proposal.remedy, tuple(d.proposal.parameters.items())) for d in judgement.drifts}) == 1


# -- A stuck_starting ----------------------------------------------------------------------------------------------------------


def test_starting_is_stuck_only_after_its_time():
    scene = Scene([instance(status=Status.STARTING)], [foreign()])
    assert not scene.settle().drifts
    assert not scene.look(270).drifts
    drift = scene.look(30).drifts[0]
    assert drift.kind == "stuck_starting" and drift.proposal.remedy == "restart_daemon"


def test_the_time_of_a_start_counts_from_when_docker_came_back():
    scene = Scene([instance(status=Status.STARTING)], [foreign()])
    scene.settle()
    scene.containers_error = "ServerFault"
    assert {item.reason for item in scene.look(400).unknown} == {"daemon_without_docker"}
    scene.containers_error = ""
    assert not scene.look(15).drifts, "it heals itself when Docker answers"
    assert scene.look(301).drifts[0].kind == "stuck_starting"


def test_a_start_that_waits_for_its_image_is_held():
    scene = Scene([instance(status=Status.STARTING)], [foreign()])
    scene.daemon = replace(scene.daemon, images=frozenset({"other"}))
    scene.settle()
    drift = scene.look(400).drifts[0]
    assert drift.proposal is None and "pulled" in drift.hold
    for _ in range(4):
        later = scene.look(400)
    assert later.drifts[0].proposal is not None


# -- D orphan ------------------------------------------------------------------------------------------------------------------


def test_an_orphan_is_taken_over_by_a_restart_where_that_spares_it():
    item = instance(status=Status.STOPPED)
    drift = Scene([item], [container_of(item)]).only()
    assert (drift.kind, drift.proposal.remedy) == ("orphan", "restart_daemon")


@pytest.mark.parametrize("version", ["4.6.2", "4.9.0", "4.12.2"])
def test_an_orphan_is_stopped_and_opened_where_a_restart_would_kill_or_not_take_over(version):
    item = instance(status=Status.STOPPED)
    scene = Scene([item], [container_of(item, labelled=version >= "4.7")])
    scene.daemon = replace(scene.daemon, version=version)
    drift = scene.only()
    assert (drift.kind, drift.proposal.remedy) == ("orphan", "stop_container_then_open")
    assert drift.proposal.object == instance_object("games", item)
    assert risk(drift) is Risk.DISRUPTIVE


def test_an_orphan_without_a_hook_is_stopped_and_opened():
    item = instance(status=Status.STOPPED)
    drift = Scene([item], [container_of(item)], settings=settings(hooks={})).only()
    assert drift.proposal.remedy == "stop_container_then_open"


def test_a_container_known_by_its_name_alone_is_never_acted_on():
    item = instance(status=Status.STOPPED)
    scene = Scene([item], [container_of(item, labelled=False, mounts=())])
    scene.daemon = replace(scene.daemon, version="4.6.2")
    drift = scene.only()
    assert drift.kind == "orphan" and drift.proposal is None and "name" in drift.hold


def test_a_container_with_another_instances_label_is_nobodys_proof():
    item = instance(status=Status.STOPPED, auto_start=False)
    judgement = Scene([item], [container_of(item, labels={LABEL: "f" * 32})]).settle()
    assert not judgement.drifts


# -- C2 dead_stream ------------------------------------------------------------------------------------------------------------


def dead_stream():
    item = instance()
    scene = Scene([item], [container_of(item)])
    scene.settle()
    scene.engine_started_at = scene.now.wall + 5
    return scene


def test_a_docker_restart_under_a_living_container_is_a_dead_stream():
    drift = dead_stream().look(15).drifts[0]
    assert (drift.kind, drift.proposal.remedy) == ("dead_stream", "restart_daemon")


def test_a_daemon_that_restarted_afterwards_has_living_streams():
    scene = dead_stream()
    scene.look(15)
    scene.daemon = replace(scene.daemon, process_cpu=10)
    assert not scene.look(15).drifts


def test_our_own_restart_of_the_daemon_counts():
    scene = dead_stream()
    at = {("restart_daemon", daemon_object("games", DAEMON)): scene.now.wall + 10}
    scene.facts = replace(scene.facts, last_remedy_at=at)
    assert not scene.look(15).drifts


def test_a_docker_restart_before_we_looked_proves_nothing():
    item = instance()
    scene = Scene([item], [container_of(item)], engine_started_at=NOW.wall - 60)
    assert not scene.settle().drifts


def test_a_docker_restart_that_we_slept_through_proves_nothing():
    scene = dead_stream()
    scene.engine_started_at = scene.now.wall + 500
    assert not scene.look(1200).drifts, "the daemon may have restarted too while nobody looked"


def test_a_container_younger_than_the_engine_is_fine():
    scene = dead_stream()
    scene.containers = [container_of(scene.instances[0], started_at=scene.engine_started_at + 1)]
    assert not scene.look(15).drifts


# -- paused, leftover, stopping, loop ------------------------------------------------------------------------------------------


def test_paused_is_reported_only():
    item = instance()
    drift = Scene([item], [container_of(item, "paused")]).only()
    assert (drift.kind, drift.proposal) == ("paused", None) and "unpause" in drift.hold


@pytest.mark.parametrize("state", ["created", "exited"])
def test_a_leftover_is_removed_when_it_is_surely_ours(state):
    item = instance(status=Status.STOPPED, auto_start=False)
    drift = Scene([item], [foreign(), container_of(item, state)]).only()
    assert (drift.kind, drift.proposal.remedy) == ("leftover", "remove_leftover")
    assert drift.proposal.parameters["start"] is False, "nobody wants it running"
    assert risk(drift) is Risk.DISRUPTIVE


@pytest.mark.parametrize("state", ["dead", "removing"])
def test_a_leftover_that_docker_is_not_done_with_is_waited_for(state):
    item = instance(status=Status.STOPPED)
    assert Scene([item], [foreign(), container_of(item, state)]).only().proposal is None


def test_a_stranger_with_the_name_is_never_removed():
    item = instance(status=Status.STOPPED)
    drift = Scene([item], [foreign(), container_of(item, "exited", labelled=False, mounts=())]).only()
    assert (drift.kind, drift.proposal) == ("leftover", None) and "not its own" in drift.hold


def test_stopping_too_long_is_reported_only():
    item = instance(status=Status.STOPPING)
    scene = Scene([item], [container_of(item)])
    assert not scene.settle().drifts
    drift = scene.look(600).drifts[0]
    assert (drift.kind, drift.proposal) == ("stopping_too_long", None)


def test_a_stop_command_is_never_quoted():
    item = instance(status=Status.STOPPING, stop_command="login hunter2 && stop")
    scene = Scene([item], [container_of(item)])
    scene.settle()
    drift = scene.look(600).drifts[0]
    assert "stop command" in drift.hold and "hunter2" not in repr(drift)


def test_three_deaths_are_a_loop_and_nothing_else_is_proposed():
    item = instance(status=Status.STOPPED, started=9)
    deaths = tuple(ContainerEvent("die", "c", item.container_name, NOW.wall - n, 137, {LABEL: item.uuid}) for n in (90, 60, 30))
    ooms = (ContainerEvent("oom", "c", item.container_name, NOW.wall - 30, None, {LABEL: item.uuid}),)
    drift = Scene([item], [foreign()], events=deaths + ooms).only()
    assert (drift.kind, drift.proposal, drift.evidence["out_of_memory"]) == ("restart_loop", None, True)


def test_137_alone_is_not_out_of_memory():
    item = instance(status=Status.STOPPED)
    deaths = tuple(ContainerEvent("die", "c", item.container_name, NOW.wall - n, 137, {LABEL: item.uuid}) for n in (90, 60, 30))
    assert Scene([item], [foreign()], events=deaths).only().evidence["out_of_memory"] is False


def test_a_rising_start_count_is_a_loop_without_any_event():
    item = instance(status=Status.STARTING, started=1)
    scene = Scene([item], [foreign()])
    scene.settle()
    scene.instances = [replace(item, started=4)]
    assert scene.look(60).drifts[0].kind == "restart_loop"


def logged(item, *entries):
    """Return a log: (type, seconds after NOW) or (type, seconds, another instance)."""
    return tuple(
        Operation(str(n), kind, NOW.wall + at, DAEMON, other[0] if other else item.uuid, "alice")
        for n, (kind, at, *other) in enumerate(entries)
    )  # fmt: skip


RESTARTS = [("instance_restart", 20), ("instance_restart", 40), ("instance_restart", 60)]


@pytest.mark.parametrize(
    ("rise", "log", "loops", "why"),
    [
        (3, [], True, "nobody asked for them"),
        (3, RESTARTS, False, "a person restarted it three times"),
        (3, [("instance_start", at) for _, at in RESTARTS], False, "or started it three times"),
        (3, [("instance_stop", 15), ("instance_start", 20), ("instance_stop", 30), ("instance_start", 40)], False, "one is no loop"),
        (5, RESTARTS[:2], True, "three more than a person asked for"),
        (6, RESTARTS, True, "as many again"),
        (3, [("instance_stop", 20), ("instance_stop", 40), ("instance_kill", 60)], True, "a stop starts nothing"),
        (3, [("instance_config_change", 20)] * 3, True, "nor does a change"),
        (3, [(kind, at, "f" * 32) for kind, at in RESTARTS], True, "another instance was restarted"),
        (3, [(kind, at - 900) for kind, at in RESTARTS], True, "that was before these starts"),
    ],
)
def test_starts_that_a_person_asked_for_are_no_loop(rise, log, loops, why):
    item = instance(started=1)
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.instances, scene.operations = [replace(item, started=1 + rise)], logged(item, *log)
    judgement = scene.look(60)
    assert [d.kind for d in judgement.drifts] == (["restart_loop"] if loops else []), why
    assert loops or [u.reason for u in judgement.unknown] == ["just_started"]


@pytest.mark.parametrize(
    ("log", "loops", "why"),
    [
        (RESTARTS, False, "each restart ends it once"),
        ([("instance_stop", 20), ("instance_kill", 40), ("instance_stop", 60)], False, "each stop and kill too"),
        (RESTARTS[:1], False, "two deaths are no loop"),
        ([("instance_start", at) for _, at in RESTARTS], True, "started by a person, it died by itself each time"),
        ([(kind, at - 900) for kind, at in RESTARTS], True, "that was long before"),
    ],
)
def test_ends_that_a_person_asked_for_are_no_deaths(log, loops, why):
    item = instance(started=1)
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.operations = logged(item, *log)
    scene.events = tuple(ContainerEvent("die", "c", item.container_name, NOW.wall + n, 0, {LABEL: item.uuid}) for n in (21, 41, 61))
    assert [d.kind for d in scene.look(60).drifts] == (["restart_loop"] if loops else []), why


@pytest.mark.parametrize("remedy", ["open_instance", "stop_container_then_open", "remove_leftover"])
@pytest.mark.parametrize(
    ("rise", "log", "at", "loops", "why"),
    [
        (3, [], 20, False, "one start was ours, and it failed, so it is not logged"),
        (4, [], 20, True, "three were not"),
        (3, [("instance_start", 25)], 20, False, "one was ours, and logged"),
        (4, [("instance_start", 25)], 20, True, "ours does not count twice"),
        (4, [("instance_start", 25)], -600, True, "ours was long before"),
        (3, [], -600, True, "and excuses nothing"),
    ],
)
def test_our_own_starts_are_no_loop(remedy, rise, log, at, loops, why):
    item = instance(started=1)
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.facts = replace(scene.facts, last_remedy_at={(remedy, instance_object("games", item)): NOW.wall + at})
    scene.instances, scene.operations = [replace(item, started=1 + rise)], logged(item, *log)
    assert [d.kind for d in scene.look(60).drifts] == (["restart_loop"] if loops else []), why


def test_without_an_operation_log_a_loop_says_that_it_may_be_a_person():
    item = instance(started=1)
    scene = Scene([item], [foreign(), container_of(item)], operations=None)
    scene.settle()
    scene.instances = [replace(item, started=4)]
    assert "if you restarted it yourself" in scene.look(60).drifts[0].hold


# -- daemons -------------------------------------------------------------------------------------------------------------------


def test_an_offline_daemon_makes_everything_behind_it_unknown():
    scene = Scene([instance(1), instance(2)], [foreign()])
    scene.settle()
    scene.daemon = replace(scene.daemon, available=False, version=None)
    judgement = scene.look(15)
    assert [d.kind for d in judgement.drifts] == ["daemon_offline"]
    assert judgement.drifts[0].proposal is None, "the panel tries by itself"
    assert {item.subject.id for item in judgement.unknown} == {i.uuid for i in scene.instances}
    assert scene.look(320).drifts[0].proposal.remedy == "relink_daemon"


@pytest.mark.parametrize("hung", [True, False])
def test_a_daemon_without_docker_is_a_drift_and_its_instances_are_unknown(hung):
    scene = Scene([instance()], [foreign()])
    scene.settle()
    scene.daemon = replace(scene.daemon, overview_hung=hung, version=None if hung else "4.18.2")
    scene.containers_error = "its overview hung" if hung else "ServerFault"
    judgement = scene.look(15)
    assert [(d.kind, d.proposal) for d in judgement.drifts] == [("daemon_without_docker", None)]
    assert {item.reason for item in judgement.unknown} == {"daemon_without_docker"}


# -- what is not seen well is unknown ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s: setattr(s, "gate", replace(s.gate, open=False)), "gate_closed"),
        (lambda s: setattr(s, "docker_error", "Unreachable"), "docker_stale"),
        (lambda s: setattr(s, "docker_age", 60.0), "docker_stale"),
        (lambda s: setattr(s, "no_docker", True), "docker_stale"),
        (lambda s: s.instances.__setitem__(0, replace(s.instances[0], status=Status.BUSY)), "busy"),
        (lambda s: s.instances.__setitem__(0, replace(s.instances[0], started=2)), "just_started"),
        (lambda s: setattr(s, "theirs", [foreign(), container_of(s.instances[0])]), "sides_disagree"),
    ],
)
def test_a_blind_look_is_unknown_and_never_a_drift(spoil, reason):
    scene = Scene([instance()], [foreign()])
    scene.settle()
    spoil(scene)
    judgement = scene.look(15)
    assert not judgement.drifts
    assert reason in {item.reason for item in judgement.unknown}


def test_other_kinds_of_processes_are_not_judged():
    judgement = Scene([instance(process_type="general")], [foreign()]).settle()
    assert not judgement.drifts and len(judgement.fine) == 1


def test_two_old_instances_with_one_container_name_are_unknown():
    twins = [instance(1, configured_name="same"), instance(2, configured_name="same")]
    scene = Scene(twins, [foreign()])
    scene.daemon = replace(scene.daemon, version="4.6.2")
    assert [item.reason for item in scene.settle().unknown] == ["name_ambiguous"] * 2


def test_every_kind_and_remedy_has_a_name_in_the_settings():
    assert {kind.name for kind in PANEL.kinds} == set(KindName.__args__)
    assert {remedy.name for remedy in PANEL.remedies} == set(RemedyName.__args__)


def test_judging_is_pure_and_sorted():
    scene = Scene([instance(n) for n in range(20)], [foreign()])
    scene.look()
    facts, now = scene.facts, scene.now
    first = scene.look()
    scene.facts, scene.now = facts, now
    scene.instances.reverse()
    assert scene.look() == first
    assert [d.key for d in first.drifts] == sorted(d.key for d in first.drifts)


def test_a_memory_that_cannot_be_read_is_as_good_as_none():
    scene = Scene([instance()], [foreign()])
    scene.look()
    for rubbish in ("{", "[]", "[1,2]", "null", 7, None, '["x"]'):
        scene.facts = LedgerFacts(memory=dict.fromkeys(scene.facts.memory, rubbish))
        assert not scene.look(15).drifts


def test_a_clock_set_forward_makes_no_start_stuck():
    scene = Scene([instance(status=Status.STARTING)], [foreign()])
    scene.settle()
    scene.now = Moment(scene.now.wall + 3 * 3600, scene.now.mono)
    assert not scene.look(15).drifts and not scene.look(15).drifts
    assert scene.look(300).drifts[0].kind == "stuck_starting"


def test_starts_that_nobody_watched_are_no_loop():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.instances = [replace(item, started=item.started + 4)]
    assert not scene.look(7200).drifts, "four starts within two hours"


def test_starts_are_counted_anew_after_the_clock_was_set_back():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.now = Moment(scene.now.wall - 3 * 3600, scene.now.mono)
    for more in range(1, 5):  # one each twenty minutes
        scene.instances = [replace(item, started=item.started + more)]
        for _ in range(3):
            assert not scene.look(400).drifts


@pytest.mark.parametrize(
    ("changes", "said"), [({"end_time": NOW.wall - 60}, {}), ({}, {"mc-1": "stopped"})], ids=["expired", "expected stopped"]
)
def test_an_orphan_that_could_or_should_not_be_started_again_is_not_stopped(changes, said):
    item = replace(instance(status=Status.STOPPED), **changes)
    scene = Scene([item], [container_of(item), foreign()], settings=settings(hooks={}, expect=said))
    drift = scene.only()
    assert (drift.kind, drift.proposal) == ("orphan", None)
