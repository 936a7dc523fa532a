"""The demo as a person starts it: it ends by itself with 0, having proved every fault, and serves good metrics all the while."""

import re
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.conftest import require
from tests.support.exposition import parse
from watchdog.demo.script import FAULTS

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("demo")]


def checked(text):
    """Return what promtool has to say of a scrape; nothing where there is no promtool."""
    if shutil.which("promtool") is None:
        return ""
    result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    return result.stdout + result.stderr


def test_the_demo_proves_every_fault_and_serves_good_metrics_meanwhile(tmp_path):
    log = tmp_path / "out"
    with log.open("wb") as out:
        argv = [sys.executable, "-u", "-m", "watchdog", "demo", "--for", "150", "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    scrapes, said, repaired = 0, "", 0.0
    try:
        until = time.monotonic() + 240
        while process.poll() is None:
            assert time.monotonic() < until, log.read_text()
            time.sleep(1.0)
            found = re.search(r"metrics: (http://\S+/metrics)", log.read_text())
            if found is None:
                continue
            try:
                with urllib.request.urlopen(found[1], timeout=30) as answer:
                    text = answer.read().decode()
            except OSError:
                assert process.wait(30) is not None  # it has just ended
                break
            samples = parse(text.encode())
            scrapes += 1
            said = said or checked(text)
            verified = [
                value for (name, its), value in samples.items() if name == "watchdog_repairs_total" and ("result", "verified") in its
            ]
            repaired = max(repaired, sum(verified))
        assert process.returncode == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    shown = log.read_text()
    assert f"{len(FAULTS)} of {len(FAULTS)} faults found, mended where there was something to mend, and proved" in shown
    for fault in FAULTS:
        assert re.search(rf"^PROVED .*{re.escape(fault.name)}", shown, re.MULTILINE), shown
    assert "Traceback" not in shown
    assert scrapes >= 10 and repaired >= 4, (scrapes, repaired)
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    assert said == ""
