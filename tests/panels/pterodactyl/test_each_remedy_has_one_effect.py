"""Each remedy, run twice: the second run finds the world mended and sends nothing; and what is sent is what was said before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.pterodactyl_ward import Ward, completion, failure, interrupted
from watchdog.collectors.docker.fake import FakeEngineWorld
from watchdog.model.drifts import Proposal
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.fake import EngineContainers, Task


class Hooks:
    """Runs no program: it makes the panel's clock work go again, and counts."""

    def __init__(self) -> None:
        self.ran = 0
        self.cure: Callable[[], None] = lambda: None

    def run(self, hook, seconds):
        self.ran += 1
        self.cure()

    def kill_mode(self, unit, seconds):
        return "control-group"


def good(ward: Ward) -> str:
    row, job = ward.begin()
    job.advance()
    return row.uuid


def power(ward: Ward, remedy: str, state: str, container: str) -> Proposal:
    uuid, place = ward.server.uuid, ward.wings.containers
    if container != "missing":
        place.create(uuid, {"Service": "Pterodactyl", "ContainerType": "server_process"})
        place.start(uuid)
        if container == "exited":
            place.kill(uuid)
    ward.wings.servers[uuid].state = state
    return remedies.power("games", remedy, uuid, state=state, container=container, stop_type="command")


def suspended(ward: Ward) -> Proposal:
    power(ward, "power_kill", "running", "running")
    ward.wings.servers[ward.server.uuid].attached = True
    ward.target.view()
    ward.server.status = "suspended"
    return remedies.sync_server("games", ward.server.uuid, stops=True)


def late(ward: Ward, build: Callable[..., Proposal]) -> Proposal:
    queue = build is remedies.restart_queue
    schedule = ward.world.add_schedule(ward.server, [Task(1, queued=True)], processing=queue, next_run_at=ward.world.now() - 3600)
    ward.world.switches.cron_dead = ward.world.switches.queue_dead = True

    def cure() -> None:
        schedule.processing, schedule.next_run_at = False, ward.world.now() + 60

    ward.hooks.cure = cure
    return build("games", "systemctl restart it", server=ward.server.uuid, schedule=schedule.id)


REMEDIES: dict[str, Callable[[Ward], Proposal]] = {
    "complete_backup": lambda ward: completion(ward, interrupted(ward)),
    "fail_backup": lambda ward: failure(ward, interrupted(ward, "begun"), "corrupt"),
    "lock_backup": lambda ward: remedies.lock_backup("games", ward.server.uuid, good(ward)),
    "power_restart": lambda ward: power(ward, "power_restart", "running", "missing"),
    "power_start": lambda ward: power(ward, "power_start", "offline", "running"),
    "power_stop": lambda ward: power(ward, "power_stop", "running", "missing"),
    "power_kill": lambda ward: power(ward, "power_kill", "running", "exited"),
    "sync_server": suspended,
    "restart_queue": lambda ward: late(ward, remedies.restart_queue),
    "restart_cron": lambda ward: late(ward, remedies.restart_cron),
}


@pytest.mark.parametrize("name", REMEDIES)
def test_twice_is_once(tmp_path, name):
    world = FakeEngineWorld()
    own = {"hooks": {"restart_queue": {"unit": "it"}, "restart_cron": {"unit": "it"}}}
    ward = Ward(tmp_path, containers=EngineContainers(world), own=own)
    ward.engine_world, hooks = world, Hooks()
    ward.hooks = hooks
    with ward:
        proposal = REMEDIES[name](ward)
        assert proposal.remedy == name
        first = ward.carry(proposal)
        assert (first.end, first.sent) == ("done", ward.describe(proposal)), first
        changed = [(each.method, each.path) for each in ward.panel.seen if each.method != "GET"], list(ward.wings.seen), hooks.ran
        second = ward.carry(proposal)
        assert (second.end, second.sent) == ("done", ()), second
        after = [(each.method, each.path) for each in ward.panel.seen if each.method != "GET"], hooks.ran
        assert after == (changed[0], changed[2]), "nothing was sent again"


def test_every_remedy_is_here():
    assert set(REMEDIES) == {remedy.name for remedy in remedies.REMEDIES}
