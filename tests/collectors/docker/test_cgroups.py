"""Cgroup files of both versions, in the layouts of both drivers, from fixture trees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from watchdog.collectors.docker.cgroups import CgroupReader
from watchdog.model.docker import CgroupUse, Container

ID = "ab" * 32
V1 = {
    "memory/{at}/memory.usage_in_bytes": "5000\n",
    "memory/{at}/memory.limit_in_bytes": "16777216\n",
    "memory/{at}/memory.stat": "cache 10\ntotal_inactive_file 1000\n",
    "memory/{at}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "cpu,cpuacct/{at}/cpuacct.usage": "1500000000\n",
    "pids/{at}/pids.current": "7\n",
}
V2 = {
    "{at}/memory.current": "5000\n",
    "{at}/memory.max": "16777216\n",
    "{at}/memory.stat": "anon 10\ninactive_file 1000\n",
    "{at}/memory.events": "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n",
    "{at}/cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
    "{at}/pids.current": "7\n",
}
USE = CgroupUse(memory_bytes=4000, memory_limit_bytes=16777216, cpu_seconds=1.5, oom_kills=2, pids=7)


def plant(root: Path, files: Mapping[str, str], at: str) -> None:
    for name, text in files.items():
        path = root / name.format(at=at)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def box(pid: int | None = 42, state: str = "running") -> Container:
    return Container(id=ID, name="web", image="x", state=state, pid=pid)


@pytest.mark.parametrize("at", [f"docker/{ID}", f"system.slice/docker-{ID}.scope", f"machine.slice/libpod-{ID}.scope"])
@pytest.mark.parametrize("version", [1, 2])
def test_known_layouts_are_found_without_proc(tmp_path: Path, version: int, at: str):
    root = tmp_path / "cgroup"
    plant(root, V1 if version == 1 else V2, at)
    if version == 2:
        (root / "cgroup.controllers").write_text("cpu memory pids\n")
    assert CgroupReader(root, tmp_path / "proc").read([box(None)]) == {ID: USE}


@pytest.mark.parametrize("version", [1, 2])
def test_a_parent_of_ones_own_is_told_by_proc(tmp_path: Path, version: int):
    root, at = tmp_path / "cgroup", f"games.slice/{ID}"
    plant(root, V1 if version == 1 else V2, at)
    lines = [f"4:memory:/{at}", f"2:cpu,cpuacct:/{at}", f"8:pids:/{at}", "0::/"] if version == 1 else [f"0::/{at}"]
    if version == 2:
        (root / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "proc/42").mkdir(parents=True)
    (tmp_path / "proc/42/cgroup").write_text("\n".join(lines) + "\n")
    assert CgroupReader(root, tmp_path / "proc").read([box()]) == {ID: USE}


def test_a_pid_taken_anew_by_another_process_is_not_believed(tmp_path: Path):
    root = tmp_path / "cgroup"
    plant(root, V2, "docker/other")
    (root / "cgroup.controllers").write_text("memory\n")
    (tmp_path / "proc/42").mkdir(parents=True)
    (tmp_path / "proc/42/cgroup").write_text("0::/docker/other\n")
    assert CgroupReader(root, tmp_path / "proc").read([box()]) == {}


def test_no_limit_and_missing_files_are_none(tmp_path: Path):
    v1, v2 = tmp_path / "v1", tmp_path / "v2"
    plant(v1, {"memory/{at}/memory.usage_in_bytes": "5\n", "memory/{at}/memory.limit_in_bytes": "9223372036854771712\n"}, f"docker/{ID}")
    plant(v2, {"{at}/memory.current": "5\n", "{at}/memory.max": "max\n"}, f"docker/{ID}")
    (v2 / "cgroup.controllers").write_text("memory\n")
    for root in (v1, v2):
        assert CgroupReader(root, tmp_path / "proc").read([box()]) == {ID: CgroupUse(memory_bytes=5)}


def test_only_running_and_paused_containers_and_only_readable_ones(tmp_path: Path):
    root = tmp_path / "cgroup"
    plant(root, V1, f"docker/{ID}")
    reader = CgroupReader(root, tmp_path / "proc")
    assert reader.read([box(state="exited")]) == {}
    assert reader.read([box(state="paused")]) == {ID: USE}
    assert CgroupReader(tmp_path / "nowhere", tmp_path / "proc").read([box()]) == {}


def test_a_cgroup_that_went_away_is_left_out_and_found_again(tmp_path: Path):
    root = tmp_path / "cgroup"
    plant(root, V1, f"docker/{ID}")
    reader = CgroupReader(root, tmp_path / "proc")
    assert reader.read([box()]) == {ID: USE}
    (root / f"memory/docker/{ID}").rename(tmp_path / "m")
    (root / "cpu,cpuacct").rename(tmp_path / "c")
    assert reader.read([box()]) == {}
    plant(root, V1, f"system.slice/docker-{ID}.scope")
    assert reader.read([box()]) == {ID: USE}


def test_what_cannot_be_seen_is_not_searched_in_each_look_but_tried_again(tmp_path: Path):
    root = tmp_path / "cgroup"
    reader = CgroupReader(root, tmp_path / "proc")
    assert reader.read([box()]) == {}
    plant(root, V1, f"docker/{ID}")
    assert reader.read([box()]) == {}
    assert reader.read([box(pid=43)]) == {ID: USE}  # started anew
    reader.read([box()])
    assert any(reader.read([box()]) == {ID: USE} for _ in range(25))
