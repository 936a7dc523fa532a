"""The pages of docs/runbooks/: each alert leads to its section, each section is about alerts, and every command in either can be typed."""

from __future__ import annotations

import re
import shlex
import string
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.support.alerts import ALERTS, FILES, comments, every_rule, rules
from tests.support.pages import anchors_of, blocks
from watchdog.cli import commands
from watchdog.panels import discover

HERE = "https://github.com/panel-watchdog/panel-watchdog/blob/main/docs/runbooks/"
RUNBOOKS = ALERTS.parent / "docs" / "runbooks"
PAGES = sorted(page.name for page in RUNBOOKS.glob("*.md") if page.name != "README.md")
SAYS = ("What it means", "How we know", "What the watchdog does", "What you do", "When to leave it")
OTHERS = {
    "amtool", "aws", "cat", "chmod", "chronyc", "curl", "df", "dmesg", "docker", "du", "find", "findmnt", "fuser", "iotop",
    "ip", "journalctl", "last", "ls", "php", "ping", "ps", "sha256sum", "smartctl", "ss",
    "systemctl", "tail", "timedatectl", "watch", "wg", "wg-quick",
}  # fmt: skip
"""Programs of others that a host has, or that its admin knows how to get."""
Unusable = next(each for each in typer.BadParameter.__mro__ if each.__name__ == "UsageError")
"""What the command line raises for wrong words: click's, which newer releases of typer carry inside."""
SHELL = re.compile(r"[|;&<>$`]")


def sections(page: str) -> dict[str, str]:
    """Return the text of each section of a page by the anchor of its heading."""
    text = (RUNBOOKS / page).read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-"): body for head, _, body in parts}


def alerts_of(body: str) -> list[str]:
    """Return the alerts that a section names in its first line."""
    return re.findall(r"`(\w+)`", body.strip().splitlines()[0])


@lru_cache(maxsize=1)
def whole() -> Any:
    """Return the whole command line, as typer builds it."""
    return typer.main.get_command(commands._app([]))


def parse(words: list[str]) -> None:
    """Let the real command line read ``words`` without doing anything. Raises ``Unusable`` for what nobody can type."""
    group, words = whole(), ["1" if word == "NUMBER" else word for word in words]
    context = group.make_context("panel-watchdog", list(words))
    if words[0].startswith("-"):
        return
    name, command, rest = group.resolve_command(context, list(words))
    try:
        command.make_context(name, rest, parent=context)
    except typer.Exit as end:  # --help says its words and ends
        assert end.exit_code == 0


def check(line: str) -> None:
    """Assert that a line is one command: ours as the real command line reads it, or one of a program that a host has."""
    words = shlex.split(line)
    if words[0] == "panel-watchdog":
        parse(words[1:])
        for panel, kind in re.findall(r"^([a-z]+)/TARGET/([a-z_]+)/", words[-1]):
            assert kind in {each.name for each in discover()[panel].kinds}, f"{panel} has no drift of the kind {kind}"
        return
    assert words[0] in OTHERS, f"what is {words[0]}?"
    assert not SHELL.search(re.sub(r"'[^']*'", "", line)), f"one command at a time: {line}"


def filled(template: str) -> str:
    """Return an annotation as Prometheus would show it, with plain words for the labels."""
    text = re.sub(r"\{\{ `(.*?)` \}\}", r"\1", template)
    text = re.sub(r"\{\{ (?:reReplaceAll \"[^\"]*\" \"[^\"]*\" )?\$labels\.(\w+) \}\}", r"\1", text)
    assert "$" not in text, text
    return text


# ---- alerts ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_each_alert_leads_to_the_section_that_names_it(name: str) -> None:
    page = name.replace(".yml", ".md")
    found = sections(page)
    for rule in rules(name):
        address, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert address == HERE + page, rule["alert"]
        assert anchor in found, f"{rule['alert']}: {page} has no section #{anchor}"
        assert rule["alert"] in alerts_of(found[anchor]), f"#{anchor} does not name {rule['alert']}"


@pytest.mark.parametrize("name", FILES)
def test_the_next_command_of_each_alert_can_be_typed(name: str) -> None:
    for rule in rules(name):
        check(filled(rule["annotations"]["next"]))


@pytest.mark.parametrize("name", FILES)
def test_each_alert_says_why_it_waits_for_so_long(name: str) -> None:
    why = comments(name)
    for rule in rules(name):
        lasts = rule.get("for", "0m")
        assert re.match(rf"{lasts}\b.*[:,] \w.{{8,}}", why[rule["alert"]]), f"{rule['alert']}: a comment '{lasts}: why' above it"


def test_alerts_keep_the_labels_that_inhibition_goes_by() -> None:
    for _, rule in every_rule():
        for by in re.findall(r"\bby \(([^)]*)\)", rule["expr"]):
            assert {"job", "instance"} <= set(re.split(r", *", by)), f"{rule['alert']}: by ({by})"


# ---- pages -------------------------------------------------------------------------------------------------------------------------------


def test_there_is_a_page_for_each_file_of_alerts() -> None:
    assert [page.replace(".md", ".yml") for page in PAGES] == FILES
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if f"]({page})" not in index] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_section_is_about_alerts_that_exist(page: str) -> None:
    known = {rule["alert"] for rule in rules(page.replace(".md", ".yml"))}
    found = sections(page)
    assert set(found) <= anchors_of(RUNBOOKS / page)
    named = [alert for body in found.values() for alert in alerts_of(body)]
    assert all(alerts_of(body) for body in found.values())
    assert sorted(named) == sorted(known), "each alert in one section, and no other"


@pytest.mark.parametrize("page", PAGES)
def test_each_section_says_all_that_an_admin_needs_at_night(page: str) -> None:
    for anchor, body in sections(page).items():
        places = [body.find(f"**{heading}.** ") for heading in SAYS]
        assert -1 not in places, f"{page}#{anchor} lacks one of {SAYS}"
        assert places == sorted(places), f"{page}#{anchor}: another order than everywhere"
        assert body.count("```sh\n") == 1, f"{page}#{anchor}: commands in one block"


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_every_command_of_a_runbook_can_be_typed(page: str) -> None:
    mine = [block for block in blocks() if Path(block.page).name == page and Path(block.page).parent.name == "runbooks"]
    assert mine
    for block in mine:
        assert block.language == "sh", block
        for line in block.lines():
            check(line)


# ---- the checks themselves ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [
    "panel-watchdog paln games", "panel-watchdog pause games --for 2h", "panel-watchdog explain", "panel-watchdog verify --level 9 x",
    "panel-watchdog plan games --deep", "panel-watchdog explain 'mcsmanager/TARGET/ghost/instance/X'",
    "rm -rf /", "docker ps | head", "docker rm NAME; docker ps", "cat $HOME",
])  # fmt: skip
def test_what_cannot_be_typed_is_told(line: str) -> None:
    with pytest.raises((Unusable, AssertionError)):
        check(line)


def test_a_template_is_filled_as_prometheus_does() -> None:
    assert filled('docker logs {{ reReplaceAll "^container/" "" $labels.subject }}') == "docker logs subject"
    assert (
        filled("docker inspect --format '{{ `{{json .State.Health}}` }}' {{ $labels.name }}")
        == "docker inspect --format '{{json .State.Health}}' name"
    )
    with pytest.raises(AssertionError):
        filled("echo {{ $value }}")
    assert set(filled("{{ $labels.target }}")) <= set(string.ascii_lowercase)
