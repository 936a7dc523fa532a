"""Rules of pauses from the configuration: globs, what is refused and how, what is watched for them, what doctor says."""

from __future__ import annotations

import pytest

from tests.support.ruled import Host, clock_at
from watchdog import settings
from watchdog.app.ruling import needs_of, pressure_rules, window_rules
from watchdog.cli.pause_rules import rule_probes
from watchdog.errors import BadSettings
from watchdog.reconciler.pressing import FreeGauge, PsiGauge

TARGETS = """
panels:
  mcsmanager:
    - {name: games, url: 'http://127.0.0.1:1', api_key_file: /k}
    - {name: games-2, url: 'http://127.0.0.1:2', api_key_file: /k}
    - {name: other, url: 'http://127.0.0.1:3', api_key_file: /k}
"""
PAUSES = """
pauses:
  windows:
    - {name: nightly, targets: ['games*'], cron: '0 2 * * *', for: 2h, zone: Europe/Vienna, reason: updates}
    - {name: lobby, targets: [other, games], task: lobby, cron: '@weekly', for: 30m}
  pressure:
    - name: disks
      targets: ['*']
      when: {psi: io, kind: full, average: avg300, above: 60, below: 20}
      minimum: 1m
      maximum: 1h
    - {name: space, targets: [other], when: {free_bytes: /srv, below: 5GiB, above: 10GiB}}
"""


def parsed(text):
    return settings.parse(TARGETS + text, "c.yaml", {})


def names(loaded):
    return [target.name for _, target in loaded.targets()]


def test_they_become_rules_over_the_targets_that_there_are():
    loaded = parsed(PAUSES)
    nightly, lobby = window_rules(loaded.pauses, names(loaded))
    assert (nightly.targets, nightly.window.lasts, str(nightly.window.zone), nightly.reason) == (
        ("games", "games-2"), 7200.0, "Europe/Vienna", "updates",
    )  # fmt: skip
    assert (lobby.targets, lobby.task, lobby.window.lasts) == (("games", "other"), "lobby", 1800.0)
    disks, space = pressure_rules(loaded.pauses, names(loaded))
    assert (disks.gauge, disks.enter, disks.leave, disks.minimum, disks.maximum) == (PsiGauge("io", "full", "avg300"), 60, 20, 60.0, 3600.0)
    assert (space.gauge, space.enter, space.leave, space.targets) == (FreeGauge("/srv"), 5 * 2.0**30, 10 * 2.0**30, ("other",))
    assert disks.targets == ("games", "games-2", "other")
    ((need,),) = [each.filesystems for each in needs_of(loaded.pauses)]
    assert need.path == "/srv"
    assert loaded.pauses.names() == {"nightly", "lobby", "disks", "space"}


def test_nothing_is_configured_and_nothing_is_watched_unless_asked_for():
    loaded = parsed("")
    assert (window_rules(loaded.pauses, names(loaded)), pressure_rules(loaded.pauses, names(loaded)), needs_of(loaded.pauses)) == (
        (),
        (),
        (),
    )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("windows: [{name: a, targets: [nobody], cron: '@daily', for: 1h}]", "no target is called 'nobody' (known: games, games-2, other)"),
        ("windows: [{name: a, targets: [], cron: '@daily', for: 1h}]", "pauses.windows[0].targets"),
        ("windows: [{name: a, targets: [games], cron: '* *', for: 1h}]", "write minute, hour"),
        ("windows: [{name: a, targets: [games], cron: '@daily', for: 0s}]", "pauses.windows[0].for"),
        ("windows: [{name: a, targets: [games], cron: '@daily'}]", "pauses.windows[0].for"),
        ("windows: [{name: 'a, b', targets: [games], cron: '@daily', for: 1h}]", "pauses.windows[0].name"),
        ("windows: [{name: a, targets: [games], cron: '@daily', for: 1h, zone: Moon}]", "there is no time zone 'Moon'"),
        (
            "windows: [{name: a, targets: [games], cron: '@daily', for: 1h}, {name: a, targets: [games], cron: '@daily', for: 1h}]",
            "two rules of one sort are called 'a'",
        ),
        ("pressure: [{name: a, targets: [games], when: {psi: io, above: 20, below: 60}}]", "below must be less than above"),
        ("pressure: [{name: a, targets: [games], when: {psi: io, above: 5GiB, below: 2}}]", "write numbers such as 60 and 20"),
        ("pressure: [{name: a, targets: [games], when: {above: 60, below: 20}}]", "write either {psi: io"),
        ("pressure: [{name: a, targets: [games], when: {psi: disk, above: 60, below: 20}}]", "pauses.pressure[0].when"),
        ("pressure: [{name: a, targets: [games], when: {free_bytes: /, above: 1GiB, below: 2GiB}}]", "above must be more than below"),
        ("pressure: [{name: a, targets: [games], when: {psi: io, above: 60, below: 2}, minimum: 2h, maximum: 1h}]", "longer than maximum"),
    ],
    ids=range(14),
)
def test_what_cannot_be_meant_is_refused_with_its_key_and_the_way_out(rule, said):
    with pytest.raises(BadSettings) as raised:
        parsed(f"pauses:\n  {rule}\n")
    assert said in str(raised.value)


def test_a_glob_may_mean_nobody():
    loaded = parsed("pauses:\n  windows: [{name: a, targets: ['nobody-*'], cron: '@daily', for: 1h}]\n")
    assert [rule.targets for rule in window_rules(loaded.pauses, names(loaded))] == [()]


def test_doctor_says_when_a_window_opens_and_what_a_pressure_rule_reads():
    clock = clock_at("2026-06-10 20:00")
    host = Host(clock)
    loaded = parsed(PAUSES.replace("kind: full, average: avg300", "kind: some, average: avg60"))
    probes = {probe.name: probe for probe in rule_probes(loaded, host.actual(), clock.now())}
    assert probes["window nightly"].message == "games, games-2: opens next 2026-06-11 00:00 UTC"
    assert probes["pressure disks"].ok is True
    assert "free bytes of /srv is" in probes["pressure space"].message
    host.io = None
    probes = {probe.name: probe for probe in rule_probes(loaded, host.actual(), clock.now())}
    assert probes["pressure disks"].ok is False
    assert "/proc/pressure/io some avg60 cannot be read here: this rule pauses nothing" in probes["pressure disks"].message
