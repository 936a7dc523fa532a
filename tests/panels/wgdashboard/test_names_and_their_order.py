"""Which configurations are asked for, and the order in which the panel's thread takes them, without ever asking for the list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.wgdashboard_panel import Stage
from watchdog.errors import Blind
from watchdog.model.moments import Moment
from watchdog.panels.wgdashboard.names import Order, names_in_files
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.view import Configuration

NOW = Moment(1_800_000_000.0, 100.0)


def settings(**changes: Any) -> WgdashboardSettings:
    return WgdashboardSettings.model_validate({"name": "vpn", "url": "http://h:1", "api_key_file": "/run/key"} | changes)


def ini(folder: Path, wg: Path | str, awg: Path | str = "") -> Path:
    folder.mkdir(exist_ok=True)
    text = f"[Account]\npassword = $2b$12$secret\n\n[Server]\nwg_conf_path = {wg}\nawg_conf_path = {awg}\nversion = v4.2.3\n"
    (folder / "wg-dashboard.ini").write_text(text + "\n[WireGuardConfiguration]\nautostart = \n")
    return folder


def files(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_names_come_from_the_files_as_the_panel_sorts_them(tmp_path: Path) -> None:
    """It sorts file names, not names: '-' is before '.', so a-b.conf comes before a.conf."""
    folder = files(tmp_path / "wg", "a.conf", "a-b.conf", "Z.conf", "notes.txt", ".conf", "wg0.conf.bak")
    (folder / "WGDashboard_Backup").mkdir()
    assert names_in_files(settings(configurations_directory=str(folder))) == ("Z", "a-b", "a")


def test_both_folders_of_the_ini_count_plain_wireguard_first(tmp_path: Path) -> None:
    wg, awg = files(tmp_path / "wg", "b.conf"), files(tmp_path / "awg", "a.conf", "b.conf")
    assert names_in_files(settings(directory=str(ini(tmp_path / "src", wg, awg)))) == ("b", "a")
    assert names_in_files(settings(directory=str(ini(tmp_path / "other", wg, "/etc/amnezia/amneziawg-is-not-here")))) == ("b",)


def test_what_cannot_be_known_is_blind_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(Blind, match="set configurations_directory, directory or configurations"):
        names_in_files(settings())
    with pytest.raises(Blind, match="cannot read"):
        names_in_files(settings(directory=str(tmp_path)))
    with pytest.raises(Blind, match="cannot list"):
        names_in_files(settings(configurations_directory=str(tmp_path / "gone")))
    half = tmp_path / "half"
    half.mkdir()
    for text in ("", "[Account]\npassword = $2b$12$secret\n"):
        (half / "wg-dashboard.ini").write_text(text)
        with pytest.raises(Blind) as raised:
            names_in_files(settings(directory=str(half)))
        assert "secret" not in str(raised.value)
    (half / "wg-dashboard.ini").write_bytes(b"\xff\xfe")
    with pytest.raises(Blind):
        names_in_files(settings(directory=str(half)))


def configurations(*names: str, **changes: Any) -> list[Configuration]:
    return [Configuration(name, NOW, **changes) for name in names]


def ordered(order: Order, *found: Configuration) -> list[str]:
    return [each.name for each in order.sorted(found)]


def test_a_start_sorts_and_what_comes_later_stands_behind() -> None:
    order = Order()
    assert not order.sure
    assert ordered(order, *configurations("wg10", "wg2", "wg1")) == ["wg1", "wg10", "wg2"]
    assert ordered(order, *configurations("wg0", "wg1", "wg2", "wg10")) == ["wg1", "wg10", "wg2", "wg0"]
    assert ordered(order, *configurations("a", "wg0", "wg1", "wg2", "wg10")) == ["wg1", "wg10", "wg2", "wg0", "a"]
    order.begin_anew(seen=True)
    assert ordered(order, *configurations("wg10", "a", "wg2", "wg1", "wg0")) == ["a", "wg0", "wg1", "wg10", "wg2"]
    assert order.sure


def test_amnezia_comes_behind_plain_wireguard() -> None:
    assert ordered(Order(), *configurations("a", protocol="awg"), *configurations("z")) == ["z", "a"]


def test_one_that_went_and_came_back_stands_last() -> None:
    order = Order()
    ordered(order, *configurations("a", "b", "c"))
    assert ordered(order, *configurations("b", "c")) == ["b", "c"]
    assert ordered(order, *configurations("a", "b", "c")) == ["b", "c", "a"]


def test_one_that_cannot_be_read_keeps_its_place_and_one_that_is_not_known_has_none() -> None:
    order = Order()
    ordered(order, *configurations("a", "b", "c", protocol="wg"))
    broken = configurations("a", error="ServerFault")
    assert ordered(order, *configurations("b", "c"), *broken) == ["a", "b", "c"]
    assert ordered(order, *configurations("a", "b", unknown=True), *configurations("c")) == ["c", "a", "b"]
    assert ordered(order, *configurations("a", "b", "c")) == ["c", "a", "b"]


def test_the_order_of_the_view_is_the_order_of_the_pass(tmp_path: Path) -> None:
    """Held against the fake's real dictionary: a file that came later and sorts first is taken last, until a restart."""
    with Stage(tmp_path, count=3) as stage:
        stage.client.view()
        stage.panel.define("aa")
        stage.panel.worker.scan()
        late = stage.client.view()
        truth = list(stage.panel.worker.configurations)
        assert [each.name for each in late.configurations or ()] == truth == ["wg0", "wg1", "wg2", "aa"]
        stage.panel.restart()
        anew = stage.client.view()
        assert [each.name for each in anew.configurations or ()] == list(stage.panel.worker.configurations) == ["aa", "wg0", "wg1", "wg2"]
        assert anew.ordered


def test_a_reread_begins_the_order_anew(tmp_path: Path) -> None:
    with Stage(tmp_path, count=2) as stage:
        stage.client.view()
        stage.panel.define("aa")
        stage.panel.worker.scan()
        stage.client.view()
        stage.client.reread(str(stage.panel.conf_path), 60.0)
        found = stage.client.view()
        assert [each.name for each in found.configurations or ()] == list(stage.panel.worker.configurations) == ["aa", "wg0", "wg1"]
        assert stage.panel.store.settings()["Server"]["wg_conf_path"] == str(stage.panel.conf_path)


def test_one_whose_file_was_deleted_does_not_vanish_while_an_old_panel_has_it(tmp_path: Path) -> None:
    """Seen on 4.2.3: its tunnel is up, and the panel fails for it alone until it restarts. Nothing said would be a green icon."""
    with Stage(tmp_path, "4.2.3", count=3) as stage:
        stage.client.view()
        (stage.panel.conf_path / "wg1.conf").unlink()
        for _ in range(3):
            stage.clock.advance(15.0)
            errors = {each.name: each.error for each in stage.client.view().configurations or ()}
            assert errors == {"wg0": "", "wg1": "ServerFault", "wg2": ""}
        stage.panel.restart()
        stage.client.view()
        stage.clock.advance(15.0)
        assert [each.name for each in stage.client.view().configurations or ()] == ["wg0", "wg2"]


def test_names_in_our_settings_are_asked_for_besides(tmp_path: Path) -> None:
    with Stage(tmp_path, "4.2.3", configurations=["wg1", "far"]) as stage:
        found = {each.name: each.unknown for each in stage.client.view().configurations or ()}
        assert found == {"wg0": False, "wg1": False, "wg2": False, "far": True}
        stage.settings = stage.settings.model_copy(update={"directory": None})
        view = stage.connect().view()
        assert view.names_from == "settings"
        assert [each.name for each in view.configurations or ()] == ["wg1", "far"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"url": "h:1"}, "no panel address"), ({"url": "http://h:1/?key=x"}, "no panel address"),
        ({"url": "http://a@h"}, "no panel address"),
        ({"api_key_file": "key"}, "absolute"), ({"kinds": {"thread_daed": "repair"}}, "thread_daed"), ({"allow": ["toggle"]}, "toggle"),
        ({"frozen_after": "20s"}, "25"), ({"interval": "500ms"}, "1"), ({"hooks": {"restart_panel": "reboot"}}, "hook"),
        ({"peers": {"laptop": "sometimes"}}, "sometimes"), ({"surprise": 1}, "surprise"), ({"expect": {"wg0": "on"}}, "on"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused_by_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        settings(**changes)
