"""What a person ordered, carried out twice: one effect by the server's record; none without our lease, one if its answer is lost."""

from __future__ import annotations

import pytest

from tests.support.duplicati_stage import HOUR, PAUSE, RESUME, TARGET, stage
from tests.support.hand import Counting
from watchdog.errors import LeaseLost
from watchdog.model.repairs import LedgerFacts, PlannedRepair, Risk
from watchdog.model.snapshots import Actual

JOB = "/api/v1/backup/1"
SETTINGS = "/api/v1/serversettings"
ROWS = {
    "pause": ("POST", PAUSE),
    "renew": ("POST", PAUSE),
    "resume": ("POST", RESUME),
    "move_schedule": ("PUT", JOB),
    "put_schedule_back": ("PUT", JOB),
    "set_startup_delay": ("PATCH", SETTINGS),
}


class Hand(Counting):
    """An Act in the stage's time."""

    def sleep(self, seconds):
        self.spend(seconds)

    def actual(self):
        return Actual()


class Ward:
    """One server with one job, and a target whose remedies are called one by one: what it holds and remembers is kept here."""

    def __init__(self, on):
        self.on, self.hand, self.memory = on, Hand(), {}
        self.job = on.world.add_job("photos", time=on.clock.now().wall + HOUR, passphrase="a-passphrase")

    @property
    def held(self):
        return tuple(each for number, each in self.hand.held.items() if number not in self.hand.released)

    def planned(self, remedy):
        """What is proposed at this moment by that name."""
        target, life = self.on.life.target, self.on.life
        life.beat.step()
        facts = LedgerFacts(memory=self.memory, pauses=life.pauses.facts(TARGET).standing, holdings=self.held)
        judged = target.detect(Actual(), target.view(), target.evidence(Actual()), facts, self.on.clock.now())
        self.memory = judged.memory
        proposals = [drift.proposal for drift in judged.drifts if drift.proposal is not None and drift.proposal.remedy == remedy]
        assert proposals, [(drift.kind, drift.truth, drift.hold) for drift in judged.drifts]
        return PlannedRepair(proposals[0], Risk.SAFE, ("drift",))

    def mend(self, planned):
        return self.on.life.target.repair(planned, self.hand)

    def sent(self, remedy):
        method, path = ROWS[remedy]
        return len([asked for asked in self.on.fake.seen if (asked.method, asked.path) == (method, path)])

    def before(self, remedy):
        """Bring about what the remedy is for; return the plan of it."""
        on, pauses = self.on, self.on.life.pauses
        if remedy == "set_startup_delay":
            return self.planned(remedy)
        task = "photos" if "schedule" in remedy else ""
        order = on.life.order(task=task, length=20 * HOUR)
        if remedy in {"pause", "move_schedule"}:
            return self.planned(remedy)
        assert self.mend(self.planned("move_schedule" if task else "pause")).end == "done"
        if remedy == "renew":
            on.clock.advance(7 * HOUR)
        else:
            pauses.resume(order.id, "me")
        return self.planned(remedy)


@pytest.fixture(params=["2.1.0.5", "2.2.0.1", "2.3.0.4"])
def ward(request, tmp_path):
    with stage(tmp_path, request.param, startup_delay="2m") as on:
        yield Ward(on)


@pytest.mark.parametrize("remedy", ROWS)
def test_carried_out_twice_it_is_sent_once(ward, remedy):
    planned = ward.before(remedy)
    sent = ward.sent(remedy)
    first = ward.mend(planned)
    state = (ward.on.world.program, ward.job.schedule.time, ward.on.world.settings["startup-delay"])
    second = ward.mend(planned)
    assert (first.end, second.end) == ("done", "done"), (first, second)
    assert (len(first.sent), second.sent) == (1, ())
    assert ward.sent(remedy) == sent + 1
    assert (ward.on.world.program, ward.job.schedule.time, ward.on.world.settings["startup-delay"]) == state


@pytest.mark.parametrize("remedy", ROWS)
def test_without_our_lease_nothing_is_sent(ward, remedy):
    planned = ward.before(remedy)
    sent, ward.hand.lost = ward.sent(remedy), True
    with pytest.raises(LeaseLost):
        ward.mend(planned)
    assert ward.sent(remedy) == sent


@pytest.mark.parametrize("remedy", ROWS)
def test_when_its_answer_is_lost_it_is_known_by_reading_again(ward, remedy):
    planned = ward.before(remedy)
    sent = ward.sent(remedy)
    ward.on.world.switches.lost = frozenset({" ".join(ROWS[remedy])})
    outcomes = [ward.mend(planned), ward.mend(planned)]
    assert [outcome.end for outcome in outcomes] == ["done", "done"]
    assert ward.sent(remedy) == sent + 1


@pytest.mark.parametrize("remedy", ["pause", "renew", "resume"])
def test_when_it_is_refused_it_is_not_called_done(ward, remedy):
    planned = ward.before(remedy)
    before = (ward.on.world.program, ward.sent(remedy))
    ward.on.world.switches.only, ward.on.world.switches.status = ROWS[remedy][1], 500
    assert ward.mend(planned).end == "later"
    assert (ward.on.world.program, ward.sent(remedy)) == (before[0], before[1] + 1)
