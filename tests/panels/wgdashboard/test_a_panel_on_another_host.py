"""``place: remote``: judged by the panel's own word, and nothing is Unknown for ever that the configuration has put out of sight."""

from dataclasses import replace

import pytest

from tests.panels.wgdashboard.test_drift_when_the_thread_has_died import reasons, risk
from tests.support.wgdashboard import START, Conf, Scene, Tunnel, key_of, scene, settings
from watchdog.model.repairs import Risk
from watchdog.panels.wgdashboard import memory
from watchdog.panels.wgdashboard.advise import advise
from watchdog.panels.wgdashboard.view import Job

REMOTE = settings(place="remote")


def far(**changes):
    """A panel elsewhere; what this host has of WireGuard is none of it."""
    return scene(**{"settings": REMOTE, "no_wireguard": True, **changes})


def subjects(judgement):
    return {str(each) for each in judgement.fine}


@pytest.mark.parametrize("version", ["v4.2.3", "v4.3.3"])
def test_in_order_is_in_order_and_nothing_is_unknown(version):
    healthy = far(version=version)
    assert reasons(healthy.look()) == {"observing"}, "until its answers were watched"
    assert healthy.kinds(600.0) == set()
    judgement = healthy.step()
    assert not judgement.unknown
    assert subjects(judgement) == {"panel/vpn", "configuration/wg0", "configuration/wg1", "configuration/wg2"}, "no peer is judged"


def test_a_dead_thread_is_seen_by_its_answers_and_left_to_the_agent_there():
    dying = far(count=6)
    dying.settle()
    dying.alive = False
    assert 35.0 <= dying.until("thread_dead") <= 60.0
    drift = dying.only("thread_dead", 5.0)
    assert drift.proposal is None and "the agent there" in drift.hold
    assert drift.evidence["truly_online"] == "", "only the kernel knows"
    assert reasons(dying.step(), "configuration") == {"thread"}
    dying.alive = True
    judgement = dying.step(15.0)
    assert not judgement.drifts and not judgement.unknown and "panel/vpn" in subjects(judgement)


def test_who_owns_it_from_afar_asks_before_a_restart():
    dying = far(settings=settings(place="remote", owner=True))
    dying.settle()
    dying.alive = False
    dying.until("thread_dead")
    drift = dying.step().drifts[0]
    assert drift.proposal is not None and risk(drift) is Risk.DESTRUCTIVE, "what it would break cannot be seen"


@pytest.mark.parametrize("version", ["v4.2.3", "v4.3.3"])
def test_what_takes_its_kernel_to_judge_is_not_judged(version):
    odd = far(version=version, count=3)
    odd.settle()
    odd.tunnel("on-0").in_kernel = False  # its age stands still from now on, and so does all of its configuration
    odd.tunnel("off-0").in_kernel = False
    odd.tunnel("on-1").panel_ips = ("10.9.9.9/32",)
    odd.conf("wg1").device = False
    odd.tunnel("on-2").in_panel = False
    judgement = odd.step(600.0)
    assert not judgement.drifts and not judgement.unknown


def test_one_age_that_stands_still_proves_nothing():
    lone = Scene([Conf("wg0", [Tunnel("one", START.wall - 9.0), Tunnel("never", None)])], settings=REMOTE, no_wireguard=True)
    lone.sample()
    lone.settle()
    lone.alive = False
    judgement = lone.step(600.0)
    assert not judgement.drifts and not judgement.unknown


def test_what_the_panel_itself_owes_is_judged():
    owing = far(settings=settings(place="remote", expect={"wg1": "up"}))
    owing.tunnel("on-0").jobs = (Job("1", "date", "lgt", "2020-01-01 00:00:00", "restrict"),)
    owing.conf("wg1").up = False
    judgement = owing.settle()
    assert {drift.kind for drift in judgement.drifts} == {"job_overdue", "autostart_down"}
    late = next(drift for drift in judgement.drifts if drift.kind == "job_overdue")
    assert late.truth == "the panel still lists this peer as having access"


def test_what_was_known_when_it_was_here_is_forgotten():
    moved = scene()
    moved.settle()
    moved.tunnel("on-0").in_kernel = False
    moved.until("peer_missing_in_kernel")
    assert memory.netns_of(moved.facts.memory) == ""
    moved.settings, moved.no_wireguard = REMOTE, True
    judgement = moved.step(60.0)
    assert not judgement.drifts and not judgement.unknown
    assert memory.netns_of(moved.facts.memory) is None, "its names are no names of devices here"


def test_a_device_here_that_has_its_names_and_keys_changes_nothing():
    twin = scene(settings=REMOTE)
    twin.settle()
    twin.confs[0].tunnels.append(Tunnel("stranger", twin.now.wall, key=key_of("stranger"), in_panel=False))
    assert twin.kinds(120.0) == set()


def test_the_doctor_says_what_is_not_judged():
    made = far()
    said = [line for line in advise(REMOTE, made.view(), replace(made.evidence())) if "place: remote" in line]
    assert len(said) == 1 and "not judged here" in said[0]
