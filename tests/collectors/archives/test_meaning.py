"""Level 3: a panel's meaning is fed what level 2 reads, judges only what is whole, and can harm nothing but its own level."""

from __future__ import annotations

import hashlib
import json
import lzma
import math
import os
import tarfile
import threading

import pytest
from backports import zstd

from tests.support.archives import find, gz, noise, tar_of
from tests.support.corpus import ALL, sealed
from tests.support.corpus import zips as z
from tests.support.meaning_child import BROKEN, LAZY, PLANTED
from tests.support.meanings import Counting, Failing
from watchdog.collectors.archives import meanings
from watchdog.collectors.archives.answers import Finished
from watchdog.collectors.archives.keys import key_or_why, read_key, without_key
from watchdog.collectors.archives.order import ANSWER_LIMIT, Limits, Turn, verify
from watchdog.errors import BadSettings
from watchdog.model.archives import Meant
from watchdog.runtime.child import module_argv

CASES = {case.name: case for case in ALL}
GENEROUS = Limits(memory=256 << 20, seconds=120, rate=0.0)
CHILD = module_argv("tests.support.meaning_child")


def kept(made):
    """Return a begin() that keeps the meaning it begins in ``made``."""

    def begin():
        made.append(Counting())
        return made[-1]

    return begin


def test_a_meaning_gets_every_entry_in_order_and_the_content_it_wants(tmp_path):
    made = []
    entries = z.sysreptor_entries()

    finding = find(tmp_path / "x", z.sysreptor(), level=3, begin=kept(made))

    assert (finding.verdict, finding.level, finding.reasons) == ("good", 3, ())
    assert made[0].names == [entry.name for entry in entries]
    wanted = [entry for entry in entries if not entry.name.startswith("uploadedfiles")]
    assert made[0].sums == {entry.name: hashlib.sha256(entry.content).hexdigest() for entry in wanted}
    assert finding.meant is not None
    assert dict(finding.meant.facts)["bytes"] == sum(len(entry.content) for entry in wanted)
    assert finding.meant.remarks == (("small", "it is a small one"),)


@pytest.mark.parametrize("method", [z.STORED, z.DEFLATE, z.BZIP2, z.LZMA])
def test_every_method_is_fed_in_pieces(tmp_path, method):
    made = []
    content = noise(700_000) + b"a" * 900_000

    find(tmp_path / "x", z.zip_with([z.Entry("VERSION", content, method)]), level=3, begin=kept(made))

    assert made[0].sums == {"VERSION": hashlib.sha256(content).hexdigest()}


def test_what_the_meaning_proves_is_bad_at_level_3(tmp_path):
    finding = find(tmp_path / "x", z.zip_with([z.Entry("other", b"1")]), level=3, begin=Counting)

    assert (finding.verdict, finding.level, finding.reasons) == ("bad", 3, ("no_VERSION",))
    assert finding.messages == ("there is no VERSION",)


def test_an_archive_without_entries_has_its_meaning_asked_too(tmp_path):
    finding = find(tmp_path / "x", z.zip_with([]), level=3, begin=Counting)

    assert (finding.verdict, finding.level, finding.reasons) == ("bad", 3, ("no_VERSION",))


@pytest.mark.parametrize("name", ["cut-in-files.zip", "crc-lies.zip", "aes.zip", "password.zip", "image-flipped.zip.crypt"])
def test_what_is_damaged_or_unreadable_has_no_meaning(tmp_path, name):
    case = CASES[name]

    class Deaf(Counting):
        def end(self):
            raise AssertionError("it was asked")

    finding = find(tmp_path / "x", case.make(), level=3, key=case.key, begin=Deaf)

    assert (finding.verdict, finding.reasons[0]) == (case.verdict, case.reasons[0])
    assert finding.level <= 2
    assert finding.meant is None


def test_a_damaged_entry_never_ends(tmp_path):
    made = []
    find(tmp_path / "x", CASES["crc-lies.zip"].make(), level=3, begin=kept(made))

    assert len(made[0].ended) == len(made[0].names) - 1


@pytest.mark.parametrize("place", ["begin", "entry", "feed", "reader_end", "end"])
@pytest.mark.parametrize("error", [ValueError, RecursionError, ImportError])
def test_a_meaning_that_fails_is_named_and_costs_its_own_level_only(tmp_path, place, error):
    finding = find(tmp_path / "x", z.sysreptor(), level=3, begin=lambda: Failing(place, error))

    assert (finding.verdict, finding.level, finding.reasons) == ("unverifiable", 3, ("meaning_failed",))
    assert f"{error.__name__}: at {place}" in finding.messages[0]
    assert finding.entries == 9

    damaged = find(tmp_path / "x", CASES["cut-in-files.zip"].make(), level=3, begin=lambda: Failing(place, error))
    assert (damaged.verdict, damaged.reasons[0]) == ("bad", "missing_end")


TAR = (("VERSION", b"1.11"), ("data/big", noise(300_000)), ("empty", b""), ("uploadedfiles/x", b"x" * 700), ("n" * 150, b"long" * 200))
PACKED = {
    "tar": lambda tar: tar,
    "one gzip": gz,
    "several gzips": lambda tar: gz(tar, members=7),
    "xz": lzma.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tar_is_shown_entry_by_entry_however_it_is_packed(tmp_path, packing, form):
    made = []

    finding = find(tmp_path / "x", PACKED[packing](tar_of(TAR, form=form)), level=3, promise="tar", begin=kept(made))

    assert (finding.verdict, finding.level) == ("good", 3)
    assert made[0].names == [name for name, _ in TAR]
    wanted = {name: hashlib.sha256(content).hexdigest() for name, content in TAR if not name.startswith("uploadedfiles")}
    assert made[0].sums == wanted
    assert list(made[0].ended) == list(wanted)


@pytest.mark.parametrize("data", [gz(tar_of(TAR))[:-4], gz(tar_of(TAR, end=False)), gz(tar_of(TAR))[:-5] + b"12345"])
def test_a_damaged_tar_has_no_meaning(tmp_path, data):
    finding = find(tmp_path / "x", data, level=3, promise="tar", begin=Counting)

    assert (finding.verdict, finding.level, finding.meant) == ("bad", 2, None)


def test_what_has_no_entries_stays_at_level_2(tmp_path):
    finding = find(tmp_path / "x", gz(b"only a text\n" * 900), level=3, begin=Counting)

    assert (finding.verdict, finding.level) == ("good", 2)
    assert "meaning_not_asked" in finding.reasons


def test_what_a_meaning_says_is_cut_to_bounds():
    endless = tuple((f"model {n}", "x" * 1000) for n in range(10_000))

    said = meanings.bounded(Meant(endless, endless, (*endless, ("n", math.inf))))

    assert len(said.bad) == len(said.remarks) == meanings.MOST_REMARKS
    assert 0 < len(said.facts) <= meanings.MOST_FACTS


def test_every_letter_escaped_still_fits_into_a_line():
    face = "\U0001f600" * 1000

    said = meanings.bounded(Meant(((face, face),) * 50, ((face, face),) * 50, ((face, face),) * 500))

    assert said.bad
    assert said.facts
    # the proofs stand in the reasons and the messages too
    assert len(json.dumps([said.bad, said.bad, said.remarks, said.facts])) < ANSWER_LIMIT // 2


@pytest.mark.parametrize(
    ("told", "facts"),
    [
        ([["a", 1], ["b", None], ["c", True], ["d", 1.5], ["e", "x"]], (("a", 1), ("b", None), ("c", True), ("d", 1.5), ("e", "x"))),
        ([["a"], ["a", []], [1, 2], "ab", None, ["inf", math.inf], ["nan", math.nan], ["huge", 10**400]], ()),
        ({"a": 1}, ()),
        (None, ()),
        ([["line\nbreak\x1b", "tab\t"]], (("line?break?", "tab?"),)),
    ],
)
def test_facts_of_another_shape_are_left_out(told, facts):
    assert meanings.facts(told) == facts


@pytest.mark.parametrize("name", ["os", "watchdog.panels.x.client", "watchdog.panels..meaning", "watchdog.panels.x.meaning.y", "../x", ""])
def test_only_a_panels_meaning_is_ever_imported(name):
    assert not meanings.named(name)
    with pytest.raises(ImportError):
        meanings.load(name)


# ---- through the real child --------------------------------------------------------------------------------------------------------------


def run(path, *, level=3, meaning=PLANTED, key=b""):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return verify(descriptor, level, "archive", GENEROUS, threading.Event(), Turn(meaning=meaning, key=key), argv=CHILD)
    finally:
        os.close(descriptor)


def test_the_walled_child_hosts_a_meaning(tmp_path):
    (tmp_path / "x").write_bytes(z.sysreptor())

    finished = run(tmp_path / "x")

    assert (finished.verdict, finished.level, finished.reasons) == ("good", 3, ())
    assert dict(finished.facts)["entries"] == 9
    assert finished.remarks == (("small", "it is a small one"),)
    assert finished.sha1 == hashlib.sha1(z.sysreptor()).hexdigest()
    assert "limits" in finished.walls


@pytest.mark.parametrize(
    ("meaning", "words"),
    [
        (BROKEN, "ValueError: at begin"),
        (LAZY, "Error"),
        ("watchdog.panels.nobody.meaning", "No module named"),
        ("os", "is not the meaning of a panel"),
    ],
)
def test_a_meaning_that_cannot_work_in_the_child_is_named(tmp_path, meaning, words):
    (tmp_path / "x").write_bytes(z.sysreptor())

    finished = run(tmp_path / "x", meaning=meaning)

    assert (finished.verdict, finished.level, finished.reasons) == ("unverifiable", 3, ("meaning_failed",))
    assert words in finished.message
    assert finished.entries == 9


def test_the_child_opens_a_container_and_its_key_is_nowhere_to_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PW_SAW", str(tmp_path / "saw"))
    (tmp_path / "x").write_bytes(sealed.WHOLE_BOX)

    finished = run(tmp_path / "x", key=sealed.KEY)

    assert (finished.verdict, finished.level, finished.format, finished.entries) == ("good", 3, "c2ypt", 9)
    assert dict(finished.facts)["entries"] == 9
    seen = (tmp_path / "saw").read_bytes()
    assert b"descriptor" in seen
    assert sealed.KEY not in seen
    assert sealed.KEY.hex().encode() not in seen.lower()


@pytest.mark.parametrize(("key", "reason"), [(b"", "encrypted"), (bytes(32), "wrong_key")])
def test_without_the_right_key_nothing_is_said(tmp_path, key, reason):
    (tmp_path / "x").write_bytes(sealed.WHOLE_BOX)

    finished = run(tmp_path / "x", key=key)

    assert (finished.verdict, finished.reasons, finished.facts) == ("unverifiable", (reason,), ())


# ---- keys --------------------------------------------------------------------------------------------------------------------------------


BASE64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.mark.parametrize("text", [sealed.KEY.hex() + "\n", sealed.KEY.hex().upper(), BASE64, f" {BASE64} \n"])
def test_both_spellings_of_a_key_are_read(tmp_path, text):
    (tmp_path / "key").write_text(text)

    assert read_key(str(tmp_path / "key")) == sealed.KEY


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "x" * 64, "AAECAwQ=", "A" * 44])
def test_what_is_no_key_is_refused_without_telling_it(tmp_path, text):
    (tmp_path / "key").write_text(text)

    with pytest.raises(BadSettings) as refused:
        read_key(str(tmp_path / "key"))
    assert str(tmp_path / "key") in str(refused.value)
    assert not text or text not in str(refused.value)


def test_a_key_that_cannot_be_read_matters_to_what_is_encrypted_only(tmp_path):
    key, why = key_or_why(str(tmp_path / "nothing"))
    closed, plain = Finished("c2ypt", 1, "unverifiable", ("encrypted",), "it is"), Finished("zip", 2, "good")

    assert key == b""
    assert without_key(closed, why).reasons == ("no_key",)
    assert "nothing" in without_key(closed, why).message
    assert without_key(plain, why) is plain
