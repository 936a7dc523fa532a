"""What people report of docker-autoheal and its kin, each as a test of ours: the real reconciler over the fake engine.

A number in a docstring is an issue or pull request of willfarrell/docker-autoheal, if nothing else is named.
"""

import threading
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.bench import Recorder, inline
from tests.support.containers import Stage
from tests.support.ledger import ledger_at
from watchdog.errors import Refused
from watchdog.model.approvals import ApprovalState
from watchdog.model.drifts import DriftState
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode, RepairState
from watchdog.panels.containers import PANEL, metrics
from watchdog.panels.containers.client import ContainersClient
from watchdog.panels.containers.remedies import REMEDIES
from watchdog.panels.containers.view import LABELS
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.policy import Policy, Timing
from watchdog.reconciler.runner import RepairRunner
from watchdog.runtime.clock import SystemClock

HEAL = {"panel-watchdog.heal": "true"}
ALLOWED = frozenset({"restart_container"})


class Life:
    """One life of the program with this one target; ``live`` lets simulated time pass in its own rhythm."""

    def __init__(self, stage, ledger, policy, spawn=inline):
        self.stage, self.ledger = stage, ledger
        counts = RepairCounts(Recorder())
        self.runner = RepairRunner(ledger, stage.clock, counts, stage.actual, spawn=spawn)
        self.reconciler = Reconciler(
            panel=PANEL, target=stage.target, needs=PANEL.needs(stage.settings), policy=policy, ledger=ledger, runner=self.runner,
            counts=counts, clock=stage.clock, instruments=Recorder(), actual=stage.actual, holder=holder_name(), spawn=inline,
        )  # fmt: skip

    def live(self, seconds, until=lambda: False):
        begun = self.stage.clock.now()
        while self.stage.clock.now().since(begun) < seconds and not until():
            rest = self.reconciler.step()
            self.runner.tend()
            self.stage.pass_by(min(max(rest, 0.5), 10.0))
        return self.stage.clock.now().since(begun)

    def hours(self, count):
        """Let hours pass, with a few looks in each."""
        for _ in range(count):
            self.stage.pass_by(3550.0)
            self.live(50.0)

    def open(self):
        return {(episode.drift.kind, episode.drift.subject.id): state for episode, state in self.reconciler.status.episodes}

    def ends(self):
        return [(record.remedy, record.object.id, record.state) for record in reversed(self.ledger.repairs())]

    def held(self):
        return {each.drift_key.split("/")[-1]: each.reason for each in self.reconciler.status.plan.held}


@contextmanager
def life(tmp_path, mode=Mode.REPAIR, allow=ALLOWED, names=("web",), spawn=inline, **changes):
    policy = Policy(mode=mode, allow=allow, baseline="repair", timing=Timing(interval=10.0))
    with Stage(**changes) as stage:
        for name in names:
            stage.host.serve(name, labels=HEAL)
        stage.pass_by(300.0)
        ledger = ledger_at(tmp_path / "ledger.sqlite3", stage.clock)
        try:
            made = Life(stage, ledger, policy, spawn)
            made.live(30.0)
            assert not made.open()
            yield stage, made
        finally:
            ledger.close()


def test_an_unhealthy_container_is_restarted_verified_and_recorded(tmp_path):
    """moby/moby 28400; and a verdict, which no healer gives."""
    with life(tmp_path) as (stage, made):
        stage.host.hang("web")
        made.live(120.0, lambda: made.ends() == [("restart_container", "web", RepairState.VERIFIED)])
        assert made.ends() == [("restart_container", "web", RepairState.VERIFIED)] and not made.open()
        assert stage.sent() == ["restart web"]


def test_what_no_restart_mends_is_not_restarted_for_ever(tmp_path):
    """PR 100, PR 102, tmknight/docker-autoheal 101: no back-off, no cap; here three a night, then a person is asked."""
    with life(tmp_path) as (stage, made):
        stage.host.hang_for_ever("web")
        began = stage.clock.now().wall
        made.live(1500.0)
        made.hours(8)
        restarts = [record.acted_at - began for record in reversed(made.ledger.repairs())]
        assert len(restarts) == 3 and {state for _, _, state in made.ends()} == {RepairState.UNVERIFIED}, made.ends()
        gaps = [later - earlier for earlier, later in pairwise(restarts)]
        assert gaps == sorted(gaps) and gaps[0] >= 300.0, gaps
        assert made.held() == {"web": "breaker"} and stage.sent() == ["restart web"] * 3


def test_the_count_begins_anew_after_it_was_well(tmp_path):
    """argo-cd 21599: an attempt counter that is not reset after success."""
    with life(tmp_path) as (stage, made):
        for number in range(1, 4):
            stage.host.hang("web")
            made.live(900.0, lambda: len(made.ends()) == number and made.ends()[-1][2] is RepairState.VERIFIED)  # noqa: B023
            assert len(made.ends()) == number, made.ends()
            made.live(600.0)


@pytest.mark.parametrize(("mode", "allow"), [(Mode.OBSERVE, ALLOWED), (Mode.APPROVE, ALLOWED), (Mode.REPAIR, frozenset())])
def test_nothing_is_restarted_that_nobody_allowed(tmp_path, mode, allow):
    with life(tmp_path, mode, allow) as (stage, made):
        stage.host.hang("web")
        made.live(300.0)
        state = DriftState.OPEN if mode is Mode.OBSERVE else DriftState.AWAITING_APPROVAL
        assert made.open() == {("container_unhealthy", "web"): state} and not stage.sent()


def test_an_approval_is_for_this_very_run_of_the_container(tmp_path):
    with life(tmp_path, Mode.APPROVE) as (stage, made):
        stage.host.hang("web")
        made.live(300.0, lambda: any(each.state is ApprovalState.WAITING for each in made.reconciler.status.approvals))
        (waiting,) = [each for each in made.reconciler.status.approvals if each.state is ApprovalState.WAITING]
        stage.host.hang_for_ever("web")
        stage.world.restart("web")
        made.ledger.decide(waiting.id, ApprovalState.APPROVED, "me", stage.clock.now().wall)
        stage.world.requests.clear()
        made.live(900.0)
        assert not stage.sent(), "it was given for the run before"


def test_one_slow_stop_does_not_hold_up_the_others(tmp_path):
    """Its loop is sequential: one stop of 240 s blocks all others."""
    threads = []

    def spawn(name, work):
        threads.append(threading.Thread(target=work, name=name, daemon=True))
        threads[-1].start()

    with life(tmp_path, names=("slow", "web"), spawn=spawn) as (stage, made):
        gate, begun = threading.Event(), threading.Event()
        restart = stage.world.restart

        def slowly(name):
            if stage.names()[name] == "slow":
                begun.set()
                assert gate.wait(120.0)
            restart(name)

        stage.world.restart = slowly
        stage.host.hang("slow")
        # its own thread waits for real; the simulated time of the others goes on
        for _ in range(600):
            made.live(5.0)
            if begun.wait(0.1):
                break
        assert begun.is_set()
        stage.host.hang("web")
        try:
            for _ in range(600):
                made.live(5.0)
                if stage.world.get("web").health == "healthy":
                    break
                threading.Event().wait(0.1)
            assert stage.world.get("web").health == "healthy" and stage.world.get("slow").health == "unhealthy"
        finally:
            gate.set()
            for thread in threads:
                thread.join(60.0)


def test_what_was_ill_before_us_is_left_to_a_person_although_docker_was_not_ready(tmp_path):
    with Stage() as stage:
        stage.host.serve("web", labels=HEAL)
        stage.pass_by(300.0)
        stage.host.hang("web")
        ledger = ledger_at(tmp_path / "ledger.sqlite3", stage.clock)
        try:
            made = Life(stage, ledger, Policy(mode=Mode.REPAIR, allow=ALLOWED, timing=Timing(interval=10.0)))
            stage.gate = False
            made.live(15.0)
            assert [str(each.subject) for each in made.reconciler.status.unknown] == ["engine/docker"]
            stage.gate = True
            made.live(300.0)
            assert made.open() == {("container_unhealthy", "web"): DriftState.BASELINE} and not stage.sent()
        finally:
            ledger.close()


@pytest.mark.parametrize("seconds", [240, 600])
def test_the_client_waits_longer_than_the_stop_may_take(seconds):
    """119: a client that gives up after 30 s calls every longer stop failed."""
    asked = []

    class Act:
        def restart(self, container, grace, seconds):
            asked.append((grace, seconds))
            raise Refused("enough seen")

    with Stage() as stage:
        stage.host.serve("web", labels=HEAL, stop_timeout=seconds)
        stage.pass_by(300.0)
        stage.host.hang("web")
        planned = stage.plan(stage.drift("container_unhealthy"))
        stage.target = PANEL.connect(stage.settings, Ports(stage.clock, Silent(), None, stage.engine, Act()))
        stage.hand.left = REMEDIES[0].deadline
        stage.repair(planned)
        assert asked == [(None, seconds + 30.0)], "its own stop timeout, and a margin"


def test_a_paused_container_is_not_run_again(tmp_path):
    """Docker's filter health=unhealthy names paused containers as well, and a restart runs them."""
    with life(tmp_path) as (stage, made):
        stage.host.hang("web")
        stage.world.pause("web")
        made.live(600.0)
        assert not stage.sent() and stage.world.get("web").state == "paused"


def test_a_healer_does_not_heal_itself():
    """23, 42, 87: the healer goes unhealthy, and restarts itself in the middle of its work, or is in a loop."""
    with Stage() as stage:
        us = stage.host.serve("panel-watchdog", labels=HEAL)
        stage.pass_by(300.0)
        stage.host.hang("panel-watchdog")
        proc = Path(stage.fake.path).parent / "proc"
        (proc / "self").mkdir(parents=True)
        line = f"1 2 8:1 /var/lib/docker/containers/{us}/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"
        (proc / "self/mountinfo").write_text(line)
        stage.target._client = ContainersClient(stage.settings, stage.engine, stage.engine, stage.clock, proc)
        assert not stage.look().drifts and stage.target.view().ourselves.id == us


def test_the_door_to_docker_is_not_healed_either():
    with Stage(rules=[{"name": "*"}]) as stage:
        client = ContainersClient(stage.settings, Door("tcp://socket-proxy:2375"), Door("tcp://10.0.0.5:2375"), SystemClock())
        ours = client.ourselves()
        assert ours.doors == ("10.0.0.5", "socket-proxy") and ours.through_proxy
        direct = ContainersClient(stage.settings, Door("unix:///var/run/docker.sock"), Door("unix:///run/docker.sock"), SystemClock())
        assert direct.ourselves().doors == () and not direct.ourselves().through_proxy
        assert client.view().ourselves == ours


class Door:
    def __init__(self, url):
        self.url = url


def test_who_shares_the_network_is_restarted_after_it(tmp_path):
    """49, 128: dependents with network_mode: container:X are cut off by the healer itself."""
    with life(tmp_path, names=("vpn",)) as (stage, made):
        stage.host.serve("guest", labels=HEAL, network_mode=f"container:{stage.world.get('vpn').id}")
        made.live(300.0)
        stage.host.hang("vpn")
        made.live(120.0, lambda: made.ends() == [("restart_container", "vpn", RepairState.VERIFIED)])
        made.live(600.0)
        assert stage.sent() == ["restart vpn", "restart guest"] and not made.open()


def test_who_depends_on_what_is_ill_waits_for_it(tmp_path):
    """67, db1000n 296: the whole stack is restarted at once, in any order."""
    compose = {"com.docker.compose.project": "shop"}
    with life(tmp_path, names=()) as (stage, made):
        stage.host.serve("db", labels=HEAL | compose | {"com.docker.compose.service": "db"})
        needs = {"com.docker.compose.service": "app", "com.docker.compose.depends_on": "db:service_healthy:false"}
        stage.host.serve("app", labels=HEAL | compose | needs)
        made.live(300.0)
        stage.host.hang("db")
        stage.host.hang("app")
        made.live(900.0, lambda: len(made.ends()) == 2 and not made.open())
        assert stage.sent() == ["restart db", "restart app"] and not made.open()


def rows(stage, name):
    spec = next(each for each in metrics.METRICS if each.metric.name == f"watchdog_containers_{name}")
    return dict(spec.rows("plain", stage.actual(), stage.target.view()))


def test_labels_that_fit_nothing_are_told(tmp_path):
    """27, 89: silence when no label matches; everybody looks for his typing error for hours."""
    with Stage() as stage:
        stage.world.run("a", labels={"panel-watchdog.heel": "true"}, health="unhealthy")
        stage.world.run("b", labels={"autoheal": "true"}, health="unhealthy")
        stage.world.run("c", labels={"panel-watchdog.heal": "false"})
        assert rows(stage, "healed") == {("plain", "label"): 0.0, ("plain", "autoheal_label"): 0.0, ("plain", "rule"): 0.0}
        left = rows(stage, "left_alone")
        assert (left["plain", "not_opted_in"], left["plain", "opted_out"], left["plain", "door"]) == (2.0, 1.0, 0.0)
        told = {probe.name: probe for probe in PANEL.probe(stage.settings, Ports(stage.clock, Silent(), None, stage.engine, stage.engine))}
        assert told["looked after"].ok is None and told["left alone"].message == "2 not_opted_in, 1 opted_out"
        assert "1 bear autoheal=true (such as 'b'): write compat_labels: true" in told["advice"].message


def test_a_stop_by_a_person_and_a_deploy_wake_nobody(tmp_path):
    """dozzle 4741, portainer 13283: a redeploy looks like a failure, an exited container is unhealthy for ever."""
    with life(tmp_path, names=("web", "api")) as (stage, made):
        stage.host.hang("api")
        stage.host.person_stops("api")
        stage.host.deploy("web")
        made.live(900.0)
        assert not stage.sent() and not made.open() and not made.ledger.repairs()
        assert stage.world.get("api").health == "unhealthy", "and Docker goes on saying so"


def test_an_edge_that_nobody_heard_is_seen_all_the_same(tmp_path):
    """dozzle 4787, dockhand 35: the one event that told of it was missed."""
    with life(tmp_path) as (stage, made):
        stage.host.hang("web")
        stage.world._events.clear()
        made.live(200.0, lambda: bool(made.ends()))
        assert stage.sent() == ["restart web"]


def test_many_at_once_have_a_cause_elsewhere(tmp_path):
    names = tuple(f"web-{number}" for number in range(8))
    with life(tmp_path, names=names) as (stage, made):
        for name in names:
            stage.host.hang(name)
        made.live(600.0)
        assert not stage.sent() and set(made.held().values()) == {"too_many"}


def test_what_crashes_again_and_again_is_not_started_for_ever(tmp_path):
    with life(tmp_path) as (stage, made):
        stage.world.get("web").ends = 3
        stage.host.crash("web")
        made.live(900.0)
        made.hours(8)
        assert 1 <= len(stage.sent()) <= 5 and set(stage.sent()) == {"start web"}
        assert not [end for end in made.ends() if end[2] is RepairState.VERIFIED]


def test_another_healer_beside_us_is_seen_and_left_to_its_work(tmp_path):
    with life(tmp_path, names=()) as (stage, made):
        stage.host.serve("web", labels=HEAL | {"autoheal": "true"})
        stage.host.serve("own", labels=HEAL)
        environment = ("AUTOHEAL_CONTAINER_LABEL=autoheal", "WEBHOOK_URL=https://secret")
        stage.world.run("healer", "willfarrell/autoheal:1.2.0", environment=environment)
        made.live(300.0)
        stage.host.hang("web")
        stage.host.hang("own")
        made.live(300.0, lambda: bool(made.ends()))
        made.live(120.0)
        assert stage.sent() == ["restart own"] and made.held() == {"web": "person"}
        stage.world.stop("healer")
        made.live(300.0)
        assert stage.sent() == ["restart own", "restart web"]


def test_all_that_it_reads_is_asked_for():
    with Stage(rules=[{"labels": {"tier": "front"}}]) as stage:
        (need,) = PANEL.needs(stage.settings).containers
        assert set(need.labels) == {*LABELS, "tier"} and PANEL.needs(stage.settings).docker
