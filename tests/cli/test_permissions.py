"""``doctor`` prints the part of docs/permissions.md that holds here: what is granted, what is missing, which feature needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchdog import settings
from watchdog.app.rights import table, wanted
from watchdog.cli import permissions
from watchdog.model.rights import Capability, effective, rights_of
from watchdog.panels import discover

PANELS = """
panels:
  wgdashboard:
    - {name: vpn, url: "http://127.0.0.1:1", api_key_file: FOLDER/key, directory: FOLDER/src, hooks: {restart_panel: {unit: wg-dashboard}}}
  pterodactyl:
    - {name: hosting, url: "https://panel.example.com", token_file: FOLDER/key, node: {backups: FOLDER/backups}}
"""


def told(text: str, folder: Path, bits: int) -> dict[str, tuple[bool | None, str]]:
    """Return what is said of each feature, for a process with these effective capabilities."""
    status = folder / "status"
    status.write_text(f"Name:\tx\nCapEff:\t{bits:016x}\n")
    loaded = settings.parse(text.replace("FOLDER", str(folder)), "test", {})
    return {each.name: (each.ok, each.message) for each in permissions.probes(loaded, status)}


def mask(*have: Capability) -> int:
    return sum(1 << each.value for each in have)


@pytest.mark.parametrize("panel", discover())
def test_every_panel_says_what_it_takes(panel: str):
    assert rights_of(discover()[panel])


def test_every_switch_is_a_key_of_the_configuration():
    reference = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    for _, right in table():
        key = right.switch.partition(":")[0].replace("panels.*.", "panels.wgdashboard[].")
        section, _, last = key.rpartition(".")
        found = f"## {key}\n" in reference or f"## {key}[]\n" in reference
        found = found or f"| `{last}` |" in reference.partition(f"## {section}\n")[2].partition("\n## ")[0]
        assert found, right.switch


def test_a_feature_that_is_off_takes_nothing():
    nothing = "collectors: {docker: {enabled: false}, wireguard: {enabled: false}}"
    names = {right.feature for _, right, _ in wanted(settings.parse(nothing, "test", {}))}
    assert names == {"ledger and control socket", "metrics, API, status page", "space, memory, pressure"}


def test_what_is_missing_is_named_beside_the_feature_that_needs_it(tmp_path: Path):
    (tmp_path / "key").touch()
    said = told(PANELS, tmp_path, 0)
    assert said["this process"][1].startswith("user ")
    assert said["WireGuard of the kernel"] == (None, "missing: CAP_NET_ADMIN")
    worker = "wgdashboard/vpn: the worker's threads and the daemons that would die"
    assert said[worker] == (None, "missing: CAP_SYS_PTRACE")
    assert said["pterodactyl/hosting: who has an archive open"] == (None, "missing: CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE")
    assert f"'{tmp_path}/src' is not there" in said["wgdashboard/vpn: ini, log, database time, configuration files"][1]
    assert said["a hook that restarts a unit"][0] is True

    (tmp_path / "src").mkdir()
    said = told(PANELS, tmp_path, mask(*Capability))
    assert said[worker] == (True, "has CAP_SYS_PTRACE")
    assert said["wgdashboard/vpn: panel, configurations, peers; reread"][1].startswith("in the panel: API key")
    assert said["wgdashboard/vpn: ini, log, database time, configuration files"][0] is True
    assert "WireGuard in containers" not in said, "nobody asked for it"


def test_without_a_proc_file_system_it_says_so(tmp_path: Path):
    loaded = settings.parse("", "test", {})
    assert [each.ok for each in permissions.probes(loaded, tmp_path / "nothing")] == [None]


def test_capabilities_are_read_as_the_kernel_writes_them():
    assert effective("CapEff:\t0000000000001004\n") == {Capability.CAP_NET_ADMIN, Capability.CAP_DAC_READ_SEARCH}
    with pytest.raises(ValueError, match="CapEff"):
        effective("Name:\tx\n")
