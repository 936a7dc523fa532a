"""The cases A to L of the contract's section 0, as they happen: none is painted, each arises from what was done to panel, Wings or disk."""

from __future__ import annotations

import hashlib
import re
import tarfile
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pterodactyl_stage import Stage
from watchdog.collectors.docker.fake import FakeEngineWorld
from watchdog.panels.pterodactyl.fake import EngineContainers, Task

Story = Callable[[Stage], str]


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is true, in real seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def a(stage: Stage) -> str:
    """Panel 1.11.6: every callback is a QueryException."""
    stage.world.upgrade("1.11.6")
    uuid = stage.create()
    stage.wings.join()
    assert stage.wings.job(uuid).tries == 9
    assert "QueryException" in stage.log()
    return uuid


def b(stage: Stage) -> str:
    """A tiny backup is done before the panel's own transaction is."""
    stage.world.switches.hold_commit = committed = threading.Event()
    creating = threading.Thread(target=stage.create, kwargs={"at_once": True})
    creating.start()
    until(lambda: bool(stage.wings.jobs))
    assert stage.wings.jobs[0].wait_for("done")
    committed.set()
    creating.join()
    assert stage.wings.jobs[0].tries == 1, "a 404 is not tried again"
    assert "NotFoundHttpException" in stage.log()
    return stage.wings.jobs[0].uuid


def c(stage: Stage) -> str:
    """``artisan down`` for longer than Wings' patience."""
    row, job = stage.begin()
    stage.world.switches.maintenance = True
    job.advance()
    stage.world.switches.maintenance = False
    return row.uuid


def d(stage: Stage) -> str:
    """http is redirected to https: Go makes a GET of the POST."""
    row, job = stage.begin()
    stage.world.switches.redirect = 301
    job.advance()
    stage.world.switches.redirect = 0
    assert [each.method for each in stage.panel.sent(f"/api/remote/backups/{row.uuid}")] == ["POST", "GET"]
    return row.uuid


def e(stage: Stage) -> str:
    """Wings is killed while it archives."""
    row, job = stage.begin()
    job.advance("begun")
    stage.wings.restart()
    with pytest.raises((EOFError, tarfile.ReadError, zlib.error)):
        whole(stage.path(row.uuid))
    return row.uuid


def f(stage: Stage) -> str:
    """Wings is restarted between "created backup" and the callback's success."""
    row, job = stage.begin()
    job.advance("checksum")
    stage.wings.restart()
    assert "created backup successfully" in stage.log()
    return row.uuid


def g(stage: Stage) -> str:
    """A checksum that takes hours: Wings holds the file open, the prune comes before it is done."""
    row, job = stage.begin()
    job.advance("checksum")
    stage.pass_time(7 * 3600)
    assert stage.stands(row.uuid) == ("failed", True), "pruned"
    held = [path.readlink() for path in (stage.wings.proc / str(stage.wings.pid) / "fd").iterdir()]
    assert stage.path(row.uuid) in held
    return row.uuid


def h(stage: Stage) -> str:
    """The panel cannot be told and Remove() fails."""
    row, job = stage.begin()
    stage.wings.switches.remove_fails = True
    stage.world.switches.unreachable = True
    job.advance()
    stage.world.switches.unreachable = False
    assert "failed to notify panel of backup status due to wings error" in stage.log()
    return row.uuid


def i(stage: Stage) -> str:
    """The panel's database is restored from a dump of before."""
    row, job = stage.begin()
    dump = stage.world.dump()
    job.advance()
    stage.world.restore(dump)
    return row.uuid


def j(stage: Stage) -> str:
    """As A, and somebody has linked the file when it appeared."""
    row, job = stage.begin()
    job.advance("begun")
    (stage.wings.backups / "kept").hardlink_to(stage.path(row.uuid))
    stage.world.upgrade("1.11.6")
    job.advance()
    assert whole(stage.wings.backups / "kept"), "the link has the whole archive, though it was taken of half a file"
    return row.uuid


def k(stage: Stage) -> str:
    """The callback was processed, its answer was lost, the next try gets 400."""
    row, job = stage.begin()
    stage.world.switches.lose_completions = 1
    job.advance()
    assert job.tries == 2
    assert "already marked as completed" in stage.log()
    return row.uuid


def l(stage: Stage) -> str:  # noqa: E743  # the letter of the contract
    """Generation fails, and the panel cannot be told that."""
    row, job = stage.begin()
    stage.wings.switches.fail_after_files = 2
    stage.world.switches.database_down = True
    job.advance()
    stage.world.switches.database_down = False
    assert len(whole(stage.path(row.uuid))) == 2, "a good archive, which lacks files"
    assert "failed to generate server backup" in stage.log()
    assert "created backup successfully" not in stage.log()
    return row.uuid


def whole(path: Path) -> list[str]:
    """Return the names in an archive that is a whole gzip member around a whole tar, and nothing behind it."""
    unpacker = zlib.decompressobj(31)
    raw = unpacker.decompress(path.read_bytes())
    if not unpacker.eof or unpacker.unused_data or raw[-1024:] != bytes(1024):
        raise EOFError
    with tarfile.open(path) as archive:
        return archive.getnames()


@pytest.mark.parametrize(
    ("case", "record", "archive"),
    [
        (a, "pending", False), (b, "pending", False), (c, "pending", False), (d, "pending", False), (e, "pending", True),
        (f, "pending", True), (g, "failed", True), (h, "pending", True), (i, "pending", True), (j, "pending", False),
        (k, "complete", False), (l, "pending", True),
    ],
    ids=lambda value: value.__name__.upper() if callable(value) else "",
)  # fmt: skip
def test_each_case_leaves_the_record_and_the_archive_that_the_contract_tells(
    tmp_path: Path, case: Story, record: str, archive: bool
) -> None:
    with Stage(tmp_path) as stage:
        uuid = case(stage)
        assert stage.stands(uuid) == (record, archive)
        if case in (f, h, i):
            assert whole(stage.path(uuid)), "repairable: it is complete"
        if record == "pending" and case is not l:
            stage.pass_time(6 * 3600 + 1800)
            assert stage.stands(uuid) == ("failed", archive), "pruned at last, and its archive let be"


def test_a_long_checksum_flips_a_pruned_record_to_success_by_itself(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        uuid = g(stage)
        stage.wings.job(uuid).advance()
        assert stage.stands(uuid) == ("complete", True)


def test_a_good_backup_is_what_it_says(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        uuid = stage.create()
        stage.wings.join()
        record = stage.shown(uuid)
        content = stage.path(uuid).read_bytes()
        assert record["is_successful"]
        assert (record["checksum"], record["bytes"]) == (f"sha1:{hashlib.sha1(content).hexdigest()}", len(content))
        volume = stage.wings.volume(stage.server.uuid)
        files = {path.relative_to(volume).as_posix(): path.read_bytes() for path in volume.rglob("*") if path.is_file()}
        with tarfile.open(stage.path(uuid)) as archive:
            packed = {member.name: archive.extractfile(member) for member in archive}
            assert {name: handle.read() for name, handle in packed.items() if handle} == files
        assert whole(stage.path(uuid)) == sorted(files)
        assert stage.path(uuid).stat().st_mode & 0o777 == 0o600
        assert stage.path(uuid).stat().st_mtime == pytest.approx(stage.clock.now().wall)
        said = [re.split(r"\] | +\w+=", line)[1] for line in stage.log().splitlines() if uuid in line]
        assert said == ["creating backup for server", "created backup successfully", "notified panel of successful backup state"]


def test_a_replay_while_wings_can_still_call_loses_the_archive(tmp_path: Path) -> None:
    """The danger of section 0.3: the reason for guard 4."""
    with Stage(tmp_path) as stage:
        row, job = stage.begin()
        job.advance("checksum")
        content = stage.path(row.uuid).read_bytes()
        body = {
            "successful": True,
            "checksum": hashlib.sha1(content).hexdigest(),
            "checksum_type": "sha1",
            "size": len(content),
            "parts": None,
        }
        assert stage.report(row.uuid, **body) == 204
        assert stage.stands(row.uuid) == ("complete", True)
        job.advance()
        assert stage.stands(row.uuid) == ("complete", False)


def test_two_completions_at_one_moment_are_both_told_that_they_won(tmp_path: Path) -> None:
    """Contract section 3.4: the guard is not atomic, so a 204 proves nothing."""
    with Stage(tmp_path) as stage:
        row, _ = stage.begin()
        stage.world.switches.hold_completion = threading.Barrier(2, timeout=60)
        statuses: list[int] = []
        bodies = [{"successful": True, "checksum": letter * 40, "checksum_type": "sha1", "size": 1} for letter in "ab"]
        senders = [threading.Thread(target=lambda body=body: statuses.append(stage.report(row.uuid, **body))) for body in bodies]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert statuses == [204, 204]
        assert stage.shown(row.uuid)["checksum"] in {f"sha1:{'a' * 40}", f"sha1:{'b' * 40}"}


def test_a_restart_of_wings_leaves_backups_and_resets_what_was_being_installed(tmp_path: Path) -> None:
    """Contract section 6.1."""
    with Stage(tmp_path, servers=4) as stage:
        row, job = stage.begin()
        job.advance("callback")
        runs, ran, was_off, installing = stage.servers
        for each in (runs, ran):
            stage.wings.servers[each.uuid].power("start")
        stage.pass_time(61)
        assert stage.wings.states.stat().st_mtime <= stage.clock.now().wall
        stage.wings.kill()
        assert stage.wings.containers.state(runs.uuid) == "running", "game servers live on"
        stage.wings.containers.stop(ran.uuid)
        installing.status = "installing"
        assert stage.wings.boot()
        states = {each.name: stage.wings.servers[each.uuid].state for each in stage.servers}
        assert states == {"server-0": "running", "server-1": "running", "server-2": "offline", "server-3": "offline"}
        assert stage.wings.containers.state(ran.uuid) == "running", "it was running by states.json, so it is started"
        assert installing.status == ""
        assert stage.stands(row.uuid) == ("pending", True)
        assert stage.wings.containers.state(was_off.uuid) == "missing"


def test_without_a_panel_wings_does_not_boot(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.wings.kill()
        stage.world.switches.maintenance = True
        assert not stage.wings.boot()
        assert not stage.wings.up
        assert "FATAL: " in stage.log()
        stage.world.switches.maintenance = False
        assert stage.wings.boot()


def test_the_heartbeat_comes_each_minute_of_the_worlds_clock(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        began = stage.clock.now().wall
        assert stage.wings.states.read_bytes() == b"", "empty until the first beat"
        stage.pass_time(59)
        assert stage.wings.states.read_bytes() == b""
        stage.pass_time(100)
        assert stage.wings.states.stat().st_mtime == pytest.approx(began + 120)
        stage.wings.kill()
        stage.pass_time(300)
        assert stage.wings.states.stat().st_mtime == pytest.approx(began + 120)


def test_cron_prunes_at_its_tick_and_not_when_it_is_dead(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        row = stage.world.add_backup(stage.server, locked=True)
        stage.world.switches.cron_dead = True
        stage.pass_time(8 * 3600)
        assert stage.stands(row.uuid) == ("pending", False)
        stage.world.switches.cron_dead = False
        stage.pass_time(1800 + 77)
        assert stage.stands(row.uuid) == ("failed", False)
        assert row.completed_at is not None and row.completed_at % 1800 == 0, "it carries the time of its tick"
        assert row.locked, "a prune does not unlock"
        assert [each.event for each in stage.world.rows.activity] == [], "and writes no activity"


def test_a_queue_without_worker_keeps_a_schedule_processing_until_one_is_back(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        schedule = stage.world.add_schedule(stage.server, next_run_at=stage.clock.now().wall + 60)
        stage.world.switches.queue_dead = True
        stage.pass_time(300)
        assert (schedule.processing, schedule.tasks[0].queued, schedule.last_run_at) == (True, True, None)
        stage.world.switches.queue_dead = False
        stage.pass_time(60)
        assert (schedule.processing, schedule.tasks[0].queued) == (False, False)
        assert schedule.last_run_at is not None


def test_pelican_lays_its_archives_below_their_servers_and_lets_admins_in(tmp_path: Path) -> None:
    """Contract section 8; from source only."""
    with Stage(tmp_path, "pelican") as stage:
        uuid = stage.create()
        stage.wings.join()
        assert (stage.wings.backups / stage.server.uuid / f"{uuid}.tar.gz").is_file()
        assert stage.shown(uuid)["is_scheduled"] is False
        stage.server.status = "suspended"
        assert stage.send("GET", f"/api/client/servers/{stage.server.uuid}/backups")[0] == 200
        stage.server.status = ""
        stage.wings.servers[stage.server.uuid].power("start")
        assert stage.wings.containers.labels[stage.server.uuid]["Service"] == "Pelican"  # type: ignore[attr-defined]


def test_an_upload_to_s3_leaves_no_archive_behind(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.world.switches.s3_default = True
        row, job = stage.begin(disk="s3")
        assert job.advance("uploading") == "uploading"
        assert stage.path(row.uuid).exists(), "while it is uploaded there is a file that nobody changes"
        job.advance()
        assert stage.stands(row.uuid) == ("complete", False)


@pytest.mark.parametrize(("shrinks", "record"), [("last", "complete"), ("middle", "failed")])
def test_a_file_that_shrinks_cuts_the_tar_within_a_good_gzip(tmp_path: Path, shrinks: str, record: str) -> None:
    with Stage(tmp_path) as stage:
        row, job = stage.begin()
        stage.wings.switches.shrink = shrinks  # type: ignore[assignment]
        job.advance()
        assert stage.stands(row.uuid) == (record, True)
        unpacker = zlib.decompressobj(31)
        raw = unpacker.decompress(stage.path(row.uuid).read_bytes())
        assert unpacker.eof and raw[-1024:] != bytes(1024)
        assert ("created backup successfully" in stage.log()) is (shrinks == "last")


def test_a_restore_brings_files_back_and_tells_the_panel_or_hangs(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        uuid = stage.create()
        stage.wings.join()
        path = f"/api/client/servers/{stage.server.uuid}/backups/{uuid}/restore"
        lost = stage.wings.volume(stage.server.uuid) / "server.properties"
        content = lost.read_bytes()
        lost.unlink()
        assert stage.send("POST", path, {"truncate": False})[0] == 204
        stage.wings.join()
        until(lambda: stage.server.status == "")
        assert lost.read_bytes() == content
        assert not stage.wings.servers[stage.server.uuid].suspended
        stage.wings.switches.hang_restore = True
        assert stage.send("POST", path, {"truncate": False})[0] == 204
        stage.wings.join()
        assert stage.server.status == "restoring_backup"
        assert stage.wings.servers[stage.server.uuid].suspended, "while it restores, Wings calls it suspended"
        stage.wings.restart()
        assert stage.server.status == "", "a restart lets the panel forget it"


def test_a_delete_takes_the_archive_with_it_even_of_a_pending_record(tmp_path: Path) -> None:
    """Contract section 1.2: so it is never a repair."""
    with Stage(tmp_path) as stage:
        uuid = f(stage)
        stage.wings.manual = False
        assert stage.stands(uuid) == ("pending", True)
        path = f"/api/client/servers/{stage.server.uuid}/backups/{uuid}"
        assert stage.send("DELETE", path)[0] == 204
        assert not stage.path(uuid).exists()
        assert stage.send("GET", path)[0] == 404
        assert stage.report(uuid, successful=False) == 404, "the remote API does not see what was deleted softly"


def test_a_deleted_server_leaves_its_archives_behind(tmp_path: Path) -> None:
    """Contract section 5.2: orphans."""
    with Stage(tmp_path, servers=2) as stage:
        uuid = stage.create()
        stage.wings.join()
        path = stage.path(uuid)
        stage.world.delete_server(stage.servers[0])
        assert path.exists() and uuid not in stage.world.rows.backups


def test_the_panel_suspends_through_wings_which_stops_what_runs(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        server = stage.wings.servers[stage.server.uuid]
        server.power("start")
        path = f"/api/application/servers/{stage.server.id}"
        assert stage.send("POST", f"{path}/suspend", {})[0] == 204
        assert (stage.server.status, server.state, server.suspended) == ("suspended", "offline", True)
        assert stage.send("POST", f"{path}/unsuspend", {})[0] == 204
        assert (stage.server.status, server.suspended) == ("", False)
        stage.wings.kill()
        assert stage.send("POST", f"{path}/suspend", {})[0] == 504
        assert stage.server.status == ""


def test_requests_are_counted_for_a_minute_and_then_anew(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.world.switches.throttle_after = 3
        statuses = [stage.send("GET", "/api/client")[0] for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert stage.send("GET", "/api/application/nodes")[0] == 200, "the other limit is apart"
        assert stage.report("unknown", successful=False) == 404, "the remote API has none"
        stage.clock.advance(60)
        assert stage.send("GET", "/api/client")[0] == 200


def test_a_schedule_makes_a_backup_and_stops_a_server_of_which_no_activity_tells(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        server = stage.wings.servers[stage.server.uuid]
        server.power("start")
        due = stage.clock.now().wall + 60
        stage.world.add_schedule(stage.server, [Task(1, "power", "stop"), Task(2, "backup")], next_run_at=due)
        stage.pass_time(120)
        until(lambda: bool(stage.wings.jobs))
        stage.wings.join()
        assert server.state == "offline"
        assert [each.successful for each in stage.world.backups_of(stage.server)] == [True]
        assert not [each for each in stage.world.rows.activity if "power" in each.event]


def test_the_containers_of_a_fake_engine_are_wings_containers(tmp_path: Path) -> None:
    engine = FakeEngineWorld()
    with Stage(tmp_path, containers=EngineContainers(engine)) as stage:
        server, uuid = stage.wings.servers[stage.server.uuid], stage.server.uuid
        server.power("start")
        found = engine.get(uuid)
        assert (found.name, found.running) == (uuid, True)
        assert found.labels == {"Service": "Pterodactyl", "ContainerType": "server_process"}
        engine.oom(uuid)
        assert stage.wings.containers.ended(uuid) == (137, True)
        stage.pass_time(5)
        assert server.state == "running" and engine.get(uuid).id != found.id, "mended, in a new container"
        engine.crash_engine()
        assert stage.send("GET", "/api/system", url=stage.wings.url, key=stage.wings.token)[0] == 500
        assert stage.send("GET", "/api/servers", url=stage.wings.url, key=stage.wings.token)[0] == 200
        server.power("restart")
        assert "Cannot connect to the Docker daemon" in stage.log()
        engine.restart_engine()
        assert stage.wings.containers.state(uuid) == "exited"
