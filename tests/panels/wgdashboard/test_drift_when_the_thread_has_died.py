"""The pure rules about the thread: when it counts as dead, when as blocked, what is said of it, and what is never said."""

from dataclasses import replace

import pytest

from tests.support.wgdashboard import LOOK, PASS, START, Conf, Scene, Tunnel, key_of, scene
from watchdog.model.moments import Moment
from watchdog.model.repairs import Risk
from watchdog.panels.wgdashboard.drift import KINDS
from watchdog.panels.wgdashboard.remedies import REMEDIES, panel_object
from watchdog.panels.wgdashboard.traces import Journal
from watchdog.panels.wgdashboard.view import Access

RISKS = {remedy.name: remedy.risk for remedy in REMEDIES}


def risk(drift):
    return RISKS[drift.proposal.remedy](drift.proposal.facts)


def reasons(judgement, kind="panel"):
    return {each.reason for each in judgement.unknown if each.subject.kind == kind}


@pytest.mark.parametrize("version", ["v4.2.3", "v4.3.3"])
@pytest.mark.parametrize("cache", [0.0, 10.0])
def test_a_panel_in_order_is_in_order(version, cache):
    healthy = scene(version=version, cache=cache)
    assert reasons(healthy.look()) == {"observing"}
    assert healthy.kinds(600.0) == set()
    judgement = healthy.step()
    assert not judgement.unknown
    assert {str(each) for each in judgement.fine} >= {"panel/vpn", "configuration/wg0", f"peer/wg2/{key_of('on-2')}"}


# -- thread_dead ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("died_at", [0.5, 2.0, 4.5, 7.0, 9.5])
@pytest.mark.parametrize("cache", [0.0, 5.0])
def test_the_verdict_comes_after_45_seconds_of_answers_and_within_60_of_the_death(died_at, cache):
    dying = scene(count=24, cache=cache)
    dying.settle()
    dying.pass_by(died_at)
    dying.alive = False
    death = dying.now
    first_repeated: list[float] = []
    while "thread_dead" not in {drift.kind for drift in dying.step().drifts}:
        assert dying.now.since(death) <= 60.0
        first_repeated.append(dying.now.mono)
    assert dying.now.since(death) <= 60.0
    assert dying.now.since(death) >= 35.0, "answers of the last pass, at most ten seconds before the death, must stand for 45 s"


def test_no_answer_is_younger_than_45_seconds_when_the_verdict_falls():
    dying = scene(count=6)
    dying.settle()
    dying.alive = False
    dying.pass_by(3.0)
    for each in dying.confs[0].tunnels:  # the last pass had come to the first
        each.sampled(dying.now.wall, 120.0)
    changed_at = dying.now.mono
    dying.until("thread_dead")
    assert 45.0 <= dying.now.mono - changed_at <= 60.0


def test_a_death_in_the_middle_of_a_pass_leaves_the_first_younger_and_is_found_in_time():
    dying = scene(count=24)
    dying.settle()
    dying.alive = False
    dying.pass_by(3.0)
    for conf in dying.confs[:2]:
        for each in conf.tunnels:
            each.sampled(dying.now.wall, 120.0)
    assert dying.until("thread_dead") <= 60.0


def test_a_dead_thread_is_one_drift_that_says_who_is_online():
    dying = scene(count=24)
    dying.settle()
    dying.alive = False
    late = Conf("wg99", [Tunnel("late", dying.now.wall - 1.0, ips=("10.99.0.2/32",))])
    dying.confs.append(late)
    dying.until("thread_dead")
    drift = dying.only("thread_dead", 5.0)
    assert str(drift.subject) == "panel/vpn"
    assert "wg0: on-0" in drift.evidence["truly_online"]
    assert drift.evidence["wrongly_offline"] == "wg99: late"
    assert "off-0" not in drift.evidence["truly_online"]
    assert drift.proposal.remedy == "restart_panel"
    assert drift.proposal.object == panel_object("vpn")
    assert drift.proposal.parameters == {"hook": "systemctl restart wg-dashboard"}
    assert reasons(dying.step(), "peer") == {"thread"}


def test_the_evidence_of_a_verdict_stands_still():
    dying = scene(count=3)
    dying.settle()
    dying.alive = False
    dying.until("thread_dead")
    first = dying.step().drifts[0]
    for each in dying.confs:
        each.tunnels[0].keepalive = False
    assert dying.step(300.0).drifts[0].evidence == first.evidence


def test_only_new_peers_show_it_when_nobody_had_ever_connected_before():
    dying = Scene([Conf("wg0", [Tunnel("new", None), Tunnel("never", None)])])
    dying.sample()
    assert dying.settle().fine, "nobody is connected, so nothing is wrong for anybody"
    dying.alive = False
    dying.tunnel("new").handshake = dying.now.wall
    dying.tunnel("new").keepalive = True
    assert 45.0 <= dying.until("thread_dead") <= 80.0


def test_an_only_aged_peer_that_left_the_kernel_is_no_death_while_the_rest_never_shook_hands():
    """Seen on the real panel: the age of a peer that was removed by hand stands for ever, and the database is not written either."""
    odd = Scene([Conf("wg0", [Tunnel("gone", START.wall - 9.0), Tunnel("never", None)]), Conf("wg1", [Tunnel("none", None)])])
    odd.sample()
    odd.settle()
    odd.tunnel("gone").in_kernel = False
    assert odd.kinds(300.0) == {"peer_missing_in_kernel"}


def test_what_was_watched_before_our_start_does_not_count():
    dying = scene()
    dying.settle()
    dying.alive = False
    dying.step(40.0)
    dying.born = dying.now.mono
    assert reasons(dying.step(40.0)) == {"observing"}
    dying.step(15.0)
    assert {drift.kind for drift in dying.step().drifts} == {"thread_dead"}


def test_what_has_a_drift_is_not_unknown_too():
    sick = blocked(evidence_on=True)
    sick.until("pass_blocked")
    judgement = sick.step()
    assert {str(drift.subject) for drift in judgement.drifts}.isdisjoint(str(each.subject) for each in judgement.unknown)


def test_a_new_life_of_ours_holds_nothing_for_mended_before_it_was_watched():
    sick = blocked(evidence_on=True)
    sick.conf("wg1").has_file = False
    sick.until("pass_blocked")
    sick.born = sick.now.mono
    judgement = sick.step(15.0)
    assert not judgement.drifts
    assert {each.subject.id: each.reason for each in judgement.unknown if each.subject.kind == "configuration"} == {
        "wg1": "observing", "wg2": "observing", "wg3": "observing",
    }  # fmt: skip


def test_a_gap_begins_the_watch_anew():
    dying = scene()
    dying.settle()
    dying.alive = False
    dying.step(40.0)
    dying.pass_by(120.0)
    assert not dying.look().drifts
    assert not dying.step(40.0).drifts
    assert dying.until("thread_dead") <= 15.0


@pytest.mark.parametrize("slept", [46.0, 60.0, 85.0])
def test_a_machine_that_stood_still_for_a_minute_is_no_dead_thread(slept):
    """Its lid was closed, or its snapshot was taken: the clock went on, and neither we nor the panel did."""
    healthy = scene()
    healthy.settle()
    for _ in range(4):
        healthy.now = Moment(healthy.now.wall + slept, healthy.now.mono + slept)
        healthy.next_pass += slept
        assert not healthy.look().drifts
        assert healthy.kinds(15.0) == set()
    healthy.alive = False
    assert 45.0 <= healthy.until("thread_dead") <= 60.0, "and it has taught us nothing"


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_jump_of_the_wall_clock_is_no_45_seconds(jump):
    healthy = scene()
    healthy.settle()
    healthy.now = Moment(healthy.now.wall + jump, healthy.now.mono)
    assert "thread_dead" not in healthy.kinds(20.0)


def test_a_thread_that_the_log_says_ended_is_gone():
    dying = scene(evidence_on=True)
    dying.settle()
    dying.alive = False
    dying.journal = Journal(died="RuntimeError")
    dying.until("thread_dead")
    drift = dying.only("thread_dead", 5.0)
    assert drift.evidence["thread"] == "gone" and drift.evidence["ended_by"] == "RuntimeError"
    assert risk(drift) is Risk.SAFE


def test_a_thread_that_is_there_and_samples_nothing_hangs_after_three_minutes():
    hanging = scene(evidence_on=True, version="v4.3.3", journal=Journal(thread=102))
    hanging.settle()
    hanging.alive = False
    assert reasons(hanging.step(100.0)) == {"slow_pass"}
    assert hanging.until("thread_dead") <= 100.0
    assert hanging.step().drifts[0].evidence["thread"] == "there"


def test_a_slow_panel_teaches_us_its_pace():
    slow = scene(count=3)
    slow.settle()
    for _ in range(8):  # every pass takes half a minute longer than it should
        slow.alive = False
        assert "thread_dead" not in slow.kinds(30.0)
        slow.alive = True
        slow.step(10.0)
    slow.alive = False
    assert slow.until("thread_dead") > 60.0, "its usual pace was forty seconds, so 45 are not enough"


def quiet(count, **changes):
    """A panel of ``count`` configurations of which only the first has a peer that ever connected."""
    confs = [Conf(f"wg{number}", [Tunnel(f"on-{number}", START.wall - 9.0 if number == 0 else None)]) for number in range(count)]
    made = Scene(confs, **changes)
    made.sample()
    made.settle()
    return made


@pytest.mark.parametrize(
    ("silent", "version", "evidence_on", "earliest", "latest"),
    [
        (0, "v4.2.3", False, 45.0, 60.0),
        (1, "v4.2.3", False, 45.0, 65.0),
        (4, "v4.2.3", False, 50.0, 75.0),
        (24, "v4.2.3", False, 110.0, 135.0),
        (99, "v4.2.3", False, 165.0, 195.0),
        (4, "v4.2.3", True, 75.0, 105.0),
        (24, "v4.2.3", True, 165.0, 195.0),
        (24, "v4.1.0", True, 110.0, 135.0),
        (24, "", False, 110.0, 135.0),
    ],
)
def test_each_silent_configuration_buys_a_slow_pass_some_time(silent, version, evidence_on, earliest, latest):
    dying = quiet(1 + silent, version=version, evidence_on=evidence_on)
    dying.alive = False
    death = dying.now
    while not (judgement := dying.step()).drifts:
        assert reasons(judgement) <= {"observing", "slow_pass"}
        assert dying.now.since(death) <= latest
    assert dying.now.since(death) >= earliest - 10.0, "the last pass may lie ten seconds before the death"
    assert {drift.kind for drift in judgement.drifts} == {"thread_dead"}


@pytest.mark.parametrize(
    ("silent", "pace", "evidence_on"),
    [
        *[(silent, pace, with_log) for silent, pace in ((24, 1.6), (24, 3.0), (60, 2.5)) for with_log in (True, False)],
        # a slower panel is not told from a dead thread by its answers alone
        (1, 17.0, True),
        (4, 10.0, True),
    ],
)
def test_a_long_pass_over_silent_configurations_is_no_death(silent, pace, evidence_on):
    """The first passes that we ever see take ``pace`` seconds a configuration, and only one answer ever changes."""
    slow = quiet(1 + silent, evidence_on=evidence_on)
    period = PASS + pace * (1 + silent)
    slow.alive = False  # its passes are these
    since = slow.now.mono
    for _ in range(int(2.5 * period / LOOK)):
        if slow.now.mono - since >= period:
            slow.sample()
            since = slow.now.mono
        assert not slow.step().drifts, slow.now.mono - since


def test_a_device_that_the_panel_has_not_told_of_counts_as_silent():
    dying = quiet(1)
    dying.confs += [Conf(f"other{number}", [], listed=False) for number in range(10)]
    dying.step(10.0)
    dying.alive = False
    death = dying.now
    dying.until("thread_dead", 100.0)
    assert 65.0 <= dying.now.since(death) <= 95.0


@pytest.mark.parametrize("silent", [0, 24, 99])
def test_a_death_in_the_log_needs_no_benefit_of_the_doubt(silent):
    dying = quiet(1 + silent, evidence_on=True)
    dying.alive = False
    dying.journal = Journal(died="RuntimeError")
    assert dying.until("thread_dead") <= 60.0


# -- after a restart -----------------------------------------------------------------------------------------------------------


def test_after_a_restart_nothing_is_judged_for_its_grace_and_fine_follows_the_first_pass():
    mended = scene()
    mended.settle()
    mended.alive = False
    mended.until("thread_dead")
    mended.alive, mended.session_lost = True, mended.now
    mended.next_pass = mended.now.mono + 12.0
    judgement = mended.step(10.0)
    assert not judgement.drifts and reasons(judgement) == {"settling"}
    judgement = mended.step(5.0)
    assert not judgement.drifts and "panel/vpn" in {str(each) for each in judgement.fine}, "the first pass proves it, whatever the grace"


@pytest.mark.parametrize("how", ["worker", "session", "ours"])
def test_each_sign_of_a_restart_begins_the_watch_anew(how):
    sick = scene(evidence_on=True, process=replace(Scene([]).process, worker_began=START.mono - 500.0, master_began=START.mono - 501.0))
    sick.settle()
    sick.alive = False
    sick.until("thread_dead")
    match how:
        case "worker":
            sick.process = replace(sick.process, worker=999, worker_began=sick.now.mono)
        case "session":
            sick.session_lost = sick.now
        case "ours":
            key = ("restart_panel", panel_object("vpn"))
            sick.facts = replace(sick.facts, last_remedy_at={key: sick.now.wall})
    assert reasons(sick.step(20.0)) == {"settling"}
    assert reasons(sick.step(15.0)) == {"observing"}
    assert sick.until("thread_dead") <= 25.0


def test_a_second_restart_is_a_persons_to_order():
    sick = scene(evidence_on=True)
    sick.settle()
    sick.alive = False
    sick.until("thread_dead")
    assert risk(sick.step().drifts[0]) is Risk.SAFE
    key = ("restart_panel", panel_object("vpn"))
    sick.facts = replace(sick.facts, last_remedy_at={key: sick.now.wall})
    sick.until("thread_dead")
    assert risk(sick.step().drifts[0]) is Risk.DESTRUCTIVE, "one restart for one cause"
    sick.alive = True
    sick.settle()
    sick.alive = False
    sick.until("thread_dead")
    assert risk(sick.step().drifts[0]) is Risk.DESTRUCTIVE, "within the hour"
    sick.alive = True
    sick.step(3700.0)
    sick.alive = False
    sick.until("thread_dead")
    assert risk(sick.step().drifts[0]) is Risk.SAFE, "another cause, another day"


# -- pass_blocked --------------------------------------------------------------------------------------------------------------


def blocked(at=1, **changes):
    sick = scene(count=4, version="v4.3.3", **changes)
    sick.settle()
    sick.conf(f"wg{at}").breaks = True
    return sick


def test_a_blocked_pass_names_the_first_that_stands_still():
    sick = blocked()
    sick.until("pass_blocked")
    drift = sick.only("pass_blocked", LOOK)
    assert str(drift.subject) == "configuration/wg1"
    assert drift.evidence["blinds"] == "wg1, wg2, wg3"
    assert drift.evidence["cause"] == "unknown"
    assert drift.proposal is None and "log" in drift.hold
    assert "panel/vpn" in {str(each) for each in sick.step().fine}


def test_a_lost_file_is_named_and_re_read():
    sick = blocked(evidence_on=True)
    sick.conf("wg1").has_file = False
    sick.until("pass_blocked")
    drift = sick.step().drifts[0]
    assert drift.evidence["cause"] == "file_missing" and str(drift.subject) == "configuration/wg1"
    assert drift.proposal.remedy == "reread"
    assert drift.proposal.parameters == {"path": "/etc/wireguard", "configuration": "wg1"}
    assert risk(drift) is Risk.SAFE


@pytest.mark.parametrize("process", [None, "respawned"])
def test_a_re_read_by_a_worker_that_may_have_old_settings_is_asked_for(process):
    sick = blocked(evidence_on=True)
    sick.conf("wg1").has_file = False
    sick.process = None if process is None else replace(sick.process, worker_began=5000.0)
    sick.until("pass_blocked")
    assert risk(sick.step().drifts[0]) is Risk.DESTRUCTIVE


def test_a_re_read_that_would_forget_more_than_one_is_asked_for():
    """The folder is not mounted, or somebody is about to swap it."""
    sick = blocked(evidence_on=True)
    for name in ("wg1", "wg3"):
        sick.conf(name).has_file = False
    sick.until("pass_blocked")
    drift = sick.step().drifts[0]
    assert drift.proposal.facts["forgets_too"] == "wg3" and risk(drift) is Risk.DESTRUCTIVE


def test_the_panels_log_goes_before_the_believed_order():
    sick = blocked(at=2, evidence_on=True)
    sick.confs.insert(0, sick.confs.pop(3))  # wg3 comes first in our belief, but the pass takes it last
    sick.conf("wg3").breaks = False
    sick.between = lambda scene: setattr(scene, "journal", replace(scene.journal, broken_device="wg2"))
    sick.until("pass_blocked")
    assert str(sick.step().drifts[0].subject) == "configuration/wg2"


def test_a_name_taken_by_another_interface_is_the_suspect_although_it_has_no_peers_to_freeze():
    sick = blocked()
    sick.conf("wg1").device = False
    sick.until("pass_blocked")
    found = {drift.kind: drift for drift in sick.step().drifts}
    assert set(found) == {"pass_blocked", "configuration_without_device"}
    assert str(found["pass_blocked"].subject) == "configuration/wg1"
    assert found["pass_blocked"].evidence["cause"] == "no_device"
    assert found["pass_blocked"].evidence["blinds"] == "wg2, wg3"


@pytest.mark.parametrize("evidence_on", [True, False])
def test_blocked_at_the_first_looks_like_a_death_and_is_told_apart(evidence_on):
    sick = blocked(at=0, evidence_on=evidence_on, journal=Journal(thread=102))
    sick.conf("wg0").device = False
    sick.until("pass_blocked")
    assert "thread_dead" not in {drift.kind for drift in sick.step(100.0).drifts}
    assert {str(drift.subject) for drift in sick.step().drifts} == {"configuration/wg0"}


def test_no_broken_pass_in_the_log_means_a_slow_one():
    sick = blocked(evidence_on=True)
    sick.between = lambda scene: setattr(scene, "journal", Journal())
    assert "pass_blocked" not in sick.kinds(120.0)
    assert reasons(sick.step()) == {"slow_pass"}


def test_one_that_fails_by_itself_blinds_only_itself():
    """Up to 4.2.3 the try stands inside the loop: the pass goes on behind the broken configuration."""
    sick = scene(count=4)
    sick.settle()
    still = {each.name: (each.shown, each.running) for each in sick.conf("wg1").tunnels}

    def hold(scene):
        for each in scene.conf("wg1").tunnels:
            each.shown, each.running = still[each.name]

    sick.between = hold
    sick.until("pass_blocked")
    drift = sick.only("pass_blocked", LOOK)
    assert drift.evidence["blinds"] == "wg1" and drift.proposal is None


@pytest.mark.parametrize("evidence_on", [True, False])
def test_a_pass_that_takes_minutes_is_no_fault_of_those_that_wait_for_it(evidence_on):
    """A thousand peers on a slow disk: the pass goes round in 100 s, and each configuration is reached once in that time."""
    slow = scene(count=20, evidence_on=evidence_on)
    slow.alive = False
    for number in range(120):
        slow.pass_by(LOOK)
        for each in slow.confs[number % 20].tunnels:
            each.sampled(slow.now.wall, 120.0)
        assert not slow.look().drifts, number


@pytest.mark.parametrize("evidence_on", [True, False])
def test_a_daemon_that_hangs_holds_the_thread_and_is_not_restarted_for(evidence_on):
    sick = scene(evidence_on=evidence_on)
    sick.settle()
    sick.alive = False
    sick.conf("wg1").device_error = "deadline passed"
    sick.until("pass_blocked")
    drift = next(each for each in sick.step().drifts if each.kind == "pass_blocked")
    assert (str(drift.subject), drift.evidence["cause"]) == ("configuration/wg1", "device_silent")
    assert drift.proposal is None and "restart its WireGuard daemon" in drift.hold
    assert "thread_dead" not in sick.kinds(200.0)


def test_peers_behind_a_blocked_pass_are_its_and_not_their_own_drifts():
    sick = blocked()
    sick.conf("wg2").tunnels.append(Tunnel("new", sick.now.wall, ips=("10.2.0.9/32",)))
    assert sick.kinds(200.0) == {"pass_blocked"}
    judgement = sick.step()
    assert {each.subject.id.split("/")[0] for each in judgement.unknown if each.reason == "thread"} == {"wg1", "wg2", "wg3"}


def test_a_re_read_in_the_middle_is_no_drift_and_no_all_clear():
    """Seen on the real panel: for six seconds it knew one of twenty-four configurations."""
    sick = blocked(evidence_on=True)
    sick.conf("wg1").has_file = False
    sick.until("pass_blocked")
    for conf in sick.confs[1:]:
        conf.unknown = True
    judgement = sick.step()
    assert not judgement.drifts and reasons(judgement) == {"reading_anew"}
    for conf in sick.confs[2:]:
        conf.unknown = False
    sick.conf("wg1").listed = sick.conf("wg1").breaks = False
    assert not sick.step(40.0).drifts
    assert "panel/vpn" in {str(each) for each in sick.step(40.0).fine}


def test_blocked_cured_and_blocked_again_within_minutes_is_found_in_time():
    """Seen on the real panel: the first blocking had taught us that a minute without a change was usual."""
    sick = blocked(evidence_on=True)
    sick.conf("wg1").has_file = False
    sick.until("pass_blocked")
    sick.step(10.0)
    sick.conf("wg1").listed = sick.conf("wg1").breaks = False
    sick.step(15.0)
    assert "panel/vpn" in {str(each) for each in sick.step(5.0).fine}, "the lost file is no reason to wait"
    sick.conf("wg2").breaks = True
    assert sick.until("pass_blocked") <= 65.0
    assert [str(drift.subject) for drift in sick.step().drifts] == ["configuration/wg2"]


def test_a_long_illness_teaches_nothing():
    sick = blocked(evidence_on=True)
    sick.until("pass_blocked")
    sick.step(900.0)
    sick.conf("wg1").breaks = False
    sick.step(30.0)
    sick.conf("wg1").breaks = True
    assert sick.until("pass_blocked") <= 65.0


def test_after_a_restart_in_vain_the_next_is_a_persons_for_as_long_as_it_is_ill():
    sick = scene(evidence_on=True)
    sick.settle()
    sick.alive = False
    sick.until("thread_dead")
    key = ("restart_panel", panel_object("vpn"))
    sick.facts = replace(sick.facts, last_remedy_at={key: sick.now.wall})
    sick.step(3900.0)
    assert risk(sick.step().drifts[0]) is Risk.DESTRUCTIVE


def test_a_death_is_found_although_the_wall_clock_has_jumped():
    dying = scene()
    dying.settle()
    actual = dying.actual

    def jumped():
        seen = actual()
        devices = tuple(
            replace(each, peers=tuple(replace(peer, handshake_trusted=False) for peer in each.peers))
            for each in seen.wireguard.facts.devices
        )
        return replace(seen, wireguard=replace(seen.wireguard, facts=replace(seen.wireguard.facts, devices=devices)))

    dying.actual = jumped
    dying.alive = False
    assert dying.until("thread_dead") <= 60.0


def test_one_stall_teaches_little():
    usual = scene()
    usual.settle()
    usual.alive = False
    assert not usual.kinds(35.0)
    usual.alive = True
    usual.step(60.0)
    usual.alive = False
    assert usual.until("thread_dead") <= 60.0


# -- stale_worker --------------------------------------------------------------------------------------------------------------


def test_a_worker_that_refuses_keys_the_ini_allows_is_stale():
    stale = scene(evidence_on=True, access=Access.FEATURE_OFF)
    stale.settle()
    drift = stale.only("stale_worker", LOOK)
    assert str(drift.subject) == "panel/vpn"
    assert drift.proposal.remedy == "restart_panel" and risk(drift) is Risk.SAFE


def test_a_stale_worker_without_a_session_is_seen_too_and_nothing_else_is_mended_by_that():
    stale = scene(evidence_on=True)
    stale.conf("wg0").tunnels.append(Tunnel("stranger", None, in_panel=False, in_file=False))
    assert "peer_unknown_to_panel" in stale.kinds(40.0)
    stale.access, stale.answers_off = Access.FEATURE_OFF, True
    judgement = stale.step()
    assert [drift.kind for drift in judgement.drifts] == ["stale_worker"]
    assert {str(each.subject) for each in judgement.unknown} == {f"peer/wg0/{key_of('stranger')}"}


@pytest.mark.parametrize("known", [True, False])
def test_a_feature_that_is_off_is_unknown_and_no_drift(known):
    off = scene(evidence_on=known, access=Access.FEATURE_OFF, ini=replace(Scene([]).ini, keys_enabled=False))
    judgement = off.settle()
    assert not judgement.drifts
    assert reasons(judgement) == {"keys_off"}


# -- what nobody can see -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"no_wireguard": True}, "wireguard_stale"),
        ({"wireguard_error": "Blind"}, "wireguard_stale"),
        ({"wireguard_age": 50.0}, "wireguard_stale"),
    ],
)
def test_without_the_kernels_side_everything_is_unknown(changes, reason):
    dark = scene(**changes)
    dark.alive = False
    judgement = dark.step(120.0)
    assert not judgement.drifts and not judgement.fine
    assert {each.reason for each in judgement.unknown} == {reason}


def test_a_panel_whose_keys_no_device_here_has_is_elsewhere():
    foreign = scene()
    actual = foreign.actual

    def others():
        found = actual()
        devices = tuple(replace(each, public_key=key_of("somebody else")) for each in found.wireguard.facts.devices)
        return replace(found, wireguard=replace(found.wireguard, facts=replace(found.wireguard.facts, devices=devices)))

    foreign.actual = others
    judgement = foreign.step(120.0)
    assert not judgement.drifts
    assert {each.reason for each in judgement.unknown} == {"unplaced"}


def test_a_place_once_proven_holds_while_all_its_tunnels_are_down():
    quiet = scene(evidence_on=True)
    quiet.settle()
    for conf in quiet.confs:
        conf.up = conf.device = False
    judgement = quiet.step(60.0)
    assert not judgement.unknown and not judgement.drifts


def test_a_panel_whose_tunnels_all_failed_to_come_up_is_where_its_processes_are():
    failed = scene(evidence_on=True, ini=replace(Scene([]).ini, autostart=("wg0", "wg1")))
    for conf in failed.confs:
        conf.up = conf.device = False
    judgement = failed.step(40.0)
    assert [str(drift.subject) for drift in judgement.drifts] == ["configuration/wg0", "configuration/wg1"]
    assert not judgement.unknown
    failed.process = None
    failed.facts = replace(failed.facts, memory={})
    assert reasons(failed.step()) == {"unplaced"}


@pytest.mark.parametrize(("own", "reason"), [("/run/netns/vpn", set()), (None, {"unplaced"}), ("", {"unplaced"})])
def test_devices_in_another_namespace_are_the_panels_only_where_its_processes_are(own, reason):
    apart = scene(netns="/run/netns/vpn", evidence_on=True, process=replace(Scene([]).process, netns=own))
    if own is None:
        apart.process = replace(apart.process, netns="/run/netns/other")
    assert reasons(apart.settle()) == reason


def test_every_kind_is_declared_once():
    names = [kind.name for kind in KINDS]
    assert len(names) == len(set(names)) == 13
