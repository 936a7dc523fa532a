"""``init`` writes what it saw and asks for no more than keys; ``doctor`` tries everything and changes nothing."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.support.small_world import rewrite, small_world
from watchdog import settings
from watchdog.cli import init
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.model.clues import Clues

READS = {"GET", "HEAD"}
ACTS = ("open", "stop", "kill", "restart", "link_remote", "multi")  # MCSManager acts on GET, too


def say(*words, text=None):
    return subprocess.run([sys.executable, "-m", "watchdog", *words], capture_output=True, text=True, timeout=200, check=False, input=text)


@pytest.fixture
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("e")
    world = FakeEngineWorld()
    with FakeEngine(world, folder / "d.sock"):
        yield world, f"unix://{folder}/d.sock"


# ---- init --------------------------------------------------------------------------------------------------------------------------------


def test_init_finds_a_panel_by_its_container_and_writes_a_file_that_passes(engine, tmp_path):
    world, url = engine
    world.run("panel", "githubyumao/mcsmanager-web:10.6.1")
    output = tmp_path / "config.yaml"
    done = say("init", "--output", str(output), "--docker", url, "--no-ask")
    assert done.returncode == 0, done.stderr
    assert "found mcsmanager: MCSManager: " in done.stdout
    assert "container panel" in done.stdout
    assert "API Key" in done.stdout, "where the panel shows the key"
    text = output.read_text()
    assert "mode: observe" in text
    loaded = settings.parse(text.replace("/etc/panel-watchdog/mcsmanager.key", str(tmp_path / "key")), "written", {})
    assert [(panel, target.mode.value) for panel, target in loaded.targets()] == [("mcsmanager", "observe")]
    assert loaded.collectors.docker.url == url
    assert stat.S_IMODE(output.stat().st_mode) & stat.S_IRWXO == 0
    checked = say("check-config", "-c", str(output))
    assert "unknown key" not in checked.stderr
    again = say("init", "--output", str(output), "--docker", url, "--no-ask")
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert output.read_text() == text
    assert say("init", "--output", str(output), "--docker", url, "--no-ask", "--force").returncode == 0


def test_init_without_anything_to_see_writes_a_file_that_passes(tmp_path):
    output = tmp_path / "config.yaml"
    done = say("init", "--output", str(output), "--docker", f"unix://{tmp_path}/nothing.sock", "--no-ask")
    assert done.returncode == 0, done.stderr
    assert "found no panel" in done.stdout
    assert "could not look at Docker" in done.stdout
    checked = say("check-config", "-c", str(output))
    assert checked.returncode == 0, checked.stderr


def test_init_where_it_may_not_write_says_so_in_one_sentence(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = say("init", "--output", str(blocked / "config.yaml"), "--docker", f"unix://{tmp_path}/n.sock", "--no-ask")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(blocked) in done.stderr


def test_a_key_that_is_pasted_is_stored_for_this_user_only(tmp_path, monkeypatch, engine):
    world, url = engine
    world.run("panel", "githubyumao/mcsmanager-web:10.6.1")
    key = tmp_path / "keys" / "mcsmanager.key"
    clues, remarks = init.look(url)
    assert not remarks
    found = init.discover()["mcsmanager"].find(clues)
    moved = [type(each)({**each.settings, "api_key_file": str(key)}, each.why, each.asks, each.comments) for each in found]
    asked = []
    monkeypatch.setattr(init.typer, "prompt", lambda text, **more: asked.append((text, more)) or "  secret-key-0123  ")
    init._store_secrets(moved[0], ask=True)
    assert key.read_text() == "secret-key-0123\n"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(asked) == 1
    assert asked[0][1]["hide_input"] is True
    init._store_secrets(moved[0], ask=True)
    assert len(asked) == 1, "a key that is there is not asked for again"


def test_units_and_ports_are_clues(tmp_path, monkeypatch):
    units = tmp_path / "units"
    units.mkdir()
    (units / "mcsm-web.service").write_text("")
    (units / "timer.timer").write_text("")
    net = tmp_path / "net"
    net.mkdir()
    header = "  sl  local_address rem_address   st tx_queue\n"
    (net / "tcp").write_text(header + "   0: 0100007F:5B25 00000000:0000 0A 0\n   1: 0100007F:1F90 0100007F:0050 01 0\n")
    (net / "tcp6").write_text(header + "   0: 00000000000000000000000000000000:5F7C 00000000000000000000000000000000:0000 0A 0\n")
    monkeypatch.setattr(init, "UNIT_DIRECTORIES", (str(units), str(tmp_path / "absent")))
    monkeypatch.setattr(init, "NET", net)
    clues, remarks = init.look(f"unix://{tmp_path}/nothing.sock")
    assert clues.units == {"mcsm-web.service"}
    assert clues.ports == {23333, 24444}
    assert len(remarks) == 1
    found = init.discover()["mcsmanager"].find(clues)
    assert "unit mcsm-web.service" in found[0].why
    assert "ports 23333 and 24444" in found[0].why
    assert not init.discover()["mcsmanager"].find(Clues())


def test_a_port_that_really_listens_is_seen():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert listening.getsockname()[1] in init._ports()


# ---- doctor ------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def world():
    with small_world() as made:
        # the demo's WGDashboard has no process of its own, and doctor rightly says so
        rewrite(made.config, lambda document: document["panels"].pop("wgdashboard", None))
        yield made


def doctor(world, code):
    done = say("doctor", "-c", str(world.config))
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@contextmanager
def nothing_changed(world):
    """Assert that nothing but reading was asked of panel and engine."""
    containers = {each.id: each.state for each in world.engine.containers()}
    begun = len(world.panel.seen)
    yield
    seen = world.panel.seen[begun:]
    assert seen, "the panel was asked"
    assert {each.method for each in seen} <= READS
    assert not [each.path for each in seen if any(word in each.path for word in ACTS)]
    assert {each.id: each.state for each in world.engine.containers()} == containers
    assert not (world.folder / "ledger.sqlite3").exists(), "no ledger is made"


def test_doctor_tries_everything_and_changes_nothing(world):
    rewrite(world.config, lambda document: document["panels"]["mcsmanager"][0].pop("hooks"))
    with nothing_changed(world):
        said = doctor(world, 0)
    assert "all well" in said
    assert "ok   panel and key" in said
    assert "?    advice: daemon 'demo-node' has no hook" in said
    assert "off  changes over HTTP: server.api_token_file is not set" in said
    assert "ok   repairs: by itself: games" in said
    assert "ok   wireguard: names: 4 of 9 peers have a name" in said
    for collector in ("docker", "wireguard", "archives", "logs", "host"):
        assert f"  ok   {collector}\n" in said
    assert "will be made at the first run" in said
    assert "is not running" in said


def test_doctor_names_a_file_of_names_that_cannot_be_read(world):
    missing = str(world.folder / "is-not-there.conf")
    rewrite(world.config, lambda document: document["collectors"]["wireguard"]["names"].update(files=[missing], peers={}))
    said = doctor(world, 1)
    assert "0 of 9 peers have a name" in said
    assert f"FAIL wireguard: names: '{missing}' cannot be read: missing" in said


def test_doctor_names_network_namespaces_that_cannot_be_looked_into(world):
    rewrite(
        world.config,
        lambda document: document["collectors"]["wireguard"].update(netns=["/var/run/netns/not-here"], containers=["no-such-*"]),
    )
    said = doctor(world, 1)
    assert "FAIL wireguard: /var/run/netns/not-here: cannot be looked into: NotFound" in said
    # not Blind: what the docker collector has found is known to this one
    assert "FAIL wireguard: container:no-such-*: cannot be looked into: NotFound" in said


def test_doctor_names_a_wrong_key(world):
    (world.folder / "mcsmanager.key").write_text("wrong-key-0123456789")
    with nothing_changed(world):
        said = doctor(world, 1)
    assert "FAIL panel and key: the panel refused the key" in said
    assert "1 thing to mend" in said
    assert "wrong-key" not in said


def test_doctor_names_a_panel_that_is_away(world):
    world.panel.switches.unreachable = True
    assert "FAIL panel and key: the panel cannot be reached now" in doctor(world, 1)


def test_doctor_names_a_secret_that_everybody_can_read_and_one_that_is_missing(world):
    key = world.folder / "mcsmanager.key"
    key.chmod(0o644)
    said = doctor(world, 1)
    assert "FAIL panels.mcsmanager[0].api_key_file" in said
    assert f"chmod 0600 '{key}'" in said
    key.unlink()
    assert "cannot read the secret file" in doctor(world, 1)


def test_doctor_names_a_docker_socket_that_is_missing_and_one_that_is_forbidden(world):
    path = world.folder / "docker.sock"
    moved = path.rename(world.folder / "elsewhere.sock")
    said = doctor(world, 1)
    assert "FAIL docker" in said
    assert str(path) in said
    moved.rename(path)


def test_doctor_names_a_missing_directory_of_archives(world):
    rewrite(
        world.config, lambda document: document["collectors"]["archives"]["directories"].append({"name": "gone", "path": "/nowhere/at/all"})
    )
    said = doctor(world, 1)
    assert "FAIL archives: gone: '/nowhere/at/all' cannot be read" in said
    assert "ok   archives: backups" in said


def test_doctor_says_what_the_first_sweep_reads_and_how_long_that_takes(world, tmp_path):
    for name in ("large", "heads"):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "a.zip").open("wb") as file:
            file.truncate(36 << 30)  # a hole: nobody reads it
    large = {"name": "large", "path": str(tmp_path / "large")}
    heads = {"name": "heads", "path": str(tmp_path / "heads"), "level": 1}
    rewrite(world.config, lambda document: document["collectors"]["archives"].update(directories=[large, heads], rate="2MiB"))
    said = doctor(world, 0)
    assert "ok   archives: large: 1 files, 36.00 GiB; the first sweep reads 36.00 GiB, 5.1 hours at 2 MiB/s" in said
    assert "ok   archives: heads: 1 files, 36.00 GiB; none is read whole" in said
    assert "ok   archives: all: the first sweep reads 36.00 GiB, 5.1 hours at 2 MiB/s" in said


def test_doctor_names_a_unit_that_systemd_does_not_know_and_a_container_that_is_not_there(world):
    rewrite(
        world.config,
        lambda document: document["panels"]["mcsmanager"][0].update(hooks={"restart_daemon": {"unit": "no-such-unit-here.service"}}),
    )
    said = doctor(world, 1)
    assert "FAIL hook restart_daemon: systemd" in said
    assert "no-such-unit-here.service" in said
    rewrite(
        world.config, lambda document: document["panels"]["mcsmanager"][0].update(hooks={"restart_daemon": {"container": "no-such-one"}})
    )
    assert "FAIL hook restart_daemon: Docker does not show a container 'no-such-one'" in doctor(world, 1)


def test_doctor_without_a_configuration_looks_at_what_there_is():
    done = subprocess.run(
        [sys.executable, "-m", "watchdog", "doctor"], capture_output=True, text=True, timeout=200, check=False,
        env={**os.environ, "PANEL_WATCHDOG__COLLECTORS__DOCKER__ENABLED": "false"},
    )  # fmt: skip
    assert "none: Docker, WireGuard and host facts only" in done.stdout
    assert "off  Docker facts" in done.stdout
    assert "off  repairs" in done.stdout
    assert "ok   host" in done.stdout
    assert "Traceback" not in done.stderr
