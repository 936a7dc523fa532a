"""What goes wrong in the demo, and how one knows that it was found, mended and proved. Told by state, not by the clock."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from watchdog.demo import hosting, nightly, plain, reports, sights, vpn
from watchdog.demo.tunnels import OFFICE
from watchdog.demo.world import TARGET, DemoWorld
from watchdog.model.drifts import Episode
from watchdog.model.repairs import RepairRecord, RepairState, Risk
from watchdog.model.snapshots import Actual
from watchdog.panels.mcsmanager.fake.instances import RUNNING, STARTING, STOPPED

Progress = Literal["to come", "injected", "found", "mending", "proved", "missed"]
PATIENCE = 45.0
"""Seconds a fault may take from being injected to being proved."""
UNDER_WAY = frozenset({RepairState.INTENDED, RepairState.ACTING, RepairState.SETTLING, RepairState.IN_DOUBT})
BREATH = 2.0
"""Seconds of peace between two faults, in which everything must agree."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the real program shows at one moment: its truth, its drift episodes and its repairs."""

    actual: Actual
    episodes: tuple[Episode, ...]
    repairs: tuple[RepairRecord, ...]
    gate_was_closed: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault. ``kinds`` are the drift kinds it must be found as (any of them); ``remedies`` what must mend it (any).

    Faults without ``kinds`` are seen in the truth itself by ``visible``; there is nothing to mend in a panel then.
    ``aside``: it touches nothing of the others, so they need not wait for it. ``looks``: how many looks at ``target`` come before it.
    ``agrees``: when this fault's truth and belief are one again. ``approve``: if the remedy waits for a person, the demo plays one.
    ``every``: it must be found as each of ``kinds``, and each of ``remedies`` must have mended.
    ``after``: the name of a fault that must be through before. ``about``: only what has this in its key is meant.
    ``told``: how it is known, for one that is ``visible``.
    """

    name: str
    story: str
    inject: Callable[[DemoWorld], None]
    kinds: frozenset[str] = frozenset()
    remedies: frozenset[str] = frozenset()
    visible: Callable[[Seen], bool] | None = None
    heal: Callable[[DemoWorld], None] | None = None
    aside: bool = False
    target: str = TARGET
    looks: int = 0
    agrees: Callable[[DemoWorld], bool] | None = None
    approve: bool = False
    patience: float = PATIENCE
    every: bool = False
    after: str = ""
    about: str = ""
    told: str = "seen in the truth and exported; nothing to mend in a panel"


@dataclass(frozen=True, slots=True)
class Line:
    """How one fault stands, for the table."""

    fault: Fault
    progress: Progress = "to come"
    how: str = ""
    began: float = 0.0
    took: float = 0.0


def _let_autostart_fail(world: DemoWorld) -> None:
    """Wait until the daemon tried each instance once, in vain: 1.6 s, and half a minute at most on a host that is busy."""
    time.sleep(1.6)
    for _ in range(300):
        if all(item.started and item.status == STOPPED for item in world.daemon.instances if item.auto_start):
            return
        time.sleep(0.1)


def _failed_autostart(world: DemoWorld) -> None:
    world.engine.crash_engine()
    world.daemon.restart()
    _let_autostart_fail(world)
    world.engine.restart_engine()


def _ghosts(world: DemoWorld) -> None:
    world.engine.crash_engine()
    time.sleep(1.0)
    world.engine.restart_engine()


def _orphan(world: DemoWorld) -> None:
    """Let the daemon die and come back while Docker cannot be reached: its takeover is skipped, the containers live on."""
    world.engine.crash_engine()
    world.daemon.end(crash=True)
    world.daemon.boot()
    _let_autostart_fail(world)
    world.engine.heal()


def _dead_stream(world: DemoWorld) -> None:
    """Restart Docker with live-restore: the containers live on, the daemon's console connections do not."""
    world.engine.crash_engine()
    time.sleep(1.0)
    world.engine.heal()


def _stuck_starting(world: DemoWorld) -> None:
    item = world.instance("creative")
    world.engine.remove(item.container_name, force=True)
    item.stream, item.container, item.status = False, "", STARTING


def _hang(world: DemoWorld) -> None:
    world.engine.hang()
    time.sleep(4.0)
    world.engine.heal()


def void(_value: object) -> None:
    """Drop a value."""


FAULTS: tuple[Fault, ...] = (
    Fault(
        "cut backup", "tuesday.zip ends 30 bytes early", lambda world: void(world.truncate_archive()), visible=sights.bad_archive,
        aside=True,
    ),
    Fault(
        "dead WireGuard daemon", "wg1's daemon is gone, its socket is still there", lambda world: world.wireguard.kill("wg1"),
        visible=sights.dead_device, aside=True, heal=lambda world: world.wireguard.revive("wg1"),
    ),
    Fault(
        "expected peer gone", "the office router is expected always, and has been silent for ten minutes",
        lambda world: world.tunnels.silence(OFFICE), visible=sights.expected_peer_silent, aside=True,
        heal=lambda world: world.tunnels.wake(OFFICE),
    ),
    Fault(
        "dead thread (WGDashboard)", "a configuration was added during a pass: the panel's thread is dead, its answers stand still",
        lambda world: world.vpn.add_guests(), frozenset({"thread_dead"}), frozenset({"restart_panel"}),
        aside=True, target=vpn.TARGET, looks=8, agrees=lambda world: world.vpn.tells_the_truth(), approve=True, patience=80.0,
    ),
    Fault(
        "cut download (SysReptor)", "half a backup: the panel said 200, its log has a start and no end",
        lambda world: world.reports.cut_download(), frozenset({"backup_bad", "backup_unfinished"}), frozenset({"quarantine", "run_backup"}),
        aside=True, target=reports.TARGET, looks=4, agrees=lambda world: world.reports.shelved(), every=True, patience=80.0,
    ),
    Fault(
        "cut command (SysReptor)", "the log says finished, and the file has no end",
        lambda world: world.reports.cut_command(), frozenset({"backup_bad", "backup_without_file"}),
        frozenset({"quarantine", "run_backup"}), aside=True, target=reports.TARGET, agrees=lambda world: world.reports.shelved(),
        every=True, patience=80.0, after="cut download (SysReptor)",
    ),
    Fault(
        "lost licence (SysReptor)", "the nightly command left an empty file, and nobody was told",
        lambda world: world.reports.lose_licence(), visible=sights.licence_lost, aside=True, target=reports.TARGET, patience=80.0,
        heal=lambda world: world.reports.renew_licence(), after="cut command (SysReptor)",
        told="the loss is a drift that only a person can mend; the empty file was set aside, and a fresh look agrees",
    ),
    Fault(
        "mangled backup (SysReptor)", "made with a terminal: log lines in front, CRLF for every LF",
        lambda world: world.reports.mangle(), frozenset({"backup_bad", "backup_without_file"}),
        frozenset({"quarantine", "run_backup"}), aside=True, target=reports.TARGET, agrees=lambda world: world.reports.shelved(),
        every=True, patience=80.0, after="lost licence (SysReptor)",
    ),
    Fault(
        "deleted backup (Pterodactyl A)", "panel 1.11.6 answered Wings 500; Wings deleted the archive, the panel spins", void,
        frozenset({"backup_stuck"}), frozenset({"fail_backup"}), aside=True, target=hosting.TARGET, about=hosting.LOST,
        agrees=lambda world: world.hosting.given_up(), patience=200.0,
    ),
    Fault(
        "untold backup (Pterodactyl F)", "Wings was restarted before it could say that the archive is whole; the panel spins", void,
        frozenset({"backup_stuck"}), frozenset({"complete_backup"}), aside=True, target=hosting.TARGET, about=hosting.UNTOLD,
        agrees=lambda world: world.hosting.told(), patience=240.0,
    ),
    Fault(
        "ghost server (Pterodactyl)", "the panel says running, and there is no container",
        lambda world: world.hosting.haunt(), frozenset({"server_ghost"}), frozenset({"power_restart"}), aside=True, target=hosting.TARGET,
        agrees=lambda world: world.hosting.exorcised(), patience=180.0, after="dead consoles (C2)",
    ),
    Fault(
        "hung container (plain)", "its health check fails, and Docker does nothing about it; another one shares its network",
        lambda world: world.shop.hang(), frozenset({"container_unhealthy"}), frozenset({"restart_container"}), aside=True,
        target=plain.TARGET, agrees=lambda world: world.shop.well(), patience=120.0, after="dead consoles (C2)",
    ),
    Fault(
        "lost volume (Duplicati)", "a disk lost one volume of a destination; the server says nothing before its next run",
        lambda world: world.nightly.lose_volume(), visible=sights.volume_lost, aside=True, target=nightly.TARGET, looks=4, patience=80.0,
        heal=lambda world: world.nightly.find_volume(), told="named as a drift; only a person can bring it back, and did",
    ),
    Fault(
        "forgotten pause (Duplicati)", "paused for an hour; the server was killed and started, and 2.1.0.5 knows of no pause any more",
        lambda world: world.nightly.forget(), frozenset({"pause_lost"}), frozenset({"pause"}), aside=True, target=nightly.TARGET,
        agrees=lambda world: world.nightly.remembers(), heal=lambda world: world.nightly.end_pause(), patience=80.0,
        after="lost volume (Duplicati)",
    ),
    Fault(
        "overdue backup (Duplicati)", "a script broke one job's schedule, so the scheduler runs none: another's run never came",
        lambda world: world.nightly.lose_its_way(), frozenset({"backup_overdue"}), frozenset({"run"}), aside=True, target=nightly.ATTIC,
        agrees=lambda world: world.nightly.caught_up(), heal=lambda world: world.nightly.find_its_way(), looks=2, patience=240.0,
    ),
    Fault(
        "silent Docker", "the socket accepts and never answers: the gate must close, and open by itself", _hang,
        visible=sights.gate_closed_and_opened,
    ),
    Fault(
        "failed autostart (B)", "Docker was not ready when the daemon booted; nothing retries, ever", _failed_autostart,
        frozenset({"failed_autostart"}), frozenset({"open_instance"}),
    ),
    Fault(
        "ghosts (C)", "dockerd crashed: the panel says running, there is no container", _ghosts,
        frozenset({"ghost_running"}), frozenset({"restart_daemon"}),
    ),
    Fault(
        "orphans (D)", "the daemon restarted while Docker was away: panel says stopped, containers run", _orphan,
        frozenset({"orphan"}), frozenset({"restart_daemon", "stop_container_then_open"}),
    ),
    Fault(
        "dead consoles (C2)", "Docker restarted under live containers: the daemon's streams are dead", _dead_stream,
        frozenset({"dead_stream"}), frozenset({"restart_daemon"}),
    ),
    Fault(
        "stuck starting (A)", "'creative' says starting, for ever, without a container", _stuck_starting,
        frozenset({"stuck_starting"}), frozenset({"restart_daemon"}),
    ),
)  # fmt: skip


def advance(line: Line, seen: Seen, settled: bool, now: float) -> Line:
    """Given how a fault stands and what the program shows now, return how it stands now. ``settled``: world and panel agree again."""
    if line.progress in {"to come", "proved", "missed"}:
        return line
    took = now - line.began
    if line.fault.visible is not None:
        return replace(line, progress="proved", took=took, how=line.fault.told) if (
            line.fault.visible(seen)
        ) else _patient(line, took)  # fmt: skip
    fault = line.fault
    episodes = [each for each in seen.episodes if each.drift.kind in fault.kinds and each.last_seen >= line.began]
    episodes = [each for each in episodes if fault.about in each.drift.key]
    repairs = [each for each in seen.repairs if each.remedy in fault.remedies and each.intended_at >= line.began]
    repairs = [each for each in repairs if fault.about in str(each.object)]
    verified = [each for each in repairs if each.state is RepairState.VERIFIED]
    judged = all(each.state not in UNDER_WAY for each in repairs)
    enough = _enough(line.fault, episodes, verified)
    if enough and judged and settled and all(each.closed_at is not None for each in episodes):
        return replace(line, progress="proved", took=took, how=_how(verified, len(episodes)))
    if repairs:
        return _patient(replace(line, progress="mending", how=f"{repairs[0].remedy}: {repairs[0].state.value}"), took)
    if episodes:
        return _patient(replace(line, progress="found", how=episodes[0].drift.truth), took)
    return _patient(line, took)


def _enough(fault: Fault, episodes: Sequence[Episode], verified: Sequence[RepairRecord]) -> bool:
    if fault.every:
        return {each.drift.kind for each in episodes} >= fault.kinds and {each.remedy for each in verified} >= fault.remedies
    return bool(episodes and verified)


def _patient(line: Line, took: float) -> Line:
    return replace(line, progress="missed", took=took) if took > line.fault.patience else replace(line, took=took)


def _how(verified: Sequence[RepairRecord], drifts: int) -> str:
    remedies = ", ".join(f"{count} x {remedy}" for remedy, count in sorted(Counter(record.remedy for record in verified).items()))
    asked = " (risky by what it can see, so it asked; the demo approved)" if any(each.risk is Risk.DESTRUCTIVE for each in verified) else ""
    return f"{drifts} drift{'s' if drifts != 1 else ''} confirmed; {remedies}{asked}; a fresh look at both sides agrees"


def settled(world: DemoWorld) -> bool:
    """Whether every instance of the demo runs, in truth and in the panel's belief."""
    running = {container.name for container in world.engine.containers() if container.running}
    return all(item.status == RUNNING and item.stream and item.container_name in running for item in world.daemon.instances)


__all__ = ["BREATH", "FAULTS", "TARGET", "Fault", "Line", "Progress", "Seen", "advance", "settled"]
