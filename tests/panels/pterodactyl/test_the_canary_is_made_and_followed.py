"""The daily canary over the fake panel and its Wings: made once per slot, followed to its end, kept tidy only where that is allowed."""

from __future__ import annotations

import pytest

from tests.support.instruments import Noted
from tests.support.pterodactyl_guard import Notebook, NotebookGone
from tests.support.pterodactyl_stage import Stage
from watchdog.errors import Refused
from watchdog.model.panels import METRICS, Ports
from watchdog.panels.pterodactyl import client
from watchdog.panels.pterodactyl.canary import WHAT, Canary
from watchdog.panels.pterodactyl.fake import ADMIN_KEY
from watchdog.panels.pterodactyl.naming import canary_name, is_canary
from watchdog.panels.pterodactyl.settings import PterodactylSettings

DAY, HOUR = 86400.0, 3600.0


class Cage:
    """A stage with one tiny server, and its canary."""

    def __init__(self, stage, folder, **canary):
        self.stage, self.clock = stage, stage.clock
        self.notebook = Notebook(stage.clock)
        (folder / "token").write_text(ADMIN_KEY)
        # noon, far from the slot
        self.clock.advance(12 * HOUR - self.clock.now().wall % DAY)
        self.settings = PterodactylSettings(
            name="n", url=stage.panel.url, token_file=folder / "token", mode=canary.pop("mode", "approve"),
            canary={"enabled": True, "server": stage.server.uuid, "at": "30 3 * * *", **canary},
        )  # fmt: skip
        self.client = None
        self.restart()

    def restart(self):
        if self.client is not None:
            self.client.close()
        ports = Ports(self.clock, Noted(METRICS), None, holdings=self.notebook)
        self.client = client.connect(self.settings, self.clock, ports.instruments)
        self.canary = Canary(self.settings, ports, self.client)

    def step(self):
        (tend,) = self.canary.tends()
        tend.step()
        self.stage.wings.join()
        self.stage.world.tick()
        return self.canary.word

    def until_slot(self, past=60.0):
        """Let the next 03:30 come, and ``past`` seconds."""
        self.clock.advance((3.5 * HOUR - self.clock.now().wall) % DAY + past)
        self.slot = self.clock.now().wall - past

    def ours(self):
        return [each for each in self.client.server(self.stage.server.uuid).backups if is_canary(each.name)]


@pytest.fixture
def cage(tmp_path):
    cages = []
    with Stage(tmp_path / "node") as stage:
        (tmp_path / "own").mkdir()

        def make(**canary):
            cages.append(Cage(stage, tmp_path / "own", **canary))
            return cages[-1]

        yield make
        for each in cages:
            each.client.close()


def test_it_is_made_when_it_is_due_once_and_found_good(cage):
    cage = cage()
    assert cage.step().state == "due"
    assert cage.ours() == []
    cage.until_slot()
    assert cage.step().state == "waiting"
    cage.clock.advance(30.0)
    word = cage.step()
    (made,) = cage.ours()
    assert (word.state, word.backup, word.slot, word.own) == ("good", made.uuid, cage.slot, 1)
    assert (made.name, made.state, made.locked) == (canary_name(cage.slot), "complete", False)
    assert cage.stage.path(made.uuid).stat().st_size == made.bytes
    for _ in range(5):
        cage.clock.advance(HOUR)
        assert cage.step().state == "good"
    assert len(cage.ours()) == 1
    (held,) = cage.notebook.held()
    assert (held.what, held.parameters["server"]) == (WHAT, cage.stage.server.uuid)


def test_a_restart_or_a_lost_answer_makes_no_second_one(cage):
    cage = cage()
    cage.until_slot()
    cage.stage.wings.manual = True
    cage.step()
    for _ in range(3):
        cage.restart()
        cage.clock.advance(30.0)
        assert cage.step().state == "waiting"
    assert len(cage.ours()) == 1


def test_one_whose_end_the_panel_never_hears_fails_after_its_patience(cage):
    cage = cage(patience="10m")
    cage.until_slot()
    cage.stage.wings.manual = True
    cage.step()
    cage.clock.advance(601.0)
    word = cage.step()
    assert word.state == "failed"
    assert "has not heard of its end for 1" in word.message
    cage.until_slot()
    cage.stage.wings.manual = False
    cage.step()
    cage.clock.advance(30.0)
    assert cage.step().state == "good", "the next day it is well again"


def test_one_that_could_not_be_made_is_due_then_failed_and_made_late_when_it_can_be(cage):
    cage = cage()
    cage.stage.server.backup_limit = 0
    cage.until_slot()
    word = cage.step()
    assert word.state == "due"
    assert "slots of the server are taken" in word.message
    cage.clock.advance(2 * HOUR)
    assert cage.step().state == "failed"
    cage.stage.server.backup_limit = 3
    cage.clock.advance(60.0)
    cage.step()
    cage.clock.advance(60.0)
    assert cage.step().state == "good"


def test_a_person_who_locks_or_names_a_backup_is_left_alone_and_old_canaries_stay_unless_tidied(cage):
    cage = cage(keep=1)
    cage.stage.server.backup_limit = 10
    theirs = cage.stage.create("watchdog canary of mine")
    for _ in range(3):
        cage.until_slot()
        cage.step()
        cage.clock.advance(60.0)
        cage.step()
    assert len(cage.ours()) == 3
    tidy = cage.settings.canary.model_copy(update={"tidy": True})
    cage.settings = cage.settings.model_copy(update={"canary": tidy})
    oldest = min(cage.ours(), key=lambda each: each.created_at)
    cage.client.lock(cage.stage.server.uuid, oldest.uuid, 30.0)
    cage.restart()
    cage.step()
    left = {each.uuid for each in cage.ours()}
    newest = max(cage.ours(), key=lambda each: each.created_at)
    assert left == {oldest.uuid, newest.uuid}
    assert cage.stage.path(theirs).exists()
    with pytest.raises(Refused):
        cage.client.delete(cage.stage.server.uuid, theirs, 30.0)
    with pytest.raises(Refused):
        cage.client.delete(cage.stage.server.uuid, oldest.uuid, 30.0)


def test_release_deletes_all_canaries_of_ours_and_nothing_else(cage):
    cage = cage()
    theirs = cage.stage.create()
    cage.clock.advance(700.0)
    cage.until_slot()
    cage.step()
    (held,) = cage.notebook.held()
    cage.clock.advance(60.0)
    assert "1 canary backup of server" in cage.canary.undo(held)
    assert cage.ours() == []
    assert cage.stage.path(theirs).exists()


def test_while_one_is_being_made_it_cannot_be_released(cage):
    cage = cage()
    cage.until_slot()
    cage.stage.wings.manual = True
    cage.step()
    (held,) = cage.notebook.held()
    with pytest.raises(Refused):
        cage.canary.undo(held)


def test_nothing_is_made_when_it_cannot_be_written_down_first(cage):
    cage = cage()
    cage.until_slot()
    cage.notebook.away = True
    assert cage.step().state == "due"
    cage.notebook.away = False
    cage.notebook.dies_in = 1
    with pytest.raises(NotebookGone):
        cage.step()
    assert cage.ours() == []


@pytest.mark.parametrize("more", [{"mode": "observe"}, {"enabled": False}])
def test_it_never_begins_in_mode_observe_or_where_it_is_off(cage, more):
    assert cage(**more).canary.tends() == ()


def test_a_panel_that_is_down_makes_a_good_one_no_worse(cage):
    cage = cage()
    cage.until_slot()
    cage.step()
    cage.clock.advance(60.0)
    assert cage.step().state == "good"
    cage.stage.panel.close()
    cage.clock.advance(3 * HOUR)
    assert cage.step().state == "good"
