"""New names in directories, as the kernel tells them; files are real."""

from __future__ import annotations

import shutil
import time

import pytest

from watchdog.runtime.inotify import NewNames


@pytest.fixture
def names():
    made = NewNames()
    yield made
    made.close()


def heard_until(names, path, seconds=60.0):
    """All paths heard until ``path`` was, and whether something was lost on the way."""
    until, paths, lost = time.monotonic() + seconds, [], False
    while path not in paths:
        assert time.monotonic() < until, f"{path} was not heard of"
        heard = names.wait(0.5)
        paths += heard.paths
        lost = lost or heard.lost
    return paths, lost


def test_a_file_is_heard_of_when_it_is_made_or_moved_in_and_not_when_it_grows(names, tmp_path):
    watched, beside = tmp_path / "watched", tmp_path / "beside"
    watched.mkdir()
    beside.write_bytes(b"x")
    assert names.watch([watched])
    assert names.wait(0.0).paths == ()
    (watched / "made").write_bytes(b"1")
    (watched / "made").write_bytes(b"22")
    beside.rename(watched / "moved")
    paths, lost = heard_until(names, watched / "moved")
    assert paths == [watched / "made", watched / "moved"]
    assert not lost


def test_one_that_is_gone_already_was_heard_of(names, tmp_path):
    names.watch([tmp_path])
    (tmp_path / "short").touch()
    (tmp_path / "short").unlink()
    assert heard_until(names, tmp_path / "short") == ([tmp_path / "short"], False)


def test_only_what_is_wished_is_watched(names, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    assert names.watch([first, second])
    assert names.watch([second])
    (first / "unheard").touch()
    (second / "heard").touch()
    assert second / "heard" in heard_until(names, second / "heard")[0]
    assert first / "unheard" not in names.wait(0.0).paths


def test_a_directory_that_goes_is_said_and_its_successor_can_be_watched(names, tmp_path):
    watched = tmp_path / "watched"
    watched.mkdir()
    names.watch([watched])
    shutil.rmtree(watched)
    until = time.monotonic() + 60.0
    while not names.wait(0.5).lost:
        assert time.monotonic() < until, "the end of the directory was not said"
    assert not names.watch([watched])
    watched.mkdir()
    assert names.watch([watched])
    (watched / "new").touch()
    heard_until(names, watched / "new")


def test_no_link_is_followed(names, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert not names.watch([tmp_path / "link"])


def test_it_is_closed_with_its_descriptor(tmp_path):
    names = NewNames()
    names.watch([tmp_path])
    names.close()
    with pytest.raises((OSError, ValueError)):
        names.wait(0.0)
