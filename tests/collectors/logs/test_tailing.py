"""Following logs through everything that befalls them, with real files, and what counts as evidence afterwards."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime

import pytest

from tests.support.keeping import Counts, OffsetShelf
from watchdog.collectors.logs.assemble import build, wanted
from watchdog.collectors.logs.collector import LogsCollector
from watchdog.collectors.logs.metrics import METRICS, SPECS
from watchdog.collectors.logs.settings import LogsSettings
from watchdog.errors import BadSettings, Unreachable
from watchdog.model.metrics import families
from watchdog.model.needs import LogNeed, Needs
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.log import register_secret

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()
PATTERNS = (("backup", r"^(?P<time>\S+) backup=(?P<uuid>\w+)"), ("any", r"said (?P<word>.+)"))


class Bench:
    """One log, its collector, and a clock; ``restart`` makes a new collector with the same book."""

    def __init__(self, path, **settings):
        self.path = path
        self.clock = SimulatedClock(wall=NOON)
        self.book = OffsetShelf()
        self.counts = Counts()
        self.settings = LogsSettings(**settings)
        self.need = LogNeed("log", str(path), patterns=PATTERNS)
        self.collector = None
        self.restart()

    def restart(self):
        if self.collector is not None:
            self.collector.close()
        self.counts = Counts()
        self.collector = LogsCollector(self.settings, (self.need,), self.clock, self.counts, self.book)

    def say(self, *uuids, at=None, path=None):
        with (path or self.path).open("a") as file:
            for uuid in uuids:
                file.write(f"{self.time(at)} backup={uuid}\n")

    def time(self, at=None):
        return datetime.fromtimestamp(self.clock.now().wall if at is None else at, UTC).isoformat()

    def look(self, seconds=10.0):
        self.clock.advance(seconds)
        self.facts = self.collector.collect()
        self.source = self.facts.sources[0]
        return [match.fields.get("uuid") for match in self.facts.matches]

    def counted(self, pattern="backup"):
        return self.counts.counts["watchdog_log_matches_total", "log", pattern]

    @property
    def ago(self):
        """How many seconds back our evidence reaches."""
        return self.clock.now().wall - self.source.covered_from


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "app.log")
    yield made
    made.collector.close()


def test_lines_are_matched_once_with_their_time_and_fields(bench):
    bench.say("a", "b")
    assert bench.look() == ["a", "b"]
    assert bench.facts.matches[0].at == NOON
    assert bench.facts.matches[0].pattern == "backup"
    bench.say("c")
    assert bench.look() == ["a", "b", "c"]
    assert bench.look() == ["a", "b", "c"]
    assert bench.counted() == 3
    assert (bench.source.gaps, bench.source.error, bench.source.read_to) == (0, None, bench.clock.now().wall)
    assert bench.source.offset == bench.path.stat().st_size


def test_the_first_look_covers_from_its_first_dated_line(bench):
    bench.say("old", at=NOON - 500)
    bench.say("new", at=NOON - 100)
    bench.look()

    assert bench.source.covered_from == NOON - 500
    bench.look()
    assert bench.source.covered_from == NOON - 500


def test_the_first_look_of_a_silent_log_covers_from_now_and_stays(bench):
    bench.path.write_text("nothing of interest\n")
    bench.look()
    first = bench.source.covered_from
    assert first == bench.clock.now().wall

    bench.look()
    bench.look()

    assert bench.source.covered_from == first
    assert bench.source.read_to == bench.clock.now().wall


def test_an_empty_log_covers_from_the_first_look_on(bench):
    bench.path.write_text("")
    bench.look()
    first = bench.source.covered_from
    bench.look()
    bench.say("a")

    assert bench.look() == ["a"]
    assert bench.source.covered_from == first


def test_the_first_look_begins_near_the_end_of_a_long_log(tmp_path):
    bench = Bench(tmp_path / "app.log", window=4096)
    bench.say(*(f"n{n}" for n in range(500)), at=NOON - 1000)
    bench.say("last", at=NOON - 5)

    seen = bench.look()

    assert seen[-1] == "last"
    assert 50 < len(seen) < 120
    assert bench.source.covered_from == NOON - 1000


def test_a_line_being_written_waits_for_its_end(bench):
    bench.say("a")
    with bench.path.open("a") as file:
        file.write(f"{bench.time()} back")
        file.flush()
        assert bench.look() == ["a"]
        file.write("up=b\n")
        file.flush()
        assert bench.look() == ["a", "b"]
    assert bench.counted() == 2


def test_renamed_and_made_anew_nothing_is_lost(bench):
    """logrotate's default: the writer goes on in the renamed file until it opens the new one."""
    bench.say("a")
    bench.look()
    covered = bench.source.covered_from
    writer = bench.path.open("a")
    bench.path.rename(bench.path.with_name("app.log.1"))
    writer.write(f"{bench.time()} backup=late1\n")
    writer.flush()
    bench.say("b")
    bench.look()
    writer.write(f"{bench.time()} backup=late2\n")
    writer.close()
    bench.look()
    bench.say("c")

    assert sorted(bench.look()) == ["a", "b", "c", "late1", "late2"]
    assert bench.counted() == 5
    assert (bench.source.gaps, bench.source.covered_from) == (0, covered)


def test_while_the_path_leads_nowhere_silence_proves_nothing(bench):
    bench.say("a")
    bench.look()
    reached = bench.source.read_to
    bench.path.rename(bench.path.with_name("app.log.1"))
    bench.look()

    assert (bench.source.error, bench.source.read_to) == ("missing", reached)
    bench.say("b")
    bench.look()
    assert bench.look() == ["a", "b"]
    assert (bench.source.error, bench.source.gaps) == (None, 0)
    assert bench.source.read_to == bench.clock.now().wall


def test_two_rotations_between_two_looks_are_a_gap(bench):
    bench.say("a")
    bench.look()
    bench.clock.advance(100)
    bench.path.rename(bench.path.with_name("app.log.2"))
    bench.say("lost", path=bench.path.with_name("app.log.1"))
    bench.say("b")
    bench.look()
    bench.look()

    assert "lost" not in bench.look()
    assert bench.source.gaps == 1
    assert bench.counts.counts["watchdog_log_gaps_total", "log", "rotated_away"] == 1
    assert bench.source.covered_from >= NOON + 110


def test_a_neighbour_of_a_similar_name_is_no_rotation(bench):
    bench.say("a")
    bench.look()
    bench.path.rename(bench.path.with_name("app.log.1"))
    bench.say("b")
    bench.path.with_name("app-install.log").write_text("x\n")
    bench.path.with_name("app.log.bak").write_text("x\n")
    bench.look()
    bench.look()

    assert bench.source.gaps == 0


def test_copied_and_truncated_is_a_gap(bench):
    """What was written between our last look and the truncation went to the copy."""
    bench.say("a", "b", "c")
    bench.look()
    shutil.copy(bench.path, bench.path.with_name("app.log.1"))
    os.truncate(bench.path, 0)
    bench.clock.advance(50)
    bench.say("d")

    assert bench.look() == ["a", "b", "c", "d"]
    assert (bench.source.gaps, bench.source.covered_from) == (1, NOON + 60)
    bench.look()
    assert bench.source.gaps == 1


def test_truncated_and_grown_beyond_is_found_by_its_first_bytes(bench):
    bench.say("a")
    bench.look()
    os.truncate(bench.path, 0)
    bench.say("x", at=NOON + 1)
    bench.say("y", "z")

    assert bench.look() == ["a", "x", "y", "z"]
    assert bench.source.gaps == 1


def test_truncated_and_silent_is_one_gap_and_not_one_each_look(bench):
    bench.say("a")
    bench.look()
    os.truncate(bench.path, 0)
    bench.look()
    covered = bench.source.covered_from
    for _ in range(5):
        bench.look()

    assert (bench.source.gaps, bench.source.covered_from) == (1, covered)


def test_a_line_too_long_is_a_gap_but_its_beginning_is_matched(tmp_path):
    bench = Bench(tmp_path / "app.log", max_line=256)
    bench.say("a")
    bench.look()
    with bench.path.open("a") as file:
        file.write(f"{bench.time()} backup=long " + "x" * 5000 + "\n")
    bench.clock.advance(5)
    bench.say("b")

    assert bench.look() == ["a", "long", "b"]
    assert bench.source.gaps == 1
    assert bench.source.covered_from == NOON + 15


def test_an_endless_line_moves_the_evidence_as_long_as_it_goes_on(tmp_path):
    bench = Bench(tmp_path / "app.log", max_line=256)
    bench.say("a")
    bench.look()
    for _ in range(4):
        with bench.path.open("a") as file:
            file.write("x" * 5000)
        bench.look()
        assert bench.ago == 0

    assert bench.source.gaps == 1


def test_a_backlog_is_read_in_bounded_steps_without_a_gap(tmp_path):
    bench = Bench(tmp_path / "app.log", max_bytes="64KiB", window=4096)
    bench.say("first")
    bench.look()
    bench.say(*(f"n{n}" for n in range(5000)))
    looks = 0
    while bench.look()[-1] != "n4999":
        looks += 1
        assert bench.source.read_to == NOON + 10
        assert bench.counts.counts["watchdog_log_read_bytes_total", "log"] <= (looks + 1) * 70_000
    assert looks >= 2
    assert bench.source.gaps == 0
    assert bench.counted() == 5001


def test_too_large_a_backlog_is_skipped_and_is_a_gap(tmp_path):
    bench = Bench(tmp_path / "app.log", max_backlog="1MiB", window=4096)
    bench.say("first")
    bench.look()
    with bench.path.open("a") as file:
        file.write("noise\n" * 300_000)
    bench.say("last")

    assert bench.look() == ["first", "last"]
    assert bench.source.gaps == 1
    assert bench.ago == 10


def test_old_matches_go_and_the_evidence_moves_up(tmp_path):
    bench = Bench(tmp_path / "app.log", keep=10)
    for n in range(15):
        bench.say(f"n{n}", at=NOON + n)
    bench.look(100)

    assert bench.look() == [f"n{n}" for n in range(5, 15)]
    assert bench.source.covered_from == NOON + 4
    assert bench.counted() == 15


# ---- restarts ----------------------------------------------------------------------------------------------------------------------------


def test_after_a_restart_nothing_is_lost_and_nothing_counted_twice(bench):
    bench.say("a", at=NOON - 50)
    bench.say("b", at=NOON - 40)
    bench.look()
    bench.say("while we were down")
    bench.restart()

    assert bench.look() == ["a", "b", "while"]
    assert bench.counted() == 1
    assert (bench.source.gaps, bench.source.covered_from) == (0, NOON - 50)


def test_after_a_restart_evidence_reaches_no_further_back_than_what_is_read_again(tmp_path):
    """Matches are in memory only: what lies before the window is gone, so its silence proves nothing."""
    bench = Bench(tmp_path / "app.log", window=4096)
    bench.say("ancient", at=NOON - 9000)
    bench.look()
    bench.say(*(f"n{n}" for n in range(300)), at=NOON - 100)
    bench.look()
    assert bench.source.covered_from == NOON - 9000
    bench.restart()

    assert "ancient" not in bench.look()
    assert bench.source.covered_from == NOON - 100


def test_after_a_restart_a_gap_before_it_is_remembered(bench):
    bench.say("a", at=NOON - 500)
    bench.look()
    os.truncate(bench.path, 0)
    bench.say("b", at=NOON - 400)  # a line with an old time, written after the gap
    bench.look()
    assert bench.source.covered_from == NOON - 400
    bench.restart()
    bench.look()

    assert bench.source.covered_from >= NOON - 400


def test_a_rotation_while_we_were_down_is_followed(bench):
    bench.say("a")
    bench.look()
    bench.say("b")
    bench.path.rename(bench.path.with_name("app.log.1"))
    bench.say("c")
    bench.restart()

    assert bench.look() == ["a", "b", "c"]
    assert (bench.source.gaps, bench.counted()) == (0, 2)


def test_a_rotation_that_was_compressed_while_we_were_down_is_a_gap(bench):
    bench.say("a")
    bench.look()
    bench.path.rename(bench.path.with_name("app.log.1"))
    bench.say("b")
    os.link(bench.path.with_name("app.log.1"), bench.path.with_name("keeps the inode number from being used again"))
    bench.path.with_name("app.log.1").unlink()
    bench.path.with_name("app.log.1.gz").write_bytes(b"\x1f\x8b")
    bench.restart()

    assert bench.look() == ["b"]
    assert bench.source.gaps == 1


def test_two_rotations_while_we_were_down_are_a_gap(bench):
    bench.say("a")
    bench.look()
    bench.path.rename(bench.path.with_name("app.log.2"))
    bench.say("between", path=bench.path.with_name("app.log.1"))
    os.utime(bench.path.with_name("app.log.2"), (NOON, NOON))
    bench.say("c")
    bench.restart()

    assert bench.look() == ["a", "c"]
    assert bench.source.gaps == 1


def test_without_a_ledger_each_start_begins_near_the_end(bench):
    bench.book.down = True
    bench.say("a")
    assert bench.look() == ["a"]
    bench.restart()
    assert bench.look() == ["a"]
    assert bench.source.gaps == 0

    bench.book.down = False
    bench.look()

    assert bench.book.kept["log"].offset == bench.path.stat().st_size
    assert "backup=" not in bench.book.kept["log"].head


# ---- what cannot be read -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error"), [(lambda path: None, "missing"), (lambda path: path.mkdir(), "not_a_file"), (os.mkfifo, "not_a_file")]
)
def test_what_is_no_log_is_an_error_of_its_own_and_blocks_nothing(bench, make, error):
    make(bench.path)

    assert bench.look() == []
    assert bench.source.error == error
    assert bench.source.covered_from is None


def test_a_log_that_appears_later_is_read_from_then_on(bench):
    bench.look()
    bench.say("a")

    assert bench.look() == ["a"]
    assert bench.source.error is None


def test_binary_junk_is_tolerated(bench):
    bench.say("a")
    bench.look()
    with bench.path.open("ab") as file:
        file.write(os.urandom(100_000) + b"\n" + bytes(50_000) + b"\n\xff\xfe\n")
    bench.say("b")

    assert bench.look()[-1] == "b"


def test_secrets_in_matches_are_redacted(bench):
    register_secret("hunter2hunter2")
    bench.path.write_text("said hunter2hunter2 and token=abcdef123456\n")
    bench.look()

    assert bench.facts.matches[0].fields == {"word": "*** and token=***"}


# ---- containers --------------------------------------------------------------------------------------------------------------------------


class FakeEngine:
    """Answers list and logs like an engine; only what the collector asks for."""

    def __init__(self):
        self.id = "one"
        self.lines = []
        self.error = None

    def say(self, at, text):
        self.lines.append((at, text))

    def list(self, seconds):
        if self.error is not None:
            raise self.error
        return [{"Id": self.id, "Names": ["/panel"]}] if self.id else []

    def logs(self, container, since, seconds, limit):
        assert container == self.id
        lines = (
            f"{datetime.fromtimestamp(at, UTC).strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {text}\n" for at, text in self.lines if at >= since
        )
        return "".join(lines).encode()[:limit]


class ContainerBench(Bench):
    def __init__(self, tmp_path, **settings):
        self.engine = FakeEngine()
        super().__init__(tmp_path / "unused", **settings)

    def restart(self):
        self.need = LogNeed("log", container="panel", patterns=(("backup", r"backup=(?P<uuid>\w+)"),))
        self.counts = Counts()
        self.collector = LogsCollector(self.settings, (self.need,), self.clock, self.counts, self.book, self.engine)


@pytest.fixture
def boat(tmp_path):
    return ContainerBench(tmp_path)


def test_a_containers_log_is_followed_by_its_stamps(boat):
    boat.engine.say(NOON - 5000, "backup=ancient")
    boat.engine.say(NOON - 5, "backup=a")
    assert boat.look() == ["a"]
    assert boat.facts.matches[0].at == NOON - 5
    boat.engine.say(NOON + 11, "backup=b")
    boat.engine.say(NOON + 11, "backup=c")
    assert boat.look() == ["a", "b", "c"]
    boat.engine.say(NOON + 11, "backup=d")  # the same instant as the last line read

    assert boat.look() == ["a", "b", "c", "d"]
    assert boat.counted() == 4
    assert (boat.source.gaps, boat.source.path) == (0, "container panel")
    assert boat.source.covered_from == NOON - 5


def test_a_container_made_anew_is_a_gap(boat):
    boat.engine.say(NOON, "backup=a")
    boat.look()
    boat.engine.id, boat.engine.lines = "two", [(NOON + 15, "backup=b")]

    assert boat.look() == ["a", "b"]
    assert (boat.source.gaps, boat.source.covered_from) == (1, NOON + 15)


def test_a_containers_log_goes_on_after_a_restart(boat):
    boat.engine.say(NOON, "backup=a")
    boat.look()
    boat.engine.say(NOON + 12, "backup=b")
    boat.restart()

    assert boat.look() == ["a", "b"]
    assert (boat.source.gaps, boat.counted()) == (0, 1)


def test_a_long_log_of_a_container_is_read_in_steps(tmp_path):
    boat = ContainerBench(tmp_path, max_bytes="64KiB", window=4096)
    for n in range(3000):
        boat.engine.say(NOON - 100 + n / 100, f"backup=n{n}")
    looks = 1
    while boat.look()[-1] != "n2999":
        looks += 1
        assert boat.source.read_to is None
    assert looks >= 2
    assert boat.counted() == 3000
    assert boat.source.gaps == 0


def test_an_engine_that_fails_is_the_sources_error(boat):
    boat.engine.say(NOON, "backup=a")
    boat.look()
    reached = boat.source.read_to
    boat.engine.error = Unreachable("no connection")

    assert boat.look() == ["a"]
    assert (boat.source.error, boat.source.read_to) == ("Unreachable", reached)
    boat.engine.error = None
    boat.engine.id = ""
    boat.look()
    assert boat.source.error == "missing"


# ---- putting together --------------------------------------------------------------------------------------------------------------------


def test_needs_are_merged_and_contradictions_refused():
    one = LogNeed("a", "/a", patterns=PATTERNS)

    assert wanted([Needs(logs=(one,)), Needs(logs=(one,))]) == (one,)
    for bad in (LogNeed("a", "/b"), LogNeed("b"), LogNeed("b", "relative"), LogNeed("b", "/b", "container")):
        with pytest.raises(BadSettings, match=f"'{bad.name}'"):
            wanted([Needs(logs=(one, bad))])


@pytest.mark.parametrize(
    "bad", [LogNeed("x", "/x", patterns=(("p", "("),)), LogNeed("x", "/x", zone="Nowhere"), LogNeed("x", container="c")]
)
def test_what_cannot_be_used_is_refused_before_anything_runs(bad):
    with pytest.raises(BadSettings):
        build(LogsSettings(), [Needs(logs=(bad,))], SimulatedClock(), Counts())


def test_build_gives_a_spec_whose_collector_works(tmp_path):
    (tmp_path / "x.log").write_text("said hello\n")
    spec = build(LogsSettings(), [Needs(logs=(LogNeed("x", str(tmp_path / "x.log"), patterns=PATTERNS),))], SimulatedClock(), Counts())
    collector = spec.factory()

    assert collector.collect().matches[0].fields == {"word": "hello"}
    collector.close()


def test_metrics_tell_what_the_facts_say(bench):
    bench.say("a")
    bench.look()
    told = {family.metric.name: dict(family.rows) for family in families(SPECS, bench.facts)}

    assert told["watchdog_log_readable"] == {("log",): 1.0}
    assert told["watchdog_log_covered_from_timestamp_seconds"] == {("log",): NOON}
    assert told["watchdog_log_read_to_timestamp_seconds"] == {("log",): NOON + 10}
    assert told["watchdog_log_matches_kept"] == {("log",): 1.0}
    assert told["watchdog_log_last_match_timestamp_seconds"] == {("log", "backup"): NOON}
    assert told["watchdog_log_error"] == {}


def test_every_counter_used_is_in_the_table_and_born_at_0(bench):
    known = {metric.name: len(metric.labels) for metric in METRICS}

    assert all(known[key[0]] == len(key) - 1 for key in bench.counts.counts)
    assert bench.counts.counts["watchdog_log_gaps_total", "log", "truncated"] == 0
    assert bench.counted("any") == 0
