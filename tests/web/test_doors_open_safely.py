"""The TCP address and the control socket: clear words when they cannot be had, and nobody else's socket is ever taken over."""

from __future__ import annotations

import os
import socket
import stat
import threading

import pytest
from pydantic import ValidationError

from tests.support.backing import Program, call, serving
from watchdog.errors import BadSettings
from watchdog.web.listeners import bind_control, bind_tcp
from watchdog.web.server import Server
from watchdog.web.settings import ServerSettings, parse_listen


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("127.0.0.1:9877", ("127.0.0.1", 9877)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:9877", ("::1", 9877)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
        ("box.lan:80", ("box.lan", 80)),
    ],
)
def test_an_address_is_host_and_port(text, parsed):
    assert parse_listen(text) == parsed


@pytest.mark.parametrize(
    "text", ["", "9877", ":9877", "127.0.0.1", "::1:9877", "127.0.0.1:x", "127.0.0.1:65536", "http://x:1", "a b:1", "x:1\n"]
)
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValidationError, match=r"127\.0\.0\.1:9877"):
        ServerSettings(listen=text)


def test_a_taken_address_is_named_with_the_way_out(tmp_path):
    with bind_tcp("127.0.0.1:0") as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        server = Server(ServerSettings(listen=listen), Program(), tmp_path / "control.sock")
        with pytest.raises(BadSettings, match=rf"server\.listen.*{listen}.*set another address"):
            server.start()
    assert not (tmp_path / "control.sock").exists()


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "no-such-name.invalid:0"])
def test_an_address_that_is_not_ours_is_named(listen):
    with pytest.raises(BadSettings, match=r"server\.listen"):
        bind_tcp(listen)


def test_ipv6_works(tmp_path):
    if not socket.has_ipv6:
        pytest.skip("not here: IPv6")
    try:
        probe = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("not here: the IPv6 loopback address")
    probe.close()
    server = Server(ServerSettings(listen="[::1]:0"), Program(), None)
    server.start()
    assert call(server, "GET", "/", headers={"Host": "[::1]:1"})[0] == 200
    assert server.stop(30)


def test_the_control_socket_is_ours_alone_from_its_first_moment(tmp_path):
    old = os.umask(0)
    try:
        control = bind_control(tmp_path / "c.sock")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "c.sock").stat().st_mode) == 0o600
    control.close()
    assert not (tmp_path / "c.sock").exists()


def test_a_dead_socket_is_replaced_and_a_living_one_is_not(tmp_path):
    path = tmp_path / "c.sock"
    first = bind_control(path)
    with pytest.raises(BadSettings, match="another panel-watchdog answers"):
        bind_control(path)
    assert path.exists()
    first.sock.close()  # as after SIGKILL: the file stays
    second = bind_control(path)
    first.close()  # the first one's late clean-up must not remove the second one's socket
    assert path.exists()
    second.close()
    assert not path.exists()


def test_of_many_programs_starting_at_once_over_a_dead_socket_one_wins(tmp_path):
    path = tmp_path / "c.sock"
    bind_control(path).sock.close()
    barrier, won, lost = threading.Barrier(8), [], []

    def start():
        barrier.wait(60)
        try:
            won.append(bind_control(path))
        except BadSettings:
            lost.append(1)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(won), len(lost)) == (1, 7)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    won[0].sock.close()


def test_what_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(BadSettings, match="is no socket"):
        bind_control(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(BadSettings, match="is no socket"):
        bind_control(link)
    assert path.read_text() == "data"


@pytest.mark.parametrize("name", ["missing/c.sock", "x" * 120])
def test_a_path_that_cannot_be_is_named_with_the_way_out(tmp_path, name):
    with pytest.raises(BadSettings, match=r"server\.control_socket"):
        bind_control(tmp_path / name)


def test_a_second_program_does_not_start_and_the_first_one_goes_on(program, tmp_path):
    with serving(program, tmp_path) as served:
        second = Server(ServerSettings(listen="127.0.0.1:0"), Program(), tmp_path / "control.sock")
        with pytest.raises(BadSettings, match="another panel-watchdog"):
            second.start()
        assert second.stop(5)
        assert call(served, "GET", "/-/healthy", control=True)[0] == 200
