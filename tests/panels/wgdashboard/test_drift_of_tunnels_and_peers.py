"""The pure rules about single configurations and peers: what is a drift, what is left alone, and what cannot be told."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.support.wgdashboard import LOOK, START, Tunnel, key_of, scene, settings
from watchdog.model.wireguard import Peer as KernelPeer
from watchdog.panels.wgdashboard.traces import Journal
from watchdog.panels.wgdashboard.view import Job

GIB = 1 << 30


def reasons(judgement, kind):
    return {each.reason for each in judgement.unknown if each.subject.kind == kind}


def found(scene, kind, seconds=60.0):
    drift = scene.only(kind, seconds)
    assert drift.proposal is None and drift.hold, "a person decides"
    return drift


# -- what a peer is shown as ---------------------------------------------------------------------------------------------------


def freeze(name):
    """Return what keeps one peer as it is shown, as a panel with a fault of its own would."""

    def hold(scene):
        each = scene.tunnel(name)
        each.shown, each.running = hold.shown, hold.running

    return hold


def held(scene, name, *, running):
    each = scene.tunnel(name)
    keep = freeze(name)
    keep.shown, keep.running = each.shown, running
    scene.between = keep
    keep(scene)


@pytest.mark.parametrize("version", ["v4.2.3", "v4.3.3"])
def test_a_peer_that_is_online_and_shown_as_stopped_under_a_living_thread(version):
    odd = scene(version=version)
    odd.settle()
    held(odd, "on-1", running=False)
    # up to 4.2 the threshold lies at 120 s, so of each 125 s the last fifteen say nothing
    kinds = odd.kinds(100.0)
    assert kinds == {"peer_false_offline"}
    odd.tunnel("on-1").handshake = odd.now.wall - 20.0
    drift = found(odd, "peer_false_offline", 50.0)
    assert str(drift.subject) == f"peer/wg1/{key_of('on-1')}" and drift.subject.name == "on-1"
    assert drift.evidence["threshold"] == (120.0 if version == "v4.2.3" else 180.0)


def test_every_tunnel_of_the_old_versions_is_stopped_for_a_moment_and_that_is_no_drift():
    """Seen on the real 4.2.3: the age passes 120 s before the keepalive renews it at 125, and is held until the next pass."""
    usual = scene(count=8, cache=10.0)
    stopped = 0
    for _ in range(240):
        assert not usual.step().drifts
        stopped += sum(not conf.tunnels[0].running for conf in usual.confs)
    assert stopped > 20, "the scene must really have shown healthy tunnels as stopped"


def test_a_peer_that_left_and_is_shown_as_running():
    odd = scene()
    odd.settle()
    odd.tunnel("on-2").keepalive = False
    held(odd, "on-2", running=True)
    assert odd.kinds(130.0) == set(), "its last handshake is not old enough yet"
    drift = found(odd, "peer_false_online", 100.0)
    assert drift.subject.name == "on-2" and drift.evidence["threshold"] == 120.0


def test_a_state_is_not_judged_after_a_jump_of_the_clock():
    odd = scene()
    odd.settle()
    held(odd, "on-1", running=False)
    actual = odd.actual

    connected = None

    def jumped():
        seen = actual()
        devices = tuple(
            replace(each, peers=tuple(replace(peer, handshake_trusted=False, connected=connected) for peer in each.peers))
            for each in seen.wireguard.facts.devices
        )
        return replace(seen, wireguard=replace(seen.wireguard, facts=replace(seen.wireguard.facts, devices=devices)))

    odd.actual = jumped
    judgement = odd.step(100.0)
    assert not judgement.drifts and "clock_jumped" in reasons(judgement, "peer")
    connected = False
    judgement = odd.step(5.0)
    assert not judgement.drifts and not any(each.subject.name.startswith("off-") for each in judgement.unknown), "those sleep, known to"


def test_peers_of_a_configuration_that_is_down_are_not_judged():
    quiet = scene()
    quiet.settle()
    quiet.conf("wg1").up = quiet.conf("wg1").device = False
    assert quiet.tunnel("on-1").running, "it is shown as running for ever"
    judgement = quiet.step(400.0)
    assert not judgement.drifts
    assert not [each for each in (*judgement.fine, *(u.subject for u in judgement.unknown)) if "wg1/" in each.id]


# -- who has access ------------------------------------------------------------------------------------------------------------


def test_a_peer_that_only_the_kernel_has_is_reported_and_never_adopted():
    odd = scene(evidence_on=True)
    odd.conf("wg1").tunnels.append(Tunnel("stranger", None, ips=("10.1.0.66/32",), in_panel=False, in_file=False))
    drift = found(odd, "peer_unknown_to_panel")
    assert str(drift.subject) == f"peer/wg1/{key_of('stranger')}"
    assert drift.evidence == {"allowed_ips": "10.1.0.66/32", "in_file": False}
    assert "adopt" in drift.hold


def test_a_stranger_is_found_under_a_dead_thread_too():
    odd = scene()
    odd.settle()
    odd.alive = False
    odd.conf("wg1").tunnels.append(Tunnel("stranger", None, in_panel=False, in_file=False))
    assert odd.kinds(100.0) == {"peer_unknown_to_panel", "thread_dead"}


def test_a_peer_that_only_the_panel_has():
    odd = scene(evidence_on=True)
    odd.settle()
    odd.tunnel("on-1").in_kernel = False
    drift = found(odd, "peer_missing_in_kernel")
    assert drift.subject.name == "on-1" and drift.evidence == {"in_file": True}


@pytest.mark.parametrize("in_kernel", [True, False])
def test_a_restricted_peer_is_no_drift(in_kernel):
    usual = scene(evidence_on=True)
    peer = usual.tunnel("off-1")
    peer.restricted, peer.in_kernel, peer.in_file = True, in_kernel, in_kernel
    assert usual.kinds(120.0) == set()


def test_one_key_in_two_configurations_is_two_peers():
    twins = scene()
    shared = key_of("shared")
    for name in ("wg0", "wg1"):
        twins.conf(name).tunnels.append(Tunnel(f"twin-{name}", None, key=shared, ips=("10.5.0.5/32",)))
    twins.tunnel("twin-wg1").in_kernel = False
    drift = found(twins, "peer_missing_in_kernel")
    assert str(drift.subject) == f"peer/wg1/{shared}"


@pytest.mark.parametrize(
    ("kernel", "panel", "file", "differ"),
    [
        (("10.1.0.2/32",), ("10.1.0.2/32",), ("10.1.0.2/32",), False),
        (("10.1.0.2/32", "fd00::2/128"), ("fd00::2/128", "10.1.0.2/32"), ("10.1.0.2/32", "fd00::2/128"), False),
        (("10.1.0.2/32",), ("10.1.0.3/32",), ("10.1.0.2/32",), True),
        ((), ("10.1.0.2/32",), ("10.1.0.2/32",), True),
        (("10.1.0.2/32",), ("10.1.0.2/32",), ("10.1.0.0/24",), True),
        (("10.1.0.2/32", "10.9.0.0/24"), ("10.1.0.2/32",), ("10.1.0.2/32",), True),
    ],
)
def test_allowed_addresses_are_compared_as_sets_of_networks(kernel, panel, file, differ):
    odd = scene(evidence_on=True)
    peer = odd.tunnel("on-1")
    peer.ips, peer.panel_ips, peer.file_ips = kernel, panel, file
    if not differ:
        assert odd.kinds(60.0) == set()
        return
    drift = found(odd, "allowed_ips_differ")
    assert drift.evidence["kernel"] == (", ".join(sorted(kernel)) or "nothing")
    assert drift.evidence["panel"] == ", ".join(sorted(panel)) and drift.evidence["file"] == ", ".join(sorted(file))


def test_without_its_file_the_addresses_of_panel_and_kernel_are_compared():
    odd = scene()
    odd.tunnel("on-1").panel_ips = ("10.1.0.99/32",)
    assert found(odd, "allowed_ips_differ").evidence["file"] is None


# -- jobs ----------------------------------------------------------------------------------------------------------------------


def date(scene, seconds):
    """Return the date so many seconds ago, as the panel writes it in UTC."""
    return datetime.fromtimestamp(scene.now.wall - seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def with_job(scene, field, operator, value, action="restrict"):
    scene.tunnel("on-1").jobs = (Job("j1", field, operator, value, action),)
    return scene


@pytest.mark.parametrize("action", ["restrict", "delete"])
def test_an_expired_peer_that_is_still_let_in(action):
    late = scene(evidence_on=True)
    with_job(late, "date", "lgt", date(late, 700.0), action)
    drift = found(late, "job_overdue", LOOK)
    assert drift.subject.name == "on-1" and drift.evidence["action"] == action
    assert "second" not in drift.truth


def test_a_job_has_ten_minutes_of_patience():
    late = scene(evidence_on=True)
    with_job(late, "date", "lgt", date(late, 0.0))
    assert 590.0 <= late.until("job_overdue", 700.0) <= 620.0


@pytest.mark.parametrize(("offset", "overdue"), [(0.0, True), (7200.0, True), (-7200.0, False), (None, False)])
def test_a_date_is_one_of_the_panels_own_zone(offset, overdue):
    late = scene(evidence_on=True)
    late.process = replace(late.process, utc_offset=offset)
    with_job(late, "date", "lgt", date(late, 3600.0))
    assert bool(late.step().drifts) is overdue


def test_a_date_that_is_due_in_every_zone_needs_no_zone():
    late = scene()
    with_job(late, "date", "lgt", date(late, 13 * 3600.0))
    assert [drift.kind for drift in late.step().drifts] == ["job_overdue"]


def test_a_quota_that_is_used_up_counts_from_when_we_saw_it():
    late = scene()
    with_job(late, "total_data", "lgt", "5")
    late.tunnel("on-1").rx = 6 * GIB
    assert late.kinds(590.0) == set()
    assert found(late, "job_overdue", 30.0).evidence["field"] == "total_data"


@pytest.mark.parametrize(
    ("field", "operator", "value", "action"),
    [
        ("total_data", "lgt", "7", "restrict"),
        ("total_sent", "lgt", "1", "restrict"),
        ("total_data", "lgt", "much", "restrict"),
        ("total_data", "about", "5", "restrict"),
        ("date", "lgt", "soon", "restrict"),
        ("date", "lgt", "2050-01-01 00:00:00", "restrict"),
        ("total_data", "lgt", "5", "reset_total_data_usage"),
        ("color", "eq", "5", "restrict"),
    ],
)
def test_what_is_not_due_or_takes_no_access_is_left_alone(field, operator, value, action):
    usual = with_job(scene(evidence_on=True), field, operator, value, action)
    usual.tunnel("on-1").rx = 6 * GIB
    assert usual.kinds(700.0) == set()


def test_a_job_done_is_no_drift_any_more():
    late = scene(evidence_on=True)
    with_job(late, "date", "lgt", date(late, 700.0))
    found(late, "job_overdue", LOOK)
    late.tunnel("on-1").in_kernel = late.tunnel("on-1").in_file = False
    late.tunnel("on-1").restricted = True
    assert late.kinds(60.0) == set()


def test_a_thread_for_jobs_that_the_log_says_ended_is_named():
    late = scene(evidence_on=True, journal=Journal(jobs_died="TypeError"))
    with_job(late, "date", "lgt", date(late, 700.0))
    drift = found(late, "job_overdue", LOOK)
    assert drift.evidence["ended_by"] == "TypeError" and "restart" in drift.hold
    late.journal = Journal(jobs_broken=100)
    assert "again and again" in late.step().drifts[0].hold


# -- configurations ------------------------------------------------------------------------------------------------------------


def test_up_by_its_name_only():
    odd = scene()
    odd.settle()
    odd.conf("wg2").device = False
    drift = odd.step(20.0).drifts
    assert [each.kind for each in drift] == ["configuration_without_device"]
    assert str(drift[0].subject) == "configuration/wg2" and "ip -d link show wg2" in drift[0].hold


def test_a_working_tunnel_that_has_lost_its_addresses():
    odd = scene()
    odd.settle()
    odd.conf("wg2").up = False
    drift = found(odd, "device_without_status")
    assert "'ip address add 10.0.0.1/24 dev wg2'" in drift.hold
    conf = odd.conf("wg2")
    conf.addresses = ("10.0.0.1/24", "fe80::1/64")
    drift = next(each for each in odd.step(5.0).drifts if each.kind == "device_without_status")
    assert "'ip address add 10.0.0.1/24 dev wg2; ip address add fe80::1/64 dev wg2'" in drift.hold, "ip takes one address at a time"


@pytest.mark.parametrize(
    ("listed", "wish", "drifts"),
    [(True, None, True), (False, None, False), (True, "down", False), (True, "any", False), (False, "up", True), (True, "up", True)],
)
def test_what_should_be_up_and_is_down(listed, wish, drifts):
    odd = scene(evidence_on=True, settings=settings(expect={} if wish is None else {"wg1": wish}))
    odd.settle()
    odd.ini = replace(odd.ini, autostart=("wg0", "wg1") if listed else ("wg0",))
    odd.conf("wg1").up = odd.conf("wg1").device = False
    assert odd.kinds(60.0) == ({"autostart_down"} if drifts else set())


def test_a_changed_file_that_was_not_loaded_is_one_drift_for_all_its_peers():
    odd = scene(evidence_on=True)
    odd.settle()
    odd.conf("wg1").changed_at = odd.now.wall
    for number in range(3):
        odd.conf("wg1").tunnels.append(Tunnel(f"new-{number}", None, in_kernel=False, ips=(f"10.1.0.{number + 10}/32",)))
    assert odd.kinds(25.0) <= {"peer_missing_in_kernel"}, "whoever changes it needs a moment to load it"
    drift = found(odd, "configuration_not_loaded", 30.0)
    assert drift.evidence["only_in_file"] == ", ".join(sorted(key_of(f"new-{number}") for number in range(3)))
    assert drift.evidence["only_in_kernel"] == "" and "SaveConfig" in drift.hold


def test_a_kernel_that_was_changed_is_not_a_file_that_was_not_loaded():
    odd = scene(evidence_on=True)
    odd.settle()
    odd.tunnel("off-1").in_kernel = False
    assert odd.kinds(60.0) == {"peer_missing_in_kernel"}


def test_a_file_that_was_loaded_is_no_drift():
    usual = scene(evidence_on=True)
    usual.settle()
    usual.conf("wg1").changed_at = usual.now.wall
    usual.conf("wg1").tunnels.append(Tunnel("new", None, ips=("10.1.0.10/32",)))
    assert usual.kinds(120.0) == set()


def test_what_its_file_and_the_kernel_agreed_on_outlives_us():
    odd = scene(evidence_on=True)
    odd.settle()
    odd.pass_by(5000.0)
    odd.born = odd.now.mono
    odd.conf("wg1").changed_at = odd.now.wall - 1000.0
    odd.conf("wg1").tunnels.append(Tunnel("new", None, in_kernel=False, ips=("10.1.0.10/32",)))
    assert odd.kinds(40.0) == {"configuration_not_loaded"}


# -- what cannot be seen -------------------------------------------------------------------------------------------------------


def test_a_device_that_does_not_answer_makes_its_peers_unknown():
    dark = scene()
    dark.settle()
    dark.conf("wg1").device_error = "Unreachable"
    judgement = dark.step(20.0)
    assert not judgement.drifts
    assert {each.subject.id.partition("/")[0] for each in judgement.unknown if each.reason == "device_silent"} == {"wg1"}


def test_a_configuration_that_the_panel_fails_for_is_unknown_and_so_is_what_was_wrong_with_it():
    dark = scene()
    dark.conf("wg1").tunnels.append(Tunnel("stranger", None, in_panel=False))
    found(dark, "peer_unknown_to_panel")
    dark.conf("wg1").error = "ServerFault"
    judgement = dark.step()
    assert not judgement.drifts
    assert {str(each.subject) for each in judgement.unknown} == {"configuration/wg1", f"peer/wg1/{key_of('stranger')}"}
    dark.conf("wg1").error = ""
    found(dark, "peer_unknown_to_panel", LOOK)


def test_a_configuration_that_was_deleted_takes_its_drifts_along():
    usual = scene()
    usual.conf("wg1").tunnels.append(Tunnel("stranger", None, in_panel=False))
    found(usual, "peer_unknown_to_panel")
    usual.conf("wg1").listed = usual.conf("wg1").device = False
    assert not usual.step(90.0).drifts
    judgement = usual.step()
    assert not judgement.unknown and "panel/vpn" in {str(each) for each in judgement.fine}


def test_a_device_the_panel_does_not_have_is_none_of_ours():
    usual = scene()
    actual = usual.actual

    def more():
        seen = actual()
        client = replace(seen.wireguard.facts.devices[0], name="client", public_key=key_of("client"), peers=(KernelPeer(key_of("far")),))
        facts = replace(seen.wireguard.facts, devices=(*seen.wireguard.facts.devices, client))
        return replace(seen, wireguard=replace(seen.wireguard, facts=facts))

    usual.actual = more
    assert usual.kinds(120.0) == set()


def test_two_thousand_peers_are_judged_in_time():
    many = scene(count=20)
    for conf in many.confs:
        conf.tunnels += [Tunnel(f"{conf.name}-{n}", START.wall - 30.0 - n % 90, ips=(f"10.200.{n}.1/32",)) for n in range(98)]
    many.settle()
    before = time.process_time()
    judgement = many.step()
    assert len(judgement.fine) == 2000 + 20 + 1
    assert time.process_time() - before < 20.0, "generous: this tells a square from a line, not a fast machine from a slow one"


def test_a_panel_asked_seldom_is_given_the_time_between_two_answers():
    seldom = scene(count=6, cache=120.0, settings=settings(old_panel_interval="2m"))
    seldom.settle()
    assert seldom.kinds(900.0) == set()
    assert not seldom.step().unknown
