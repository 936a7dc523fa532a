"""GET /api/v1/archives/ID: who may, what is served and what not, and that a cut download ends with the same bytes."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

from tests.conftest import require
from tests.support.archives import noise
from tests.support.backing import UnixConnection, call, serving
from watchdog.model.archives import ArchiveFacts, ArchiveFile, Identity, Verification
from watchdog.web.archives import archive_id
from watchdog.web.connections import Connection
from watchdog.web.downloads import PIECE

TOKEN = {"Authorization": "Bearer give-me-that"}
DATA = noise(64) * ((3 * PIECE + 12_345) // 64)
LARGE = 256 << 20  # sparse: more than all buffers between us and a client that does not read


def fact(path, *, sha1=None, verdict="good", level=2):
    facts = os.lstat(path)
    identity = Identity.of(facts)
    known = Verification("result", verdict, level, None, None, 1.0, identity, sha1=sha1) if sha1 else Verification("queued")
    return ArchiveFile(str(path), "d", identity, 0o600, True, "zip", known)


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "bäckup.zip"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def known(program, archive):
    file = fact(archive, sha1=hashlib.sha1(DATA).hexdigest())
    program.archives.known = ArchiveFacts((), (file,))
    return file


@pytest.fixture
def download_token(tmp_path):
    path = tmp_path / "download-token"
    path.write_text("give-me-that")
    return path


@pytest.fixture
def open_(program, tmp_path, download_token, token_file):
    with serving(program, tmp_path, download_token_file=download_token, api_token_file=token_file, downloads=2) as served:
        yield served


def where(file):
    return f"/api/v1/archives/{archive_id(file)}"


# ---- who may -----------------------------------------------------------------------------------------------------------------------------


def test_without_a_token_of_its_own_nothing_is_served_over_tcp(program, tmp_path, token_file, known):
    with serving(program, tmp_path, api_token_file=token_file) as served:
        for path in (where(known), "/api/v1/archives/nothing"):
            for headers in ({}, {"Authorization": "Bearer sësame-open".encode()}):
                status, _, said = call(served, "GET", path, headers=headers)
                assert (status, said["error"]["code"]) == (403, "downloads_disabled")
        assert call(served, "GET", where(known), control=True)[2] == DATA


def test_only_the_token_for_downloads_opens(open_, known):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer sësame-open".encode()}):
        status, answered, _ = call(open_, "GET", where(known), headers=headers)
        assert (status, answered["www-authenticate"]) == (401, "Bearer")
        connection = http.client.HTTPConnection(*open_.address, timeout=60)
        connection.request("HEAD", where(known), headers=headers)
        assert connection.getresponse().status == 401
        connection.close()
    assert call(open_, "GET", where(known), headers=TOKEN)[2] == DATA
    assert call(open_, "GET", "/api/v1/archives")[0] == 200


def test_it_changes_nothing_with_the_token_for_downloads(open_, program):
    assert call(open_, "POST", "/api/v1/targets/home/sync", headers=TOKEN)[0] == 401
    assert program.commands.given == []


# ---- what is served ----------------------------------------------------------------------------------------------------------------------


def test_the_whole_file_comes_with_its_length_and_its_tag(open_, known):
    status, headers, body = call(open_, "GET", where(known), headers=TOKEN)

    assert (status, headers["content-length"], headers["accept-ranges"]) == (200, str(len(DATA)), "bytes")
    assert headers["etag"] == f'"sha1-{hashlib.sha1(body).hexdigest()}"'
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''b%C3%A4ckup.zip"
    assert headers["archive-verdict"] == "good"
    assert body == DATA


def test_head_says_the_same_without_the_bytes(open_, known):
    status, headers, body = call(open_, "HEAD", where(known), headers={**TOKEN, "Range": "bytes=5-"})

    assert (status, headers["content-length"], body) == (200, str(len(DATA)), b"")


@pytest.mark.parametrize(
    ("wanted", "start", "stop"), [("bytes=5-9", 5, 10), ("bytes=-7", -7, None), (f"bytes={PIECE - 3}-", PIECE - 3, None)]
)
def test_a_range_is_that_part_and_says_so(open_, known, wanted, start, stop):
    status, headers, body = call(open_, "GET", where(known), headers={**TOKEN, "Range": wanted})

    assert (status, body) == (206, DATA[start:stop])
    at = start % len(DATA)
    assert headers["content-range"] == f"bytes {at}-{at + len(body) - 1}/{len(DATA)}"
    assert headers["content-length"] == str(len(body))


def test_what_cannot_be_had_and_what_is_had_already(open_, known):
    status, headers, body = call(open_, "GET", where(known), headers={**TOKEN, "Range": f"bytes={len(DATA)}-"})
    assert (status, headers["content-range"], body) == (416, f"bytes */{len(DATA)}", b"")
    tag = f'"sha1-{known.verification.sha1}"'
    assert call(open_, "GET", where(known), headers={**TOKEN, "If-None-Match": tag})[0] == 304
    assert call(open_, "GET", where(known), headers={**TOKEN, "If-Match": '"other"'})[0] == 412
    assert call(open_, "GET", where(known), headers={**TOKEN, "Range": "bytes=5-9", "If-Range": '"other"'})[2] == DATA


def test_an_empty_range_of_requests_leaves_every_place_free(open_, known):
    for _ in range(20):
        assert call(open_, "GET", where(known), headers={**TOKEN, "Range": "bytes=0-0"})[0] == 206
        assert call(open_, "HEAD", where(known), headers=TOKEN)[0] == 200
        assert call(open_, "GET", "/api/v1/archives/nothing", headers=TOKEN)[0] == 404


# ---- what is not -------------------------------------------------------------------------------------------------------------------------


def test_what_is_not_verified_is_refused(open_, program, archive):
    program.archives.known = ArchiveFacts((), (fact(archive),))

    assert call(open_, "GET", where(program.archives.known.files[0]), headers=TOKEN)[0] == 409


@pytest.mark.parametrize("change", ["written", "replaced", "a link", "gone", "a pipe"])
def test_what_changed_since_is_refused(open_, known, archive, tmp_path, change):
    other = tmp_path / "other"
    other.write_bytes(DATA)
    os.utime(other, ns=(known.identity.mtime_ns, known.identity.mtime_ns))
    match change:
        case "written":
            archive.write_bytes(DATA[:-1])
        case "replaced":
            other.rename(archive)
        case "a link":
            archive.rename(tmp_path / "moved")
            archive.symlink_to(tmp_path / "moved")
        case "gone":
            archive.unlink()
        case _:
            archive.unlink()
            os.mkfifo(archive)

    status, _, said = call(open_, "GET", where(known), headers=TOKEN)

    assert (status, said["error"]["code"]) == (409, "refused")


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "../../etc/passwd", "%2e%2e", "", "a/b", "x" * 500])
def test_nothing_but_an_id_leads_anywhere(open_, known, name):
    assert call(open_, "GET", f"/api/v1/archives/{name}", headers=TOKEN)[0] in {404, 307}


# ---- cut, and gone on with ---------------------------------------------------------------------------------------------------------------


class Cutting:
    """A way to the server that breaks after ``most`` bytes of answers, once."""

    def __init__(self, address, most):
        self.address, self.most = address, most
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client, self.most), daemon=True).start()
            self.most = None

    def carry(self, client, most):
        with client, socket.create_connection(self.address) as server:
            threading.Thread(target=self.pump, args=(client, server, None), daemon=True).start()
            self.pump(server, client, most)

    def pump(self, source, target, most):
        try:
            while (most is None or most > 0) and (piece := source.recv(65536)):
                target.sendall(piece if most is None else piece[:most])
                most = None if most is None else most - len(piece)
        except OSError:
            return
        finally:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cutting(open_):
    way = Cutting(open_.address, 1_300_000)
    yield way
    way.listener.close()


def test_curl_goes_on_where_it_was_cut(cutting, known, tmp_path):
    require(shutil.which("curl") is not None, "curl")
    target = tmp_path / "fetched"
    command = ["curl", "-sS", "--fail", "-H", "Authorization: Bearer give-me-that", "-o", str(target), "-C", "-"]
    url = f"http://127.0.0.1:{cutting.port}{where(known)}"

    first = subprocess.run([*command, url], capture_output=True, timeout=120, check=False)
    assert first.returncode in {18, 56}, first.stderr  # a partial file, or a connection that broke
    had = target.stat().st_size
    assert 0 < had < len(DATA)

    second = subprocess.run([*command, url], capture_output=True, timeout=120, check=False)
    assert second.returncode == 0, second.stderr
    assert hashlib.sha1(target.read_bytes()).hexdigest() == known.verification.sha1


def fetched(port, path, headers):
    """Return (status, the answer's headers, as many bytes as came)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers={**TOKEN, **headers})
    answer = connection.getresponse()
    try:
        body = answer.read()
    except http.client.IncompleteRead as cut:
        body = cut.partial
    finally:
        connection.close()
    return answer.status, answer.headers, body


def test_a_client_that_checks_the_tag_goes_on_or_begins_anew(cutting, known, archive, program):
    status, headers, part = fetched(cutting.port, where(known), {})
    assert (status, len(part) < len(DATA)) == (200, True)

    _, _, rest = fetched(cutting.port, where(known), {"Range": f"bytes={len(part)}-", "If-Range": headers["etag"]})
    assert part + rest == DATA

    # another archive stands there now: its name is another, and the old tag does not fit it
    archive.write_bytes(DATA[::-1])
    file = fact(archive, sha1=hashlib.sha1(DATA[::-1]).hexdigest())
    program.archives.known = ArchiveFacts((), (file,))
    assert fetched(cutting.port, where(known), {})[0] == 404
    status, _, body = fetched(cutting.port, where(file), {"Range": f"bytes={len(part)}-", "If-Range": headers["etag"]})
    assert (status, body) == (200, DATA[::-1])


# ---- clients that take their time --------------------------------------------------------------------------------------------------------


@pytest.fixture
def large(program, tmp_path):
    path = tmp_path / "large.zip"
    path.touch()
    os.truncate(path, LARGE)
    file = fact(path, sha1="00" * 20)
    program.archives.known = ArchiveFacts((), (file,))
    return file


def begun(served, file, headers=TOKEN):
    """Begin a download and read nothing but its headers."""
    connection = http.client.HTTPConnection(*served.address, timeout=120)
    connection.request("GET", where(file), headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    return connection, answer


def until(condition):
    deadline = time.monotonic() + 90.0
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_slow_clients_hold_their_places_and_nothing_else(open_, program, large):
    slow = [begun(open_, large) for _ in range(2)]

    status, headers, said = call(open_, "GET", where(large), headers=TOKEN)
    assert (status, said["error"]["code"], headers["retry-after"]) == (503, "busy", "30")
    assert call(open_, "GET", "/-/healthy")[0] == 200
    assert call(open_, "GET", "/api/v1/archives")[2]["total"] == 1
    assert call(open_, "GET", "/metrics")[0] == 200

    for connection, answer in slow:
        answer.close()
        connection.close()
    until(lambda: call(open_, "GET", where(large), headers={**TOKEN, "Range": "bytes=0-0"})[0] == 206)
    until(lambda: b'watchdog_web_downloads_total{result="cut"} 2' in call(open_, "GET", "/metrics")[2])


def test_the_end_of_the_program_does_not_wait_for_a_slow_client(program, tmp_path, download_token, large):
    with serving(program, tmp_path, download_token_file=download_token) as served:
        connection, _answer = begun(served, large)
        assert served.stop(60)
    connection.close()


def test_a_file_that_changes_while_it_is_sent_cuts_the_answer(open_, program, large):
    connection, answer = begun(open_, large)
    os.truncate(large.path, LARGE + 1)

    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        answer.read()
    connection.close()
    until(lambda: b'reason="cut_download"} 1' in call(open_, "GET", "/metrics")[2])


def test_the_control_socket_serves_too(open_, known):
    connection = UnixConnection(open_.control_path)
    connection.request("GET", where(known), headers={"Range": "bytes=0-4"})
    assert connection.getresponse().read() == DATA[:5]
    connection.close()


class Sending(Connection):
    """A connection that is always sending, without a wire."""

    def __init__(self):
        self.since, self.cycle, self.dropped = 0.0, object(), []
        self.bounds = type("B", (), {"request_seconds": 10.0, "send_seconds": 30.0})

    def phase(self):
        return "sending"

    def drop(self, reason, last_words=b""):
        self.dropped.append(reason)


def test_each_piece_that_is_taken_gives_the_reader_new_time():
    steady, stuck = Sending(), Sending()
    for now in range(0, 200, 20):
        for connection in (steady, stuck):
            connection.sweep(float(now))
        steady.moved()

    assert steady.dropped == []
    assert stuck.dropped[0] == "slow_reader"
