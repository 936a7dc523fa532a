"""A bucket on a real socket: paged, bounded, signed, and every way in which a server can refuse or mislead."""

import threading

import pytest

from tests.support.buckets import Counted, Shifted, bucket, keys
from watchdog.errors import BadSettings, Forbidden, MalformedAnswer, NotFound, Refused, ServerFault, Throttled
from watchdog.panels.sysreptor.fake import SECRET_KEY, BucketWorld, FakeBucket, Stored, Upload
from watchdog.panels.sysreptor.fake.bucket import answer
from watchdog.runtime.buckets import Which
from watchdog.runtime.buckets.signing import Signer
from watchdog.runtime.clock import SystemClock

EVERY = Which()
LONG = 120.0


def until(seconds=LONG):
    return SystemClock().now().mono + seconds


@pytest.fixture
def server():
    with FakeBucket(BucketWorld()) as found:
        yield found


def test_objects_are_listed_page_by_page_newest_first(server, tmp_path):
    server.world.page = 3
    server.world.objects = [Stored(f"reports/{at:02}.zip", at, 1_000_000.0 + at, etag=f"e{at}") for at in range(10)]
    server.world.objects += [Stored("other/x.zip", 1, 0.0), Stored("reports/notes.txt", 1, 9e6), Stored("reports/", 0, 9e6)]
    found, whole = bucket(server, tmp_path).objects(Which("reports/", "*.zip"), until())
    assert whole
    assert [(each.name, each.bytes, each.stored_at, each.etag) for each in found] == [
        (f"{at:02}.zip", at, 1_000_000.0 + at, f"e{at}") for at in reversed(range(10))
    ]
    assert [asked.query.get("continuation-token", "") != "" for asked in server.seen] == [False, True, True, True]
    assert {asked.method for asked in server.seen} == {"GET"}


def test_more_objects_than_are_wanted_are_not_all_listed_and_that_is_said(server, tmp_path):
    server.world.page = 3
    server.world.objects = [Stored(f"{at:02}.zip", 1, float(at)) for at in range(10)]
    look = bucket(server, tmp_path).look(Which(most=5), LONG)
    assert len(look.objects) == 6 and look.objects_error == "truncated" and "s3.prefix" in look.objects_message
    assert look.uploads == () and look.uploads_error == ""


@pytest.mark.parametrize("name", ["a b+c&d=ü%20~.zip", "<&>.zip"])
def test_strange_names_come_through_signed_and_unharmed(server, tmp_path, name):
    server.world.objects = [Stored(f"a b/{name}", 1, 5.0)]
    server.world.uploads = [Upload(f"a b/{name}", "id+/= 1", 5.0, (7,))]
    look = bucket(server, tmp_path).look(Which("a b/"), LONG)
    assert (look.objects_error, look.uploads_error) == ("", "")
    assert [each.key for each in look.objects] == [f"a b/{name}"]
    assert [(each.key, each.upload_id, each.bytes) for each in look.uploads] == [(f"a b/{name}", "id+/= 1", 7)]


def test_a_name_that_could_steer_a_terminal_is_passed_over(server, tmp_path):
    server.world.objects = [Stored(name, 1, 5.0) for name in ("new\nline.zip", "\x1b[2Jgone.zip", "right\u202epiz.zip", "plain.zip")]
    server.world.uploads = [Upload("\x1b[2Jgone.zip", "u", 5.0)]
    look = bucket(server, tmp_path).look(EVERY, LONG)
    assert [each.key for each in look.objects] == ["plain.zip"]
    assert (look.uploads, look.objects_error, look.uploads_error) == ((), "", "")


def test_unfinished_uploads_are_listed_page_by_page_oldest_first_with_what_arrived(server, tmp_path):
    server.world.page = 2
    server.world.uploads = [Upload(f"k{at}.zip", f"u{at}", 100.0 - at, (5,) * at) for at in range(5)]
    server.world.uploads.append(Upload("k1.zip", "u0", 500.0, (1,)))
    found, whole = bucket(server, tmp_path).uploads(EVERY, until())
    assert whole
    assert [(each.key, each.upload_id, each.parts, each.bytes) for each in found] == [
        ("k4.zip", "u4", 4, 20), ("k3.zip", "u3", 3, 15), ("k2.zip", "u2", 2, 10), ("k1.zip", "u1", 1, 5), ("k0.zip", "u0", 0, 0),
        ("k1.zip", "u0", 1, 1),
    ]  # fmt: skip


def test_of_many_uploads_only_the_oldest_have_their_parts_counted(server, tmp_path):
    server.world.uploads = [Upload(f"{at:02}", "u", float(at), (1,)) for at in range(12)]
    found, _ = bucket(server, tmp_path).uploads(EVERY, until())
    assert [each.parts for each in found] == [1] * 10 + [None] * 2


def test_an_upload_that_ends_between_two_requests_is_gone_and_one_that_may_not_be_counted_stays(server, tmp_path):
    server.world.uploads = [Upload("a.zip", "u", 1.0, (1,)), Upload("../b.zip", "u", 2.0, (1,))]
    server.world.refuse = {"parts": "AccessDenied"}
    found, _ = bucket(server, tmp_path).uploads(EVERY, until())
    assert [(each.key, each.parts) for each in found] == [("a.zip", None), ("../b.zip", None)]
    server.world.refuse = {"parts": "NoSuchUpload"}
    found, _ = bucket(server, tmp_path).uploads(EVERY, until())
    assert [each.key for each in found] == ["../b.zip"]


@pytest.mark.parametrize(
    ("code", "kind", "way_out"),
    [
        ("AccessDenied", Forbidden, "s3:ListBucket "),
        ("NoSuchBucket", NotFound, "s3.bucket"),
        ("SlowDown", Throttled, "patience"),
        ("InternalError", ServerFault, ""),
        ("PermanentRedirect", Refused, "s3.region"),
        ("ExpiredToken", Forbidden, "session_token_file"),
        ("NotImplemented", Refused, "cannot be asked"),
    ],
)
def test_each_refusal_is_an_error_of_the_house_with_the_way_out(server, tmp_path, code, kind, way_out):
    server.world.refuse = {"objects": code}
    counted = Counted()
    with pytest.raises(kind) as raised:
        bucket(server, tmp_path, observe=counted).objects(EVERY, until())
    said = str(raised.value)
    assert way_out in said and "secret-looking" not in said and SECRET_KEY not in said
    assert len(counted.results) == 1 and counted.results[0][1] != "ok"
    if kind is Throttled:
        assert raised.value.delay == 7.0


def test_the_permission_that_lacks_is_named_for_each_listing(server, tmp_path):
    server.world.objects = [Stored("a.zip", 1, 1.0)]
    server.world.refuse = {"uploads": "AccessDenied"}
    look = bucket(server, tmp_path).look(EVERY, LONG)
    assert look.objects_error == "" and len(look.objects) == 1
    assert (look.uploads, look.uploads_error) == (None, "Forbidden") and "s3:ListBucketMultipartUploads" in look.uploads_message


def test_a_wrong_secret_a_wrong_key_a_wrong_region_and_a_wrong_clock_are_told_apart(server, tmp_path):
    server.world.objects = [Stored("a.zip", 1, 1.0)]

    def said(**changes):
        with pytest.raises((Forbidden, Refused)) as raised:
            bucket(server, tmp_path, **changes).objects(EVERY, until())
        return str(raised.value)

    assert "SignatureDoesNotMatch" in said(keys=keys(tmp_path, secret="not-the-secret"))
    assert "InvalidAccessKeyId" in said(keys=keys(tmp_path, access="NOBODY"))
    assert "s3.region" in said(keys=keys(tmp_path), region="us-west-1")
    assert "timedatectl" in said(clock=Shifted(ahead=1000.0))
    assert len(bucket(server, tmp_path, clock=Shifted(ahead=-600.0)).objects(EVERY, until())[0]) == 1


def test_keys_are_read_anew_so_a_rotated_one_needs_no_restart(server, tmp_path):
    ours = bucket(server, tmp_path, keys=keys(tmp_path, secret="old-secret"))
    assert ours.look(EVERY, LONG).objects_error == "Forbidden"
    keys(tmp_path)
    assert ours.look(EVERY, LONG).objects_error == ""
    (tmp_path / "s3.secret").unlink()
    with pytest.raises(BadSettings):
        ours.objects(EVERY, until())


def test_a_temporary_credential_is_taken(server, tmp_path):
    server.world.token = "session-token"
    assert bucket(server, tmp_path).look(EVERY, LONG).objects_error == "Forbidden"
    assert bucket(server, tmp_path, keys=keys(tmp_path, token="session-token")).look(EVERY, LONG).objects_error == ""


def test_a_redirect_is_never_followed(server, tmp_path):
    with FakeBucket(BucketWorld()) as elsewhere:
        server.world.redirect = elsewhere.url
        look = bucket(server, tmp_path).look(EVERY, LONG)
        assert (look.objects_error, look.uploads_error) == ("Refused", "Refused")
        assert elsewhere.seen == []


def test_a_server_that_says_nothing_costs_no_more_than_the_time_of_the_look(server, tmp_path):
    server.world.hold = threading.Event()
    look = bucket(server, tmp_path, seconds=0.3).look(EVERY, 0.5)
    assert (look.objects, look.objects_error) == (None, "DeadlinePassed")
    assert (look.uploads, look.uploads_error) == (None, "DeadlinePassed")


def test_a_listing_that_never_ends_is_cut_off(server, tmp_path, monkeypatch):
    monkeypatch.setattr("watchdog.runtime.buckets.client.MOST_PAGES", 3)
    server.world.page = 1
    server.world.objects = [Stored(f"{at}.zip", 1, float(at)) for at in range(9)]
    server.world.uploads = [Upload(f"{at}.zip", "u", float(at)) for at in range(9)]
    look = bucket(server, tmp_path).look(EVERY, LONG)
    assert (len(look.objects), look.objects_error, len(look.uploads), look.uploads_error) == (3, "truncated", 3, "truncated")


NAMES = "".join(f"<!ENTITY a{at + 1} '{f'&a{at};' * 10}'>" for at in range(8))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html><body>It works!</body></html>",
        b"not xml at all",
        b"<ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size><LastModified>yesterday</LastModified></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size><LastModified>2026-01-01T00:00:00</LastModified></Contents></ListBucketResult>",
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>%b</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>"
        % (b"a" * 1025),
        b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></ListBucketResult>",
        f"<!DOCTYPE x [<!ENTITY a0 'ha'>{NAMES}]><ListBucketResult><Name>&a8;</Name></ListBucketResult>".encode(),
        b"<ListBucketResult>" + b"<a>" * 60_000,
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><ListBucketResult/>',
        b"\xff\xfe\x00<",
        b'<?xml version="1.0" encoding="no-such"?><ListBucketResult/>',
    ],
)
def test_what_is_no_listing_is_malformed_and_never_an_empty_bucket(server, tmp_path, raw):
    server.world.raw = raw
    with pytest.raises(MalformedAnswer):
        bucket(server, tmp_path).objects(EVERY, until())


def test_an_empty_bucket_is_empty(server, tmp_path):
    look = bucket(server, tmp_path).look(EVERY, LONG)
    assert (look.objects, look.uploads, look.objects_error, look.uploads_error) == ((), (), "", "")
    assert look.newest is None and look.empty == ()


def test_a_minio_that_lists_no_upload_proves_nothing(server, tmp_path):
    server.world.exact_only = True
    server.world.uploads = [Upload("reports/a.zip", "u", 1.0)]
    look = bucket(server, tmp_path).look(Which("reports/"), LONG)
    assert (look.uploads, look.uploads_error) == (None, "Blind") and "exact key" in look.uploads_message
    exact = bucket(server, tmp_path).look(Which("reports/a.zip"), LONG)
    assert len(exact.uploads) == 1 and exact.uploads_error == ""
    assert bucket(server, tmp_path).look(Which("reports/", uploads=False), LONG).uploads_error == "not_configured"


def test_in_the_virtual_style_the_bucket_stands_in_the_name_of_the_host():
    world = BucketWorld("reports", objects=[Stored("a.zip", 1, 1.0)], now=lambda: 1_000_000_000.0)
    headers = Signer("AKIDEXAMPLEOFTHEFAKE", SECRET_KEY, world.region).headers(
        "reports.s3.example.com", "/", "list-type=2", 1_000_000_000.0
    )
    sent = {name.lower(): value for name, value in headers.items()}
    assert answer(world, "GET", "/?list-type=2", sent)[0] == 200
    assert answer(world, "GET", "/?list-type=2&prefix=x", sent)[0] == 403  # it is not what was signed


def test_a_virtual_style_bucket_asks_its_own_host(server, tmp_path, monkeypatch):
    asked = []

    def resolve(host, port, *args, **more):
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    server.world.objects = [Stored("a b.zip", 1, 1.0)]
    server.world.uploads = [Upload("a b.zip", "u", 1.0, (3,))]
    monkeypatch.setattr("watchdog.runtime.wire.socket.getaddrinfo", resolve)
    port = server.url.rpartition(":")[2]
    look = bucket(server, tmp_path, url=f"http://s3.test:{port}", style="virtual").look(EVERY, LONG)
    assert (look.objects_error, look.uploads_error) == ("", "") and look.uploads[0].bytes == 3
    assert set(asked) == {"backups.s3.test"} and {each.host for each in server.seen} == {f"backups.s3.test:{port}"}
    assert [each.path for each in server.seen] == ["/", "/", "/a b.zip"]
