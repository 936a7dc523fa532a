"""Typed hooks with real small programs; a program stands where systemctl would, a recorder where the engine would."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from watchdog.errors import DeadlinePassed, NotFound, Refused, Temporary
from watchdog.model.hooks import ArgvHook, ContainerHook, ExecHook, HookRunner, UnitHook
from watchdog.runtime.hooks import Hooks


class Engine:
    """An EngineAct that writes down what it is asked."""

    def __init__(self, code: int = 0, output: str = "") -> None:
        self.asked: list[tuple[object, ...]] = []
        self._answer = (code, output)

    def stop(self, container: str, grace: float, seconds: float) -> None:
        self.asked.append(("stop", container, grace, seconds))

    def start(self, container: str, seconds: float) -> None:
        self.asked.append(("start", container, seconds))

    def restart(self, container: str, grace: float | None, seconds: float) -> None:
        self.asked.append(("restart", container, grace, seconds))
        if container == "gone":
            raise NotFound("no such container")

    def remove(self, container: str, seconds: float) -> None:
        self.asked.append(("remove", container, seconds))

    def exec(self, container: str, argv: Sequence[str], seconds: float) -> tuple[int, str]:
        self.asked.append(("exec", container, tuple(argv), seconds))
        return self._answer


def systemctl(tmp_path: Path, script: str) -> list[str]:
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{script}\n')
    program.chmod(0o755)
    return [str(program), "--no-ask-password"]


def test_a_program_runs_with_its_arguments_as_they_are(tmp_path: Path) -> None:
    runner: HookRunner = Hooks()
    target = tmp_path / "a b; $(touch x)"
    runner.run(ArgvHook(("touch", str(target))), 20)
    assert target.exists()


def test_a_program_that_fails_says_why_without_secrets() -> None:
    with pytest.raises(Temporary, match=r"'sh' ended with 4: cannot log in with token=\*\*\*") as raised:
        Hooks().run(ArgvHook(("sh", "-c", "echo cannot log in with token=abcdef >&2; exit 4")), 20)
    assert len(str(raised.value)) < 700
    with pytest.raises(Temporary, match="signal 9"):
        Hooks().run(ArgvHook(("sh", "-c", "kill -9 $$")), 20)


def test_endless_output_makes_no_endless_text() -> None:
    with pytest.raises(Temporary) as raised:
        Hooks().run(ArgvHook((sys.executable, "-c", "print('x' * 10_000_000); raise SystemExit(1)")), 30)
    assert len(str(raised.value)) < 700


def test_a_program_past_its_time_is_killed() -> None:
    began = time.monotonic()
    with pytest.raises(DeadlinePassed):
        Hooks().run(ArgvHook(("sleep", "300")), 0.5)
    assert time.monotonic() - began < 60


def test_what_cannot_be_run_at_all_is_refused() -> None:
    for argv in (("/no/such/program",), ()):
        with pytest.raises(Refused):
            Hooks().run(ArgvHook(argv), 20)


def test_a_unit_is_restarted_by_systemctl(tmp_path: Path) -> None:
    hooks = Hooks(systemctl=systemctl(tmp_path, "exit 0"))
    hooks.run(UnitHook("mcsm-daemon.service"), 20)
    assert (tmp_path / "asked").read_text() == "--no-ask-password restart -- mcsm-daemon.service\n"


def test_an_unknown_unit_is_refused_and_a_failing_one_is_temporary(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"knows no unit 'x.service': Unit x.service not found"):
        Hooks(systemctl=systemctl(tmp_path, "echo 'Unit x.service not found.' >&2; exit 5")).run(UnitHook("x.service"), 20)
    with pytest.raises(Temporary, match="ended with 1: Job failed"):
        Hooks(systemctl=systemctl(tmp_path, "echo Job failed >&2; exit 1")).run(UnitHook("x.service"), 20)
    with pytest.raises(DeadlinePassed):
        Hooks(systemctl=systemctl(tmp_path, "sleep 300")).run(UnitHook("x.service"), 0.5)


@pytest.mark.parametrize("unit", ["", "-H evil", "--host=evil"])
def test_a_unit_is_never_an_option(unit: str) -> None:
    with pytest.raises(Refused, match="not the name of a unit"):
        Hooks(systemctl=["true"]).run(UnitHook(unit), 20)


def test_without_systemd_the_text_names_the_missing_program() -> None:
    with pytest.raises(Refused, match="no-systemctl-here"):
        Hooks(systemctl=["no-systemctl-here"]).run(UnitHook("x.service"), 20)


def test_a_container_is_restarted_with_its_own_stop_timeout() -> None:
    engine = Engine()
    Hooks(engine).run(ContainerHook("mcsm"), 33)
    assert engine.asked == [("restart", "mcsm", None, 33)]
    with pytest.raises(NotFound):
        Hooks(engine).run(ContainerHook("gone"), 33)


def test_a_command_in_a_container_must_end_well() -> None:
    engine = Engine()
    Hooks(engine).run(ExecHook("c", ("pm2", "restart", "0")), 12)
    assert engine.asked == [("exec", "c", ("pm2", "restart", "0"), 12)]
    with pytest.raises(Temporary, match=r"'pm2' in container 'c' ended with 1: no password=\*\*\*"):
        Hooks(Engine(1, "no\npassword=abcdef")).run(ExecHook("c", ("pm2",)), 12)


def test_without_an_engine_container_hooks_are_refused() -> None:
    for hook in (ContainerHook("c"), ExecHook("c", ("true",))):
        with pytest.raises(Refused, match="no Docker Engine"):
            Hooks(None).run(hook, 5)


def test_what_a_restart_of_a_unit_ends_is_asked_of_systemd(tmp_path: Path) -> None:
    hooks = Hooks(systemctl=systemctl(tmp_path, "echo process"))
    assert hooks.kill_mode("wg-dashboard", 20) == "process"
    assert (tmp_path / "asked").read_text() == "--no-ask-password show --property=KillMode --value -- wg-dashboard\n"
    with pytest.raises(Refused, match="'--all' is not the name of a unit"):
        hooks.kill_mode("--all", 20)
    with pytest.raises(Temporary, match="systemctl show wgd ended with 1: not booted with systemd"):
        Hooks(systemctl=systemctl(tmp_path, "echo not booted with systemd >&2; exit 1")).kill_mode("wgd", 20)
