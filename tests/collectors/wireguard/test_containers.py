"""Devices inside real containers: their pids from Docker, proven by their cgroups, their sockets in their own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.dockerd import Dockerd, dockerd, engine  # noqa: F401  # fixtures
from watchdog.collectors.wireguard.collector import WireguardCollector
from watchdog.collectors.wireguard.elsewhere import Elsewhere
from watchdog.collectors.wireguard.fake import FakeWireguardWorld
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.model.docker import Container, DockerFacts
from watchdog.model.wireguard import WireguardFacts
from watchdog.runtime.clock import SystemClock

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd"), pytest.mark.timeout(300)]

CLOCK = SystemClock()
SETTINGS = WireguardSettings(deadline=200.0, device_deadline=60.0, namespace_deadline=90.0, containers=("vpn-*",))


def told(daemon: Dockerd) -> DockerFacts:
    """What Docker says of its containers now."""
    found = []
    for line in daemon.list():
        facts = daemon.inspect(line["Id"])
        name, state = facts["Name"].lstrip("/"), facts["State"]
        found.append(
            Container(facts["Id"], name, "", state["Status"], pid=state["Pid"] or None, network_mode=facts["HostConfig"]["NetworkMode"])
        )
    return DockerFacts("e", "1", tuple(found))


def daemons_in(facts: DockerFacts, name: str) -> FakeWireguardWorld:
    """Daemons whose sockets stand in the files of this container."""
    box = facts.by_name(name)
    assert box is not None
    return FakeWireguardWorld(Path(f"/proc/{box.pid}/root/var/run/wireguard"), CLOCK)


def summary(facts: WireguardFacts) -> tuple[dict[str, str | None], list[tuple[str, str, int | str]]]:
    return {n.label: n.error for n in facts.namespaces}, [(d.netns, d.name, d.error or d.listen_port) for d in facts.devices if d.netns]


def test_devices_of_containers_have_one_label_over_restarts(engine: Dockerd):  # noqa: F811
    one = engine.run("vpn-one", "sleep", "1000")
    engine.run("vpn-two", "sleep", "1000")
    engine.run("other", "sleep", "1000")
    seen = told(engine)
    looker = WireguardCollector(SETTINGS, CLOCK, elsewhere=Elsewhere(SETTINGS, CLOCK, lambda: seen))
    both = {"container:vpn-one": None, "container:vpn-two": None}
    with daemons_in(seen, "vpn-one") as first, daemons_in(seen, "vpn-two") as second:
        first.add_device("wg0", listen_port=11)
        second.add_device("wg0", listen_port=22)
        assert summary(looker.collect()) == (both, [("container:vpn-one", "wg0", 11), ("container:vpn-two", "wg0", 22)])
        swapped = {c.name: c.pid for c in seen.containers}
        liar = [Container(c.id, c.name, "", c.state, pid=swapped["other"]) for c in seen.containers if c.name == "vpn-one"]
        lied = Elsewhere(SETTINGS, CLOCK, lambda: DockerFacts("e", "1", tuple(liar)))
        assert [n.error for n in lied.look((), 60.0).namespaces] == ["Unplaced"], "a pid of another container is not believed"
    engine.post(one, "restart", t=0)
    # Docker's word from before the restart leads nowhere, and the device last seen there fails by name
    errors, devices = summary(looker.collect())
    assert errors["container:vpn-one"] in ("NotFound", "Unplaced")
    assert ("container:vpn-one", "wg0", errors["container:vpn-one"]) in devices
    seen = told(engine)
    with daemons_in(seen, "vpn-one") as again:
        again.add_device("wg0", listen_port=33)
        errors, devices = summary(looker.collect())
        assert errors == both
        assert devices == [("container:vpn-one", "wg0", 33)]
    engine.post(one, "kill")
    engine.remove(one, force=True)
    seen = told(engine)
    assert summary(looker.collect()) == ({"container:vpn-two": None}, []), "a container that is removed is gone by Docker's own word"
