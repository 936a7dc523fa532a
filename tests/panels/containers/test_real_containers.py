"""Real containers on a real dockerd: each rule found, mended by its one remedy and gone; and everything that is no drift stays none."""

from pathlib import Path

import pytest

from tests.support.containers_real import RealStage
from tests.support.dockerd import DockerdError, poll
from watchdog.panels.containers.client import ContainersClient

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd"), pytest.mark.timeout(280)]
HEAL = {"panel-watchdog.heal": "true"}
LIVE = "while :; do test -e /tmp/end && {{ read code < /tmp/end; rm /tmp/end; exit $code; }}; sleep 0.1; done"
SERVE = ("sh", "-c", f"rm -f /tmp/hung /tmp/end; trap 'exit 0' TERM; {LIVE.format()}")
STUBBORN = ("sh", "-c", f"rm -f /tmp/hung /tmp/end; trap '' TERM; {LIVE.format()}")
CHECK = "test ! -e /tmp/hung || { echo the worker hangs since its boot; exit 1; }"


@pytest.fixture
def stage(engine):
    with RealStage(engine) as made:
        yield made


def serve(stage, name="web", *argv, labels=HEAL, **options):
    box = stage.dockerd.run(name, *(argv or SERVE), labels=labels, health=CHECK, **options)
    stage.dockerd.wait_state(box, "healthy")
    return box


def hang(stage, name="web"):
    stage.dockerd.exec(name, "touch", "/tmp/hung")
    stage.dockerd.wait_state(name, "unhealthy")


def end(stage, name, code):
    """Let its first process end by itself."""
    stage.dockerd.exec(name, "sh", "-c", f"echo {code} > /tmp/end.new && mv /tmp/end.new /tmp/end")
    stage.dockerd.wait_state(name, "exited")


def began(stage, name="web"):
    return stage.dockerd.inspect(name)["State"]["StartedAt"]


def shared(name):
    return {"HostConfig": {"NetworkMode": f"container:{name}", "RestartPolicy": {"Name": "no"}}}


def network(stage, name):
    """Return the network namespace of a container's first process."""
    return str(Path(f"/proc/{stage.dockerd.inspect(name)['State']['Pid']}/ns/net").readlink())


def test_what_hangs_is_restarted_once_and_well_again(stage):
    serve(stage)
    stage.until_fine("web")
    hang(stage)
    before = began(stage)
    drift = stage.find("container_unhealthy", "web")
    assert drift.evidence["output"] == "the worker hangs since its boot" and drift.evidence["check_code"] == 1
    assert stage.repair(drift).end == "done"
    after = began(stage)
    assert after > before
    stage.until_fine("web")
    assert stage.repair(drift).sent == () and began(stage) == after


def test_a_stop_takes_as_long_as_the_container_may_take(stage):
    """docker-autoheal issue 119: a stop timeout longer than the client's patience was a failure, and was tried again."""
    serve(stage, "slow", *STUBBORN, more={"StopTimeout": 4})
    hang(stage, "slow")
    outcome = stage.repair(stage.find("container_unhealthy", "slow"))
    assert outcome.end == "done" and len(outcome.sent) == 1
    state = stage.dockerd.inspect("slow")["State"]
    assert state["Running"] and state["ExitCode"] == 0
    stage.until_fine("slow")


def test_a_paused_container_is_left_paused(stage):
    """docker-autoheal restarts paused containers, for Docker's own filter health=unhealthy names them."""
    serve(stage)
    hang(stage)
    drift = stage.find("container_unhealthy", "web")
    stage.dockerd.post("web", "pause")
    assert poll(lambda: not (found := stage.look()).drifts and found, 60, "no drift while paused")
    outcome = stage.repair(drift)
    assert outcome.end == "gave_up" and outcome.sent == ()
    assert stage.dockerd.inspect("web")["State"]["Paused"]
    stage.dockerd.post("web", "unpause")


def test_what_ended_by_itself_is_started_and_what_somebody_stopped_is_not(stage):
    for name in ("crashes", "stopped", "killed", "done"):
        serve(stage, name)
    stage.until_fine("crashes", "stopped", "killed", "done")
    # its own first process ends it: nobody asked Docker for anything
    end(stage, "crashes", 3)
    end(stage, "done", 0)
    stage.dockerd.post("stopped", "stop")
    stage.dockerd.post("killed", "kill")
    for name in ("crashes", "stopped", "killed", "done"):
        stage.dockerd.wait_state(name, "exited")
    drift = stage.find("container_exited", "crashes")
    assert drift.evidence["exit_code"] == 3 and drift.evidence["ended"] == "itself" and drift.proposal.facts == {"wish": "known"}
    judgement = stage.look()
    assert [each.subject.id for each in judgement.drifts] == ["crashes"]
    assert {subject.id for subject in judgement.fine} == {"stopped", "killed", "done"}
    assert stage.repair(drift).end == "done" and stage.repair(drift).sent == ()
    stage.until_fine("crashes")


@pytest.mark.parametrize("crash", [False, True], ids=["restarted", "crashed"])
def test_a_restart_of_docker_is_nobodys_drift(stage, crash):
    serve(stage)
    stage.dockerd.run("wanted", *SERVE, labels=HEAL | {"panel-watchdog.heal.expect": "running"})
    stage.until_fine("web", "wanted")
    if crash:
        stage.dockerd.kill()
    else:
        stage.dockerd.stop()
    stage.dockerd.start()
    stage.dockerd.wait_state("web", "exited")
    stage.hear()
    judgement = poll(lambda: not (found := stage.look(60.0)).unknown and found, 90, "all judged")
    assert [each.proposal.facts for each in judgement.drifts] == ([{"wish": "unknown"}] if judgement.drifts else [])
    assert {each.subject.id for each in judgement.drifts} <= {"wanted"}, "only what is wanted in words, and a person is asked"
    assert stage.dockerd.inspect("web")["State"]["Status"] == "exited"


def test_who_shares_a_network_is_cut_off_by_a_restart_and_joined_again(stage):
    serve(stage, "vpn")
    stage.dockerd.run("guest", *SERVE, labels=HEAL, more=shared("vpn"))
    stage.until_fine("vpn", "guest")
    assert network(stage, "guest") == network(stage, "vpn")
    stage.dockerd.post("vpn", "restart")
    stage.dockerd.wait_state("vpn", "healthy")
    assert network(stage, "guest") != network(stage, "vpn"), "this is what is cut off"
    drift = stage.find("container_dependent_detached", "guest")
    assert stage.repair(drift).end == "done" and network(stage, "guest") == network(stage, "vpn")
    stage.until_fine("vpn", "guest")

    hang(stage, "vpn")
    mended = stage.repair(stage.find("container_unhealthy", "vpn"))
    assert mended.end == "done" and len(mended.sent) == 2 and network(stage, "guest") == network(stage, "vpn")
    stage.until_fine("vpn", "guest")

    stage.dockerd.remove("vpn", force=True)
    serve(stage, "vpn")
    gone = stage.find("container_dependent_detached", "guest")
    assert gone.proposal is None and "make it anew" in gone.hold, "the engine keeps the old one's id, not its name"
    with pytest.raises(DockerdError, match="No such container"):
        stage.dockerd.post("guest", "restart")


def test_a_restart_loop_is_named_and_not_fed(stage):
    stage.dockerd.run("loops", "sh", "-c", "exit 2", labels=HEAL, restart="always")
    drift = stage.find("container_restart_loop", "loops")
    assert drift.evidence == {"exit_code": 2, "restart_policy": "always"} and drift.proposal is None
    assert not [each for each in stage.look().drifts if each.proposal]


def test_an_oom_loop_is_named_and_not_fed(stage):
    # Docker watches a container for OOM only a moment after its start
    stage.dockerd.run("starves", "sh", "-c", "sleep 2; exec tail /dev/zero", labels=HEAL, restart="always", memory=16 << 20)
    drift = stage.find("container_oom_loop", "starves")
    assert drift.proposal is None and "out of memory" in drift.hold


def test_a_deploy_is_no_drift_at_any_step(stage):
    compose = HEAL | {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    old = serve(stage, "shop-web-1", labels=compose)
    stage.until_fine("shop-web-1")
    drifts = []

    def look():
        drifts.extend(stage.look(0.0).drifts)

    new = stage.dockerd.create(f"{old[:12]}_shop-web-1", *SERVE, labels=compose, health=CHECK)
    look()
    stage.dockerd.post(old, "stop")
    look()
    drifts.extend(stage.look().drifts)
    stage.dockerd.remove(old)
    look()
    stage.dockerd.post(new, "rename", name="shop-web-1")
    look()
    stage.dockerd.post(new, "start")
    look()
    stage.dockerd.wait_state(new, "healthy")
    assert drifts == [] and stage.until_fine("shop-web-1")


def test_a_start_that_fails_half_way_through_a_restart_is_ours_to_finish(stage, tmp_path):
    folder = tmp_path / "volume"
    folder.mkdir()
    mount = {"Type": "bind", "Source": str(folder), "Target": "/data"}
    host = {"HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": "no"}, "Mounts": [mount]}}
    serve(stage, more=host)
    stage.until_fine("web")
    hang(stage)
    drift = stage.find("container_unhealthy", "web")
    folder.rmdir()
    stage.remember(drift)
    outcome = stage.repair(drift)
    assert outcome.end == "later" and "error mounting" in outcome.message
    ours = stage.find("container_exited", "web")
    assert ours.evidence["ended"] == "ours" and ours.proposal.facts == {"wish": "known"}
    folder.mkdir()
    assert stage.repair(ours).end == "done"
    stage.until_fine("web")


def test_who_we_are_and_who_else_heals_here_is_read_from_the_real_thing(stage, tmp_path):
    box = serve(stage, labels=HEAL | {"mine": "true"})
    _, told = stage.room.engine_act.exec(box, ["cat", "/proc/self/mountinfo"], 30.0)
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(told)
    client = ContainersClient(stage.settings, stage.room.engine_read, stage.room.engine_act, stage.clock, tmp_path)
    assert client.ourselves().id == box

    hang(stage)
    stage.dockerd.import_image("willfarrell/autoheal:test")
    healer = stage.dockerd.run(
        "healer", "sleep", "1000", image="willfarrell/autoheal:test", environment=["AUTOHEAL_CONTAINER_LABEL=mine", "WEBHOOK_URL=x"]
    )
    poll(lambda: stage.docker().by_name("healer"), 60, "the healer is listed")
    held = stage.find("container_unhealthy", "web")
    assert held.proposal is None and "'healer' runs beside us and looks after it" in held.hold
    stage.dockerd.remove(healer, force=True)
    assert poll(lambda: stage.find("container_unhealthy", "web").proposal, 60, "it is ours again")
