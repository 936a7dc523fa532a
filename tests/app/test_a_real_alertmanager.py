"""A real Alertmanager tells the real program: its alert pauses a target and wakes it; its end resumes. And a reload goes on with both."""

from __future__ import annotations

import json
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import require
from tests.support.alertmanager import PROGRAM, real_alertmanager
from tests.support.small_world import program_in, rewrite, samples, scrape, small_world, wait_until

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(600)]
TOKEN = "ring-the-bell-0123456789"
CONFIG = """
route: {{receiver: watchdog, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: watchdog
    webhook_configs:
      - url: {url}/api/v1/alertmanager
        send_resolved: true
        http_config: {{authorization: {{type: Bearer, credentials_file: {token}}}}}
"""


def tell(url, labels, *, ends=None):
    began = datetime.now(UTC) - timedelta(minutes=5)
    body = [{"labels": labels, "startsAt": began.isoformat()} | ({"endsAt": ends.isoformat()} if ends else {})]
    request = urllib.request.Request(f"{url}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def test_it_pauses_wakes_and_resumes(tmp_path):
    require(PROGRAM is not None, "Alertmanager (prometheus-alertmanager)")
    bell = tmp_path / "bell"
    bell.write_text(TOKEN)
    rule = {"name": "disk", "match": {"alertname": "HostDisk*"}, "targets": ["games"], "maximum": "1h", "reason": "the disk is full"}

    def listening(document):
        document["server"]["alertmanager_token_file"] = str(bell)
        document["pauses"] = {"alerts": [rule]}

    with small_world() as world:
        rewrite(world.config, listening)
        with ExitStack() as stack:
            program = stack.enter_context(program_in(world))
            configuration = CONFIG.format(url="http://{}:{}".format(*program.server.address), token=bell)
            url = stack.enter_context(real_alertmanager(tmp_path, configuration))
            full = {"alertname": "HostDiskFull", "host": "alpha"}
            tell(url, full)
            (pause,) = wait_until(lambda: program.pauses.pauses("games"), "a pause by the alert")
            assert (pause.source, pause.reason, pause.length) == ("alert", "the disk is full", 3600.0)
            tell(url, {"alertname": "Other", "watchdog_target": "games", "watchdog_remedy": "no_such"})
            row = 'watchdog_alertmanager_asks_total{answer="unknown",panel="mcsmanager",target="games"}'
            wait_until(lambda: samples(scrape(program)[1])[row] == 1.0, "the answer to an ask")
            rewrite(world.config, lambda document: document["log"].update(level="warning"))
            program.reload()
            assert program.pauses.pauses("games") == (pause,)
            tell(url, full, ends=datetime.now(UTC))
            wait_until(lambda: not program.pauses.pauses("games"), "the end of the pause")
            found = samples(scrape(program)[1])
            assert found['watchdog_alertmanager_alerts_total{result="paused"}'] == 1.0
            assert found['watchdog_alertmanager_alerts_total{result="resumed"}'] == 1.0
            (past,) = program.pauses.pauses("games", ended=True)
            assert (past.end, past.ended_by) == ("resumed", "its alert")
