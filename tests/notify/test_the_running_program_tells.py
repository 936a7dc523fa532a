"""The whole program with a real channel: what happens in the world arrives, in order and once; nothing of the channel's secret is seen."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.alertmanager import FakeAlertmanager, fake_alertmanager
from tests.support.notifying import mailbox
from tests.support.small_world import lose_autostart, program_in, rewrite, samples, scrape, small_world, wait_until
from watchdog.app import Program
from watchdog.model.pauses import PauseOrder
from watchdog.runtime.clock import SystemClock

SECRET = "hook-0f1e2d3c4b5a"


def silenced_and_let_go(program: Program, alertmanager: FakeAlertmanager) -> None:
    """A pause is answered while Alertmanager hangs; its silence comes, goes with it, and with a person's release."""
    pauses, order = program.world.pauses, PauseOrder("games", "moving disks", "anna", length=3600.0)
    alertmanager.go_on.clear()
    made = pauses.pause(order)
    assert [each.id for each in pauses.standing("games")] == [made.id]
    assert alertmanager.silences == {}
    alertmanager.go_on.set()
    wait_until(alertmanager.live, "a silence", 240)
    pauses.resume(made.id, "anna")
    wait_until(lambda: not alertmanager.live() and not program.commands.holdings(), "the end of the silence", 240)
    made = pauses.pause(order)
    (holding,) = wait_until(lambda: alertmanager.live() and program.commands.holdings(), "another silence", 240)
    released = program.commands.release(holding.id)
    assert released.undone and "expired 1 silence" in released.message
    assert alertmanager.live() == []
    pauses.resume(made.id, "anna")


@pytest.mark.xdist_group("notify")
def test_drift_repair_and_pause_arrive_once_and_in_order_and_the_heartbeat_beats(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with mailbox() as box, small_world() as world, fake_alertmanager(SystemClock()) as alertmanager:
        url_file = world.folder / "channel.url"
        url_file.write_text(box.url(SECRET) + "\n", encoding="ascii")
        beat = world.folder / "beat.url"
        beat.write_text(f"http://127.0.0.1:{box.port}/{SECRET}-beat?x=1", encoding="ascii")

        def change(document: dict[str, Any]) -> None:
            document["notify"] = {
                "channels": [{"name": "ops", "url_file": str(url_file), "rate": "1000/h"}],
                "heartbeat": {"url_file": str(beat), "every": "5s"},
            }
            document["alertmanager"] = {"url": alertmanager.url, "every": "1s"}

        rewrite(world.config, change)
        with program_in(world) as program:
            assert "apprise" not in sys.modules, "the program that runs for months does not carry it"
            wait_until(lambda: program.world.reconcilers["games"].status.baseline != "none", "a complete first look")
            lose_autostart(world)
            wait_until(lambda: any("mended" in title for title in box.titles), "a verified repair", 240)
            wait_until(lambda: any(": over:" in title for title in box.titles), "the end of the drift", 240)
            silenced_and_let_go(program, alertmanager)
            wait_until(lambda: any("the pause is over" in title for title in box.titles), "the end of the pause", 240)
            wait_until(lambda: box.pings, "a heartbeat", 120)
            page = scrape(program)[1]
            assert samples(page)['watchdog_notifications_total{channel="ops",event="pause_begun",result="sent"}'] == 1.0
            assert samples(page)["watchdog_heartbeat_last_success_timestamp_seconds"] > 0
            titles = list(box.titles)
        assert box.pings[0] == f"/{SECRET}-beat?x=1"
        begun, ended = (next(at for at, title in enumerate(titles) if word in title) for word in (": paused until", "the pause is over"))
        assert begun < ended
        assert len(set(box.keys)) == len(box.keys), "each message once"
        ledger = sqlite3.connect(world.folder / "ledger.sqlite3")
        assert SECRET not in "\n".join(ledger.iterdump())
        ledger.close()
    out, err = capfd.readouterr()
    assert SECRET not in out + err + page
