"""Advice of prevention: each sentence is there for its reason alone, and names the exact change."""

from dataclasses import replace

import pytest

from tests.support import wings_sight
from watchdog.model.moments import Moment
from watchdog.panels.pterodactyl.advise import advise
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import Evidence, Heartbeat, LocalWings, Log, WingsProcess
from watchdog.panels.pterodactyl.view import Node, PterodactylView, Server, Wings

NOW = Moment(1_800_000_000.0, 1_000.0)
LOCAL = LocalWings(wings_sight.UUID, log_rotate=False)
SEEN = WingsProcess(1, NOW.wall - 900.0, sighted=True, logs=True, proof="it has our log open")
CALM = Evidence(local=LOCAL, process=SEEN, filesystem_kind="ext4", filesystem_local=True)
NODE = Node(1, wings_sight.UUID, "node-a", "https://a.example.test:8080", maintenance=False, local=True, wings=Wings("1.11.12"))
VIEW = PterodactylView(NOW.wall, "1.11.8", "config", servers=(Server("s", "s", "Paper", wings_sight.UUID),), nodes=(NODE,))


def calm_settings(tmp_path, **changes):
    whole = wings_sight.settings(tmp_path).model_dump(mode="json", exclude_none=True)
    return PterodactylSettings.model_validate(whole | {"disk": "wings", "guard": {"enabled": True}} | changes)


def test_where_all_is_well_there_is_nothing_to_say(tmp_path):
    assert advise(calm_settings(tmp_path), VIEW, CALM, NOW) == ()


@pytest.mark.parametrize(
    ("settings", "view", "evidence", "says"),
    [
        ({"node": None, "guard": {}}, {}, None, "run an agent on each node"),
        ({}, {"version": "", "version_source": ""}, {}, "set panel_config"),
        ({}, {"version": "1.11.6"}, {}, "1.11.7"),
        ({}, {"nodes": (replace(NODE, wings=Wings("1.11.9")),)}, {}, "node node-a: Wings 1.11.9"),
        ({}, {"nodes": (replace(NODE, wings=Wings("1.6.0")),)}, {}, "needs Wings 1.11"),
        ({}, {}, {"mismatch": "node.backups is /a, and Wings has /b"}, "node.backups is /a"),
        ({}, {}, {"process": None, "process_error": "no process of Wings is in sight"}, "no process of Wings is in sight"),
        ({}, {}, {"process": replace(SEEN, sighted=False, why="CAP_SYS_PTRACE")}, "CAP_SYS_PTRACE"),
        ({}, {}, {"process": replace(SEEN, stepped=True)}, "NTP"),
        ({}, {}, {"local": replace(LOCAL, write_limit=50)}, "3000 MiB take a minute"),
        ({}, {}, {"local": replace(LOCAL, log_rotate=True)}, "copytruncate"),
        ({}, {}, {"log": Log(error="is empty since its rotation", deaf=True)}, "is empty since its rotation"),
        ({}, {}, {"filesystem_kind": "nfs4", "filesystem_local": False}, "nfs4"),
        ({}, {}, {"heartbeat": Heartbeat(NOW.wall + 3600.0)}, "future"),
        ({"guard": {}}, {}, {}, "guard: {enabled: true}"),
        ({"guard": {"enabled": True, "directory": "held"}}, {}, {}, "not hidden"),
        ({"prune_age": 0}, {}, {}, "BACKUP_PRUNE_AGE=360"),
        ({"disk": "auto"}, {}, {}, "disk: wings"),
        ({"owner": True}, {}, {}, "restart_queue"),
        ({"expect": {"Paper": "running", "Papper": "running"}}, {}, {}, "does not have: Papper"),
    ],
)
def test_each_reason_has_its_sentence(settings, view, evidence, says, tmp_path):
    seen = Evidence() if evidence is None else replace(CALM, **evidence)
    told = advise(calm_settings(tmp_path, **settings), replace(VIEW, **view), seen, NOW)
    assert len(told) == 1 or "nodes" in view  # an old Wings has several things said of it
    assert says in " ".join(told)


def test_without_a_view_only_what_is_here_is_said(tmp_path):
    (sentence,) = advise(calm_settings(tmp_path, prune_age=0, expect={"x": "any"}), None, CALM, NOW)
    assert "BACKUP_PRUNE_AGE" in sentence
