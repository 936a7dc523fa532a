"""A program older than the ledger it is given looks and exports, says why it does no more, writes nothing and sends nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.ledger.test_preparing import EXPAND, NEXT, migrations
from tests.support.small_world import lose_autostart, rewrite, samples, scrape, small_world, wait_until
from watchdog import settings
from watchdog.app import Program
from watchdog.ledger.open import open_ledger
from watchdog.ledger.schema import VERSION_TABLE
from watchdog.model.moments import Clock
from watchdog.runtime.clock import SystemClock

pytestmark = pytest.mark.timeout(300)


def repairs_by_itself(document):
    document["panels"] = {"mcsmanager": document["panels"]["mcsmanager"]}
    document["panels"]["mcsmanager"][0].update(mode="repair", baseline="repair")


def ledger_of_the_next_version(loaded, folder):
    clock: Clock = SystemClock()
    steps = migrations(folder / "steps", EXPAND)
    return open_ledger(loaded.ledger, clock, migrate=True, host="another", migrations=steps, head=NEXT)


def content(path):
    with closing(sqlite3.connect(path)) as connection:
        return tuple(line for line in connection.iterdump() if VERSION_TABLE not in line)


def test_it_looks_and_exports_and_sends_nothing_beside_a_newer_one(tmp_path):
    with small_world() as world:
        rewrite(world.config, repairs_by_itself)
        loaded = settings.load(world.config, {})
        newer = ledger_of_the_next_version(loaded, tmp_path)
        program = Program(loaded, lambda: loaded)
        try:
            program.start()
            wait_until(lambda: program.world.commands.statuses()[0].passes, "a pass")
            before = content(loaded.ledger.path)
            lose_autostart(world)
            wait_until(lambda: any(state.value == "pending" for _, state in program.world.commands.statuses()[0].episodes), "drifts found")
            passes = program.world.commands.statuses()[0].passes
            wait_until(lambda: program.world.commands.statuses()[0].passes > passes + 3, "more passes")
            (status,) = program.world.commands.statuses()
            said = {each.type: each for each in status.conditions}["LedgerReady"]
            assert (said.status, said.reason, status.last_result) == (False, "ReadOnly", "no_ledger")
            assert "a newer panel-watchdog has used it" in said.message and NEXT in said.message
            assert not program.readiness().ok and any(NEXT in each for each in program.readiness().missing)
            found = samples(scrape(program)[1])
            assert found["watchdog_ledger_read_only"] == 1.0 and found["watchdog_ledger_up"] == 0.0
            assert found['watchdog_panel_up{panel="mcsmanager",target="games"}'] == 1.0
            assert not [each for each in world.panel.operations if each["type"] == "instance_start"], "nothing was sent"
            assert content(loaded.ledger.path) == before, "nothing was written"
            assert newer.lease("host/another", "the newer one", 60.0) is not None
        finally:
            program.stop()
            newer.close()
