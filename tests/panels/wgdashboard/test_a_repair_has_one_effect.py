"""Each remedy over real HTTP against the fake: the whole way from the bug to the proof, that twice is once, and every guard."""

import pytest

from tests.support.wgdashboard_panel import key_of
from tests.support.wgdashboard_ward import Hand, Ward
from watchdog.errors import LeaseLost, Stopping, Temporary
from watchdog.model.hooks import ArgvHook
from watchdog.model.repairs import Risk
from watchdog.panels.wgdashboard.fake import WorldPeer

CHANGING = ("toggle", "add", "delete", "restrict", "allow", "update", "save", "getWireguardConfigurations")


@pytest.fixture(params=["4.2.3", "4.3.3"])
def ward(request, tmp_path):
    with Ward(tmp_path, request.param, count=2) as made:
        watched(made)
        yield made
        changed = [seen.path for seen in made.panel.seen if any(word in seen.path for word in CHANGING)]
        assert set(changed) <= {"/api/updateDashboardConfigurationItem"}, changed
        assert len(changed) <= 1


def watched(ward):
    """Let its first peers be online, its processes be seen, and a restart of it be another life."""
    for name in ward.names:
        ward.keep_alive(name)
    show(ward, 100)

    def restart():
        ward.panel.restart()
        show(ward, 200)

    ward.hooks.deed = restart


def show(ward, master):
    thread = ward.panel.release.newer and ward.target.evidence(ward.actual()).journal.thread
    tasks = (thread,) if thread and ward.panel.thread_lives else ()
    ward.proc.show(master, master + 1, began=ward.clock.now().mono - 0.5, forked=ward.clock.now().mono, tasks=(master + 1, *tasks))


def subjects(judgement):
    return {str(each) for each in judgement.fine}


def kill(ward):
    """Let the panel's thread die as its version lets it."""
    if ward.panel.release.walks_the_live_dictionary:
        ward.panel.add_during_pass(f"wg9{ward.panel.restarts}")
        for _ in range(30):
            ward.pass_by(1.0)
            if not ward.panel.thread_lives:
                return
        raise AssertionError("the thread lives on")
    ward.panel.kill_thread()
    ward.proc.show(100, 101, began=999.5, forked=1000.0, tasks=(101,))


def dead(ward):
    ward.settle()
    kill(ward)
    ward.until("thread_dead", 75.0)
    return ward.plan(ward.drift("thread_dead"))


# -- restart_panel -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [6, pytest.param(24, marks=pytest.mark.soak)])
def test_the_seed_bug_is_found_in_time_and_one_restart_mends_it(tmp_path, count):
    with Ward(tmp_path, "4.2.3", count=count) as ward:
        watched(ward)
        judgement = ward.settle()
        assert not judgement.drifts and not judgement.unknown
        ward.panel.add_during_pass("wg99", [(key_of("late"), "late", ("10.99.0.2/32",))])
        while ward.panel.thread_lives:
            ward.pass_by(1.0)
        death = ward.clock.now()
        ward.world.up("wg99", [WorldPeer(key_of("late"), "192.0.2.9:4000", ("10.99.0.2/32",), ward.clock.now().wall)])
        ward.panel.worker.scan()
        found = ward.until("thread_dead", 75.0)
        assert ward.clock.now().since(death) <= 60.0, found
        drift = ward.drift("thread_dead")
        assert drift.evidence["ended_by"] == "RuntimeError" and "wg0: a-0" in drift.evidence["truly_online"]
        assert drift.evidence["wrongly_offline"] == "wg99: late"
        assert {each.kind for each in ward.look().drifts} == {"thread_dead"}

        outcome = ward.run(ward.plan(drift))

        assert (outcome.end, ward.panel.restarts, outcome.sent) == ("done", 1, ("run restart-the-panel",)), outcome
        assert not ward.step(10.0).drifts
        judgement = ward.step(40.0)
        assert not judgement.drifts and "panel/vpn" in subjects(judgement)
        assert ward.panel.restarts == 1


def test_long_passes_over_silent_tunnels_are_no_death_and_a_death_among_them_is_found_in_time(tmp_path):
    """The fake's thread takes 80 s for a pass, and of nine tunnels one has ever been used."""
    with Ward(tmp_path, "4.2.3", count=9) as ward:
        ward.keep_alive("wg0")
        show(ward, 100)
        ward.settle()
        for _ in range(3):
            end = ward.next_pass = ward.clock.now().mono + 80.0
            while ward.clock.now().mono < end:
                assert not ward.step(5.0).drifts
        kill(ward)
        death = ward.clock.now()
        ward.until("thread_dead", 75.0)
        assert ward.clock.now().since(death) <= 60.0
        assert ward.drift("thread_dead").evidence["ended_by"] == "RuntimeError"


def test_a_restart_run_twice_restarts_once(ward):
    repair = dead(ward)
    assert repair.proposal.remedy == "restart_panel"
    hand = Hand(ward)
    first = ward.run(repair, hand)
    assert (first.end, ward.panel.restarts, hand.steps, hand.fences) == ("done", 1, ["checked", "restarted"], 1), first
    assert first.sent == ward.target.describe(repair) == ("run restart-the-panel",)
    again = ward.run(repair)
    assert (again.end, ward.panel.restarts, again.sent) == ("done", 1, ()), again


def test_a_crash_behind_the_hook_restarts_no_second_time(ward):
    repair = dead(ward)

    class Dies(Hand):
        def step(self, name):
            super().step(name)
            if name == "restarted":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ward.run(repair, Dies(ward))
    ward.pass_by(10.0)
    ward.panel.sample()  # the first pass of the new life
    assert (ward.run(repair).end, ward.panel.restarts) == ("done", 1)


def test_a_thread_that_samples_again_is_left_alone(ward):
    repair = dead(ward)
    ward.panel.thread_lives = True
    ward.pass_by(10.0)
    outcome = ward.run(repair)
    assert (outcome.end, outcome.message, ward.panel.restarts) == ("done", "its thread samples again", 0)


def test_a_lost_lease_restarts_nothing(ward):
    with pytest.raises(LeaseLost):
        ward.run(dead(ward), Hand(ward, lost=True))
    assert ward.panel.restarts == 0


def test_a_hook_that_was_changed_is_not_run(ward):
    repair = dead(ward)
    changed = ward.settings.hooks.model_copy(update={"restart_panel": ArgvHook(("something-else",))})
    ward.settings = ward.settings.model_copy(update={"hooks": changed})
    target = ward.begin()
    try:
        assert target.repair(repair, Hand(ward)).end == "gave_up"
    finally:
        target.close()
    assert ward.panel.restarts == 0 and not ward.hooks.ran


def test_a_hook_that_fails_and_does_nothing_is_told(ward):
    repair = dead(ward)

    def fails():
        raise Temporary("it ended with 1")

    ward.hooks.deed = fails
    outcome = ward.run(repair)
    assert (outcome.end, outcome.sent, ward.panel.restarts) == ("later", ("run restart-the-panel",), 0)
    assert "it ended with 1" in outcome.message


def test_a_hook_that_fails_behind_its_work_is_believed_by_what_is_seen(ward):
    repair = dead(ward)

    restart = ward.hooks.deed

    def works_and_fails():
        restart()
        raise Temporary("it took too long")

    ward.hooks.deed = works_and_fails
    assert (ward.run(repair).end, ward.panel.restarts) == ("done", 1)


def test_the_end_of_the_program_is_the_runners_business(ward):
    repair = dead(ward)

    def ends():
        raise Stopping("the program is ending")

    ward.hooks.deed = ends
    with pytest.raises(Stopping):
        ward.run(repair)


def test_what_has_become_dangerous_since_is_not_done(ward):
    repair = dead(ward)
    assert repair.risk is Risk.SAFE
    ward.world.down("wg1")  # by hand: it is still on the autostart list, so a restart would bring it up
    outcome = ward.run(repair)
    assert (outcome.end, ward.panel.restarts) == ("later", 0)
    assert "wg1" in outcome.message


def test_an_unreachable_panel_is_not_restarted(ward):
    repair = dead(ward)
    ward.panel.switches.unreachable = True
    with pytest.raises(Temporary):
        ward.run(repair)
    assert ward.panel.restarts == 0


# -- stale worker --------------------------------------------------------------------------------------------------------------


def test_a_stale_worker_is_found_by_its_key_and_mended_by_one_restart(tmp_path):
    with Ward(tmp_path, "4.3.3", fake={"keys_at_start": False}) as ward:
        watched(ward)
        ward.settle()
        ward.panel.go_stale()
        ward.proc.show(100, 150, began=999.5, forked=ward.clock.now().mono)
        ward.until("stale_worker", 400.0)
        repair = ward.plan(ward.drift("stale_worker"))
        assert ward.run(repair).end == "done"
        assert ward.run(repair).sent == ()
        judgement = ward.step(60.0)
        assert not judgement.drifts and "panel/vpn" in subjects(judgement)
        assert ward.panel.restarts == 1
        assert "dashboard_api_key = true" in (ward.panel.directory / "wg-dashboard.ini").read_text()


def test_another_worker_has_its_key_tried_in_the_next_look(tmp_path):
    """An old session holds in a stale worker, so without this only the next trial of the key would tell (seen: four minutes)."""
    with Ward(tmp_path, "4.3.3", key_check="1h", fake={"keys_at_start": False}) as ward:
        watched(ward)
        ward.settle()
        trials = len(ward.panel.sent("/api/handshake"))
        ward.panel.go_stale()
        ward.step(60.0)
        assert len(ward.panel.sent("/api/handshake")) == trials, "the same worker is not asked again"
        ward.proc.show(100, 150, began=999.5, forked=ward.clock.now().mono)
        ward.until("stale_worker", 15.0)
        assert ward.drift("stale_worker").evidence["respawned"] is True


# -- reread --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def blocked(tmp_path):
    with Ward(tmp_path, "4.3.3", count=4, place="local") as made:
        watched(made)
        made.settle()
        (made.panel.conf_path / "wg1.conf").unlink()
        made.until("pass_blocked", 75.0)
        yield made


def test_a_lost_file_blinds_all_behind_it_and_a_re_read_mends_it(blocked):
    drift = blocked.drift("pass_blocked")
    assert (str(drift.subject), drift.evidence["cause"], drift.evidence["blinds"]) == (
        "configuration/wg1", "file_missing", "wg1, wg2, wg3",
    )  # fmt: skip
    assert drift.evidence["error"] == "FileNotFoundError"
    repair = blocked.plan(drift)
    assert (repair.proposal.remedy, repair.risk) == ("reread", Risk.SAFE)
    outcome = blocked.run(repair)
    assert (outcome.end, outcome.sent) == ("done", blocked.target.describe(repair)), outcome
    judgement = blocked.step(90.0)
    assert not judgement.drifts and "panel/vpn" in subjects(judgement)
    assert blocked.panel.restarts == 0 and set(blocked.panel.worker.configurations) == {"wg0", "wg2", "wg3"}


def test_a_re_read_run_twice_is_sent_once(blocked):
    repair = blocked.plan(blocked.drift("pass_blocked"))
    hand = Hand(blocked)
    assert (blocked.run(repair, hand).end, hand.steps) == ("done", ["checked", "sent"])
    again = blocked.run(repair)
    assert (again.end, again.sent) == ("done", ())
    assert len(blocked.panel.sent("/api/updateDashboardConfigurationItem")) == 1


def test_a_file_that_is_back_needs_no_re_read(blocked):
    repair = blocked.plan(blocked.drift("pass_blocked"))
    blocked.panel.define("wg1")
    outcome = blocked.run(repair)
    assert (outcome.end, outcome.sent) == ("done", ())


def test_an_empty_folder_is_no_reason_to_forget_everything(blocked):
    repair = blocked.plan(blocked.drift("pass_blocked"))
    for path in blocked.panel.conf_path.glob("*.conf"):
        path.unlink()
    outcome = blocked.run(repair)
    assert (outcome.end, outcome.sent) == ("later", ()), outcome


def test_a_folder_that_was_changed_is_not_set_back(blocked):
    repair = blocked.plan(blocked.drift("pass_blocked"))
    ini = blocked.panel.directory / "wg-dashboard.ini"
    lines = ini.read_text().splitlines()
    ini.write_text("\n".join("wg_conf_path = /tmp" if line.startswith("wg_conf_path") else line for line in lines))
    outcome = blocked.run(repair)
    assert (outcome.end, outcome.sent) == ("gave_up", ())


def test_a_lost_lease_re_reads_nothing(blocked):
    with pytest.raises(LeaseLost):
        blocked.run(blocked.plan(blocked.drift("pass_blocked")), Hand(blocked, lost=True))
    assert not blocked.panel.sent("/api/updateDashboardConfigurationItem")


def test_a_re_read_whose_answer_is_lost_is_looked_at_and_not_sent_again(blocked):
    repair = blocked.plan(blocked.drift("pass_blocked"))
    blocked.panel.switches.failing = frozenset({"/api/updateDashboardConfigurationItem"})
    outcome = blocked.run(repair)
    assert (outcome.end, len(outcome.sent)) == ("later", 1)
    assert "ServerFault" in outcome.message
