"""Patterns: which are refused, and what a slow one costs."""

from __future__ import annotations

import pytest

from watchdog.collectors.logs.lines import Splitter, readable
from watchdog.collectors.logs.patterns import Matcher, compiled, repeats_a_repeat
from watchdog.errors import BadSettings
from watchdog.model.needs import LogNeed
from watchdog.runtime.clock import SystemClock


def need(**patterns):
    return LogNeed("wings", "/var/log/wings.log", patterns=tuple(patterns.items()))


@pytest.mark.parametrize(
    "expression", ["(a+)+", "(a+)*$", r"^(\w+\s?)*$", r"(?:x\d+)+", "((ab)*c)+", "(a{2,}){3,}", "(?P<x>a*)*", "(?i:(.*)x)+"]
)
def test_a_repeat_of_a_repeat_is_refused(expression):
    with pytest.raises(BadSettings, match=r"'wings'.*'bad'"):
        compiled(need(bad=expression))


@pytest.mark.parametrize(
    "expression",
    ["(a|b)*", r"(?:x\d)+", "(?>a+)+", "(a++)+", "[(+]+x", r"\(a+\)+", r"(?P<time>\S+ \S+) .*", "(a{2,3})+", "a+(b+)c?", r"(?=a+)b+"],
)
def test_ordinary_patterns_are_accepted(expression):
    assert not repeats_a_repeat(expression)
    assert compiled(need(good=expression))


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(BadSettings, match="'broken'"):
        compiled(need(broken="("))


def test_a_line_may_match_several_patterns_and_groups_that_took_no_part_are_left_out():
    matcher = Matcher(compiled(need(a=r"backup=(?P<uuid>\w+)", b=r"(?P<time>\d+) |(?P<other>x)", c="never")), SystemClock())

    assert matcher.match("17 done backup=abc") == [("a", {"uuid": "abc"}), ("b", {"time": "17"})]


def test_a_pattern_that_costs_too_much_is_suspended_and_the_others_go_on():
    """Polynomial, so not refused: a line of some kilobytes takes tenths of a second."""
    matcher = Matcher(compiled(need(slow=r"x.*y.*z.*w.*!", good="^xy")), SystemClock(), budget=0.05)
    line = "xyzw" * 60

    matched = [matcher.match(line) for _ in range(40)]

    assert matcher.suspended == ("slow",)
    assert all(found == [("good", {})] for found in matched)


def test_lines_are_cut_and_what_is_skipped_is_a_gap():
    splitter = Splitter(10)

    assert splitter.feed(b"one\ntw") == [(b"one", None)]
    assert splitter.feed(b"o\n") == [(b"two", None)]
    assert splitter.feed(b"0123456789abc\nnext\nagain\n") == [(b"0123456789", None), (b"next", "line_too_long"), (b"again", None)]
    assert splitter.feed(b"0123456789" * 3) == [(b"0123456789", None)]
    assert splitter.gap == "line_too_long"
    assert splitter.feed(b"more of it") == []
    assert splitter.feed(b"end\nnext\n") == [(b"next", "line_too_long")]
    assert splitter.gap is None


def test_memory_is_bounded_whatever_comes():
    splitter = Splitter(100)
    for _ in range(1000):
        splitter.feed(b"\0" * 10_000)

    assert splitter.held <= 100


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"plain\r", "plain"), (b"\x1b[31mred\x1b[0m", "red"), (b"a\0b", "ab"), (b"\xff\xfe", "��"), ("ü".encode(), "ü"), (b"", "")],
)
def test_junk_becomes_text(raw, expected):
    assert readable(raw) == expected
