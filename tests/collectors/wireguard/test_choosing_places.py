"""Which namespaces are looked into, and which sockets of another root directory can be reached: tables and files, nothing is entered."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from watchdog.collectors.wireguard import entering
from watchdog.collectors.wireguard.entering import doors_inside
from watchdog.collectors.wireguard.fake import FakeWireguardWorld
from watchdog.collectors.wireguard.places import places
from watchdog.collectors.wireguard.uapi import Memory, read_doors
from watchdog.errors import Blind
from watchdog.model.docker import Container, DockerFacts
from watchdog.runtime.clock import SystemClock

CLOCK = SystemClock()
RUN = Path("/var/run/wireguard")


def box(name: str, state: str = "running", pid: int | None = 7, network: str = "bridge") -> Container:
    return Container(f"id-{name}", name, "image", state, pid=pid, network_mode=network)


def docker(*containers: Container) -> DockerFacts:
    return DockerFacts("engine", "1", containers)


@pytest.mark.parametrize(
    ("paths", "patterns", "facts", "expected"),
    [
        ((), (), docker(box("a")), {}),
        (("/var/run/netns/x",), (), None, {"/var/run/netns/x": ""}),
        ((), ("a",), docker(box("a"), box("b")), {"container:a": ""}),
        (
            (),
            ("vpn-*", "a"),
            docker(box("vpn-2"), box("vpn-1"), box("a")),
            {"container:a": "", "container:vpn-1": "", "container:vpn-2": ""},
        ),
        ((), ("a", "*"), docker(box("a")), {"container:a": ""}),
        ((), ("a",), docker(box("b")), {"container:a": "NotFound"}),
        ((), ("vpn-*",), docker(), {"container:vpn-*": "NotFound"}),
        ((), ("a",), None, {"container:a": "Blind"}),
        ((), ("a",), docker(box("a", "exited", None)), {"container:a": "NotFound"}),
        ((), ("a",), docker(box("a", "restarting", 5)), {"container:a": "NotFound"}),
        ((), ("a",), docker(box("a", pid=None)), {"container:a": "Blind"}),
        ((), ("a",), docker(box("a", "paused")), {"container:a": ""}),
    ],
)
def test_places(paths: tuple[str, ...], patterns: tuple[str, ...], facts: DockerFacts | None, expected: dict[str, str]):
    found = places([Path(path) for path in paths], patterns, facts)
    assert {place.label: type(place.error).__name__ if place.error else "" for place in found} == expected
    assert all((place.path is None) + (place.container is None) + (place.error is None) == 2 for place in found)


def test_who_lends_a_network_comes_before_who_borrows_it_and_paths_before_both():
    facts = docker(box("a", network="container:id-z"), box("z"), box("m"))
    assert [place.label for place in places([Path("/n")], ["*"], facts)] == ["/n", "container:m", "container:z", "container:a"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[FakeWireguardWorld]:
    """Daemons in the files of a container whose root directory is ``tmp_path``."""
    with FakeWireguardWorld(tmp_path / "run" / "wireguard", CLOCK) as world:
        world.add_device("wg0", listen_port=11)
        yield world


def read(root: Path, directory: Path = RUN) -> dict[str, int | str | None]:
    """Return listen ports, or errors, of what is found below ``root``."""
    with ExitStack() as stack:
        top = os.open(root, os.O_PATH | os.O_DIRECTORY)
        stack.callback(os.close, top)
        doors = doors_inside(top, (directory,), "container:x", stack)
        return {device.name: device.error or device.listen_port for device, _ in read_doors(doors, CLOCK, 20.0, 1 << 20, Memory())}


@pytest.mark.parametrize("target", ["/run", "../run", "../../../run", "/var/../run", "/./run//"])
def test_links_inside_are_followed_as_the_container_sees_them(world: FakeWireguardWorld, tmp_path: Path, target: str):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to(target)
    assert read(tmp_path) == {"wg0": 11}


def test_a_directory_that_is_not_there_has_no_sockets(tmp_path: Path):
    assert read(tmp_path) == {}
    (tmp_path / "var").write_text("a file")
    assert read(tmp_path) == {}


def test_no_link_leads_out_of_the_container(world: FakeWireguardWorld, tmp_path: Path):
    with FakeWireguardWorld(tmp_path / "outside", CLOCK) as outside:
        outside.add_device("secret", listen_port=99)
        inside = tmp_path / "box"
        (inside / "var" / "run").mkdir(parents=True)
        (inside / "var" / "run" / "wireguard").symlink_to(outside.directory)
        assert read(inside) == {}
        (inside / "var" / "run" / "wireguard").unlink()
        (inside / "var" / "run" / "wireguard").mkdir()
        (inside / "var" / "run" / "wireguard" / "wg1.sock").symlink_to(outside.path("secret"))
        assert read(inside) == {}


def test_links_in_a_ring_are_named(tmp_path: Path):
    (tmp_path / "var").symlink_to("lib")
    (tmp_path / "lib").symlink_to("var")
    with pytest.raises(Blind, match="too many symbolic links"):
        read(tmp_path)


def test_too_many_sockets_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(entering, "_MOST_SOCKETS", 3)
    for number in range(4):
        (tmp_path / f"wg{number}.sock").write_text("")
    with pytest.raises(Blind, match="more than 3 sockets"):
        read(tmp_path, Path("/"))


def test_a_dead_daemon_of_a_container_is_a_named_failure_and_one_that_ended_is_gone(world: FakeWireguardWorld, tmp_path: Path):
    world.kill("wg0")
    assert read(tmp_path, Path("/run/wireguard")) == {"wg0": "Unreachable"}
    world.path("wg0").unlink()
    (world.directory / "wg1.sock").write_text("no socket")
    assert read(tmp_path, Path("/run/wireguard")) == {}


def test_sockets_deeper_than_a_socket_address_is_long_can_be_reached(tmp_path: Path):
    deep = tmp_path.joinpath(*["d" * 60] * 3)
    deep.mkdir(parents=True)
    here = os.open(deep, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(f"/proc/self/fd/{here}/wg0.sock")
            listener.listen(0)
            listener.close()
            assert read(tmp_path, Path("/" + "/".join(["d" * 60] * 3))) == {"wg0": "Unreachable"}
    finally:
        os.close(here)
