"""WGDashboard: a panel for WireGuard whose display hangs on one thread that nobody supervises.

**The story of the bug.** (WGDashboard issue 762; fix 7834fff5.) With many configurations, peers that are connected are shown as stopped,
without handshake or traffic, and those that have left are shown as running, for ever. One background thread asks WireGuard every ten
seconds; up to 4.2.3 it walks over a dictionary to which a request may add a configuration, and ``RuntimeError: dictionary changed size
during iteration`` ends it. The web server lives on, every health check is green, and the last states stand as if they were new. Reproduced
on an unmodified 4.2.3 with 24 configurations, by one normal POST during a pass.

- ``thread_dead``: answers that must change in every pass do not change for 45 s. A full restart of the panel mends it.
- ``pass_blocked``: from 4.2.3.0 on the thread survives, but one configuration that raises (its file deleted, its name taken by an interface
  that is not WireGuard) ends every pass, and all behind it in the dictionary's order are never sampled: the same symptom.
- ``stale_worker``: a worker that gunicorn forked anew has the settings of the master's start. It refuses valid keys, and its next save
  writes the old settings over the ini. A full restart mends it, before anybody saves.
- And what the panel never compares: peers, allowed addresses, devices, files and its autostart list against the kernel; and its second
  thread, which takes access away from expired peers and may die as silently (``job_overdue``).

**Versions known**: 4.0 to 4.3.3. 4.2.3.0 and 4.2.3.0.1 are mended and call themselves v4.2.3. The panel shows a peer as running for 120 s
after its handshake up to 4.2, for 180 s from 4.3 on.

**What we repair**: ``restart_panel`` (a typed hook) for a dead thread and a stale worker, once per cause, then a person is asked;
``reread`` for passes that end at a configuration whose file is gone, from 4.3 on, while the thread lives.

**What we refuse**: a HUP and a kill of the worker (they make stale workers), switching a tunnel off and on (the switch flips, the display
stays wrong, and the tunnel was cut for 40 s), adopting or removing a peer that only the kernel has, moving allowed addresses, raising what
somebody took down, writing into the panel's database, and every call of the panel that scans its folder or floods its memory.

==============  =========================================================================================================================
remedy          risk
==============  =========================================================================================================================
restart_panel   safe while it is proven that no tunnel ends with the panel (kernel devices, or daemons outside its unit, in a network
                namespace that stays) and that no configuration is raised that somebody took down; destructive = ask, else
reread          safe from the worker that the master began with while one file is gone; destructive = ask, from another or an unknown one,
                or while more files are gone (a folder that is not mounted: the panel would forget everything)
==============  =========================================================================================================================
"""

from __future__ import annotations

from watchdog.model.clues import Clues, Found
from watchdog.model.hooks import ContainerHook, ExecHook
from watchdog.model.needs import Needs
from watchdog.model.panels import Panel, Ports, Probe
from watchdog.panels.wgdashboard import drift, find, metrics, probe, remedies, rights
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.target import WgdashboardTarget
from watchdog.panels.wgdashboard.view import PANEL_NAME


class WgdashboardPanel:
    """Satisfies ``model.panels.Panel``."""

    name = PANEL_NAME
    settings = WgdashboardSettings
    kinds = drift.KINDS
    remedies = remedies.REMEDIES
    metrics = metrics.METRICS
    rights = rights.RIGHTS

    def needs(self, settings: WgdashboardSettings) -> Needs:
        """Return what is to be watched: WireGuard, and Docker when the panel runs in a container or its hook needs it."""
        hook = settings.hooks.restart_panel
        return Needs(docker=bool(settings.container) or isinstance(hook, ContainerHook | ExecHook), wireguard=True)

    def connect(self, settings: WgdashboardSettings, ports: Ports) -> WgdashboardTarget:
        """Build one connected target."""
        return WgdashboardTarget(settings, ports)

    def probe(self, settings: WgdashboardSettings, ports: Ports) -> tuple[Probe, ...]:
        """Try every permission without side effects."""
        return probe.probe(settings, ports)

    def find(self, clues: Clues) -> tuple[Found, ...]:
        """Recognise a panel on this host."""
        return find.find(clues)


PANEL: Panel = WgdashboardPanel()
"""The one exported object."""
