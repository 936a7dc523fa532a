"""Our tree keeps the house's rules, and each rule is seen to fail on a planted violation."""

from __future__ import annotations

from pathlib import Path

import pytest

import watchdog
from tests.house.rules import ALLOWED, DEBTS, RULES, sorted_out

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(RULES))
def test_our_tree_keeps_the_rule(name: str) -> None:
    bad, owed, idle = sorted_out(name, RULES[name](ROOT))
    assert bad == []
    assert idle == [], "nothing needs these entries of ALLOWED or DEBTS any more"
    if owed:
        pytest.xfail("owed: " + "; ".join(owed))


def test_every_exception_names_a_rule_and_a_reason() -> None:
    for table in (ALLOWED, DEBTS):
        assert set(table) <= set(RULES)
        assert all(len(why) > 8 for entries in table.values() for why in entries.values())


def test_the_imported_watchdog_is_this_tree() -> None:
    assert watchdog.__file__ is not None
    assert Path(watchdog.__file__).resolve() == ROOT / "watchdog" / "__init__.py"


FINE = '''"""A module."""

import contextlib
import datetime
import time
from typing import Protocol


class Metadata:
    """Not a forbidden word, only a part of one."""


class Port(Protocol):
    """A protocol."""

    def ping(self) -> None: ...


class _Hidden:
    def method(self): ...


def clean_up():
    """Re-raises."""
    try:
        time.monotonic()
    except BaseException:
        print_nothing = 1
        raise
    with contextlib.suppress(OSError, ValueError):
        datetime.datetime.fromtimestamp(0, datetime.UTC)
    blueprint(print_nothing)
'''

LONG = '"""A module."""\n' + "x = 1\n" * 300
LONG_FUNCTION = '"""A module."""\n\n\ndef long():\n    """Long."""\n' + "    x = 1\n" * 59
DOC = '"""A module."""\n'

PLANTS = [
    ("no_module_is_long", "snapshots.py", LONG),
    ("no_function_is_long", "x.py", LONG_FUNCTION),
    ("no_function_is_long", "x.py", LONG_FUNCTION.replace("def", "class A:\n  async def")),
    *(("nothing_has_a_forbidden_name", f"{name}.py", DOC) for name in ("helper", "log_utils", "data", "web_service", "manager")),
    ("nothing_has_a_forbidden_name", "helpers_data/__init__.py", DOC),
    *(
        ("nothing_has_a_forbidden_name", "x.py", f"{DOC}class {name}: ...\n")
        for name in ("LeaseManager", "DataRow", "HTTPService", "_Processor")
    ),
    *(("nothing_is_named_like_the_other_watchdog", name, DOC) for name in ("events.py", "version.py", "watchmedo.py")),
    *(("nothing_is_named_like_the_other_watchdog", f"{name}/__init__.py", DOC) for name in ("utils", "observers", "tricks")),
    *(
        ("broad_except_stands_in_the_two_wrappers_only", "x.py", f"{DOC}try:\n    pass\nexcept{kind}:\n    {body}\n")
        for kind, body in (
            ("", "pass"),
            (" Exception", "pass"),
            (" BaseException as e", "pass"),
            (" (OSError, Exception)", "pass"),
            (" Exception as e", "raise ValueError from e"),
        )
    ),
    ("broad_except_stands_in_the_two_wrappers_only", "x.py", f"{DOC}import contextlib\nwith contextlib.suppress(Exception):\n    pass\n"),
    *(
        ("programs_start_in_one_place", "x.py", f"{DOC}{line}\n")
        for line in (
            "import subprocess",
            "from subprocess import run",
            "import multiprocessing.pool",
            "def f():\n    from multiprocessing import Pool",
            "from concurrent.futures import ProcessPoolExecutor",
            "import os\nos.fork()",
            "import os as o\no.system('x')",
            "from os import popen\npopen('x')",
            "import os\nos.execve('x', [], {})",
            "import os\nos.posix_spawn('x', [], {})",
            "import asyncio\nasyncio.create_subprocess_exec('x')",
        )
    ),
    *(
        ("only_the_command_and_the_demo_print", "web/x.py", f"{DOC}{line}\n")
        for line in ("print(1)", "import sys\nsys.stdout.write('x')", "from sys import stdout\nstdout.write('x')")
    ),
    *(
        ("time_comes_from_the_clock", "x.py", f"{DOC}{line}\n")
        for line in (
            "import time\ntime.time()",
            "import time as t\nt.sleep(1)",
            "from time import sleep\nsleep(1)",
            "from time import sleep as nap\nnap(1)",
            "import datetime\ndatetime.datetime.now()",
            "from datetime import datetime\ndatetime.now()",
            "from datetime import datetime as dt\ndt.utcnow()",
            "import datetime as d\nd.date.today()",
            "import time\ntime.time_ns()",
        )
    ),
    *(
        ("what_is_public_is_described", "x.py", text)
        for text in (
            "x = 1\n",
            f"{DOC}def f(): ...\n",
            f"{DOC}async def f(): ...\n",
            f"{DOC}class A: ...\n",
            f'{DOC}class A:\n    """A."""\n\n    def f(self): ...\n',
        )
    ),
    *(
        ("fakes_are_imported_by_fakes_and_the_demo_only", "web/x.py", f"{DOC}{line}\n")
        for line in (
            "import watchdog.collectors.docker.fake",
            "from watchdog.collectors.docker import fake",
            "from watchdog.panels.mcsmanager.fake.world import World",
            "def f():\n    from ..panels.mcsmanager import fake",
        )
    ),
]


@pytest.mark.parametrize(("name", "file", "text"), PLANTS, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(PLANTS)])
def test_a_planted_violation_is_found(tmp_path: Path, name: str, file: str, text: str) -> None:
    planted = tmp_path / "watchdog" / file
    planted.parent.mkdir(parents=True)
    planted.write_text(text)
    bad, _, _ = sorted_out(name, RULES[name](tmp_path))
    assert bad != []
    assert all(f"watchdog/{file.partition('/')[0]}" in finding for finding in bad)


@pytest.mark.parametrize("name", sorted(RULES))
def test_what_is_fine_stays_unnamed(tmp_path: Path, name: str) -> None:
    (tmp_path / "watchdog" / "web").mkdir(parents=True)
    (tmp_path / "watchdog" / "metadata.py").write_text(FINE)
    (tmp_path / "watchdog" / "web" / "version.py").write_text(DOC)  # their names matter at the top only
    assert RULES[name](tmp_path) == []


def test_every_rule_has_a_plant() -> None:
    assert {name for name, _, _ in PLANTS} == set(RULES)


def test_no_reason_lets_a_module_grow_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "watchdog").mkdir()
    (tmp_path / "watchdog" / "x.py").write_text(LONG + "x = 1\n" * 100)
    monkeypatch.setitem(ALLOWED, "no_module_is_long", {"watchdog/x.py": "it has a reason"})
    bad, _, _ = sorted_out("no_module_is_long", RULES["no_module_is_long"](tmp_path))
    assert bad == ["no reason lets watchdog/x.py have 401 lines, more than 400"]


def test_an_idle_exception_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(ALLOWED, "no_module_is_long", {"watchdog/gone.py": "it was long once"})
    monkeypatch.setitem(DEBTS, "no_module_is_long", {})
    (tmp_path / "watchdog").mkdir()
    assert sorted_out("no_module_is_long", RULES["no_module_is_long"](tmp_path)) == ([], [], ["watchdog/gone.py"])
