"""MCSManager: a panel for game servers whose daemon asks Docker only while it starts something.

**The story of the bug.** (MCSManager issue 1533, kin 1492, 1980, 2314.) After a reboot, or a crash of dockerd, the panel shows an
instance as running that has no console and cannot be stopped, killed or started; or as stopped although autostart is on, for ever. The
daemon keeps each instance's status in memory, never polls Docker, sets no timeout on any call to it and tries autostart once, on a fixed
delay. Reproduced on 10.4.0, 10.6.1 and 10.18.2:

- A ``stuck_starting``: dockerd's socket accepts and does not answer; the start waits. It heals itself when Docker answers; until then
  nothing helps.
- B ``failed_autostart``: the socket is missing; the start fails and is never tried again. ``open`` mends it.
- C ``ghost_running``: dockerd crashed; the wait connection was cut after its headers, its callback never fires: Running for ever, no
  container. Every button answers 200 or 500 without effect; only a restart of the daemon mends it.
- C2 ``dead_stream``: the same under live-restore: the game server lives, its console and its stop are dead. Never killed by us.
- D ``orphan``: the daemon came back while Docker was away: Stopped, and the container runs; ``open`` answers 409.

**Versions known**: 10.4.0 to 10.18.2 (daemon 4.5.0 to 4.18.2). Labels and takeover from 10.7.0, soft exit from 10.13.0.

**What we repair**: ``open_instance`` for B; ``restart_daemon`` (a typed hook) for A once Docker is well, C, C2 and D;
``stop_container_then_open`` for D where a restart would not take over; ``remove_leftover`` for a dead container in the way;
``relink_daemon`` for a daemon offline for minutes.

**What we refuse**: DELETE of an instance, kill, every multi_* call (they answer before they act and swallow errors), a forced removal, a
restart of the daemon while Docker is not well (10.13+ kills a container whose takeover fails), a start within eight seconds of a failed
one (10.8+ leave a SIGKILL behind), starting what a person stopped, acting on a container known by its name alone, and judging a remote
daemon by the local engine.

==========================  =============================================================================================================
remedy                      risk
==========================  =============================================================================================================
open_instance               safe while the wish is known (autostart or ``expect``, no stop seen); destructive = ask, when it is not
relink_daemon               safe: only while the panel has no connection to lose
stop_container_then_open    disruptive: a running game server is stopped, with a long grace
remove_leftover             disruptive: a dead container goes, without force and without its volumes
restart_daemon              disruptive from 10.13 with soft shutdown on; destructive else, and when the version is not known
==========================  =============================================================================================================
"""

from __future__ import annotations

from watchdog.model.clues import Clues, Found
from watchdog.model.needs import ContainerNeed, Needs
from watchdog.model.panels import Panel, Ports, Probe
from watchdog.panels.mcsmanager import drift, find, metrics, probe, remedies, rights
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.target import McsmanagerTarget
from watchdog.panels.mcsmanager.view import LABEL


class McsmanagerPanel:
    """Satisfies ``model.panels.Panel``."""

    name = remedies.PANEL_NAME
    settings = McsmanagerSettings
    kinds = drift.KINDS
    remedies = remedies.REMEDIES
    metrics = metrics.METRICS
    rights = rights.RIGHTS

    def needs(self, settings: McsmanagerSettings) -> Needs:
        """Return what is to be watched: Docker, and the label that names the instance."""
        del settings
        return Needs(containers=(ContainerNeed((LABEL,)),), docker=True)

    def connect(self, settings: McsmanagerSettings, ports: Ports) -> McsmanagerTarget:
        """Build one connected target."""
        return McsmanagerTarget(settings, ports)

    def probe(self, settings: McsmanagerSettings, ports: Ports) -> tuple[Probe, ...]:
        """Try every permission without side effects."""
        return probe.probe(settings, ports)

    def find(self, clues: Clues) -> tuple[Found, ...]:
        """Recognise a panel on this host."""
        return find.find(clues)


PANEL: Panel = McsmanagerPanel()
"""The one exported object."""
