"""The book of own deeds: born at zero, exact under threads, and it refuses what nobody declared."""

from __future__ import annotations

import threading

import pytest

from tests.support.exposition import parse
from watchdog.exposition.instruments import Book
from watchdog.exposition.render import render
from watchdog.model.metrics import Metric

DONE = Metric("work_total", "counter", "Work.", ("room", "result"), seed=(("a", "good"), ("a", "bad")))
LEVEL = Metric("level", "gauge", "Level.", ("room", "thing"))
TOOK = Metric("took_seconds", "histogram", "Took.", ("room",), seed=(("a",),), buckets=(0.1, 1.0))
PLAIN = Metric("plain_total", "counter", "Plain.", seed=((),))


def text(book):
    return parse(b"".join((r.text_head + r.body) for r in map(render, book.families())))


def test_everything_declared_is_born_at_zero():
    found = text(Book((DONE, LEVEL, TOOK, PLAIN)))
    assert found[("work_total", (("result", "bad"), ("room", "a")))] == 0
    assert found[("plain_total", ())] == 0
    assert found[("took_seconds_bucket", (("le", "+Inf"), ("room", "a")))] == 0
    assert found[("took_seconds_count", (("room", "a"),))] == found[("took_seconds_sum", (("room", "a"),))] == 0
    assert not [name for name, _ in found if name == "level"]


def test_counts_gauges_and_histograms_add_up():
    book = Book((DONE, LEVEL, TOOK, PLAIN))
    book.count("work_total", "a", "good")
    book.count("work_total", "new", "good", by=2.5)
    book.set("level", "a", "x", value=3)
    book.set("level", "a", "x", value=4)
    for value in (0.1, 0.5, 5):
        book.observe("took_seconds", "a", value=value)
    found = text(book)
    assert found[("work_total", (("result", "good"), ("room", "a")))] == 1
    assert found[("work_total", (("result", "good"), ("room", "new")))] == 2.5
    assert found[("level", (("room", "a"), ("thing", "x")))] == 4
    buckets = [found[("took_seconds_bucket", (("le", bound), ("room", "a")))] for bound in ("0.1", "1.0", "+Inf")]
    assert buckets == [1, 2, 3]
    assert found[("took_seconds_sum", (("room", "a"),))] == pytest.approx(5.6)


def test_drop_forgets_the_rows_that_begin_so():
    book = Book((LEVEL,))
    for room, thing in (("a", "x"), ("a", "y"), ("b", "x")):
        book.set("level", room, thing, value=1)
    book.drop("level", "a")
    assert [labels for labels, _ in book.families()[0].rows] == [("b", "x")]
    book.drop("level")
    assert book.families()[0].rows == ()


@pytest.mark.parametrize(
    "use",
    [
        lambda b: b.count("nothing_total"),
        lambda b: b.count("work_total", "a"),
        lambda b: b.count("work_total", "a", 1),
        lambda b: b.count("work_total", "a", "good", by=-1),
        lambda b: b.count("work_total", "a", "good", by=float("nan")),
        lambda b: b.count("work_total", "a", "good", by=float("inf")),
        lambda b: b.count("level", "a", "x"),
        lambda b: b.set("work_total", "a", "good", value=1),
        lambda b: b.set("level", "a", value=1),
        lambda b: b.observe("level", "a", "x", value=1),
        lambda b: b.count("took_seconds", "a"),
        lambda b: b.drop("work_total", "a"),
        lambda b: b.drop("level", "a", "x", "y"),
        lambda b: b.drop("nothing"),
    ],
)
def test_what_nobody_declared_is_refused(use):
    book = Book((DONE, LEVEL, TOOK, PLAIN))
    book.set("level", "a", "x", value=1)
    before = book.families()
    with pytest.raises(ValueError):
        use(book)
    assert book.families() == before


def test_a_gauge_that_exists_cannot_be_counted():
    book = Book((LEVEL,))
    book.set("level", "a", "x", value=1)
    with pytest.raises(ValueError, match="gauge"):
        book.count("level", "a", "x")


def test_no_count_is_lost_between_threads():
    book = Book((PLAIN, TOOK))

    def work():
        for _ in range(5000):
            book.count("plain_total")
            book.observe("took_seconds", "a", value=0.5)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = text(book)
    assert found[("plain_total", ())] == found[("took_seconds_count", (("room", "a"),))] == 40_000


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (Metric("1a", "gauge", "A."), "legal metric name"),
        (Metric("a", "counter", "A."), "_total"),
        (Metric("a", "info", "A."), "_info"),
        (Metric("a_total", "gauge", "A."), "suffix"),
        (Metric("a_bucket", "gauge", "A."), "suffix"),
        (Metric("a", "gauge", "A.", ("b-c",)), "label name"),
        (Metric("a", "gauge", "A.", ("__b",)), "label name"),
        (Metric("a", "gauge", "A.", ("b", "b")), "twice"),
        (Metric("a", "histogram", "A."), "buckets"),
        (Metric("a", "gauge", "A.", buckets=(1,)), "buckets"),
        (Metric("a", "histogram", "A.", ("le",), buckets=(1,)), "'le'"),
        (Metric("a", "histogram", "A.", buckets=(2, 1)), "rise"),
        (Metric("a", "gauge", "A.", ("b",), seed=((),)), "seed"),
        (Metric("a", "gauge", " "), "help"),
    ],
)
def test_a_metric_that_prometheus_would_refuse_is_refused_at_wiring(metric, why):
    with pytest.raises(ValueError, match=why):
        Book((metric,))
