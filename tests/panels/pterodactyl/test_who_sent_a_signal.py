"""The panel's activity as an audit trail, over HTTP: our key's account, another key, a person; and what a second installation does."""

from __future__ import annotations

import pytest

from tests.support.ledger import ledger_at
from tests.support.pterodactyl_ward import Ward
from watchdog.model.drifts import Judgement
from watchdog.model.snapshots import Actual
from watchdog.reconciler.alone import Alone

POWER = "/api/client/servers/{}/power"


@pytest.fixture
def ward(tmp_path):
    with Ward(tmp_path, own={"account": "user1"}) as made:
        yield made


def looked(ward, seconds=400.0):
    """Let the activity be due and read (the server does not run), and return the trail."""
    ward.look(seconds)
    return ward.target.trail(ward.actual(), ward.target.view(), ward.clock.now())


def test_a_signal_says_whose_key_or_which_person_sent_it(ward):
    assert ward.send("POST", POWER.format(ward.server.uuid), {"signal": "kill"})[0] == 204
    ward.world.note(ward.server.id, "server:power.start", api=False, actor="anna")
    ward.world.note(ward.server.id, "server:power.stop", api=False)
    looked(ward)
    trail = looked(ward)
    assert trail is not None and trail.account == "user1"
    assert {(act.what, act.by, act.who) for act in trail.acts} == {
        ("server:power.kill", "key", "user1"), ("server:power.start", "person", "anna"), ("server:power.stop", "person", ""),
    }  # fmt: skip
    assert {act.object for act in trail.acts} == {("server", ward.server.uuid)}
    assert abs(trail.ahead) < 2.0, "the panel's clock is the world's"


def test_a_signal_by_our_key_that_no_ledger_knows_is_anothers(ward, tmp_path):
    ledger = ledger_at(tmp_path / "ledger.sqlite3", ward.clock)
    alone = Alone(ledger, "pterodactyl", ward.target)

    def judged():
        ward.look(400.0)
        alone.look(Actual(), ward.target.view(), Judgement(), ward.clock.now())

    judged()
    judged()
    assert alone.stranger is None
    ward.send("POST", POWER.format(ward.server.uuid), {"signal": "kill"})
    judged()
    judged()
    assert alone.stranger is not None
    assert (alone.stranger.what, alone.stranger.who, alone.stranger.on) == ("server:power.kill", "user1", f"server/{ward.server.uuid}")
    ledger.close()
