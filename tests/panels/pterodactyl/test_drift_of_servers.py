"""What Wings says beside what Docker says (contract 5.1), the remedies by the table of 6.2, and what never ends."""

from dataclasses import replace

import pytest

from tests.support.pterodactyl_looks import DAY, HERE, HOUR, OTHER, PAPER, START, TARGET, THERE, container, looks, uuid
from watchdog.model.docker import ContainerEvent
from watchdog.model.repairs import ObjectHistory, Risk
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.view import RemoteServer, Schedule, WingsServer

SERVER = f"server/{PAPER}"


def risk(proposal):
    return next(each for each in remedies.REMEDIES if each.name == proposal.remedy).risk(proposal.facts)


def beside(state="running", docker="running", stop="command", seen=True, **settings):
    """What Wings says of a server and how its container is; ``seen``: it ran before our eyes until a moment ago."""
    found = looks(**settings)
    if seen:
        found.look(300)
    found.wings[PAPER] = WingsServer(PAPER, state, suspended=False)
    if docker == "missing":
        found.containers = {uuid(1): container(uuid(1))}
        found.remote = (RemoteServer(PAPER, stop, suspended=False), RemoteServer(uuid(1), "stop", suspended=False))
    else:
        code = None if docker == "running" else 137
        found.containers = {PAPER: container(state=docker, exit_code=code, finished_at=None if code is None else found.now)}
        found.remote = (RemoteServer(PAPER, stop, suspended=False),)
    return found


# -- server_ghost ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("docker", "stop", "expect", "remedy", "wanted"),
    [
        ("missing", "command", {}, "power_restart", Risk.DISRUPTIVE),
        ("exited", "signal", {}, "power_restart", Risk.DISRUPTIVE),
        ("missing", "command", {"Paper": "stopped"}, "power_stop", Risk.SAFE),
        ("missing", "stop", {"Paper": "stopped"}, "power_stop", Risk.SAFE),
        ("missing", "signal", {"Paper": "stopped"}, None, None),
        ("missing", "none", {PAPER: "stopped"}, None, None),
        ("exited", "command", {PAPER: "stopped"}, "power_kill", Risk.SAFE),
        ("exited", "signal", {PAPER: "stopped"}, "power_kill", Risk.SAFE),
        ("missing", "command", {"Paper": "any"}, "power_restart", Risk.DESTRUCTIVE),
    ],
)
def test_a_stale_running_is_healed_by_the_table(docker, stop, expect, remedy, wanted):
    found = beside("running", docker, stop, expect=expect)
    drift = found.the("server_ghost")
    assert str(drift.subject) == SERVER and drift.evidence["container"] == docker and drift.evidence["stop_type"] == stop
    assert (drift.proposal.remedy if drift.proposal else None) == remedy
    if remedy:
        assert risk(drift.proposal) is wanted
    else:
        assert "restart of Wings" in drift.hold


def test_a_server_that_we_never_saw_run_is_started_by_a_person_only():
    found = beside("running", "missing", seen=False)
    found.memory["engine"] = "ENGINE"
    drift = found.the("server_ghost")
    assert drift.proposal.facts["wish"] == "unknown" and risk(drift.proposal) is Risk.DESTRUCTIVE


@pytest.mark.parametrize(("word", "remedy"), [("stop", "power_kill"), ("kill", "power_kill"), ("start", "power_restart")])
def test_a_person_who_stopped_it_wants_it_down(word, remedy):
    found = beside("running", "exited")
    found.give(user_power=word, user_power_at=found.now)
    assert found.the("server_ghost").proposal.remedy == remedy


def test_a_stop_of_yesterday_says_nothing_of_a_server_that_ran_since():
    found = beside("running", "exited")
    found.give(user_power="stop", user_power_at=START - DAY)
    assert found.the("server_ghost").proposal.remedy == "power_restart"


def test_without_the_panels_activity_nobody_knows_what_is_wanted():
    found = beside("running", "missing")
    found.give(activity_at=None)
    assert found.the("server_ghost").proposal.facts["wish"] == "unknown"
    found.give(activity_at=START)
    found.activity_age = 900.0
    assert found.the("server_ghost").proposal.facts["wish"] == "unknown", "what was read before it ran says nothing"
    found.activity_age = 0.0
    assert found.the("server_ghost").proposal.facts["wish"] == "known"


def test_a_remedy_that_did_not_heal_it_is_not_repeated():
    found = beside("running", "missing")
    acted_on = remedies.server_object(TARGET, PAPER)
    found.history[acted_on] = ObjectHistory(attempts=1, unverified=1, last_attempt_at=START)
    drift = found.the("server_ghost")
    assert drift.proposal is None and "restart of Wings" in drift.hold


@pytest.mark.parametrize(
    ("state", "docker", "patience", "remedy"),
    [("starting", "missing", 1200, None), ("stopping", "exited", 900, "power_kill"), ("stopping", "missing", 900, None)],
)
def test_a_start_and_a_stop_have_their_time(state, docker, patience, remedy):
    found = beside(state, docker)
    found.look()
    assert "server_ghost" not in found.kinds(patience - 60)
    drift = found.the("server_ghost", 120)
    assert (drift.proposal.remedy if drift.proposal else None) == remedy


@pytest.mark.parametrize("state", ["running", "starting"])
def test_a_paused_or_restarting_container_is_no_ghost(state):
    found = beside(state, "paused")
    assert "server_ghost" not in found.kinds()


# -- server_unseen -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "remedy", "wanted"), [({}, "power_start", Risk.SAFE), ({"Paper": "stopped"}, "power_stop", Risk.DESTRUCTIVE)]
)
def test_a_container_that_wings_does_not_know_of_is_adopted(expect, remedy, wanted):
    drift = beside("offline", "running", expect=expect).the("server_unseen")
    assert drift.proposal.remedy == remedy and risk(drift.proposal) is wanted


@pytest.mark.parametrize(
    ("state", "docker"), [("running", "running"), ("offline", "exited"), ("offline", "missing"), ("stopping", "running")]
)
def test_what_agrees_is_in_order(state, docker):
    found = beside(state, docker, seen=False)
    assert found.kinds() == set()


# -- what cannot be seen -----------------------------------------------------------------------------------------------------


def test_without_docker_a_running_server_is_unknown():
    found = beside("running", "missing")
    found.the("server_ghost")
    found.docker = False
    assert found.unknown()[SERVER] == "docker_stale"


def test_an_engine_that_never_showed_a_server_of_this_node_is_not_its_own():
    found = beside("running", "missing", seen=False)
    found.containers = {}
    assert found.unknown()[SERVER] == "unplaced"
    found.wings[PAPER] = WingsServer(PAPER, "offline", suspended=False)
    assert SERVER not in found.unknown(), "a server that is off needs no container"


def test_an_engine_that_was_proven_stays_so_when_its_last_container_goes():
    found = looks()
    found.look()
    found.containers = {}
    assert found.the("server_ghost").subject.id == PAPER


def test_just_after_a_start_of_wings_nothing_is_judged_by_it():
    found = beside("running", "missing")
    found.process(began=found.now)
    assert found.unknown()[SERVER] == "wings_settling"
    assert "server_ghost" in found.kinds(200)


def test_a_wings_that_was_not_asked_makes_its_servers_unknown():
    found = looks()
    found.wings_is(HERE, servers=None, error="timeout")
    assert found.unknown()[SERVER] == "wings_unread"


@pytest.mark.parametrize(("tokens", "unknown"), [(True, "wings_unread"), (False, None)])
def test_a_wings_that_we_hold_no_token_of_is_not_unknown_for_ever(tokens, unknown):
    found = looks(node_tokens=tokens)
    found.wings_is(THERE, servers=None, error="no token")
    assert found.unknown().get(f"server/{OTHER}") == unknown
    found.give(OTHER, status="restoring_backup")
    found.look()
    assert "server_restore_stuck" in found.kinds(7 * HOUR)


def test_a_server_whose_node_is_not_known_yet_is_unknown():
    found = looks()
    found.give(OTHER, node="")
    assert found.unknown()[f"server/{OTHER}"] == "node_unknown"


def test_containers_of_another_node_are_not_ours_to_judge():
    found = looks()
    found.wings[OTHER] = WingsServer(OTHER, "running", suspended=False)
    assert found.kinds() == set()


@pytest.mark.parametrize(
    "changes", [{"status": "installing"}, {"status": "restoring_backup"}, {"transferring": True}, {"maintenance": True}]
)
def test_a_server_that_is_not_normal_is_not_compared_with_docker(changes):
    found = beside("running", "missing")
    found.give(**changes)
    assert found.kinds() == set()


# -- server_suspended_running ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "wings", "stops"),
    [
        ("suspended", WingsServer(PAPER, "running", suspended=False), True),
        ("suspended", WingsServer(PAPER, "running", suspended=True), True),
        ("suspended", WingsServer(PAPER, "offline", suspended=False), False),
        ("suspended", WingsServer(PAPER, "offline", suspended=True), None),
        ("", WingsServer(PAPER, "offline", suspended=True), False),
        ("restoring_backup", WingsServer(PAPER, "offline", suspended=True), None),
    ],
)
def test_a_suspension_is_made_the_same_on_both_sides(status, wings, stops):
    found = beside("offline", "exited", seen=False)
    found.give(status=status)
    found.wings[PAPER] = wings
    drifts = [each for each in found.look().drifts if each.kind == "server_suspended_running"]
    assert [each.proposal.facts["stops"] for each in drifts] == ([] if stops is None else [stops])
    assert all(each.proposal.remedy == "sync_server" for each in drifts)
    assert [risk(each.proposal) for each in drifts] == ([] if stops is None else [Risk.DISRUPTIVE if stops else Risk.SAFE])


def test_a_suspension_on_another_node_is_left_to_its_agent():
    found = looks(node_tokens=True)
    found.give(OTHER, status="suspended")
    assert found.the("server_suspended_running").proposal is None
    found.settings = found.settings.model_copy(update={"owner": True})
    assert found.the("server_suspended_running").proposal.remedy == "sync_server"


# -- server_crash_loop, server_oom -------------------------------------------------------------------------------------------


def die(at, code=1):
    return ContainerEvent("die", f"id-{PAPER}", PAPER, at, code)


@pytest.mark.parametrize(
    ("events", "changes", "loop"),
    [
        ([die(START - 600), die(START - 300), die(START - 100)], {}, True),
        ([die(START - 600), die(START - 300)], {}, False),
        ([die(START - 600, 0), die(START - 300, 0), die(START - 100, 0)], {}, False),
        ([die(START - 9000), die(START - 300), die(START - 100)], {}, False),
        ([die(START - 600), die(START - 300), die(START - 100), die(START - 50, 0)], {}, False),
        ([die(START - 700, 0), die(START - 600), die(START - 300), die(START - 100)], {}, True),
        ([die(START - 600), die(START - 300), die(START - 100)], {"user_power": "restart", "user_power_at": START - 700}, False),
        ([die(START - 600), die(START - 300), die(START - 100)], {"user_power": "start", "user_power_at": START - 700}, True),
    ],
)
def test_dying_again_and_again_is_a_loop_unless_a_person_asked(events, changes, loop):
    found = looks()
    found.events = events
    found.give(**changes)
    drifts = [each for each in found.look().drifts if each.kind == "server_crash_loop"]
    assert bool(drifts) is loop
    assert all(each.proposal is None and "loop" in each.hold for each in drifts)


def given_up(code=137, **settings):
    """It ran before our eyes, ended with an error, and Wings says offline."""
    found = looks(**settings)
    found.look(300)
    found.wings[PAPER] = WingsServer(PAPER, "offline", suspended=False)
    found.containers = {PAPER: container(state="exited", exit_code=code, finished_at=found.now + 5)}
    return found


def test_what_wings_gave_up_is_started_where_it_is_known_to_be_wanted():
    drift = given_up().the("server_crash_loop")
    assert drift.evidence["given_up"] is True and drift.proposal.remedy == "power_start"
    assert risk(drift.proposal) is Risk.DISRUPTIVE


@pytest.mark.parametrize(
    ("changes", "settings", "code", "found"),
    [
        ({"user_power": "stop", "user_power_at": START + 303}, {}, 137, None),
        ({"user_power": "kill", "user_power_at": START + 303}, {}, 137, None),
        ({}, {"expect": {"Paper": "stopped"}}, 137, None),
        ({}, {"expect": {"Paper": "any"}}, 137, "hold"),
        ({}, {}, 0, None),
    ],
)
def test_what_may_have_been_meant_so_is_never_started(changes, settings, code, found):
    ended = given_up(code, **settings)
    ended.give(**changes)
    drifts = [each for each in ended.look().drifts if each.kind == "server_crash_loop"]
    assert [("start" if each.proposal else "hold") for each in drifts] == ([found] if found else [])


def plan(ran, powers=("stop",), *, processing=False):
    return Schedule(
        1, PAPER, "nightly stop", active=True, processing=processing, last_run_at=ran, next_run_at=START + DAY, powers=powers
    )  # fmt: skip


@pytest.mark.parametrize(
    ("schedules", "kind"),
    [
        ((plan(START + 200),), None),
        ((plan(START + 200, ("restart", "start")),), None),
        ((plan(START + 200, ("start",)),), "start"),
        ((plan(START + 200, ()),), "start"),
        ((plan(START - 900),), "start"),
        ((plan(START + 400),), "hold"),
        ((plan(START - DAY, processing=True),), "hold"),
        ((plan(None),), "start"),
        (None, "hold"),
    ],
)
def test_what_a_schedule_may_have_stopped_is_never_started(schedules, kind):
    """A scheduled stop stands in no activity, and may end a server with 130, 137 or 143."""
    ended = given_up()
    ended.give(schedules=schedules)
    drifts = [each for each in ended.look(120).drifts if each.kind == "server_crash_loop"]
    assert [("start" if each.proposal else "hold") for each in drifts] == ([kind] if kind else [])


@pytest.mark.parametrize(("age", "ran", "wish"), [(0, START + 100, "unknown"), (0, START - 900, "known"), (900, None, "unknown")])
def test_a_schedule_that_ran_since_makes_the_wish_unknown(age, ran, wish):
    found = beside("running", "missing")
    found.give(schedules=(plan(ran),))
    found.schedules_age = age
    assert found.the("server_ghost").proposal.facts["wish"] == wish


def test_what_we_did_ourselves_is_no_crash():
    found = given_up()
    found.last_remedy_at[("power_kill", remedies.server_object(TARGET, PAPER))] = found.now
    assert found.kinds() == set()


def test_an_end_is_unknown_until_the_panels_activity_was_read_after_it():
    ended = given_up()
    ended.activity_age = 120.0
    assert ended.unknown()[SERVER] == "activity_unread"
    ended.activity_age = 0.0
    assert "server_crash_loop" in ended.kinds()
    ended.give(activity_at=None)
    assert ended.unknown()[SERVER] == "activity_unread", "not in order after a start of ours"


def test_crashes_are_remembered_over_a_start_of_ours():
    found = looks()
    found.events = [die(START - 600), die(START - 300), die(START - 100), ContainerEvent("oom", f"id-{PAPER}", PAPER, START - 60)]
    assert found.kinds() == {"server_crash_loop", "server_oom"}
    found.events = []
    assert found.kinds() == {"server_crash_loop", "server_oom"}
    found.docker = False
    assert found.unknown()[SERVER] == "docker_stale"
    found.docker = True
    assert found.kinds() == {"server_crash_loop", "server_oom"}
    assert found.kinds(2 * HOUR) == set(), "and forgotten"


def test_a_server_that_was_off_when_we_came_is_left_alone():
    found = beside("offline", "exited", seen=False)
    assert found.kinds() == set()
    assert found.kinds(HOUR) == set()


def test_a_server_whose_container_was_removed_under_it_is_started_again():
    found = looks()
    found.look(300)
    found.wings[PAPER] = WingsServer(PAPER, "offline", suspended=False)
    found.containers = {}
    drift = found.the("server_crash_loop")
    assert drift.evidence["container"] == "missing" and drift.proposal.remedy == "power_start"


@pytest.mark.parametrize(
    ("event_at", "flag", "kinds"),
    [(START - 60, False, {"server_oom"}), (START - DAY, False, set()), (None, True, {"server_oom"}), (None, False, set())],
)
def test_the_kernels_word_tells_of_memory_and_the_code_137_does_not(event_at, flag, kinds):
    found = beside("offline", "exited", seen=False)
    found.containers = {PAPER: container(state="exited", exit_code=137, oom_killed=flag, finished_at=START - 30)}
    if event_at is not None:
        found.events = [ContainerEvent("oom", f"id-{PAPER}", PAPER, event_at)]
    assert found.kinds() == kinds


def test_a_server_that_runs_again_after_it_ran_out_of_memory_is_still_told():
    found = looks()
    found.events = [ContainerEvent("oom", f"id-{PAPER}", PAPER, START - 60)]
    drift = found.the("server_oom")
    assert drift.evidence["memory_mib"] == 2048 and drift.proposal is None


# -- what never ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind", "after"),
    [
        ({"status": "installing"}, "server_install_stuck", HOUR),
        ({"status": "restoring_backup"}, "server_restore_stuck", 6 * HOUR),
        ({"transferring": True}, "server_transfer_stuck", 12 * HOUR),
    ],
)
@pytest.mark.parametrize("server", [PAPER, OTHER])
def test_what_never_ends_is_told_and_left_to_a_person(changes, kind, after, server):
    found = beside("offline", "exited", seen=False)
    found.give(server, **changes)
    assert kind not in found.kinds()
    assert kind not in found.kinds(after - 60)
    drift = found.the(kind, 120)
    assert drift.proposal is None and drift.hold and drift.subject.id == server


def test_an_installation_that_is_at_it_is_not_stuck():
    found = beside("offline", "exited", seen=False)
    found.give(status="installing")
    found.containers[f"{PAPER}_installer"] = container(f"{PAPER}_installer", kind="server_installer")
    found.look()
    assert found.kinds(2 * HOUR) == set()
    found.containers.pop(f"{PAPER}_installer")
    assert "server_install_stuck" in found.kinds()


def test_a_new_state_begins_a_new_time():
    found = looks()
    found.give(status="restoring_backup")
    found.look()
    found.give(status="installing")
    assert found.kinds(7 * HOUR) == set()


# -- server_unknown_to_wings, container_unknown ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kinds"), [({}, {"server_unknown_to_wings"}), ({"status": "installing"}, set()), ({"transferring": True}, set())]
)
def test_a_server_that_wings_did_not_load(changes, kinds):
    found = looks()
    found.wings.pop(OTHER)
    found.give(OTHER, **changes)
    assert found.kinds() == kinds


@pytest.mark.parametrize(
    ("name", "kind", "changes", "kinds"),
    [
        (uuid(4), "server_process", {}, {"container_unknown"}),
        (f"{uuid(4)}_installer", "server_installer", {}, {"container_unknown"}),
        (OTHER, "server_process", {}, {"container_unknown"}),
        (uuid(4), "server_process", {"remote": None}, set()),
        (uuid(4), "server_process", {"docker": False}, set()),
        ("somebody-elses", "server_process", {}, set()),
    ],
)
def test_a_container_of_a_server_that_the_panel_does_not_have_here(name, kind, changes, kinds):
    found = looks()
    found.containers[name] = container(name, kind=kind)
    for key, value in changes.items():
        setattr(found, key, value)
    assert found.kinds() == kinds


def test_a_container_without_wings_labels_is_not_ours():
    found = looks()
    found.containers[uuid(4)] = replace(container(uuid(4)), labels={"Service": "Pelican", "ContainerType": "server_process"})
    assert found.kinds() == set()
