"""Which publications wake which targets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchdog.app.news import News
from watchdog.model.docker import Container, DockerFacts, Gate
from watchdog.model.moments import Moment
from watchdog.model.needs import ContainerNeed, Needs
from watchdog.model.snapshots import Actual, Snapshot

NEEDS = {
    "games": Needs(containers=(ContainerNeed(("mc",)),), docker=True),
    "sites": Needs(containers=(ContainerNeed(("www",)),), docker=True),
    "old": Needs(docker=True),
    "files": Needs(),
}
GAME = Container("1", "mc-1", "bb", "running", started_at=5.0, labels={"mc": "u1", "other": "x"})
SITE = Container("2", "www-1", "bb", "running", started_at=5.0, labels={"www": "s1"})
ALIEN = Container("3", "proxy", "nginx", "running", started_at=5.0, labels={"other": "y"})
FACTS = DockerFacts("engine", "20.10", (GAME, SITE, ALIEN), engine_started_at=1.0)


def actual(facts=FACTS, *, gate=False, error=None):
    now = Moment(0.0, 0.0)
    snapshot = None if facts is None else Snapshot("docker", facts, now, now, 15.0, error=error)
    return Actual(docker=snapshot, gate=Gate(open=gate))


def changed(*containers, **more):
    return replace(FACTS, containers=containers, **more)


@pytest.fixture
def news():
    made = News(NEEDS)
    assert made.heard("docker", actual()) == ("games", "sites", "old"), "the first snapshot is news to all who need Docker"
    return made


@pytest.mark.parametrize(
    ("case", "facts", "woken"),
    [
        ("nothing new", FACTS, ()),
        ("another sequence", changed(ALIEN, SITE, GAME), ()),
        ("a foreign one died", changed(GAME, SITE, replace(ALIEN, state="exited")), ()),
        ("a foreign one is new", changed(GAME, SITE, ALIEN, replace(ALIEN, id="4", name="cron")), ()),
        ("a foreign one has gone", changed(GAME, SITE), ()),
        ("one of ours died", changed(replace(GAME, state="exited"), SITE, ALIEN), ("games",)),
        ("one of ours was started anew between two looks", changed(replace(GAME, started_at=6.0), SITE, ALIEN), ("games",)),
        ("one of ours was renamed", changed(replace(GAME, name="mc-2"), SITE, ALIEN), ("games",)),
        ("one of ours was made anew", changed(replace(GAME, id="9"), SITE, ALIEN), ("games",)),
        ("one of ours has gone", changed(SITE, ALIEN), ("games",)),
        ("one of ours is new", changed(GAME, SITE, ALIEN, replace(GAME, id="9")), ("games",)),
        ("a label that nobody asked for changed", changed(replace(GAME, labels={"mc": "u1"}), SITE, ALIEN), ()),
        ("a label that was asked for changed", changed(replace(GAME, labels={"mc": "u2", "other": "x"}), SITE, ALIEN), ("games",)),
        ("both", changed(replace(GAME, state="dead"), replace(SITE, state="dead"), ALIEN), ("games", "sites")),
        ("another engine process under the same containers", replace(FACTS, engine_started_at=2.0), ("games", "sites", "old")),
        ("another engine", replace(FACTS, engine_id="other"), ("games", "sites", "old")),
        ("only counts and events moved", replace(FACTS, tallies={("die", "proxy"): 7.0}), ()),
    ],
)
def test_a_snapshot_wakes_whom_it_concerns_once(news, case, facts, woken):
    assert news.heard("docker", actual(facts)) == woken, case
    assert news.heard("docker", actual(facts)) == (), "the same again is no news"


def test_the_gate_wakes_those_who_need_docker_when_it_opens_and_when_it_closes(news):
    said = [news.heard("gate", actual(gate=gate)) for gate in (False, True, True, False, False)]
    assert said == [(), ("games", "sites", "old"), (), ("games", "sites", "old"), ()]


def test_a_failed_look_with_the_last_facts_is_no_news(news):
    assert news.heard("docker", actual(error="Unreachable")) == ()
    assert news.heard("docker", actual()) == ()


def test_other_collectors_wake_nobody(news):
    for name in ("wireguard", "archives", "logs", "host"):
        assert news.heard(name, actual()) == ()


def test_a_look_that_never_succeeded_wakes_nobody():
    assert News(NEEDS).heard("docker", actual(None)) == ()
