"""1, 3 and 200 subjects after a reboot: all are mended when the cause is known and over, none while it is there, none when nobody knows it.

The real rules, planner, guard and ledger of the house; the panels' wires are small worlds (``tests/support/houses.py``).
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.firing import Pages
from tests.support.houses import Archives, Boxes, Games
from tests.support.keeper import Keeper
from tests.support.ledger import ledger_at
from tests.support.pterodactyl_looks import START
from watchdog.model.repairs import RepairState
from watchdog.panels.pterodactyl.view import Callback
from watchdog.runtime.clock import SimulatedClock

COUNTS = [1, 3, 12, pytest.param(200, marks=pytest.mark.soak)]
HOUR = 3600.0


@pytest.fixture
def clock():
    return SimulatedClock(wall=START, mono=START)


@pytest.fixture
def keeper(tmp_path, clock):
    ledger = ledger_at(tmp_path / "ledger.sqlite3", clock)
    yield Keeper(ledger, clock)
    ledger.close()


def all_in_turn(keeper, house, count):
    """Every subject was acted on once, each after the proof of the one before; and nothing is left."""
    records = keeper.repairs()
    assert [each.state for each in records] == [RepairState.VERIFIED] * count
    assert len({each.object for each in records}) == count == len(house.mended)
    for one, other in pairwise(records):
        assert other.intended_at >= one.verdict_at, "the next begins when the one before it is proved"
        assert other.acted_at - one.acted_at >= 5.0, "spaced"
    assert not house.reconciler.status.episodes


def mended(keeper, house, count):
    assert keeper.live(6 * HOUR, lambda: len(house.mended) >= count), (len(house.mended), keeper.held(house))
    keeper.live(400.0)


def boot_with_docker_too_late(keeper, count):
    """The daemon is up before Docker: every autostart fails once, and nothing ever tries again (state B)."""
    house = keeper.add(Games(keeper.clock, count))
    keeper.live(60.0)
    house.lose_docker()
    house.daemon_restarts(autostart=False)
    keeper.live(120.0)
    return house


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("count", COUNTS)
def test_game_servers_whose_autostart_failed_are_all_started(keeper, count):
    house = boot_with_docker_too_late(keeper, count)
    house.find_docker()
    mended(keeper, house, count)
    all_in_turn(keeper, house, count)


@pytest.mark.parametrize("count", COUNTS)
def test_no_game_server_is_started_while_docker_is_away(keeper, count):
    house = boot_with_docker_too_late(keeper, count)
    keeper.live(HOUR / 3)
    assert not house.mended and not keeper.repairs()


@pytest.mark.parametrize(("count", "told"), [(3, False), (5, True), (12, True), pytest.param(200, True, marks=pytest.mark.soak)])
def test_game_servers_that_ended_for_no_known_reason_are_left_alone_when_they_are_many(keeper, count, told):
    house = keeper.add(Games(keeper.clock, count, expect={f"mc-{number}": "running" for number in range(1, count + 1)}))
    pages = Pages()
    keeper.each_pass = pages.look
    keeper.live(60.0)
    for item in list(house.scene.instances):
        house.stop(item.uuid, by="")
    keeper.live(HOUR / 3)
    if told:
        assert not house.mended and set(keeper.held(house).values()) == {"too_many"}
        assert "McsmanagerFailedAutostart" in {name for _, _, name, _ in pages.fired}
    else:
        assert len(house.mended) == count


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("count", COUNTS)
def test_containers_that_came_up_before_what_they_need_are_all_restarted(keeper, count):
    house = keeper.add(Boxes(keeper.clock, count))
    keeper.live(60.0)
    house.docker_restarts("unhealthy")
    mended(keeper, house, count)
    all_in_turn(keeper, house, count)


@pytest.mark.parametrize("count", COUNTS)
def test_no_container_is_restarted_while_what_they_need_is_ill(keeper, count):
    house = keeper.add(Boxes(keeper.clock, count))
    keeper.live(60.0)
    house.docker_restarts("unhealthy")
    house.change("db", health="unhealthy")
    keeper.live(HOUR / 3)
    assert not house.mended and set(keeper.held(house).values()) == {"waiting"}


@pytest.mark.parametrize("count", [3, 12])
def test_a_cause_that_is_not_over_costs_one_canary(keeper, count):
    """Nobody could see that it lasts: the first restart mends nothing, and the rest wait for a person."""
    house = keeper.add(Boxes(keeper.clock, count))
    house.remedy_works = lambda _name: False
    keeper.live(60.0)
    house.docker_restarts("unhealthy")
    keeper.live(HOUR)
    assert {name for _, _, name in house.mended} == {"s000"} and len(house.mended) <= 3
    assert set(keeper.held(house).values()) <= {"canary", "breaker", "backoff"}
    assert "canary" in keeper.held(house).values()


@pytest.mark.parametrize(("count", "told"), [(3, False), (5, True), (12, True)])
def test_containers_that_fall_ill_for_no_known_reason_are_left_alone_when_they_are_many(keeper, count, told):
    house = keeper.add(Boxes(keeper.clock, count))
    pages = Pages()
    keeper.each_pass = pages.look
    keeper.live(60.0)
    for name in house.names():
        house.change(name, health="unhealthy")
    keeper.live(HOUR / 3)
    if told:
        assert not house.mended and set(keeper.held(house).values()) == {"too_many"}
        assert "ContainerUnhealthy" in {name for _, _, name, _ in pages.fired}, pages.fired
    else:
        assert len(house.mended) == count


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("count", COUNTS)
def test_backups_that_a_reboot_of_the_node_cut_off_are_all_completed(keeper, count):
    house = keeper.add(Archives(keeper.clock))
    house.interrupted(count)
    mended(keeper, house, count)
    all_in_turn(keeper, house, count)


@pytest.mark.parametrize("count", [1, 3, 12])
def test_no_backup_is_completed_while_the_panel_takes_no_report(keeper, count):
    house = keeper.add(Archives(keeper.clock))
    house.looks.callback = Callback("maintenance", "503")
    house.interrupted(count)
    keeper.live(HOUR / 2)
    assert not house.mended and not keeper.repairs()
