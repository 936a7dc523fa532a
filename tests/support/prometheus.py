"""A real Prometheus for any test that wants to know what it makes of a scrape.

How to use it::

    from tests.support.prometheus import asked, asked_over, prometheus

    require(shutil.which("prometheus") is not None, "prometheus (Debian: prometheus)")
    with prometheus(tmp_path, "127.0.0.1:9877") as api:      # scrapes /metrics there every second
        asked(api, "up == 1")                                # the result of an instant query
        asked_over(api, "rate(x_total[10s])", began, ended)  # of a query over a range, one point a second
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

PATIENCE = 120.0


@contextlib.contextmanager
def prometheus(folder: Path, target: str, *, every: str = "1s", rules: str = "", tells: str = "") -> Iterator[int]:
    """Scrape ``target`` (host:port) and keep it in ``folder``; yield the port of the API once it answers.

    ``rules`` names rule files (a glob), which are evaluated at the same pace; ``tells`` is the host:port of an Alertmanager.
    """
    job = f"{{job_name: us, scrape_interval: {every}, scrape_timeout: {every}, static_configs: [{{targets: ['{target}']}}]}}"
    config = f"global: {{evaluation_interval: {every}}}\nscrape_configs: [{job}]\n"
    config += f"rule_files: ['{rules}']\n" if rules else ""
    config += f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{tells}']}}]}}]}}\n" if tells else ""
    (folder / "prometheus.yml").write_text(config)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    argv = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    argv += [f"--web.listen-address=127.0.0.1:{port}", "--query.lookback-delta=30s"]
    log_file = folder / "prometheus.log"
    with log_file.open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            until = time.monotonic() + PATIENCE
            while asked(port, "1") == []:
                assert process.poll() is None and time.monotonic() < until, log_file.read_text()[-3000:]
                time.sleep(0.1)
            yield port
        finally:
            process.kill()


def asked(port: int, query: str) -> list:
    """Return the result of an instant query; nothing while nobody answers. Fail when Prometheus refuses the query."""
    return _answer(port, "query", {"query": query})


def asked_over(port: int, query: str, began: float, ended: float) -> list:
    """Return the result of a query for each second between two UNIX times."""
    return _answer(port, "query_range", {"query": query, "start": f"{began:.0f}", "end": f"{ended:.0f}", "step": "1"})


def _answer(port: int, path: str, parameters: dict[str, str]) -> list:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/api/v1/{path}?{urlencode(parameters)}")
        answer = connection.getresponse()
        text = answer.read()
    except OSError:
        return []
    finally:
        connection.close()
    if answer.status == 503:  # it is starting
        return []
    found = json.loads(text)
    assert found["status"] == "success", f"{parameters['query']}: {found.get('error')}"
    return found["data"]["result"]
