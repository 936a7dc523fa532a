"""The demo's WGDashboard stands in the real /proc as the real one does, in each of its lives, and leaves nothing behind."""

from pathlib import Path

from tests.support.wgdashboard import settings
from tests.support.wireguard import poll
from watchdog.demo.processes import PanelWithProcesses
from watchdog.errors import Blind
from watchdog.model.snapshots import Actual
from watchdog.panels.wgdashboard.fake import MemoryWorld
from watchdog.panels.wgdashboard.processes import ProcessReader
from watchdog.panels.wgdashboard.traces import Process
from watchdog.runtime.clock import SystemClock


def test_each_life_has_a_master_and_a_worker_that_end_with_it(tmp_path: Path):
    directory = tmp_path / "src"
    directory.mkdir()
    reader, clock = ProcessReader(settings(directory=str(directory)), Path("/proc")), SystemClock()

    def seen() -> Process | None:
        try:
            return reader.read(directory, Actual(), clock.now().wall)
        except Blind:
            return None

    with PanelWithProcesses(MemoryWorld(), directory, version="4.2.3", clock=clock, speed=100.0) as panel:
        first = seen()
        assert first is not None and not first.respawned and first.netns == "" and first.worker in first.tasks
        panel.restart()
        poll("its next life is in sight", lambda: (now := seen()) is not None and now.master != first.master and not now.respawned)
    poll("nothing is left of it", lambda: seen() is None)
