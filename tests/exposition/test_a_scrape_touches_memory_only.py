"""The shelf of chunks: whole, isolated, and the same facts in every form."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import threading
import time
import zlib

import pytest

from tests.conftest import require
from tests.support.exposition import parse
from watchdog.errors import NotFound
from watchdog.exposition import pages
from watchdog.exposition.instruments import Book
from watchdog.exposition.pages import Exposition
from watchdog.model.metrics import Family, Metric
from watchdog.runtime.clock import SimulatedClock

UP = Metric("box_up", "gauge", "Up.", ("box",))
SEEN = Metric("box_seen_total", "counter", "Seen.", ("box",))
PANEL = Metric("panel_things", "gauge", "Things.", ("target", "thing"))
DEEDS = Metric("deeds_total", "counter", "Deeds.", seed=((),))


@pytest.fixture
def book():
    return Book((*pages.METRICS, DEEDS))


@pytest.fixture
def exposition(book):
    made = Exposition(book, SimulatedClock())
    made.declare("boxes", (UP, SEEN))
    made.declare("panel", (PANEL,))
    return made


def up(*boxes):
    return [Family(UP, tuple(((box,), 1.0) for box in boxes)), Family(SEEN, tuple(((box,), 7.0) for box in boxes))]


def things(target, count):
    return [Family(PANEL, tuple(((target, str(i)), float(i)) for i in range(count)))]


def names(samples):
    return {name for name, _ in samples}


def test_every_form_says_the_same(exposition):
    exposition.update("boxes", up("a", "b"))
    text = exposition.page()
    openmetrics = exposition.page(openmetrics=True)
    assert text.content_type.startswith("text/plain; version=0.0.4")
    assert openmetrics.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.body.endswith(b"# EOF\n") and b"# EOF" not in text.body
    assert parse(text.body) == parse(openmetrics.body, openmetrics=True)
    for kind in (False, True):
        packed = exposition.page(openmetrics=kind, gzip=True)
        assert packed.encoding == "gzip"
        reader = zlib.decompressobj(31)  # reads exactly one member, as curl and browsers do
        assert reader.decompress(packed.body) == exposition.page(openmetrics=kind).body
        assert reader.eof and reader.unused_data == b""
        assert gzip.decompress(packed.body) == exposition.page(openmetrics=kind).body


def test_targets_of_one_panel_share_one_family(exposition):
    exposition.update("panel", things("one", 2), part="one")
    exposition.update("panel", things("two", 3), part="two")
    found = parse(exposition.page().body)
    assert len([1 for name, _ in found if name == "panel_things"]) == 5
    exposition.forget("panel", "one")
    assert len([1 for name, _ in parse(exposition.page().body) if name == "panel_things"]) == 3


def test_what_vanished_is_gone_and_not_zero(exposition):
    exposition.update("boxes", up("a", "b"))
    exposition.update("boxes", up("b"))
    assert b'box="a"' not in exposition.page().body


def test_a_source_that_raises_keeps_its_last_lines_and_is_named(exposition):
    def broken():
        yield from up("half")
        raise RuntimeError("boom")

    exposition.update("boxes", up("a"))
    assert exposition.update("boxes", broken) is False
    assert exposition.update("panel", things("one", 1), part="one")
    body = exposition.page().body
    found = parse(body)
    assert b'box_up{box="a"} 1.0' in body and b"half" not in body
    assert found[("watchdog_exposition_failures_total", (("source", "boxes"),))] == 1
    assert found[("watchdog_exposition_source_up", (("source", "boxes"),))] == 0
    assert found[("watchdog_exposition_source_up", (("source", "panel"),))] == 1
    assert found[("watchdog_exposition_failures_total", (("source", "panel"),))] == 0
    assert exposition.update("boxes", up("c"))
    assert parse(exposition.page().body)[("watchdog_exposition_source_up", (("source", "boxes"),))] == 1


def test_one_broken_target_does_not_hide_behind_a_good_one(exposition):
    exposition.update("panel", lambda: 1 / 0, part="bad")
    exposition.update("panel", things("good", 1), part="good")
    found = parse(exposition.page().body)
    assert found[("watchdog_exposition_source_up", (("source", "panel"),))] == 0
    exposition.forget("panel", "bad")
    assert parse(exposition.page().body)[("watchdog_exposition_source_up", (("source", "panel"),))] == 1


def test_a_family_nobody_declared_is_a_failure_of_that_source_only(exposition):
    assert not exposition.update("boxes", things("x", 1))
    parse(exposition.page().body)


@pytest.mark.parametrize(
    "metric",
    [
        UP,
        Metric("box_up", "gauge", "Another.", ("x",)),
        Metric("box_seen", "gauge", "The counter's OpenMetrics name."),
        Metric("deeds", "gauge", "An instrument's OpenMetrics name."),
        Metric("process_open_fds", "gauge", "Taken by the process."),
    ],
)
def test_a_family_with_two_owners_is_refused_at_wiring_naming_both(exposition, metric):
    with pytest.raises(ValueError, match=r"'newcomer'.*(boxes|instruments|process)"):
        exposition.declare("newcomer", (metric,))
    with pytest.raises(ValueError, match="twice"):
        exposition.declare("boxes", ())


def test_own_instruments_are_as_of_the_scrape(exposition, book):
    for expected in range(3):
        assert parse(exposition.page().body)[("deeds_total", ())] == expected
        book.count("deeds_total")


def test_what_is_counted_while_a_scrape_renders_is_in_the_next_one():
    class CountedWhileRendering(Book):
        def families(self):
            found = super().families()
            if not self._values["deeds_total"][()]:
                self.count("deeds_total")  # as another thread does, just after the rows were copied
            return found

    exposition = Exposition(CountedWhileRendering((*pages.METRICS, DEEDS)), SimulatedClock())
    assert parse(exposition.page().body)[("deeds_total", ())] == 0
    assert parse(exposition.page().body)[("deeds_total", ())] == 1


def test_the_page_shows_own_facts_the_process_and_the_build(exposition):
    exposition.update("boxes", up("a"))
    found = parse(exposition.page().body)
    assert {"watchdog_build_info", "process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"} <= names(found)
    assert found[("watchdog_exposition_last_render_timestamp_seconds", (("source", "boxes"),))] == 1_800_000_000
    assert found[("watchdog_exposition_rows", (("source", "boxes"),))] == 2
    size = found[("watchdog_exposition_bytes", (("format", "text"), ("source", "boxes")))]
    assert size == len(exposition.page(collect=["boxes"]).body)


def test_a_book_may_outlive_its_exposition(exposition, book):
    exposition.update("boxes", up("a"))
    book.count("deeds_total")
    later = Exposition(book, SimulatedClock())
    found = parse(later.page().body)
    assert found[("deeds_total", ())] == 1
    assert ("watchdog_exposition_source_up", (("source", "boxes"),)) not in found
    assert found[("watchdog_exposition_source_up", (("source", "process"),))] == 1


def test_collect_chooses_sources_and_an_unknown_one_is_named(exposition):
    exposition.update("boxes", up("a"))
    exposition.update("panel", things("t", 2))
    assert names(parse(exposition.page(collect=["panel"]).body)) == {"panel_things"}
    assert names(parse(exposition.page(collect=["panel", "boxes"]).body)) == {"panel_things", "box_up", "box_seen_total"}
    assert "deeds_total" in names(parse(exposition.page(collect=["instruments"]).body))
    packed = exposition.page(collect=["panel"], gzip=True, openmetrics=True).body
    assert gzip.decompress(packed) == exposition.page(collect=["panel"], openmetrics=True).body
    with pytest.raises(NotFound, match=r"nonsense.*boxes"):
        exposition.page(collect=["nonsense"])


def test_name_chooses_families(exposition):
    exposition.update("boxes", up("a"))
    assert names(parse(exposition.page(names=["box_up"]).body)) == {"box_up"}
    packed = exposition.page(names=["box_seen_total", "deeds_total"], openmetrics=True, gzip=True)
    assert names(parse(gzip.decompress(packed.body), openmetrics=True)) == {"box_seen_total", "deeds_total"}
    assert exposition.page(names=["nothing"]).body == b""


def test_a_source_that_hangs_while_rendering_holds_up_no_scrape_and_no_other_source(exposition):
    exposition.update("boxes", up("a"))
    release, inside = threading.Event(), threading.Event()

    def hang():
        inside.set()
        release.wait(60)
        return up("late")

    stuck = threading.Thread(target=exposition.update, args=("boxes", hang))
    stuck.start()
    assert inside.wait(60)
    assert exposition.update("panel", things("t", 1))
    assert b'box="a"' in exposition.page().body
    release.set()
    stuck.join(60)
    assert b'box="late"' in exposition.page().body


@pytest.mark.parametrize("seconds", [3, pytest.param(120, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
def test_eight_writers_and_flat_out_scrapes_never_tear_a_chunk(exposition, book, seconds):
    """Each writer always writes as many rows as their value says, to two families: a scrape that mixes two updates is seen."""
    stop, faults, scrapes = time.monotonic() + seconds, [], [0]

    def goes_on():
        # on a host that is busy with other things: until there was something to compare
        return time.monotonic() < stop or (scrapes[0] < 4 and not faults and time.monotonic() < stop + 120)

    def write(part):
        size = 1
        while goes_on():
            size = size % 40 + 1
            exposition.update("panel", [Family(PANEL, tuple(((part, str(i)), float(size)) for i in range(size)))], part=part)
            if part < "4":
                exposition.update(
                    "boxes", [Family(UP, tuple(((f"b{i}",), float(size)) for i in range(size))), Family(SEEN, ((("n",), size),))]
                )
            book.count("deeds_total")

    def scrape(openmetrics):
        last = -1.0
        while goes_on():
            try:
                found = parse(gzip.decompress(exposition.page(openmetrics=openmetrics, gzip=True).body), openmetrics=openmetrics)
                last = check(found, last)
                scrapes[0] += 1
            except Exception as error:  # noqa: BLE001  # whatever it is, the test must see it
                faults.append(repr(error))
                return

    def check(found, last):
        groups = {}
        for (name, labels), value in found.items():
            if name == "panel_things":
                groups.setdefault(dict(labels)["target"], []).append(value)
            elif name == "box_up":
                groups.setdefault("boxes", []).append(value)
        assert all(len(values) == values[0] == values[-1] for values in groups.values()), groups
        seen = found.get(("box_seen_total", (("box", "n"),)))
        assert seen is None or seen == len(groups["boxes"])
        assert found[("deeds_total", ())] >= last
        return found[("deeds_total", ())]

    threads = [threading.Thread(target=write, args=(str(n),)) for n in range(8)]
    threads += [threading.Thread(target=scrape, args=(kind,)) for kind in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 180)
    assert not faults
    assert scrapes[0] >= 4


@pytest.mark.prometheus
def test_promtool_has_nothing_to_say(exposition):
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    page = exposition.page(collect=["process", "instruments"]).body
    told = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (told.returncode, told.stdout + told.stderr) == (0, b"")
