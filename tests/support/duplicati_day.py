"""The day on which the answers were recorded, played again on a fake: each recorded request sent when its turn comes, its answer kept."""

from __future__ import annotations

import copy

from tests.support.duplicati_fake import answers, settled, stage

LISTED = {"--upload-verification-file": "true"}
NO_REPORT = {"--send-http-json-urls": ""}
SMALL = {"dblock-size": "1mb", "--blocksize": "100kb"}
NEXT_YEAR = 1_799_028_000
"""2027-01-04 02:00 UTC: of another recording of the same job."""
BEARER = {"Authorization": "Bearer <jwt>"}


class Day:
    """One fake through the day; ``got`` are its answers by the recordings' names."""

    def __init__(self, version, folder, server, caller, clock):
        self.version, self.folder = version, folder
        self.server, self.caller, self.clock = server, caller, clock
        self.recorded = answers(version)
        self.got = {}

    def ask(self, *names, **changed):
        """Send the recorded requests of these names that there are for this version; ``changed``: another body."""
        for name in names:
            if name in self.recorded:
                self.got[name] = self._send(self.recorded[name]["request"], **changed)

    def _send(self, request, body=None):
        given = request.get("body") if body is None else body
        form = given.get("form") if isinstance(given, dict) else None
        headers = {name: value for name, value in request.get("headers", BEARER).items() if value != "Bearer <jwt>"}
        if "Authorization" not in request.get("headers", BEARER):
            headers["Authorization"] = ""
        return self.caller.call(request["method"], request["path"], request.get("query") or "", None if form else given, headers, form)

    def job(self, name, destination, source, *, encrypted=False, schedule=False, more=LISTED):
        """Create a job as the recorded ones were, with folders of ours; return the body."""
        body = copy.deepcopy(self.recorded["backup-create"]["request"]["body"])
        settings = [{"Name": "encryption-module", "Value": ""}, {"Name": "--no-encryption", "Value": "true"}]
        if encrypted:
            settings = [{"Name": "encryption-module", "Value": "aes"}, {"Name": "passphrase", "Value": "fixture-passphrase"}]
        query = "?auth-username=u&auth-password=s3cret" if encrypted else ""
        body["Backup"] |= {"Name": name, "TargetURL": f"file://{destination}{query}", "Sources": [f"{source}/"]}
        body["Backup"]["Settings"] = [*settings, *({"Name": name, "Value": value} for name, value in more.items())]
        body["Schedule"] = body["Schedule"] if schedule else None
        return body

    def create(self, name, destination, source, **more):
        """Create a job."""
        answer = self.caller.post("backups", body=self.job(name, destination, source, **more))
        assert answer.status == 200, answer


def play(version, folder):
    """Play the day; return the answers by name, and where the jobs' folders are."""
    source = folder / "source"
    source.mkdir(parents=True)
    for number in range(20):
        (source / f"file{number:03}.txt").write_bytes(b"a line of a file\n" * (20 + number))
    backups = folder / "backups"
    backups.mkdir()
    with stage(folder / "server", version) as (server, caller, clock):
        server.world.password = caller.password = "fixture-pass"
        server.world.preauth, server.world.forever = ("fixture-preauth-token",), True
        day = Day(version, folder, server, caller, clock)
        fresh(day)
        two_jobs(day, backups, source)
        first_run(day)
        long_run(day, backups, source)
        paused_queue(day)
        failures(day, backups, source)
        dismissed(day)
        return day.got


def fresh(day):
    """A server that was just installed."""
    day.ask("state-idle", "health", "notifications-fresh")
    day.ask(*(name for name in day.recorded if name.startswith("auth-")))
    day.caller.login()
    day.ask("systeminfo", "serversettings", "path-unknown", "method-wrong", "progressstate-never", "tasks-never", "task-404")
    day.ask("backup-404", "backup-bad-id", "backup-run-404")
    day.ask("state-paused-timed-post", "state-paused-timed", "state-paused-indefinite-post", "state-paused-indefinite", "resume")


def two_jobs(day, backups, source):
    """Two jobs that never ran."""
    day.ask(
        "backup-create",
        body=day.job("photos", backups / "plain", source, schedule=True, more={**LISTED, **NO_REPORT, "keep-versions": "5"}),
    )
    day.ask("backup-create-same-name", body=day.job("Photos", backups / "plain", source))
    nothing = day.job("nosource", backups / "plain", source)
    nothing["Backup"]["Sources"] = []
    day.ask("backup-create-no-source", body=nothing)
    day.create("secret docs", backups / "encrypted", source, encrypted=True)
    day.ask("backups", "backup-one", "backup-one-encrypted", "log-never")


def first_run(day):
    """The first job's first run, and more of both: tasks 2 to 6."""
    day.ask("backup-run", "task-running")
    settled(day.caller, day.clock)
    day.ask("task-completed", "state-after-run", "backups-after", "log-after", "remotelog-after", "filesets", "progressstate-after")
    day.ask("tasks-after")
    job = day.server.world.jobs["1"]
    time, job.schedule.time = job.schedule.time, NEXT_YEAR
    day.ask("backup-one-before-put")
    job.schedule.time = time
    day.server.world.jobs["2"].warnings = 2
    for operation in ("backup/2/run", "backup/1/run", "backup/2/verify", "backup/2/run"):
        (day.folder / "source" / f"of-{day.clock.now().wall}.txt").write_text("more\n", encoding="ascii")
        assert day.caller.post(operation).status == 200
        settled(day.caller, day.clock)


def long_run(day, backups, source):
    """A long run of a third job, with another behind it; paused, resumed, stopped."""
    day.create("slow", backups / "slow", source, more=SMALL)
    day.server.world.jobs["3"].seconds = 600.0
    assert day.caller.post("backup/3/run").body["ID"] == 7
    day.clock.advance(20.0)
    day.ask("state-running", "tasks-running", "backup-isactive", "backup-run-again-while-running")
    day.ask("backup-run-other-while-running", "backup-run-other-twice", "task-running-long", "progressstate-running")
    day.ask("state-running-queue", "tasks-running-queue")
    day.caller.post("serverstate/pause", "duration=600s")
    day.ask("state-paused-while-running")
    day.caller.post("serverstate/resume")
    day.ask("task-stop", "task-stopaftercurrentfile", "task-stopnow", "task-abort", "state-after-stop", "task-after-stop")
    settled(day.caller, day.clock)
    day.ask("task-after-stop-finished", "backup-after-stop", "log-after-stop", "notifications-after-stop")


def paused_queue(day):
    """A run asked for under a pause: it waits, no stop reaches it, and it runs after all."""
    day.caller.post("serverstate/pause")
    day.ask("backup-run-while-paused", "task-queued-while-paused", "state-paused-with-queue", "task-stop-queued")
    day.ask("state-paused-after-stop-queued")
    day.caller.post("serverstate/resume")
    settled(day.caller, day.clock)
    day.ask("task-after-stop-queued-and-resume")


def failures(day, backups, source):
    """Each way to fail: tasks 10 to 14."""
    world = day.server.world
    day.create("no destination", "/proc/nope", source, more=NO_REPORT)
    day.create("missing source", backups / "ms", source / "absent", more=NO_REPORT)
    for job, name in (("4", "no-destination"), ("5", "missing-source")):
        day.caller.post(f"backup/{job}/run")
        settled(day.caller, day.clock)
        day.ask(f"backup-failed-{name}", f"task-failed-{name}", f"log-failed-{name}")
    volume = next((backups / "plain").glob("*.dblock.zip"))
    content = volume.read_bytes()
    volume.unlink()
    day.caller.post("backup/1/run")
    settled(day.caller, day.clock)
    day.ask("task-failed-missing-volume", "backup-failed-missing-volume", "log-failed-missing-volume")
    volume.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    if day.version == "2.1.0.5":
        after_failures(day)
    day.ask("backup-verify")
    settled(day.caller, day.clock)
    day.ask("task-verify-damaged", "log-verify-damaged")
    volume.write_bytes(content)
    if day.version != "2.1.0.5":
        after_failures(day)
    database = world.jobs["1"].db_path
    day.ask("filesystem-validate-present", body={"path": str(database)})
    for path in database.parent.glob(database.name + "*"):
        path.unlink()
    day.ask("filesystem-validate-missing", body={"path": str(database)})
    day.ask("backup-db-missing")
    day.caller.post("backup/1/run")
    settled(day.caller, day.clock)
    day.ask("task-failed-db-missing", "backup-after-db-missing")


def after_failures(day):
    """What the whole looks like after them."""
    day.ask("backups-after-failures", "state-after-failures", "notifications-after-failures")


def dismissed(day):
    """All notifications dismissed; and a pause written into the settings, which changes nothing."""
    for row in day.caller.get("notifications"):
        day.got["notification-delete"] = day.caller.call("DELETE", f"/api/v1/notification/{row['ID']}")
    day.ask("state-after-dismiss", "settings-patch-paused-until")
