"""The metrics of a target, those of the other exporter, and the tables behind them."""

from dataclasses import replace

import pytest

from tests.support.pterodactyl_looks import HERE, HOUR, OLD, OTHER, PAPER, START, TARGET, THERE, archive, complete, looks, record, uuid
from watchdog.app.catalogue import compat_catalogue
from watchdog.model.metrics import families_of
from watchdog.panels.pterodactyl import PANEL, compat, metrics, releases
from watchdog.panels.pterodactyl import rows as rows_of
from watchdog.panels.pterodactyl.traces import CanaryWord
from watchdog.panels.pterodactyl.view import Callback, Limit, Resources, WingsServer


def rows(found, drifts=()):
    made = metrics.families(found.settings, found.actual(), view_of(found), found.seen(), drifts)
    return {family.metric.name: dict(family.rows) for family in made}


def view_of(found):
    return found.view()


def named(found, name, drifts=()):
    return rows(found, drifts)[f"watchdog_pterodactyl_{name}"]


def test_every_family_of_a_target_in_order_has_rows_of_its_labels():
    found = looks()
    found.wings_is(HERE, version="1.11.11")
    for name, made in rows(found).items():
        metric = next(spec.metric for spec in metrics.METRICS if spec.metric.name == name)
        assert all(len(labels) == len(metric.labels) for labels in made), name
        assert made or name.endswith(("limit", "remaining", "console_works")) or "canary" in name, name


def test_records_are_counted_by_node_and_state():
    found = looks()
    found.add(record(), complete(uuid(1), server=OTHER), record(uuid(2), completed_at=START, server=OTHER))
    assert named(found, "backups") == {
        (TARGET, "node-1", "pending"): 1.0, (TARGET, "node-1", "complete"): 1.0, (TARGET, "node-1", "failed"): 0.0,
        (TARGET, "node-1", "odd"): 0.0, (TARGET, "node-2", "pending"): 0.0, (TARGET, "node-2", "complete"): 1.0,
        (TARGET, "node-2", "failed"): 1.0, (TARGET, "node-2", "odd"): 0.0,
    }  # fmt: skip


def test_stuck_backups_are_told_by_case_and_born_at_zero():
    found = looks()
    assert set(named(found, "stuck_backups").values()) == {0.0}
    found.add(record(created=START - HOUR))
    judgement = found.look()
    assert named(found, "stuck_backups", judgement.drifts)[TARGET, "absent"] == 1.0
    assert sum(named(found, "stuck_backups", judgement.drifts).values()) == 1.0


@pytest.mark.parametrize(
    ("file", "verified"),
    [
        (archive(OLD, START - 10 * HOUR), START - 10 * HOUR + 60),
        (archive(OLD, START - 10 * HOUR, verdict=None), 0.0),
        (archive(OLD, START - 10 * HOUR, verdict="bad"), 0.0),
        (archive(OLD, START - 10 * HOUR, sha1="0" * 40), 0.0),
        (archive(OLD, START - 10 * HOUR, size=2), 0.0),
        (archive(OLD, START - 10 * HOUR, level=1, sha1=None), 0.0),
        (None, 0.0),
    ],
)
def test_the_newest_verified_backup_is_another_than_the_newest(file, verified):
    found = looks()
    found.take(OLD)
    if file:
        found.put(file)
    assert named(found, "newest_backup_timestamp_seconds")[TARGET, PAPER, "Paper"] == START - 10 * HOUR + 60
    assert named(found, "newest_verified_backup_timestamp_seconds") == {(TARGET, PAPER, "Paper"): verified}


def test_what_is_not_known_has_no_row():
    found = looks()
    found.give(OTHER, backups=None, backups_at=None)
    found.wings_is(THERE, reachable=None, docker=None, servers=None, version="")
    found.node(THERE, panel_reaches=None)
    told = rows(found)
    assert (TARGET, OTHER, "Other") not in told["watchdog_pterodactyl_newest_backup_timestamp_seconds"]
    for name in ("node_answers", "node_docker_answers", "node_panel_reaches"):
        assert set(told[f"watchdog_pterodactyl_{name}"]) == {(TARGET, HERE, "node-1")}
    assert (TARGET, THERE, "node-2", "unknown", "no") in told["watchdog_pterodactyl_node_info"]
    assert told["watchdog_pterodactyl_servers_unreadable"] == {(TARGET,): 1.0}


def test_the_state_of_the_callback_and_the_budget():
    found = looks()
    found.callback = Callback("broken_by_1_11_6")
    states = named(found, "callback_state")
    assert states[TARGET, "broken_by_1_11_6"] == 1.0 and sum(states.values()) == 1.0
    plain = found.view
    found.view = lambda: replace(plain(), limits=(Limit("client", 720, 700),))
    assert named(found, "requests_limit") == {(TARGET, "client"): 720.0}
    assert named(found, "requests_remaining") == {(TARGET, "client"): 700.0}


def test_a_target_without_a_node_tells_nothing_of_one():
    bare = looks(node=None)
    bare.see(local=None)
    told = rows(bare)
    assert not told["watchdog_pterodactyl_archives"] and not told["watchdog_pterodactyl_heartbeat_timestamp_seconds"]


def test_servers_beyond_the_limit_are_counted(monkeypatch):
    monkeypatch.setattr(rows_of, "SERVER_LIMIT", 1)
    found = looks()
    assert named(found, "servers_omitted") == {(TARGET,): 1.0}
    assert len(named(found, "server_memory_bytes")) == 1


def test_the_canary_is_shown_when_there_is_one():
    found = looks()
    assert named(found, "canary_state") == {}
    found.see(canary=CanaryWord("failed", START - HOUR, PAPER, took=None))
    assert named(found, "canary_state")[TARGET, PAPER, "failed"] == 1.0 and sum(named(found, "canary_state").values()) == 1.0
    assert named(found, "canary_due_timestamp_seconds") == {(TARGET, PAPER): START - HOUR} and not named(found, "canary_took_seconds")


# -- the other exporter ------------------------------------------------------------------------------------------------------

THEIRS = (
    "memory_mebibyte", "cpu_absolute", "disk_mebibyte", "network_rx_mebibyte", "network_tx_mebibyte", "uptime_milliseconds",
    "max_memory_mebibyte", "max_swap_mebibyte", "max_disk_mebibyte", "io", "max_cpu_absolute", "most_recent_backup_time",
)  # fmt: skip


def test_its_names_are_written_only_when_asked_for():
    assert {family for family in rows(looks()) if family.startswith("pterodactyl_")} == set()
    asked = rows(looks(compat=["pterodactyl_exporter"]))
    assert {name for name in asked if name.startswith("pterodactyl_")} == {f"pterodactyl_server_{name}" for name in THEIRS}
    assert {metric.name for metric in compat_catalogue()["pterodactyl_exporter"]} == {f"pterodactyl_server_{name}" for name in THEIRS}
    assert PANEL.borrowed == compat.BORROWED
    assert all(spec.metric.labels == ("server_name", "id") and spec.metric.type == "gauge" for spec in compat.SPECS)


@pytest.mark.parametrize("by_panel", [True, False])
def test_its_values_are_in_its_units(by_panel):
    found = looks(compat=["pterodactyl_exporter"])
    used = (512 << 20, 12.5, 100 << 20, 3 << 20, 4 << 20, 60_000)
    if by_panel:
        found.give(resources=Resources("running", *used), swap_mib=1, disk_mib=5000, io=500, cpu_percent=200)
    else:
        found.wings[PAPER] = WingsServer(PAPER, "running", False, *used)
        found.give(swap_mib=1, disk_mib=5000, io=500, cpu_percent=200)
    told = rows(found)
    values = [told[f"pterodactyl_server_{name}"]["Paper", PAPER[:8]] for name in THEIRS]
    assert values == [512.0, 12.5, 100.0, 3.0, 4.0, 60_000.0, 2048.0, 1.0, 5000.0, 500.0, 200.0, START - 10 * HOUR + 60]


def test_a_server_without_a_backup_is_0_there_and_one_that_was_not_read_has_none():
    found = looks(compat=["pterodactyl_exporter"])
    assert rows(found)["pterodactyl_server_most_recent_backup_time"]["Other", OTHER[:8]] == 0.0
    found.give(OTHER, backups=None, backups_at=None)
    assert ("Other", OTHER[:8]) not in rows(found)["pterodactyl_server_most_recent_backup_time"]


def test_a_target_tells_its_families_itself_and_others_go_by_their_table():
    class Quiet:
        pass

    found = looks()
    by_table = families_of(Quiet(), metrics.METRICS, TARGET, found.actual(), found.view(), found.seen())
    assert {family.metric.name for family in by_table} == {spec.metric.name for spec in metrics.METRICS}

    class Speaks:
        def families(self, actual, view, evidence):
            return metrics.families(found.settings, actual, view, evidence, ())

    told = families_of(Speaks(), (), TARGET, found.actual(), found.view(), found.seen())
    assert dict(next(each for each in told if each.metric.name.endswith("_heartbeat_timestamp_seconds")).rows) == {
        (TARGET, HERE, "node-1"): found.now - 20
    }


# -- releases ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.11.6", (1, 11, 6)), ("v1.12", (1, 12, 0)), ("develop", None), ("canary", None), ("", None), ("1.11.6-beta", None)],
)
def test_what_is_a_release(text, version):
    assert releases.parse_version(text) == version


def test_the_table_never_says_wrong_of_what_it_does_not_know():
    for panel in ("canary", "", "2.0.0", "1.99.1"):
        assert {row.grade for row in releases.wings_rows(panel, "1.13.3")} <= {"unknown", "note"}
    assert {row.grade for row in releases.wings_rows("1.11.8", "develop")} == {"unknown"}
