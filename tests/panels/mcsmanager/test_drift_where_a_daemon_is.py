"""Place: our engine is used only against a daemon that is proven to be on it; another host never gets a false drift."""

from dataclasses import replace

from tests.support.mcsmanager import DAEMON, Scene, container_of, foreign, instance, settings
from watchdog.model.moments import Moment
from watchdog.panels.mcsmanager.drift import detect
from watchdog.panels.mcsmanager.view import McsmanagerView, Status


def remote(items, theirs, **changes):
    """A daemon on another host: its Docker lists other containers than ours."""
    return Scene(items, [foreign(1)], theirs=[foreign(99), *theirs], **changes)


def test_a_healthy_remote_daemon_has_no_drift_though_our_engine_has_none_of_its_containers():
    item = instance()
    judgement = remote([item], [container_of(item)]).settle()
    assert not judgement.drifts and not judgement.unknown


def test_a_remote_ghost_is_seen_and_left_to_its_own_agent():
    drift = remote([instance()], []).only()
    assert drift.kind == "ghost_running" and drift.proposal is None and "another host" in drift.hold


def test_an_owner_mends_remote_daemons_by_their_own_hook_only():
    general = remote([instance()], [], settings=settings(owner=True)).only()
    assert general.proposal is None and "hook" in general.hold, "the general hook restarts the daemon on this host"
    own = settings(owner=True, daemons=[{"id": DAEMON, "restart_daemon": {"argv": ["ssh", "node2"]}}])
    assert remote([instance()], [], settings=own).only().proposal.parameters["hook"] == "run ssh node2"


def test_our_own_leftovers_do_not_stand_in_a_remote_daemons_way():
    item = instance(status=Status.STOPPED, auto_start=False)
    scene = Scene([item], [foreign(1), container_of(item, "exited")], theirs=[foreign(99)])
    assert not scene.settle().drifts


def test_a_closed_gate_here_does_not_blind_us_there():
    scene = remote([instance()], [])
    scene.gate = replace(scene.gate, open=False)
    assert scene.only().kind == "ghost_running"


def test_nothing_in_common_and_nothing_running_proves_nothing():
    judgement = Scene([instance()], [], theirs=[]).settle()
    assert not judgement.drifts
    assert {item.reason for item in judgement.unknown} == {"unplaced"}


def test_a_place_once_proven_holds_when_a_crash_left_nothing_running():
    item = instance()
    scene = Scene([item], [container_of(item)])
    scene.settle()
    scene.containers = []
    assert scene.look(15).drifts[0].kind == "ghost_running"


def test_the_proof_is_worth_nothing_for_another_engine():
    item = instance()
    scene = Scene([item], [container_of(item)])
    scene.settle()
    scene.containers = []
    memory = dict(scene.facts.memory)
    memory[f"d:{DAEMON}"] = memory[f"d:{DAEMON}"].replace("ENGINE", "OTHER")
    scene.facts = replace(scene.facts, memory=memory)
    assert {item.reason for item in scene.look(15).unknown} == {"unplaced"}


def test_a_word_of_the_operator_is_a_place():
    said = settings(daemons=[{"remarks": "node", "place": "local"}])
    assert Scene([instance()], [], theirs=[], settings=said).only().kind == "ghost_running"


def test_a_remark_that_two_daemons_share_names_neither():
    said = settings(daemons=[{"remarks": "node", "place": "local"}])
    scene = Scene([instance()], [], theirs=[], settings=said)
    view = scene.view()
    twin = replace(view, daemons=(*view.daemons, replace(view.daemons[0], uuid="f" * 32)))
    judgement = detect(said, scene.actual(), twin, scene.facts, scene.now)
    assert {item.reason for item in judgement.unknown} == {"unplaced"}


def test_a_daemon_that_is_not_listed_any_more_is_unknown_first_and_then_forgotten():
    item = instance()
    scene = Scene([item], [foreign()])
    scene.settle()
    assert scene.look(15).drifts, "a ghost"
    empty = McsmanagerView("10.18.2", (), ())
    for after, known in ((15, True), (500, True), (200, False)):
        scene.now = Moment(scene.now.wall + after, scene.now.mono + after)
        judgement = detect(scene.settings, scene.actual(), empty, scene.facts, scene.now)
        scene.facts = replace(scene.facts, memory=judgement.memory)
        assert not judgement.drifts and not judgement.fine
        assert ({u.subject.id for u in judgement.unknown} == {DAEMON, item.uuid}) is known, after
        assert bool(judgement.memory) is known
