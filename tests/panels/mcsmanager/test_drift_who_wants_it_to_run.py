"""Failed autostart and the wish behind it: started by us only when somebody wants it and nobody stopped it."""

from dataclasses import replace

import pytest

from tests.support.mcsmanager import DAEMON, NOW, Scene, container_of, foreign, instance, settings
from watchdog.model.docker import ContainerEvent, EventStream, Gate
from watchdog.model.moments import Moment
from watchdog.model.repairs import Risk
from watchdog.panels.mcsmanager import PANEL
from watchdog.panels.mcsmanager.remedies import daemon_object, instance_object
from watchdog.panels.mcsmanager.view import LABEL, Operation, Status

OPEN = next(remedy for remedy in PANEL.remedies if remedy.name == "open_instance")


def stop(scene, item, kind="instance_stop"):
    return Operation("1", kind, scene.now.wall, DAEMON, item.uuid, "alice")


def rebooted(**changes):
    """Look at a running instance, then at its daemon after a reboot: the start failed (contract section 2, B)."""
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)], **changes)
    scene.settle()
    scene.containers = [foreign()]
    scene.daemon = replace(scene.daemon, process_cpu=100)
    scene.instances = [replace(item, status=Status.STOPPED, started=1)]
    scene.look(15)
    return scene


def test_a_failed_start_after_a_boot_that_we_saw_is_opened():
    scene = rebooted()
    assert not scene.facts.memory[f"d:{DAEMON}"].startswith("null")
    drift = scene.look(60).drifts[0]
    assert (drift.kind, drift.proposal.remedy) == ("failed_autostart", "open_instance")
    assert drift.proposal.object == instance_object("games", scene.instances[0])
    assert OPEN.risk(drift.proposal.facts) is Risk.SAFE


def test_the_daemons_own_autostart_gets_its_time():
    scene = rebooted()
    scene.instances = [replace(scene.instances[0], started=0)] + [instance(n, Status.STOPPED, started=0) for n in range(2, 21)]
    scene.look(1)
    assert not scene.look(60).drifts, "twenty instances, one every five seconds"
    assert {d.kind for d in scene.look(90).drifts} == {"failed_autostart"}


@pytest.mark.parametrize("kind", ["instance_stop", "instance_kill"])
def test_a_stop_on_record_is_respected(kind):
    scene = rebooted()
    scene.operations = (stop(scene, scene.instances[0], kind),)
    assert not scene.look(60).drifts


def test_what_ran_since_the_boot_and_ended_is_left_alone():
    scene = rebooted()
    item = scene.instances[0]
    scene.events = (ContainerEvent("start", "c", item.container_name, scene.now.wall + 5, None, {LABEL: item.uuid}),)
    assert not scene.look(60).drifts


def test_what_may_have_run_since_the_boot_needs_a_person():
    scene = rebooted(stream=EventStream(connected=False))
    drift = scene.look(60).drifts[0]
    assert drift.evidence["wish"] == "unknown"
    assert OPEN.risk(drift.proposal.facts) is Risk.DESTRUCTIVE, "destructive always needs an approval"


@pytest.mark.parametrize(
    ("started", "wish", "why"),
    [
        (-3600.0, "known", "an hour before the boot"),
        (-10.0, "known", "ten seconds before the last look that showed the daemon at work: that start was before its boot"),
        (-1.0, "known", "just before that look"),
        (5.0, "unknown", "between that look and the one that saw the boot: before the boot or after it"),
        (20.0, None, "after the look that saw the boot: it ran and has ended"),
    ],
)
def test_a_start_before_the_boot_does_not_hide_the_failed_one(started, wish, why):
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.events = (ContainerEvent("start", "c", item.container_name, scene.now.wall + started, None, {LABEL: item.uuid}),)
    scene.containers, scene.daemon = [foreign()], replace(scene.daemon, process_cpu=100)
    scene.instances = [replace(item, status=Status.STOPPED, started=1)]
    scene.look(15)
    assert [drift.evidence["wish"] for drift in scene.look(60).drifts] == ([wish] if wish else []), why


@pytest.mark.parametrize(
    ("window", "after", "wish"),
    [(3600.0, 1800.0, "known"), (300.0, 120.0, "known"), (300.0, 420.0, "unknown"), (60.0, 1800.0, "unknown"), (None, 60.0, "unknown")],
)
def test_no_start_heard_says_nothing_of_a_boot_before_all_that_was_heard(window, after, wish):
    scene = rebooted(events_window=window)
    drift = scene.look(after).drifts[0]
    assert drift.evidence["wish"] == wish
    assert OPEN.risk(drift.proposal.facts) is (Risk.SAFE if wish == "known" else Risk.DESTRUCTIVE)


def test_an_engine_younger_than_the_boot_has_no_older_events_to_forget():
    scene = rebooted(events_window=300.0)
    scene.engine_started_at = scene.now.wall + 300
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall + 310)
    scene.look(320)
    assert scene.look(250).drifts[0].evidence["wish"] == "known"


def test_what_was_heard_is_forgotten_when_nobody_looked_meanwhile():
    scene = rebooted(events_window=300.0)
    scene.engine_started_at = scene.now.wall + 300
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall + 310)
    scene.look(320)
    assert scene.look(370).drifts[0].evidence["wish"] == "unknown"


def watched_for(scene, seconds, step=120.0):
    """Look again and again for so long; return the last wish, None = no drift."""
    judgement = None
    for _ in range(round(seconds / step)):
        judgement = scene.look(step)
    return judgement.drifts[0].evidence["wish"] if judgement.drifts else None


@pytest.mark.parametrize("expect", [{}, {"mc-1": "running"}])
def test_what_is_owed_stays_owed_while_we_look_on(expect):
    """Events are kept for an hour and a boot explains no more than an hour; an instance that nobody started is missing the day after."""
    scene = rebooted(settings=settings(expect=expect))
    assert watched_for(scene, 9000.0) == "known"
    drift = scene.look(15).drifts[0]
    assert "an outage that ended" in drift.proposal.facts["cause"]


def test_our_own_starts_of_others_do_not_hide_it():
    """The log gives two hundred entries: after an incident of many they are all ours."""
    scene = rebooted()
    scene.look(60)
    for number in range(250):
        entry = Operation(f"o{number}", "instance_start", scene.now.wall + 7.0, DAEMON, f"{number:032x}", "panel-watchdog")
        scene.operations = (*scene.operations, entry)[-200:]
        judgement = scene.look(8.0)
    assert judgement.drifts[0].evidence["wish"] == "known"


def stopped_by_somebody(scene):
    scene.operations = (stop(scene, scene.instances[0]),)


def started_and_ended(scene):
    item = scene.instances[0]
    scene.events = (ContainerEvent("start", "c", item.container_name, scene.now.wall + 100, None, {LABEL: item.uuid}),)


def deaf_for_a_while(scene):
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall + 100)


def log_full_of_others(scene):
    at = scene.now.wall + 100
    scene.operations = tuple(Operation(f"o{n}", "instance_start", at, DAEMON, f"{n:032x}", "ann") for n in range(200))


@pytest.mark.parametrize(
    ("event", "wish"),
    [
        (stopped_by_somebody, None),
        (started_and_ended, None),
        (deaf_for_a_while, None),
        (log_full_of_others, None),
        (lambda _: None, "known"),
    ],
)
def test_what_was_owed_ends_with_a_hand_on_it_and_with_what_nobody_saw(event, wish):
    scene = rebooted()
    assert watched_for(scene, 4200.0) == "known"
    event(scene)
    assert watched_for(scene, 120.0) == wish
    assert watched_for(scene, 1200.0) == wish, "and it does not come back"


def test_what_was_owed_is_not_known_after_a_gap_without_looks():
    scene = rebooted()
    assert watched_for(scene, 4200.0) == "known"
    assert not scene.look(700.0).drifts


def test_without_a_witness_of_the_boot_a_never_started_one_needs_a_person():
    scene = Scene([instance(status=Status.STOPPED, started=0)], [foreign()])
    first = scene.only()
    assert first.proposal is None and "still be at its autostart" in first.hold, "said at once: it belongs to the baseline"
    drift = scene.look(60).drifts[0]
    assert (drift.kind, drift.evidence["wish"]) == ("failed_autostart", "unknown")
    assert drift.proposal is not None and drift.key == first.key


def test_one_created_after_the_boot_needs_a_person():
    scene = rebooted()
    scene.instances = [*scene.instances, instance(2, Status.STOPPED, started=0)]
    scene.look(30)
    fresh = next(d for d in scene.look(60).drifts if d.subject.id == scene.instances[1].uuid)
    assert fresh.evidence["wish"] == "unknown"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"auto_start": False}, "nobody said that it should run"),
        ({"end_time": NOW.wall - 1}, "its rent is over: a start always fails"),
    ],
)
def test_not_wanted_is_not_a_drift(change, why):
    scene = rebooted()
    scene.instances = [replace(scene.instances[0], **change)]
    assert not scene.look(60).drifts, why


def test_the_window_closes():
    scene = rebooted()
    assert scene.look(60).drifts
    assert not scene.look(3600).drifts


def test_stopped_without_a_boot_or_an_outage_is_somebodys_wish():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.instances, scene.containers = [replace(item, status=Status.STOPPED)], [foreign()]
    assert not scene.look(15).drifts and not scene.look(60).drifts


# -- Docker went away and came back --------------------------------------------------------------------------------------------


def outage(operations=()):
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.containers_error, scene.containers = "ServerFault", [foreign()]
    scene.instances = [replace(item, status=Status.STOPPED)]  # a graceful stop of dockerd is seen by the panel
    scene.look(15)
    scene.containers_error, scene.operations = "", operations
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall + 55, reconnects=1)
    scene.look(60)
    return scene


def test_what_ran_until_docker_went_away_is_opened():
    drift = outage().look(30).drifts[0]
    assert (drift.kind, drift.evidence["wish"]) == ("failed_autostart", "known")


def test_without_an_operation_log_it_needs_a_person():
    drift = outage(operations=None).look(30).drifts[0]
    assert (drift.evidence["wish"], OPEN.risk(drift.proposal.facts)) == ("unknown", Risk.DESTRUCTIVE)


def test_a_stop_during_the_outage_is_respected():
    scene = outage()
    scene.operations = (replace(stop(scene, scene.instances[0]), at=scene.now.wall - 60),)
    assert not scene.look(30).drifts


def test_what_was_stopped_long_before_the_outage_is_left_alone():
    item = instance(status=Status.STOPPED)
    scene = Scene([item], [foreign()])
    scene.settle()
    scene.containers_error = "ServerFault"
    scene.look(15)
    scene.containers_error = ""
    scene.look(60)
    assert not scene.look(30).drifts


def reloaded(error):
    """Look at a running instance, then through a gate that is closed anew, by our own reload or by an ``error``; it ends meanwhile."""
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.gate = Gate(error=error)
    scene.instances, scene.containers = [replace(item, status=Status.STOPPED)], [foreign()]
    scene.look(15)
    scene.gate = Gate(open=True)
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall + 5)
    scene.look(15)
    return scene


@pytest.mark.parametrize(("error", "wish"), [("Unreachable", ["known"]), (None, [])])
def test_our_own_reload_is_no_outage_of_docker(error, wish):
    assert [drift.evidence["wish"] for drift in reloaded(error).look(30).drifts] == wish


def test_a_drift_outlives_our_own_reload():
    scene = outage()
    assert scene.look(30).drifts
    scene.gate = Gate()
    judgement = scene.look(5)
    assert not judgement.drifts and not judgement.fine and judgement.unknown, "unknown, so it stays as it is"
    scene.gate = Gate(open=True)
    assert scene.look(15).drifts, "and no time of grace begins anew"


def test_a_restart_of_docker_between_two_looks_is_an_outage_too():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.engine_started_at = scene.now.wall + 5
    scene.containers, scene.instances = [foreign()], [replace(item, status=Status.STOPPED)]
    scene.look(15)
    drift = scene.look(30).drifts[0]
    assert (drift.kind, drift.evidence["wish"]) == ("failed_autostart", "known")


def test_an_outage_long_ago_does_not_lend_its_beginning_to_the_next():
    scene = outage()
    item = scene.instances[0]
    scene.instances, scene.containers = [replace(item, status=Status.RUNNING)], [foreign(), container_of(item)]
    scene.look(15)
    scene.instances, scene.containers = [item], [foreign()]  # somebody stops it, and nobody records it
    scene.look(15)
    for _ in range(3):
        scene.look(86400)
    scene.engine_started_at = scene.now.wall + 5
    scene.look(15)
    assert not scene.look(30).drifts


# -- what the operator said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mc-1", None])
def test_expect_running_wants_it_at_any_time(name):
    item = instance(status=Status.STOPPED, auto_start=False)
    scene = Scene([item], [foreign()], settings=settings(expect={name or item.uuid: "running"}))
    drift = scene.only()
    assert (drift.kind, drift.evidence["wish"]) == ("failed_autostart", "known")


def test_expect_running_and_a_stop_on_record_needs_a_person():
    item = instance()
    scene = Scene([item], [container_of(item)], settings=settings(expect={"mc-1": "running"}))
    scene.settle()
    scene.operations = (stop(scene, item),)
    scene.instances, scene.containers = [replace(item, status=Status.STOPPED)], [foreign()]
    scene.look(15)
    assert scene.look(15).drifts[0].evidence["wish"] == "unknown"


@pytest.mark.parametrize("word", ["stopped", "any"])
def test_expect_stopped_or_any_wants_nothing(word):
    scene = rebooted(settings=settings(expect={"mc-1": word}))
    assert not scene.look(60).drifts


# -- the delayed kill ----------------------------------------------------------------------------------------------------------


def test_eight_seconds_pass_after_a_failed_open():
    scene = rebooted()
    key = ("open_instance", instance_object("games", scene.instances[0]))
    scene.facts = replace(scene.facts, last_remedy_at={key: scene.now.wall + 58})
    held = scene.look(60).drifts[0]
    assert held.proposal is None and "eight seconds" in held.hold
    assert scene.look(8).drifts[0].proposal is not None


# -- what happened while nobody looked -----------------------------------------------------------------------------------------


def test_what_was_stopped_while_the_watchdog_was_off_is_not_started():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    # two hours off: the daemon was restarted, the instance ran, and somebody stopped it half an hour ago
    scene.now = Moment(scene.now.wall + 7200, scene.now.mono + 7200)
    scene.operations = (replace(stop(scene, item), at=scene.now.wall - 1800),)
    scene.daemon, scene.containers = replace(scene.daemon, process_cpu=100), [foreign()]
    scene.instances = [replace(item, status=Status.STOPPED, started=1)]
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall - 5)
    assert not [d for _ in range(4) for d in scene.look(30).drifts]


@pytest.mark.parametrize(("off", "wish"), [(90.0, "unknown"), (7200.0, None)])
def test_a_boot_while_the_watchdog_was_off_is_no_witness_that_nothing_ran(off, wish):
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.daemon, scene.containers = replace(scene.daemon, process_cpu=100), [foreign()]
    scene.instances = [replace(item, status=Status.STOPPED, started=1)]
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall + off - 5)
    scene.look(off)
    assert [d.evidence["wish"] for d in scene.look(60).drifts] == ([wish] if wish else [])


def test_a_reboot_of_the_host_is_a_witness_when_the_engine_began_with_us():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.daemon, scene.containers = replace(scene.daemon, process_cpu=100), [foreign()]
    scene.instances = [replace(item, status=Status.STOPPED, started=1)]
    scene.engine_started_at = scene.now.wall + 60
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall + 80)
    scene.look(90)
    assert scene.look(60).drifts[0].evidence["wish"] == "known"


def test_an_outage_that_ended_while_the_watchdog_was_off_lends_nothing():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.containers_error = "ServerFault"
    scene.look(15)
    scene.containers_error, scene.containers = "", [foreign()]
    scene.instances = [replace(item, status=Status.STOPPED)]
    scene.stream = EventStream(connected=True, connected_at=scene.now.wall + 7190)
    scene.look(7200)
    assert not scene.look(60).drifts


def test_a_clock_set_back_after_the_boot_lets_no_stop_be_overlooked():
    scene = rebooted()
    assert scene.look(60).drifts
    scene.now = Moment(scene.now.wall - 8 * 3600, scene.now.mono)  # the RTC kept local time
    scene.instances = [replace(scene.instances[0], started=2)]  # started and stopped by a person between two looks
    scene.operations = (stop(scene, scene.instances[0]),)
    scene.look(15)
    assert not [d for _ in range(75) for d in scene.look(420).drifts], "nor when the clock comes to the boot's time again"


def test_what_ended_while_only_the_daemon_missed_docker_needs_a_person():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    scene.containers_error = "ServerFault"  # one slow answer; meanwhile somebody types stop into the game's console
    scene.look(15)
    scene.containers_error, scene.containers = "", [foreign()]
    scene.instances = [replace(item, status=Status.STOPPED)]
    scene.look(15)
    assert scene.look(60).drifts[0].evidence["wish"] == "unknown"


# -- what the operation log cannot say -----------------------------------------------------------------------------------------


def expected(**changes):
    item = instance()
    scene = Scene([item], [container_of(item)], settings=settings(expect={"mc-1": "running"}), **changes)
    scene.settle()
    scene.operations = (stop(scene, item),)
    scene.instances, scene.containers = [replace(item, status=Status.STOPPED)], [foreign()]
    scene.look(15)
    return scene


def test_a_stop_pushed_out_of_a_full_log_still_needs_a_person():
    scene = expected()
    scene.operations = tuple(Operation(str(n), "user_login", scene.now.wall + 600 + n) for n in range(200))
    assert scene.look(900).drifts[0].evidence["wish"] == "unknown"


def test_a_stop_pruned_from_the_log_still_needs_a_person():
    scene = expected()
    scene.operations = ()
    assert scene.look(30 * 86400).drifts[0].evidence["wish"] == "unknown"


@pytest.mark.parametrize(("error", "wish"), [("ServerFault", "unknown"), ("NotFound", "known")])
def test_a_log_that_cannot_be_read_now_hides_stops_and_one_that_never_was_does_not(error, wish):
    scene = expected()
    scene.operations, scene.operations_error = None, error
    assert scene.look(60).drifts[0].evidence["wish"] == wish


# -- what we stopped to start it anew ------------------------------------------------------------------------------------------


def orphan_ended(**changes):
    """Look at an orphan whose container we stopped, and then died: it is Stopped on both sides."""
    item = replace(instance(status=Status.STOPPED), auto_start=False, **changes)
    scene = Scene([item], [container_of(item), foreign()])
    scene.settle()
    key = ("stop_container_then_open", instance_object("games", item))
    scene.facts = replace(scene.facts, last_remedy_at={key: scene.now.wall + 1})
    scene.containers = [foreign()]
    scene.look(15)
    return scene


def test_what_we_ended_and_did_not_start_is_never_forgotten():
    drift = orphan_ended().look(60).drifts[0]
    assert (drift.kind, drift.proposal.remedy, drift.evidence["wish"]) == ("failed_autostart", "open_instance", "unknown")


def test_what_we_ended_and_a_person_stopped_then_is_left_alone():
    scene = orphan_ended()
    scene.operations = (stop(scene, scene.instances[0]),)
    assert not scene.look(60).drifts


def test_what_ran_since_we_ended_it_is_left_alone():
    scene = orphan_ended()
    item = scene.instances[0]
    scene.instances, scene.containers = [replace(item, status=Status.RUNNING)], [foreign(), container_of(item)]
    scene.look(15)
    scene.instances, scene.containers = [item], [foreign()]
    assert not scene.look(15).drifts and not scene.look(60).drifts


# -- what was believed alive until we restarted the daemon ----------------------------------------------------------------------


def daemon_restarted_by_us(status=Status.RUNNING, operations=(), asked=True):
    """Look at a ghost (or a stuck start) without autostart, then at its daemon after our restart: Stopped on both sides."""
    item = replace(instance(status=status), auto_start=False)
    scene = Scene([item], [foreign()])
    scene.settle()
    scene.look(15)
    if asked:
        scene.facts = replace(scene.facts, last_remedy_at={("restart_daemon", daemon_object("games", DAEMON)): scene.now.wall + 1})
    scene.operations = tuple(operations and (stop(scene, item, operations),))
    scene.daemon = replace(scene.daemon, process_cpu=100)
    scene.instances = [replace(item, status=Status.STOPPED, started=0)]
    scene.look(15)
    return scene


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STARTING])
def test_a_ghost_without_autostart_is_not_forgotten_when_we_restart_its_daemon(status):
    drift = daemon_restarted_by_us(status).look(60).drifts[0]
    assert (drift.kind, drift.proposal.remedy, drift.evidence["wish"]) == ("failed_autostart", "open_instance", "unknown")
    assert OPEN.risk(drift.proposal.facts) is Risk.DESTRUCTIVE, "whether it is still wanted only a person knows"


@pytest.mark.parametrize("kind", ["instance_stop", "instance_kill"])
def test_a_ghost_that_a_person_wanted_stopped_stays_so_after_our_restart(kind):
    assert not daemon_restarted_by_us(operations=kind).look(60).drifts


def test_a_daemon_that_somebody_else_restarted_tells_nothing_of_instances_without_autostart():
    assert not daemon_restarted_by_us(asked=False).look(60).drifts


def test_what_ran_after_our_restart_and_ended_is_left_alone():
    scene = daemon_restarted_by_us()
    item = scene.instances[0]
    scene.instances, scene.containers = [replace(item, status=Status.RUNNING, started=1)], [foreign(), container_of(item)]
    scene.look(15)
    scene.look(15)
    scene.instances, scene.containers = [replace(item, started=1)], [foreign()]
    assert not scene.look(15).drifts and not scene.look(60).drifts


def test_our_restart_is_long_ago_once_the_window_closes():
    assert not daemon_restarted_by_us().look(3700).drifts


def test_a_daemon_that_was_offline_may_have_booted_long_before_it_was_back():
    item = instance()
    scene = Scene([item], [foreign(), container_of(item)])
    scene.settle()
    up, scene.daemon = scene.daemon, replace(scene.daemon, available=False, process_cpu=None)
    for _ in range(4):
        scene.look(60)
    scene.events = (ContainerEvent("start", "c", item.container_name, scene.now.wall - 120, None, {LABEL: item.uuid}),)
    scene.daemon, scene.containers = replace(up, process_cpu=100), [foreign()]
    scene.instances = [replace(item, status=Status.STOPPED, started=1)]
    scene.look(15)
    assert scene.look(60).drifts[0].evidence["wish"] == "unknown", "it was started after the boot or before it"
