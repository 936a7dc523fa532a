"""When the engine's process began: told by /proc, and told the same for as long as it is the same process."""

import os

import pytest

from watchdog.collectors.docker.origin import Origin

TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def host(tmp_path):
    def write(pid, *, began, booted, comm="dockerd"):
        (tmp_path / str(pid)).mkdir(exist_ok=True)
        (tmp_path / str(pid) / "comm").write_text(f"{comm}\n")
        fields = ["S", *["0"] * 18, str(began * TICKS), "0"]
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({comm}) {' '.join(fields)}\n")
        (tmp_path / "stat").write_text(f"cpu 1\nbtime {booted}\n")
        (tmp_path / "docker.pid").write_text(f"{pid}")

    return write


def origin(tmp_path):
    return Origin(tmp_path / "docker.pid", tmp_path)


def test_it_is_the_boot_and_the_ticks(host, tmp_path):
    host(7, began=30, booted=1_000)
    assert origin(tmp_path)() == pytest.approx(1_030.0)


def test_a_wall_clock_that_is_set_does_not_restart_the_engine(host, tmp_path):
    host(7, began=30, booted=1_000)
    told = origin(tmp_path)
    assert told() == pytest.approx(1_030.0)
    host(7, began=30, booted=1_060)  # what the kernel says after the clock was set a minute forward
    assert told() == pytest.approx(1_030.0)


def test_after_a_clock_is_set_back_new_containers_are_still_younger_than_the_engine(host, tmp_path):
    host(7, began=30, booted=20_000)
    told = origin(tmp_path)
    assert told() == pytest.approx(20_030.0)
    host(7, began=30, booted=9_200)  # three hours back: a container that starts now gets a stamp of about 9240
    assert told() == pytest.approx(9_230.0)
    host(7, began=30, booted=20_000)
    assert told() == pytest.approx(9_230.0), "and forward again: those of in between keep their stamps"


@pytest.mark.parametrize("pid", [7, 8])
def test_a_new_process_is_a_new_beginning(host, tmp_path, pid):
    host(7, began=30, booted=1_000)
    told = origin(tmp_path)
    told()
    host(pid, began=500, booted=1_060)
    assert told() == pytest.approx(1_560.0)


@pytest.mark.parametrize("broken", ["no pid file", "another program"])
def test_what_cannot_be_told_is_none(host, tmp_path, broken):
    host(7, began=30, booted=1_000, comm="nginx" if broken == "another program" else "dockerd")
    if broken == "no pid file":
        (tmp_path / "docker.pid").unlink()
    assert origin(tmp_path)() is None
