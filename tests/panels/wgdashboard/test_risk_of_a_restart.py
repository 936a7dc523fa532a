"""What a restart of the panel, and a re-read, may break: every danger of contract section 3.2, and that what is not known counts as one."""

from dataclasses import replace

import pytest

from tests.support.wgdashboard import Conf, Scene, Tunnel, scene, settings
from watchdog.model.repairs import Risk
from watchdog.panels.wgdashboard import PANEL
from watchdog.panels.wgdashboard.remedies import reread_risk, restart_risk
from watchdog.panels.wgdashboard.settings import KindName, RemedyName
from watchdog.panels.wgdashboard.view import Access

UNIT = {"unit": "wg-dashboard"}
CONTAINER = {"container": "wgd"}
EXEC = {"exec": {"container": "wgd", "argv": ["restart.sh"]}}
ARGV = {"argv": ["/opt/restart"]}
CGROUP = "/system.slice/wg-dashboard.service"


def dead(hook, *, kind="kernel", **changes):
    """Return the proposal against a dead thread of a panel with these circumstances."""
    process = changes.pop("process", {})
    sick = scene(evidence_on=True, settings=settings(hooks={"restart_panel": hook}, **changes.pop("settings", {})), **changes)
    if process is None:
        sick.process = None
    else:
        sick.process = replace(sick.process, **process)
    for conf in sick.confs:
        conf.kind = kind
    sick.settle()
    sick.alive = False
    sick.until("thread_dead")
    drift = sick.step().drifts[0]
    return drift.proposal


@pytest.mark.parametrize(
    ("hook", "kind", "process", "ends"),
    [
        (UNIT, "kernel", {}, False),
        (UNIT, "kernel", None, False),
        (UNIT, "kernel", {"daemons": 1}, True),
        (UNIT, "userspace", {}, False),
        (UNIT, "userspace", {"daemons": 2}, True),
        (UNIT, "userspace", {"daemons": 2, "kill_mode": "control-group"}, True),
        (UNIT, "userspace", {"daemons": 2, "kill_mode": "mixed"}, True),
        (UNIT, "userspace", {"daemons": 2, "kill_mode": "process"}, False),
        (UNIT, "userspace", {"daemons": 2, "kill_mode": "process", "cgroup": "/system.slice/another.service"}, None),
        (ARGV, "userspace", {"daemons": 2, "kill_mode": "process"}, True),
        (UNIT, "userspace", None, None),
        (UNIT, "userspace", {"cgroup": "/user.slice/session-1.scope"}, None),
        (UNIT, "userspace", {"cgroup": ""}, None),
        (ARGV, "kernel", {}, False),
        (ARGV, "userspace", {"cgroup": "", "daemons": 0}, False),
        (ARGV, "userspace", {"daemons": 1}, True),
        (ARGV, "userspace", None, None),
        (EXEC, "userspace", {"daemons": 1}, False),
        (EXEC, "userspace", {"daemons": 1, "netns": "", "first": True}, True),
        (EXEC, "kernel", {"netns": "", "first": True}, False),
        (EXEC, "kernel", {"netns": None, "first": True}, True),
        (CONTAINER, "kernel", {"netns": ""}, False),
        (CONTAINER, "kernel", None, None),
        (CONTAINER, "userspace", {"netns": "", "daemons": 1}, True),
        (CONTAINER, "userspace", {"netns": "", "cgroup": ""}, None),
    ],
)
def test_tunnels_that_end_with_the_panel(hook, kind, process, ends):
    proposal = dead(hook, kind=kind, process=process)
    assert proposal.facts["tunnels_end"] is ends
    assert restart_risk(proposal.facts) is (Risk.SAFE if ends is False else Risk.DESTRUCTIVE)


@pytest.mark.parametrize(("own", "ends"), [("/run/netns/wgd", True), ("", False)])
def test_a_container_takes_its_own_network_namespace_along(own, ends):
    proposal = dead(CONTAINER, netns=own, process={"netns": own})
    assert proposal.facts["tunnels_end"] is ends


def test_a_namespace_that_nobody_can_say_the_end_of_is_a_danger():
    proposal = dead(UNIT, netns="/run/netns/vpn", process={"netns": "/run/netns/vpn"})
    assert proposal.facts["tunnels_end"] is None and restart_risk(proposal.facts) is Risk.DESTRUCTIVE


@pytest.mark.parametrize(
    ("autostart", "expect", "raised"),
    [((), {}, ""), (("wg0",), {}, ""), (("wg0", "off"), {}, "off"), (("off",), {"off": "up"}, ""), (("off",), {"off": "down"}, "off")],
)
def test_what_somebody_took_down_would_come_up(autostart, expect, raised):
    base = Scene([])
    sick = scene(evidence_on=True, settings=settings(expect=expect), ini=replace(base.ini, autostart=autostart))
    sick.confs.append(Conf("off", [Tunnel("none", None)], up=False, device=False))
    sick.settle()
    sick.alive = False
    sick.until("thread_dead")
    facts = next(drift for drift in sick.step().drifts if drift.kind == "thread_dead").proposal.facts
    assert facts["raises"] == raised
    assert restart_risk(facts) is (Risk.DESTRUCTIVE if raised else Risk.SAFE)


@pytest.mark.parametrize(
    ("kind", "autostart", "ends", "raised"),
    [("kernel", ("wg0",), False, ""), ("userspace", ("wg0",), True, ""), ("kernel", ("wg0", "off"), False, "off")],
)
def test_without_a_session_the_kernel_is_asked_what_would_end_and_come_up(kind, autostart, ends, raised):
    base = Scene([])
    stale = scene(evidence_on=True, access=Access.FEATURE_OFF, answers_off=True, ini=replace(base.ini, autostart=autostart))
    stale.process = replace(stale.process, daemons=int(kind == "userspace"))
    for conf in stale.confs:
        conf.kind = kind
    facts = stale.step().drifts[0].proposal.facts
    assert (facts["tunnels_end"], facts["raises"]) == (ends, raised)


@pytest.mark.parametrize("ini", [None, "without"])
def test_an_autostart_list_that_cannot_be_seen_is_a_danger(ini):
    proposal = dead(UNIT, ini=None if ini is None else replace(Scene([]).ini, autostart=None))
    assert proposal.facts["raises"] is None and restart_risk(proposal.facts) is Risk.DESTRUCTIVE


def test_without_a_hook_or_a_place_nothing_is_proposed():
    for changes, word in (({"settings": settings(hooks={})}, "hook"),):
        sick = scene(**changes)
        sick.settle()
        sick.alive = False
        sick.until("thread_dead")
        drift = sick.step().drifts[0]
        assert drift.proposal is None and word in drift.hold


@pytest.mark.parametrize("facts", [{}, {"tunnels_end": False}, {"tunnels_end": False, "raises": ""}, {"raises": "", "again": False}])
def test_facts_that_are_missing_are_dangers(facts):
    assert restart_risk(facts) is Risk.DESTRUCTIVE
    for unknown in ({}, {"first_worker": True}, {"first_worker": None, "forgets_too": ""}, {"first_worker": True, "forgets_too": None}):
        assert reread_risk(unknown) is Risk.DESTRUCTIVE
    assert reread_risk({"first_worker": True, "forgets_too": ""}) is Risk.SAFE


def test_the_names_in_the_settings_are_those_of_the_panel():
    assert set(KindName.__args__) == {kind.name for kind in PANEL.kinds}
    assert set(RemedyName.__args__) == {remedy.name for remedy in PANEL.remedies}
    assert {"restart_panel", "reread"} == {remedy.name for remedy in PANEL.remedies}


def test_what_is_settled_is_settled_by_a_pass():
    for remedy in PANEL.remedies:
        assert remedy.settle.min >= 13.0, "the first pass is right thirteen seconds after the panel answers (seen on both versions)"
        assert remedy.settle.max >= 60.0 and not remedy.needs_docker
