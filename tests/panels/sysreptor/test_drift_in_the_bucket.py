"""The pure rules about the bucket: what is a drift, what nobody can tell, and what a person is told to type."""

from dataclasses import replace

import pytest

from tests.support.sysreptor import DAY, HOUR, START, TARGET, Scene, scene, settings
from watchdog.model.buckets import BucketLook, BucketObject, BucketUpload
from watchdog.model.metrics import families
from watchdog.panels.sysreptor import PANEL

S3 = {
    "url": "https://s3.example.com", "bucket": "offsite", "prefix": "reptor/", "access_key_file": "/etc/a", "secret_key_file": "/etc/s",
    "region": "eu-central-1",
}  # fmt: skip
NEW = BucketObject("reptor/new.zip", 1 << 30, START - HOUR, "e1")
OLD = BucketObject("reptor/old.zip", 1 << 30, START - 5 * DAY, "e2")
UPLOAD = BucketUpload("reptor/it's.zip", "2~abc", START - 25 * HOUR, 3, 15 << 20)
WELL = BucketLook((NEW, OLD), uploads=())


def offsite(look: BucketLook | None = WELL, **changes: object) -> Scene:
    built = scene(s3=S3 | changes)
    built.view = replace(built.view, bucket=look)
    return built


def exported(one):
    return {
        family.metric.name.removeprefix("watchdog_sysreptor_bucket_"): {labels[1:]: value for labels, value in family.rows}
        for family in families(PANEL.metrics, TARGET, one.actual(), one.seen())
        if family.metric.name.startswith("watchdog_sysreptor_bucket_")
    }


def test_without_a_bucket_nothing_is_said_of_one():
    well = scene()
    judgement = well.look()
    assert not {each.kind for each in judgement.fine} & {"bucket", "uploads"}
    assert all(rows == {} for rows in exported(well).values())


def test_a_bucket_in_order_is_fine_and_no_object_in_it_is_called_good():
    judgement = offsite().look()
    assert (judgement.drifts, judgement.unknown) == ((), ())
    assert {f"bucket/{TARGET}", f"uploads/{TARGET}"} <= {str(each) for each in judgement.fine}
    assert not {each.kind for each in judgement.fine} & {"object", "upload"}


# -- age -----------------------------------------------------------------------------------------------------------------------


def test_the_newest_object_is_too_old_and_nobody_has_read_it():
    found = offsite(replace(WELL, objects=(OLD,))).the("backup_too_old")
    assert str(found.subject) == f"bucket/{TARGET}"
    assert "old.zip" in found.truth and "level 0" in found.truth
    assert (found.evidence["level"], found.evidence["etag"], found.evidence["bytes"]) == (0, "e2", 1 << 30)
    assert found.proposal is None
    assert "aws s3 ls s3://offsite/reptor/ --endpoint-url https://s3.example.com --region eu-central-1" in found.hold


def test_an_object_becomes_too_old_by_the_plan_of_the_bucket():
    aging = offsite(max_age="2h")
    assert aging.kinds(30 * 60) == set()
    assert aging.kinds(HOUR) == {"backup_too_old"}


@pytest.mark.parametrize("objects", [(), (replace(NEW, bytes=0),)])
def test_nothing_and_an_empty_object_are_no_backup(objects):
    found = offsite(replace(WELL, objects=objects)).the("backup_too_old")
    assert "no object at s3://offsite/reptor/ fits *.zip*" in found.truth and found.evidence["newest"] == ""


def test_a_new_object_in_the_bucket_makes_no_verified_backup():
    elsewhere = offsite()
    elsewhere.files, elsewhere.log = [], None
    found = elsewhere.the("backup_too_old")
    assert str(found.subject) == f"backups/{TARGET}"


@pytest.mark.parametrize("error", ["Forbidden", "DeadlinePassed", "truncated"])
def test_what_was_not_listed_whole_is_not_missing(error):
    dark = offsite(BucketLook((OLD,) if error == "truncated" else None, error, "the way out", (), ""))
    assert dark.unknown() == {f"bucket/{TARGET}": error}
    assert dark.kinds() == set()


def test_what_is_there_is_there_also_when_not_everything_was_listed():
    assert offsite(replace(WELL, objects_error="truncated")).unknown() == {}


def test_before_the_first_listing_nothing_is_known():
    assert offsite(None).unknown() == {f"bucket/{TARGET}": "not_listed", f"uploads/{TARGET}": "not_listed"}


# -- empty objects -------------------------------------------------------------------------------------------------------------


def test_an_object_without_a_byte_is_no_backup_and_a_person_removes_it():
    found = offsite(replace(WELL, objects=(NEW, BucketObject("reptor/empty.zip", 0, START - 2 * HOUR)))).only("backup_bad")
    assert str(found.subject) == "object/s3://offsite/reptor/empty.zip"
    assert (found.evidence["reason"], found.evidence["level"], found.proposal) == ("empty", 0, None)
    assert "'aws s3 rm s3://offsite/reptor/empty.zip --endpoint-url https://s3.example.com --region eu-central-1'" in found.hold


def test_of_very_many_the_oldest_are_told_one_by_one():
    empty = tuple(BucketObject(f"reptor/{at:02}.zip", 0, START - at) for at in range(30))
    drifts = offsite(replace(WELL, objects=(NEW, *empty))).look().drifts
    assert [each.subject.id for each in drifts] == [f"s3://offsite/reptor/{at}.zip" for at in range(10, 30)]
    assert {each.evidence["others"] for each in drifts} == {10}


# -- uploads -------------------------------------------------------------------------------------------------------------------


def test_an_upload_of_yesterday_was_left_behind_and_the_command_that_ends_it_is_told():
    found = offsite(replace(WELL, uploads=(UPLOAD,))).only("leftover")
    assert str(found.subject).startswith("upload/s3://offsite/reptor/it's.zip#")
    assert found.proposal is None
    assert (found.evidence["parts"], found.evidence["bytes"], found.evidence["began_at"]) == (3, 15 << 20, START - 25 * HOUR)
    command = (
        "aws s3api abort-multipart-upload --bucket offsite --key 'reptor/it'\"'\"'s.zip' --upload-id '2~abc' "
        "--endpoint-url https://s3.example.com --region eu-central-1"
    )
    assert command in found.hold


def test_an_upload_of_today_may_still_go_on():
    young = offsite(replace(WELL, uploads=(replace(UPLOAD, began_at=START - 23 * HOUR),)))
    assert young.kinds() == set()
    assert young.kinds(2 * HOUR) == {"leftover"}


def test_two_uploads_of_one_key_are_two():
    both = offsite(replace(WELL, uploads=(UPLOAD, replace(UPLOAD, upload_id="2~abd"))))
    assert len({each.key for each in both.look().drifts}) == 2


def test_an_upload_that_is_out_of_sight_is_not_mended():
    left = offsite(replace(WELL, uploads=(UPLOAD,)))
    subject = str(left.only("leftover").subject)
    left.view = replace(left.view, bucket=BucketLook((NEW,), "", "", None, "Forbidden", "not allowed"))
    assert left.unknown() == {subject: "Forbidden", f"uploads/{TARGET}": "Forbidden"}
    left.view = replace(left.view, bucket=WELL)
    judgement = left.look()
    assert (judgement.drifts, judgement.unknown) == ((), ())


def test_uploads_that_nobody_asks_for_are_neither_fine_nor_unknown():
    silent = offsite(BucketLook((NEW,), uploads_error="not_configured"), uploads=False)
    judgement = silent.look()
    assert (judgement.drifts, judgement.unknown) == ((), ())
    assert f"uploads/{TARGET}" not in {str(each) for each in judgement.fine}
    assert exported(silent)["listed"] == {("objects",): 1.0}


# -- metrics and settings ------------------------------------------------------------------------------------------------------


def test_what_the_listings_show_is_exported():
    empty, begun = BucketObject("reptor/e.zip", 0, START), replace(UPLOAD, began_at=START - HOUR, bytes=5)
    found = exported(offsite(BucketLook((empty, NEW, OLD), uploads=(UPLOAD, begun))))
    assert found == {
        "listed": {("objects",): 1.0, ("uploads",): 1.0}, "objects": {(): 3.0}, "bytes": {(): float(2 << 30)}, "empty_objects": {(): 1.0},
        "newest_timestamp_seconds": {(): START - HOUR}, "newest_bytes": {(): float(1 << 30)}, "uploads": {(): 2.0},
        "upload_bytes": {(): float((15 << 20) + 5)}, "oldest_upload_timestamp_seconds": {(): START - 25 * HOUR},
    }  # fmt: skip


def test_what_could_not_be_counted_is_left_out():
    found = exported(offsite(BucketLook(None, "Forbidden", "", (UPLOAD, replace(UPLOAD, bytes=None)), "")))
    assert found["listed"] == {("objects",): 0.0, ("uploads",): 1.0}
    assert found["upload_bytes"] == found["objects"] == found["bytes"] == found["newest_bytes"] == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "https://s3.example.com/offsite"}, "no bucket and no path"),
        ({"url": "s3.example.com"}, "no panel address"),
        ({"url": "http://127.0.0.1:9000", "style": "virtual"}, "style: path"),
        ({"prefix": "/reptor"}, "keys do not begin with a slash"),
        ({"bucket": "a/b"}, "not the name of a bucket"),
        ({"region": "eu/x"}, "region"),
        ({"access_key": "AKIA"}, "access_key"),
    ],
)
def test_what_cannot_be_a_bucket_is_refused_by_name(change, said):
    with pytest.raises(ValueError, match=said):
        settings(s3=S3 | change)
