"""The corpus, file by file: verdict, reason and what survives, at every byte (level 2)."""

from __future__ import annotations

import hashlib

import pytest

from tests.support.archives import find
from tests.support.corpus import ALL, DAMAGED, WHOLE
from watchdog.collectors.archives.settings import promise


def judged(path, case):
    return find(path, case.make(), level=2, promise=promise(case.name), key=case.key)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_each_file_gets_its_verdict_and_its_reason(tmp_path, case):
    data = case.make()

    finding = find(tmp_path / "file", data, level=2, promise=promise(case.name), key=case.key)

    assert finding.verdict == case.verdict, finding
    if case.verdict == "good":
        assert finding.reasons == case.reasons, finding
        assert finding.salvage is None
    else:
        assert finding.reasons[0] == case.reasons[0], finding
        assert all(finding.messages)
    if case.survive is not None:
        assert finding.salvage is not None, finding
        assert (finding.salvage.entries, finding.salvage.bytes) == case.survive, finding
    if case.verdict == "good":
        assert finding.sha1 == hashlib.sha1(data).hexdigest()


def test_the_corpus_is_as_large_as_promised():
    assert len({case.name for case in ALL}) == len(ALL)
    assert len(DAMAGED) >= 60
    assert len(WHOLE) >= 20


@pytest.mark.parametrize("case", [*WHOLE, *DAMAGED], ids=lambda case: case.name)
def test_the_checksum_is_of_the_whole_file_whatever_the_verdict(tmp_path, case):
    data = case.make()

    found = find(tmp_path / "file", data, level=2, promise=promise(case.name), key=case.key)

    assert found.sha1 == hashlib.sha1(data).hexdigest() or not data
