"""What a person writes, and what a person reads: settings, metrics, the doctor's probes, advice, and what ``init`` recognises."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from tests.support.mcsmanager import DAEMON, HOOK, Scene, Stage, container_of, foreign, instance, settings, uuid_of
from watchdog.model.clues import Clues
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode
from watchdog.panels import discover
from watchdog.panels.mcsmanager import PANEL, advise
from watchdog.panels.mcsmanager.fake.panel import USER
from watchdog.panels.mcsmanager.metrics import INSTANCE_LIMIT, METRICS
from watchdog.panels.mcsmanager.view import LABEL, Operation, Status, parse_version
from watchdog.runtime.hooklines import hook_line

# -- settings --------------------------------------------------------------------------------------------------------------------------


def test_the_least_one_must_write():
    made = PANEL.settings.model_validate({"name": "games", "url": "http://127.0.0.1:23333/", "api_key_file": "/run/key"})
    assert (made.mode, made.baseline, made.owner, made.allow, made.url) == (Mode.APPROVE, "ask", False, (), "http://127.0.0.1:23333")


def test_everything_one_may_write():
    made = settings(
        mode="repair",
        allow=["restart_daemon", "stop_container_then_open"],
        kinds={"ghost_running": "repair", "paused": "observe"},
        expect={"lobby": "running"},
        daemons=[{"remarks": "node2", "place": "remote", "restart_daemon": {"unit": "mcsm-daemon"}}],
        stuck_starting_after="10m",
        owner=True,
        ca_file="/etc/ca.pem",
    )
    assert made.kinds["paused"] is Mode.OBSERVE and made.stuck_starting_after == 600.0
    assert made.hooks.restart_daemon == HOOK
    assert made.of_daemon("x", "node2").place == "remote" and made.of_daemon("x", "node3") is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"url": "127.0.0.1:23333"}, "http://HOST:23333"),
        ({"url": "http://127.0.0.1:23333/?apikey=x"}, "without a key"),
        ({"api_key_file": "key"}, "absolute"),
        ({"kinds": {"ghosts": "repair"}}, "kinds"),
        ({"allow": ["kill"]}, "allow"),
        ({"daemons": [{"place": "local"}]}, "exactly one of"),
        ({"daemons": [{"id": "a"}, {"id": "a"}]}, "named twice"),
        ({"expect": {"lobby": "maybe"}}, "expect"),
        ({"timeout": "5s"}, "timeout"),
        ({"hooks": {"restart_daemon": "systemctl"}}, "restart_daemon"),
        ({"apikey": "x"}, "apikey"),
    ],
)
def test_a_mistake_is_named(changes, says):
    with pytest.raises(ValidationError) as caught:
        settings(**changes)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("4.18.2", (4, 18, 2)),
        ("v4.13", (4, 13, 0)),
        ("4.13.0-beta.1", (4, 13, 0)),
        ("nightly", None),
        ("", None),
        (None, None),
        ("4.²", None),
    ],
)
def test_versions(text, numbers):
    assert parse_version(text) == numbers


# -- the line of a hook ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hook", "line"),
    [
        ({"unit": "mcsm-daemon"}, "systemctl restart mcsm-daemon"),
        ({"container": "mcsm"}, "restart container mcsm"),
        ({"argv": ["restart", "--node", "1", "--quiet=yes"]}, "run restart --node 1 --quiet=yes"),
        ({"argv": ["restart", "--password=hunter2", "now"]}, "run restart --password=*** now"),
        ({"argv": ["restart", "--password", "hunter2", "now"]}, "run restart --password *** now"),
        ({"argv": ["restart", "--db-pass", "hunter2", "now"]}, "run restart --db-pass *** now"),
        ({"argv": ["restart", "--passphrase=hunter2", "API_KEY=hunter2"]}, "run restart --passphrase=*** API_KEY=***"),
        ({"argv": ["restart", "--token", "--password", "hunter2"]}, "run restart --token *** ***"),
        ({"argv": ["curl", "-H", "Authorization: Bearer hunter2hunter2"]}, "run curl -H Authorization: Bearer ***"),
        ({"argv": ["curl", "https://admin:hunter2@node/restart?token=hunter2"]}, "run curl https://admin:***@node/restart?token=***"),
        ({"exec": {"container": "c", "argv": ["sh", "-c", "restart --secret=hunter2"]}}, "exec in container c: sh -c restart --secret=***"),
    ],
)
def test_the_line_of_a_hook_shows_no_secret(hook, line):
    assert hook_line(settings(hooks={"restart_daemon": hook}).hooks.restart_daemon) == line


@pytest.mark.parametrize("where", ["hooks", "daemons"])
def test_a_secret_in_argv_stays_out_of_proposals_records_and_probes(where, tmp_path):
    hook = {"argv": ["restart-the-daemon", "--password=hunter2", "--token", "hunter2"]}
    given = {"hooks": {"restart_daemon": hook}} if where == "hooks" else {"daemons": [{"id": DAEMON, "restart_daemon": hook}]}
    with Stage(tmp_path, **given) as stage:
        stage.world.put("a-database")
        stage.start_all()
        stage.look()
        stage.world.crash()
        stage.daemon.lose_streams()
        stage.world.weather = "up"
        stage.world.put("a-database")
        stage.look()
        drift = stage.look().drifts[0]
        plan = stage.plan(drift)
        said = [repr(drift), repr(plan), repr(stage.target.describe(plan)), repr(probes(stage))]
        outcome = stage.target.repair(plan, stage.hand)
        assert drift.proposal.parameters["hook"] == "run restart-the-daemon --password=*** --token ***"
        assert not any("hunter2" in text for text in (*said, repr(outcome)))
        assert (outcome.end, stage.hooks.ran[0].argv[1]) == ("done", "--password=hunter2"), "it runs as it was written"


# -- metrics ---------------------------------------------------------------------------------------------------------------------------


def rows(scene):
    view, actual = scene.view(), scene.actual()
    return {spec.metric.name.removeprefix("watchdog_mcsmanager_"): dict(spec.rows("games", actual, view)) for spec in METRICS}


def test_what_is_exported():
    well, ghost = instance(1), instance(2, auto_start=False)
    found = rows(Scene([well, ghost], [foreign(), container_of(well)]))
    daemon = ("games", DAEMON, "node")
    assert found["panel_info"] == {("games", "10.18.2"): 1.0}
    assert found["operation_log_readable"] == {("games",): 1.0}
    assert found["daemon_available"] == found["daemon_docker_answers"] == found["daemon_spares_instances"] == {daemon: 1.0}
    assert found["daemon_info"] == {(*daemon, "4.18.2"): 1.0}
    assert found["instances"][("games", DAEMON, "running")] == 2.0
    assert sum(found["instances"].values()) == 2.0 and len(found["instances"]) == len(Status), "born at 0 for every status"
    one, two = (("games", DAEMON, item.uuid, item.nickname) for item in (well, ghost))
    assert found["instance_believed_running"] == {one: 1.0, two: 1.0}
    assert found["instance_container_running"] == {one: 1.0, two: 0.0}
    assert found["instance_autostart"] == {one: 1.0, two: 0.0}
    assert found["instance_starts"] == {one: 1.0, two: 1.0}
    assert found["instances_omitted"] == {("games",): 0.0}


def test_what_is_not_known_is_absent_and_not_zero():
    scene = Scene([instance()], [foreign()], operations=None)
    scene.containers_error = "ServerFault"
    found = rows(scene)
    assert found["instance_container_running"] == {} and found["daemon_docker_answers"] == {("games", DAEMON, "node"): 0.0}
    assert found["operation_log_readable"] == {("games",): 0.0}


def test_instances_are_bounded():
    found = rows(Scene([instance(n) for n in range(INSTANCE_LIMIT + 7)], [foreign()]))
    assert len(found["instance_starts"]) == INSTANCE_LIMIT and found["instances_omitted"] == {("games",): 7.0}


def test_every_row_fits_its_labels():
    view, actual = Scene([instance()], [foreign()]).view(), Scene().actual()
    for spec in METRICS:
        for labels, value in spec.rows("games", actual, view):
            assert len(labels) == len(spec.metric.labels) and isinstance(value, float)


# -- the doctor ------------------------------------------------------------------------------------------------------------------------


def probes(stage, **ports):
    given = {"engine_read": stage.engine, "engine_act": None} | ports
    return {
        line.name: line for line in PANEL.probe(stage.settings, Ports(stage.ports.clock, stage.ports.instruments, stage.hooks, **given))
    }


def test_the_doctor_of_a_healthy_panel(tmp_path):
    with Stage(tmp_path) as stage:
        stage.start_all()
        found = probes(stage)
        sent = {(seen.method, seen.path.split("/")[2]) for seen in stage.panel.seen}
    assert all(line.ok for name, line in found.items() if name != "advice"), found
    assert "restart-the-daemon" in found["daemon 'node': restart hook"].message
    assert "this host" in found["daemon 'node': place"].message
    assert {method for method, _ in sent} == {"GET"} and not any("protected" in room for _, room in sent), "no side effects"


@pytest.mark.parametrize("key", ["a-wrong-key", "user-key"])
def test_the_doctor_says_why_a_key_is_refused(key, tmp_path):
    with Stage(tmp_path) as stage:
        stage.panel.keys["user-key"] = USER
        stage.settings.api_key_file.write_text(key)
        line = probes(stage)["panel and key"]
    assert line.ok is False and "administrator" in line.message and key not in line.message


def test_the_doctor_without_a_panel_a_hook_or_an_engine(tmp_path):
    with Stage(tmp_path, hooks={}) as stage:
        assert probes(stage, engine_read=None)["daemon 'node': place"].ok is None
        assert probes(stage)["daemon 'node': restart hook"].ok is None
        stage.daemon.available = False
        assert probes(stage)["daemon 'node'"].ok is False
        stage.panel.switches.unreachable = True
        assert "cannot be reached" in probes(stage)["panel and key"].message


# -- advice ----------------------------------------------------------------------------------------------------------------------------


def advice(version="4.18.2", **changes):
    scene = Scene(**changes)
    scene.daemon = replace(scene.daemon, version=version)
    return " ".join(advise.advise(scene.settings, scene.view()))


def test_advice_fits_the_version():
    assert advice() == ""
    assert "label" in advice("4.6.2")
    assert "kills every Docker instance" in advice("4.12.2")


def test_advice_about_flags_hooks_keys_and_logs():
    off = Scene()
    off.daemon = replace(off.daemon, soft_shutdown=False)
    assert "softShutdownSkipDocker" in " ".join(advise.advise(off.settings, off.view()))
    assert "hook" in advice(settings=settings(hooks={}))
    assert "operation log" in advice(operations=None)
    for version, shown in (("10.6.1", True), ("10.8.2", True), ("10.8.3", False), ("Unknown", False)):
        view = replace(Scene().view(), version=version)
        assert ("only in their address" in " ".join(advise.advise(Scene().settings, view))) is shown
    assert "user of its own" in advice(operations=(Operation("1", "instance_start", 1.0, DAEMON, uuid_of(1), "admin"),))


def test_advice_about_the_order_of_units():
    assert "After=docker.service" in advise.unit_advice("mcsm-daemon.service", ["network.target"])
    assert advise.unit_advice("mcsm-daemon.service", ["network.target", "docker.service"]) is None


# -- the panel as a whole ----------------------------------------------------------------------------------------------------------------


def test_it_is_discovered_and_says_what_it_needs():
    assert discover()["mcsmanager"] is PANEL
    needs = PANEL.needs(settings())
    assert needs.docker and LABEL in needs.containers[0].labels


def test_init_recognises_it():
    assert PANEL.find(Clues()) == ()
    found = PANEL.find(Clues(units=frozenset({"mcsm-daemon.service"})))
    assert len(found) == 1 and PANEL.settings.model_validate(dict(found[0].settings)).mode is Mode.OBSERVE


def test_a_place_is_told_to_the_house(tmp_path):
    with Stage(tmp_path) as stage:
        now = stage.ports.clock.now()
        assert not stage.target.place(stage.actual(now), stage.target.view()).proven, "nothing runs yet"
        stage.start_all()
        place = stage.target.place(stage.actual(now), stage.target.view())
    assert place.proven and place.engine_id == "ENGINE" and "same ids" in place.proof
