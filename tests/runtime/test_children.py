"""Children: what they get, how they end, and that they die with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import watchdog
from watchdog.errors import DeadlinePassed, MalformedAnswer, Refused, Unreachable
from watchdog.runtime.child import Child, module_argv, run


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def test_output_code_and_input_come_through() -> None:
    result = run(["sh", "-c", "cat; echo problem >&2; exit 3"], seconds=60, stdin=b"hello")
    assert (result.code, result.stdout, result.stderr) == (3, b"hello", b"problem\n")
    assert result.told() == "problem"
    assert 0 < result.seconds < 60


def test_arguments_never_meet_a_shell(tmp_path: Path) -> None:
    result = run(["printf", "%s|", "$HOME", "; touch " + str(tmp_path / "x"), "`id`", "a b", ""], seconds=60)
    assert result.stdout == f"$HOME|; touch {tmp_path / 'x'}|`id`|a b||".encode()
    assert not (tmp_path / "x").exists()


def test_output_is_capped_but_never_blocks_the_child() -> None:
    result = run(["sh", "-c", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo end >&2"], seconds=60, limit=1000)
    assert (result.code, len(result.stdout), len(result.stderr)) == (0, 1000, 1000)


def test_input_larger_than_a_pipe_and_input_nobody_reads() -> None:
    assert len(run(["cat"], seconds=60, stdin=b"x" * 500_000, limit=1 << 20).stdout) == 500_000
    assert run(["true"], seconds=60, stdin=b"x" * 500_000).code == 0


def test_all_that_was_written_before_the_end_is_read() -> None:
    for _ in range(20):
        assert len(run(["sh", "-c", "head -c 65536 /dev/zero"], seconds=60, limit=1 << 20).stdout) == 65536


def test_the_whole_group_is_killed_at_the_deadline(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(DeadlinePassed, match="'sh' ran longer than 1 s and was killed"):
        run(["sh", "-c", f"sleep 300 & echo $! > {note}; wait"], seconds=1)
    assert time.monotonic() - began < 60
    assert until(lambda: gone(int(note.read_text())))


def test_a_child_that_ignores_every_polite_signal_is_killed() -> None:
    with pytest.raises(DeadlinePassed):
        run(["sh", "-c", "trap '' TERM INT HUP; while :; do sleep 0.1; done"], seconds=0.5)


def test_a_child_that_drips_output_does_not_move_its_deadline() -> None:
    with pytest.raises(DeadlinePassed):
        run(["sh", "-c", "while :; do echo x; sleep 0.05; done"], seconds=0.6)


def test_a_child_that_closes_its_output_and_stays_is_still_bounded() -> None:
    with pytest.raises(DeadlinePassed):
        run([sys.executable, "-c", "import os,time; os.close(1); os.close(2); time.sleep(300)"], seconds=1.5)


def test_a_grandchild_that_holds_the_output_is_neither_waited_for_nor_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    began = time.monotonic()
    result = run(["sh", "-c", f"sleep 300 & echo $! > {note}; echo started"], seconds=90)
    assert (result.code, result.stdout) == (0, b"started\n")
    assert time.monotonic() - began < 90
    daemon = int(note.read_text())
    assert not gone(daemon)
    os.kill(daemon, signal.SIGKILL)


def test_a_missing_program_is_refused_by_name() -> None:
    for missing in ("no-such-program-here", "/no/such/program", "/etc/passwd", "/tmp"):
        with pytest.raises(Refused, match=missing):
            run([missing], seconds=60)


def test_a_program_that_cannot_be_executed_is_refused_with_the_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(Refused, match="ENOEXEC"):
        run([str(broken)], seconds=60)
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(Refused, match="ENOENT"):
        run([str(script)], seconds=60)


def test_death_by_signal_is_a_negative_code() -> None:
    assert run(["sh", "-c", "kill -TERM $$"], seconds=60).code == -signal.SIGTERM


def test_the_environment_holds_no_secret_and_no_systemd_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_API_TOKEN", "zzz-secret")
    monkeypatch.setenv("PGPASSWORD", "zzz-secret")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/zzz-secret")
    monkeypatch.setenv("PLAIN", "kept")
    out = run(["env"], seconds=60, env={"MORE": "1"}).stdout.decode().splitlines()
    assert not [line for line in out if "zzz-secret" in line]
    assert "PLAIN=kept" in out
    assert "MORE=1" in out


def test_no_descriptor_leaks_but_the_named_one() -> None:
    reading, writing = os.pipe()
    extra, _ = other = os.pipe()
    os.set_inheritable(extra, True)
    try:
        code = "import os,sys; os.write(int(sys.argv[1]), b'told'); print(*os.listdir('/proc/self/fd'))"
        result = run([sys.executable, "-c", code, str(writing)], seconds=60, pass_fds=(writing,))
        assert result.code == 0
        assert os.read(reading, 10) == b"told"
        fds = {int(line) for line in result.stdout.split()}
        assert writing in fds
        assert extra not in fds
        assert len(fds) <= 5  # 0, 1, 2, the named one, and the listing itself
    finally:
        for fd in (reading, writing, *other):
            os.close(fd)


def test_the_child_is_a_group_and_session_of_its_own_with_default_signals() -> None:
    code = "import os,signal; print(os.getpid()==os.getpgrp()==os.getsid(0))"
    assert run([sys.executable, "-c", code], seconds=60).stdout == b"True\n"
    ignored = run(["sh", "-c", "grep SigIgn /proc/self/status"], seconds=60).stdout.split()[1]
    own = 0b11 << 31  # signals 32 and 33 are glibc's own; nobody can set them back
    assert int(ignored, 16) & ~own == 0  # python ignores SIGPIPE; a program must not inherit that


def test_what_a_shell_let_us_ignore_is_not_handed_on() -> None:
    """A job in a shell's background ignores SIGINT and SIGQUIT, one under nohup SIGHUP: hooks must be interruptible all the same."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)}
    try:
        ignored = run(["sh", "-c", "grep SigIgn /proc/self/status"], seconds=60).stdout.split()[1]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert int(ignored, 16) & 0b111 == 0


def test_output_told_to_a_log_is_redacted() -> None:
    assert run(["sh", "-c", "echo 'curl -H \"Authorization: Bearer abc123def456\" failed'"], seconds=60).told().count("abc123def456") == 0


def test_our_own_module_runs_in_a_fresh_interpreter_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "watchdog.py").write_text("raise SystemExit('the wrong watchdog')")
    monkeypatch.chdir(tmp_path)
    code = "import watchdog.runtime.clock, sys; print(watchdog.__file__, sys.argv)"
    result = run([*module_argv("watchdog.runtime.installed", "a", "b")], seconds=60)
    assert (result.code, result.stderr) == (0, b"")
    argv = module_argv("watchdog.runtime.installed", "a", "b")
    argv[argv.index("-c") + 1] = argv[argv.index("-c") + 1].split("runpy.run_module")[0] + code
    assert run(argv, seconds=60).stdout.decode().split()[0] == watchdog.__file__


def test_a_streaming_child_tells_line_by_line() -> None:
    child = Child.start(["sh", "-c", "echo one; echo noise >&2; printf 'two\\nthr'; read answer; echo \"ee $answer\"; printf last"])
    assert child.read_line(60) == b"one"
    assert child.read_line(60) == b"two"
    with pytest.raises(DeadlinePassed):
        child.read_line(0.1)
    child.send(b"yes\n")
    assert child.read_line(60) == b"three yes"
    assert child.read_line(60) == b"last"
    assert child.read_line(60) is None
    assert child.end(60) == 0
    assert child.told() == "noise"
    assert child.end() == 0  # twice is once


def test_a_streaming_child_with_an_endless_line_is_malformed() -> None:
    child = Child.start(["sh", "-c", "while :; do printf aaaaaaaa; done"], limit=10_000)
    try:
        with pytest.raises(MalformedAnswer):
            child.read_line(60)
    finally:
        assert child.end() == -signal.SIGKILL


def test_a_streaming_child_that_floods_its_errors_goes_on() -> None:
    child = Child.start(["sh", "-c", "head -c 1000000 /dev/zero >&2; echo done"])
    assert child.read_line(60) == b"done"
    assert child.end(60) == 0


def test_sending_to_a_dead_child_is_unreachable() -> None:
    child = Child.start(["true"])
    assert child.read_line(60) is None
    assert until(lambda: gone(child.pid))
    with pytest.raises(Unreachable):
        child.send(b"x" * 10)
    assert child.end() == 0


def test_a_child_outlives_the_thread_that_asked_for_it() -> None:
    # PR_SET_PDEATHSIG is tied to the creating thread: created by the asker, this child would die with it
    made: list[Child] = []
    asker = threading.Thread(target=lambda: made.append(Child.start(["sh", "-c", "read line; echo got $line"])))
    asker.start()
    asker.join()
    time.sleep(0.3)
    made[0].send(b"it\n")
    assert made[0].read_line(60) == b"got it"
    assert made[0].end(60) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_children_die_when_we_are_killed(tmp_path: Path, number: signal.Signals) -> None:
    program = textwrap.dedent("""
        import sys, threading, time
        from watchdog.runtime.child import Child, run
        streaming = []
        def start():
            streaming.append(Child.start(["sleep", "300"]))
        thread = threading.Thread(target=start); thread.start(); thread.join()
        asks = ["sh", "-c", "echo $$ > " + sys.argv[1] + "; exec sleep 300"]
        threading.Thread(target=lambda: run(asks, seconds=300), daemon=True).start()
        print(streaming[0].pid, flush=True)
        time.sleep(300)
    """)
    note = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", program, str(note)], stdout=subprocess.PIPE) as parent:
        pids = [int(parent.stdout.readline())]
        assert until(lambda: note.exists() and note.read_text().strip() != "")
        pids.append(int(note.read_text()))
        assert not any(gone(pid) for pid in pids)
        parent.send_signal(number)
        parent.wait()
    assert until(lambda: all(gone(pid) for pid in pids))


def test_many_threads_start_children_at_once() -> None:
    codes: list[int] = []
    threads = [threading.Thread(target=lambda n=n: codes.append(run(["sh", "-c", f"exit {n}"], seconds=60).code)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == list(range(24))


def test_no_zombie_and_no_descriptor_stays() -> None:
    run(["true"], seconds=60)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        run(["true"], seconds=60)
        with pytest.raises(Refused):
            run(["/no/such"], seconds=60)
        with pytest.raises(DeadlinePassed):
            run(["sleep", "30"], seconds=0.05)
        Child.start(["sleep", "30"]).end()
    assert until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not [pid for pid in children if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"]
