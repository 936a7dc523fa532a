"""``init`` recognises a panel or a node by its traces, and ``doctor`` says what works, what does not, and the way out."""

import os

import pytest

from tests.support.pterodactyl_ward import Ward
from watchdog.model.clues import Clues
from watchdog.model.docker import Container, Mount
from watchdog.panels.pterodactyl import PANEL
from watchdog.panels.pterodactyl.settings import PterodactylSettings

NODE = "/etc/pterodactyl/config.yml"
PHP = "/var/www/pterodactyl/config/app.php"


def container(name, image, *mounts):
    return Container("c" * 64, name, image, "running", mounts=mounts)


def found(*containers, units=(), files=()):
    return PANEL.find(Clues(containers=containers, units=frozenset(units), exists=lambda path: path in files))


def test_nothing_is_found_where_nothing_is():
    assert found() == ()
    assert found(container("web", "nginx"), units=("nginx.service", "wings.service")) == ()


def test_a_node_on_the_host_is_found_by_its_configuration():
    (one,) = found(units=("wings.service",), files=(NODE,))
    assert one.why == f"Pterodactyl: its {NODE}, unit wings.service"
    assert one.settings["node"] == {}
    assert one.settings["mode"] == "observe"
    assert "ptlc_" in one.asks["token_file"]
    assert PterodactylSettings.model_validate(dict(one.settings)).node is not None


def test_a_panel_on_the_host_is_found_by_its_files_and_its_queue_worker():
    (one,) = found(units=("pteroq.service",), files=(PHP,))
    assert one.settings["panel_config"] == PHP
    assert one.settings["hooks"] == {"restart_queue": {"unit": "pteroq"}}
    assert "node" not in one.settings
    assert "agent on each node" in one.comments["url"]
    PterodactylSettings.model_validate(dict(one.settings))


def test_containers_are_found_by_their_images_with_paths_as_the_host_has_them():
    wings = container(
        "wings", "ghcr.io/pterodactyl/wings:v1.11.11", Mount("/srv/etc", "/etc/pterodactyl"), Mount("/srv/lib", "/var/lib/pterodactyl")
    )
    (one,) = found(container("panel", "ghcr.io/pterodactyl/panel:v1.11.8"), wings)
    assert one.settings["panel_version"] == "1.11.8"
    assert one.settings["node"] == {
        "config": "/srv/etc/config.yml", "backups": "/srv/lib/backups", "states": "/srv/lib/states.json", "volumes": "/srv/lib/volumes",
        "container": "wings",
    }  # fmt: skip
    PterodactylSettings.model_validate(dict(one.settings))


def test_pelican_is_found_by_its_own_names():
    (one,) = found(files=("/etc/pelican/config.yml",))
    assert one.settings["flavour"] == "pelican"
    assert one.settings["node"]["log"] == "/var/log/pelican/wings.log"
    assert PterodactylSettings.model_validate(dict(one.settings)).flavour == "pelican"


def probed(ward, **changes):
    settings = ward.settings.model_copy(update={"node": ward.settings.node.model_copy(update={"proc": ward.wings.proc}), **changes})
    return PANEL.probe(settings, ward.ports)


def named(lines):
    return {line.name: line for line in lines if line.name != "advice"}


def advice(lines):
    return " ".join(line.message for line in lines if line.name == "advice")


def test_all_is_well(tmp_path):
    with Ward(tmp_path, own={"panel_version": "1.11.8"}) as ward:
        lines = probed(ward)
    told = named(lines)
    for name in (
        "panel",
        "key",
        "release",
        "backups",
        "callback path",
        "wings configuration",
        "wings process",
        "wings log",
        "heartbeat",
        "archives",
        "volumes",
    ):
        assert told[name].ok is True, told[name]
    assert "1 servers on 1 nodes" in told["panel"].message
    assert told["wings process"].message.startswith(f"pid {ward.wings.pid}: it has our log open")
    assert told["queue hook"].ok is None
    assert "copytruncate" in advice(lines)
    assert "guard" in advice(lines)
    assert ward.node.token not in " ".join(line.message for line in lines)


@pytest.mark.parametrize(
    ("trouble", "line", "ok", "says"),
    [
        ("wrong key", "key", False, "ptlc_"),
        ("down", "panel", False, "cannot be read now"),
        ("1.11.6", "callback path", False, "bug of 1.11.6"),
        ("maintenance", "callback path", False, "artisan up"),
        ("token drift", "callback path", False, "copy the node's configuration"),
        ("no version", "release", None, "panel_version"),
        ("no configuration", "wings configuration", False, "node.config"),
        ("other panel", "wings configuration", False, "does not have"),
        ("other paths", "wings configuration", False, "node.backups"),
        ("no process", "wings process", False, "no process of Wings"),
        ("deaf", "wings log", False, "copytruncate"),
        ("no log", "wings log", False, "node.log"),
        ("hung", "heartbeat", False, "hangs"),
        ("no node", "node", None, "none of this host"),
    ],
)
def test_each_trouble_has_its_line_and_a_way_out(trouble, line, ok, says, tmp_path):
    release = "1.11.6" if trouble == "1.11.6" else "1.11.8"
    with Ward(tmp_path, release) as ward:
        changes = {}
        match trouble:
            case "wrong key":
                ward.settings.token_file.write_text("ptlc_wrong")
            case "down":
                changes["url"] = "http://127.0.0.1:1"
            case "maintenance":
                ward.world.switches.maintenance = True
            case "token drift":
                ward.node.token = "x" * 64
            case "no configuration":
                ward.wings.config.unlink()
            case "other panel":
                text = ward.wings.config.read_text()
                ward.wings.config.write_text(text.replace(ward.node.uuid, "99999999-9999-4999-8999-999999999999"))
            case "other paths":
                text = ward.wings.config.read_text()
                ward.wings.config.write_text(text.replace(str(ward.wings.backups), "/somewhere/else"))
            case "no process":
                ward.wings.kill()
            case "deaf":
                ward.wings.journal.rotate("hup")
            case "no log":
                ward.wings.log_file.unlink()
            case "hung":
                os.utime(ward.wings.states, (ward.clock.now().wall - 400.0,) * 2)
            case "no node":
                changes["node"] = None
        lines = PANEL.probe(ward.settings.model_copy(update=changes), ward.ports) if trouble == "no node" else probed(ward, **changes)
        told = named(lines)
    assert told[line].ok is ok, told[line]
    assert says in told[line].message, told[line].message
