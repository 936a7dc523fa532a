"""Every dashboard: its JSON is in step with its module, and what it asks for, means and leads to exists.

That each of its queries returns plausible data is shown by the demo, in tests/e2e/test_demo.py. What the demo cannot show is proven here,
by promtool on made-up series.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.drawing.boards import boards, text
from tests.conftest import require
from tests.support.dashboards import FILES, FOLDER, NOT_IN_THE_DEMO, filled_in, load, not_in_the_demo, panels, queries, unit_of
from watchdog.app.catalogue import catalogue
from watchdog.panels import discover

KNOWN = {metric.name: metric for metric in catalogue()}
DOCUMENTED = set(re.findall(r"^\| `(\w+)`", (FOLDER.parent / "docs/metrics.md").read_text(encoding="utf-8"), re.MULTILINE))
SUFFIXES = re.compile(r"_(?:bucket|count|sum)$")
METRIC = re.compile(r"\b((?:watchdog|process|python)_\w+)")
FROM_PROMETHEUS = {"instance", "job", "le"}
NAMES = [file.stem for file in FILES]
BOARDS = boards()

each = pytest.mark.parametrize("file", FILES, ids=NAMES)


def known(name):
    return KNOWN.get(name) or KNOWN[SUFFIXES.sub("", name)]


def shown(file):
    """Return the panels of a dashboard that show something: all but the headings."""
    return [panel for panel in panels(load(file)) if panel["type"] != "row"]


def promtool(*words):
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- the files -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*BOARDS, *NAMES}))
def test_the_json_is_in_step_with_the_module_that_draws_it(name):
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == text(name, BOARDS[name]), "make docs"


@each
def test_the_json_says_nothing_that_the_oldest_grafana_does_not_know(file):
    register_default_plugins()
    read = json.loads(json.dumps(Dashboard.from_json(load(file)), cls=JSONEncoder))
    added = {"titleFormat", "textFormat", "tagKeys", "step", "useValueForTime"}  # by the data source, not in the dashboard's schema
    told = load(file)
    for mark in told["annotations"]["list"]:
        assert added <= set(mark)
        for key in added:
            del mark[key]
    assert read == told


def test_one_release_of_the_sdk_is_pinned_in_both_places():
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    (pinned,) = [
        line for line in project["dependency-groups"]["dev"] if isinstance(line, str) and line.startswith("grafana-foundation-sdk")
    ]
    assert re.fullmatch(r"grafana-foundation-sdk==\d+!10\.1\.0", pinned), "the oldest Grafana that the dashboards are for"
    assert pinned in (FOLDER.parent / "deploy/constraints.txt").read_text(encoding="utf-8").splitlines()


def test_dashboards_have_names_of_their_own():
    for key in ("uid", "title", "description"):
        found = [load(file)[key] for file in FILES]
        assert len(found) == len(set(found))
    assert [load(file)["uid"] for file in FILES] == [f"panel-watchdog-{name}" for name in NAMES]


# ---- their panels ----------------------------------------------------------------------------------------------------------------------


@each
def test_panels_have_places_and_titles_of_their_own(file):
    shown = list(panels(load(file)))
    assert len({panel["id"] for panel in shown}) == len(shown), "two panels have one title, so one id"
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


@each
def test_panels_say_what_they_mean_in_which_unit_and_from_when_it_is_bad(file):
    for panel in shown(file):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"].endswith((".", "?")), panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, f"{panel['title']}: Grafana would make 80 red"
        assert defaults["noValue"], panel["title"]


@each
def test_times_and_bytes_have_their_units(file):
    for panel in shown(file):
        for target in panel["targets"]:
            unit, asked = unit_of(panel, target), target["expr"]
            if "time()" in asked or "_duration_seconds" in asked:
                assert unit == "s", f"{panel['title']}: {asked}"
            elif re.search(r"_bytes(?:_total)?\{", asked) and " / " not in asked:
                assert unit == ("binBps" if "rate(" in asked else "bytes"), f"{panel['title']}: {asked}"


@each
def test_each_panel_variable_and_annotation_asks_the_chosen_data_source(file):
    dashboard = load(file)
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    first, *others = dashboard["templating"]["list"]
    assert (first["type"], first["name"], first["query"]) == ("datasource", "datasource", "prometheus")
    asking = [*others, *dashboard["annotations"]["list"], *shown(file), *(target for panel in shown(file) for target in panel["targets"])]
    assert all(one["datasource"] == chosen for one in asking)
    assert {"Repairs", "Pauses"} <= {mark["name"] for mark in dashboard["annotations"]["list"]}


@each
def test_each_series_is_called_by_its_subject(file):
    for panel in shown(file):
        for target in panel["targets"]:
            if panel["type"] == "table":
                assert (target["format"], target["instant"]) == ("table", True), panel["title"]
                continue
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named, f"{panel['title']}: {target['legendFormat']}"
            labels = {label for metric in METRIC.findall(target["expr"]) for label in known(metric).labels}
            assert named <= labels | FROM_PROMETHEUS, f"{panel['title']}: nothing has {named - labels}"


@each
def test_links_lead_to_dashboards_that_exist(file):
    (menu,) = load(file)["links"]
    assert (menu["type"], menu["tags"], menu["keepTime"], menu["includeVars"]) == ("dashboards", ["panel-watchdog"], True, True)
    assert "panel-watchdog" in load(file)["tags"]
    urls = [link["url"] for panel in shown(file) for link in panel["fieldConfig"]["defaults"].get("links", ())]
    assert (file.stem == "overview") == bool(urls)
    assert all(url.startswith("/d/panel-watchdog-${__data.fields.panel}?") for url in urls)
    assert set(discover()) <= set(NAMES), "the label panel names each of them"


# ---- what they ask ---------------------------------------------------------------------------------------------------------------------


@each
def test_each_query_asks_for_metrics_and_labels_that_exist(file):
    dashboard = load(file)
    for where, expression in queries(dashboard):
        filled_in(expression, dashboard)
        asked = METRIC.findall(expression)
        assert asked, where
        for metric in asked:
            assert {metric, SUFFIXES.sub("", metric)} & DOCUMENTED, f"{where} asks for {metric}, which docs/metrics.md does not have"
        for metric, matchers in re.findall(r"\b((?:watchdog|process|python)_\w+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", matchers)) - FROM_PROMETHEUS
            assert labels <= set(known(metric).labels), f"{where}: {metric} has no label {labels - set(known(metric).labels)}"
        if where != "variable instance":
            assert 'instance=~"$instance"' in expression, f"{where} is not of the chosen host"


def test_each_metric_is_shown_somewhere():
    asked = {metric for file in FILES for _, expression in queries(load(file)) for metric in METRIC.findall(expression)}
    assert set(KNOWN) - asked - {SUFFIXES.sub("", metric) for metric in asked} == set()


@pytest.mark.prometheus
def test_promtool_reads_every_query(tmp_path):
    asked = [filled_in(expression, board, "5m") for board in map(load, FILES) for _, expression in queries(board)]
    rules = [{"record": f"query:{at}", "expr": expression} for at, expression in enumerate(asked)]
    assert len(rules) > 400
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "rules.yml")


@pytest.mark.prometheus
def test_what_the_demo_cannot_show_is_answered_on_made_up_series(tmp_path):
    asked = sorted(
        {
            filled_in(expression, board, "5m")
            for board in map(load, FILES)
            for _, expression in queries(board)
            if not_in_the_demo(expression)
        }
    )
    assert {metric for expression in asked for metric in not_in_the_demo(expression)} == set(NOT_IN_THE_DEMO)
    tests = [{"interval": "1m", "input_series": made_up(expression), "promql_expr_test": [answered(expression)]} for expression in asked]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", tmp_path / "tests.yml")


def made_up(expression):
    """Return a series for each metric of an expression: every label is there, with the value that the expression wants or some."""
    series = []
    for metric in set(METRIC.findall(expression)):
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', expression))
        labels = {label: wanted.get(label, "some") for label in ("instance", "job", *known(metric).labels)}
        told = ",".join(f'{label}="{value}"' for label, value in labels.items())
        series.append({"series": f"{metric}{{{told}}}", "values": "1+1x30"})
    return series


def answered(expression):
    """Return promtool's wish that an expression has an answer that is a number."""
    return {"expr": f"count(({expression}) > -Inf) > bool 0", "eval_time": "20m", "exp_samples": [{"labels": "{}", "value": 1}]}
