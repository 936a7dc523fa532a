"""Today's program on the ledger of each released schema: it runs, a repair in flight gets its verdict, a standing pause is kept again."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from tests.support.duplicati_program import Household
from tests.support.postgresql import postgresql
from tests.support.released import HOST, SCHEMAS, TARGET, dump, restore_sqlite
from tests.support.small_world import program_in, samples, scrape, wait_until
from watchdog.model.repairs import RepairState

__all__ = ["postgresql"]

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def house():
    with Household(mode="repair", overdue_grace="60s") as made:
        made.world.add_job("letters", time=time.time() + 86_400.0, seconds=0.1)
        yield made


def ledger_of(house, kind, schema, request):
    """Restore what a release left; return the settings of the ledger."""
    if kind == "sqlite":
        restore_sqlite(house.folder / "ledger.sqlite3", schema)
        return {"url": f"sqlite:///{house.folder}/ledger.sqlite3", "ephemeral": True}
    server = request.getfixturevalue("postgresql")
    name = server.database()
    server.execute(dump(schema, "postgresql"), name)
    return {"url": server.url(name)}


ON_POSTGRESQL = pytest.param("postgresql", "0002", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")])


@pytest.mark.parametrize(("kind", "schema"), [*(("sqlite", schema) for schema in SCHEMAS), ON_POSTGRESQL])
def test_it_runs_takes_up_what_was_in_flight_and_keeps_what_stands(house, kind, schema, request):
    settings = house.settings(host=HOST, ledger=ledger_of(house, kind, schema, request))
    with program_in(SimpleNamespace(config=house.write(settings))) as program:
        commands = program.commands
        wait_until(lambda: commands.status(TARGET).passes >= 3, "passes")
        taken = wait_until(lambda: judged(commands), "a verdict of the repair whose process died")
        assert taken.state is RepairState.VERIFIED, taken
        if schema >= "0002":
            wait_until(lambda: house.world.program == "Paused", "the pause that stands")
            assert [pause.reason for pause in program.pauses.pauses(TARGET)] == ["the disk is being moved"]
        else:
            assert program.pauses.pauses(TARGET) == () and house.world.program == "Running"
        found = samples(scrape(program)[1])
        assert found[f'watchdog_target_paused{{panel="duplicati",target="{TARGET}"}}'] == float(schema >= "0002")
        assert found[f'watchdog_reconcile_ledger_ok{{panel="duplicati",target="{TARGET}"}}'] == 1.0
    assert not house.server.sent("/run", "POST"), "what was in flight is looked at, never sent again unseen"


def judged(commands):
    found = next(each for each in commands.repairs(TARGET, 50) if each.id == 3)
    return None if found.state in {RepairState.ACTING, RepairState.IN_DOUBT, RepairState.SETTLING} else found
