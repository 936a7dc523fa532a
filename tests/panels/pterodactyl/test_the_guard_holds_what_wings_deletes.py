"""The continuous guard over real files: it holds what Wings deletes, lets go of what nobody needs, and says what it lost at a cap."""

from __future__ import annotations

import os
import threading
import time

import pytest

from tests.support.ledger import simulated_ledger  # noqa: F401  # a fixture
from tests.support.pterodactyl_guard import SERVER, Node, Notebook, NotebookGone, uuid
from watchdog.errors import Refused
from watchdog.model.holdings import undo_of
from watchdog.panels.pterodactyl.catching import DEAF_EVERY, WATCH_EVERY
from watchdog.panels.pterodactyl.guard import DIRECTORY
from watchdog.panels.pterodactyl.keeping import CALM
from watchdog.panels.pterodactyl.letting_go import UNLINKED
from watchdog.panels.pterodactyl.linking import WHAT, Shelf
from watchdog.reconciler.holding import TargetHoldings
from watchdog.runtime.clock import SimulatedClock

A, B, C = uuid(1), uuid(2), uuid(3)
OTHER = uuid(99)
DAY = 86400.0


@pytest.fixture
def nodes(tmp_path):
    """Make a node in the test's directory."""
    made = []

    def make(*arguments, **settings):
        made.append(Node(tmp_path, *arguments, **settings))
        return made[-1]

    yield make
    for each in made:
        each.guard.close()


@pytest.fixture
def node(nodes):
    return nodes()


def until(holds, what, seconds=90.0):
    end, never = time.monotonic() + seconds, threading.Event()
    while not holds():
        assert time.monotonic() < end, f"no {what} within {seconds:g} s"
        never.wait(0.01)


# ---- at creation, by real events ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def listening(node):
    over = threading.Event()

    def listen():
        while not over.is_set():
            node.loops["guard"]()

    thread = threading.Thread(target=listen)
    thread.start()
    until(lambda: node.guard._catcher._names is not None and node.guard._catcher._looked is not None, "a watch")
    yield node
    over.set()
    thread.join(60)
    assert not thread.is_alive()


def test_an_archive_is_linked_when_it_appears_and_while_it_grows(listening):
    node = listening
    with node.path(A).open("wb") as growing:
        growing.write(b"first")
        growing.flush()
        until(lambda: A in node.kept(), "a link")
        growing.write(b" and last")
    node.path(A).unlink()
    assert node.link(A).read_bytes() == b"first and last"


def test_only_archives_are_linked_and_no_symlink_is_followed(listening, tmp_path):
    node = listening
    (tmp_path / "secret").write_bytes(b"not yours")
    node.path(A).symlink_to(tmp_path / "secret")
    os.mkfifo(node.path(B))
    (node.backups / "notes.tar.gz").write_bytes(b"")
    (node.backups / "ABCDEF00-0000-0000-0000-000000000001.tar.gz").write_bytes(b"")
    node.path(OTHER).write_bytes(b"last")
    until(lambda: OTHER in node.kept(), "the last one's link")
    assert node.kept() == {OTHER}
    assert (tmp_path / "secret").stat().st_nlink == 1
    assert node.value("held_misses_total", "not_a_file") == 2


def test_an_archive_that_was_gone_at_once_is_counted_not_forgotten(listening):
    node = listening
    slipped = 0
    for number in range(50):
        path = node.path(uuid(number))
        path.touch()
        path.unlink()
    node.path(OTHER).touch()
    until(lambda: OTHER in node.kept(), "the last one's link")
    slipped = node.value("held_misses_total", "slipped")
    assert slipped + len(node.kept() - {OTHER}) == 50


def test_pelicans_folder_of_a_new_server_is_watched_and_looked_at(nodes):
    node = nodes(flavour="pelican")
    node.loops["guard"]()
    node.make(A)
    until(lambda: node.loops["guard"]() is None or A in node.kept(), "the link of the first backup")
    node.make(B)
    until(lambda: node.loops["guard"]() is None or B in node.kept(), "the link of the second")
    node.path(A).unlink()
    node.saw()
    node.judge()
    assert node.held()[A].parameters["path"] == str(node.path(A))
    assert "old name" in node.guard.undo(node.held()[A])
    assert node.content(A) == A


def test_a_directory_of_archives_that_is_a_link_to_another_place_is_guarded_too(nodes, tmp_path):
    node = nodes()
    node.backups.rename(tmp_path / "disk")
    node.backups.symlink_to(tmp_path / "disk")
    node.restart()
    node.loops["guard"]()
    assert not node.guard._catcher._deaf
    node.make(A)
    until(lambda: node.loops["guard"]() is None or A in node.kept(), "a link")
    node.path(A).unlink()
    node.judge()
    assert node.value("held_bytes") == 64


def test_where_the_kernel_tells_nothing_it_looks_twice_a_second(node, tmp_path):
    """The directory is away for a while (unmounted): it cannot be watched; when it is back everything is looked at."""
    node.backups.rename(tmp_path / "away")
    node.loops["guard"]()
    assert node.guard._catcher._deaf
    assert node.loops["guard"]() == DEAF_EVERY
    (tmp_path / "away").rename(node.backups)
    node.make(A)
    node.clock.advance(WATCH_EVERY)
    node.loops["guard"]()
    assert node.kept() == {A}
    assert not node.guard._catcher._deaf


# ---- what is adopted ---------------------------------------------------------------------------------------------------------------------


def test_the_directory_is_written_down_before_the_first_link_and_each_link_soon_after(node):
    (directory,) = node.notebook.held()
    assert (directory.what, directory.parameters) == (DIRECTORY, {"path": str(node.directory)})
    assert node.directory.stat().st_mode & 0o777 == 0o700
    node.make(A)
    node.catch()
    node.judge()
    held = node.held()[A]
    told = node.path(A).stat()
    assert held.parameters == {"link": str(node.link(A)), "path": str(node.path(A)), "device": told.st_dev, "inode": told.st_ino}
    assert held.expires_at == node.clock.now().wall + DAY
    node.judge()
    assert len(node.notebook.held()) == 2


def test_without_a_ledger_there_is_no_first_link_but_later_ones_are_made_and_written_down_when_it_is_back(nodes):
    clock = SimulatedClock()
    notebook = Notebook(clock)
    notebook.away = True
    node = nodes(notebook, clock)
    assert not node.opened
    assert not node.directory.exists()
    assert node.value("guard_works") == 0.0
    notebook.away = False
    node.restart()
    assert node.value("guard_works") == 1.0
    notebook.away = True
    node.make(A)
    node.catch()
    node.judge()
    assert node.kept() == {A}
    notebook.away = False
    node.judge()
    assert set(node.held()) == {A}


def test_a_restart_adopts_what_lies_there_and_links_what_is_young_or_pending(node):
    node.make(A)  # made while we are not there
    node.clock.advance(5 * 3600.0)
    node.make(B)
    node.make(C)
    node.clock.advance(3 * 3600.0)
    node.make(OTHER)
    node.word(B, successful=True)
    node.restart()
    node.saw()
    node.catch()
    assert node.kept() == {A, C, OTHER}, "B is old and complete"
    node.judge()
    node.restart()
    node.judge()
    assert set(node.held()) == {A, C, OTHER}


def test_a_holding_whose_link_is_gone_is_ended_but_one_just_written_is_not(node):
    node.make(A)
    node.catch()
    node.judge()
    node.link(A).unlink()
    node.judge()
    assert set(node.held()) == {A}, "a repair writes it down before it makes the link"
    node.clock.advance(UNLINKED + 1)
    node.judge()
    assert node.held() == {}


def test_names_that_are_not_ours_are_left_alone(node):
    (node.directory / "a person's note").write_text("keep")
    (node.directory / f"{A}.tar.gz").symlink_to("/etc/hostname")
    node.rounds(3 * DAY, 3600.0)
    assert (node.directory / "a person's note").read_text() == "keep"
    assert (node.directory / f"{A}.tar.gz").is_symlink()
    assert node.guard._going.standing.foreign == 2
    assert node.held() == {}


# ---- what is kept and what is let go of --------------------------------------------------------------------------------------------------


def caught(node, *backups):
    for backup in backups:
        node.make(backup)
    node.catch()
    node.judge()


def test_a_complete_backup_in_its_place_is_let_go_of_but_not_before_wings_can_delete_no_more(node):
    caught(node, A)
    node.word(A, successful=True)
    node.rounds(CALM - 1.0, 10.0)
    assert node.kept() == {A}
    node.rounds(60.0, 10.0)
    assert node.kept() == set()
    assert node.held() == {}
    assert node.path(A).exists()
    assert node.value("held_drops_total", "settled") == 1


def test_a_panel_whose_clock_is_wrong_makes_no_link_go_early(node):
    caught(node, A)
    node.clock.advance(-5000.0)
    node.word(A, successful=True)
    node.clock.advance(5000.0)
    node.saw()
    node.judge()
    assert node.kept() == {A}


def test_what_wings_deleted_while_the_record_is_pending_stays(node):
    caught(node, A)
    node.path(A).unlink()
    node.rounds(DAY - 600.0, 600.0)
    assert node.content(A) == A
    assert (node.value("held_files"), node.value("held_bytes")) == (1, 64)


def test_what_the_panels_cron_gave_up_stays_too_for_it_can_be_completed(node):
    caught(node, A)
    node.path(A).unlink()
    node.word(A, successful=False)
    node.rounds(DAY / 2, 600.0)
    assert node.content(A) == A


def test_a_late_deletion_of_a_complete_backup_is_not_taken_for_a_persons(node):
    caught(node, A)
    node.word(A, successful=True)
    node.path(A).unlink()  # Wings' second try was told 400
    node.rounds(3600.0)
    assert node.content(A) == A


def test_a_record_that_a_person_deleted_takes_its_link_with_it_after_two_looks(node):
    caught(node, A, B)
    node.saw()
    node.clock.advance(60.0)
    node.records[A] = None
    node.path(A).unlink()
    node.saw()
    node.judge()
    node.clock.advance(30.0)
    node.saw()
    node.judge()
    assert node.kept() == {A, B}
    node.rounds(120.0)
    assert node.kept() == {B}
    assert node.value("held_drops_total", "record_deleted") == 1


def test_a_panel_that_cannot_be_asked_deletes_nothing(node):
    caught(node, A)
    node.saw()
    node.clock.advance(60.0)
    node.records[A] = None
    node.path(A).unlink()
    node.saw()
    node.reachable = False
    node.rounds(7200.0)
    assert node.content(A) == A


def test_one_answer_is_not_two_when_the_first_was_none(node):
    caught(node, A)
    node.saw()
    node.clock.advance(60.0)
    node.records[A] = None
    node.path(A).unlink()
    node.saw()
    node.reachable = False
    node.judge()
    node.clock.advance(120.0)
    node.reachable = True
    node.judge()
    assert node.kept() == {A}
    node.clock.advance(61.0)
    node.judge()
    assert node.kept() == set()


def test_a_record_never_seen_is_deleted_only_when_two_whole_sweeps_lack_it(node):
    caught(node, A, B)
    del node.records[A]
    node.path(A).unlink()
    node.sweeps = "partial"
    node.rounds(7200.0)
    assert node.content(A) == A
    for word in ("blind", "demoted"):
        node.sweeps = word
        node.rounds(7200.0)
        assert node.content(A) == A, word
    node.sweeps = "whole"
    node.saw()
    node.judge()
    node.clock.advance(120.0)
    node.judge()
    assert node.content(A) == A, "one sweep is not two"
    node.rounds(60.0)
    assert node.kept() == {B}
    assert A not in node.asked


def test_the_temporary_file_of_an_upload_to_an_object_store_is_let_go_of(node):
    caught(node, A)
    node.path(A).unlink()
    node.word(A, successful=True)
    node.adapters[A] = "wings"  # the log may have been written by anybody: the panel is asked, once
    node.stores.add(A)
    node.rounds(CALM + 60.0, 10.0)
    assert node.kept() == set()
    assert node.value("held_drops_total", "object_store") == 1
    assert node.asked.count(f"disk {A}") == 1


def test_a_forged_line_in_wings_log_lets_nothing_go(node):
    caught(node, A)
    node.path(A).unlink()
    node.word(A, successful=True)
    node.adapters[A] = "s3"
    node.rounds(3600.0)
    assert node.content(A) == A


def test_an_unmounted_disk_is_not_an_empty_one(node, tmp_path):
    caught(node, A)
    node.saw()
    node.backups.rename(tmp_path / "away")
    node.rounds(3600.0)
    assert (tmp_path / "away" / ".watchdog-held" / f"{A}.tar.gz").exists()


# ---- caps --------------------------------------------------------------------------------------------------------------------------------


def test_the_age_cap_ends_it_and_says_what_was_lost(node):
    caught(node, A, B)
    node.path(A).unlink()
    node.rounds(DAY - 600.0, 600.0)
    assert node.kept() == {A, B}
    node.rounds(1200.0, 600.0)
    assert node.kept() == set()
    assert node.path(B).exists()
    assert (node.value("held_drops_total", "max_age"), node.value("held_drops_total", "outlived")) == (1, 1)
    assert set(node.guard.let_go()) == {A}
    assert "let go of it" in node.guard.let_go()[A]
    node.catch()
    assert node.kept() == set(), "it is not held a second time"


def test_a_jump_of_the_wall_clock_makes_no_link_older(node):
    caught(node, A)
    node.path(A).unlink()
    node.clock.jump(40 * DAY)
    node.rounds(3600.0)
    assert node.content(A) == A


def test_the_byte_cap_takes_the_oldest_but_each_servers_newest_last(nodes):
    node = nodes(guard={"max_bytes": "250B"})
    for number, server in ((1, SERVER), (2, SERVER), (3, OTHER), (4, SERVER), (5, OTHER)):
        node.make(uuid(number), 60, server)
        node.catch()
        node.judge()
        node.path(uuid(number)).unlink()
        node.rounds(60.0)
    assert node.kept() == {uuid(2), uuid(3), uuid(4), uuid(5)}
    assert node.value("held_drops_total", "max_bytes") == 1
    assert set(node.guard.let_go()) == {uuid(1)}
    node.make(uuid(6), 180, str(OTHER[:-1] + "8"))
    node.catch()
    node.judge()
    node.path(uuid(6)).unlink()
    node.rounds(60.0)
    assert node.kept() == {uuid(4), uuid(6)} or node.kept() == {uuid(5), uuid(6)}
    assert node.value("held_bytes") <= 250


def test_a_bad_archive_that_was_set_aside_costs_nothing_and_its_end_is_no_loss(node):
    caught(node, A)
    node.path(A).rename(node.backups / f"{A}.tar.gz.watchdog-bad")
    node.word(A, successful=False)
    node.rounds(600.0)
    assert (node.value("held_files"), node.value("held_bytes")) == (1, 0)
    node.rounds(DAY + 3600.0, 1800.0)
    assert node.kept() == set()
    assert node.value("held_drops_total", "outlived") == 1
    assert node.guard.let_go() == {}


def test_what_still_has_its_own_name_counts_for_no_cap(nodes):
    node = nodes(guard={"max_bytes": "10B"})
    caught(node, A, B)
    node.rounds(600.0)
    assert node.kept() == {A, B}


def test_a_disk_that_is_nearly_full_gets_back_what_wings_had_deleted(node):
    caught(node, A, B)
    node.path(A).unlink()
    node.restart(floor=1 << 62)
    node.saw()
    node.judge()
    assert node.kept() == {B}
    assert node.value("held_drops_total", "disk_full") == 1


# ---- when it may not act -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{"mode": "observe"}, {"disk": "s3"}, {"guard": {"enabled": False}}])
def test_where_it_is_not_wanted_nothing_is_linked(nodes, more):
    node = nodes(**more)
    assert "guard" not in node.loops
    assert not node.guard.active
    assert not node.directory.exists()
    assert ("held" in node.loops) == (more != {"mode": "observe"})


def test_switched_off_it_still_tidies_up_and_gives_its_directory_back(node):
    caught(node, A, B)
    node.path(A).unlink()
    off = node.settings.model_copy(update={"guard": node.settings.guard.model_copy(update={"enabled": False})})
    node.settings, said = off, node.instruments
    assert node.value("guard_works") == 1.0
    node.restart(instruments=said)
    assert not any("guard_works" in row[0] for row in said.values), "what was said of it is taken back"
    node.word(B, successful=True)
    node.rounds(3600.0)
    assert node.kept() == {A}, "the last name of a pending backup is kept all the same"
    Shelf(node.directory, node.backups).put_back(node.link(A), node.path(A))
    node.word(A, successful=True)
    node.rounds(600.0)
    assert not node.directory.exists()
    assert node.notebook.held() == ()


def test_a_directory_on_another_file_system_or_of_others_is_refused(node):
    node.directory.chmod(0o755)
    node.make(A)
    node.catch()
    assert node.kept() == set()
    assert node.value("held_misses_total", "refused") == 1


# ---- a person lets go --------------------------------------------------------------------------------------------------------------------


def test_release_of_a_link_whose_archive_is_there_only_removes_the_link(node):
    caught(node, A)
    assert undo_of(node.guard) is not None
    said = node.guard.undo(node.held()[A])
    assert said == f"{node.link(A)} is removed; the archive is at {node.path(A)}"
    assert node.guard.undo(node.held()[A]) == f"there was no link {node.link(A)} any more"
    node.catch()
    assert node.kept() == set(), "it is not taken again"


def test_release_of_the_last_name_gives_the_archive_its_own_back(node):
    caught(node, A)
    node.path(A).unlink()
    assert "has its old name" in node.guard.undo(node.held()[A])
    assert node.path(A).read_bytes().startswith(A.encode())
    assert node.kept() == set()


def test_release_never_writes_over_another_file(node):
    caught(node, A)
    node.path(A).unlink()
    node.path(A).write_bytes(b"another")
    with pytest.raises(Refused):
        node.guard.undo(node.held()[A])
    assert node.path(A).read_bytes() == b"another"
    assert node.kept() == {A}


def test_the_directory_is_released_only_when_the_guard_is_off_and_it_is_empty(node):
    caught(node, A)
    (directory,) = (each for each in node.notebook.held() if each.what == DIRECTORY)
    with pytest.raises(Refused, match=r"guard\.enabled"):
        node.guard.undo(directory)
    node.settings = node.settings.model_copy(update={"guard": node.settings.guard.model_copy(update={"enabled": False})})
    node.restart()
    with pytest.raises(Refused, match="not empty"):
        node.guard.undo(directory)
    node.guard.undo(node.held()[A])
    assert node.guard.undo(directory) == f"{node.directory} is removed"


# ---- a real ledger, and deaths -----------------------------------------------------------------------------------------------------------


def test_the_real_ledger_keeps_what_the_guard_holds_over_a_restart(nodes, simulated_ledger):  # noqa: F811
    ledger, clock = simulated_ledger
    node = nodes(TargetHoldings(ledger, "node-1", clock), clock)
    caught(node, A)
    node.path(A).unlink()
    node.clock.advance(3600.0)
    node.restart()
    node.judge()
    facts = ledger.facts("node-1", clock.now().wall)
    assert {each.what for each in facts.holdings} == {WHAT, DIRECTORY}
    assert node.guard._going._ages[node.held()[A].id][0] == pytest.approx(3600.0)
    node.word(A, successful=True)
    Shelf(node.directory, node.backups).put_back(node.link(A), node.path(A))
    node.rounds(400.0)
    assert node.held() == {}


@pytest.mark.parametrize("write", [1, 2])
def test_a_death_between_link_and_record_or_removal_and_record_is_put_right(node, write):
    node.make(A)
    node.catch()
    node.notebook.dies_in = write
    if write == 1:
        with pytest.raises(NotebookGone):
            node.judge()
        assert (node.kept(), node.held()) == ({A}, {})
    else:
        node.judge()
        node.word(A, successful=True)
        with pytest.raises(NotebookGone):
            node.rounds(CALM + 60.0)
        assert (node.kept(), set(node.held())) == (set(), {A})
    node.restart()
    node.rounds(2 * UNLINKED)
    assert set(node.held()) == node.kept()
