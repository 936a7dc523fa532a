"""What is shipped around the program: compose, Prometheus, Alertmanager, the unit and its polkit rule, each as its own tool reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import require
from watchdog import settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OWN = "panel-watchdog:latest"


def tool(*argv: str) -> str:
    require(shutil.which(argv[0]) is not None, argv[0])
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# ---- compose ---------------------------------------------------------------------------------------------------------------------------


def test_every_image_but_ours_has_a_version():
    images = [each["image"] for each in COMPOSE["services"].values()]
    assert OWN in images
    assert all(re.search(r":v?\d+\.\d+(\.\d+)?$", image) for image in images if image != OWN)


def test_every_file_that_is_mounted_is_shipped_and_every_volume_is_declared():
    for name, service in COMPOSE["services"].items():
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), f"{name}: {source}"
            elif not source.startswith("/"):
                assert source in COMPOSE["volumes"], f"{name}: {source}"


def test_what_we_did_not_write_can_change_nothing_of_ours_and_nothing_listens_outside():
    for name, service in COMPOSE["services"].items():
        assert service["network_mode"] == "host"
        for mount in service["volumes"]:
            if mount.startswith((".", "/")):
                assert mount.endswith(":ro"), f"{name}: {mount}"
        told = " ".join([*service.get("command", []), *map(str, service.get("environment", {}).values())])
        assert "0.0.0.0" not in told
    reading = COMPOSE["services"]["docker-reading"]["environment"]
    assert reading["POST"] == 0
    assert not any(key.startswith("ALLOW") for key in reading)
    assert COMPOSE["services"]["docker-acting"]["profiles"] == ["acting"], "acting is switched on by a person"


def test_the_program_of_the_stack_takes_the_shipped_configuration():
    loaded = settings.load(DEPLOY / "config.yaml")
    proxy = COMPOSE["services"]["docker-reading"]["environment"]["BIND_CONFIG"]
    assert loaded.collectors.docker.url == f"tcp://{proxy}"
    prometheus = yaml.safe_load((DEPLOY / "stack/prometheus.yml").read_text())
    targets = [target for job in prometheus["scrape_configs"] for each in job["static_configs"] for target in each["targets"]]
    assert loaded.server.listen in targets


# ---- Prometheus and Alertmanager -------------------------------------------------------------------------------------------------------


@pytest.mark.prometheus
def test_prometheus_takes_its_configuration(tmp_path: Path):
    text = (DEPLOY / "stack/prometheus.yml").read_text().replace("/etc/prometheus/rules", str(ROOT / "alerts"))
    (tmp_path / "prometheus.yml").write_text(text)
    assert "rules found" in tool("promtool", "check", "config", str(tmp_path / "prometheus.yml"))


def test_alertmanager_takes_its_configuration_and_routes_as_it_says():
    path = str(DEPLOY / "stack/alertmanager.yml")
    assert "SUCCESS" in tool("amtool", "check-config", path)

    def goes_to(*labels: str) -> str:
        return tool("amtool", "config", "routes", "test", f"--config.file={path}", *labels).splitlines()[0]

    assert goes_to("alertname=PanelWatchdogAlive", "severity=none") == "deadman"
    assert goes_to("alertname=PanelWatchdogTargetPaused", "severity=none") == "nobody"
    assert goes_to("alertname=McsmanagerGhostRunning", "severity=critical") == "people"
    assert goes_to("alertname=HostRebooted", "severity=info") == "people"


# ---- Grafana ---------------------------------------------------------------------------------------------------------------------------


def test_grafana_finds_every_dashboard_and_the_prometheus_beside_it():
    grafana, provisioning = COMPOSE["services"]["grafana"], DEPLOY / "stack/grafana/provisioning"
    inside = {mount.split(":")[1]: (DEPLOY / mount.split(":")[0]).resolve() for mount in grafana["volumes"] if mount.startswith(".")}
    (provider,) = yaml.safe_load((provisioning / "dashboards/panel-watchdog.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    found = {path.name for path in inside[provider["options"]["path"]].glob("*.json")}
    assert {"overview.json", "docker.json", "watchdog.json"} <= found
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (inside[str(home.parent)] / home.name).exists()
    assert inside["/etc/grafana/provisioning"] == provisioning
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    listens = next(word for word in COMPOSE["services"]["prometheus"]["command"] if word.startswith("--web.listen-address="))
    assert (source["type"], source["isDefault"], source["url"]) == ("prometheus", True, f"http://{listens.split('=')[1]}")


# ---- the unit --------------------------------------------------------------------------------------------------------------------------


def test_systemd_takes_the_unit(tmp_path: Path):
    text = (DEPLOY / "panel-watchdog.service").read_text()
    unit = tmp_path / "panel-watchdog.service"
    unit.write_text(text.replace("/opt/panel-watchdog/bin/panel-watchdog", "/bin/true"))
    said = tool("systemd-analyze", "verify", "--man=no", str(unit))
    assert not [line for line in said.splitlines() if "panel-watchdog" in line], said
    exposure = tool("systemd-analyze", "security", "--offline=true", str(unit)).splitlines()[-1]
    assert float(re.search(r"service: ([\d.]+)", exposure)[1]) < 4.0, exposure


def test_the_polkit_rule_names_units_and_verbs_exactly():
    text = (DEPLOY / "panel-watchdog.rules").read_text()
    assert "org.freedesktop.systemd1.manage-units" in text
    assert re.search(r"units = \[(\"[\w@.-]+\.service\"(, )?)+\]", text)
    assert "*" not in text
