"""Real clients: Prometheus itself scrapes us, curl unpacks us, and the log says only templates."""

from __future__ import annotations

import http.client
import json
import logging
import shutil
import signal
import socket
import subprocess
import time
from urllib.parse import quote

import pytest

from tests.conftest import require
from tests.support.backing import call
from tests.support.exposition import parse
from watchdog.model.metrics import Family, Metric

ODD = Metric("odd_info", "info", 'Odd "help" \\ here.', ("text", "more"))
TEXTS = ('quote " backslash \\ newline \n', "é✓ {},=", "", "\\n")


def asked(port, query):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/api/v1/query?query={quote(query)}")
        return json.loads(connection.getresponse().read())["data"]["result"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):  # it listens before it is ready, and says so in plain text
        return []
    finally:
        connection.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.prometheus
@pytest.mark.xdist_group("prometheus")
def test_prometheus_stores_exactly_what_we_say(program, served, tmp_path):
    require(shutil.which("prometheus") is not None, "prometheus (Debian: prometheus)")
    program.pages.declare("odd", (ODD,))
    program.pages.update("odd", [Family(ODD, tuple(((text, str(n)), 1.0) for n, text in enumerate(TEXTS)))])
    host, port = served.address
    (tmp_path / "prometheus.yml").write_text(
        f"scrape_configs: [{{job_name: us, scrape_interval: 1s, static_configs: [{{targets: ['{host}:{port}']}}]}}]\n"
    )
    api = free_port()
    argv = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    argv.append(f"--web.listen-address=127.0.0.1:{api}")
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + 180
            while not asked(api, "up == 1"):
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-3000:]
                assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
                time.sleep(0.2)
            stored = {(each["metric"]["more"], each["metric"].get("text", "")) for each in asked(api, "odd_info")}
            assert stored == {(str(n), text) for n, text in enumerate(TEXTS)}
            (scraped,) = asked(api, "scrape_samples_scraped")
            ours = len(parse(program.pages.page().body))
            assert abs(int(scraped["value"][1]) - ours) <= 20  # histograms of routes are born between two scrapes
            kinds = parse(program.pages.page().body)
            assert kinds[("watchdog_web_requests_total", (("listener", "tcp"), ("result", "ok"), ("route", "/metrics")))] >= 1
        finally:
            process.send_signal(signal.SIGKILL)
    log_lines = (tmp_path / "log").read_text().splitlines()
    assert [line for line in log_lines if 'component="scrape manager"' in line and "level=info" not in line] == []


def test_curl_unpacks_the_whole_page(served):
    require(shutil.which("curl") is not None, "curl")
    host, port = served.address
    done = subprocess.run(
        [
            "curl",
            "--silent",
            "--show-error",
            "--compressed",
            "--noproxy",
            "*",
            "-H",
            "Accept: application/openmetrics-text",
            f"http://{host}:{port}/metrics",
        ],
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert parse(done.stdout, openmetrics=True)


def test_the_access_log_has_templates_only_and_only_at_debug(served, caplog):
    caplog.set_level(logging.DEBUG, logger="watchdog.web.accounts")
    call(served, "POST", "/api/v1/plans/hunter2/approve", {"who": "hunter2"}, control=True, headers={"Authorization": "Bearer hunter2"})
    call(served, "GET", "/api/v1/status?target=hunter2")
    deadline = time.monotonic() + 60  # a line is written after its answer has been sent
    records = []
    while len(records) < 2 and time.monotonic() < deadline:
        records = [record for record in caplog.records if record.name == "watchdog.web.accounts"]
        time.sleep(0.02)
    assert len(records) == 2 and {record.levelname for record in records} == {"DEBUG"}
    text = "".join(f"{record.msg} {record.args}" for record in records)
    assert "/api/v1/plans/{approval_id}/approve" in text and "hunter2" not in text
