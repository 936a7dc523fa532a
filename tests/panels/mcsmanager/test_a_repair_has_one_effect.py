"""Each remedy over real HTTP against the fake: what it sends, that twice is once, every guard, and that it never lies about the end."""

import time

import pytest

from tests.support.mcsmanager import DAEMON, Hand, Stage, uuid_of
from watchdog.errors import DeadlinePassed, LeaseLost, Refused, Stopping, Unreachable
from watchdog.model.docker import Gate
from watchdog.model.repairs import PlannedRepair, Risk
from watchdog.model.snapshots import Actual
from watchdog.panels.mcsmanager import PANEL, remedies
from watchdog.panels.mcsmanager.fake import FakeDaemon, FakeInstance, MemoryWorld, NameTaken
from watchdog.panels.mcsmanager.view import LABEL, Instance, Status

OPEN_PATH = "/api/protected_instance/open"
LINK_PATH = "/api/service/link_remote_service"
FORBIDDEN_WORDS = ("kill", "multi_", "delete", "restart", "stop")


@pytest.fixture(params=["10.4.0", "10.6.1", "10.18.2"])
def stage(request, tmp_path):
    with Stage(tmp_path, request.param, daemons=[{"id": DAEMON, "place": "local"}]) as made:
        yield made
        sent = [(seen.method, seen.path) for seen in made.panel.seen]
        assert all(method == "GET" and not any(word in path for word in FORBIDDEN_WORDS) for method, path in sent), sent


def daemon_of(stage):
    return next(item for item in stage.target.view().daemons if item.uuid == DAEMON)


def planned(stage, remedy, **parameters):
    daemon = daemon_of(stage)
    item = Instance(uuid_of(1), "mc-1", Status.STOPPED)
    makers = {
        "open_instance": lambda: remedies.open_instance("games", daemon, item, "known"),
        "stop_container_then_open": lambda: remedies.stop_container_then_open("games", daemon, item, parameters["container"]),
        "remove_leftover": lambda: remedies.remove_leftover(
            "games", daemon, item, parameters["container"], start=parameters.get("start", True)
        ),
        "relink_daemon": lambda: remedies.relink_daemon("games", daemon),
        "restart_daemon": lambda: remedies.restart_daemon("games", daemon, "run restart-the-daemon", 1, local=True),
    }
    proposal = makers[remedy]()
    kind = parameters.get("kind", "ghost_running")
    return PlannedRepair(proposal, Risk.SAFE, (f"mcsmanager/games/{kind}/instance/{uuid_of(1)}",))


def run(stage, repair, hand=None):
    return stage.target.repair(repair, hand or stage.hand)


def opens(stage):
    return len(stage.panel.sent(OPEN_PATH))


# -- open_instance -------------------------------------------------------------------------------------------------------------


def test_open_starts_it_once_and_proves_it(stage):
    repair = planned(stage, "open_instance")
    first = run(stage, repair)
    assert (first.end, opens(stage), stage.hand.steps) == ("done", 1, ["checked", "sent"]), first
    assert first.sent == stage.target.describe(repair)
    assert stage.instance().status == 3 and len(stage.world.list()) == 1
    again = run(stage, repair)
    assert (again.end, opens(stage), again.sent) == ("done", 1, ())
    assert len(stage.world.list()) == 1


def test_describe_is_what_goes_over_the_wire(stage):
    repair = planned(stage, "open_instance")
    run(stage, repair)
    seen = stage.panel.sent(OPEN_PATH)[0]
    query = "&".join(f"{key}={value}" for key, value in seen.query.items() if key != "apikey")  # that is told to nobody
    assert stage.target.describe(repair) == (f"{seen.method} {stage.panel.url}{seen.path}?{query}",)


def test_a_lost_lease_sends_nothing(stage):
    with pytest.raises(LeaseLost):
        run(stage, planned(stage, "open_instance"), Hand(lost=True))
    assert opens(stage) == 0


@pytest.mark.parametrize(("status", "end"), [(3, "done"), (1, "later"), (-1, "later")])
def test_open_re_reads_its_precondition(stage, status, end):
    repair = planned(stage, "open_instance")
    stage.start_all()
    stage.instance().stopping_since = time.monotonic()
    stage.instance().status = status
    outcome = run(stage, repair)
    assert (outcome.end, opens(stage)) == (end, 0)


def test_open_never_runs_into_a_409(stage):
    repair = planned(stage, "open_instance")
    stage.start_all()
    stage.daemon.lose_streams()
    stage.instance().status = 0
    assert (run(stage, repair).end, opens(stage)) == ("gave_up", 0)


def test_no_open_while_docker_is_away(stage):
    repair = planned(stage, "open_instance")
    stage.world.weather = "down"
    assert (run(stage, repair).end, opens(stage)) == ("later", 0)


def test_a_failed_open_asks_for_more_than_eight_seconds(stage):
    repair = planned(stage, "open_instance")
    stage.world.put("blocks", state="running")
    real = stage.world.run
    stage.world.run = lambda *_: (_ for _ in ()).throw(NameTaken("somebody"))
    outcome = run(stage, repair)
    stage.world.run = real
    assert (outcome.end, opens(stage)) == ("later", 1)
    assert outcome.delay >= remedies.DELAYED_KILL_GUARD
    assert next(r.cooldown for r in PANEL.remedies if r.name == "open_instance") >= remedies.DELAYED_KILL_GUARD


def test_an_empty_answer_is_polled_until_it_runs(stage):
    repair = planned(stage, "open_instance")
    real = stage.world.run

    def slow(*given):
        stage.world.run = real
        stage.daemon._ended.wait(0.3)  # longer than six seconds of the fake's time
        return real(*given)

    stage.world.run = slow
    outcome = run(stage, repair)
    assert (outcome.end, opens(stage)) == ("done", 1)


def test_a_crash_between_send_and_outcome_sends_no_second_time(stage):
    repair = planned(stage, "open_instance")

    class Dies(Hand):
        def step(self, name):
            super().step(name)
            if name == "sent":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stage, repair, Dies())
    assert (run(stage, repair).end, opens(stage)) == ("done", 1)


# -- stop_container_then_open --------------------------------------------------------------------------------------------------


def orphan(stage):
    stage.start_all()
    stage.instance().status, stage.instance().container, stage.instance().stream = 0, "", False
    return stage.world.list()[0].id


def test_an_orphan_is_stopped_gracefully_and_opened_once(stage):
    ident = orphan(stage)
    repair = planned(stage, "stop_container_then_open", container=ident)
    outcome = run(stage, repair)
    assert (outcome.end, stage.engine.done, opens(stage)) == ("done", [("stop", ident)], 1), outcome
    assert outcome.sent == stage.target.describe(repair)
    assert stage.instance().status == 3 and stage.world.list()[0].id != ident
    assert (run(stage, repair).end, stage.engine.done, opens(stage)) == ("done", [("stop", ident)], 1)


def test_a_crash_after_the_stop_goes_on_with_the_open(stage):
    ident = orphan(stage)
    repair = planned(stage, "stop_container_then_open", container=ident)

    class Dies(Hand):
        def step(self, name):
            super().step(name)
            if name == "stopped":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stage, repair, Dies())
    assert (run(stage, repair).end, stage.engine.done, opens(stage)) == ("done", [("stop", ident)], 1)


@pytest.mark.parametrize(("error", "end"), [(DeadlinePassed("no answer"), "later"), (Refused("no"), "gave_up")])
def test_what_was_sent_before_an_error_stands_in_the_record(stage, error, end):
    ident = orphan(stage)

    class Fails(Hand):
        def step(self, name):
            super().step(name)
            if name == "stopped":
                raise error

    outcome = run(stage, planned(stage, "stop_container_then_open", container=ident), Fails())
    assert (outcome.end, len(outcome.sent), type(error).__name__ in outcome.message) == (end, 1, True)
    assert ident in outcome.sent[0]


def test_the_end_of_the_program_stays_the_runners_business(stage):
    class Ends(Hand):
        def step(self, name):
            raise Stopping("the program is ending")

    with pytest.raises(Stopping):
        run(stage, planned(stage, "stop_container_then_open", container=orphan(stage)), Ends())


def test_a_container_that_is_not_surely_ours_is_not_stopped(stage):
    ident = stage.world.put(stage.instance().container_name, "bb")
    repair = planned(stage, "stop_container_then_open", container=ident)
    assert (run(stage, repair).end, stage.engine.done, opens(stage)) == ("gave_up", [], 0)


def test_what_the_panel_took_over_meanwhile_is_not_stopped(stage):
    stage.start_all()
    repair = planned(stage, "stop_container_then_open", container=stage.instance().container)
    assert (run(stage, repair).end, stage.engine.done) == ("done", [])


# -- remove_leftover


@pytest.mark.parametrize("start", [True, False])
def test_a_leftover_is_removed_without_force_and_only_then_opened(stage, start):
    item = stage.instance()
    ident = stage.world.put(item.container_name, "bb", {}, [(item.cwd, "/data")], "exited")
    repair = planned(stage, "remove_leftover", container=ident, start=start)
    outcome = run(stage, repair)
    assert (outcome.end, stage.engine.done, opens(stage)) == ("done", [("remove", ident)], int(start)), outcome
    assert outcome.sent == stage.target.describe(repair)
    assert (run(stage, repair).end, stage.engine.done, opens(stage)) == ("done", [("remove", ident)], int(start))


@pytest.mark.parametrize(
    ("labels", "mounts", "state", "end"),
    [
        ({}, [], "exited", "gave_up"),
        ({LABEL: "f" * 32}, [], "exited", "gave_up"),
        ({LABEL: uuid_of(1)}, [], "running", "later"),
        ({LABEL: uuid_of(1)}, [], "dead", "later"),
    ],
)
def test_what_is_not_surely_a_dead_one_of_ours_stays(stage, labels, mounts, state, end):
    ident = stage.world.put(stage.instance().container_name, "bb", labels, mounts, state)
    repair = planned(stage, "remove_leftover", container=ident)
    assert (run(stage, repair).end, stage.engine.done, opens(stage)) == (end, [], 0)


# -- relink_daemon


def test_an_offline_daemon_is_linked_once(stage):
    stage.daemon.available = False
    repair = planned(stage, "relink_daemon")
    outcome = run(stage, repair)
    assert (outcome.end, len(stage.panel.sent(LINK_PATH))) == ("done", 1)
    assert outcome.sent == stage.target.describe(repair)
    assert (run(stage, repair).end, len(stage.panel.sent(LINK_PATH))) == ("done", 1)


def test_an_online_daemon_is_never_linked(stage):
    assert (run(stage, planned(stage, "relink_daemon")).end, stage.panel.sent(LINK_PATH)) == ("done", [])


def test_a_daemon_that_comes_back_between_the_reads_is_not_linked(stage):
    stage.daemon.available = False
    repair = planned(stage, "relink_daemon")

    class Returns(Hand):
        def sleep(self, seconds):
            super().sleep(seconds)
            stage.daemon.available = True

    assert (run(stage, repair, Returns()).end, stage.panel.sent(LINK_PATH)) == ("done", [])


def test_a_dead_daemon_stays_offline_and_is_left_for_later(stage):
    stage.daemon.end(crash=True)
    outcome = run(stage, planned(stage, "relink_daemon"))
    assert (outcome.end, len(stage.panel.sent(LINK_PATH))) == ("later", 1)


# -- restart_daemon


def ghost(stage):
    stage.start_all()
    stage.world.crash()
    stage.daemon.lose_streams()
    stage.world.weather = "up"


def test_a_ghost_ends_with_one_restart(stage):
    ghost(stage)
    repair = planned(stage, "restart_daemon")
    outcome = run(stage, repair)
    assert (outcome.end, len(stage.hooks.ran), stage.daemon.restarts) == ("done", 1, 1), outcome
    assert outcome.sent == stage.target.describe(repair) == ("run restart-the-daemon",)
    assert (run(stage, repair).end, len(stage.hooks.ran)) == ("done", 1)


def test_a_restart_is_not_believed_but_proven(stage):
    ghost(stage)
    stage.hooks.does_nothing = True
    outcome = run(stage, planned(stage, "restart_daemon"))
    assert (outcome.end, len(stage.hooks.ran)) == ("later", 1) and "not back" in outcome.message


def change_hook(stage):
    stage.target._settings = stage.settings.model_copy(update={"hooks": type(stage.settings.hooks)()})


GUARDS = {
    "the gate is closed": (lambda s: setattr(s.hand, "truth", Actual(gate=Gate(open=False))), "later"),
    "the daemon's Docker is away": (lambda s: setattr(s.world, "weather", "down"), "later"),
    "the daemon is offline": (lambda s: setattr(s.daemon, "available", False), "later"),
    "an update runs": (lambda s: setattr(s.instance(2), "status", -1), "later"),
    "the hook is gone": (change_hook, "gave_up"),
    "the ghost is gone": (lambda s: setattr(s.instance(), "status", 0), "done"),
}


@pytest.mark.parametrize("name", GUARDS)
def test_the_hook_does_not_run_when(name, tmp_path):
    spoil, end = GUARDS[name]
    with Stage(tmp_path, count=2, daemons=[{"id": DAEMON, "place": "local"}]) as stage:
        ghost(stage)
        repair = planned(stage, "restart_daemon")
        spoil(stage)
        assert (run(stage, repair).end, stage.hooks.ran) == (end, [])


def test_the_hook_does_not_run_into_a_start_that_began_since_the_plan(tmp_path):
    with Stage(tmp_path, count=2, daemons=[{"id": DAEMON, "place": "local"}]) as stage:
        ghost(stage)
        repair = planned(stage, "restart_daemon")
        stage.instance(2).status, stage.instance(2).started = 2, 2
        outcome = run(stage, repair)
        assert (outcome.end, stage.hooks.ran, "'mc-2' has begun to start" in outcome.message) == ("later", [], True), outcome
        stage.instance(2).status = 3
        assert (run(stage, repair).end, len(stage.hooks.ran)) == ("done", 1), "it runs now"


def test_the_hook_does_not_run_into_a_start_that_began_during_the_checks(tmp_path):
    with Stage(tmp_path, count=2, daemons=[{"id": DAEMON, "place": "local"}]) as stage:
        ghost(stage)
        repair = planned(stage, "restart_daemon")

        class Looks(Hand):
            def actual(self):
                stage.instance(2).status, stage.instance(2).started = 2, 2
                return super().actual()

        assert (run(stage, repair, Looks()).end, stage.hooks.ran) == ("later", [])


@pytest.mark.parametrize(("started", "ends"), [(1, ("done", 1)), (2, ("later", 0))])
def test_a_start_that_was_stuck_already_is_ended_and_a_new_one_of_the_same_is_not(started, ends, tmp_path):
    with Stage(tmp_path, count=2, daemons=[{"id": DAEMON, "place": "local"}]) as stage:
        ghost(stage)
        stage.instance(2).status = 2
        repair = planned(stage, "restart_daemon")
        stage.instance(2).started = started
        assert (run(stage, repair).end, len(stage.hooks.ran)) == ends


def test_the_hook_does_not_run_when_soft_shutdown_was_switched_off(tmp_path):
    with Stage(tmp_path) as stage:
        ghost(stage)
        repair = planned(stage, "restart_daemon")
        stage.daemon.soft_shutdown = False
        assert (run(stage, repair).end, stage.hooks.ran) == ("gave_up", [])


def test_a_restart_takes_an_orphan_over_alive(tmp_path):
    with Stage(tmp_path) as stage:
        ident = orphan(stage)
        outcome = run(stage, planned(stage, "restart_daemon", kind="orphan"))
        assert (outcome.end, stage.instance().status) == ("done", 3)
        assert [item.id for item in stage.world.list()] == [ident], "the game server was never touched"


def test_a_dead_stream_is_restarted_once(tmp_path):
    with Stage(tmp_path) as stage:
        stage.start_all()
        stage.daemon.lose_streams()
        repair = planned(stage, "restart_daemon", kind="dead_stream")
        assert [run(stage, repair).end for _ in range(2)] == ["done", "done"]
        assert len(stage.hooks.ran) == 1


# -- all of them ---------------------------------------------------------------------------------------------------------------


def opened(stage):
    return planned(stage, "open_instance")


def orphaned(stage):
    return planned(stage, "stop_container_then_open", container=orphan(stage))


def blocked(stage):
    item = stage.instance()
    return planned(stage, "remove_leftover", container=stage.world.put(item.container_name, "bb", {}, [(item.cwd, "/data")], "exited"))


def unlinked(stage):
    stage.daemon.available = False
    return planned(stage, "relink_daemon")


def haunted(stage):
    ghost(stage)
    return planned(stage, "restart_daemon")


def effects(stage):
    """Everything that ever had an effect outside."""
    return opens(stage), len(stage.panel.sent(LINK_PATH)), len(stage.hooks.ran), len(stage.engine.done)


@pytest.mark.parametrize("prepare", [opened, orphaned, blocked, unlinked, haunted])
def test_run_twice_is_run_once(stage, prepare):
    repair = prepare(stage)
    assert run(stage, repair).end == "done"
    once = effects(stage)
    assert sum(once) >= 1
    assert (run(stage, repair).end, effects(stage)) == ("done", once)


# -- the whole way: look, drift, remedy, look ----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 200])
def test_after_a_crash_of_dockerd_one_restart_mends_all(count, tmp_path):
    with Stage(tmp_path, count=count, speed=2000.0) as stage:
        stage.world.put("a-database")
        stage.start_all()
        for _ in range(2):
            assert not stage.look().drifts
        stage.world.crash()
        stage.daemon.lose_streams()
        stage.world.weather = "up"
        stage.look()
        drifts = stage.look().drifts
        assert len(drifts) == count and {d.kind for d in drifts} == {"ghost_running"}
        assert len({(d.proposal.object, d.proposal.remedy) for d in drifts}) == 1
        assert run(stage, stage.plan(*drifts)).end == "done"
        for _ in range(1800):
            if all(item.status == 3 for item in stage.daemon.instances):
                break
            stage.daemon._ended.wait(0.05)
        stage.look()
        assert not stage.look().drifts
        assert len(stage.hooks.ran) == 1 and len(stage.world.list()) == count


def test_a_remote_daemon_beside_it_raises_nothing(tmp_path):
    with Stage(tmp_path) as stage:
        world = MemoryWorld("far away")
        other = FakeDaemon(world, "b" * 32, remarks="far", speed=50)
        other.add(FakeInstance(uuid_of(77), "far-1"))
        stage.panel.daemons[other.uuid] = other
        stage.start_all()
        item = other.find(uuid_of(77))
        item.status, item.started, item.stream = 3, 1, True
        item.container = world.put(item.container_name, "bb", {LABEL: item.uuid}, [(item.cwd, "/data")])
        stage.look()
        judgement = stage.look()
        assert not judgement.drifts and not judgement.unknown
        assert {subject.id for subject in judgement.fine} >= {uuid_of(1), uuid_of(77)}


def test_a_panel_that_vanishes_in_the_middle_is_not_success(stage):
    repair = planned(stage, "open_instance")
    stage.panel.switches.unreachable = True
    with pytest.raises(Unreachable):
        run(stage, repair)
    assert opens(stage) == 0


def test_time_running_out_is_said(stage):
    with pytest.raises(DeadlinePassed):
        stage.daemon.available = False
        run(stage, planned(stage, "relink_daemon"), Hand(left=0.0))
    assert stage.panel.sent(LINK_PATH) == []
