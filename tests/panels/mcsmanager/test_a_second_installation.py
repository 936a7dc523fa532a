"""Two installations on one panel, over real HTTP: what the other does by our key stops us, what is ours never does, people are let be."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from tests.support.ledger import ledger_at
from tests.support.mcsmanager import Hooks, Stage, WorldEngine, uuid_of
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports
from watchdog.panels.mcsmanager import PANEL
from watchdog.panels.mcsmanager.fake import daemon
from watchdog.reconciler.policy import Bounds
from watchdog.runtime.clock import SimulatedClock

OPEN = "/api/protected_instance/open"
NAMES = ("mc-1", "mc-2", "mc-3")


class Site(Bench):
    """One installation: its own ledger and reconciler, the key and the panel that all share."""

    def __init__(self, stage, clock, path, host="here", account="admin", policy=REPAIR):
        self._stage = stage
        engine = WorldEngine(stage.world)
        settings = stage.settings.model_copy(update={"account": account})
        target = PANEL.connect(settings, Ports(clock, Silent(), Hooks(stage.daemon), engine, engine))
        super().__init__(
            ledger_at(path, clock, host), target=target, world=stage.world, panel=PANEL, clock=clock, policy=policy, holder=host
        )

    def actual(self):
        return self._stage.actual(self.clock.now())

    @property
    def alone(self):
        return {each.type: each for each in self.status.conditions}["Alone"]

    def repaired(self):
        return [record.object.id for record in reversed(self.ledger.repairs(self.target.name))]


class Street:
    """The panel, a clock that all sites and it share (``skew`` seconds apart), and the sites."""

    def __init__(self, tmp_path, stack, skew=0.0):
        self.tmp_path, self.stack, self.clock = tmp_path, stack, SimulatedClock()
        self.stage = stack.enter_context(Stage(tmp_path, count=len(NAMES), speed=1000.0, expect=dict.fromkeys(NAMES, "running")))
        self.stage.start_all()
        self.stage.panel.now = lambda: self.clock.now().wall + skew

    def site(self, ledger="a", **how):
        made = Site(self.stage, self.clock, self.tmp_path / f"{ledger}.sqlite3", **how)
        self.stack.callback(made.target.close)
        self.stack.callback(made.ledger.close)
        return made

    def lose(self, number):
        """Let an instance end of itself: nobody stopped it."""
        item = self.stage.instance(number)
        self.stage.world.kill(item.container)
        item.status, item.container, item.stream = 0, None, False

    def opened(self):
        return [uuid_of(number) for number in (1, 2, 3) for each in self.stage.panel.sent(OPEN) if each.query["uuid"] == uuid_of(number)]


@pytest.fixture
def stack(monkeypatch):
    # an answer that comes after the daemon's time is 200 {} and leaves no line (head-hang-open.json); on a busy machine 6 ms are soon over
    monkeypatch.setattr(daemon, "RPC_SECONDS", 60_000.0)
    with ExitStack() as made:
        yield made


@pytest.mark.parametrize("skew", [-7200.0, 90.0])
def test_an_act_of_another_by_our_key_stops_repairs_until_it_is_acknowledged(tmp_path, stack, skew):
    street = Street(tmp_path, stack, skew)
    ours, theirs = street.site(), street.site("b")
    ours.run(60.0)
    assert (ours.alone.status, ours.alone.reason) == (True, "OnlyOurActs")
    street.lose(1)
    theirs.run(120.0)
    assert theirs.repaired() == street.opened() == [uuid_of(1)]
    assert theirs.alone.status is True, "its own act"
    ours.run(60.0)
    assert (ours.alone.status, ours.alone.reason, ours.repaired()) == (False, "SecondInstallation", [])
    for word in ("'instance_start'", f"instance/{uuid_of(1)}", "our key (admin)", f"panel-watchdog acknowledge {ours.target.name}"):
        assert word in ours.alone.message
    assert ours.status.stranger.at == pytest.approx(ours.clock.now().wall, abs=240.0), "by our clock"
    street.lose(2)
    ours.run(120.0)
    assert ours.held() == {uuid_of(2): "second_installation"} and ours.repaired() == [] and len(street.opened()) == 1
    ours.reconciler.alone.acknowledge()
    ours.run(180.0)
    assert ours.alone.status is True and ours.repaired() == [uuid_of(2)] == street.opened()[1:]
    ours.run(120.0)
    assert ours.alone.status is True, "the acknowledged act is not found again, nor our own"


def test_a_restart_forgets_no_stop_and_an_old_trail_accuses_nobody(tmp_path, stack):
    street = Street(tmp_path, stack)
    ours, theirs = street.site(), street.site("b")
    ours.run(60.0)
    street.lose(1)
    theirs.run(120.0)
    ours.run(60.0)
    again = street.site()
    again.run(30.0)
    assert again.alone.reason == "SecondInstallation" and again.status.stranger == ours.status.stranger
    new = street.site("c")
    new.run(120.0)
    assert new.alone.status is True, "an empty ledger beside an old trail"


def test_whose_key_ours_is_can_be_learned_and_other_users_keys_accuse_nobody(tmp_path, stack):
    street = Street(tmp_path, stack)
    ours, theirs = street.site(account=""), street.site("b", account="")
    ours.run(60.0)
    street.lose(1)
    theirs.run(120.0)
    ours.run(60.0)
    assert ours.alone.status is True, "it is not known yet whose key ours is"
    street.stage.panel.log_operation("instance_start", street.stage.daemon, uuid_of(3), "mc-3", key="of a user called otherwise")
    street.stage.panel.operations[-1]["operator_name"] = "provisioning"
    street.lose(2)
    ours.run(180.0)
    assert ours.repaired() == [uuid_of(2)]
    assert ours.alone.reason == "SecondInstallation" and f"instance/{uuid_of(1)}" in ours.alone.message
    assert theirs.repaired() == [uuid_of(1)]


def test_what_another_host_on_the_same_ledger_does_is_ours(tmp_path, stack):
    street = Street(tmp_path, stack)
    ours, beside = street.site("shared", host="here"), street.site("shared", host="there")
    for site in (ours, beside):
        site.run(60.0)
    street.lose(1)
    beside.run(120.0)
    ours.run(120.0)
    assert beside.repaired() == [uuid_of(1)] and ours.alone.status is True


def test_an_older_copy_of_the_ledger_that_is_put_back_makes_our_own_acts_nobodys_fault(tmp_path, stack):
    street = Street(tmp_path, stack)
    ours = street.site()
    ours.run(60.0)
    with sqlite3.connect(tmp_path / "a.sqlite3") as connection, sqlite3.connect(tmp_path / "copy") as copy:
        connection.backup(copy)
    street.lose(1)
    ours.run(120.0)
    assert ours.repaired() == [uuid_of(1)]
    for end in ("-wal", "-shm"):
        (tmp_path / f"a.sqlite3{end}").unlink(missing_ok=True)
    shutil.move(tmp_path / "copy", tmp_path / "a.sqlite3")
    ours.run(120.0)
    assert ours.repaired() == [] and ours.alone.status is True


@pytest.mark.parametrize("what", ["instance_start", "instance_config_change"])
def test_what_a_person_has_just_acted_on_is_left_to_them(tmp_path, stack, what):
    street = Street(tmp_path, stack)
    policy = replace(REPAIR, bounds=Bounds(after_person=300.0))
    ours = street.site(policy=policy)
    ours.run(60.0)
    street.stage.panel.log_operation(what, street.stage.daemon, uuid_of(1), "mc-1", by="anna")
    street.lose(1)
    street.lose(2)
    ours.run(120.0)
    assert ours.held() == {uuid_of(1): "person_acted"} and ours.repaired() == [uuid_of(2)]
    (held,) = ours.status.plan.held
    assert "anna" in held.message and what in held.message
    ours.run(240.0)
    assert ours.repaired() == [uuid_of(2), uuid_of(1)] and ours.alone.status is True


def test_a_clock_that_jumps_accuses_nobody(tmp_path, stack):
    street = Street(tmp_path, stack)
    ours = street.site()
    ours.run(60.0)
    street.lose(1)
    ours.run(20.0)
    for jump in (3600.0, -1800.0):
        street.stage.panel.now = lambda jump=jump: street.clock.now().wall + jump
        ours.run(120.0)
        assert ours.alone.status is True
    assert ours.repaired() == [uuid_of(1)]
