"""The pure rules about the panel itself, its memory and its disk: licence, release, tasks, kills by the kernel, room."""

from dataclasses import replace

import pytest

from tests.support.sysreptor import APP, DAY, FOLDER, HOUR, START, TARGET, app, engine, file, good, host, rows, scene
from watchdog.model.docker import ContainerEvent
from watchdog.model.host import Filesystem
from watchdog.model.needs import FilesystemNeed
from watchdog.panels.sysreptor import shelf
from watchdog.panels.sysreptor.traces import BackupProcess, Evidence, LastRun
from watchdog.panels.sysreptor.view import Health, PeriodicTask, Preflight, SysreptorView

# -- backup_refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [Preflight.NO_LICENCE, Preflight.KEY_MISSING, Preflight.KEY_WRONG, Preflight.TOKEN_WRONG, Preflight.FORBIDDEN, Preflight.REFUSED],
)
def test_the_panel_would_refuse(word):
    closed = scene()
    closed.view = replace(closed.view, preflight=word)
    found = closed.only("backup_refused")
    assert found.evidence["refusal"] == word.value and found.proposal is None and found.hold


def test_a_lost_licence_is_seen_without_a_backup_key_too():
    lost = scene(backup_key_file=None)
    lost.view = replace(lost.view, preflight=Preflight.NOT_ASKED, licence=replace(lost.view.licence, professional=False, error="expired"))
    assert lost.only("backup_refused").evidence["licence_error"] == "expired"


def test_a_lost_licence_holds_every_run_back_a_missing_key_only_downloads():
    for method, word, held in [("exec", "NO_LICENCE", True), ("exec", "KEY_MISSING", False), ("api", "KEY_MISSING", True)]:
        closed = scene(run={"method": method, "window": "always"})
        closed.files, closed.log = [], []
        closed.view = replace(closed.view, preflight=Preflight[word])
        found = closed.the("backup_too_old")
        assert (found.proposal is None) is held


def test_a_token_that_is_not_taken_is_no_unknown():
    closed = scene(backup_key_file=None)
    closed.view = replace(closed.view, licence=None, licence_error="Forbidden", preflight=Preflight.NOT_ASKED)
    assert closed.the("backup_refused").evidence["refusal"] == "token_wrong"


def test_a_panel_that_does_not_answer_refuses_nothing():
    silent = scene()
    silent.view = replace(silent.view, licence=None, licence_error="Temporary", preflight=Preflight.UNKNOWN)
    silent.log = None
    judgement = silent.look()
    assert judgement.drifts == ()
    assert {str(each.subject): each.reason for each in judgement.unknown} == {
        f"licence/{TARGET}": "panel_silent",
        f"log/{TARGET}": "log_unreadable",
    }


# -- version_unsafe ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "method", "causes"),
    [
        ("2025.12", "exec", "cli_unflushed storage_in_memory"),
        ("2025.12", "api", "worker_recycled storage_in_memory stream_in_memory"),
        ("2025.20", "exec", ""),
        ("2025.20", "api", "stream_in_memory worker_aborted"),
        ("2025.64", "none", "stream_in_memory worker_aborted"),
        ("2025.69", "api", "worker_aborted"),
        ("2025.108", "api", "worker_aborted"),
        ("2025.110", "api", ""),
        ("2026.61", "none", ""),
        ("dev", "api", ""),
    ],
)
def test_releases_whose_backups_are_not_to_be_trusted(version, method, causes):
    odd = scene(version, run={"method": method, "window": "always"})
    found = [each for each in odd.look().drifts if each.kind == "version_unsafe"]
    assert [each.evidence["causes"] for each in found] == ([causes] if causes else [])


def test_an_unsafe_release_makes_no_downloads_of_ours():
    odd = scene("2025.69", run={"method": "api", "window": "always"})
    odd.files, odd.log = [], []
    found = odd.the("backup_too_old")
    assert found.proposal is None and "2025.110" in found.hold


def test_the_release_is_known_by_the_newest_backup_where_nobody_asks_the_panel():
    alone = scene(url=None, token_file=None, backup_key_file=None)
    alone.seen = SysreptorView
    alone.files = [good(START - 6 * HOUR, version="2025.12")]
    assert alone.only("version_unsafe").evidence["version"] == "2025.12"


def test_a_release_that_nobody_could_ask_for_is_unknown():
    silent = scene()
    silent.files = []
    silent.view = replace(silent.view, licence=None, licence_error="Temporary")
    assert silent.unknown()[f"release/{TARGET}"] == "version_unknown"


# -- tasks_stand_still ---------------------------------------------------------------------------------------------------------


def with_tasks(*ages, **changes):
    slow = scene(**changes)
    tasks = tuple(PeriodicTask(f"task-{n}", "success", START - age) for n, age in enumerate(ages))
    slow.view = replace(slow.view, tasks=tasks, tasks_error="")
    return slow


def test_daily_tasks_that_did_not_begin_are_poked():
    found = with_tasks(3 * DAY, DAY + 700).only("tasks_stand_still")
    assert (found.evidence["newest"], found.evidence["tasks"]) == ("task-1", 2)
    assert found.proposal.remedy == "poke_healthcheck"


def test_the_row_of_a_task_that_was_given_up_is_old_for_ever():
    assert with_tasks(400 * DAY, HOUR).kinds() == set()


def test_a_task_may_be_ten_minutes_late():
    assert with_tasks(DAY + 500).kinds() == set()
    assert with_tasks().kinds() == set()


def test_a_failing_healthcheck_is_not_poked():
    ill = with_tasks(2 * DAY)
    ill.view = replace(ill.view, health=Health(database=True, migrations=False, cache=True))
    found = ill.only("tasks_stand_still")
    assert found.proposal is None and "healthcheck fails" in found.hold


def test_a_database_that_cannot_be_read_says_nothing_of_tasks():
    blind = with_tasks()
    blind.view = replace(blind.view, tasks=None, tasks_error="Temporary")
    assert blind.unknown() == {f"tasks/{TARGET}": "database_unreadable"}


# -- backup_out_of_memory ------------------------------------------------------------------------------------------------------


def event(action, at, code=None, container="a" * 64, name=APP):
    return ContainerEvent(action, container, name, at, code)


def killed(*events, busy=True, kills=1, name=APP, containers=()):
    """Return a target of which the kernel ended a process one minute ago, while (``busy``) a backup was made."""
    hungry = scene()
    if busy:
        hungry.evidence = Evidence(processes=(BackupProcess(77),))
    hungry.look()
    hungry.evidence = Evidence(processes=())
    hungry.docker = engine(containers, {APP: 0, name: kills}, events)
    return hungry


@pytest.mark.parametrize(
    ("events", "victim"),
    [
        ([event("oom", START + 90), event("die", START + 91, 137)], "its main process"),
        ([event("oom", START + 90), event("exec_die", START + 91, 137)], "a process that was started in it by exec"),
        ([event("oom", START + 90)], "a child process, and the container lives"),
        ([event("oom", START + 90), event("exec_die", START + 900, 137)], "a child process, and the container lives"),
        ([], "a process"),
    ],
)
def test_a_backup_that_ran_out_of_memory_is_named_with_its_victim(events, victim):
    found = killed(*events).only("backup_out_of_memory")
    assert found.evidence["victim"] == victim and victim in found.truth
    assert str(found.subject) == f"container/{APP}" and found.proposal is None


def test_a_container_of_compose_run_is_named_although_it_is_gone():
    name, ident = f"{APP}-run-0a1b", "c" * 64
    events = [
        event("oom", START + 90, None, ident, name),
        event("die", START + 91, 137, ident, name),
        event("destroy", START + 92, None, ident, name),
    ]
    hungry = killed(*events, busy=False, name=name)
    found = hungry.only("backup_out_of_memory")
    assert str(found.subject) == f"container/{name}"
    assert found.evidence["victim"] == "its main process, and the container is gone"


def test_a_kill_is_no_want_of_memory():
    hungry = killed(event("kill", START + 90), event("die", START + 91, 137), kills=0)
    assert hungry.kinds() == set()


def test_the_flag_that_sticks_to_a_container_is_not_asked():
    sticky = scene()
    sticky.docker = engine([app(oom_killed=True, state="exited", exit_code=0)])
    assert sticky.kinds() == set()


def test_want_of_memory_while_no_backup_is_made_is_not_ours_to_tell():
    assert killed(event("oom", START + 90), busy=False).kinds() == set()


def test_a_run_in_the_log_at_that_time_makes_it_a_backup():
    hungry = killed(event("oom", START + 90), busy=False)
    hungry.log += rows(START + 100, by="admin", finished=False, row="web")
    assert "backup_out_of_memory" in hungry.kinds()


def test_where_nobody_can_tell_whether_a_backup_was_made_it_is_told_so():
    hungry = killed(event("oom", START + 90), busy=False)
    hungry.log = None
    assert "cannot be told" in hungry.the("backup_out_of_memory").truth


def test_it_counts_once_and_lasts_until_a_good_backup_was_made():
    hungry = killed(event("oom", START + 90))
    for _ in range(5):
        assert hungry.kinds() == {"backup_out_of_memory"}
    hungry.files.append(good(START + 500))
    hungry.log += rows(START + 500)
    for _ in range(3):
        assert hungry.kinds() == set()


def test_what_was_counted_before_we_came_is_no_news():
    old = scene()
    old.docker = engine(kills={APP: 7})
    assert old.kinds() == set() and old.kinds() == set()


def test_the_events_that_name_the_victim_may_come_a_look_later():
    hungry = killed()
    assert hungry.only("backup_out_of_memory").evidence["victim"] == "a process"
    hungry.docker = replace(hungry.docker, events=(event("oom", START + 90),))
    assert "child" in hungry.only("backup_out_of_memory", 1.0).evidence["victim"]
    hungry.docker = replace(hungry.docker, events=(event("oom", START + 90), event("die", START + 91, 137)))
    assert hungry.only("backup_out_of_memory", 1.0).evidence["victim"] == "its main process"
    hungry.docker = replace(hungry.docker, events=())
    assert hungry.only("backup_out_of_memory").evidence["victim"] == "its main process"


def test_a_container_that_comes_and_dies_between_two_looks_is_news_and_one_of_the_past_is_none():
    name = f"{APP}-run-77"
    old = scene()
    old.docker = engine(kills={name: 2})
    assert old.kinds() == set()
    assert old.kinds(40 * DAY) & {"backup_out_of_memory"} == set()
    old.docker = engine(kills={name: 2, f"{APP}-run-78": 1})
    assert old.the("backup_out_of_memory").subject.id == f"{APP}-run-78"


def test_docker_out_of_sight_mends_nothing():
    hungry = killed(event("oom", START + 90))
    assert hungry.kinds() == {"backup_out_of_memory"}
    hungry.docker_age = 600.0
    assert hungry.unknown() == {f"container/{APP}": "docker_stale"}
    hungry.docker = replace(hungry.docker, counted=False)
    hungry.docker_age = 0.0
    assert hungry.unknown() == {f"container/{APP}": "docker_stale"}
    hungry.docker = None
    assert hungry.unknown() == {f"container/{APP}": "docker_stale"}


def test_nothing_is_tried_again_soon_after_it():
    hungry = killed(event("oom", START + 90))
    hungry.files = [good(START - 40 * HOUR)]
    hungry.log = rows(START - 40 * HOUR)
    held = hungry.the("backup_too_old")
    assert held.proposal is None and "ran out of memory" in held.hold
    assert hungry.the("backup_too_old", 6 * HOUR).proposal is not None


# -- no_room -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "available", "lacks"),
    [
        (100 << 30, 8 << 30, ""),
        (2 << 30, 8 << 30, "disk"),
        (100 << 30, 100 << 20, "memory"),
        (0, 0, "disk memory"),
        (3 << 30, 256 << 20, ""),
    ],
)
def test_room_for_the_next_backup(free, available, lacks):
    tight = scene()
    tight.host = host(free, available)
    found = [each.evidence["lacks"] for each in tight.look().drifts if each.kind == "no_room"]
    assert found == ([lacks] if lacks else [])


@pytest.mark.parametrize(
    ("free", "error", "lacks"),
    [(2 << 30, None, ""), (100 << 20, None, "restore_disk"), (0, "hung", "unknown")],
)
def test_room_where_a_restore_writes(free, error, lacks):
    tight = scene(backups={"path": FOLDER, "restore_paths": ["/var/lib/docker"]})
    assert shelf.filesystems(tight.settings)[1] == FilesystemNeed(f"{TARGET}:restore:/var/lib/docker", "/var/lib/docker")
    elsewhere = Filesystem(f"{TARGET}:restore:/var/lib/docker", "/var/lib/docker", total_bytes=8 << 30, free_bytes=free, error=error)
    tight.host = replace(host(), filesystems=(*host().filesystems, elsewhere))
    if lacks == "unknown":
        assert tight.unknown() == {f"room/{TARGET}": "filesystem_unreadable"}
        tight.host = replace(tight.host, filesystems=(*host(free=1).filesystems, elsewhere))
        assert tight.only("no_room").evidence["lacks"] == "disk"  # what one disk hides does not hide another
        return
    assert [each.evidence["lacks"] for each in tight.look().drifts if each.kind == "no_room"] == ([lacks] if lacks else [])


def test_memory_goes_by_the_last_run_of_ours():
    tight = scene()
    tight.evidence = Evidence(processes=(), last_run=LastRun("/x", START, 1 << 30, 60.0, peak_memory=6 << 30))
    assert tight.only("no_room").evidence["lacks"] == "memory"
    away = scene(run={"method": "none"})
    away.host = host(available=1)
    assert away.kinds() == set()


def test_no_run_is_begun_without_room():
    tight = scene()
    tight.host = host(free=1)
    tight.files, tight.log = [file(START - DAY, "bad", reason="truncated")], []
    assert "make room first" in tight.the("backup_too_old").hold


def test_disks_that_cannot_be_asked_are_unknown():
    blind = scene()
    blind.host = None
    assert blind.unknown() == {f"room/{TARGET}": "host_stale"}
    blind.host = host()
    blind.host = replace(blind.host, filesystems=(replace(blind.host.filesystems[0], error="hung", free_bytes=0),))
    assert blind.unknown() == {f"room/{TARGET}": "filesystem_unreadable"}
