"""What an audit trail shows, held against a real ledger: ours, another's, a person's; over lost answers, deaths, clocks and copies."""

from __future__ import annotations

import json

import pytest

from tests.ledger.things import TARGET, intended, key
from tests.support.ledger import simulated_ledger  # noqa: F401  # a fixture
from watchdog.model.drifts import Judgement
from watchdog.model.repairs import Outcome, RepairState
from watchdog.model.snapshots import Actual
from watchdog.model.trails import Trail, TrailAct
from watchdog.reconciler.alone import MEMORY, Alone

OPENS = frozenset({"open"})


class Shown:
    """A target that shows what a test gives it."""

    name = TARGET

    def __init__(self):
        self.shown = Trail()

    def trail(self, actual, view, now):
        return self.shown


@pytest.fixture
def scene(simulated_ledger):  # noqa: F811
    ledger, clock = simulated_ledger
    return Scene(ledger, clock)


class Scene:
    def __init__(self, ledger, clock, account="us"):
        self.ledger, self.clock, self.target, self.account = ledger, clock, Shown(), account
        self.alone = Alone(ledger, "mcsmanager", self.target)
        self.acts = []
        self.ahead = 0.0

    def act(self, at=None, number="one", by="key", who="us", what="instance_start", remedies=OPENS):
        moment = (self.clock.now().wall if at is None else at) + self.ahead
        self.acts.append(TrailAct(f"id-{len(self.acts)}", what, moment, ("instance", number), by, who, remedies))

    def look(self, seconds=60.0):
        self.clock.advance(seconds)
        self.target.shown = Trail(tuple(self.acts), self.account, self.ahead)
        return self.alone.look(Actual(), None, Judgement(memory={"theirs": 1}), self.clock.now())

    @property
    def wall(self):
        return self.clock.now().wall


def test_what_was_there_at_the_first_look_accuses_nobody_and_what_comes_after_does(scene):
    scene.act()
    scene.look()
    scene.look()
    assert scene.alone.stranger is None
    scene.act()
    judgement = scene.look()
    assert scene.alone.stranger is not None and scene.alone.stranger.on == "instance/one"
    assert json.loads(judgement.memory[MEMORY])["who"] == "us" and judgement.memory["theirs"] == 1
    assert scene.alone.recall(judgement.memory) == {"theirs": 1}, "no panel sees the house's part"


@pytest.mark.parametrize("end", ["hangs", "in doubt", "done", "died"])
def test_an_act_of_a_repair_is_ours_however_it_ended(scene, end):
    scene.look()
    record = intended(scene.ledger, now=scene.wall)
    if end != "hangs":
        record = scene.ledger.move(record, RepairState.ACTING, scene.wall)
    if end == "in doubt":
        record = scene.ledger.move(record, RepairState.IN_DOUBT, scene.wall)
    scene.clock.advance(5.0)
    scene.act()
    if end == "done":
        scene.ledger.move(record, RepairState.SETTLING, scene.wall, outcome=Outcome.done())
    if end == "died":
        scene.alone = Alone(scene.ledger, "mcsmanager", scene.target)
    for _ in range(3):
        scene.look()
    assert scene.alone.stranger is None


def test_one_run_explains_one_act_of_a_sort_on_its_own_object_in_its_own_time(scene):
    scene.look()
    scene.clock.advance(60.0)
    record = scene.ledger.move(intended(scene.ledger, now=scene.wall), RepairState.ACTING, scene.wall)
    scene.ledger.move(record, RepairState.SETTLING, scene.wall, outcome=Outcome.done())
    scene.act()
    scene.look(5.0)
    assert scene.alone.stranger is None
    scene.act(scene.wall - 5.0)
    scene.look(5.0)
    assert scene.alone.stranger is not None, "the second within the same moment is another's"


@pytest.mark.parametrize("how", [{"number": "two"}, {"what": "instance_stop", "remedies": frozenset()}, {"at": 400.0}])
def test_what_no_repair_did_is_anothers(scene, how):
    scene.look()
    scene.clock.advance(60.0)
    record = scene.ledger.move(intended(scene.ledger, now=scene.wall), RepairState.ACTING, scene.wall)
    scene.ledger.move(record, RepairState.GAVE_UP, scene.wall, outcome=Outcome.gave_up("no"))
    late = how.pop("at", 0.0)
    scene.act(scene.wall + late, **how)
    scene.look(late + 60.0)
    assert scene.alone.stranger is not None


def test_an_account_that_is_not_known_accuses_nobody_until_an_act_of_ours_names_it(scene):
    scene.account = ""
    scene.look()
    scene.clock.advance(60.0)
    scene.act(number="two")
    scene.look()
    assert scene.alone.stranger is None and not scene.alone.touched
    intended(scene.ledger, now=scene.wall)
    scene.act()
    scene.act(number="three", who="somebody else")
    scene.look()
    assert scene.alone.stranger is not None and scene.alone.stranger.on == "instance/two"
    assert list(scene.alone.touched) == [key("three")]


def test_a_key_that_the_trail_does_not_name_accuses_nobody_and_is_no_person(scene):
    scene.account = ""
    scene.look()
    scene.clock.advance(60.0)
    intended(scene.ledger, now=scene.wall)
    scene.act(who="")
    scene.act(number="two", who="")
    scene.look()
    scene.look()
    assert scene.alone.stranger is None and not scene.alone.touched


def test_a_persons_newest_act_on_each_object_is_known_by_our_clock(scene):
    scene.ahead = 3600.0
    scene.act(by="person", who="anna")
    scene.act(by="person", who="bert", what="instance_stop")
    scene.look()
    touch = scene.alone.touched[key()]
    assert (touch.who, touch.what, touch.at) == ("bert", "instance_stop", scene.wall - 60.0)


@pytest.mark.parametrize("what", ["the ledger was away", "the panel's clock jumps", "a person acknowledges"])
def test_what_was_done_while_we_could_not_know_accuses_nobody(scene, what):
    scene.look()
    scene.clock.advance(60.0)
    scene.act()
    if what == "the ledger was away":
        scene.ledger._door._broke("gone", "its file is gone")
        scene.ledger.check()
    elif what == "the panel's clock jumps":
        scene.ahead = 7200.0
    else:
        scene.look()
        assert scene.alone.stranger is not None
        scene.alone.acknowledge()
    scene.look()
    assert scene.alone.stranger is None and scene.alone.message() == ""
    scene.clock.advance(60.0)
    scene.act()
    scene.look()
    assert scene.alone.stranger is not None, "what comes after it counts again"
