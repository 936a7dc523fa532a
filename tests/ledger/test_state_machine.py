"""The ledger against a small pure model, by random walks over everything a reconciler does; with restarts in between."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.ledger.things import drift, key, planned
from tests.support.ledger import ledger_at
from watchdog.errors import Refused
from watchdog.ledger.drifts import FORGIVE_AFTER
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.ledger.repairs import MOVES, RESULTS
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.drifts import Judgement, Subject, UnknownSubject
from watchdog.model.repairs import Outcome, RepairRecord, RepairState
from watchdog.runtime.clock import SystemClock

S = RepairState
UNFINISHED = {S.INTENDED, S.ACTING, S.SETTLING, S.IN_DOUBT}
NAMES = ["a", "b", "c"]
names = st.sampled_from(NAMES)
looks = st.dictionaries(names, st.integers(1, 2), max_size=3)


@dataclass(frozen=True)
class Seen:
    """What the model knows of one open episode."""

    first: float
    last: float
    looks: int
    since: float
    evidence: int
    opened: float | None = None
    blind: float | None = None
    baseline: bool = False
    ignored: str | None = None


@dataclass
class Ignored:
    """One ignore: which names it is for, and the evidence that it hid first (0 = has lost its hold)."""

    name: str | None
    reason: str
    hidden: dict[str, int] = field(default_factory=dict)

    def hides(self, name: str, evidence: int) -> bool:
        if self.name not in {None, name}:
            return False
        if self.hidden.setdefault(name, evidence) != evidence:
            self.hidden[name] = 0
        return self.hidden[name] == evidence


@dataclass
class Tried:
    """What the model knows of one object."""

    attempts: int = 0
    unverified: int = 0
    last: float | None = None
    verified: float | None = None
    not_before: float | None = None


class LedgerMachine(RuleBasedStateMachine):
    """``open_book`` opens the same database again; ``target`` is this walk's own."""

    numbers = itertools.count(1)

    def open_book(self) -> Ledger:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.target = f"target-{next(self.numbers)}"
        self.now = 10_000.0
        self.book = self.open_book()
        self.open: dict[str, Seen] = {}
        self.closed = 0
        self.memory: dict[str, Any] = {}
        self.baseline = "none"
        self.ignores: dict[int, Ignored] = {}
        self.records: dict[int, RepairRecord] = {}
        self.stale: list[RepairRecord] = []
        self.tried: dict[str, Tried] = {}
        self.ended: Counter[tuple[str, str, str, str]] = Counter()

    def ignored(self, name: str, evidence: int) -> str | None:
        # all are asked in the ledger's order, newest first, until one hides
        return next((each.reason for _, each in sorted(self.ignores.items(), reverse=True) if each.hides(name, evidence)), None)

    def judge_ignores_anew(self) -> None:
        self.open = {name: replace(each, ignored=self.ignored(name, each.evidence)) for name, each in self.open.items()}

    @rule(seconds=st.sampled_from([1.0, 15.0, 700.0, FORGIVE_AFTER]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(found=looks, unknown=st.sets(names), baseline=st.booleans(), started=st.integers(0, 2))
    def look(self, found: dict[str, int], unknown: set[str], baseline: bool, started: int) -> None:
        drifts = tuple(drift(name, target=self.target, status=evidence) for name, evidence in found.items())
        judgement = Judgement(
            drifts, tuple(UnknownSubject(Subject("instance", name), "blind") for name in unknown), (), {"started": started}
        )
        before, after, gone = self.open, {}, set()
        for name, was in before.items():
            if name in found:
                again = was.blind is None
                after[name] = replace(
                    was, last=self.now, looks=was.looks + 1 if again else 1, since=was.since if again else self.now, blind=None,
                    evidence=found[name], ignored=self.ignored(name, found[name]),
                )  # fmt: skip
            elif name in unknown:
                after[name] = replace(was, looks=0, since=self.now, blind=was.blind or self.now)
            else:
                gone.add(name)
        for name in found.keys() - before.keys():
            after[name] = Seen(self.now, self.now, 1, self.now, found[name], baseline=baseline, ignored=self.ignored(name, found[name]))
        self.open, self.memory, self.closed = after, {"started": started}, self.closed + len(gone)
        for name in gone & self.tried.keys():
            tried = self.tried[name]
            if not self.unfinished(name) and tried.last is not None and tried.last <= self.now - FORGIVE_AFTER:
                tried.attempts = tried.unverified = 0
        assert len(self.book.observe(self.target, judgement, self.now, baseline=baseline)) == len(after)

    @rule()
    def see_nothing(self) -> None:
        self.open = {name: replace(was, looks=0, since=self.now, blind=was.blind or self.now) for name, was in self.open.items()}
        self.book.blind(self.target, self.now)

    @rule(found=st.sets(names))
    def confirm(self, found: set[str]) -> None:
        chosen = [episode for episode in self.book.episodes(self.target) if episode.drift.subject.id in found]
        self.book.confirm(chosen, self.now)
        for name in found & self.open.keys():
            self.open[name] = replace(self.open[name], opened=self.open[name].opened or self.now)

    @rule(state=st.sampled_from(["taken", "accepted", "repair"]))
    def decide_about_the_baseline(self, state: Any) -> None:
        expected = sum(each.baseline for each in self.open.values())
        assert self.book.set_baseline(self.target, state, self.now) == expected
        self.baseline = state
        if state == "repair":
            self.open = {name: replace(each, baseline=False) for name, each in self.open.items()}

    @rule(name=st.one_of(names, st.none()))
    def ignore(self, name: str | None) -> None:
        pattern = drift(name, target=self.target).key if name else f"*/{self.target}/*"
        made = self.book.ignore(pattern, f"reason {len(self.ignores)}", None, "ann", self.now)
        self.ignores[made.id] = Ignored(name, made.reason)
        self.judge_ignores_anew()

    @precondition(lambda self: self.ignores)
    @rule(data=st.data())
    def unignore(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.ignores)))
        assert self.book.unignore(number) is True
        del self.ignores[number]
        self.judge_ignores_anew()

    def unfinished(self, name: str) -> bool:
        return any(record.object.id == name and record.state in UNFINISHED for record in self.records.values())

    @rule(name=names)
    def intend(self, name: str) -> None:
        wanted = planned(name)
        wanted = replace(wanted, proposal=replace(wanted.proposal, object=key(name, self.target)))
        lease = self.book.lease(wanted.proposal.object, "me", 60.0)
        assert lease is not None
        if self.unfinished(name):
            with pytest.raises(Refused):
                self.book.intend(wanted, lease, "policy", self.now)
            return
        record = self.book.intend(wanted, lease, "policy", self.now)
        self.records[record.id] = record
        tried = self.tried.setdefault(name, Tried())
        tried.attempts, tried.last = tried.attempts + 1, self.now

    @precondition(lambda self: self.records)
    @rule(data=st.data(), to=st.sampled_from(list(S)), delay=st.sampled_from([None, 30.0, 4000.0]))
    def move(self, data: st.DataObject, to: RepairState, delay: float | None) -> None:
        record = self.records[data.draw(st.sampled_from(sorted(self.records)))]
        if to in MOVES[record.state]:
            self.move_to(record, to, delay)
            return
        with pytest.raises(ValueError, match="cannot go"):
            self.book.move(record, to, self.now)

    def move_to(self, record: RepairRecord, to: RepairState, delay: float | None) -> None:
        outcome = {S.LATER: Outcome("later", "", delay), S.SETTLING: Outcome.done()}.get(to)
        moved = self.book.move(record, to, self.now, outcome=outcome)
        assert moved is not None
        self.records[record.id] = moved
        self.stale.append(record)
        self.remember_the_end(moved, delay)

    @precondition(lambda self: any(record.state in UNFINISHED for record in self.records.values()))
    @rule(data=st.data(), delay=st.sampled_from([None, 30.0, 4000.0]))
    def carry_on(self, data: st.DataObject, delay: float | None) -> None:
        number = data.draw(st.sampled_from(sorted(each for each, record in self.records.items() if record.state in UNFINISHED)))
        to = data.draw(st.sampled_from(sorted(MOVES[self.records[number].state], key=lambda state: state.value)))
        self.move_to(self.records[number], to, delay)

    @rule(name=names, end=st.sampled_from([S.VERIFIED, S.UNVERIFIED]))
    def repair_whole(self, name: str, end: RepairState) -> None:
        if self.unfinished(name):
            return
        self.intend(name)
        number = max(self.records)
        for to in (S.ACTING, S.SETTLING, end):
            self.move_to(self.records[number], to, None)

    def remember_the_end(self, moved: RepairRecord, delay: float | None) -> None:
        tried = self.tried[moved.object.id]
        if moved.state is S.VERIFIED:
            tried.attempts = tried.unverified = 0
            tried.verified, tried.not_before = self.now, None
        elif moved.state is S.UNVERIFIED:
            tried.unverified += 1
        elif moved.state is S.LATER and delay is not None:
            tried.not_before = max(tried.not_before or 0.0, self.now + delay)
        if moved.state in RESULTS:
            self.ended["mcsmanager", self.target, "open", moved.state.value] += 1

    @precondition(lambda self: self.stale)
    @rule(data=st.data(), to=st.sampled_from(list(S)))
    def move_what_somebody_else_moved(self, data: st.DataObject, to: RepairState) -> None:
        record = data.draw(st.sampled_from(self.stale))
        if to in MOVES[record.state]:
            assert self.book.move(record, to, self.now) is None

    @rule()
    def restart(self) -> None:
        self.book.close()
        self.book = self.open_book()

    @rule()
    def prune(self) -> None:
        self.book.prune(self.now)  # nothing is old enough

    @invariant()
    def drifts_agree(self) -> None:
        found = {
            episode.drift.subject.id: Seen(
                episode.first_seen, episode.last_seen, episode.looks, episode.looks_since, int(str(episode.drift.evidence["status"])),
                episode.opened_at, episode.blind_since, episode.baseline, episode.ignore_reason,
            )
            for episode in self.book.episodes(self.target)
        }  # fmt: skip
        assert found == self.open
        assert sum(episode.closed_at is not None for episode in self.book.episodes(self.target, closed=True)) == self.closed
        assert self.book.baseline(self.target) == self.baseline

    @invariant()
    def repairs_agree(self) -> None:
        assert {record.id: record for record in self.book.repairs(self.target)} == self.records
        facts = self.book.facts(self.target, self.now)
        assert facts.memory == self.memory
        lately = Counter(record.object.id for record in self.records.values() if record.intended_at > self.now - 3600.0)
        for name, tried in self.tried.items():
            history = facts.history[key(name, self.target)]
            found = (history.attempts, history.unverified, history.last_attempt_at, history.last_verified_at, history.not_before)
            assert found == (tried.attempts, tried.unverified, tried.last, tried.verified, tried.not_before)
            assert history.attempts_last_hour == lately[name]
        totals = {labels: count for labels, count in self.book.repair_totals().items() if labels[1] == self.target}
        assert totals == self.ended

    def teardown(self) -> None:
        if hasattr(self, "book"):
            for number in self.ignores:  # ignores are for all targets: the next walk would be judged by them, too
                self.book.unignore(number)
            self.book.close()


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[type[LedgerMachine]]:
    """Give the machine on one database; each walk has its own target there."""
    server = request.param == "postgresql" and request.getfixturevalue("postgresql")
    with tempfile.TemporaryDirectory() as directory:
        url = server.url(server.database(request.getfixturevalue("postgresql_template"))) if server else ""

        class Machine(LedgerMachine):
            def open_book(self) -> Ledger:
                if url:
                    return open_ledger(LedgerSettings(url=url), SystemClock(), migrate=True, host="test-host")
                return ledger_at(Path(directory) / "ledger.sqlite3", SystemClock())

        yield Machine


def walk(machine: type[LedgerMachine], examples: int, steps: int, phases: tuple[Phase, ...]) -> None:
    bounds = settings(
        max_examples=examples,
        stateful_step_count=steps,
        phases=phases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=bounds)  # type: ignore[no-untyped-call]


on_both = pytest.mark.parametrize(
    "machine",
    [
        pytest.param("sqlite", id="sqlite"),
        pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]),
    ],
    indirect=True,
)


@pytest.mark.timeout(1200)
@on_both
def test_the_ledger_agrees_with_the_model(machine: type[LedgerMachine]):
    walk(machine, 15, 30, (Phase.generate,))  # shrinking takes minutes: the soak does it


@pytest.mark.soak
@pytest.mark.timeout(3600)
@on_both
def test_the_ledger_agrees_with_the_model_for_long(machine: type[LedgerMachine]):
    """As many walks as WATCHDOG_SOAK_WALKS says: 200 take some ten minutes on each database."""
    walk(machine, int(os.environ.get("WATCHDOG_SOAK_WALKS", "200")), 80, (Phase.generate, Phase.shrink))
