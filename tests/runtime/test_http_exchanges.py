"""One exchange against servers that no panel should be, but some are."""

from __future__ import annotations

import errno
import gzip
import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.http_server import answer, drip, raw_server, say, silent
from watchdog.errors import (
    BadSettings,
    DeadlinePassed,
    Forbidden,
    MalformedAnswer,
    NotFound,
    Refused,
    ServerFault,
    Throttled,
    Unreachable,
)
from watchdog.runtime.answers import cookies_of
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.http import RESULTS, Answer, Form, Http, Tls, check, segment

SECRET = "zq-very-secret-9981"


class Seen(list):
    def __call__(self, operation: str, result: str) -> None:
        assert result in RESULTS
        self.append((operation, result))


def http(url: str, **options) -> tuple[Http, Seen]:
    seen = Seen()
    options.setdefault("seconds", 60.0)
    return Http(url, clock=SimulatedClock(), observe=seen, **options), seen


def test_a_good_answer_is_parsed_and_counted_once() -> None:
    with raw_server(say(answer(200, b'{"a": [1]}', "X-Kind: Yes"))) as server:
        door, seen = http(server.url + "/prefix/")
        got = door.request("list", "GET", "/items", query={"page": 1, "all": True, "none": None, "tag": ["a b", "c"]})
    assert (got.status, got.json(), got.headers["x-kind"]) == (200, {"a": [1]}, "Yes")
    assert server.requests[0].startswith(b"GET /prefix/items?page=1&all=true&tag=a+b&tag=c HTTP/1.1\r\n")
    assert seen == [("list", "ok")]


def test_json_is_sent_with_its_type_and_headers_are_asked_anew() -> None:
    keys = iter(["one", "two"])
    with raw_server(say(answer())) as server:
        door, _ = http(server.url, headers=lambda: {"x-request-api-key": next(keys)})
        door.request("a", "POST", "/", json={"b": "ü"})
        door.request("a", "POST", "/", json=[])
    first, second = server.requests
    assert json.loads(first.partition(b"\r\n\r\n")[2]) == {"b": "ü"}
    assert b"Content-Type: application/json\r\n" in first
    assert b"x-request-api-key: one\r\n" in first
    assert b"x-request-api-key: two\r\n" in second


def test_a_form_is_sent_as_one() -> None:
    with raw_server(say(answer())) as server:
        http(server.url)[0].request("a", "POST", "/", json=Form({"password": "ü&="}))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()
    assert body == b"password=%C3%BC%26%3D"


@pytest.mark.parametrize(
    ("status", "error", "result"),
    [
        (200, None, "ok"), (204, None, "ok"), (301, Refused, "client_error"), (302, Refused, "client_error"),
        (400, Refused, "client_error"),
        (401, Forbidden, "auth"), (403, Forbidden, "auth"), (404, NotFound, "client_error"), (409, Refused, "client_error"),
        (429, Throttled, "throttled"), (500, ServerFault, "server_error"), (503, ServerFault, "server_error"),
        (599, ServerFault, "server_error"),
    ],
)  # fmt: skip
def test_each_status_has_one_error_and_one_word(status: int, error: type[Exception] | None, result: str) -> None:
    body = b"" if status == 204 else b"{}"
    with raw_server(say(answer(status, body))) as server:
        door, seen = http(server.url)
        got = door.request("op", "GET", "/")
        assert got.status == status
        if error is None:
            assert check(got) is got
        else:
            with pytest.raises(error) as raised:
                check(got)
            assert type(raised.value) is error
            with pytest.raises(error):
                door.ask("op", "GET", "/", Answer.json)
    assert set(seen) == {("op", result)}


def test_a_redirect_is_not_followed() -> None:
    with raw_server(say(answer())) as elsewhere, raw_server(say(answer(302, b"", f"Location: {elsewhere.url}/"))) as server:
        door, _ = http(server.url)
        assert door.request("op", "GET", "/").status == 302
    assert elsewhere.requests == []


def test_no_cookie_is_kept_or_sent_and_no_connection_is_held() -> None:
    with raw_server(say(answer(200, b"{}", "Set-Cookie: sid=1; Path=/"))) as server:
        door, _ = http(server.url)
        for _ in range(2):
            door.request("op", "GET", "/")
        assert server.closed_by_client.wait(60)
    assert len(server.requests) == 2
    assert all(b"cookie" not in request.lower() for request in server.requests)
    assert all(b"Connection: close\r\n" in request for request in server.requests)


def test_an_answer_shows_the_cookies_it_set_and_a_client_may_send_them_itself() -> None:
    lines = (
        f"Set-Cookie: session={SECRET}.a-b_c; Expires=Sat, 21 Nov 2026 10:00:00 GMT; HttpOnly; Path=/",
        "Set-Cookie: authToken=0f; Path=/",
        "Set-Cookie: gone=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    )
    mine: dict[str, str] = {}
    with raw_server(say(answer(200, b"{}", *lines))) as server:
        door, _ = http(server.url, headers=lambda: mine)
        first = door.request("op", "GET", "/")
        mine["Cookie"] = "; ".join(f"{name}={value}" for name, value in first.cookies.items())
        door.request("op", "GET", "/")
        mine.clear()
        door.request("op", "GET", "/")
    assert first.cookies == {"session": f"{SECRET}.a-b_c", "authToken": "0f"}
    assert SECRET not in repr(first)
    sent = [b"Cookie: " in request for request in server.requests]
    assert sent == [False, True, False]
    assert f"Cookie: session={SECRET}.a-b_c; authToken=0f\r\n".encode() in server.requests[1]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], {}), (["a=1"], {"a": "1"}), (["a=1; Path=/", "a=2"], {"a": "2"}), (["a = 1 ;x"], {"a": "1"}), (['a="1"'], {"a": '"1"'}),
        (["a"], {}), (["=1"], {}), (["a="], {}), (["a=1 2"], {}), (["a=1,2"], {}), (["a b=1"], {}), (["a=\x01"], {}), (["ü=1"], {}),
        (["a=x=y=="], {"a": "x=y=="}), (["a=1\r\nX: y"], {}), (["a=\\"], {}),
    ],
)  # fmt: skip
def test_only_a_cookie_that_can_be_sent_back_is_shown(lines: list[str], found: dict[str, str]) -> None:
    assert cookies_of(lines) == found


def test_the_environment_gives_no_proxy_and_no_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password netrc-secret\n")
    with raw_server(say(answer())) as proxy, raw_server(say(answer())) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NETRC", str(netrc))
        http(server.url)[0].request("op", "GET", "/")
    assert proxy.requests == []
    assert b"authorization" not in server.requests[0].lower()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "play",
    [
        silent,
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        drip(HEAD + b"\r\n", b"a"),
        drip(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
    ids=["silent", "100-continue", "drips-a-header", "drips-until-close", "drips-with-length", "drips-chunks"],
)
def test_nobody_holds_us_past_the_deadline(play) -> None:
    with raw_server(play) as server:
        door, seen = http(server.url, seconds=0.4)
        began = time.monotonic()
        with pytest.raises(DeadlinePassed):
            door.request("op", "GET", "/")
        assert time.monotonic() - began < 30
    assert seen == [("op", "deadline")]


def test_a_server_that_never_accepts_is_bounded_too() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        try:
            for _ in range(8):  # fill the backlog: the next connect gets no answer
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
                fillers.append(filler)
            door, seen = http(f"http://127.0.0.1:{full.getsockname()[1]}", seconds=0.4)
            began = time.monotonic()
            with pytest.raises(DeadlinePassed):
                door.request("op", "GET", "/")
            assert time.monotonic() - began < 30
        finally:
            for filler in fillers:
                filler.close()
    assert seen == [("op", "deadline")]


def test_a_name_look_up_that_hangs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_args: object, **_kwargs: object) -> list[object]:
        release.wait(90)
        raise OSError("late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    door, seen = http("http://panel.example:8080", seconds=0.3)
    try:
        began = time.monotonic()
        with pytest.raises(DeadlinePassed):
            door.request("op", "GET", "/")
        assert time.monotonic() - began < 30
    finally:
        release.set()
    assert seen == [("op", "deadline")]


@pytest.mark.parametrize(
    ("data", "result", "error"),
    [
        (b"", "transport", Unreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "ok", None),
        (answer(200, b"{}", length=500), "transport", Unreachable),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", "transport", Unreachable),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed", MalformedAnswer),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed", MalformedAnswer),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", "malformed", MalformedAnswer),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "malformed", MalformedAnswer),
        (HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nab", "malformed", MalformedAnswer),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab", "malformed", MalformedAnswer),
    ],
    ids=["nothing", "cut-in-header", "cut-body", "cut-chunk", "bad-chunk", "not-http", "500-headers", "long-header", "brotli", "no-gzip"],
)
def test_broken_answers_are_told_apart(data: bytes, result: str, error: type[Exception] | None) -> None:
    with raw_server(say(data)) as server:
        door, seen = http(server.url)
        if error is None:  # http.client takes a header cut at its end as the end: what is missing shows in the body
            with pytest.raises(MalformedAnswer):
                door.request("op", "GET", "/").json()
        else:
            with pytest.raises(error) as raised:
                door.request("op", "GET", "/")
            assert type(raised.value) is error
    assert seen[0] == ("op", result)


def test_a_reset_is_unreachable() -> None:
    def reset(connection: socket.socket, _request: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with raw_server(reset) as server:
        door, seen = http(server.url)
        with pytest.raises(Unreachable, match="op: 127"):
            door.request("op", "GET", "/")
    assert seen == [("op", "transport")]


def test_a_reset_before_there_is_a_connection_is_unreachable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is killed while it is being connected to: the reset comes from connect() itself."""
    door, seen = http("http://127.0.0.1:9")

    def reset(_deadline: object) -> socket.socket:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    monkeypatch.setattr(door, "_connect", reset)
    with pytest.raises(Unreachable, match="op: 127"):
        door.request("op", "GET", "/")
    assert seen == [("op", "transport")]


def test_nothing_listens() -> None:
    with raw_server(silent) as server:
        url = server.url
    door, seen = http(url)
    with pytest.raises(Unreachable, match="refused"):
        door.request("op", "GET", "/")
    assert seen == [("op", "transport")]


def test_an_answer_is_capped_also_when_packed() -> None:
    bomb = gzip.compress(b"a" * 5_000_000)
    for data in (answer(200, b"a" * 2001), answer(200, bomb, "Content-Encoding: gzip"), HEAD + b"\r\n" + b"a" * 300_000):
        with raw_server(say(data)) as server:
            door, seen = http(server.url, limit=2000)
            with pytest.raises(MalformedAnswer, match="more than 2000 bytes"):
                door.request("op", "GET", "/")
        assert seen == [("op", "malformed")]
    with raw_server(say(answer(200, gzip.compress(b'{"a":1}'), "Content-Encoding: gzip"))) as server:
        assert http(server.url, limit=2000)[0].request("op", "GET", "/").json() == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with raw_server(say(answer(200, body))) as server:
        door, seen = http(server.url)
        with pytest.raises(MalformedAnswer):
            door.ask("op", "GET", "/", Answer.json)
    assert seen[-1] == ("op", "malformed")
    assert ("op", "ok") not in seen


def test_ask_counts_a_wrong_shape_once_as_malformed() -> None:
    def parse(got: Answer) -> str:
        shape = json.loads(got.body)
        if "data" not in shape:
            raise MalformedAnswer("no data")
        return shape["data"]

    with raw_server(say(answer(200, b'{"other": 1}'))) as server:
        door, seen = http(server.url)
        with pytest.raises(MalformedAnswer):
            door.ask("op", "GET", "/", parse)
    assert seen == [("op", "malformed")]


@pytest.mark.parametrize(
    ("said", "delay"),
    [("7", 7.0), ("0", 0.0), ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0), ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0), ("999999", 3600.0),
     ("soon", None), ("-5", None), ("\u00b2", None)],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms(said: str, delay: float | None) -> None:
    with raw_server(lambda c, _r: c.sendall(answer(429, b"{}", "Retry-After: " + said).replace("²".encode(), b"\xb2"))) as server:
        door, _ = http(server.url)  # the simulated clock begins at 2027-01-15 08:00:00 UTC
        with pytest.raises(Throttled) as raised:
            check(door.request("op", "GET", "/"))
    assert raised.value.delay == delay


def test_no_error_text_shows_path_query_header_or_body() -> None:
    plays = [
        say(b""),
        say(b"garbage\r\n\r\n"),
        say(answer(500, SECRET.encode())),
        say(answer(401, SECRET.encode())),
        say(answer(200, SECRET.encode())),
        silent,
    ]
    for play in plays:
        with raw_server(play) as server:
            door, _ = http(server.url, seconds=0.4, headers=lambda: {"Authorization": f"Bearer {SECRET}"})
            with pytest.raises(Exception) as raised:
                door.ask("op", "GET", f"/{SECRET}", Answer.json, query={"apikey": SECRET}, json={"password": SECRET})
        error: BaseException | None = raised.value
        assert SECRET not in repr(error)
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__


@pytest.mark.parametrize("value", [f"{SECRET}\nX: y", f"{SECRET}\u20ac"])
def test_a_credential_that_cannot_be_a_header_is_a_bad_setting_without_its_text(value: str) -> None:
    with raw_server(say(answer())) as server:
        door, seen = http(server.url, headers=lambda: {"x-key": value})
        with pytest.raises(BadSettings) as raised:
            door.request("op", "GET", "/")
    assert SECRET not in str(raised.value)
    assert seen == [("op", "auth")]
    assert server.requests in ([], [b""])


@pytest.mark.parametrize(
    "url", ["http://u:p4ssw0rd@h/", "http://h/?apikey=1", "ftp://h", "h:80", "http://", "unix://", "http://h:99999", "http://[::1"]
)
def test_a_base_url_that_cannot_be_used_is_a_bad_setting(url: str) -> None:
    with pytest.raises(BadSettings) as raised:
        http(url)
    assert "p4ssw0rd" not in str(raised.value)


def test_a_segment_never_climbs() -> None:
    assert segment("a/b ?#%") == "a%2Fb%20%3F%23%25"
    for climbing in ("", ".", ".."):
        with pytest.raises(Refused):
            segment(climbing)


def test_a_unix_socket_is_a_server_too(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with raw_server(say(answer(200, b'{"a":1}')), unix=path) as server:
        assert http(f"unix://{path}")[0].ask("op", "GET", "/api?x", Answer.json) == {"a": 1}
    assert b"Host: localhost\r\n" in server.requests[0]
    with pytest.raises(Unreachable):
        http(f"unix://{tmp_path}/gone.sock")[0].request("op", "GET", "/")


def test_ipv6_and_names_of_this_host() -> None:
    with raw_server(say(answer())) as server:
        assert http(f"http://localhost:{server.port}")[0].request("op", "GET", "/").status == 200
    assert b"Host: localhost:" in server.requests[0]


def test_many_threads_share_one_door() -> None:
    with raw_server(say(answer(200, b'{"a":1}'))) as server:
        door, seen = http(server.url)
        threads = [threading.Thread(target=lambda: [door.request("op", "GET", "/") for _ in range(10)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [("op", "ok")] * 80


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    require(shutil.which("openssl") is not None, "openssl")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    order = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=panel -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*order.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return key, cert


def served(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


def test_tls_trusts_nobody_unknown_a_named_authority_or_by_wish_anybody(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    with raw_server(say(answer()), context=served(certificate)) as server:
        with pytest.raises(Unreachable, match="not trusted"):
            http(server.url)[0].request("op", "GET", "/")
        assert http(server.url, tls=Tls(ca_file=certificate[1]))[0].request("op", "GET", "/").status == 200
        assert http(server.url, tls=Tls(insecure=True))[0].request("op", "GET", "/").status == 200
        with pytest.raises(Unreachable, match="not trusted"):  # right authority, wrong name
            http(f"https://localhost:{server.port}", tls=Tls(ca_file=certificate[1]))[0].request("op", "GET", "/")
        with pytest.raises(BadSettings, match="ca_file"):
            http(server.url, tls=Tls(ca_file=tmp_path / "none.pem"))[0].request("op", "GET", "/")


def test_the_deadline_holds_under_tls(certificate: tuple[Path, Path]) -> None:
    for play, context in ((drip(HEAD + b"X: ", b"a"), served(certificate)), (drip(HEAD + b"\r\n", b"a"), served(certificate))):
        with raw_server(play, context=context) as server:
            began = time.monotonic()
            with pytest.raises(DeadlinePassed):
                http(server.url, tls=Tls(ca_file=certificate[1]), seconds=0.5)[0].request("op", "GET", "/")
            assert time.monotonic() - began < 30


def test_a_handshake_that_hangs_is_bounded() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        began = time.monotonic()
        with pytest.raises(DeadlinePassed):
            http(f"https://127.0.0.1:{mute.getsockname()[1]}", seconds=0.4)[0].request("op", "GET", "/")
        assert time.monotonic() - began < 30
