"""Clients that say nothing, say it slowly, do not read, or say too much: none of them takes the server from the others, or its end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from tests.support.backing import call, serving
from tests.support.exposition import parse
from watchdog.model.metrics import Family, Metric
from watchdog.web import server

BIG = Metric("big", "gauge", "Big.", ("n",))
POST = "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sësame-open\r\n{}\r\n\r\n"
DROPPED = "watchdog_web_connections_dropped_total"


def dropped(program, reason, listener="tcp"):
    return parse(program.pages.page().body)[(DROPPED, (("listener", listener), ("reason", reason)))]


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the deadline"
        time.sleep(0.02)


def opened(served):
    sock = socket.create_connection(served.address, timeout=60)
    sock.settimeout(60)
    return sock


def gone(sock):
    """Wait until the server ends the connection."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("said", [b"", b"G", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_request_that_never_ends_is_cut(program, tmp_path, said):
    with serving(program, tmp_path, header_timeout=1.0) as served, opened(served) as sock:
        sock.sendall(said)
        assert gone(sock)
        until(lambda: dropped(program, "slow_request") == 1)


def test_dripping_headers_does_not_buy_time(program, tmp_path):
    with serving(program, tmp_path, header_timeout=1.0) as served, opened(served) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\n")
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 60:
                sock.sendall(b"X: y\r\n")
                time.sleep(0.1)
        until(lambda: dropped(program, "slow_request") == 1)


def test_a_body_that_never_comes_is_cut(program, tmp_path, token_file):
    with serving(program, tmp_path, header_timeout=1.0, api_token_file=token_file) as served, opened(served) as sock:
        sock.sendall(POST.format("/-/reload", "Content-Length: 50").encode() + b"{")
        assert gone(sock)
        until(lambda: dropped(program, "slow_request") == 1)
    assert program.commands.given == []


def test_half_an_order_is_no_order(program, guarded):
    with opened(guarded) as sock:
        sock.sendall(POST.format("/api/v1/plans/a1/approve", "Content-Length: 50").encode())
        time.sleep(0.2)
        sock.shutdown(socket.SHUT_RDWR)
    call(guarded, "GET", "/metrics")
    until(lambda: parse(program.pages.page().body)[("watchdog_web_connections", (("listener", "tcp"),))] == 0)
    assert program.commands.given == []


def test_a_client_that_does_not_read_is_cut(program, tmp_path):
    program.pages.declare("big", (BIG,))
    program.pages.update("big", [Family(BIG, tuple(((f"{n:0200d}",), 1.0) for n in range(60_000)))])
    with serving(program, tmp_path, send_timeout=1.0) as served, opened(served) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: dropped(program, "slow_reader") == 1)
        assert call(served, "GET", "/metrics?collect[]=process")[0] == 200


def test_idle_connections_make_room_for_a_scrape(program, tmp_path):
    with serving(program, tmp_path, max_connections=8, header_timeout=300.0) as served:
        idle = [opened(served) for _ in range(50)]
        for _ in range(5):
            assert call(served, "GET", "/metrics")[0] == 200
        until(lambda: dropped(program, "evicted") >= 40)
        assert call(served, "GET", "/metrics", control=True)[0] == 200
        for sock in idle:
            sock.close()


def test_when_all_are_busy_a_newcomer_is_told_and_the_control_socket_is_free(program, tmp_path):
    with serving(program, tmp_path, max_connections=4) as served:
        program.commands.gate.clear()
        busy = [threading.Thread(target=call, args=(served, "GET", "/api/v1/status")) for _ in range(4)]
        for thread in busy:
            thread.start()
        for _ in busy:
            assert program.commands.started.acquire(timeout=60)
        status, headers, _ = call(served, "GET", "/metrics")
        assert (status, headers["retry-after"]) == (503, "5")
        assert call(served, "GET", "/metrics", control=True)[0] == 200
        program.commands.gate.set()
        for thread in busy:
            thread.join(60)
        until(lambda: dropped(program, "full") == 1)
        until(lambda: call(served, "GET", "/metrics")[0] == 200)


def test_too_much_is_refused_before_it_is_kept(guarded, program):
    token = {"Authorization": "Bearer sësame-open".encode()}
    status, _, said = call(guarded, "POST", "/-/reload", {"who": "x" * 100_000}, headers=token)
    assert (status, said["error"]["code"]) == (413, "too_large")
    with opened(guarded) as sock:
        sock.sendall(POST.format("/-/reload", "Transfer-Encoding: chunked").encode())
        try:
            for _ in range(200):
                sock.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except ConnectionError:
            pass
        assert sock.recv(100).startswith(b"HTTP/1.1 413")
    with opened(guarded) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert sock.recv(100).startswith(b"HTTP/1.1 400")
    assert program.commands.given == []
    assert call(guarded, "GET", "/metrics")[0] == 200


def test_garbage_is_answered_and_fills_no_log(served, caplog):
    for said in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with opened(served) as sock:
            sock.sendall(said + b"\r\n\r\n")
            assert gone(sock)
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []
    assert call(served, "GET", "/-/healthy")[0] == 200


def test_the_end_is_bounded_with_idle_slow_stuck_and_unreading_clients(program, tmp_path):
    program.pages.declare("big", (BIG,))
    program.pages.update("big", [Family(BIG, tuple(((f"{n:0200d}",), 1.0) for n in range(60_000)))])
    with serving(program, tmp_path, header_timeout=300.0, send_timeout=300.0) as served:
        program.commands.gate.clear()
        idle, slow, unreading = opened(served), opened(served), opened(served)
        slow.sendall(b"GET /metrics HTT")
        unreading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unreading.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert unreading.recv(10)
        answers = []
        stuck = threading.Thread(target=lambda: answers.append(call(served, "POST", "/api/v1/targets/home/sync", control=True)))
        stuck.start()
        assert program.commands.started.acquire(timeout=60)
        began = time.monotonic()
        assert served.stop(30.0)
        assert time.monotonic() - began < 60.0, "far from the 300 s that its clients were given"
        stuck.join(60)
        assert (answers[0][0], answers[0][2]["error"]["code"]) == (503, "stopping")
        assert not served.alive and not served.control_path.exists()
        for sock in (idle, slow, unreading):
            sock.close()


def test_a_server_whose_loop_hangs_is_not_alive(program, served, monkeypatch):
    release, page = threading.Event(), program.pages.page
    monkeypatch.setattr(server, "SILENT_SECONDS", 2.0)
    monkeypatch.setattr(program.pages, "page", lambda **_: release.wait(120) and page())
    until(lambda: served.alive)
    asking = threading.Thread(target=call, args=(served, "GET", "/metrics"))
    asking.start()
    until(lambda: not served.alive)
    release.set()
    asking.join(60)
    until(lambda: served.alive)


def test_an_idle_server_ends_at_once_and_twice_is_no_harm(program, tmp_path):
    with serving(program, tmp_path) as served:
        assert served.alive
        assert served.stop(30.0)
        assert served.stop(30.0)
        assert not served.alive
