"""Duplicati destinations: names, single volumes, and what all of them say about each other; real recorded ones first."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from tests.support.archives import zip_of
from tests.support.duplicati_folder import (
    BOM,
    ENCRYPTED,
    PLAIN,
    digest,
    filelist,
    judged,
    lay,
    listed,
    locked,
    manifest,
    pair,
    recorded,
    row,
    volumes,
)
from tests.support.keeping import Counts, VerificationShelf
from watchdog.cli import main
from watchdog.collectors.archives.collector import ArchivesCollector
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.results import Results
from watchdog.collectors.archives.settings import ArchivesSettings
from watchdog.collectors.hanging import HangingLooks
from watchdog.model.needs import DirectoryNeed
from watchdog.model.volumes import volume_name
from watchdog.runtime.clock import SystemClock

LIST = "duplicati-verification.json"
BLOCK = f"duplicati-b{1:032x}.dblock.zip"
INDEX = f"duplicati-i{1:032x}.dindex.zip"
DLIST = "duplicati-20260101T020000Z.dlist.zip"
GOOD = listed(volumes())
LOCKED = listed(volumes(encrypted=True))


def one(tmp_path, found, **more):
    (answer,) = judged(tmp_path / "d", found, **more)
    return answer


def flipped(data, at=-40):
    return bytes([*data[:at], data[at] ^ 1, *data[at:][1:]])


def without(found, *names):
    return {name: data for name, data in found.items() if name not in names}


# ---- names -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "packing", "encryption"),
    [
        ("duplicati-20261121T015647Z.dlist.zip", "dlist", "zip", ""),
        ("duplicati-b3844ee75ffcc44c998aea948a85062bb.dblock.zip", "dblock", "zip", ""),
        ("a.b-I3844ee75ffcc44c998aea948a85062bb.dindex.zip.aes", "dindex", "zip", "aes"),
        ("x-b3844ee75ffcc44c998aea948a85062bb.dblock.7z.gpg", "dblock", "7z", "gpg"),
        ("duplicati-verification.json", "list", "", ""),
    ],
)
def test_names_of_volumes_are_understood(name, kind, packing, encryption):
    found = volume_name(name)
    assert (found.kind, found.packing, found.encryption, found.name) == (kind, packing, encryption, name)
    assert found.at == (1795226207.0 if kind == "dlist" else None)


@pytest.mark.parametrize(
    "name",
    [
        "backup.zip", "duplicati-b3844.dblock.zip", "duplicati-i3844ee75ffcc44c998aea948a85062bb.dblock.zip", "-verification.json",
        "duplicati-20261321T015647Z.dlist.zip", "duplicati-20261121T015647Z.dblock.zip", "a-b-3844ee75ffcc44c998aea948a85062bb.dblock.zip",
        "duplicati-b3844ee75ffcc44c998aea948a85062bb.dblock", "a-b-verification.json",
    ],
)  # fmt: skip
def test_other_names_are_none(name):
    assert volume_name(name) is None


# ---- real destinations -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("folder", "reasons"), [(PLAIN, ()), (ENCRYPTED, ("hashes_only",))], ids=["plain", "encrypted"])
def test_a_recorded_destination_is_good(tmp_path, folder, reasons):
    found = one(tmp_path, recorded(folder))
    assert (found.verdict, found.reasons, found.level) == ("good", reasons, 2), found
    assert (found.dblocks, found.dindexes, found.dlists, found.prefix) == (2, 2, 2, "duplicati")


@pytest.mark.parametrize("folder", [PLAIN, ENCRYPTED], ids=["plain", "encrypted"])
def test_every_single_damage_to_a_recorded_volume_is_named(tmp_path, folder):
    whole = recorded(folder)
    for count, name in enumerate(name for name in whole if name != LIST):
        cut = one(tmp_path / f"cut{count}", {**whole, name: whole[name][:-1]})
        assert cut.verdict == "bad"
        assert "size_differs" in cut.reasons
        assert name in cut.message
        flip = one(tmp_path / f"flip{count}", {**whole, name: flipped(whole[name])})
        assert flip.verdict == "bad"
        assert "hash_differs" in flip.reasons
        assert name in flip.message
        gone = one(tmp_path / f"gone{count}", without(whole, name))
        assert (gone.verdict, gone.reasons[0]) == ("bad", "missing_volumes")
        assert name in gone.message
        empty = one(tmp_path / f"empty{count}", {**whole, name: b""})
        assert {"damaged_volumes", "size_differs"} <= set(empty.reasons)


def test_without_its_list_a_plain_recorded_destination_is_still_proven_by_its_indexes(tmp_path):
    whole = without(recorded(PLAIN), LIST)
    found = one(tmp_path, whole)
    assert (found.verdict, found.reasons, found.level) == ("good", ("no_list",), 2)

    dblock = next(name for name in whole if ".dblock." in name)
    assert one(tmp_path / "gone", without(whole, dblock)).reasons == ("missing_volumes", "no_list")
    # a change that the zip itself cannot show: the bytes of a time in its directory
    at = whole[dblock].index(b"PK\x01\x02") + 12
    changed = {**whole, dblock: whole[dblock][:at] + bytes([whole[dblock][at] ^ 1]) + whole[dblock][at + 1 :]}
    assert one(tmp_path / "changed", changed).reasons == ("hash_differs", "no_list")


def test_without_its_list_an_encrypted_destination_is_unverifiable(tmp_path):
    found = one(tmp_path, without(recorded(ENCRYPTED), LIST))
    assert (found.verdict, found.reasons) == ("unverifiable", ("encrypted_volumes", "no_list"))
    assert found.level == 1


def test_a_cut_last_upload_without_dlist_is_told_from_damage(tmp_path):
    """A run that was cut: a truncated dblock newer than the list, no dindex, no dlist of its own."""
    new = f"duplicati-b{9:032x}.dblock.zip"
    found = one(tmp_path, {**recorded(PLAIN), new: pair(9)[new][:1000]}, newer=(new,))
    assert (found.verdict, found.reasons) == ("bad", ("damaged_volumes", "newer_volumes", "unindexed_volumes"))
    assert new in found.message

    locked_new = new + ".aes"
    found = one(tmp_path / "e", {**recorded(ENCRYPTED), locked_new: locked(b"x" * 999)}, newer=(locked_new,))
    assert (found.verdict, found.reasons) == ("good", ("newer_volumes", "hashes_only"))


# ---- our own writer's --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_each_digest_is_recognised_by_its_length(tmp_path, algorithm, encrypted):
    made = listed(volumes(algorithm=algorithm, encrypted=encrypted), algorithm)
    assert one(tmp_path, made).reasons == (("hashes_only",) if encrypted else ())

    name = next(name for name in made if ".dblock." in name)
    bad = one(tmp_path / "bad", {**made, name: flipped(made[name])})
    assert (bad.verdict, "hash_differs" in bad.reasons) == ("bad", True)


GONE = [row(name, data, state=state) for state, (name, data) in zip((1, 4), pair(7).items(), strict=True)]
NEVER = {**row(BLOCK.replace("1.", "8."), b""), "Size": -1, "Hash": None, "State": 1}
PAGE = b"<html><body>500</body></html>" * 9
LOCKED_BLOCK = f"{BLOCK}.aes"
OTHER = f"duplicati-b{7:032x}.dblock.7z"
TABLE = {
    "an extra volume": ({**GOOD, **filelist(7)}, "good", ("extra_volumes",)),
    "an extra volume and its index": ({**GOOD, **pair(7)}, "good", ("extra_volumes",)),
    "a volume that should be gone": (
        listed(volumes(), more=[row(name, data, state=5) for name, data in pair(7).items()]) | pair(7),
        "good",
        ("deleted_volumes",),
    ),
    "volumes that may be gone": (listed(volumes(), more=GONE), "good", ()),
    "an upload that never began has neither size nor checksum": (listed(volumes(), more=[NEVER]), "good", ()),
    "no dlist at all": (listed(pair(1)), "bad", ("no_filelist",)),
    "no dlist of encrypted volumes": ({n: d for n, d in LOCKED.items() if ".dlist." not in n}, "bad", ("missing_volumes", "no_filelist")),
    "a dblock in no index": (listed(without(volumes(), INDEX)), "good", ("unindexed_volumes",)),
    "an index of a dblock that is nowhere": (listed(without(volumes(), BLOCK)), "bad", ("missing_volumes",)),
    "a list that is no JSON": ({**GOOD, LIST: b"[{]"}, "bad", ("damaged_list",)),
    "a list that is cut": ({**GOOD, LIST: GOOD[LIST][:-9]}, "bad", ("damaged_list",)),
    "a list of another shape": ({**GOOD, LIST: b'{"a":1}'}, "bad", ("damaged_list",)),
    "a list with an entry of another shape": ({**GOOD, LIST: b'[{"Name":3}]'}, "bad", ("damaged_list",)),
    "a list nested without end": ({**GOOD, LIST: b"[" * 200_000}, "bad", ("damaged_list",)),
    "an empty list file": ({**GOOD, LIST: b""}, "bad", ("damaged_list",)),
    "a dindex that is a zip of something else": ({**volumes(), INDEX: zip_of()}, "bad", ("damaged_volumes", "no_list")),
    "a dlist without its file list": (
        {**volumes(), DLIST: zip_of([("manifest", manifest())])},
        "bad",
        ("damaged_volumes", "no_list"),
    ),
    "a dblock that is a web page": ({**volumes(), BLOCK: PAGE}, "bad", ("damaged_volumes", "size_differs", "no_list")),
    "an .aes that is no such file": (
        {**LOCKED, LOCKED_BLOCK: b"PK\x03\x04" + LOCKED[LOCKED_BLOCK][4:]},
        "bad",
        ("damaged_volumes", "hash_differs"),
    ),
    "another packing": (
        {**volumes(), OTHER: b"7z\xbc\xaf\x27\x1c" + bytes(90)},
        "unverifiable",
        ("unverifiable_volumes", "unindexed_volumes", "no_list"),
    ),
    "gpg without a list": ({f"{DLIST}.gpg": b"\x85\x01\x0c" + bytes(99)}, "unverifiable", ("encrypted_volumes", "no_list")),
    "gpg that is text": ({f"{DLIST}.gpg": b"hello world"}, "bad", ("damaged_volumes", "no_list")),
}


@pytest.mark.parametrize("case", TABLE)
def test_each_state_of_a_folder_gets_its_verdict_and_reasons(tmp_path, case):
    made, verdict, reasons = TABLE[case]
    found = one(tmp_path, made)
    assert (found.verdict, found.reasons) == (verdict, reasons), found


def test_a_list_that_is_older_than_a_volume_proves_no_absence(tmp_path):
    new = next(iter(filelist(9)))
    found = one(tmp_path, {**without(GOOD, DLIST), **filelist(9)}, newer=(new,))
    assert (found.verdict, found.reasons) == ("unverifiable", ("outdated_list", "newer_volumes"))
    # what an index names is another matter: it is written after its dblock
    found = one(tmp_path / "index", {**without(GOOD, BLOCK), **filelist(9)}, newer=(new,))
    assert (found.verdict, found.reasons[0]) == ("bad", "missing_volumes")


def test_nothing_is_missing_from_a_look_that_was_not_whole(tmp_path):
    found = one(tmp_path, without(GOOD, DLIST, BLOCK), whole=False)
    assert (found.verdict, found.reasons) == ("unverifiable", ("unverified_volumes",))


def test_sizes_are_compared_below_level_2_and_checksums_are_not(tmp_path):
    cut = {**LOCKED, f"{BLOCK}.aes": LOCKED[f"{BLOCK}.aes"] + bytes(16)}
    assert "size_differs" in one(tmp_path, cut, level=1).reasons
    found = one(tmp_path / "flip", {**LOCKED, f"{BLOCK}.aes": flipped(LOCKED[f"{BLOCK}.aes"])}, level=1)
    assert (found.verdict, found.reasons, found.level) == ("unverifiable", ("encrypted_volumes",), 1)


def test_two_prefixes_in_one_folder_are_two_sets(tmp_path):
    made = {**listed(volumes("a"), prefix="a"), **listed(volumes("b", "md5"), "md5", prefix="b")}
    broken = f"b-b{1:032x}.dblock.zip"
    first, second = judged(tmp_path / "d", without(made, broken))
    assert (first.prefix, first.verdict, first.reasons) == ("a", "good", ())
    assert (second.prefix, second.verdict, second.reasons) == ("b", "bad", ("missing_volumes",))


@pytest.mark.parametrize("cut", range(1, 16))
def test_a_cut_encrypted_volume_is_seen_by_its_length(tmp_path, cut):
    name = f"{BLOCK}.aes"
    data = locked(b"some content" * 50)
    whole = one(tmp_path, {name: data, f"{DLIST}.aes": locked(b"l")})
    assert whole.reasons == ("encrypted_volumes", "no_list")
    assert one(tmp_path, {name: data[:-cut], f"{DLIST}.aes": locked(b"l")}).reasons[0] == "damaged_volumes"


def test_many_names_are_counted_and_a_few_told(tmp_path):
    made = listed({name: data for number in range(9) for name, data in pair(number).items()} | filelist())
    found = one(tmp_path, {name: data for name, data in made.items() if ".dblock." not in name})
    assert "9 volumes are missing" in found.message
    assert "and 4 more" in found.message


# ---- the command -------------------------------------------------------------------------------------------------------------------------


def command(capsys, *words):
    code = main(["verify", "--json", *map(str, words)])
    return code, json.loads(capsys.readouterr().out)


def test_verify_takes_a_folder_as_one_thing(tmp_path, capsys):
    code, (told,) = command(capsys, lay(tmp_path / "d", recorded(PLAIN)))
    assert (code, told["format"], told["verdict"], told["entries"], told["level"]) == (0, "duplicati", "good", 7, 2)
    assert told["bytes"] == sum(map(len, recorded(PLAIN).values()))

    name = next(name for name in recorded(PLAIN) if ".dblock." in name)
    (tmp_path / "d" / name).unlink()
    code, (told,) = command(capsys, tmp_path / "d")
    assert (code, told["verdict"], told["reasons"]) == (1, "bad", ["missing_volumes"])
    assert name in told["message"]


def test_verify_reads_md5_in_its_child_and_names_each_prefix(tmp_path, capsys):
    made = {**listed(volumes("a", encrypted=True), prefix="a"), **listed(volumes("b", "md5"), "md5", prefix="b")}
    name = f"b-b{1:032x}.dblock.zip"
    code, (told,) = command(capsys, lay(tmp_path / "d", {**made, name: flipped(made[name])}))
    assert code == 1
    assert told["reasons"] == ["damaged_volumes", "hash_differs", "hashes_only"]
    assert told["message"].startswith("b: ")


def test_a_link_in_the_place_of_a_volume_is_not_followed(tmp_path, capsys):
    folder = lay(tmp_path / "d", recorded(PLAIN))
    name = next(path for path in folder.iterdir() if ".dblock." in path.name)
    shutil.move(name, tmp_path / "elsewhere")
    name.symlink_to(tmp_path / "elsewhere")
    code, (told,) = command(capsys, folder)
    assert (code, told["verdict"]) == (1, "bad")
    assert "unverifiable_volumes" in told["reasons"]


def test_a_folder_without_volumes_is_still_no_archive(tmp_path, capsys):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / LIST).write_bytes(BOM + b"[]")
    code, (told,) = command(capsys, tmp_path / "d")
    assert (code, told["reasons"]) == (2, ["directory"])


# ---- in the running program --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def watch():
    made = []

    def make(folder, book=None, level=2):
        settings, clock = ArchivesSettings(rate=0, pressure=0), SystemClock()
        results = Results(book, settings.try_again)
        queue = VerificationQueue(settings, clock, results, Counts())
        made.append(queue)
        queue.start()
        need = DirectoryNeed("nas", str(folder), "*", level)
        return ArchivesCollector(settings, (need,), queue, results, HangingLooks(clock, "test"))

    yield make
    for queue in made:
        queue.close()


def settled(collector):
    """Look until every volume has its result: the list decides first by which algorithm the others are read."""
    deadline = time.monotonic() + 120
    while True:
        facts = collector.collect()
        if (
            facts.volume_sets
            and all(one.verdict is not None and not one.unverified for one in facts.volume_sets)
            and not facts.queue_length
        ):
            return facts
        assert time.monotonic() < deadline, facts
        time.sleep(0.1)


def test_the_collector_judges_the_folder_and_remembers_over_a_restart(tmp_path, watch):
    made = listed(volumes(algorithm="sha512"), "sha512")
    folder = lay(tmp_path / "d", made)
    shelf = VerificationShelf()
    collector = watch(folder, shelf)
    first = collector.collect()
    assert [(one.verdict, one.unverified) for one in first.volume_sets] == [(None, 7)]

    (found,) = settled(collector).volume_sets
    assert (found.verdict, found.reasons, found.directory, found.path) == ("good", (), "nas", str(folder))
    assert found.newest_at == 1767319200.0
    assert found.at is not None

    again = watch(folder, shelf)
    again.collect()
    (kept,) = again.collect().volume_sets
    assert (kept.verdict, kept.at) == ("good", found.at)

    (folder / BLOCK).unlink()
    (damaged,) = again.collect().volume_sets
    assert (damaged.verdict, damaged.reasons) == ("bad", ("missing_volumes",))


def test_what_is_not_whole_together_is_told_once_and_again_when_it_is(tmp_path, watch, caplog):
    caplog.set_level("INFO")
    folder = lay(tmp_path / "d", LOCKED)
    collector = watch(folder)
    settled(collector)
    assert "whole" not in caplog.text
    assert "cannot be verified" not in caplog.text, "of 20,000 encrypted volumes each would be a line"
    name = f"{BLOCK}.aes"
    (folder / name).rename(tmp_path / name)
    for _ in range(3):
        collector.collect()
    assert caplog.text.count("volumes are not whole together") == 1
    assert "missing_volumes" in caplog.text
    (tmp_path / name).rename(folder / name)
    settled(collector)
    assert caplog.text.count("volumes are whole together again") == 1


def test_a_volume_that_changes_is_read_again_alone(tmp_path, watch):
    folder = lay(tmp_path / "d", LOCKED)
    collector = watch(folder)
    assert settled(collector).volume_sets[0].reasons == ("hashes_only",)
    name = f"{BLOCK}.aes"
    (folder / name).write_bytes(flipped(LOCKED[name]))
    collector.collect()
    facts = settled(collector)
    assert (facts.volume_sets[0].verdict, facts.volume_sets[0].reasons) == ("bad", ("hash_differs",))
    assert digest(LOCKED[name])
