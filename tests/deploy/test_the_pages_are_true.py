"""Every block of README and docs/ is executed: configurations by the real settings, commands against one running program.

What takes root or another host carries the name of the test that shows it; see ``tests/support/pages.py``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.conftest import require
from tests.support.pages import ROOT, Block, anchors_of, blocks, code_in, fences, functions_of, links_in, name_of, pages
from tests.support.program import Running, run_program
from tests.support.small_world import rewrite
from watchdog.app.catalogue import catalogue, compat_catalogue
from watchdog.cli import commands
from watchdog.demo.world import demo_world
from watchdog.panels import discover
from watchdog.panels.containers.view import LABELS

pytestmark = pytest.mark.xdist_group("pages")  # one world for all
OURS = "/etc/panel-watchdog"
TARGET = "{url: 'http://127.0.0.1:1', api_key_file: /etc/panel-watchdog/wrapper.key, name: "
AROUND = f"panels: {{mcsmanager: [{TARGET}games}}, {TARGET}backups}}]}}\n"
"""What makes a whole configuration of a fragment without panels of its own: the targets that pauses are about."""
LANGUAGES = {"yaml", "json", "console", "sh", "text"}
RUNNABLE = ("console", "sh")
ENDS = {
    ("doctor",): {0, 1},  # the demo's world has things to mend, such as a systemd that is not there
    ("pauses", "check"): {0, 1},  # the demo's ledger is ephemeral, and a check says so
    ("preflight",): {0, 1},  # go or no-go
    ("release", "--all"): {1},  # the demo's guard is at work and holds on, as docs/upgrading.md says
    ("rehearse", "reports", "--full"): {3},  # refused: there is no licence
}
"""How else than with 0 a command of a page may end here."""
AT_NIGHT = "docs/runbooks/"
"""Commands of runbooks are about faults that are not here; tests/house/test_runbooks.py lets the real command line read each."""
APART = {"rehearse"}
"""Commands that take over signals: in a process of their own."""


def named(block: Block) -> str:
    return str(block)


def of(*languages: str) -> list[Block]:
    return [block for block in blocks() if block.language in languages]


# ---- blocks ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_block_of_a_page_is_of_a_known_kind(page: Path):
    mine = [block for block in blocks() if block.page == name_of(page)]
    assert fences(page) == 2 * len(mine), "a block that is indented or not closed is not seen by any test"
    assert {block.language for block in mine} <= LANGUAGES


@pytest.mark.parametrize("block", [block for block in blocks() if block.remark], ids=named)
def test_a_test_that_a_page_names_exists(block: Block):
    assert block.shown_by is not None, f"what is this: {block.remark}"
    file, function = block.shown_by
    assert (ROOT / file).is_file()
    assert function in functions_of(ROOT / file)


@pytest.mark.parametrize("block", of("json"), ids=named)
def test_json_is_json(block: Block):
    assert json.loads(block.text)


@pytest.mark.parametrize("block", of("yaml"), ids=named)
def test_a_configuration_of_a_page_is_taken(block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    document = yaml.safe_load(block.text)
    if block.text.startswith("# alertmanager.yml"):
        alertmanager_takes(document, tmp_path)
    elif block.text.startswith("# compose.yaml"):
        labels = {label for service in document["services"].values() for label in service["labels"]}
        assert labels
        assert labels <= set(LABELS), "the panel knows these labels"
    else:
        config = tmp_path / "config.yaml"
        config.write_text(moved(block.text if "panels" in document else block.text + AROUND, tmp_path))
        code = commands.start(["check-config", "-c", str(config)])
        said = capsys.readouterr()
        assert code == 0, said.err
        assert ": good. " in said.out


def moved(text: str, folder: Path) -> str:
    """Return ``text`` with our folder in /etc moved to ``folder``; each file that is named there exists and is closed to others."""
    for name in re.findall(rf"{OURS}/([\w.-]+)", text):
        if not (folder / name).exists():
            (folder / name).touch(0o600)
            (folder / name).write_text("a-secret-of-a-test-0123456789\n")
    return text.replace(OURS, str(folder))


def alertmanager_takes(document: dict, folder: Path) -> None:
    require(shutil.which("amtool") is not None, "amtool")
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump({"route": {"receiver": document["receivers"][0]["name"]}, **document}))
    done = subprocess.run(["amtool", "check-config", str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- commands ----------------------------------------------------------------------------------------------------------------------------


class World:
    """The demo's world and the program in it, started as the pages say: ``panel-watchdog run``."""

    def __init__(self, folder: Path, running: Running, archives: dict[str, Path]) -> None:
        self.folder, self.running, self.archives = folder, running, archives
        self.config = folder / "config.yaml"

    def words(self, words: list[str]) -> list[str]:
        """Return what is run here for the ``words`` of a page."""
        later = str(datetime.now(UTC).year + 1)
        told = [re.sub(r"^20\d\d(?=-\d\d-\d\d)", later, each).replace(OURS, str(self.folder / "etc")) for each in words]
        told = [str(self.archives[told[1]]) if each == "ARCHIVE" else each for each in told]
        if told[0] == "init":
            where = [] if "--output" in told else ["--output", str(self.folder / "etc/config.yaml")]
            return [*told, *where, "--no-ask", "--force", "--docker", f"unix://{self.folder}/docker.sock"]
        return told if told[0] in {"secret", "demo"} else [*told, "--config", str(self.config)]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One world for all pages, with the names that the pages give to its targets."""
    with tempfile.TemporaryDirectory(prefix="pw-") as scratch, demo_world(Path(scratch), "127.0.0.1:0") as made:
        folder = Path(scratch)
        token = folder / "token"
        token.touch(0o600)
        token.write_text("token-of-the-test-0123456789")

        def as_in_the_pages(document: dict) -> None:
            document["server"]["download_token_file"] = str(token)
            document["log"]["level"] = "info"
            document["panels"]["duplicati"][0]["name"] = "nas"

        rewrite(made.config, as_in_the_pages)
        # as they are before the program has made, tidied or set aside any
        backups = sorted(Path(made.reports.backups).glob("sysreptor-full-backup-*.zip"))
        hosted = sorted(made.hosting.wings.backups.glob("*.tar.gz"))
        with run_program(made.config, folder / "run.log") as running:
            running.wait_for("readiness", lambda: running.get("/-/ready")[0] == 200)
            for target in ("games", "nas", "vpn", "reports", "hosting"):
                running.wait_for(f"a first look at {target}", lambda target=target: running.target(target)["baseline"] != "none")
            whole = running.wait_for("a verified archive", lambda: verified(running))
            yield World(folder, running, {"reports": backups[-1], "hosting": hosted[-1], "": Path(whole[0]["download"])})


def verified(running: Running) -> list[dict]:
    """Return the archives that could be fetched now."""
    return [each for each in running.api("archives")["archives"] if each["download"] and each["path"].endswith(".zip")]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", [block for block in of(*RUNNABLE) if not block.page.startswith(AT_NIGHT)], ids=named)
def test_commands_of_a_page_do_what_they_say(block: Block, world: World, capsys: pytest.CaptureFixture[str]):
    assert list(block.lines())
    for words in block.commands():
        program, *rest = words
        if program.endswith("panel-watchdog") and rest:
            options_exist(rest, capsys)
            if block.shown_by is None and rest[0] != "run":  # the world's own program is that
                ends_well(world.words(rest), capsys)
        elif program == "make":
            assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif program == "curl":
            break
        else:
            assert block.shown_by is not None, f"nothing shows: {' '.join(words)}"
    if "curl " in block.text:
        downloads(block, world)


def ends_well(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Run one command of ours, and hold its end to what a page says."""
    if words[0] in APART:
        done = subprocess.run([sys.executable, "-m", "watchdog", *words], capture_output=True, text=True, timeout=300, check=False)
        code, out, err = done.returncode, done.stdout, done.stderr
    else:
        capsys.readouterr()
        code = commands.start(words)
        out, err = capsys.readouterr()
    wanted = next((codes for begin, codes in ENDS.items() if tuple(words[: len(begin)]) == begin), {0})
    assert code in wanted, f"{' '.join(words)}: {code}\n{out}{err}"
    assert "Traceback" not in err
    assert out.strip() or err.strip(), "it says what it did"


def downloads(block: Block, world: World) -> None:
    """Fetch a real archive with the very line of the page."""
    require(shutil.which("curl") is not None, "curl")
    number = str(world.archives[""]).rpartition("/")[2]
    for line in block.lines():
        there = line.replace("http://127.0.0.1:9877", world.running.url).replace("archives/ID", f"archives/{number}")
        done = subprocess.run(["bash", "-c", there], cwd=world.folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert (world.folder / "backup.zip").read_bytes()[:2] in {b"PK", b"\x1f\x8b"}


def options_exist(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Assert that a command and each of its long options is one of ours."""
    if words[0].startswith("-"):
        return
    assert words[0] in commands._COMMANDS, f"no such command: {words[0]}"
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    if options and words[0] != "run":
        capsys.readouterr()
        assert commands.start([words[0], "--help"]) == 0
        said = capsys.readouterr().out
        assert not {option for option in options if not re.search(rf"{option}\b", said)}, f"{words[0]} knows no such option"


# ---- prose -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_what_a_page_names_exists(page: Path, capsys: pytest.CaptureFixture[str]):
    metrics = {metric.name for metric in (*catalogue(), *(each for borrowed in compat_catalogue().values() for each in borrowed))}
    for code in code_in(page):
        if code.startswith("panel-watchdog "):
            options_exist([word for word in code.split()[1:] if not word.startswith("[")], capsys)
        for name in re.findall(r"\bwatchdog_(?!(?:target|kind|remedy)\b)[a-z0-9_]+(?![\w*])", code):
            assert name in metrics or re.search(r"_(bucket|sum|count)$", name) or any(m.startswith(name) for m in metrics), name
        for path in re.findall(r"(?<![\w./-])(?:tests|deploy|alerts|dashboards|watchdog|docs)/[\w./-]*\w", code):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_of_a_page_lead_somewhere(page: Path):
    for link in links_in(page):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        assert not anchor or anchor in anchors_of(there), link


@pytest.mark.parametrize("panel", discover())
def test_a_panel_has_a_page_with_what_it_sees_mends_refuses_and_takes(panel: str):
    kind, page = discover()[panel], f"docs/panels/{panel}.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    assert not [drift.name for drift in kind.kinds if f"`{drift.name}`" not in text], "what it sees"
    assert not [remedy.name for remedy in kind.remedies if f"`{remedy.name}`" not in text], "what it mends"
    assert re.search(r"^## What it refuses", text, re.MULTILINE)
    assert re.search(r"^## Permissions", text, re.MULTILINE)
    assert f"permissions.md#{panel}" in text
    examples = [yaml.safe_load(block.text) for block in blocks() if block.page == page and block.language == "yaml"]
    assert [each for each in examples if panel in each.get("panels", {})], "an example"


def test_the_chinese_readme_has_what_the_english_one_has():
    ours, theirs = ([block for block in blocks() if block.page == name] for name in ("README.md", "README.zh-CN.md"))
    assert [block.language for block in ours] == [block.language for block in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.shown_by, mine.language) == (other.shown_by, other.language)
        if mine.language == "yaml":
            assert yaml.safe_load(mine.text) == yaml.safe_load(other.text)
        elif mine.language in RUNNABLE:
            assert list(mine.commands()) == list(other.commands())
    assert set(links_in(ROOT / "README.zh-CN.md")) <= set(links_in(ROOT / "README.md"))
