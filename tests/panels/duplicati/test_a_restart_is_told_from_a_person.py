"""Who ended a pause: a restart, a person, we, its end, the clamp. First the pure rule over every case, then the fake over real HTTP.

Contract section 2, Seeing a restart; recordings ``restart-hidden-by-counters`` and ``restart-witnesses-and-their-cost``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.duplicati_fake import VERSIONS, series
from tests.support.instruments import Noted
from watchdog.errors import Unreachable, WatchdogError
from watchdog.model.moments import Moment
from watchdog.model.panels import REQUESTS
from watchdog.panels.duplicati import answers, client, witness
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.fake import PASSWORD, FakeDuplicati
from watchdog.panels.duplicati.fake.releases import Counts
from watchdog.panels.duplicati.login import NobodyBehind
from watchdog.panels.duplicati.pulse import Beat
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.states import ServerState, Task
from watchdog.panels.duplicati.witness import Pulse, Restart
from watchdog.runtime.clock import SimulatedClock

RELEASES = ("2.1.0.3", "2.1.0.5", "2.2.0.1", "2.2.0.3", "2.3.0.4")
PATIENCE = 60.0
EPOCH = 1_795_200_000.0


def at(seconds: float) -> Moment:
    return Moment(EPOCH + seconds, 1000.0 + seconds)


def reading(seconds: float, *, paused: bool, end: float | None = None, **more: object) -> ServerState:
    """A reading; ``end`` is seconds like ``seconds``."""
    given: dict[str, object] = {"last_event": 10, "last_data": 5, "last_notification": 1, "connection": 1, **more}
    return ServerState(at(seconds), paused, EPOCH + end if end is not None else None, **given)  # type: ignore[arg-type]


def after(*steps: ServerState | Callable[[Pulse], Pulse], behind_proxy: bool | None = None) -> Pulse:
    """The pulse after readings and what happened between them."""
    pulse = Pulse()
    for step in steps:
        pulse = witness.heard(pulse, step, behind_proxy=behind_proxy) if isinstance(step, ServerState) else step(pulse)
    return pulse


def refused(seconds: float) -> Callable[[Pulse], Pulse]:
    return lambda pulse: witness.silent(pulse, at(seconds), kind="Unreachable", refused=True)


def timed_out(seconds: float) -> Callable[[Pulse], Pulse]:
    return lambda pulse: witness.silent(pulse, at(seconds), kind="DeadlinePassed", refused=False, severed=True)


def faulty(seconds: float) -> Callable[[Pulse], Pulse]:
    return lambda pulse: witness.silent(pulse, at(seconds), kind="ServerFault", refused=False)


def resumed_by_us(seconds: float) -> Callable[[Pulse], Pulse]:
    return lambda pulse: witness.sent(pulse, at(seconds))


PAUSED = reading(0, paused=True, end=7200)
RUNNING = reading(10, paused=False, last_event=12, last_data=6)
FELL = {"last_event": 3, "last_data": 2, "last_notification": 0}
NOW = reading(10, paused=True, end=7200)

CASES: list[tuple[str, tuple[ServerState | Callable[[Pulse], Pulse], ...], Restart, str | None]] = [
    ("nothing happened", (PAUSED, NOW), Restart.NONE, None),
    ("somebody pressed Resume", (PAUSED, RUNNING), Restart.NONE, "person"),
    ("the same counters over another connection", (PAUSED, replace(RUNNING, connection=2)), Restart.SUSPECTED, "restart"),
    ("the connection was refused in between", (PAUSED, refused(5), replace(RUNNING, connection=2)), Restart.SUSPECTED, "restart"),
    ("its end was noticed, the server already back", (PAUSED, refused(5), RUNNING), Restart.SUSPECTED, "restart"),
    ("an exchange of ours took too long", (PAUSED, timed_out(5), replace(RUNNING, connection=2)), Restart.SUSPECTED, "restart"),
    ("a 500 over the same connection", (PAUSED, faulty(5), RUNNING), Restart.NONE, "person"),
    ("LastEventID fell", (PAUSED, replace(RUNNING, last_event=3)), Restart.CERTAIN, "restart"),
    ("LastDataUpdateID fell", (PAUSED, replace(RUNNING, last_data=2)), Restart.CERTAIN, "restart"),
    ("LastNotificationUpdateID fell", (PAUSED, replace(RUNNING, last_notification=0)), Restart.CERTAIN, "restart"),
    ("all fell, still paused, as on 2.3", (PAUSED, replace(NOW, **FELL, connection=2)), Restart.CERTAIN, None),
    ("another connection, still paused, as on 2.2.0.1", (PAUSED, replace(NOW, connection=2)), Restart.SUSPECTED, None),
    (
        "a new task with a lower id over another connection",
        (replace(PAUSED, active=Task(9, "1")), replace(RUNNING, active=Task(2, "1"), connection=2)), Restart.CERTAIN, "restart",
    ),
    (
        "the same over the same connection: it stood between two lists",
        (replace(PAUSED, active=Task(9, "1")), replace(RUNNING, active=Task(2, "1"))), Restart.NONE, "person",
    ),
    (
        "a task that had waited runs after one that jumped the queue",
        (replace(PAUSED, active=Task(9, "1"), queue=(Task(8, "2"),)), replace(RUNNING, active=Task(8, "2"), connection=2)),
        Restart.SUSPECTED, "restart",
    ),
    ("we ordered the resume", (PAUSED, resumed_by_us(5), RUNNING), Restart.NONE, "us"),
    ("we ordered it, and a reading under way still said Paused", (PAUSED, resumed_by_us(5), replace(NOW, at=at(6)), RUNNING),
     Restart.NONE, "us"),
    ("we ordered it long ago, and somebody presses Resume now",
     (PAUSED, resumed_by_us(5), replace(NOW, at=at(60)), replace(RUNNING, at=at(70))), Restart.NONE, "person"),
    ("its announced end came", (reading(0, paused=True, end=8), RUNNING), Restart.NONE, "end"),
    ("its end came in a restart", (reading(0, paused=True, end=8), replace(RUNNING, connection=2)), Restart.SUSPECTED, "restart"),
    ("24 hours after it began, though a week was announced",
     (reading(0, paused=True, end=7 * 86400), reading(86395, paused=True, end=7 * 86400), reading(86405, paused=False)),
     Restart.NONE, "clamp"),
    ("20 hours after it began", (reading(0, paused=True, end=7 * 86400), reading(72000, paused=False)), Restart.NONE, "person"),
    ("until further notice, 24 hours after", (reading(0, paused=True), reading(86395, paused=True), reading(86405, paused=False)),
     Restart.NONE, "person"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "steps", "restart", "by"), CASES, ids=[row[0] for row in CASES])
def test_two_readings_and_their_connection_tell(
    name: str, steps: tuple[ServerState | Callable[[Pulse], Pulse], ...], restart: Restart, by: str | None
) -> None:
    pulse = after(*steps)
    assert pulse.restart is restart
    assert (pulse.restarts, pulse.restart_at) == ((0, None) if restart is Restart.NONE else (1, steps[-1].at))  # type: ignore[union-attr]
    assert (pulse.fell.by if pulse.fell else None) == by
    assert bool(pulse.why) is (restart is not Restart.NONE)


def test_the_first_reading_tells_nothing_of_what_was_before() -> None:
    pulse = after(RUNNING)
    assert (pulse.restart, pulse.fell, pulse.watched_since) == (Restart.NONE, None, RUNNING.at)
    assert after(refused(0), RUNNING).restart is Restart.NONE, "there is nothing to compare it with"


def test_behind_a_proxy_the_connection_proves_nothing_and_health_does() -> None:
    proxied = replace(PAUSED, direct=False)
    resumed = replace(RUNNING, direct=False, connection=2)
    assert after(proxied, resumed).fell.by == "person"  # type: ignore[union-attr]
    assert after(proxied, refused(5), resumed).fell.by == "restart"  # type: ignore[union-attr]
    lower = after(replace(proxied, active=Task(9, "1")), replace(resumed, active=Task(2, "1"), connection=1))
    assert lower.restart is Restart.SUSPECTED, "there the connection does not speak against it"


def test_a_502_shows_a_proxy_that_hands_the_servers_own_header_on(tmp_path: Path) -> None:
    with watched(tmp_path, "2.1.0.5") as stage:
        paused_for_an_hour(stage)
        assert stage.client.watched
        stage.server.world.switches.status = 502
        with pytest.raises(NobodyBehind):
            stage.client.state()
        stage.server.world.switches.status = None
        stage.server.world.memory.count(stage.server.world.release.edit)  # type: ignore[union-attr]
        stage.client.state()
        assert (stage.client.hidden, stage.pulse.restart) == (True, Restart.SUSPECTED)
        assert not stage.client.watched, "from now on /health is asked"


def test_an_exchange_beside_the_kept_connection_that_takes_too_long_hides_nothing() -> None:
    pulse = after(PAUSED, lambda before: witness.silent(before, at(5), kind="DeadlinePassed", refused=False), RUNNING)
    assert (pulse.restart, pulse.fell.by) == (Restart.NONE, "person")  # type: ignore[union-attr]


def test_behind_a_proxy_a_long_time_without_a_reading_is_a_restart_suspected() -> None:
    proxied = replace(PAUSED, direct=False)
    later = replace(RUNNING, at=at(witness.UNSEEN + 1), direct=False)
    assert after(proxied, later).fell.by == "restart"  # type: ignore[union-attr]
    assert after(PAUSED, replace(later, direct=True)).fell.by == "person", "else the connection has watched"  # type: ignore[union-attr]


def test_the_operator_knows_better_than_a_header() -> None:
    assert after(PAUSED, replace(RUNNING, connection=2), behind_proxy=True).restart is Restart.NONE
    assert (
        after(replace(PAUSED, direct=False), replace(RUNNING, direct=False, connection=2), behind_proxy=False).restart is Restart.SUSPECTED
    )


def test_a_connection_that_outlived_a_restart_is_not_the_servers() -> None:
    pulse = after(PAUSED, replace(RUNNING, **FELL))
    assert (pulse.restart, pulse.hidden) == (Restart.CERTAIN, True)
    assert after(PAUSED, replace(RUNNING, **FELL, connection=2)).hidden is False


def test_what_was_under_way_at_a_restart_is_kept() -> None:
    busy = replace(PAUSED, active=Task(7, "3"))
    pulse = after(busy, replace(RUNNING, **FELL, connection=2))
    assert (pulse.cut, pulse.cut_at) == (Task(7, "3"), RUNNING.at)
    again = witness.heard(pulse, reading(20, paused=False, connection=3, last_event=12, last_data=6))
    assert again.cut == Task(7, "3"), "another restart right after does not hide it"
    assert after(busy, RUNNING).cut is None, "it ended by itself"


def test_several_restarts_are_counted_each() -> None:
    pulse = after(PAUSED, replace(NOW, connection=2), replace(NOW, at=at(20), connection=3, **FELL), replace(NOW, at=at(30), connection=3))
    assert (pulse.restarts, pulse.restart, pulse.restart_at) == (2, Restart.CERTAIN, at(20))


def test_news_wake_the_pass_and_nothing_else_does() -> None:
    def told(*steps: ServerState | Callable[[Pulse], Pulse]) -> str:
        return witness.news(after(*steps[:-1]), after(*steps))

    assert told(PAUSED) == ""
    assert told(PAUSED, NOW) == ""
    assert told(PAUSED, RUNNING) == "state"
    assert told(PAUSED, replace(NOW, pause_end=EPOCH + 9000)) == "state"
    assert told(PAUSED, replace(NOW, connection=2)) == "restart"
    assert told(PAUSED, refused(5)) == "", "nobody answers: there is nothing to look at"
    assert told(PAUSED, faulty(5), NOW) == "answers"
    assert told(PAUSED, replace(NOW, active=Task(3, "1"))) == "task"


def test_a_fault_within_30_s_of_a_refusal_is_a_start() -> None:
    pulse = after(PAUSED, refused(5))
    assert pulse.booting(at(30))
    assert not pulse.booting(at(36))
    assert not after(PAUSED, faulty(5)).booting(at(6))


@pytest.mark.parametrize("release", VERSIONS)
def test_the_recorded_restart_that_no_counter_shows_is_seen_by_the_connection_alone(release: str) -> None:
    told = series(release).get("restart-hidden-by-counters")
    if told is None or "before" not in told:
        pytest.skip("not recorded for this release")
    shape = {"HasWarning": False, "HasError": False, "ProposedSchedule": [], "EstimatedPauseEnd": "0001-01-01T00:00:00"}
    before = answers.state({**shape, **told["before"]}, at(0), 1)
    last = answers.state({**shape, **told["after"][-1]}, at(15), 2)
    assert last.last_event > before.last_event or release != "2.1.0.5"
    assert after(before, last).restart is not Restart.NONE
    uncut = after(before, replace(last, connection=1))
    if last.last_event >= before.last_event and last.last_data >= before.last_data and not last.paused:
        assert (uncut.restart, uncut.fell.by) == (Restart.NONE, "person")  # type: ignore[union-attr]


# ---- over real HTTP --------------------------------------------------------------------------------------------------------------------


class Watched:
    """A fake, a client of it, and its pulse beating into ``woken``."""

    def __init__(self, folder: Path, release: str, **changes: object) -> None:
        # sockets live in real time, everything else on a clock that only a test moves: nothing comes by waiting
        self.clock = clock = SimulatedClock(EPOCH)
        self.server = FakeDuplicati(folder / "server", clock, release, idle_seconds=float(str(changes.pop("idle", 130.0))))
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        given = {"name": "nas", "url": self.server.url, "password_file": str(secret), "pulse": "60s", "timeout": "60s", **changes}
        settings = DuplicatiSettings.model_validate(given)
        self.client: DuplicatiClient = client.connect(settings, clock, Noted((REQUESTS,)))
        self.woken = 0
        self.beat = Beat(settings, clock, self.client, self._wake)

    def _wake(self) -> None:
        self.woken += 1

    @property
    def pulse(self) -> Pulse:
        return self.client.pulse()

    def beating(self, until: Callable[[], bool]) -> None:
        """Let the pulse beat until something is so."""
        began = time.monotonic()
        while not until():
            assert time.monotonic() - began < PATIENCE, self.pulse
            time.sleep(min(0.2, self.beat.step()))

    def grown(self) -> None:
        """Let the counters of this life grow beyond those of the newest reading, as edits and a run do."""
        state = self.pulse.state
        assert state is not None
        world = self.server.world
        with world.lock:
            assert world.memory is not None
            while world.memory.counters.events <= state.last_event or world.memory.counters.changes <= state.last_data:
                world.memory.count(world.release.edit)
            while world.memory.counters.notices < state.last_notification:
                world.memory.count(Counts(1, 0, 1))

    def close(self) -> None:
        self.client.close()
        self.server.close()


@contextmanager
def watched(folder: Path, release: str, **changes: object) -> Iterator[Watched]:
    stage = Watched(folder, release, **changes)
    try:
        yield stage
    finally:
        stage.close()


def paused_for_an_hour(stage: Watched) -> None:
    stage.client.pause(3600)
    assert stage.client.state().paused


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize("release", RELEASES)
def test_a_restart_between_two_readings_is_seen_whatever_the_counters_say(tmp_path: Path, release: str, killed: bool) -> None:
    with watched(tmp_path, release) as stage:
        paused_for_an_hour(stage)
        stage.server.restart(killed=killed)
        stage.grown()
        state = stage.client.state()
        pulse = stage.pulse
        assert pulse.restart is Restart.SUSPECTED, "no counter fell"
        assert pulse.restarts == 1
        assert state.paused is stage.server.world.release.persists
        assert (pulse.fell.by if pulse.fell else None) == (None if state.paused else "restart")


@pytest.mark.parametrize("release", RELEASES)
def test_with_counters_that_fall_it_is_certain(tmp_path: Path, release: str) -> None:
    with watched(tmp_path, release) as stage:
        paused_for_an_hour(stage)
        stage.grown()
        stage.client.state()
        stage.server.restart()
        stage.client.state()
        assert (stage.pulse.restart, stage.pulse.restarts) == (Restart.CERTAIN, 1)


@pytest.mark.parametrize("release", RELEASES)
def test_the_same_counters_over_an_uncut_connection_are_a_person(tmp_path: Path, release: str) -> None:
    with watched(tmp_path, release) as stage:
        paused_for_an_hour(stage)
        stage.server.world.resume()
        stage.grown()
        stage.client.state()
        assert stage.pulse.restarts == 0
        assert stage.pulse.fell is not None
        assert stage.pulse.fell.by == "person"


@pytest.mark.parametrize("release", VERSIONS)
def test_our_own_resume_and_an_end_that_came_are_no_persons(tmp_path: Path, release: str) -> None:
    with watched(tmp_path, release) as stage:
        paused_for_an_hour(stage)
        stage.client.resume()
        stage.client.state()
        assert stage.pulse.fell is not None
        assert stage.pulse.fell.by == "us"
        stage.client.pause(60)
        assert stage.client.state().paused
        stage.clock.advance(61.0)
        assert not stage.client.state().paused
        assert stage.pulse.fell.by == "end"
        assert stage.pulse.restarts == 0


@pytest.mark.parametrize("release", VERSIONS)
def test_the_pulse_sees_a_restart_while_nobody_reads_and_wakes_the_pass(tmp_path: Path, release: str) -> None:
    with watched(tmp_path, release) as stage:
        paused_for_an_hour(stage)
        stage.beat.step()
        woken = stage.woken
        threading.Timer(0.5, stage.server.restart).start()
        # the next reading is due in a minute of a clock that stands still: only the connection's end can bring one
        stage.beating(lambda: stage.pulse.restarts > 0)
        assert stage.woken > woken


def test_a_server_that_is_away_is_asked_every_second_and_its_first_answer_wakes_the_pass(tmp_path: Path) -> None:
    with watched(tmp_path, "2.1.0.5") as stage:
        paused_for_an_hour(stage)
        stage.beat.step()
        stage.server.stop()
        stage.beating(lambda: stage.pulse.silence == "Unreachable")
        assert stage.pulse.silent_since is not None
        with pytest.raises(Unreachable):
            stage.client.view()
        assert stage.woken == 0, "there is nothing to look at"
        stage.server.world.switches.boot_errors = 2
        stage.server.start()
        stage.beating(lambda: stage.pulse.silent_since is None)
        assert stage.woken == 1
        assert stage.pulse.restarts == 1
        assert not stage.client.state().paused
        assert stage.client.view().version == "2.1.0.5"


def test_a_server_that_stops_is_not_held_up_by_our_watching(tmp_path: Path) -> None:
    with watched(tmp_path, "2.3.0.4") as stage:
        nobodys = stage.server.stop()
        stage.server.start()
        stage.client.state()
        assert stage.client.watched
        assert stage.server.stop() == nobodys, "30 s is what a request under way would cost"


def test_a_connection_that_nobody_used_for_too_long_is_a_restart_suspected(tmp_path: Path) -> None:
    with watched(tmp_path, "2.3.0.4", idle=0.5) as stage:
        paused_for_an_hour(stage)
        stage.beating(lambda: stage.pulse.restarts > 0)
        assert stage.pulse.restart is Restart.SUSPECTED, "what happened meanwhile nobody saw"


@pytest.mark.parametrize("release", VERSIONS)
def test_behind_a_proxy_health_is_the_witness(tmp_path: Path, release: str) -> None:
    with watched(tmp_path, release) as stage:
        stage.server.world.switches.server = "nginx"
        paused_for_an_hour(stage)
        assert not stage.client.watched
        stage.beat.step()
        assert stage.server.sent("/health"), "it is asked"
        stage.server.stop()
        stage.beating(lambda: stage.pulse.suspicion != "")
        stage.server.start()
        stage.grown()
        stage.beating(lambda: stage.pulse.silent_since is None)
        assert (stage.pulse.restart, stage.pulse.restarts) == (Restart.SUSPECTED, 1)
        assert stage.woken > 0


def test_behind_a_proxy_that_answers_502_the_server_is_away(tmp_path: Path) -> None:
    with watched(tmp_path, "2.1.0.5", behind_proxy=True) as stage:
        paused_for_an_hour(stage)
        stage.server.world.switches.status = 502
        stage.beating(lambda: stage.pulse.suspicion != "")
        stage.server.world.switches.status = None
        stage.server.restart()
        stage.grown()
        stage.beating(lambda: stage.pulse.silent_since is None)
        assert stage.pulse.fell is not None
        assert stage.pulse.fell.by == "restart"


def test_many_threads_read_one_server_and_see_one_restart(tmp_path: Path) -> None:
    with watched(tmp_path, "2.3.0.4") as stage:
        paused_for_an_hour(stage)
        ended = threading.Event()
        errors: list[BaseException] = []

        def reads() -> None:
            while not ended.is_set():
                try:
                    stage.client.state()
                except WatchdogError:
                    continue
                except BaseException as error:
                    errors.append(error)
                    raise

        threads = [threading.Thread(target=reads) for _ in range(4)]
        for thread in threads:
            thread.start()
        stage.server.restart()
        deadline = time.monotonic() + PATIENCE
        while not stage.pulse.restarts:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        ended.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert not errors
        assert stage.pulse.restarts == 1


def test_every_reading_goes_over_one_connection_and_nothing_is_held(tmp_path: Path) -> None:
    with watched(tmp_path, "2.3.0.4") as stage:
        for _ in range(3):
            stage.client.view()
        asked = stage.server.seen
        assert not [each for each in asked if "longpoll" in each.query or each.path == "/notifications"]
        kept = [each for each in asked if each.path == "/api/v1/serverstate"]
        assert len(kept) == 3
        assert {stage.client.state().connection, stage.client.state().connection} == {1}
        assert all(each.headers.get("connection") == "close" for each in asked if each.path != "/api/v1/serverstate")
        assert json.dumps([each.headers.get("connection") for each in kept]) == "[null, null, null]"
