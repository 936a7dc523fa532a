"""The panel's callback, release, cron and queue; the ways to a node, its heartbeat, Docker, release and console; the canary."""

from dataclasses import replace

import pytest

from tests.support.pterodactyl_looks import DAY, HERE, HOUR, PAPER, START, TARGET, THERE, complete, looks, record
from watchdog.panels.pterodactyl.traces import CanaryWord, Heartbeat
from watchdog.panels.pterodactyl.view import Callback, Schedule, Websocket, WingsServer

HOOKS = {"restart_queue": {"unit": "pteroq"}, "restart_cron": {"unit": "cron"}}
PANEL = f"panel/{TARGET}"


def schedule(due=START + HOUR, **other):
    values = {"active": True, "processing": False, "last_run_at": START - DAY, **other}
    return Schedule(1, PAPER, "nightly", next_run_at=due, **values)


# -- callback_broken ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("broken_by_1_11_6", "#5088"),
        ("database_down", "database"),
        ("token_drift", "token"),
        ("wrong_url", "redirects"),
        ("maintenance", "maintenance"),
        ("unreachable", "reached"),
    ],
)
def test_a_broken_callback_says_what_it_costs(state, says):
    found = looks()
    found.callback = Callback(state, "the probe says so")
    drift = found.the("callback_broken")
    assert str(drift.subject) == PANEL and drift.proposal is None
    assert says in drift.hold and "deleted about 30 seconds" in drift.hold and drift.evidence["state"] == state


@pytest.mark.parametrize("state", ["unknown", "not_asked"])
def test_a_callback_that_was_not_told_apart_is_unknown(state):
    found = looks()
    found.callback = Callback(state)
    assert found.unknown()[PANEL] == f"callback_{state}"
    assert found.kinds() == set()


def test_without_a_node_here_nobody_asks_by_its_token():
    bare = looks(node=None)
    bare.see(local=None)
    bare.callback = Callback("not_asked")
    judgement = bare.look()
    assert PANEL in {str(each) for each in judgement.fine}


# -- version_broken ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("panel", "wings", "settings", "rows"),
    [
        ("1.11.6", "1.11.11", {}, ["panel_1_11_6"]),
        ("1.11.8", "1.11.9", {}, ["wings_lossy"]),
        ("1.11.8", "1.11.10", {}, ["wings_lossy"]),
        ("1.11.8", "1.11.1", {}, ["wings_restore_s3"]),
        ("1.11.8", "1.7.5", {}, ["wings_too_old"]),
        ("1.5.0", "1.6.4", {}, ["wings_empty_retry"]),
        ("1.11.8", "1.12.0", {}, []),
        ("1.13.0", "1.11.11", {}, []),
        ("1.13.0", "1.11.11", {"versions": {"1.13": "1.13"}}, ["wings_too_old"]),
        ("1.12.1", "1.11.11", {}, ["wings_too_old"]),
        ("1.12.1", "1.11.11", {"versions": {"1.12": "1.11"}}, []),
        ("", "1.11.11", {}, []),
        ("1.11.8", "develop", {}, []),
        ("1.11.8", "", {}, []),
        ("1.11.6", "1.11.10", {"flavour": "pelican"}, []),
    ],
)
def test_releases_are_judged_by_the_table_and_the_operators_rows(panel, wings, settings, rows):
    found = looks(**settings)
    found.containers = {}
    found.version = panel
    found.wings_is(version=wings)
    found.nodes.pop(THERE)
    named = [each.evidence["row"] for each in found.look().drifts if each.kind == "version_broken"]
    assert named == rows


# -- cron_dead, queue_dead ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "dead"),
    [
        (schedule(START - 200), True),
        (schedule(START - 60), False),
        (schedule(None), False),
        (schedule(START - 200, active=False), False),
        (schedule(START - 200, processing=True), False),
    ],
)
def test_a_schedule_that_is_due_and_does_not_begin_means_that_cron_is_dead(plan, dead):
    found = looks(hooks=HOOKS, place="local")
    found.give(schedules=(plan,))
    drifts = [each for each in found.look().drifts if each.kind == "cron_dead"]
    assert bool(drifts) is dead
    if dead:
        assert drifts[0].proposal.remedy == "restart_cron" and "Paper/nightly" in drifts[0].truth
        assert drifts[0].proposal.parameters["hook"] == "systemctl restart cron"


def test_a_schedule_that_was_read_before_it_was_due_says_nothing():
    found = looks()
    found.give(schedules=(schedule(START - 200),))
    found.schedules_age = 300.0
    assert found.kinds() == set()


@pytest.mark.parametrize("changes", [{"status": "suspended"}, {"status": "installing"}, {"transferring": True}, {"maintenance": True}])
def test_schedules_of_a_server_that_is_not_normal_say_nothing(changes):
    found = looks()
    found.give(schedules=(schedule(START - 9000, processing=True, queued=((1, 0.0),)),), **changes)
    found.look(1000)
    assert not {"cron_dead", "queue_dead"} & found.kinds(1000)


@pytest.mark.parametrize(("settings", "hold"), [({"hooks": HOOKS}, "place: local"), ({"place": "local"}, "hook restart_cron")])
def test_a_hook_is_run_only_where_the_panel_is(settings, hold):
    found = looks(**settings)
    found.give(schedules=(schedule(START - 200),))
    drift = found.the("cron_dead")
    assert drift.proposal is None and hold in drift.hold


def test_the_panel_is_where_its_configuration_can_be_read():
    found = looks(hooks=HOOKS)
    found.version_source = "config"
    found.give(schedules=(schedule(START - 200),))
    assert found.the("cron_dead").proposal.remedy == "restart_cron"


@pytest.mark.parametrize(("prune_age", "dead"), [("6h", True), ("0s", False), ("12h", False)])
def test_a_pending_backup_that_is_never_pruned_hints_at_cron(prune_age, dead):
    found = looks(hooks=HOOKS, place="local", prune_age=prune_age)
    found.add(record(created=START - 7 * HOUR))
    drifts = [each for each in found.look().drifts if each.kind == "cron_dead"]
    assert bool(drifts) is dead
    if dead:
        assert drifts[0].proposal is None and "BACKUP_PRUNE_AGE" in drifts[0].hold


def queued(offset=0.0, due=START + DAY):
    return schedule(due, processing=True, queued=((7, offset),))


@pytest.mark.parametrize(("offset", "dead"), [(0.0, True), (600.0, False)])
def test_a_task_that_nobody_takes_means_that_the_queue_is_dead(offset, dead):
    found = looks(hooks=HOOKS, place="local")
    found.give(schedules=(queued(offset),))
    assert "queue_dead" not in found.kinds()
    assert "queue_dead" not in found.kinds(200)
    drifts = [each for each in found.look(200).drifts if each.kind == "queue_dead"]
    assert bool(drifts) is dead
    if dead:
        assert drifts[0].proposal.remedy == "restart_queue" and drifts[0].proposal.facts["schedule"] == 1


def test_a_schedule_that_runs_each_minute_begins_anew():
    found = looks()
    for minute in range(12):
        found.give(schedules=(queued(due=START + 60 * minute),))
        assert found.kinds(60) == set()


def test_a_worker_that_takes_the_task_is_alive():
    found = looks()
    found.give(schedules=(queued(),))
    found.look()
    found.give(schedules=(schedule(),))
    found.look(200)
    found.give(schedules=(queued(),))
    assert found.kinds(200) == set()
    assert found.kinds(200) == set()


# -- nodes -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "wings", "changes", "callback", "cut"),
    [
        (HERE, {"reachable": False, "servers": None, "error": "timeout"}, {}, "healthy", "us_to_wings"),
        (THERE, {"reachable": False, "servers": None, "error": "timeout"}, {}, "healthy", "us_to_wings"),
        (HERE, {}, {"panel_reaches": False}, "healthy", "panel_to_wings"),
        (HERE, {}, {}, "unreachable", "wings_to_panel"),
        (HERE, {"reachable": False, "servers": None}, {"panel_reaches": False}, "unreachable", "us_to_wings panel_to_wings wings_to_panel"),
        (THERE, {"reachable": None, "servers": None}, {"panel_reaches": None}, "healthy", None),
        (THERE, {"reachable": True, "servers": None, "error": "no token"}, {}, "healthy", None),
    ],
)
def test_each_of_the_three_ways_is_told_apart(node, wings, changes, callback, cut):
    found = looks()
    found.wings_is(node, **wings)
    found.node(node, **changes)
    found.callback = Callback(callback)
    drifts = [each for each in found.look().drifts if each.kind == "node_unreachable"]
    assert [each.evidence["cut"] for each in drifts] == ([cut] if cut else [])
    assert all(each.proposal is None and each.subject.id == node for each in drifts)


def test_a_node_under_maintenance_is_unknown_when_it_is_silent():
    found = looks()
    found.node(THERE, maintenance=True)
    assert found.kinds() == set()
    found.wings_is(THERE, reachable=False, servers=None)
    assert found.unknown()[f"node/{THERE}"] == "maintenance"


@pytest.mark.parametrize(("docker", "kinds"), [(False, {"node_without_docker"}), (True, set()), (None, set())])
def test_a_node_whose_docker_is_down(docker, kinds):
    found = looks()
    found.wings_is(THERE, docker=docker)
    assert found.kinds() == kinds


@pytest.mark.parametrize(
    ("beat", "process", "kinds", "unknown"),
    [
        (Heartbeat(START - 100), {}, set(), None),
        (Heartbeat(START - 200), {}, {"heartbeat_stale"}, None),
        (Heartbeat(START - 200), {"began": START - 30}, set(), None),
        (Heartbeat(None, error="no permission"), {}, set(), "heartbeat_unread"),
    ],
)
def test_the_heartbeat_of_the_local_wings(beat, process, kinds, unknown):
    found = looks()
    found.see(heartbeat=beat)
    found.process(**process)
    judgement = found.look()
    assert {each.kind for each in judgement.drifts} == kinds
    assert {str(each.subject): each.reason for each in judgement.unknown}.get(f"node/{HERE}") == unknown


@pytest.mark.parametrize("state", ["no_credentials", "unreachable", "refused", "origin"])
def test_a_console_that_cannot_be_opened(state):
    found = looks()
    found.websockets = (Websocket(PAPER, HERE, state, "it says so"), Websocket(PAPER, THERE, "works"))
    drift = found.the("websocket_broken")
    assert drift.subject.id == HERE and drift.evidence["state"] == state and drift.proposal is None


def test_a_console_that_could_not_be_tried_is_unknown():
    found = looks()
    found.websockets = (Websocket(PAPER, HERE, "unknown"),)
    assert found.unknown()[f"node/{HERE}"] == "websocket_unknown"


# -- canary_failed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enabled", "state", "failed"), [(True, "failed", True), (True, "good", False), (True, "waiting", False), (True, "due", False)]
)
def test_a_canary_that_did_not_come_through(enabled, state, failed):
    found = looks(canary={"enabled": enabled, "server": PAPER})
    found.see(canary=CanaryWord(state, START - HOUR, PAPER, "", "it was not made in time"))
    drifts = [each for each in found.look().drifts if each.kind == "canary_failed"]
    assert bool(drifts) is failed
    if failed:
        assert drifts[0].truth == "it was not made in time" and drifts[0].subject.id == PAPER


def test_600_servers_are_remembered_once_each():
    many = looks()
    one = many.servers[PAPER]
    for number in range(600):
        ident = f"{number:08x}-1111-4000-8000-000000000000"
        backups = tuple(
            complete(f"{number:08x}-{each:04x}-4222-8000-000000000000", START - each * HOUR, server=ident) for each in range(1, 6)
        )
        many.wings[ident] = WingsServer(ident, "running", suspended=False)
        many.servers[ident] = replace(one, uuid=ident, name=f"S{number}", node=THERE, backups=backups)
    judgement = many.look()
    assert judgement.drifts == ()
    assert len(judgement.memory) < 700
