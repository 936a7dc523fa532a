"""Power and sync by the table of the contract's section 6.2, on a Wings and an engine that behave by it; the lock; the hooks."""

from __future__ import annotations

import itertools

import pytest

from tests.support.pterodactyl_ward import Died, Hand, Ward
from watchdog.collectors.docker.fake import FakeEngineWorld
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.fake import EngineContainers, Task
from watchdog.panels.pterodactyl.powering import HEALS, effect_of


@pytest.fixture
def ward(tmp_path):
    with in_engine(tmp_path) as made:
        yield made


def in_engine(folder, **own) -> Ward:
    world = FakeEngineWorld()
    made = Ward(folder, containers=EngineContainers(world), **own)
    made.engine_world = world
    return made


def bring(ward: Ward, state: str, container: str) -> None:
    """Bring the server to what Wings says of it, and its container to what Docker says; Wings does not notice."""
    uuid = ward.server.uuid
    place, environment = ward.wings.containers, ward.wings.servers[uuid]
    if container != "missing":
        place.create(uuid, {"Service": "Pterodactyl", "ContainerType": "server_process"})
        place.start(uuid)
        if container == "exited":
            place.kill(uuid)
    environment.state = state
    environment.attached = environment.dead_stream = False


def sides(ward: Ward) -> tuple[str, str]:
    """Return what Wings says and what Docker says."""
    return ward.wings.servers[ward.server.uuid].state, ward.wings.containers.state(ward.server.uuid)


def power(ward: Ward, remedy: str, container: str, state: str = "running"):
    return remedies.power("games", remedy, ward.server.uuid, state=state, container=container, stop_type=ward.server.stop_type)


def signals(ward: Ward) -> list[str]:
    """Return the signals that came through the panel."""
    sent = ward.panel.sent(f"/api/client/servers/{ward.server.uuid}/power", "POST")
    return [str(each.fields["signal"]) for each in sent]


HEALING = (
    ("power_restart", "running", "missing", "command", ("running", "running")),
    ("power_restart", "running", "exited", "command", ("running", "running")),
    ("power_start", "offline", "running", "command", ("running", "running")),
    ("power_start", "offline", "exited", "command", ("running", "running")),
    ("power_start", "offline", "missing", "signal", ("running", "running")),
    ("power_stop", "running", "missing", "command", ("offline", "missing")),
    ("power_stop", "running", "missing", "stop", ("offline", "missing")),
    ("power_kill", "running", "exited", "command", ("offline", "exited")),
    ("power_kill", "stopping", "exited", "stop", ("offline", "exited")),
)


@pytest.mark.parametrize(
    ("remedy", "state", "container", "stop", "after"), HEALING, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_heals_is_sent_once_through_the_panel(ward, remedy, state, container, stop, after):
    ward.server.stop_type = stop
    ward.wings.servers[ward.server.uuid].stop_type = stop
    bring(ward, state, container)
    proposal = power(ward, remedy, container, state)
    first = ward.carry(proposal)
    assert (first.end, sides(ward)) == ("done", after), first
    assert first.sent == ward.describe(proposal) and signals(ward) == [remedies.POWER[remedy]]
    second = ward.carry(proposal)
    assert (second.end, second.sent, len(signals(ward))) == ("done", (), 1), "twice is once"


@pytest.mark.parametrize(
    ("remedy", "state", "container", "end"),
    [
        ("power_kill", "running", "missing", "gave_up"), ("power_stop", "running", "exited", "gave_up"),
        ("power_start", "running", "missing", "gave_up"), ("power_restart", "stopping", "running", "later"),
        ("power_kill", "running", "running", "done"), ("power_stop", "offline", "running", "gave_up"),
        ("power_restart", "offline", "missing", "done"),
    ],
)  # fmt: skip
def test_what_does_not_heal_is_not_sent(ward, remedy, state, container, end):
    bring(ward, state, container)
    outcome = ward.carry(power(ward, remedy, container, state))
    assert (outcome.end, outcome.sent, signals(ward)) == (end, (), [])
    assert sides(ward) == (state, container)


def test_a_stop_type_that_does_not_heal_wants_a_person(ward):
    ward.server.stop_type = "signal"
    bring(ward, "running", "missing")
    outcome = ward.carry(power(ward, "power_stop", "missing"))
    assert outcome.end == "gave_up" and "restart of Wings" in outcome.message and signals(ward) == []


def test_no_power_remedy_touches_a_container_that_runs():
    for remedy, state in itertools.product(remedies.POWER, ("offline", "starting", "running", "stopping")):
        effect = effect_of(remedy, state, "running", "command")
        assert effect.word != "heals" or (remedy, state) == (remedies.START, "offline")
    assert {remedy for remedy, _, container in HEALS if container == "running"} == {remedies.START}


STATES = ("suspended", "installing", "restoring_backup", "install_failed")


@pytest.mark.parametrize("status", STATES)
def test_what_the_panel_has_taken_is_left_alone(ward, status):
    bring(ward, "running", "missing")
    ward.server.status = status
    outcome = ward.carry(power(ward, "power_restart", "missing"))
    assert (outcome.end, signals(ward), sides(ward)) == ("later", [], ("running", "missing"))


@pytest.mark.parametrize("what", ["transfer", "maintenance"])
def test_a_transfer_and_a_node_under_maintenance_are_left_alone(ward, what):
    bring(ward, "running", "missing")
    ward.server.transferring, ward.node.maintenance = what == "transfer", what == "maintenance"
    outcome = ward.carry(power(ward, "power_restart", "missing"))
    assert (outcome.end, signals(ward), sides(ward)) == ("later", [], ("running", "missing"))


def test_when_the_panel_is_down_wings_is_told(ward):
    bring(ward, "running", "exited")
    ward.target.view()
    ward.world.switches.maintenance = True
    outcome = ward.carry(power(ward, "power_kill", "exited"))
    assert (outcome.end, sides(ward)) == ("done", ("offline", "exited")), outcome
    assert outcome.sent == (f"POST to this node's Wings: /api/servers/{ward.server.uuid}/power action=kill",) and signals(ward) == []


def test_when_docker_is_away_nothing_is_sent(ward):
    bring(ward, "running", "missing")
    ward.engine.close()
    with pytest.raises(Exception, match=r"\S"):
        ward.carry(power(ward, "power_restart", "missing"))
    assert signals(ward) == []


def test_a_start_that_died_is_not_sent_again_by_the_next_run(ward):
    bring(ward, "running", "missing")
    proposal = power(ward, "power_restart", "missing")
    for step in ("checked", "sent"):
        with pytest.raises(Died):
            ward.carry(proposal, hand=Hand(ward=ward, dies_at=step))
    for thread in ward.wings._threads:
        thread.join(60)
    assert ward.carry(proposal).end == "done" and signals(ward) == ["restart"]
    assert sides(ward) == ("running", "running")


@pytest.mark.parametrize(
    ("state", "container", "remedy", "after"),
    [("running", "exited", "power_restart", ("running", "running")), ("offline", "running", "power_start", ("running", "running"))],
)
def test_what_the_rules_find_is_healed_and_found_no_more(tmp_path, state, container, remedy, after):
    with in_engine(tmp_path, own={"expect": {"server-0": "running"}}) as ward:
        ward.pass_time(300)
        bring(ward, state, container)
        found = [each for each in ward.looks(passes=6).drifts if each.kind in {"server_ghost", "server_unseen"}]
        assert [each.proposal is not None and each.proposal.remedy for each in found] == [remedy]
        outcome = ward.carry(found[0].proposal)
        assert (outcome.end, sides(ward)) == ("done", after), outcome
        assert not any(each.subject.id == ward.server.uuid for each in ward.looks(passes=4).drifts)


# -- sync


def test_a_suspended_server_that_runs_is_stopped_by_a_sync_once(ward):
    bring(ward, "running", "running")
    ward.wings.servers[ward.server.uuid].attached = True
    ward.target.view()
    ward.server.status = "suspended"
    proposal = remedies.sync_server("games", ward.server.uuid, stops=True)
    first = ward.carry(proposal)
    assert (first.end, first.sent) == ("done", ward.describe(proposal)), first
    assert ward.wings.servers[ward.server.uuid].suspended and sides(ward)[0] == "offline"
    assert ward.carry(proposal).sent == (), "twice is once"


def test_a_sync_does_not_break_into_a_restore(ward):
    bring(ward, "running", "running")
    ward.server.status = "restoring_backup"
    outcome = ward.carry(remedies.sync_server("games", ward.server.uuid, stops=False))
    assert (outcome.end, outcome.sent) == ("later", ())


# -- the lock


def good(ward: Ward) -> str:
    row, job = ward.begin()
    job.advance()
    return row.uuid


def locks(ward: Ward, uuid: str) -> int:
    return len(ward.panel.sent(f"/api/client/servers/{ward.server.uuid}/backups/{uuid}/lock", "POST"))


def test_a_lock_is_sent_once_and_never_unlocks(ward):
    uuid = good(ward)
    proposal = remedies.lock_backup("games", ward.server.uuid, uuid)
    first, second = ward.carry(proposal), ward.carry(proposal)
    assert (first.end, second.end, first.sent, second.sent) == ("done", "done", ward.describe(proposal), ())
    assert ward.shown(uuid)["is_locked"] is True and locks(ward, uuid) == 1


def test_two_hands_on_one_lock_end_with_a_lock(ward):
    uuid = good(ward)
    row = ward.world.backup(uuid)
    assert row is not None
    proposal = remedies.lock_backup("games", ward.server.uuid, uuid)
    hand = Hand(ward=ward, at_step=lambda name: setattr(row, "locked", True) if name == "checked" else None)
    assert ward.carry(proposal, hand=hand).end == "done"
    assert ward.shown(uuid)["is_locked"] is True


def test_what_is_not_complete_is_not_locked(ward):
    row, _ = ward.begin()
    outcome = ward.carry(remedies.lock_backup("games", ward.server.uuid, row.uuid))
    assert outcome.end == "gave_up" and locks(ward, row.uuid) == 0


# -- the hooks


class Hooks:
    """Runs no program: what a hook does to the world is told it."""

    def __init__(self, cure) -> None:
        self.ran: list[object] = []
        self._cure = cure

    def run(self, hook, seconds):
        self.ran.append(hook)
        self._cure()

    def kill_mode(self, unit, seconds):
        return "control-group"


@pytest.mark.parametrize("which", ["queue", "cron"])
def test_a_hook_runs_while_its_fault_is_there_and_only_then(tmp_path, which):
    own = {"hooks": {f"restart_{which}": {"unit": "pteroq"}}}
    ward = Ward(tmp_path, own=own)
    hooks = ward.hooks = Hooks(lambda: setattr(schedule, "processing", False) or setattr(schedule, "next_run_at", ward.world.now() + 60))
    with ward:
        schedule = ward.world.add_schedule(ward.server, [Task(1, queued=True)], processing=which == "queue")
        schedule.next_run_at = ward.world.now() - 3600
        ward.world.switches.cron_dead = ward.world.switches.queue_dead = True
        build = remedies.restart_queue if which == "queue" else remedies.restart_cron
        proposal = build("games", "systemctl restart pteroq", server=ward.server.uuid, schedule=schedule.id)
        first, second = ward.carry(proposal), ward.carry(proposal)
        assert (first.end, second.end, first.sent, second.sent) == ("done", "done", ward.describe(proposal), ()), first
        assert len(hooks.ran) == 1
        changed = build("games", "systemctl restart nginx", server=ward.server.uuid, schedule=schedule.id)
        assert ward.carry(changed).end == "gave_up" and len(hooks.ran) == 1
