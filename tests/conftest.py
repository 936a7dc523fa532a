"""What every test shares: the rule for missing components."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.crash_report import TITLE, gaps, table, told_by

# a busy machine is no finding: no property has a deadline; and the same examples are tried each time, other ones under `make soak`
settings.register_profile("same", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("wander", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wander" if os.environ.get("WATCHDOG_WANDER") == "1" else "same")


def require(present: bool, component: str) -> None:
    """Skip, naming ``component``, when it is missing; fail instead when WATCHDOG_REQUIRE_REAL=1."""
    if present:
        return
    if os.environ.get("WATCHDOG_REQUIRE_REAL") == "1":
        pytest.fail(f"WATCHDOG_REQUIRE_REAL=1 and this is missing: {component}")
    pytest.skip(f"not here: {component}")


LONGEST_NAME = 60


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test after its parameter, not after kilobytes of it: those may hold a time, and the workers must agree on all names."""
    return argname if isinstance(val, bytes | str) and len(val) > LONGEST_NAME else None


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """Undo what a test that configures the program's log did to the whole process."""
    root, ours = logging.getLogger(), logging.getLogger("watchdog")
    before = (root.level, ours.level, list(root.handlers), threading.excepthook)
    yield
    root.setLevel(before[0])
    ours.setLevel(before[1])
    for handler in [each for each in root.handlers if type(each).__module__ == "watchdog.runtime.log" and each not in before[2]]:
        root.removeHandler(handler)
    threading.excepthook = before[3]
    logging.captureWarnings(capture=False)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the crash-point table of the run, from all its workers."""
    told = told_by(terminalreporter.stats)
    lines = [*table(told), *gaps(config, told)]
    if lines:
        terminalreporter.section(TITLE)
        terminalreporter.write("".join(f"{line}\n" for line in lines))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Let a run of all tests fail in which a remedy of a panel has not been killed anywhere."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and exitstatus == pytest.ExitCode.OK and gaps(session.config, told_by(reporter.stats)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
