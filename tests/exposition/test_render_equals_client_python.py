"""Whatever the families, our bytes are client_python's bytes, in both formats."""

from __future__ import annotations

from math import inf, isnan, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.utils import floatToGoString

from tests.support.exposition import ReferenceRegistry, parse
from watchdog.exposition.chunks import OPENMETRICS, TEXT, Shelf, build_chunk
from watchdog.exposition.render import number, render
from watchdog.model.metrics import Family, Metric

NAME = st.from_regex(r"[a-z][a-z0-9_]{0,12}x", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from(
    ['"', "\\", "\n", "\\n", 'a"b\\c\nd', "é✓", "", " "]
)
VALUES = (
    st.floats() | st.integers(-(10**18), 10**18).map(float) | st.sampled_from([0.0, -0.0, 1e6, 999999.5, 1e15, 1e16, 1e17, inf, -inf, nan])
)


@st.composite
def family(draw, name):
    kind = draw(st.sampled_from(["gauge", "counter", "info", "histogram"]))
    labels = tuple(
        draw(st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True).filter(lambda n: n != "le"), max_size=4, unique=True))
    )
    full = name + {"counter": "_total", "info": "_info"}.get(kind, "")
    text = draw(TEXTS.filter(str.strip))
    label_sets = draw(st.lists(st.tuples(*[TEXTS for _ in labels]), max_size=5, unique=True))
    if kind != "histogram":
        values = st.just(1.0) if kind == "info" else VALUES
        return Family(Metric(full, kind, text, labels), tuple((each, draw(values)) for each in label_sets))
    buckets = tuple(sorted(draw(st.sets(st.floats(0.001, 1e7), min_size=1, max_size=4))))
    rows = []
    for each in label_sets:
        counts = sorted(draw(st.lists(st.integers(0, 10**8), min_size=len(buckets) + 1, max_size=len(buckets) + 1)))
        rows += [((*each, number(bound)), float(count)) for bound, count in zip((*buckets, inf), counts, strict=True)]
        rows += [((*each, "count"), float(counts[-1])), ((*each, "sum"), draw(st.floats(0, 1e12)))]
    return Family(Metric(full, "histogram", text, labels, buckets=buckets), tuple(rows))


FAMILIES = st.lists(NAME, max_size=5, unique=True).flatmap(lambda names: st.tuples(*[family(name) for name in names]))


def ordered(families):
    """The same families in the order in which we write them: by name, rows by label values."""
    return [
        Family(each.metric, tuple(sorted(each.rows, key=lambda row: row[0][:-1] if each.metric.type == "histogram" else row[0])))
        for each in sorted(families, key=lambda each: each.metric.name)
    ]


def bodies(families):
    rendered = {each.metric.name: render(each) for each in families}
    shelf = Shelf().with_last(build_chunk("all", [each.metric for each in families], [rendered]))
    return shelf.body(TEXT, gzip=False), shelf.body(OPENMETRICS, gzip=False)


@settings(max_examples=300, deadline=None)
@given(FAMILIES)
def test_bytes_are_equal_in_both_formats(families):
    text, openmetrics = bodies(families)
    reference = ReferenceRegistry(ordered(families))
    assert text == generate_latest(reference)
    assert openmetrics == generate_openmetrics(reference)


@settings(max_examples=150, deadline=None)
@given(FAMILIES)
def test_both_formats_parse_back_to_the_same_samples(families):
    families = [each for each in families if each.metric.type != "counter" or all(value >= 0 for _, value in each.rows)]
    text, openmetrics = bodies(families)
    expected = sum(len(each.rows) for each in families)
    from_text, from_openmetrics = parse(text), parse(openmetrics, openmetrics=True)
    assert len(from_text) == len(from_openmetrics) == expected
    assert {key: str(value) for key, value in from_text.items()} == {key: str(value) for key, value in from_openmetrics.items()}


@given(VALUES)
def test_numbers_are_written_as_go_writes_them_and_lose_nothing(value):
    written = number(value)
    assert written == floatToGoString(value)
    assert float(written) == value or isnan(value)


def test_of_two_rows_with_the_same_labels_the_last_counts_and_the_repeat_is_counted():
    one = render(Family(Metric("a", "gauge", "A.", ("x",)), ((("1",), 1.0), (("1",), 2.0))))
    assert (one.body, one.repeated) == (b'a{x="1"} 2.0\n', 1)


def test_a_row_of_the_wrong_width_is_refused_by_name():
    with pytest.raises(ValueError, match="'a'"):
        render(Family(Metric("a", "gauge", "A.", ("x",)), ((("1", "2"), 1.0),)))


def test_an_undecodable_file_name_does_not_cost_the_family():
    one = render(Family(Metric("a", "gauge", "A.", ("x",)), ((("\udcff",), 1.0),)))
    assert one.body == b'a{x="?"} 1.0\n'


RAGGED = Metric("a", "gauge", "A.", ("x", "y"), ragged=True)


def test_rows_of_another_exporters_family_have_labels_of_their_own_and_none_that_are_empty():
    rows = ((("1", "2"), 1.0), (("1", "", "z", 'quo"te'), 2.0), (("", "", "b", "", "a", "3"), 3.0), (("", ""), 4.0))
    assert render(Family(RAGGED, rows)).body == b'a{} 4.0\na{a="3"} 3.0\na{x="1",z="quo\\"te"} 2.0\na{x="1",y="2"} 1.0\n'
    assert parse(b"# TYPE a gauge\n" + render(Family(RAGGED, rows)).body) == {
        ("a", ()): 4.0, ("a", (("a", "3"),)): 3.0, ("a", (("x", "1"), ("z", 'quo"te'))): 2.0, ("a", (("x", "1"), ("y", "2"))): 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("labels", [("1",), ("1", "2", "3")])
def test_a_ragged_row_without_its_labels_or_with_half_a_pair_is_refused_by_name(labels):
    with pytest.raises(ValueError, match="'a'"):
        render(Family(RAGGED, ((labels, 1.0),)))
