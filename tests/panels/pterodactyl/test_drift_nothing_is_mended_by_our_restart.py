"""After a start of ours nothing has been read yet: what was wrong is unknown until it has been looked at again, never in order."""

from dataclasses import replace

import pytest

from tests.support.pterodactyl_looks import (
    DAY,
    HERE,
    HOUR,
    OLD,
    OTHER,
    PAPER,
    START,
    STUCK,
    THERE,
    archive,
    complete,
    container,
    looks,
    record,
    story,
    uuid,
)
from watchdog.model.archives import Verification
from watchdog.model.docker import ContainerEvent
from watchdog.panels.pterodactyl.drift import KINDS
from watchdog.panels.pterodactyl.traces import CanaryWord, Heartbeat
from watchdog.panels.pterodactyl.view import Callback, Schedule, Websocket, WingsServer


def stuck(found):
    found.add(record())
    found.put(archive(verdict="bad", reason="truncated"))
    found.process(began=START - 60)


def missing(found):
    found.add(complete(uuid(8), START - 20 * HOUR))
    found.put(archive(uuid(8), START - 20 * HOUR))
    found.take(OLD)


def mismatch(found):
    found.put(archive(OLD, START - 10 * HOUR, sha1="0" * 40))


def broken(found):
    found.put(archive(OLD, START - 10 * HOUR, verdict="bad"))


def untrusted(found):
    found.wings_is(HERE, version="1.11.10")


def orphan(found):
    found.put(archive(uuid(6), START - 2 * DAY))


def stranded(found):
    found.put(archive(uuid(7), START - 2 * DAY))
    found.add(complete(uuid(7), START - 2 * DAY, server=OTHER))


def at_risk(found):
    found.give(backup_limit=2, schedules=(Schedule(1, PAPER, "s", active=True, processing=False, last_run_at=None, next_run_at=None),))
    found.add(record())
    found.stories[STUCK] = story(generated=START - HOUR, notify_failed=START - HOUR)


def callback(found):
    found.callback = Callback("broken_by_1_11_6")


def console(found):
    found.websockets = (Websocket(PAPER, HERE, "refused"),)


def version(found):
    found.wings_is(THERE, version="1.11.1")


def unreachable(found):
    found.node(THERE, panel_reaches=False)


def no_docker(found):
    found.wings_is(THERE, docker=False)


def heartbeat(found):
    found.see(heartbeat=Heartbeat(START - HOUR))


def cron(found):
    found.give(schedules=(Schedule(1, PAPER, "s", active=True, processing=False, last_run_at=None, next_run_at=START - HOUR),))


def queue(found):
    plan = Schedule(1, PAPER, "s", active=True, processing=True, last_run_at=None, next_run_at=START + DAY, queued=((1, 0.0),))
    found.give(schedules=(plan,))
    found.look(60)
    found.now += 600


def ghost(found):
    found.look()
    found.containers = {PAPER: container(state="exited", exit_code=1)}


def unseen(found):
    found.wings[PAPER] = WingsServer(PAPER, "offline", suspended=False)


def suspended(found):
    found.give(OTHER, status="suspended")


def loop(found):
    found.events = [ContainerEvent("die", "i", PAPER, START - at, 1) for at in (300, 200, 100)]


def given_up(found):
    found.look(300)
    found.wings[PAPER] = WingsServer(PAPER, "offline", suspended=False)
    found.containers = {PAPER: container(state="exited", exit_code=1, finished_at=found.now)}


def oom(found):
    found.events = [ContainerEvent("oom", "i", PAPER, START - 100)]


def install(found):
    found.give(status="installing")
    found.look()
    found.now += 2 * HOUR


def restore(found):
    found.give(status="restoring_backup")
    found.look()
    found.now += 7 * HOUR


def transfer(found):
    found.give(transferring=True)
    found.look()
    found.now += 13 * HOUR


def not_loaded(found):
    found.wings.pop(OTHER)


def stranger(found):
    found.containers[uuid(4)] = container(uuid(4))


def folder(found):
    found.see(volumes=(PAPER, uuid(3)))


def canary(found):
    found.settings = found.settings.model_copy(
        update={"canary": found.settings.canary.model_copy(update={"enabled": True, "server": PAPER})}
    )
    found.see(canary=CanaryWord("failed", START - HOUR, PAPER))


CAUSES = {
    "backup_stuck": stuck, "backup_missing": missing, "backup_mismatch": mismatch, "backup_broken": broken, "backup_untrusted": untrusted,
    "archive_orphan": orphan, "archive_stranded": stranded, "backups_at_risk": at_risk, "callback_broken": callback,
    "websocket_broken": console, "version_broken": version, "node_unreachable": unreachable, "node_without_docker": no_docker,
    "heartbeat_stale": heartbeat, "cron_dead": cron, "queue_dead": queue, "server_ghost": ghost, "server_unseen": unseen,
    "server_suspended_running": suspended, "server_crash_loop": loop, "server_oom": oom, "server_install_stuck": install,
    "server_restore_stuck": restore, "server_transfer_stuck": transfer, "server_unknown_to_wings": not_loaded,
    "container_unknown": stranger, "volume_unknown": folder, "canary_failed": canary,
}  # fmt: skip


def reborn(found):
    """The same target right after a start of ours: the lists of servers and nodes are read, and nothing else yet."""
    young = found.copied()
    young.events, young.websockets, young.complete, young.remote = [], (), False, None
    young.callback = Callback("not_asked")
    young.docker = False
    for ident in young.servers:
        young.give(ident, backups=None, backups_at=None, schedules=None, activity_at=None)
    for ident in young.nodes:
        young.node(ident, panel_reaches=None, panel_reaches_at=None)
        young.wings_is(ident, servers=None, version="", docker=None, reachable=None)
    young.files = {path: replace(each, stable=False, verification=Verification()) for path, each in young.files.items()}
    young.see(heartbeat=Heartbeat(), process=None, volumes=None, kept=None, canary=None)
    return young


def test_every_kind_is_in_the_table():
    assert set(CAUSES) == {kind.name for kind in KINDS}


@pytest.mark.parametrize(("kind", "cause"), [*CAUSES.items(), ("server_crash_loop", given_up)])
def test_what_was_wrong_is_unknown_after_a_start_of_ours_or_still_wrong(kind, cause):
    found = looks()
    cause(found)
    found.look(60)
    before = [each.subject for each in found.look(60).drifts if each.kind == kind]
    assert before, kind
    young = reborn(found)
    for _ in range(3):
        judgement = young.look()
        drifts = {str(each.subject) for each in judgement.drifts if each.kind == kind}
        unknown = {str(each.subject) for each in judgement.unknown}
        assert {str(each) for each in before} <= drifts | unknown
        assert not {str(each) for each in before} & ({str(each) for each in judgement.fine} - drifts)
    found.memory = young.memory
    assert {each.subject for each in found.look().drifts if each.kind == kind} >= set(before), "and found again when all is read"


@pytest.mark.parametrize(("kind", "cause"), [("backup_broken", broken), ("backup_mismatch", mismatch)])
def test_an_archive_that_was_bad_is_not_good_before_it_was_read_again(kind, cause):
    found = looks()
    cause(found)
    assert found.the(kind).subject.id == OLD
    found.files = {path: replace(each, verification=Verification("queued")) for path, each in found.files.items()}
    assert found.unknown()[f"backup/{OLD}"] == "not_verified"
    assert found.unknown()[f"backup/{OLD}"] == "not_verified"
    found.put(archive(OLD, START - 10 * HOUR))
    judgement = found.look()
    assert (judgement.drifts, judgement.unknown) == ((), ())


@pytest.mark.parametrize(
    ("wings", "node", "unknown"),
    [
        ({"reachable": None}, {}, True),
        ({}, {"panel_reaches": None, "panel_reaches_at": None}, True),
        ({}, {"panel_reaches": None}, False),
        ({}, {}, False),
    ],
)
def test_a_way_that_was_cut_is_open_when_it_was_tried_again(wings, node, unknown):
    found = looks()
    unreachable(found)
    assert found.kinds() == {"node_unreachable"}
    found.node(THERE, **{"panel_reaches": True, **node})
    found.wings_is(THERE, **wings)
    assert (found.unknown().get(f"node/{THERE}") == "way_untried") is unknown


@pytest.mark.parametrize(
    ("cause", "subject", "change"),
    [
        (stranger, uuid(4), lambda found: setattr(found, "remote", None)),
        (stranger, uuid(4), lambda found: setattr(found, "docker", False)),
        (folder, uuid(3), lambda found: setattr(found, "remote", None)),
        (folder, uuid(3), lambda found: found.see(volumes=None)),
    ],
)
def test_a_stranger_is_unknown_while_one_of_the_lists_is_not_there(cause, subject, change):
    found = looks()
    cause(found)
    found.look()
    change(found)
    assert f"server/{subject}" in found.unknown()
    assert not {"container_unknown", "volume_unknown"} & found.kinds()


def test_a_canary_that_failed_is_unknown_until_it_was_asked_about():
    found = looks()
    canary(found)
    assert found.kinds() == {"canary_failed"}
    found.see(canary=None)
    assert found.unknown() == {f"server/{PAPER}": "canary_unread"}
    found.see(canary=CanaryWord("good", START, PAPER))
    assert found.look().unknown == ()


def test_a_file_that_was_looked_at_only_once_is_no_work_of_wings():
    found = looks()
    stuck(found)
    found.look(60)
    found.files = {path: replace(each, stable=False) for path, each in found.files.items()}
    assert found.stuck().evidence["refused"] == "not_stable"


def test_what_a_person_switches_off_is_not_unknown_for_ever():
    found = looks()
    console(found)
    found.look()
    found.websockets = ()
    assert found.unknown() == {f"node/{HERE}": "websocket_unknown"}
    found.settings = found.settings.model_copy(update={"watch": found.settings.watch.model_copy(update={"websocket": False})})
    assert found.unknown() == {}
