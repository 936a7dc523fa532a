"""A fake WGDashboard whose every life has processes: what is read of a panel in ``/proc`` is then as true in the demo as its tunnels."""

from __future__ import annotations

from watchdog.demo import gunicorn
from watchdog.panels.wgdashboard.fake import FakePanel
from watchdog.runtime.child import Child


class PanelWithProcesses(FakePanel):
    """A fake panel with a master and a worker in ``/proc``."""

    _processes: Child | None = None

    def boot(self) -> None:
        """Start its processes, then the panel. Raises what ``gunicorn.start`` raises."""
        self._processes = gunicorn.start(self.directory)
        super().boot()

    def end(self) -> None:
        """End the panel, then its processes."""
        super().end()
        if self._processes is not None:
            self._processes.end(gunicorn.END_SECONDS)
            self._processes = None
