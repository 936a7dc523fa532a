"""Every dashboard: it has a name of its own, can be filtered by what its panels ask for, and asks for metrics and labels that exist.

That each of its queries returns data is shown by the demo, in tests/e2e/test_demo.py.
"""

from __future__ import annotations

import re

import pytest

from tests.support.dashboards import FILES, filled_in, load, panels, queries
from watchdog.app.catalogue import catalogue

KNOWN = {metric.name: metric for metric in catalogue()}
SUFFIXES = re.compile(r"_(?:bucket|count|sum)$")
FROM_PROMETHEUS = {"instance", "job", "le"}


def known(name):
    return KNOWN.get(name) or KNOWN[SUFFIXES.sub("", name)]


def test_dashboards_have_names_of_their_own():
    for key in ("uid", "title"):
        found = [load(file)[key] for file in FILES]
        assert len(found) == len(set(found))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_panels_have_places_and_titles_of_their_own(file):
    shown = list(panels(load(file)))
    assert len({panel["id"] for panel in shown}) == len(shown)
    assert all(panel["title"] for panel in shown)
    cells = [
        (x, y)
        for panel in shown
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)), "two panels lie on each other"
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_each_query_asks_for_metrics_and_labels_that_exist(file):
    dashboard = load(file)
    for where, expression in queries(dashboard):
        filled_in(expression, dashboard)
        asked = re.findall(r"\b(watchdog_\w+)", expression)
        assert asked, where
        for metric in asked:
            assert metric in KNOWN or SUFFIXES.sub("", metric) in KNOWN, f"{where} asks for {metric}"
        for metric, matchers in re.findall(r"\b(watchdog_\w+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", matchers)) - FROM_PROMETHEUS
            assert labels <= set(known(metric).labels), f"{where}: {metric} has no label {labels - set(known(metric).labels)}"
