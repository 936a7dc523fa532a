"""The shipped Alertmanager configuration in a real Alertmanager: which alert silences which, and that none silences itself.

Alerts have the labels that promtool proves they have (alerts/tests); an instance of its own keeps the cases apart.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import require
from tests.support.alertmanager import PROGRAM, ask, real_alertmanager, text
from tests.support.alerts import ALERTS, FILES, every_rule
from tests.support.http_server import raw_server
from tests.support.prometheus import prometheus
from tests.support.small_world import wait_until
from watchdog.runtime.clock import SystemClock

CONFIG = (Path(__file__).resolve().parents[2] / "deploy/stack/alertmanager.yml").read_text(encoding="utf-8")
OURS = {"job": "panel-watchdog"}
SPREAD = re.compile(r"\(([^()]*)\)")

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(600), pytest.mark.xdist_group("inhibition")]


def fired() -> dict[str, dict[str, str]]:
    """Return the labels of each alert where its promtool test first sees it fire."""
    found: dict[str, dict[str, str]] = {}
    for name in FILES:
        for block in yaml.safe_load((ALERTS / "tests" / name).read_text(encoding="utf-8"))["tests"]:
            for case in block["alert_rule_test"]:
                for alert in case["exp_alerts"][:1]:
                    found.setdefault(case["alertname"], {"alertname": case["alertname"], **alert["exp_labels"], **OURS})
    return found


def spread(value: str) -> list[str]:
    """Return the alternatives of a matcher's value: a(b|c) is ab and ac."""
    if match := SPREAD.search(value):
        return [each for word in match[1].split("|") for each in spread(value[: match.start()] + word + value[match.end() :])]
    return value.split("|")


def alike(value: str) -> list[str]:
    """Likewise, with | outside of brackets parted first."""
    return [each for part in re.split(r"\|(?![^(]*\))", value) for each in spread(part)]


CASES: list[tuple[str, str, dict[str, str], bool]] = [
    # source, the other one, labels of the other one that differ, is it silenced?
    ("McsmanagerUnreadable", "McsmanagerGhostRunning", {}, True),
    ("McsmanagerUnreadable", "McsmanagerUnknownForLong", {}, True),
    ("McsmanagerUnreadable", "PanelWatchdogNotJudged", {}, True),
    ("McsmanagerUnreadable", "PanelWatchdogLedgerDown", {}, False),
    ("McsmanagerUnreadable", "McsmanagerGhostRunning", {"target": "other"}, False),
    ("McsmanagerUnreadable", "McsmanagerGhostRunning", {"instance": "other:9"}, False),
    ("McsmanagerUnreadable", "HostFilesystemFull", {}, False),
    ("PterodactylUnreachable", "PterodactylBackupStuck", {}, True),
    ("DuplicatiUnreachable", "DuplicatiBackupOverdue", {}, True),
    ("WgdashboardUnreadable", "WgdashboardThreadDead", {}, True),
    ("WgdashboardUnreadable", "WireguardPeerDisconnected", {}, False),
    ("SysreptorUnreachable", "SysreptorBackupRefused", {}, True),
    ("SysreptorUnreachable", "SysreptorBackupBad", {}, False),
    ("SysreptorUnreachable", "SysreptorBackupTooOld", {}, False),
    ("PanelWatchdogTargetPaused", "McsmanagerGhostRunning", {}, True),
    ("PanelWatchdogTargetPaused", "McsmanagerUnreadable", {}, True),
    ("PanelWatchdogTargetPaused", "PanelWatchdogApprovalWaits", {}, True),
    ("PanelWatchdogTargetPaused", "DuplicatiBackupOverdue", {}, True),
    ("PanelWatchdogTargetPaused", "DuplicatiPauseLost", {}, False),
    ("PanelWatchdogTargetPaused", "DuplicatiRunUnderPause", {}, False),
    ("PanelWatchdogTargetPaused", "PanelWatchdogPauseWithoutEnd", {}, False),
    ("PanelWatchdogTargetPaused", "McsmanagerGhostRunning", {"target": "other"}, False),
    ("PanelWatchdogTargetPaused", "DockerContainerUnhealthy", {}, False),
    ("PanelWatchdogTargetPaused", "PanelWatchdogSecondInstallation", {}, False),
    ("PanelWatchdogTooManyAtOnce", "McsmanagerGhostRunning", {}, True),
    ("PanelWatchdogTooManyAtOnce", "McsmanagerUnreadable", {}, False),
    ("PanelWatchdogDockerGateClosed", "McsmanagerUnknownForLong", {}, True),
    ("PanelWatchdogDockerGateClosed", "PanelWatchdogSubjectUnknown", {}, True),
    ("PanelWatchdogDockerGateClosed", "PanelWatchdogCollectorFails", {"collector": "docker"}, True),
    ("PanelWatchdogDockerGateClosed", "PanelWatchdogCollectorFails", {"collector": "host"}, False),
    ("PanelWatchdogDockerGateClosed", "McsmanagerGhostRunning", {}, False),
    ("DuplicatiUnknownForLong", "PanelWatchdogSubjectUnknown", {}, True),
    ("PanelWatchdogGone", "HostFilesystemFull", {}, True),
    ("PanelWatchdogGone", "HostFilesystemFull", {"instance": "other:9"}, False),
    ("PanelWatchdogGone", "PanelWatchdogAlive", {}, False),
    ("HostFilesystemFull", "HostFilesystemLow", {}, True),
    ("HostFilesystemFull", "HostFilesystemFillsUp", {"filesystem": "worlds"}, False),
    ("BackupDoesNotFit", "BackupRoomLow", {}, True),
    ("BackupDoesNotFit", "BackupRoomLow", {"directory": "other"}, False),
    ("HostRebooted", "DockerEngineRestarted", {}, True),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require(PROGRAM is not None, "Alertmanager (Debian: prometheus-alertmanager)")
    with real_alertmanager(tmp_path_factory.mktemp("am"), CONFIG) as url:
        yield url


def tell(url: str, alerts: list[dict[str, str]], ends_in: float = 7200.0) -> None:
    now = SystemClock().now().wall
    ask(f"{url}/api/v2/alerts", "POST", [
        {"labels": each, "startsAt": text(now - 600), "endsAt": text(now + ends_in)} for each in alerts
    ])  # fmt: skip


def states(url: str) -> dict[tuple[str, str, str], str]:
    """Return the state of each alert by name, instance and target."""
    return {
        (each["labels"]["alertname"], each["labels"].get("instance", ""), each["labels"].get("target", "")): each["status"]["state"]
        for each in ask(f"{url}/api/v2/alerts")
    }


def test_each_case_is_silenced_or_not(address: str) -> None:
    known = fired()
    wanted, posted = {}, []
    for number, (source, other, change, silenced) in enumerate(CASES):
        here = {"instance": f"case-{number}:9"}
        place = {name: "same" for name in ("target", "filesystem", "directory", "path") if name in known[source]}
        cause = {**known[source], **place, **here}
        victim = {**known[other], **{name: value for name, value in place.items() if name in known[other]}, **here, **change}
        posted += [cause, victim]
        wanted[other, victim["instance"], victim.get("target", "")] = (source, silenced)
    tell(address, posted)
    wait_until(lambda: set(wanted) <= set(states(address)), "all alerts in Alertmanager")
    seen = states(address)
    wrong = [f"{source} and {key}: {seen[key]}" for key, (source, silenced) in wanted.items() if (seen[key] == "suppressed") != silenced]
    assert wrong == []


def test_what_is_silenced_comes_back_when_its_cause_ends(address: str) -> None:
    known, here = fired(), {"instance": "ends:9", "target": "games"}
    cause, victim = {**known["McsmanagerUnreadable"], **here}, {**known["McsmanagerOrphan"], **here}
    key = ("McsmanagerOrphan", "ends:9", "games")
    tell(address, [cause, victim])
    wait_until(lambda: states(address).get(key) == "suppressed", "a silenced alert")
    tell(address, [cause], ends_in=-1.0)
    wait_until(lambda: states(address).get(key) == "active", "the alert that is left")


def test_no_alert_silences_itself(address: str) -> None:
    known = fired()
    assert set(known) == {rule["alert"] for _, rule in every_rule()}
    alone = {name: {**labels, "instance": f"alone-{name}:9"} for name, labels in known.items()}
    tell(address, list(alone.values()))
    mine = {(name, labels["instance"], labels.get("target", "")) for name, labels in alone.items()}
    wait_until(lambda: mine <= set(states(address)), "all alerts in Alertmanager")
    seen = states(address)
    assert [key for key in mine if seen[key] != "active"] == []


def test_each_name_in_the_configuration_is_that_of_an_alert() -> None:
    known = {rule["alert"] for _, rule in every_rule()}
    for rule in yaml.safe_load(CONFIG)["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            if match := re.fullmatch(r'alertname(?:=~|!~|=)"(.*)"', matcher):
                for word in alike(match[1]):
                    assert [name for name in known if re.fullmatch(word, name)], f"no alert is called {word}"
    assert alike("a(b|c)d|e.+") == ["abd", "acd", "e.+"]


# ---- the whole way: metrics, rules, Prometheus, Alertmanager -------------------------------------------------------------------------

DOWN = """
watchdog_panel_up{panel="mcsmanager",target="games"} 0
watchdog_subjects{panel="mcsmanager",target="games",state="unknown"} 3
watchdog_drift_open_timestamp_seconds{panel="mcsmanager",target="games",kind="ghost_running",subject="instance/lobby"} 1700000000
"""
BESIDE = """
watchdog_panel_up{panel="mcsmanager",target="well"} 1
watchdog_drift_open_timestamp_seconds{panel="mcsmanager",target="well",kind="ghost_running",subject="instance/lobby"} 1700000000
watchdog_drifts{panel="mcsmanager",target="left",kind="ghost_running",state="ignored"} 2
watchdog_drifts{panel="mcsmanager",target="left",kind="orphan",state="baseline"} 2
watchdog_target_paused{panel="duplicati",target="nas"} 1
watchdog_drift_open_timestamp_seconds{panel="duplicati",target="nas",kind="backup_overdue",subject="backup/photos"} 1700000000
watchdog_drift_open_timestamp_seconds{panel="duplicati",target="nas",kind="pause_lost",subject="server/nas"} 1700000000
"""
UP = DOWN.replace('target="games"} 0', 'target="games"} 1').replace("} 3", "} 0")


def at_once(folder: Path) -> str:
    """Write the rules without their waiting into ``folder``; return the glob of them."""
    for name in ("mcsmanager.yml", "duplicati.yml", "watchdog.yml"):
        rules = (ALERTS / name).read_text(encoding="utf-8")
        (folder / name).write_text(re.sub(r"^ +for: .*\n", "", rules, flags=re.MULTILINE), encoding="utf-8")
    return f"{folder}/*.yml"


def test_real_rules_over_real_metrics_silence_and_are_silenced(tmp_path: Path) -> None:
    require(PROGRAM is not None, "Alertmanager (Debian: prometheus-alertmanager)")
    shown: list[Any] = [DOWN]

    def answer(connection: socket.socket, _request: bytes) -> None:
        body = (shown[0] + BESIDE).lstrip().encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)

    folders = [tmp_path / name for name in ("rules", "prometheus", "alertmanager")]
    for folder in folders:
        folder.mkdir()
    with raw_server(answer) as server, real_alertmanager(folders[2], CONFIG) as url:
        target = f"127.0.0.1:{server.port}"
        with prometheus(folders[1], target, every="2s", rules=at_once(folders[0]), tells=url.removeprefix("http://")):

            def is_so(wanted: dict[tuple[str, str], str]) -> bool:
                seen = states(url)
                return all(seen.get((name, target, where)) == state for (name, where), state in wanted.items())

            wait_until(lambda: is_so({
                ("McsmanagerUnreadable", "games"): "active", ("McsmanagerGhostRunning", "games"): "suppressed",
                ("McsmanagerUnknownForLong", "games"): "suppressed", ("McsmanagerGhostRunning", "well"): "active",
                ("PanelWatchdogTargetPaused", "nas"): "active", ("DuplicatiBackupOverdue", "nas"): "suppressed",
                ("DuplicatiPauseLost", "nas"): "active",
            }), "a panel that is down that silences its drifts, and a pause its target", 240.0)  # fmt: skip
            assert [key for key in states(url) if key[2] == "left"] == [], "what is ignored or baseline never alerts"
            shown[0] = UP
            wait_until(lambda: is_so({("McsmanagerGhostRunning", "games"): "active"}), "the drift that is left", 240.0)
            wait_until(lambda: ("McsmanagerUnreadable", target, "games") not in states(url), "the end of what silenced it", 240.0)
