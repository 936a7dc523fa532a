"""Each remedy over real HTTP against the fake engine: from the bug to the proof, that twice is once, and every guard."""

import pytest

from tests.support.containers import Stage, service
from watchdog.collectors.docker.fake import Refusal
from watchdog.errors import Forbidden, LeaseLost
from watchdog.model.repairs import Risk

OPTED_IN = {"panel-watchdog.heal": "true"}


@pytest.fixture
def stage():
    with Stage() as made:
        yield made
        allowed = {"restart", "start"}
        assert {line.split()[0] for line in made.sent()} <= allowed, "nothing else may ever be sent"


def ill(stage, name="web", **more):
    """Serve a container, let it hang, and return the repair that is planned for it."""
    stage.host.serve(name, labels=OPTED_IN, **more)
    stage.look()
    stage.pass_by(300.0)
    stage.host.hang(name)
    return stage.plan(stage.drift("container_unhealthy"))


def crashed(stage, name="web", **more):
    stage.host.serve(name, labels=OPTED_IN, **more)
    stage.pass_by(300.0)
    stage.look()
    stage.host.crash(name)
    return stage.plan(stage.drift("container_exited"))


def test_what_hangs_is_started_anew_and_the_same_look_finds_it_well(stage):
    planned = ill(stage)
    assert planned.risk is Risk.DISRUPTIVE
    before = stage.world.get("web").started_at
    outcome = stage.repair(planned)
    assert outcome.end == "done" and stage.world.get("web").started_at > before
    assert outcome.sent == stage.target.describe(planned) == (f"Docker: POST /containers/{stage.world.get('web').id}/restart",)
    assert stage.hand.steps == ["checked", "sent", "restarted"] and stage.hand.fences == 1
    judgement = stage.look(15.0)
    assert not judgement.drifts and [str(each) for each in judgement.fine] == ["container/web"]


def test_the_evidence_is_redacted_one_line_and_bounded(stage):
    stage.host.serve("web", labels=OPTED_IN)
    stage.pass_by(300.0)
    stage.host.hang("web", "GET /?token=s3cr3t-thing failed\n\x1b[31m" + "zq7" * 2000)
    output = stage.drift("container_unhealthy").evidence["output"]
    assert output.startswith("GET /?token=*** failed ?[31mzq7") and len(output) == 300 and "s3cr3t" not in output


def test_a_restart_twice_is_one_restart(stage):
    """restart_container"""
    planned = ill(stage)
    assert planned.proposal.remedy == "restart_container"
    stage.repair(planned)
    again = stage.repair(planned)
    assert again.end == "done" and not again.sent and stage.sent() == ["restart web"]


def test_a_start_twice_is_one_start(stage):
    planned = crashed(stage)
    assert planned.proposal.remedy == "start_container" and planned.risk is Risk.SAFE
    first = stage.repair(planned)
    again = stage.repair(planned)
    assert first.end == again.end == "done" and not again.sent and stage.sent() == ["start web"]
    assert not stage.look(15.0).drifts


def test_who_shares_its_network_and_who_must_follow_comes_after_it(stage):
    labels = service("vpn")
    stage.host.serve("vpn", labels=labels)
    for name in ("b", "a"):
        stage.host.serve(name, labels=OPTED_IN, network_mode=f"container:{stage.world.get('vpn').id}")
    stage.host.serve("app", labels=service("app", "vpn:service_healthy:true"))
    stage.pass_by(300.0)
    stage.look()
    stage.host.hang("vpn")
    planned = stage.plan(stage.drift("container_unhealthy"))
    outcome = stage.repair(planned)
    assert outcome.end == "done" and stage.sent() == ["restart vpn", "restart a", "restart b", "restart app"]
    assert outcome.sent == stage.target.describe(planned) and stage.hand.fences == 4
    assert not stage.look(15.0).drifts, "and nobody is cut off"
    assert stage.repair(planned).sent == ()


def test_a_life_that_ended_between_the_two_leaves_the_dependent_to_its_own_drift(stage):
    stage.host.serve("vpn", labels=OPTED_IN)
    stage.host.serve("guest", labels=OPTED_IN, network_mode=f"container:{stage.world.get('vpn').id}")
    stage.pass_by(300.0)
    stage.host.hang("vpn")
    planned = stage.plan(stage.drift("container_unhealthy"))

    class KilledError(Exception):
        pass

    def die(name):
        if name == "restarted":
            raise KilledError

    stage.hand.step = die
    with pytest.raises(KilledError):
        stage.repair(planned)
    stage.hand.step = stage.hand.steps.append
    assert stage.repair(planned).sent == (), "the next life restarts nothing twice"
    stage.pass_by(300.0)
    cut_off = stage.plan(stage.drift("container_dependent_detached"))
    assert stage.repair(cut_off).end == "done" and stage.sent() == ["restart vpn", "restart guest"]
    assert not stage.look(15.0).drifts
    assert stage.repair(cut_off).sent == ()


def stopped(stage):
    stage.world.stop("web")


def paused(stage):
    stage.world.pause("web")


def gone(stage):
    stage.world.remove("web", force=True)


def well(stage):
    stage.world.set_health("web", "healthy")


def anew(stage):
    stage.pass_by(1.0)
    stage.world.restart("web")


@pytest.mark.parametrize(("meanwhile", "end"), [(stopped, "done"), (paused, "gave_up"), (gone, "done"), (well, "done"), (anew, "done")])
def test_the_precondition_of_a_restart_is_read_again_right_before(stage, meanwhile, end):
    planned = ill(stage)
    meanwhile(stage)
    outcome = stage.repair(planned)
    assert outcome.end == end and not outcome.sent and not stage.sent() and not stage.hand.fences


def runs(stage):
    stage.world.start("web")


def ended_again(stage):
    stage.pass_by(1.0)
    stage.world.start("web")
    stage.pass_by(1.0)
    stage.world.die("web", 5)


@pytest.mark.parametrize("meanwhile", [runs, ended_again, gone])
def test_the_precondition_of_a_start_is_read_again_right_before(stage, meanwhile):
    planned = crashed(stage)
    meanwhile(stage)
    outcome = stage.repair(planned)
    assert outcome.end == "done" and not outcome.sent and not stage.sent()


def test_without_its_network_it_is_neither_started_nor_restarted(stage):
    stage.host.serve("vpn")
    stage.pass_by(1.0)
    planned = ill(stage, network_mode=f"container:{stage.world.get('vpn').id}")
    stage.host.person_stops("vpn")
    assert "'vpn'" in stage.repair(planned).message
    stage.world.remove("vpn")
    assert "only made anew" in stage.repair(planned).message
    assert not stage.sent()


def test_an_answer_that_is_lost_is_no_failure_for_the_state_tells(stage):
    planned = ill(stage)
    stage.world.stock.cutting.add("POST .*/restart")
    outcome = stage.repair(planned)
    assert outcome.end == "done" and stage.sent() == ["restart web"]


def test_a_restart_that_fails_half_way_is_told_and_its_start_is_ours(stage):
    planned = ill(stage)
    stage.facts = with_last(stage, planned)
    stage.world.get("web").broken = "driver failed programming external connectivity: port is already allocated"
    outcome = stage.repair(planned)
    assert outcome.end == "later" and "port is already allocated" in outcome.message
    stage.pass_by(5.0)
    drift = stage.drift("container_exited")
    assert drift.evidence["ended"] == "ours" and "port is already allocated" in drift.evidence["error"]
    begin = stage.plan(drift)
    failed = stage.repair(begin)
    assert failed.end == "later" and "did not stay up" in failed.message
    stage.world.get("web").broken = ""
    assert stage.repair(begin).end == "done"
    assert stage.sent() == ["restart web", "start web", "start web"] and not stage.look(15.0).drifts


def with_last(stage, planned):
    from dataclasses import replace  # noqa: PLC0415

    key = (planned.proposal.remedy, planned.proposal.object)
    return replace(stage.facts, last_remedy_at={key: stage.clock.now().wall - 0.5})


def test_a_start_that_does_not_last_is_no_success(stage):
    planned = crashed(stage)
    stage.world.get("web").ends = 7
    outcome = stage.repair(planned)
    assert outcome.end == "later" and "exit code 7" in outcome.message


def test_an_engine_that_refuses_is_told_as_it_is(stage):
    planned = ill(stage)
    stage.world.stock.refusing["POST .*/restart"] = Refusal(403, "forbidden by the proxy")
    outcome = stage.repair(planned)
    assert outcome.end == "gave_up" and Forbidden.__name__ in outcome.message
    assert stage.world.get("web").health == "unhealthy"


def test_without_a_lease_nothing_is_sent(stage):
    planned = ill(stage)
    stage.hand.lost = True
    with pytest.raises(LeaseLost):
        stage.repair(planned)
    assert not stage.sent()


def test_no_time_left_for_a_graceful_stop_is_no_restart(stage):
    planned = ill(stage, stop_timeout=240)
    stage.hand.left = 200.0
    assert stage.repair_raises(planned) == "DeadlinePassed" and not stage.sent()


def test_the_labels_of_compose_are_heard_in_events(stage):
    stage.host.serve("web", labels=service("web"))
    stage.pass_by(300.0)
    stage.look()
    stage.host.deploy("web")
    stage.host.hang("web")
    assert [each.reason for each in stage.look().unknown] == ["deploy"]
    assert stage.look(130.0).drifts


def test_what_has_ended_is_inspected_once_and_what_is_ill_in_each_look(stage):
    stage.host.serve("web", labels=OPTED_IN)
    stage.host.serve("api", labels=OPTED_IN)
    stage.pass_by(300.0)
    stage.host.crash("api")
    stage.host.hang("web")
    stage.world.requests.clear()
    for _ in range(5):
        stage.look(10.0)
    asked = [stage.names()[line.split("/")[2]] for line in stage.world.requests if line.endswith("/json") and "GET" in line]
    assert sorted(asked) == ["api", *["web"] * 5]
    stage.world.start("api")
    stage.pass_by(1.0)
    stage.host.crash("api")
    stage.world.requests.clear()
    stage.look(10.0)
    assert len(stage.world.requests) == 2, "another end"


def test_a_dependent_that_was_started_anew_meanwhile_or_stands_still_is_left_alone(stage):
    stage.host.serve("vpn", labels=OPTED_IN)
    for name in ("fast", "paused", "stopped"):
        stage.host.serve(name, labels=OPTED_IN, network_mode=f"container:{stage.world.get('vpn').id}")
    stage.pass_by(300.0)
    stage.host.hang("vpn")
    planned = stage.plan(stage.drift("container_unhealthy"))

    def meanwhile(name):
        if name == "restarted":
            stage.pass_by(1.0)
            stage.world.restart("fast")
            stage.world.pause("paused")
            stage.world.stop("stopped")

    stage.hand.step = meanwhile
    assert stage.repair(planned).end == "done" and stage.sent() == ["restart vpn"]
    assert stage.world.get("paused").state == "paused" and stage.world.get("stopped").state == "exited"
