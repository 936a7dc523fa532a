"""From a listing on a real socket to a verdict: the client, ``doctor``, the count of requests, and the secrets that stay where they are."""

from pathlib import Path

import pytest

from tests.support.buckets import keys
from tests.support.instruments import Noted
from tests.support.sysreptor_panel import WALL, Stage
from watchdog.demo.reports import reports
from watchdog.model.metrics import families
from watchdog.model.panels import REQUESTS, Ports
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.sysreptor import client, drift
from watchdog.panels.sysreptor.bucket_metrics import BUCKET_METRICS
from watchdog.panels.sysreptor.fake import ACCESS_KEY, SECRET_KEY, BucketWorld, FakeBucket, Stored, Upload
from watchdog.panels.sysreptor.probe import probe
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.runtime.clock import SystemClock

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def server():
    with FakeBucket(BucketWorld(now=lambda: WALL)) as found:
        found.world.objects = [Stored("reptor/a.zip", 1 << 20, WALL - HOUR), Stored("reptor/empty.zip", 0, WALL - DAY)]
        found.world.uploads = [Upload("reptor/killed.zip", "u1", WALL - 2 * DAY, (5 << 20, 5 << 20))]
        yield found


def stage(server: FakeBucket, folder: Path, **changes: object) -> Stage:
    files = keys(folder)
    given = {
        "url": server.url, "bucket": server.world.name, "prefix": "reptor/", "region": server.world.region, "timeout": "20s",
        "access_key_file": str(files.access), "secret_key_file": str(files.secret),
    }  # fmt: skip
    return Stage(folder, s3=given | changes)


def judged(one: Stage) -> dict[str, object]:
    view = one.client.view()
    judgement = drift.detect(one.settings, Actual(), view, None, LedgerFacts(), one.clock.now())
    return {f"{each.kind} {each.subject.kind}": each for each in judgement.drifts}


def test_a_killed_upload_and_an_empty_object_are_found_by_what_the_server_lists(server, tmp_path):
    with stage(server, tmp_path) as one:
        found = judged(one)
        assert set(found) == {"leftover upload", "backup_bad object"}
        assert found["leftover upload"].evidence["bytes"] == 10 << 20
        assert "--upload-id u1 " in found["leftover upload"].hold
        server.world.uploads.clear()  # what the command of the hold does
        one.clock.advance(301.0)
        server.world.now = lambda: one.clock.now().wall
        assert set(judged(one)) == {"backup_bad object"}


def test_the_bucket_is_listed_every_so_often_and_remembered_in_between(server, tmp_path):
    with stage(server, tmp_path, every="5m") as one:
        server.world.now = lambda: one.clock.now().wall
        first = one.client.view().bucket
        assert len(server.seen) == 3  # objects, uploads, the parts of one
        one.clock.advance(200.0)
        assert one.client.view().bucket is first and len(server.seen) == 3
        one.clock.advance(101.0)
        assert one.client.view().bucket == first and len(server.seen) == 6


def test_a_listing_that_failed_on_the_way_is_tried_again_at_the_next_look(server, tmp_path):
    with stage(server, tmp_path, every="5m") as one:
        server.world.now = lambda: one.clock.now().wall
        server.world.refuse = {"objects": "SlowDown"}
        assert one.client.view().bucket.objects_error == "Throttled"
        server.world.refuse = {}
        one.clock.advance(60.0)
        assert one.client.view().bucket.objects_error == ""
        server.world.refuse = {"objects": "AccessDenied"}
        one.clock.advance(301.0)
        assert one.client.view().bucket.objects_error == "Forbidden"
        server.world.refuse = {}
        one.clock.advance(60.0)
        assert one.client.view().bucket.objects_error == "Forbidden", "that needs a person, who can wait for it"


def test_a_look_that_had_too_little_time_is_made_again_at_the_next(server, tmp_path):
    with stage(server, tmp_path) as one:
        reader, now = one.client._bucket, one.clock.now().mono
        assert reader.read(now).objects_error == "DeadlinePassed" and server.seen == []
        assert reader.read(now + 100.0).objects_error == "" and len(server.seen) == 3


def test_no_object_is_ever_asked_for_and_nothing_is_written(server, tmp_path):
    with stage(server, tmp_path) as one:
        one.client.view()
    assert {each.method for each in server.seen} == {"GET"}
    assert all("list-type" in each.query or "uploads" in each.query or "uploadId" in each.query for each in server.seen)


def test_a_server_that_refuses_costs_nothing_else_of_the_view(server, tmp_path):
    server.world.refuse = {"objects": "SlowDown", "uploads": "AccessDenied"}
    with stage(server, tmp_path) as one:
        view = one.client.view()
        assert view.reached and view.log is not None
        assert (view.bucket.objects_error, view.bucket.uploads_error) == ("Throttled", "Forbidden")
        assert one.noted[REQUESTS.name, "sysreptor", "reports", "s3_objects", "throttled"] == 1
        assert one.noted[REQUESTS.name, "sysreptor", "reports", "s3_uploads", "auth"] == 1
        assert one.noted[REQUESTS.name, "sysreptor", "reports", "s3_parts", "ok"] == 0


def lines(one: Stage) -> dict[str, tuple[bool | None, str]]:
    ports = Ports(one.clock, Noted((REQUESTS,)), None)  # type: ignore[arg-type]
    return {line.name: (line.ok, line.message) for line in probe(one.settings, ports)}


def test_doctor_says_what_can_be_listed_and_which_permission_lacks(server, tmp_path):
    with stage(server, tmp_path) as one:
        found = lines(one)
        assert found["bucket"][0] is True and "2 objects fit, the newest is a.zip; none is ever read" in found["bucket"][1]
        assert found["bucket uploads"] == (True, "1 are unfinished")
        server.world.refuse = {"parts": "AccessDenied"}
        assert "s3:ListMultipartUploadParts" in lines(one)["bucket uploads"][1]
        server.world.refuse = {"objects": "AccessDenied", "uploads": "AccessDenied"}
        found = lines(one)
        assert found["bucket"][0] is False and found["bucket"][1].endswith("allow the key s3:ListBucket on this bucket")
        assert found["bucket uploads"][0] is False and "s3:ListBucketMultipartUploads" in found["bucket uploads"][1]
        server.world.refuse, server.world.exact_only = {}, True
        ok, said = lines(one)["bucket uploads"]
        assert ok is None and "s3.uploads: false" in said
    with stage(server, tmp_path, uploads=False) as one:
        assert lines(one)["bucket uploads"][0] is None


def test_keys_stand_in_no_view_no_drift_and_no_line_of_doctor(server, tmp_path):
    with stage(server, tmp_path) as one:
        shown = f"{one.client.view()!r} {judged(one)!r} {lines(one)!r} {one.settings!r}"
        server.world.refuse = {"objects": "SignatureDoesNotMatch"}
        shown += repr(lines(one))
    assert SECRET_KEY not in shown and ACCESS_KEY not in shown


def test_the_demos_bucket_is_in_order_and_shows_every_metric_of_one(tmp_path):
    clock = SystemClock()
    with reports(tmp_path, clock) as world:
        settings = SysreptorSettings.model_validate(world.write_settings(tmp_path))
        ours = client.connect(settings, clock, Noted((REQUESTS,)))
        view = ours.view()
        ours.close()
        judgement = drift.detect(settings, Actual(), view, None, LedgerFacts(), clock.now())
    assert {"bucket/reports", "uploads/reports"} <= {str(each) for each in judgement.fine}
    assert not {each.subject.kind for each in judgement.drifts} & {"bucket", "object", "upload"}
    without = [family.metric.name for family in families(BUCKET_METRICS, "reports", Actual(), view) if not family.rows]
    assert without == []
