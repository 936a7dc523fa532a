"""Looks that hang: waited for once, never started twice, and forgotten when they end."""

from __future__ import annotations

import threading
import time

from watchdog.collectors.hanging import HangingLooks
from watchdog.errors import DeadlinePassed, MalformedAnswer
from watchdog.runtime.clock import SystemClock


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def test_a_look_that_hangs_is_named_at_the_deadline_and_not_started_again_until_it_ends():
    looks, release, started = HangingLooks(SystemClock(), "test"), threading.Event(), []

    def stuck():
        started.append(1)
        release.wait(120)
        return "late"

    first = looks.look({"nfs": stuck, "other": lambda: "there"}, 1.5)
    assert isinstance(first["nfs"], DeadlinePassed)
    assert first["other"] == "there"
    began = time.monotonic()
    second = looks.look({"nfs": stuck, "other": lambda: "again"}, 60.0)
    assert time.monotonic() - began < 50.0, "a look that hangs already is not waited for"
    assert isinstance(second["nfs"], DeadlinePassed)
    assert second["other"] == "again"
    assert started == [1]

    release.set()
    until(lambda: looks.look({"nfs": stuck}, 30.0)["nfs"] == "late")
    assert len(started) == 2


def test_two_slow_looks_share_one_deadline():
    looks, release = HangingLooks(SystemClock(), "test"), threading.Event()
    began = time.monotonic()

    answers = looks.look({str(n): lambda: release.wait(120) for n in range(8)}, 4.0)

    assert time.monotonic() - began < 25.0
    assert all(isinstance(answer, DeadlinePassed) for answer in answers.values())
    release.set()


def test_an_error_is_brought_and_not_raised():
    def fail():
        raise MalformedAnswer("cut")

    assert str(HangingLooks(SystemClock(), "test").look({"a": fail}, 5.0)["a"]) == "cut"
