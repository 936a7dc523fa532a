"""Each fault of the demo's script raises its shipped alert in a real Prometheus; a real Alertmanager tells it once, and of its end.

The rules of alerts/ and the sample configuration of deploy/stack are the shipped ones, with their waits scaled down. Every repair waits for
a person, and the person approves when the alert has come: no alert can be missed because the program was quicker.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field

import pytest

from tests.conftest import require
from tests.support.alerting import Heard, Inbox, sample_configuration, write_rules
from tests.support.alertmanager import PROGRAM, real_alertmanager
from tests.support.prometheus import asked, prometheus
from tests.support.small_world import program_in, rewrite, samples, scrape
from watchdog.demo import hosting
from watchdog.demo.script import FAULTS, Fault, settled
from watchdog.demo.world import DemoWorld, demo_world
from watchdog.errors import WatchdogError
from watchdog.model.repairs import RepairState
from watchdog.reconciler.asking import ANSWERS

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(900), pytest.mark.xdist_group("demo")]
BELL = "ring-the-bell-0123456789"
PATIENCE = 600.0

ALERTS = {
    "cut backup": ("ArchiveBad",),
    "dead WireGuard daemon": ("WireguardDeviceUnreadable",),
    "expected peer gone": ("WireguardPeerDisconnected",),
    "dead thread (WGDashboard)": ("WgdashboardThreadDead",),
    "cut download (SysReptor)": ("SysreptorBackupBad", "SysreptorBackupUnfinished"),
    "cut command (SysReptor)": ("SysreptorBackupBad", "SysreptorBackupWithoutFile"),
    "lost licence (SysReptor)": ("SysreptorBackupRefused", "SysreptorBackupBad"),
    "mangled backup (SysReptor)": ("SysreptorBackupBad", "SysreptorBackupWithoutFile"),
    "deleted backup (Pterodactyl A)": ("PterodactylBackupStuck",),
    "untold backup (Pterodactyl F)": ("PterodactylBackupStuck",),
    "ghost server (Pterodactyl)": ("PterodactylServerGhost",),
    "hung container (plain)": ("ContainerUnhealthy",),
    "lost volume (Duplicati)": ("DuplicatiDestinationVolumeMissing",),
    "overdue backup (Duplicati)": ("DuplicatiBackupOverdue",),
    "silent Docker": ("PanelWatchdogDockerGateClosed",),
    "failed autostart (B)": ("McsmanagerFailedAutostart",),
    "ghosts (C)": ("McsmanagerGhostRunning",),
    "orphans (D)": ("McsmanagerOrphan",),
    "dead consoles (C2)": ("McsmanagerDeadStream",),
    "stuck starting (A)": ("McsmanagerStuckStarting",),
}
OF_OUR_OWN = """
groups:
  - name: of somebody's own
    rules:
      - alert: ShopDown
        expr: watchdog_drift_open_timestamp_seconds{target="shop",kind="container_unhealthy"} > 0
        labels: {watchdog_target: shop, watchdog_kind: container_unhealthy, watchdog_remedy: restart_container}
"""
ASKED = "hung container (plain)"
"""The fault whose repair is asked for by an alert, over our own webhook, and then the person approves it."""
UNTOLD = {"forgotten pause (Duplicati)": "a pause that was ordered is kept without asking, within a second: there is nobody to tell"}
SUBJECTS = {"deleted backup (Pterodactyl A)": hosting.LOST, "untold backup (Pterodactyl F)": hosting.UNTOLD}
EARLIER = {
    # what crashes the engine comes when nothing else leans on it
    "hung container (plain)": ("silent Docker",), "ghost server (Pterodactyl)": ("silent Docker",),
    "failed autostart (B)": ("hung container (plain)", "ghost server (Pterodactyl)"), "ghosts (C)": ("failed autostart (B)",),
    "orphans (D)": ("ghosts (C)",), "dead consoles (C2)": ("orphans (D)",), "stuck starting (A)": ("dead consoles (C2)",),
    "cut command (SysReptor)": ("cut download (SysReptor)",), "lost licence (SysReptor)": ("cut command (SysReptor)",),
    "mangled backup (SysReptor)": ("lost licence (SysReptor)",),
}  # fmt: skip


@dataclass
class Story:
    """One fault, from its beginning to the end of its alerts. ``known``: how often each alert had been told before; ``own`` are its own."""

    fault: Fault
    stage: str = "to come"
    known: dict[str, int] = field(default_factory=dict)
    own: dict[str, Heard] = field(default_factory=dict)


class Told:
    """Plays the stories and the person; ``people`` is what reaches the sample's receiver."""

    def __init__(self, world: DemoWorld, program, inbox: Inbox) -> None:
        self.world, self.program, self.inbox = world, program, inbox
        self.stories = {fault.name: Story(fault) for fault in FAULTS if fault.name in ALERTS}

    def turn(self) -> bool:
        """Move each story on; return whether all are over."""
        for story in self.stories.values():
            getattr(self, "_" + story.stage.replace(" ", "_"))(story)
        return all(story.stage == "over" for story in self.stories.values())

    def _to_come(self, story: Story) -> None:
        fault = story.fault
        if any(self.stories[name].stage != "over" for name in EARLIER.get(fault.name, ())) or not self._may_begin(fault):
            return
        story.known = {} if fault.name in SUBJECTS else {key: each.begun for key, each in self._heard(fault).items()}
        story.stage = "begun"
        if fault.name == "silent Docker":
            self.world.engine.hang()
        else:
            fault.inject(self.world)

    def _may_begin(self, fault: Fault) -> bool:
        crashes = not fault.aside
        if crashes and not (settled(self.world) and self.program.world.store.actual.gate.open):
            return False
        status = self.program.commands.status(fault.target)
        if status.baseline == "none":
            return False  # what is there before the first judgement is nobody's news
        return status.passes >= max(4, fault.looks) and (not crashes or not status.episodes)

    def _begun(self, story: Story) -> None:
        story.own = self._news(story)
        if story.fault.name == ASKED and not self.inbox.heard("people", alertname="ShopDown"):
            return
        if {each.labels["alertname"] for each in story.own.values()} >= set(ALERTS[story.fault.name]):
            story.stage = "told"
            self._mend(story.fault)

    def _told(self, story: Story) -> None:
        for approval in self.program.commands.approvals(story.fault.target):
            about = SUBJECTS.get(story.fault.name, "") in str(approval.object)
            if about and (not story.fault.remedies or approval.remedy in story.fault.remedies):
                self.program.commands.approve(approval.id, "a person")
        story.own = self._news(story)
        if not any(each.firing for each in story.own.values()):
            story.stage = "over"
            if story.fault.visible is None and story.fault.heal is not None:
                story.fault.heal(self.world)

    def _over(self, story: Story) -> None:
        pass

    def _mend(self, fault: Fault) -> None:
        """Do what only a person can do."""
        if fault.name == "silent Docker":
            self.world.engine.heal()
        elif fault.name == "cut backup":
            (self.world.folder / "backups" / "tuesday.zip").unlink()
        elif fault.visible is not None and fault.heal is not None:
            fault.heal(self.world)

    def _news(self, story: Story):
        return {key: each for key, each in self._heard(story.fault).items() if each.begun > story.known.get(key, 0)}

    def _heard(self, fault: Fault):
        subject = SUBJECTS.get(fault.name, "")
        return {
            key: each
            for name in ALERTS[fault.name]
            for key, each in self.inbox.heard("people", alertname=name).items()
            if each.labels.get("target", fault.target) == fault.target and subject in each.labels.get("subject", "")
        }


def by_a_person(document):
    """Let every repair wait for a person."""
    for targets in document["panels"].values():
        for target in targets:
            target["mode"] = "approve"


def test_every_fault_of_the_script_has_its_alert_or_a_reason_why_not():
    assert {fault.name for fault in FAULTS} == {*ALERTS, *UNTOLD}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Play everything once; yield the stories, and what receivers, Prometheus and the program know of it."""
    require(shutil.which("prometheus") is not None, "prometheus (Debian: prometheus)")
    require(PROGRAM is not None, "Alertmanager (Debian: prometheus-alertmanager)")
    folder = tmp_path_factory.mktemp("told")
    (folder / "rules").mkdir()
    write_rules(folder / "rules", by=1 / 300)
    (folder / "rules" / "own.yml").write_text(OF_OUR_OWN)
    (folder / "bell").write_text(BELL)
    with Inbox() as inbox, demo_world(tmp_path_factory.mktemp("w"), "127.0.0.1:0") as world:
        rewrite(world.config, by_a_person)
        rewrite(world.config, lambda document: document["server"].update(alertmanager_token_file=str(folder / "bell")))
        with program_in(world) as program:
            world.nightly.hand_over(lambda: program.pauses, program.server.address)
            address = "{}:{}".format(*program.server.address)
            bell = {"authorization": {"credentials_file": str(folder / "bell")}}
            ours = {"url": f"http://{address}/api/v1/alertmanager", "http_config": bell}
            hooks = {name: {"url": inbox.url(name)} for name in ("people", "deadman")}
            configuration = sample_configuration(hooks, 1 / 100, ours)
            with real_alertmanager(folder, configuration) as url, prometheus(
                folder, address, every="2s", rules=f"{folder}/rules/*.yml", tells=url.removeprefix("http://")
            ) as api:  # fmt: skip
                told, until = Told(world, program, inbox), time.monotonic() + PATIENCE
                while not _quietly(told.turn) and time.monotonic() < until:
                    time.sleep(0.25)
                yield told, samples(scrape(program)[1]), bool(asked(api, "min_over_time(up[1h]) == 0"))


def _quietly(turn) -> bool:
    try:
        return turn()
    except WatchdogError:  # the ledger may be busy for a moment
        return False


@pytest.mark.parametrize("name", ALERTS)
def test_a_fault_is_told_once_and_its_end_too(played, name):
    told, _, blinked = played
    story = told.stories[name]
    assert story.stage == "over", (name, story.stage, story.own)
    if not blinked:  # a scrape that fails ends every alert, and the next one raises it anew
        assert all(each.begun == story.known.get(key, 0) + 1 for key, each in story.own.items()), (name, story.known, story.own)


def test_no_notification_says_what_the_last_one_of_its_group_said(played):
    told, _, _ = played
    last = {}
    for each in told.inbox.notifications("people"):
        says = sorted((alert["fingerprint"], alert["startsAt"], alert["status"]) for alert in each["alerts"])
        assert last.get(each["groupKey"]) != says, each
        last[each["groupKey"]] = says


def test_the_dead_mans_switch_reaches_what_misses_it_and_nobody_else(played):
    told, _, _ = played
    heard = {alert["labels"]["alertname"] for each in told.inbox.notifications("deadman") for alert in each["alerts"]}
    assert heard == {"PanelWatchdogAlive"}
    assert not told.inbox.heard("people", alertname="PanelWatchdogAlive")


def test_an_alert_asked_our_own_webhook_for_a_repair_and_ended_by_it(played):
    told, metrics, _ = played
    assert metrics['watchdog_alertmanager_alerts_total{result="woke"}'] >= 10.0
    row = 'watchdog_alertmanager_asks_total{{answer="{}",panel="containers",target="shop"}}'
    answers = {answer: metrics[row.format(answer)] for answer in ANSWERS}
    assert sum(answers.values()) - answers["looked"] == 1.0, "one remedy was asked for, behind the same guards as ever"
    assert answers["unknown"] == 0.0, answers
    (repair,) = [each for each in told.program.commands.repairs("shop", 50) if each.remedy == "restart_container"]
    assert repair.state is RepairState.VERIFIED
    (shop,) = told.inbox.heard("people", alertname="ShopDown").values()
    assert (shop.begun, shop.firing) == (1, False)
