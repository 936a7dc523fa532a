"""Every command as a person gives it: a real process against the real program, over the control socket and over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.support.program import run_program
from tests.support.small_world import add_target, lose_autostart, rewrite, small_world
from watchdog.cli import commands
from watchdog.demo.world import NAMES

VERBS = (
    "status", "plan", "history", "explain", "holdings", "ignores", "sync", "approve", "reject", "retry", "baseline", "acknowledge",
    "ignore", "unignore", "release",
    "reload", "pause", "resume", "pauses", "check-config", "doctor", "init", "demo", "rehearse", "preflight", "notify", "secret", "health",
)  # fmt: skip
TOKEN = "token-of-the-test-0123456789"


def say(*words, seconds=200):
    return subprocess.run([sys.executable, "-m", "watchdog", *words], capture_output=True, text=True, timeout=seconds, check=False)


class Shell:
    """Commands with the configuration of one world."""

    def __init__(self, world, program):
        self.world, self.program = world, program

    def __call__(self, verb, *words, code=0):
        done = say(verb, *words, "-c", str(self.world.config))
        assert done.returncode == code, f"{verb}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.program.log[-2000:]}"
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def json(self, verb, *words):
        return json.loads(self(verb, *words, "--json"))


@contextmanager
def shell_on(world):
    with run_program(world.config, world.folder / "process.log") as program:
        program.wait_for("readiness", lambda: program.get("/-/ready")[0] == 200)
        program.wait_for("a first complete look", lambda: program.target("games")["baseline"] != "none")
        yield Shell(world, program)


@pytest.fixture
def world():
    with small_world() as made:

        def asking(document):
            document["log"]["level"] = "info"
            document["panels"]["mcsmanager"][0].update(mode="approve", expect=dict.fromkeys(NAMES, "running"))

        rewrite(made.config, asking)
        yield made


@pytest.mark.timeout(900)
def test_questions_about_a_program_that_is_well(world, capsys):
    with shell_on(world) as shell:
        assert shell("health") == "healthy\n"
        assert shell("health", "--ready") == "ready\n"
        said = shell("status")
        assert said.startswith("panel-watchdog 0.1.0: healthy, ready\nmcsmanager/games: up, mode approve")
        assert "waits for your word" not in said, "nothing was found, so nobody is asked"
        assert shell.json("status")["targets"][0]["up"] is True
        assert "games: 0 planned, 0 held" in shell("plan")
        assert shell.json("plan", "games")["plans"][0]["target"] == "games"
        assert "no drifts are on record" in shell("history")
        assert shell.json("history") == []
        assert "no holdings" in shell("holdings")
        assert "no holdings" in shell("release", "--all")
        assert "nothing is ignored" in shell("ignores")
        assert "mcsmanager/games: up" in shell("sync")
        before = shell.program.target("games")["passes"]
        assert "games: 0 planned" in shell("plan", "--once")
        assert shell.program.target("games")["passes"] > before
        for words in (("status", "nobody"), ("sync", "nobody"), ("approve", "nope"), ("reject", "nope"), ("release",), ("release", "7"),
                      ("retry", "no-key"), ("baseline", "accept", "nobody"), ("unignore", "99")):  # fmt: skip
            assert commands.start([*words, "-c", str(world.config)]) == 1, words
            said = capsys.readouterr().err
            assert said.startswith("panel-watchdog: "), words
            assert said.count("\n") == 1, f"one sentence: {said}"
        assert "is not a duration" in shell("ignore", "x", "--reason", "r", "--until", "9", code=2)
        assert "needs a reason" in shell("ignore", "x", "--reason", " ", code=1)


@pytest.mark.timeout(900)
def test_a_plan_is_read_approved_rejected_ignored_and_remembered(world):
    with shell_on(world) as shell:
        lose_autostart(world)
        shell.program.wait_for("three requests", lambda: len(shell.program.api("plans")["approvals"]) == 3, 180)
        plan = shell("plan")
        ids = re.findall(r"panel-watchdog approve (\w+)", plan)
        assert len(ids) == 3
        assert "open_instance on" in plan
        assert "sends" in plan
        status = shell("status")
        assert status.count("awaiting_approval: failed_autostart, instance '") == 3
        assert "3 waiting for your word: panel-watchdog plan games" in status

        assert "rejected: open_instance" in shell("reject", ids[0])
        assert "does not wait any more" in shell("approve", ids[0], code=1)
        assert "approved: open_instance" in shell("approve", ids[1])
        shell.program.wait_for("a verified repair", lambda: [r["state"] for r in shell.program.repairs()] == ["verified"], 180)

        left = shell.json("plan")["approvals"]
        key = next(each for each in left if each["id"] == ids[2])["drift_keys"][0]
        made = shell("ignore", key, "--reason", "holidays", "--until", "7d")
        number = re.search(r"unignore (\d+)", made)[1]
        assert "holidays" in shell("ignores")
        assert shell.json("ignores")[0]["pattern"] == key
        shell.program.wait_for("an ignored drift", lambda: [d for d in shell.program.drifts() if d["state"] == "ignored"])
        assert "ignored: failed_autostart" in shell("status")
        assert "has ended" in shell("unignore", number)
        assert "nothing is ignored" in shell("ignores")
        assert "approved once more" in shell("retry", key)
        shell.program.wait_for("two verified", lambda: [r["state"] for r in shell.program.repairs()] == ["verified"] * 2, 180)

        history = shell("history")
        assert history.count("verified") == 2
        assert history.count("failed_autostart") >= 3
        assert "lobby" in history
        assert "still open" in history, "the rejected one"
        kinds = [each.get("kind") or each["remedy"] for each in shell.json("history")]
        assert {"failed_autostart", "open_instance"} <= set(kinds)
        lines = [json.loads(line) for line in shell("history", "--lines").splitlines()]
        assert [each.get("key") or each["id"] for each in lines] == [each.get("key") or each["id"] for each in shell.json("history")]

        story = shell("explain", key)
        assert story.startswith(key)
        assert "truth:" in story
        assert "asked for by" in story
        assert ": verified" in story
        assert f"approval {ids[2]} asked" in story
        assert shell.json("explain", key)["repairs"][0]["state"] == "verified"
        assert "is no drift on record; name one of: mcsmanager/games/" in shell("explain", "nothing-like-it", code=1)


@pytest.mark.timeout(900)
def test_a_pause_holds_repairs_survives_a_kill_and_is_resumed(world):
    rewrite(world.config, lambda document: document["panels"]["mcsmanager"][0].update(mode="repair"))
    with shell_on(world) as shell:
        assert "nothing is paused" in shell("pauses")
        assert "say one of --for, --until and --indefinite" in shell("pause", "games", "--reason", "r", code=1)
        assert "is no time" in shell("pause", "games", "--reason", "r", "--until", "tomorrow", code=2)
        assert "lies in the past" in shell("pause", "games", "--reason", "r", "--until", "2020-01-01T00:00Z", code=1)
        assert "no pause of 'games' stands" in shell("resume", "games", code=1)
        unpaused = say("pauses", "check", "games", "-c", str(world.config))
        assert (unpaused.returncode, unpaused.stdout) == (1, "WRONG no pause of 'games' stands: its repairs go on\n")
        made = shell("pause", "games", "--for", "2h", "--reason", "moving the disks")
        assert made.startswith("paused: 'games', until 20")
        assert "name its version (1) to change it" in shell("pause", "games", "--for", "1h", "--reason", "again", code=1)
        assert "version 2" in shell("pause", "games", "--for", "3h", "--reason", "moving them all", "--version", "1")
        lose_autostart(world)
        shell.program.wait_for("drifts that are held", lambda: shell("plan").count("paused: pause 1 by ") == 3, 180)
        assert "PAUSED until 20" in shell("status")
        shell.program.process.kill()
        shell.program.process.wait(60)
    with shell_on(world) as shell:
        assert shell.json("pauses")[0]["reason"] == "moving them all"
        shell.program.wait_for("drifts that are held again", lambda: shell("plan").count("paused: pause 1 by ") == 3, 180)
        assert shell.program.repairs() == []
        # the demo's ledger is marked ephemeral, and a check says what that means
        assert "would not survive a restart" in say("pauses", "check", "games", "-c", str(world.config)).stdout
        assert "resumed: 'games'" in shell("resume", "games")
        shell.program.wait_for("three verified", lambda: [r["state"] for r in shell.program.repairs()] == ["verified"] * 3, 240)
        assert "nothing is paused" in shell("pauses")
        past = shell("pauses", "--history")
        assert "resumed by" in past
        assert "moving them all" in past


@pytest.mark.timeout(900)
def test_what_was_there_before_is_decided_once(world):
    world.engine.remove(world.instance("lobby").container_name, force=True)
    world.instance("lobby").status = 3  # the panel says running; there is no container
    world.instance("lobby").stream = False
    with shell_on(world) as shell:
        shell.program.wait_for("a finding in the baseline", lambda: [d for d in shell.program.drifts() if d["state"] == "baseline"])
        found = shell("status")
        assert "baseline: " in found
        assert "panel-watchdog baseline accept|repair games" in found
        assert "1 finding of 'games': left as they are" in shell("baseline", "accept", "games")


@pytest.mark.timeout(900)
def test_reload_says_what_it_did(world):
    with shell_on(world) as shell:
        assert shell("reload").strip() == "nothing changed"
        rewrite(world.config, add_target("second"))
        assert shell("reload").strip() == "the configuration was reloaded"
        good = world.config.read_text()
        # the command itself needs the socket's place, which a broken file cannot tell
        socket = ["--socket", str(world.folder / "control.sock")]
        world.config.write_text(good + "\nnonsense: 1\n")
        done = say("reload", *socket)
        assert done.returncode == 1
        assert "nonsense: unknown key" in done.stderr
        targets = [each["target"] for each in json.loads(say("status", "--json", *socket).stdout)["targets"]]
        assert {"games", "second"} <= set(targets), "the good configuration goes on"


@pytest.mark.timeout(900)
def test_over_http_reading_is_free_and_changing_needs_the_token(world):
    token = world.folder / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    wrong = world.folder / "wrong"
    wrong.touch(0o600)
    wrong.write_text("something else")
    rewrite(world.config, lambda document: document["server"].update(api_token_file=str(token)))
    with shell_on(world) as shell:
        url = ["--url", shell.program.url]
        assert "mcsmanager/games: up" in say("status", *url).stdout
        without = say("sync", "games", *url)
        assert without.returncode == 1
        assert "bearer token is missing or wrong" in without.stderr
        assert say("sync", "games", *url, "--token-file", str(wrong)).returncode == 1
        assert say("sync", "games", *url, "--token-file", str(token)).returncode == 0
        missing = say("sync", "games", *url, "--token-file", str(world.folder / "nowhere"))
        assert missing.returncode == 78
        assert TOKEN not in shell.program.log


@pytest.mark.parametrize("verb", ["status", "sync"])
def test_without_a_running_program_each_says_so_in_one_sentence(world, verb):
    done = say(verb, "-c", str(world.config))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is not running" in done.stderr
    assert "panel-watchdog run" in done.stderr
    unreached = say(verb, "--url", "http://127.0.0.1:1")
    assert unreached.returncode == 1
    assert "does not answer at http://127.0.0.1:1" in unreached.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_short_and_says_what_a_command_does(verb, capsys):
    assert commands.start([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) < 45
    assert f"panel-watchdog {verb} " in said


def test_help_lists_every_command_and_wrong_words_are_2():
    listed = say("--help").stdout
    assert all(re.search(rf"^\W*{verb}\b", listed, re.MULTILINE) for verb in (*VERBS, "run"))
    assert "--config" in say("run", "--help").stdout
    assert say("nonsense").returncode == 2
    assert say("run", "--nonsense").returncode == 2
    assert say("--version").stdout.startswith("panel-watchdog ")
