"""GET /api/v1/archives: what each archive is, how far its verification has come, what waits; and which part a download asks for."""

from __future__ import annotations

import pytest

from tests.support.backing import call
from watchdog.model.archives import ArchiveFacts, ArchiveFile, ArchiveProgress, Identity, Verification
from watchdog.model.rehearsals import Rehearsed
from watchdog.web.archives import archive_id
from watchdog.web.ranges import Part, part_of

ONE = Identity(1, 2, 1000, 1_800_000_000_000_000_000)
TWO = Identity(1, 3, 4000, 1_800_000_100_000_000_000)
DONE = Verification(
    "result", "good", 3, None, None, 1_800_000_050.0, ONE, entries=9, sha1="ab" * 20,
    facts=(("rows", 7),), remarks=(("world_readable", "everybody"),),
    rehearsed=Rehearsed(1_800_000_060.0, "content", "bad", 0, ("files",)),
)  # fmt: skip
FILES = (
    ArchiveFile("/b/one.zip", "nightly", ONE, 0o644, True, "zip", DONE),
    ArchiveFile("/b/two\udcff.zip", "weekly", TWO, 0o600, True, None, Verification("queued")),
)
FACTS = ArchiveFacts((), FILES, 1, 3000, paused=True, rate=100.0)


def test_before_the_first_look_there_is_nothing(served):
    status, _, said = call(served, "GET", "/api/v1/archives")

    assert status == 200
    assert (said["total"], said["archives"], said["queue"]["length"]) == (0, [], 0)


def test_the_newest_comes_first_with_its_progress_of_now(program, served):
    program.archives.known = FACTS
    program.archives.at_work = (ArchiveProgress("/b/two\udcff.zip", "weekly", 1000, 4000, 500.0),)

    _, _, said = call(served, "GET", "/api/v1/archives")

    assert said["queue"] == {"length": 1, "bytes": 3000, "rate": 100.0, "seconds": 30.0, "paused": True}
    two, one = said["archives"]
    assert (two["path"], two["state"], two["mode"], two["download"]) == ("/b/two\\xff.zip", "running", "0600", None)
    assert two["progress"] == {"bytes": 1000, "size": 4000, "rate": 500.0, "seconds_left": 6.0}
    assert (one["verdict"], one["level"], one["entries"], one["facts"], one["progress"]) == ("good", 3, 9, {"rows": 7}, None)
    assert one["remarks"] == [{"word": "world_readable", "text": "everybody"}]
    assert one["rehearsed"] == {
        "at": {"unix": 1_800_000_060.0, "rfc3339": "2027-01-15T08:01:00.000Z"}, "kind": "content", "verdict": "bad", "level": 0,
        "failed": ["files"],
    }  # fmt: skip
    assert two["rehearsed"] is None
    assert one["download"] == f"/api/v1/archives/{one['id']}"
    assert one["id"] == archive_id(FILES[0])


def test_a_rate_that_nobody_knows_leaves_the_rest_open(program, served):
    program.archives.known = FACTS
    program.archives.at_work = (ArchiveProgress("/b/one.zip", "nightly", 0, 1000),)

    _, _, said = call(served, "GET", "/api/v1/archives?directory=nightly")

    (one,) = said["archives"]
    assert (one["progress"]["rate"], one["progress"]["seconds_left"]) == (None, None)
    assert one["state"] == "result"


def test_directory_and_limit_choose(program, served):
    program.archives.known = FACTS

    assert call(served, "GET", "/api/v1/archives?limit=1")[2]["total"] == 2
    assert len(call(served, "GET", "/api/v1/archives?limit=1")[2]["archives"]) == 1
    assert [one["directory"] for one in call(served, "GET", "/api/v1/archives?directory=weekly")[2]["archives"]] == ["weekly"]
    assert call(served, "GET", "/api/v1/archives?limit=0")[0] == 422


def test_another_content_has_another_name():
    changed = Identity(1, 2, 1000, ONE.mtime_ns + 1)
    assert archive_id(FILES[0]) != archive_id(ArchiveFile("/b/one.zip", "nightly", changed, 0o644, True))


TAG = '"sha1-ab"'
WHOLE = Part(200, 0, 100)


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({}, WHOLE),
        ({"range": "bytes=0-"}, Part(206, 0, 100)),
        ({"range": "bytes=40-"}, Part(206, 40, 60)),
        ({"range": "bytes=40-49"}, Part(206, 40, 10)),
        ({"range": "Bytes= 40-49 "}, Part(206, 40, 10)),
        ({"range": "bytes=99-99"}, Part(206, 99, 1)),
        ({"range": "bytes=90-4000"}, Part(206, 90, 10)),
        ({"range": "bytes=-10"}, Part(206, 90, 10)),
        ({"range": "bytes=-4000"}, Part(206, 0, 100)),
        ({"range": "bytes=-0"}, Part(416)),
        ({"range": "bytes=100-"}, Part(416)),
        ({"range": "bytes=9999999999999999999-"}, Part(416)),
        ({"range": "bytes=50-40"}, WHOLE),
        ({"range": "bytes=-"}, WHOLE),
        ({"range": "bytes=0-1,5-6"}, WHOLE),
        ({"range": "lines=0-1"}, WHOLE),
        ({"range": "bytes=a-b"}, WHOLE),
        ({"range": "bytes=\u0660-\u0661"}, WHOLE),
        ({"range": "bytes=40-", "if-range": TAG}, Part(206, 40, 60)),
        ({"range": "bytes=40-", "if-range": '"sha1-other"'}, WHOLE),
        ({"range": "bytes=40-", "if-range": f"W/{TAG}"}, WHOLE),
        ({"range": "bytes=40-", "if-range": "Sat, 21 Nov 2026 13:00:00 GMT"}, WHOLE),
        ({"if-none-match": TAG}, Part(304)),
        ({"if-none-match": f'"x", W/{TAG}'}, Part(304)),
        ({"if-none-match": "*"}, Part(304)),
        ({"if-none-match": '"x"', "range": "bytes=1-1"}, Part(206, 1, 1)),
        ({"if-match": TAG}, WHOLE),
        ({"if-match": "*"}, WHOLE),
        ({"if-match": f"W/{TAG}"}, Part(412)),
        ({"if-match": '"x"', "if-none-match": TAG}, Part(412)),
    ],
)
def test_a_part_is_chosen_as_rfc_9110_says(headers, part):
    assert part_of(headers, 100, TAG, reading=True) == part


def test_a_range_means_nothing_to_head_and_an_empty_file_has_none():
    assert part_of({"range": "bytes=1-2"}, 100, TAG, reading=False) == WHOLE
    assert part_of({"range": "bytes=0-"}, 0, TAG, reading=True) == Part(416)
    assert part_of({}, 0, TAG, reading=True) == Part(200, 0, 0)
