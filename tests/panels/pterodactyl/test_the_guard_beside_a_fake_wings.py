"""The guard beside a Wings that really writes and really deletes: cases A, B and K of the contract's section 0 leave a whole archive."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager

import pytest

from tests.support.instruments import Noted
from tests.support.pterodactyl_guard import Notebook
from tests.support.pterodactyl_stage import Stage
from watchdog.model.panels import METRICS, Ports
from watchdog.panels.pterodactyl import client
from watchdog.panels.pterodactyl.fake import ADMIN_KEY
from watchdog.panels.pterodactyl.guard import Guard
from watchdog.panels.pterodactyl.linking import Shelf
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import NOTHING


@contextmanager
def guarded(stage, folder):
    """A guard at work: it listens in a thread of its own; the calm half runs when it is told."""
    (folder / "token").write_text(ADMIN_KEY)
    node = {"config": stage.wings.config, "backups": stage.wings.backups}
    own = PterodactylSettings(name="n", url=stage.panel.url, token_file=folder / "token", node=node, guard={"enabled": True})
    ports = Ports(stage.clock, Noted(METRICS), None, holdings=Notebook(stage.clock))
    panel = client.connect(own, stage.clock, ports.instruments)
    guard = Guard(own, ports, panel, floor=0)
    loops = {tend.name: tend.step for tend in guard.tends()}
    over = threading.Event()

    def listen():
        while not over.is_set():
            loops["guard"]()

    thread = threading.Thread(target=listen)
    thread.start()
    until(lambda: guard._catcher._looked is not None, "a first look")

    def calm():
        guard.saw(panel.view(), NOTHING)
        loops["held"]()

    try:
        yield own.held_directory, calm, ports.holdings
    finally:
        over.set()
        thread.join(60)
        guard.close()
        panel.close()


def until(holds, what, seconds=90.0):
    end, never = time.monotonic() + seconds, threading.Event()
    while not holds():
        assert time.monotonic() < end, f"no {what} within {seconds:g} s"
        never.wait(0.01)


def sha1(path):
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.mark.timeout(300)
def test_what_1_11_6_makes_wings_delete_is_held_and_can_be_completed_after_the_upgrade(tmp_path):
    with Stage(tmp_path, "1.11.6") as stage, guarded(stage, tmp_path) as (directory, calm, notebook):
        row, job = stage.begin()
        link = directory / f"{row.uuid}.tar.gz"
        job.advance("created")
        until(link.exists, "a link")
        job.run()
        stage.pass_time(60.0)
        assert stage.stands(row.uuid) == ("pending", False), "Wings has deleted it"
        calm()
        assert [each.object.id for each in notebook.held() if each.what == "archive_link"] == [row.uuid]
        stage.world.upgrade("1.11.8")
        path = stage.path(row.uuid)
        Shelf(directory, stage.wings.backups).put_back(link, path)
        assert stage.report(row.uuid, successful=True, checksum=sha1(path), checksum_type="sha1", size=path.stat().st_size) == 204
        for _ in range(8):
            stage.pass_time(40.0)
            calm()
        assert stage.stands(row.uuid) == ("complete", True)
        assert not link.exists()
        assert [each.what for each in notebook.held()] == ["archive_links"]


@pytest.mark.timeout(300)
def test_a_lost_answer_makes_wings_delete_a_good_backup_whose_link_stays(tmp_path):
    with Stage(tmp_path) as stage, guarded(stage, tmp_path) as (directory, calm, _):
        row, job = stage.begin()
        link = directory / f"{row.uuid}.tar.gz"
        job.advance("created")
        until(link.exists, "a link")
        stage.world.switches.lose_completions = 1
        job.run()
        stage.pass_time(60.0)
        if stage.stands(row.uuid) != ("complete", False):
            pytest.fail(f"the fake did not do what case K says: {stage.stands(row.uuid)}")
        for _ in range(20):
            stage.pass_time(60.0)
            calm()
        assert link.exists()
        assert f"sha1:{sha1(link)}" == stage.shown(row.uuid)["checksum"]
