"""``init`` recognises a panel by its traces, and ``doctor`` says what works, what does not, and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.instruments import Noted
from tests.support.wgdashboard_panel import Stage
from watchdog.model.clues import Clues
from watchdog.model.docker import Container, Mount
from watchdog.model.hooks import Hook
from watchdog.model.panels import METRICS, Ports, Probe
from watchdog.panels.wgdashboard import PANEL
from watchdog.panels.wgdashboard.settings import WgdashboardSettings

OFFICIAL = "ghcr.io/wgdashboard/wgdashboard:latest"


class NoHooks:
    def run(self, hook: Hook, seconds: float) -> object:
        raise AssertionError(f"doctor ran {hook} for {seconds} s")


def container(**changes: object) -> Container:
    plain: dict[str, object] = {"id": "c" * 64, "name": "wgd", "image": OFFICIAL, "state": "running"}
    return Container(**(plain | changes))  # type: ignore[arg-type]


def test_nothing_is_found_where_nothing_is() -> None:
    strangers = Clues(containers=(container(image="nginx"),), units=frozenset({"wg-quick@wg0.service"}), ports=frozenset({10086}))
    assert PANEL.find(Clues()) == ()
    assert PANEL.find(strangers) == (), "a port alone is no panel"


def test_a_panel_on_the_host_is_found_by_its_unit_and_folder() -> None:
    ini = "/opt/WGDashboard/src/wg-dashboard.ini"
    clues = Clues(units=frozenset({"wg-dashboard.service"}), ports=frozenset({10086}), exists=lambda path: path == ini)
    (found,) = PANEL.find(clues)
    assert found.why == "WGDashboard: unit wg-dashboard.service, folder /opt/WGDashboard/src, port 10086"
    assert found.settings["directory"] == "/opt/WGDashboard/src"
    assert found.settings["hooks"] == {"restart_panel": {"unit": "wg-dashboard"}}
    assert found.settings["mode"] == "observe"
    assert "API Keys" in found.asks["api_key_file"]
    WgdashboardSettings.model_validate(dict(found.settings))


def test_a_panel_in_a_container_is_found_by_its_image() -> None:
    mounts = (Mount("/srv/vpn/wg", "/etc/wireguard"), Mount("/srv/vpn/data", "/data"))
    (found,) = PANEL.find(Clues(containers=(container(mounts=mounts), container(image="nginx"))))
    assert (found.settings["name"], found.settings["container"]) == ("wgd", "wgd")
    assert found.settings["configurations_directory"] == "/srv/vpn/wg"
    assert "directory" in found.comments["url"]
    (bare,) = PANEL.find(Clues(containers=(container(image="donaldzou/wgdashboard"),)))
    assert "configurations_directory" not in bare.settings
    for each in (found, bare):
        WgdashboardSettings.model_validate(dict(each.settings))


def probed(stage: Stage, **changes: object) -> dict[str, Probe]:
    ports = Ports(stage.clock, Noted((*METRICS, *(spec.metric for spec in PANEL.metrics))), NoHooks())  # type: ignore[arg-type]
    settings = stage.settings.model_copy(update=changes)
    lines = PANEL.probe(settings, ports)
    return {line.name: line for line in lines if line.name != "advice"}


def test_a_good_panel_is_told_so(tmp_path: Path) -> None:
    with Stage(tmp_path, hooks={"restart_panel": {"unit": "wg-dashboard"}}) as stage:
        lines = probed(stage)
        sent = {seen.path for seen in stage.panel.seen}
    for name in ("panel", "key", "configurations", "restart hook", "evidence: ini", "evidence: database", "evidence: files"):
        assert lines[name].ok is True, lines[name]
    assert "v4.3.3" in lines["panel"].message
    assert lines["configurations"].message == "3, as the panel lists them"
    assert "wg-dashboard" in lines["restart hook"].message
    assert sent == {
        "/api/getDashboardVersion", "/api/handshake", "/api/authenticate", "/api/clients/allConfigurationsPeers",
        "/api/getWireguardConfigurationInfo",
    }  # fmt: skip


def test_an_old_panel_is_told_what_each_request_costs(tmp_path: Path) -> None:
    with Stage(tmp_path, "4.2.3") as stage:
        lines = probed(stage)
    assert lines["configurations"].message == "3, as its files name them"
    assert (lines["request log"].ok, "25920 a day" in lines["request log"].message) == (None, True)
    assert lines["restart hook"].ok is None


@pytest.mark.parametrize(
    ("trouble", "line", "says"),
    [
        ("wrong key", "key", "api_key_file"), ("keys off", "key", "switch them on"), ("stale", "key", "stale worker"),
        ("down", "panel", "cannot be reached"), ("prefix", "panel", "app_prefix"), ("no panel", "panel", "does not look like WGDashboard"),
        ("no names", "configurations", "configurations_directory"), ("one fails", "configurations", "it fails for wg1"),
        ("no key file", "configurations", "api.key"),
    ],
)  # fmt: skip
def test_each_trouble_has_its_line_and_a_way_out(trouble: str, line: str, says: str, tmp_path: Path) -> None:
    version = "4.2.3" if trouble == "no names" else "4.3.3"
    with Stage(tmp_path, version, fake={"keys_at_start": trouble not in {"keys off", "stale"}}) as stage:
        changes: dict[str, object] = {}
        match trouble:
            case "wrong key":
                stage.key_file.write_text("wrong")
            case "keys off":
                stage.panel.worker.settings["Server"]["dashboard_api_key"] = "false"
                stage.panel.worker.save()
            case "stale":
                stage.panel.go_stale()
            case "down":
                stage.panel.end()
            case "prefix":
                changes["url"] = f"{stage.settings.url}/wg"
            case "no panel":
                stage.panel.switches.answer = b"<html>a router</html>"
            case "no names":
                changes["directory"] = None
            case "one fails":
                stage.panel.switches.failing_names = frozenset({"wg1"})
            case "no key file":
                stage.key_file.unlink()
        lines = probed(stage, **changes)
    assert lines[line].ok is False
    assert says in lines[line].message, lines[line].message


def test_evidence_that_is_not_in_sight_says_why(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        (tmp_path / "src" / "wg-dashboard.ini").unlink()
        lines = probed(stage)
        assert lines["evidence: ini"].ok is False
        assert "not in sight" in lines["evidence: ini"].message
        assert probed(stage, directory=None)["evidence"].ok is None
