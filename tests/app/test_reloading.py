"""A reload: the web goes on, bad files are refused, repairs are finished or marked, nothing is left behind."""

from __future__ import annotations

import re
import threading
from collections import Counter
from contextlib import contextmanager

import pytest

from tests.support.small_world import add_target, drop_target, lose_autostart, program_in, rewrite, samples, scrape, small_world, wait_until
from watchdog.demo.script import settled
from watchdog.demo.world import NAMES
from watchdog.errors import BadSettings, Stopping
from watchdog.model.repairs import RepairState
from watchdog.panels.mcsmanager import McsmanagerPanel

FACTS = (
    "watchdog_docker_containers{",
    "watchdog_docker_gate_open ",
    "watchdog_wireguard_device_up{",
    "watchdog_archive_size_bytes{",
    "watchdog_host_memory_total_bytes ",
    'watchdog_panel_up{panel="mcsmanager",target="games"} 1',
    'watchdog_collector_success{collector="docker"} 1',
    'watchdog_collector_success{collector="wireguard"} 1',
    "watchdog_mcsmanager_instances{",
)


@pytest.fixture
def world():
    with small_world() as made:
        yield made


@pytest.mark.timeout(600)
def test_no_scrape_fails_or_is_empty_while_the_program_is_reloaded_five_times(world):
    with program_in(world) as program:

        def there():
            text = scrape(program)[1]
            return [fact for fact in FACTS if fact in text]

        wait_until(lambda: len(there()) == len(FACTS), "all facts to look for")
        facts = there()
        seen, bad, over = [0], [], threading.Event()

        def flat_out():
            while not over.is_set():
                status, text = scrape(program)
                missing = [fact for fact in facts if fact not in text]
                if status != 200 or missing or not text.endswith("\n"):
                    bad.append((status, missing))
                seen[0] += 1

        def health():
            while not over.is_set():
                bad.extend(report.missing for report in (program.health(), program.readiness()) if not report.ok)
                over.wait(0.01)

        scrapers = [threading.Thread(target=work) for work in (flat_out, flat_out, health)]
        for scraper in scrapers:
            scraper.start()
        try:
            for number in range(5):
                rewrite(world.config, add_target("second") if number % 2 == 0 else drop_target("second"))
                enough = seen[0] + 10
                program.reload()
                wait_until(lambda: program.world.commands.status("games").passes > 1, "life after the reload")
                wait_until(lambda more=enough: seen[0] > more, "scrapes after the reload")
        finally:
            over.set()
            for scraper in scrapers:
                scraper.join(90)
        assert not bad, f"{len(bad)} of {seen[0]}: {bad[:3]}"


def test_what_vanished_from_the_configuration_vanishes_from_the_metrics_and_counters_go_on(world):
    rewrite(world.config, add_target("second"))
    with program_in(world) as program:
        passes = 'watchdog_reconcile_passes_total{panel="mcsmanager",result="judged",target="games"}'
        wait_until(lambda: samples(scrape(program)[1])[passes] >= 3, "three passes")
        before = samples(scrape(program)[1])
        assert any('target="second"' in name for name in before)

        def without(document):
            drop_target("second")(document)
            document["collectors"]["wireguard"] = {"enabled": False}

        rewrite(world.config, without)
        program.reload()
        wait_until(lambda: program.pages is program.world.exposition, "the new world's lines")
        after = samples(scrape(program)[1])
        gone = [name for name in after if 'target="second"' in name or "target:second" in name or 'collector="wireguard"' in name]
        gone += [name for name in after if name.startswith("watchdog_wireguard_") or "collector:wireguard" in name]
        assert not gone
        assert after[passes] >= before[passes]
        web = 'watchdog_web_requests_total{listener="tcp",result="ok",route="/metrics"}'
        assert after[web] > before[web], "the book is the same one"


def test_a_bad_file_is_refused_and_the_old_configuration_goes_on(world):
    with program_in(world) as program:
        good = world.config.read_text()
        world.config.write_text(good + "\nnonsense: true\n")
        old = program.world
        with pytest.raises(BadSettings, match="nonsense"):
            program.reload()
        assert program.world is old
        passes = old.commands.status("games").passes
        wait_until(lambda: old.commands.status("games").passes > passes + 1, "passes of the old world")
        world.config.write_text(good)
        assert program.reload() == ("nothing changed",)


def test_a_world_that_cannot_be_built_leaves_nothing_running(world, monkeypatch):
    with program_in(world) as program:
        old, threads, closed = program.world, names(), []
        connect = McsmanagerPanel.connect

        def breaking(panel, target, ports):
            if target.name == "third":
                raise BadSettings("the third cannot be connected")
            made = connect(panel, target, ports)
            monkeypatch.setattr(made, "close", lambda: closed.append(target.name))
            return made

        monkeypatch.setattr(McsmanagerPanel, "connect", breaking)
        rewrite(world.config, lambda document: (add_target("second")(document), add_target("third")(document)))
        with pytest.raises(BadSettings, match="the third"):
            program.reload()
        assert program.world is old
        assert sorted(closed) == ["games", "second"], "what was connected already is closed"
        wait_until(lambda: names() <= threads, "no more threads than before")
        wait_until(old.supervisor.healthy, "health")
        strange = [name for name in about_parts(program) if re.search(r"\b(second|third)\b", name)]
        assert not strange, "no row speaks of a target that is not watched"


def test_the_answer_names_only_what_waits_for_a_restart(world):
    with program_in(world) as program:

        def change(document):
            document["host"] = "elsewhere"
            document["ledger"]["busy_timeout"] = "7s"
            document["server"]["max_connections"] = 32
            document["server"]["allowed_hosts"] = ["watchdog.example"]
            document["collectors"]["wireguard"]["interval"] = "3s"

        rewrite(world.config, change)
        said = program.reload()
        assert said[0] == "the configuration was reloaded"
        assert sorted(line.split()[0] for line in said[1:]) == ["host", "ledger", "server.max_connections"]


@pytest.mark.timeout(600)
def test_repairs_under_way_are_marked_looked_at_again_and_never_done_twice(world):
    held, inside = threading.Event(), threading.Event()
    with repairing(world, held, inside) as program:
        rewrite(world.config, add_target("second"))
        program.reload()
        # a daemon that came back late has a repair of its own, which nothing holds
        marked = [record for record in repairs(program) if record.remedy == "open_instance"]
        assert {record.state for record in marked} == {RepairState.IN_DOUBT}
        held.set()  # the hanging threads of the former world go on now, and may not send any more
        wait_until(lambda: settled(world), "instances that run again", 120)
        wait_until(lambda: not [r for r in repairs(program) if r.state is RepairState.IN_DOUBT], "a verdict on each", 120)
        # an instance runs before the hand that opened it has its answer, so only the verdicts tell the end
        wait_until(lambda: len([r for r in repairs(program) if r.state is RepairState.VERIFIED]) >= 3, "proof", 120)
        opened = Counter(seen.query.get("uuid") for seen in world.panel.sent("/api/protected_instance/open"))
        assert opened == {item.uuid: 1 for item in world.daemon.instances}, "each was opened, once"


def test_a_reload_is_refused_while_the_program_ends(world):
    with program_in(world) as program:
        program.stop()
        rewrite(world.config, add_target("second"))
        with pytest.raises(Stopping):
            program.reload()


@contextmanager
def repairing(world, held, inside):
    """A program that has begun to open instances and stands right before each request until ``held`` is set."""

    def on_step(name):
        if name == "before checked":  # each of them stands there: one that went on would be through before the reload
            inside.set()
            held.wait(200)

    rewrite(world.config, lambda document: document["panels"]["mcsmanager"][0].update(expect=dict.fromkeys(NAMES, "running")))
    with program_in(world, on_step=on_step) as program:
        wait_until(lambda: program.commands.status("games").baseline == "taken", "a first complete look: all is well")
        lose_autostart(world)
        inside.wait(120)
        now = program.commands.status("games")
        assert inside.is_set(), f"no repair began: {now.last_result} {now.baseline} {now.plan} {now.unknown} {now.episodes}"
        try:
            yield program
        finally:
            held.set()


def repairs(program):
    return program.commands.repairs("games")


def about_parts(program):
    """Return the samples that speak of a target or a loop."""
    return {name for name in samples(scrape(program)[1]) if "target=" in name or "loop=" in name}


def names():
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith(("Thread-", "web-"))}
