"""Wings' configuration: a whitelist with Wings' own defaults; what cannot be read is named, and no token is ever in anything."""

import os
import threading
from pathlib import Path

import pytest

from tests.support.wings_sight import CONFIG, SECRET, UUID
from watchdog.errors import Blind
from watchdog.panels.pterodactyl import wings_config
from watchdog.panels.pterodactyl.traces import LocalWings

RECORDED = Path(__file__).parents[2] / "recordings/pterodactyl/wings-config.yml"


def parsed(text):
    return wings_config.parsed(text, "config.yml")


def test_what_stands_there_is_taken_and_the_tokens_are_not():
    found = parsed(CONFIG.format(folder="/srv/wings/", uuid=UUID, secret=SECRET))
    assert found == LocalWings(
        UUID,
        "https://panel.example.test",
        "/srv/wings/lib/backups",
        "/srv/wings/lib/volumes",
        "/srv/wings/lib",
        "/srv/wings/log",
        port=18080,
    )
    assert found.states == "/srv/wings/lib/states.json"
    assert SECRET not in repr(found)


def test_the_file_as_the_real_wings_writes_it():
    found = parsed(RECORDED.read_text())
    assert (found.uuid, found.zone, found.port, found.host) == (UUID, "Etc/UTC", 18080, "127.0.0.1")
    assert (found.crash_timeout, found.crash_detection, found.write_limit, found.log_rotate, found.tls) == (60, True, 0, False, False)


def test_absent_keys_are_wings_own_defaults():
    assert parsed(f"uuid: {UUID}") == LocalWings(UUID)
    assert parsed(f"uuid: {UUID}\nsystem:\napi: null") == LocalWings(UUID)
    system = "system: {crash_detection: {enabled: false, timeout: 5}, backups: {write_limit: 30}}"
    found = parsed(f"uuid: {UUID}\n{system}\napi: {{ssl: {{enabled: true}}}}")
    assert (found.crash_detection, found.crash_timeout, found.write_limit, found.tls) == (False, 5, 30, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "just be writing"),
        ("just words", "just be writing"),
        (f"uuid: {UUID}\ntoken: '{SECRET}", "not valid YAML"),
        (f"token: {SECRET}\ntoken: {SECRET}\nuuid: {UUID}", "twice"),
        (f"token: {SECRET}", "no uuid"),
        (f"uuid: not-a-uuid\ntoken: {SECRET}", "no uuid"),
        (f"uuid: {UUID}\nsystem: [{SECRET}]", "system is no mapping"),
        (f"uuid: {UUID}\nsystem: {{backup_directory: {SECRET}}}", "backup_directory is no absolute path"),
        (f"uuid: {UUID}\nremote: 7", "remote is no text"),
        (f"uuid: {UUID}\napi: {{port: {SECRET}}}", "port is no whole number"),
        (f"uuid: {UUID}\napi: {{ssl: {{enabled: {SECRET}}}}}", "enabled is neither true nor false"),
    ],
)
def test_what_is_no_configuration_is_named_without_its_text(text, says):
    with pytest.raises(Blind) as told:
        parsed(text)
    assert says in str(told.value)
    assert SECRET not in str(told.value)


def test_what_cannot_be_read_is_named_with_a_way_out_and_never_hangs(tmp_path):
    with pytest.raises(Blind, match=r"node\.config"):
        wings_config.read(tmp_path / "none.yml")
    with pytest.raises(Blind, match=r"regular file|cannot be read"):
        wings_config.read(tmp_path)
    os.mkfifo(tmp_path / "fifo.yml")
    told = []

    def read():
        with pytest.raises(Blind, match="regular file"):
            wings_config.read(tmp_path / "fifo.yml")
        told.append(True)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(60)
    assert told
    (tmp_path / "large.yml").write_bytes(b"#" * (wings_config.LARGEST + 1))
    with pytest.raises(Blind, match="larger"):
        wings_config.read(tmp_path / "large.yml")
