"""/metrics over real HTTP: the form that was asked for, whatever else the server has to do."""

from __future__ import annotations

import gzip
import http.client
import shutil
import subprocess
import threading

import pytest

from tests.conftest import require
from tests.support.backing import UnixConnection, call
from tests.support.exposition import parse
from watchdog.web.scrapes import accepts_gzip, wants_openmetrics

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.9," + PROMETHEUS_3


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        (PROMETHEUS_3, True),
        (PROMETHEUS_3_PROTOBUF, True),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0, text/plain", True),
        ("Application/OpenMetrics-Text; Version=1.0.0", True),
        ("application/openmetrics-text;q=0.1, text/plain;q=0.9", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=nonsense, text/plain", False),
        ("application/openmetrics-text;q=7", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        (";;;,,,=", False),
    ],
)
def test_the_accept_header_chooses_the_format(accept, openmetrics):
    assert wants_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    ("header", "gzip_welcome"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP, deflate", True),
        ("deflate, br", False),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0, gzip", True),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=1.0, identity;q=0.5", True),
    ],
)
def test_gzip_only_when_welcome(header, gzip_welcome):
    assert accepts_gzip(header) is gzip_welcome


def test_prometheus_gets_openmetrics_in_gzip_and_curl_gets_text(served):
    status, headers, body = call(served, "GET", "/metrics", headers={"Accept": PROMETHEUS_3, "Accept-Encoding": "gzip"})
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert parse(gzip.decompress(body), openmetrics=True)
    status, headers, body = call(served, "GET", "/metrics", headers={"Accept": "*/*", "Accept-Encoding": "identity"})
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "content-encoding" not in headers
    assert parse(body)


def test_head_collect_and_name(served):
    status, headers, body = call(served, "HEAD", "/metrics")
    assert (status, body) == (200, b"") and int(headers["content-length"]) > 1000
    _, _, body = call(served, "GET", "/metrics?collect[]=process")
    assert {name.partition("_")[0] for name, _ in parse(body)} == {"process", "python", "watchdog"}
    _, _, body = call(served, "GET", "/metrics?name[]=process_open_fds")
    assert [name for name, _ in parse(body)] == ["process_open_fds"]
    status, _, body = call(served, "GET", "/metrics?collect[]=nonsense")
    assert (status, body["error"]["code"]) == (404, "not_found")


def test_answers_are_counted_by_template_and_born_at_zero(program, served):
    found = parse(program.pages.page().body)
    key = ("watchdog_web_requests_total", (("listener", "tcp"), ("result", "ok"), ("route", "/api/v1/status")))
    assert found[key] == 0
    call(served, "GET", "/api/v1/status?target=home")
    assert parse(program.pages.page().body)[key] == 1
    call(served, "GET", "/some/hidden-word/path")
    assert b"hidden-word" not in program.pages.page().body


def test_metrics_are_served_while_every_blocking_call_is_stuck(program, served):
    program.commands.gate.clear()
    stuck = [threading.Thread(target=call, args=(served, "GET", "/api/v1/status")) for _ in range(8)]
    stuck += [threading.Thread(target=call, args=(served, "POST", "/api/v1/targets/home/sync"), kwargs={"control": True}) for _ in range(4)]
    for thread in stuck:
        thread.start()
    for _ in stuck:
        assert program.commands.started.acquire(timeout=60)
    assert call(served, "GET", "/api/v1/status")[2]["error"]["code"] == "busy"
    assert call(served, "POST", "/api/v1/targets/home/sync", control=True)[0] == 503
    for path in ("/metrics", "/-/healthy", "/-/ready"):
        assert call(served, "GET", path)[0] == 200
        assert call(served, "GET", path, control=True)[0] == 200
    program.commands.gate.set()
    for thread in stuck:
        thread.join(60)
    assert call(served, "GET", "/api/v1/status")[0] == 200


def test_floods_from_both_doors_never_see_a_torn_or_failed_answer(program, served):
    over, faults, answers = threading.Event(), [], []

    def flood(connect, headers, openmetrics):
        connection = connect()
        for _ in range(50):
            connection.request("GET", "/metrics", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                faults.append(answer.status)
                break
            answers.append((body, openmetrics))
        connection.close()

    def churn():
        while not over.is_set():
            program.pages.refresh_process()

    tcp = lambda: http.client.HTTPConnection(*served.address, timeout=60)  # noqa: E731
    unix = lambda: UnixConnection(served.control_path)  # noqa: E731
    openmetrics = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
    threads = [
        threading.Thread(target=flood, args=(connect, *form)) for connect in (tcp, unix) for form in (({}, False), (openmetrics, True))
    ]
    churning = threading.Thread(target=churn)
    for thread in (*threads, churning):
        thread.start()
    for thread in threads:
        thread.join(120)
    over.set()
    churning.join(60)
    assert not faults
    assert len(answers) == 200
    for body, kind in answers[:: max(1, len(answers) // 60)]:
        parse(gzip.decompress(body) if kind else body, openmetrics=kind)


@pytest.mark.prometheus
def test_promtool_has_nothing_to_say(program, served):
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    for path in ("/", "/api/v1/status", "/nothing"):
        call(served, "GET", path)
    told = subprocess.run(["promtool", "check", "metrics"], input=call(served, "GET", "/metrics")[2], capture_output=True, check=False)
    assert (told.returncode, told.stdout + told.stderr) == (0, b"")
