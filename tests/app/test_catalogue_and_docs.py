"""Every metric stands in the catalogue with its type, labels and help; names follow Prometheus; the documents are in step with the code."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.small_world import program_in, scrape, small_world, wait_until
from watchdog.app.catalogue import catalogue, compat_catalogue
from watchdog.cli import reference

DOCS = Path(__file__).parents[2] / "docs"
CATALOGUE = {metric.name: metric for metric in catalogue()}
BORROWED = {metric.name: metric for metrics in compat_catalogue().values() for metric in metrics}
FOREIGN = ("process_", "python_")
NOT_BASE = re.compile(r"_(milliseconds|ms|minutes|hours|days|kb|kib|mb|mib|gb|gib|percent|usec|micros)(_|$)")


@pytest.mark.parametrize("name", ["configuration", "metrics", "permissions"])
def test_the_documents_are_in_step_with_the_code(name):
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == getattr(reference, name)(), "run `make docs`"


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE)
def test_a_metric_is_named_and_described_as_prometheus_wants_it(metric):
    name = metric.name
    assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", name)
    assert name.startswith(("watchdog_", *FOREIGN))
    assert len(metric.help) > 10
    assert "\n" not in metric.help
    assert (metric.type == "counter") == name.endswith("_total"), "_total is for counters, and for all of them"
    assert not NOT_BASE.search(name), "base units only: seconds, bytes, ratios"
    assert not name.endswith(("_count", "_sum", "_bucket")), "these belong to histograms"
    assert metric.type != "info" or name.endswith("_info")
    assert len(set(metric.labels)) == len(metric.labels)
    assert not {"le", "quantile", "job"} & set(metric.labels)
    assert "instance" not in metric.labels, "Prometheus's own label: it would become exported_instance"
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in metric.labels)
    if metric.type == "histogram":
        assert "result" not in metric.labels, "rule 18"
        assert metric.buckets == tuple(sorted(metric.buckets))
        assert name.endswith(("_seconds", "_bytes"))
    else:
        assert not metric.buckets
    assert all(len(row) == len(metric.labels) for row in metric.seed)
    if "age" in name.split("_"):
        pytest.fail("timestamps, not ages (rule 18)")


def test_no_two_rooms_claim_one_name():
    names = [*(metric.name for metric in catalogue()), *(metric.name for metrics in compat_catalogue().values() for metric in metrics)]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def scraped():
    with small_world() as world, program_in(world) as program:
        wait_until(lambda: program.commands.status("games").passes > 2, "passes")
        wait_until(lambda: program.world.store.actual.gate.open, "an open gate")
        program.world.exposition.refresh_process()
        status, text = scrape(program)
        assert status == 200
        host, port = program.server.address
        request = urllib.request.Request(f"http://{host}:{port}/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            yield text, answer.read().decode()


def test_every_family_of_a_scrape_is_declared_with_its_type_help_and_labels(scraped):
    seen = set()
    for family in text_string_to_metric_families(scraped[0]):
        # the parser takes _total off a counter's name
        name = f"{family.name}_total" if family.type == "counter" else family.name
        metric = CATALOGUE.get(name) or BORROWED[name]
        seen.add(name)
        expected = "gauge" if metric.type == "info" else metric.type
        assert family.type == expected, name
        assert family.documentation == metric.help, name
        for sample in family.samples:
            labels = set(sample.labels) - ({"le"} if metric.type == "histogram" else set())
            assert labels == set(metric.labels) or metric.ragged, sample
    assert len(seen) > 80


def test_every_family_has_help_and_type_in_both_forms(scraped):
    for text in scraped:
        helped = re.findall(r"^# HELP (\S+) ", text, re.MULTILINE)
        typed = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
        assert sorted(helped) == sorted(typed)
        assert len(set(typed)) == len(typed)
    assert scraped[1].endswith("# EOF\n")
