"""The child that sends: it cannot hang us, nothing of it outlives us, and the program itself never imports Apprise."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.notifying import mailbox
from watchdog.errors import BadSettings
from watchdog.notify.apprise_child import with_key
from watchdog.notify.sending import Message, send

MESSAGE = Message("the-key", "title", "body", "critical")


def children() -> set[int]:
    """The processes that any thread of ours has begun and that are not gone."""
    return {int(pid) for task in Path(f"/proc/{os.getpid()}/task").iterdir() for pid in (task / "children").read_text().split()}


def test_a_message_arrives_with_its_key_in_a_header_and_in_the_body() -> None:
    with mailbox() as box:
        assert send(box.url, MESSAGE, 60.0) == "ok"
        (body,) = box.messages
    assert (body["title"], body["message"], body["type"], body["idempotency_key"]) == ("title", "body", "failure", "the-key")
    assert box.keys == ["the-key"]


def test_a_text_that_is_too_long_for_a_kind_is_cut_and_not_refused() -> None:
    with mailbox() as box:
        assert send(box.url, Message("k", "title", "x" * 50_000, "info"), 60.0) == "ok"
        (body,) = box.messages
    assert len(body["message"]) <= 32_768


def test_a_receiver_that_hangs_costs_the_deadline_and_leaves_no_process() -> None:
    with mailbox() as box:
        box.go_on.clear()
        before = children()
        began = time.monotonic()
        # a read timeout of Apprise's own that is longer than the deadline
        assert send(lambda: box.url() + "?rto=90", MESSAGE, 3.0) == "too_slow"
        assert time.monotonic() - began < 60
        assert children() <= before
        assert box.messages == []


def test_a_url_that_cannot_be_read_is_a_word_and_no_error() -> None:
    def unreadable() -> str:
        raise BadSettings("gone")

    assert send(unreadable, MESSAGE, 5.0) == "no_url"


def test_several_urls_are_not_one_channel() -> None:
    with mailbox() as box:
        assert send(lambda: f"{box.url()}, {box.url('two')}", MESSAGE, 60.0) == "bad_url"
        assert box.tries == 0


def test_only_kinds_that_can_carry_a_key_are_given_one() -> None:
    assert with_key("jsons://h/x?a=b", "k/1") == "jsons://h/x?a=b&+Idempotency-Key=k%2F1&:idempotency_key=k%2F1"
    assert with_key("tgram://token/chat", "k") == "tgram://token/chat"


def test_run_never_imports_apprise() -> None:
    seen = subprocess.run(
        [sys.executable, "-c", "import sys, watchdog.cli.run, watchdog.app, watchdog.notify.notices; sys.exit('apprise' in sys.modules)"],
        timeout=120, check=False,
    )  # fmt: skip
    assert seen.returncode == 0
