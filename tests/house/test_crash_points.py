"""No remedy without its crash points: each panel declares a row for every remedy it registers, and a whole run looks for them."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest

from tests.support.crash_report import PROPERTY, Told, missing, registered, table, told_by, whole

PANELS = registered()
ROW = Told("toys", "lift", "lift", 10, 2, once=True, record=True, end=True)


@pytest.mark.parametrize("panel", PANELS)
def test_every_remedy_has_a_row_and_every_row_a_test(panel):
    rows = import_module(f"tests.panels.{panel}.crash_rows").ROWS
    cases = import_module(f"tests.panels.{panel}.test_crash_points_of_each_remedy")
    assert {row.remedy for row in rows} == set(PANELS[panel])
    assert {row.panel for row in rows} == {panel}
    assert cases.ROWS is rows
    (marked,) = [mark for each in vars(cases).values() for mark in getattr(each, "pytestmark", ()) if mark.name == "parametrize"]
    run = [param.values[0] for param in marked.args[1] if not param.marks]
    assert [case.row.name for case in run] and {case.row.name for case in run} == {row.name for row in rows}, (
        "in each run, if only at one boundary"
    )
    everywhere = [param.values[0].row.name for param in marked.args[1] if param.values[0].everywhere]
    assert sorted(everywhere) == sorted(row.name for row in rows), "at every boundary in the soak at the latest"


def test_the_table_says_what_was_told_by_any_worker_and_what_was_not():
    reports = {"passed": [SimpleNamespace(user_properties=[(PROPERTY, vars_of(ROW)), ("else", 1)])], "": [SimpleNamespace()]}
    told = told_by(reports)
    assert told == [ROW]
    head, line, total = table(told)
    assert head.split()[:5] == ["panel", "remedy", "case", "boundaries", "killed"]
    assert line.split() == ["toys", "lift", "lift", "10", "2", "yes", "yes", "as", "without"]
    assert total.startswith("1 cases, died at 2 of 10 boundaries")
    assert missing(told, {"toys": ["lift", "cycle"]}) == ["toys: cycle was killed nowhere"]
    assert table([]) == []


def vars_of(row):
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


@pytest.mark.parametrize(
    ("asked", "is_whole"),
    [({}, True), ({"markexpr": ""}, True), ({"keyword": "one"}, False), ({"markexpr": "soak"}, False), ({"collectonly": True}, False)],
)
def test_only_a_run_of_all_tests_must_have_all_rows(asked, is_whole):
    option = SimpleNamespace(**{"keyword": "", "markexpr": "not soak", "collectonly": False, "deselect": None, "lf": False} | asked)
    assert whole(SimpleNamespace(option=option, args_source=SimpleNamespace(name="TESTPATHS"))) is is_whole
    assert not whole(SimpleNamespace(option=option, args_source=SimpleNamespace(name="ARGS")))
