"""The real program is stopped while it makes a backup: it ends in time, the part stays marked, the next life begins no second one.

How it goes on from there is in test_crash_points_of_each_remedy: once nothing runs in the container, a whole backup is made.
"""

from __future__ import annotations

import threading

import pytest

from tests.panels.sysreptor.test_four_stories_from_loss_to_verdict import TARGET, House
from tests.support.program import start_program
from watchdog.collectors.docker.fake import FakeEngine
from watchdog.panels.sysreptor import naming
from watchdog.panels.sysreptor.fake import FakePanel
from watchdog.panels.sysreptor.remedies import PART_SUFFIX
from watchdog.runtime.partfile import writer_lives

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("sysreptor_stories")]


def test_a_stop_in_the_middle_ends_cleanly_and_nobody_begins_beside_it(tmp_path):
    house = House(tmp_path)
    for path in house.backups.iterdir():
        path.unlink()  # none at all: one is due at once

    def finals():
        return [path for path in house.backups.glob("*.zip") if naming.ours(path.name)]

    held = house.world.switches.hold = threading.Event()
    with FakeEngine(house.engine, tmp_path / "d.sock"), FakePanel(house.world) as panel:
        config = house.config(panel)
        config.write_text(config.read_text().replace("mode: repair", "mode: repair\n    baseline: repair"))
        with start_program(config, tmp_path / "log") as program:
            program.wait_until_serving()
            program.wait_for("bytes in a part", lambda: any(path.stat().st_size for path in house.backups.glob("*" + PART_SUFFIX)))
            (part,) = house.backups.glob("*" + PART_SUFFIX)
            shown = f'watchdog_panel_run_received_bytes{{panel="sysreptor",target="{TARGET}"}}'
            program.wait_for("its progress", lambda: shown in program.metrics())
            assert program.end() == 0
        assert part.exists() and not writer_lives(part) and finals() == []
        with start_program(config, tmp_path / "log") as program:
            program.wait_until_serving()
            asked = len(house.engine.requests)
            program.wait_for("a look at the container", lambda: sum("/top" in line for line in house.engine.requests[asked:]) >= 2)
            assert finals() == [] and house.world.running == 1, "nobody runs beside what still runs in the container"
            (told,) = program.repairs()
            assert (told["remedy"], told["state"]) == ("run_backup", "in_doubt")
            assert program.errors() == []
        held.set()
        assert part.exists() and finals() == [], "the part keeps its mark"
