"""The demo as a person starts it: it ends by itself with 0, having proved every fault, and serves good metrics all the while.

A real Prometheus scrapes it meanwhile, and has data for every query of every dashboard.
"""

import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from tests.conftest import require
from tests.support.dashboards import FILES, filled_in, implausible, load, not_in_the_demo, panels, queries
from tests.support.exposition import parse
from tests.support.prometheus import asked_over, prometheus
from watchdog.demo.script import FAULTS
from watchdog.panels import discover

pytestmark = [pytest.mark.timeout(500), pytest.mark.xdist_group("demo")]


@dataclass
class Performance:
    """What was seen of one run of the demo. ``api`` is the port of the Prometheus that scraped it, None = there is none here."""

    shown: str = ""
    code: int | None = None
    scrapes: int = 0
    said: str = ""
    repaired: float = 0.0
    api: int | None = None
    began: float = field(default_factory=time.time)
    ended: float = 0.0

    def data(self, query):
        """Return what Prometheus has for a query at any time of the run."""
        return asked_over(self.api, query, self.began, self.ended)


def checked(text):
    """Return what promtool has to say of a scrape; nothing where there is no promtool."""
    if shutil.which("promtool") is None:
        return ""
    result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def performance(tmp_path_factory):
    """Run the demo once, and look at it as Prometheus and as a person until it ends."""
    folder, seen = tmp_path_factory.mktemp("demo"), Performance()
    log = folder / "out"
    with ExitStack() as stack, log.open("wb") as out:
        argv = [sys.executable, "-u", "-m", "watchdog", "demo", "--for", "300", "--listen", "127.0.0.1:0"]
        process = stack.enter_context(subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL))
        stack.callback(process.kill)
        until = time.monotonic() + 400
        while process.poll() is None:
            assert time.monotonic() < until, log.read_text()
            time.sleep(1.0)
            found = re.search(r"metrics: http://(\S+)/metrics", log.read_text())
            if found is None:
                continue
            if seen.api is None and shutil.which("prometheus") is not None:
                seen.api = stack.enter_context(prometheus(folder, found[1]))
            try:
                look(seen, f"http://{found[1]}/metrics")
            except OSError:
                process.wait(60)  # it has just ended
        seen.code, seen.shown, seen.ended = process.returncode, log.read_text(), time.time()
        yield seen


def look(seen, url):
    """Take one scrape and note what it says."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        text = answer.read().decode()
    samples = parse(text.encode())
    seen.scrapes += 1
    seen.said = seen.said or checked(text)
    verified = [value for (name, its), value in samples.items() if name == "watchdog_repairs_total" and ("result", "verified") in its]
    seen.repaired = max(seen.repaired, sum(verified))


def test_the_demo_proves_every_fault_and_serves_good_metrics_meanwhile(performance):
    assert performance.code == 0, performance.shown
    shown = performance.shown
    assert f"{len(FAULTS)} of {len(FAULTS)} faults found, mended where there was something to mend, and proved" in shown
    for fault in FAULTS:
        assert re.search(rf"^PROVED .*{re.escape(fault.name)}", shown, re.MULTILINE), shown
    assert "Traceback" not in shown
    assert performance.scrapes >= 10 and performance.repaired >= 4, (performance.scrapes, performance.repaired)
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    assert performance.said == ""


@pytest.mark.prometheus
@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_every_query_of_a_dashboard_has_data_in_a_prometheus_that_scraped_the_demo(performance, file):
    require(performance.api is not None, "prometheus (Debian: prometheus)")
    if file.stem in discover():
        assert performance.data(f'watchdog_panel_up{{panel="{file.stem}"}}'), "the demo has none, so nothing shows what its dashboard shows"
    dashboard = load(file)
    asked = [(where, filled_in(expression, dashboard)) for where, expression in queries(dashboard) if not not_in_the_demo(expression)]
    assert asked
    without = [f"{where}: {query}" for where, query in asked if not performance.data(query)]
    assert without == []
    shown = [(panel, target) for panel in panels(dashboard) for target in panel.get("targets", ())]
    odd = [
        f"{panel['title']}: {why}"
        for panel, target in shown
        if (why := implausible(panel, target, performance.data(filled_in(target["expr"], dashboard))))
    ]
    assert odd == []


OF_OTHER_EXPORTERS = (
    # what their dashboards are made of; the join is mdlayher's README's, for a host with one device
    'time() - wireguard_latest_handshake_seconds{friendly_name!=""}',
    "irate(wireguard_received_bytes_total[10s])",
    "-irate(wireguard_sent_bytes_total[10s])",
    "irate(wireguard_peer_receive_bytes_total[10s]) * on (public_key, device) group_left(name) wireguard_peer_info",
    'wireguard_peer_info * on (instance) group_left(device) wireguard_device_info{device="wg0"}',
    "time() - (wireguard_peer_last_handshake_seconds * on (public_key, device) group_left(name) wireguard_peer_info)",
    "sum by (family) (wireguard_peer_allowed_ips_info)",
)


@pytest.mark.prometheus
@pytest.mark.parametrize("query", OF_OTHER_EXPORTERS)
def test_queries_of_other_exporters_dashboards_have_data_too(performance, query):
    require(performance.api is not None, "prometheus (Debian: prometheus)")
    assert performance.data(query)
