"""The panel's metrics are what both sides say, bounded, and hold no secret; the advice names the exact change."""

from dataclasses import replace

import pytest

from tests.support.wgdashboard import START, Conf, Scene, Tunnel, key_of, scene, settings
from tests.support.wgdashboard_panel import key_of as stage_key
from tests.support.wgdashboard_ward import Ward
from watchdog.model.metrics import families
from watchdog.model.places import Place
from watchdog.panels.wgdashboard import PANEL
from watchdog.panels.wgdashboard.advise import advise
from watchdog.panels.wgdashboard.metrics import METRICS, PEER_LIMIT
from watchdog.panels.wgdashboard.target import WgdashboardTarget
from watchdog.panels.wgdashboard.traces import Journal
from watchdog.panels.wgdashboard.view import Access, Job


def rows(scene, name):
    found = {family.metric.name: dict(family.rows) for family in families(METRICS, "vpn", scene.actual(), scene.view())}
    return found[f"watchdog_wgdashboard_{name}"]


def peer(name, number=0):
    return ("vpn", f"wg{number}", key_of(name), name)


def connected(made):
    """Let the scene's WireGuard facts say who is connected, as the collector does."""
    actual = made.actual

    def judged():
        seen = actual()
        devices = tuple(
            replace(each, peers=tuple(
                replace(p, connected=p.last_handshake is not None and made.now.wall - p.last_handshake < 180.0) for p in each.peers
            ))
            for each in seen.wireguard.facts.devices
        )  # fmt: skip
        return replace(seen, wireguard=replace(seen.wireguard, facts=replace(seen.wireguard.facts, devices=devices)))

    made.actual = judged
    return made


def test_belief_and_truth_are_told_of_the_same_peers():
    made = connected(scene())
    made.settle()
    assert rows(made, "peer_believed_running") == rows(made, "peer_online")
    made.alive = False
    made.conf("wg0").tunnels.append(Tunnel("late", made.now.wall, ips=("10.0.0.9/32",)))
    made.step(20.0)
    assert rows(made, "peer_believed_running")[peer("late")] == 0.0
    assert rows(made, "peer_online")[peer("late")] == 1.0


def test_the_believed_handshake_runs_away_from_the_true_one_when_the_thread_is_dead():
    made = scene()
    made.settle()
    true = made.tunnel("off-0").handshake
    assert abs(rows(made, "peer_believed_handshake_timestamp_seconds")[peer("off-0")] - true) <= 12.0
    made.alive = False
    made.step(300.0)
    assert rows(made, "peer_believed_handshake_timestamp_seconds")[peer("off-0")] - true >= 300.0
    assert peer("never") not in rows(made, "peer_believed_handshake_timestamp_seconds")


def test_configurations_are_told_by_what_they_are():
    made = scene()
    made.conf("wg1").up = made.conf("wg1").device = False
    made.conf("wg2").error = "ServerFault"
    made.tunnel("off-0").restricted = True
    made.tunnel("on-0").jobs = (Job("j", "date", "lgt", "2050-01-01 00:00:00", "restrict"),)
    assert rows(made, "configuration_readable") == {("vpn", "wg0"): 1.0, ("vpn", "wg1"): 1.0, ("vpn", "wg2"): 0.0}
    assert rows(made, "configuration_up") == {("vpn", "wg0"): 1.0, ("vpn", "wg1"): 0.0}
    assert rows(made, "configuration_device") == {("vpn", "wg0"): 1.0, ("vpn", "wg1"): 0.0}
    assert rows(made, "configuration_peers")[("vpn", "wg0")] == 1.0
    assert rows(made, "configuration_peers_restricted")[("vpn", "wg0")] == 1.0
    assert rows(made, "configuration_peers_restricted_in_kernel") == {("vpn", "wg0"): 1.0}, "the kernel has it all the same"
    assert rows(made, "configuration_jobs")[("vpn", "wg0")] == 1.0
    assert rows(made, "configuration_peers_believed_running")[("vpn", "wg0")] == 1.0


def test_a_device_with_another_key_is_not_the_panels():
    made = scene()
    made.no_wireguard = True
    assert rows(made, "configuration_device") == {} and rows(made, "peer_online") == {}


def test_the_panel_is_told_by_version_access_and_sessions():
    made = scene(version="v4.2.3", access=Access.FEATURE_OFF, answers_off=True)
    assert rows(made, "panel_info") == {("vpn", "v4.2.3"): 1.0}
    assert rows(made, "keys_accepted") == {("vpn",): 0.0}
    assert rows(made, "version_may_lose_thread") == {("vpn",): 1.0}
    assert rows(made, "sessions") == {("vpn",): 1.0}
    assert rows(scene(version="v4.3.3"), "version_may_lose_thread") == {("vpn",): 0.0}


def test_peers_are_bounded_and_the_rest_is_counted():
    many = Scene([Conf("wg0", [Tunnel(f"p{n}", START.wall - 9.0) for n in range(PEER_LIMIT + 7)])])
    many.sample()
    assert len(rows(many, "peer_believed_running")) == PEER_LIMIT
    assert rows(many, "peers_omitted") == {("vpn",): 7.0}


@pytest.mark.parametrize("version", ["v4.0", "v4.2.3", "v4.3.3", "nonsense"])
def test_the_version_is_advised_about(version):
    said = " ".join(advise(settings(directory="/opt/src"), scene(version=version).view(), scene(evidence_on=True).evidence()))
    assert ("762" in said) is (version in ("v4.0", "v4.2.3"))


def test_each_gap_has_its_sentence():
    made = scene(version="v4.3.3", evidence_on=True)
    made.process = replace(made.process, daemons=3, worker_began=5000.0)
    said = " ".join(advise(settings(directory="/opt/src", hooks={}), made.view(), made.evidence()))
    assert "hooks: {restart_panel: {unit: wg-dashboard}}" in said
    assert "systemctl edit wg-dashboard.service" in said and "KillMode=process" in said
    assert "settings of the master's start" in said
    assert not advise(settings(directory="/opt/src"), scene(version="v4.3.3").view(), scene(evidence_on=True).evidence())
    spinning = replace(scene(evidence_on=True).evidence(), journal=Journal(jobs_broken=5000))
    assert "without a pause" in " ".join(advise(settings(directory="/opt/src"), made.view(), spinning))
    blind = replace(scene(evidence_on=True).evidence(), blind={"log": "FileNotFoundError: No such file"})
    assert "its log cannot be seen: FileNotFoundError" in " ".join(advise(settings(directory="/opt/src"), made.view(), blind))
    assert "without directory" in " ".join(advise(settings(), made.view(), scene().evidence()))
    misspelt = settings(directory="/opt/src", expect={"wg0": "up", "wgO": "up"})
    (sentence,) = advise(misspelt, scene(version="v4.3.3").view(), scene(evidence_on=True).evidence())
    assert sentence.endswith("nothing is watched there: wgO")


def test_what_is_watched_is_asked_for():
    assert PANEL.needs(settings()).wireguard and not PANEL.needs(settings()).docker
    assert PANEL.needs(settings(container="wgd")).docker
    assert PANEL.needs(settings(hooks={"restart_panel": {"exec": {"container": "wgd", "argv": ["x"]}}})).docker


def test_the_wireguard_collector_is_told_what_the_panel_calls_its_peers(tmp_path):
    heard = []

    class Ear:
        def offer(self, source, names):
            heard.append((source, dict(names)))

    with Ward(tmp_path, "4.3.3", count=2) as ward:
        ward.panel.define("wg2", [(key_of("nameless"), "", ("10.2.0.9/32",))])
        ward.panel.worker.scan()
        target = WgdashboardTarget(ward.settings, replace(ward.target._ports, peer_names=Ear()), ward.proc.root)
        view = target.view()
        for actual in (replace(ward.actual(), wireguard=None), ward.actual()):
            target.detect(actual, view, target.evidence(actual), ward.facts, ward.clock.now())
        target.close()
    expected = {("", f"wg{n}", stage_key(who)): f"{who}-{n}" for n in (0, 1) for who in "ab"}
    assert heard == [("vpn", expected), ("vpn", {})], "nothing while it is not proven where they are, and nothing is left behind"


def test_the_place_is_proven_by_keys_or_said_by_its_owner(tmp_path):
    with Ward(tmp_path, "4.3.3", count=2) as ward:
        assert isinstance(ward.target, WgdashboardTarget)
        place = ward.target.place(ward.actual(), ward.target.view())
        assert place.netns == "" and place.proven and "public keys" in place.proof
        ward.panel.worker.configurations["wg0"].public_key = ward.panel.worker.configurations["wg1"].public_key = key_of("other")
        nowhere = replace(ward.actual(), wireguard=None)
        assert ward.target.place(nowhere, ward.target.view()) == Place()
