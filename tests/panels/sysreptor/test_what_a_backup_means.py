"""Level 3: what a whole archive must hold to be a backup of SysReptor that can be restored, and what is told of it."""

import io
import json
import random
import tracemalloc
import zipfile
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.sysreptor_content import (
    APPS,
    FINISHED,
    OWN_ROW,
    STARTED,
    contents,
    in_row,
    jsonl,
    log_row,
    meant,
    migrations,
    pieces,
    row,
    us,
    usual_rows,
)
from watchdog.panels.sysreptor import references, rows
from watchdog.panels.sysreptor.long_line import LongLine, NotJson


def words(said):
    return [word for word, _ in said]


def facts(said):
    return dict(said.facts)


def test_a_backup_of_today_is_good_and_tells_what_is_in_it():
    said = meant(contents())
    assert (said.bad, said.remarks) == ((), ())
    told = facts(said)
    assert told["version"] == "2026.61"
    assert (told["started_us"], told["finished_us"]) == (us(STARTED), us(FINISHED))
    assert (told["log_id"], told["log_us"]) == (OWN_ROW, us(STARTED) // 1000 * 1000)
    assert (told["rows"], told["rows.pentests.pentestproject"], told["rows.api_utils.backuplog"]) == (11, 1, 3)
    assert (told["files"], told["files.uploadedfiles"], told["bytes.uploadedassets"], told["files_empty"]) == (5, 2, 6, 0)
    assert (told["references"], told["references_missing"], told["references_old_missing"], told["files_orphaned"]) == (5, 0, 1, 0)


@pytest.mark.parametrize("most", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("sizes", [True, False])
def test_it_does_not_matter_how_the_bytes_come(most, sizes):
    assert meant(contents(), most=most, sizes=sizes) == meant(contents())


def test_nothing_told_holds_what_a_customer_wrote():
    other = contents()
    other["uploadedimages/aa/bbbbbb-9-secret customer.png"] = b""
    rows_ = [
        *usual_rows(),
        row("pentests.uploadedimage", "i-2", file="zz/zzzzzz-0-secret customer.png"),
        row("pentests.uploadedimage", "i-4", file="aa/bbbbbb-9-secret customer.png"),
    ]
    text = repr(meant(other | {"backup.jsonl": jsonl(rows_)}))
    assert "files_missing" in text and "files_empty" in text
    assert not [word for word in ("customer", "secret", "picture", "admin") if word in text]


@pytest.mark.parametrize(
    ("version", "left_out", "remarks"),
    [
        ("2025.12", ("configurations", "stats"), []),
        ("2025.69", ("stats",), []),
        ("2026.12", ("stats",), []),
        ("2026.18", (), []),
        ("2026.18", ("stats",), ["stats_missing"]),
        ("dev", ("stats",), []),
        ("latest", (), ["version_unknown"]),
        ("2026.61\n", (), []),
    ],
)
def test_what_a_release_does_not_write_is_not_missed(version, left_out, remarks):
    said = meant(contents(version, **dict.fromkeys(left_out)))
    assert (said.bad, words(said.remarks)) == ((), remarks)


BROKEN = jsonl(usual_rows())
LAST = BROKEN.rstrip().rpartition(b"\n")[0] + b"\n"


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"backup": None}, "rows_missing"),
        ({"backup": b""}, "no_users"),
        ({"backup": jsonl(usual_rows()[1:])}, "no_users"),
        ({"backup": BROKEN[:-1]}, "rows_malformed"),
        ({"backup": BROKEN[:-9]}, "rows_malformed"),
        ({"backup": BROKEN + b"\n"}, "rows_malformed"),
        ({"backup": LAST + b"[]\n"}, "rows_malformed"),
        ({"backup": LAST + b'{"model": "users.pentestuser", "pk": 1}\n'}, "rows_malformed"),
        ({"backup": LAST + b'{"model": "users.pentestuser", "fields": {}}\n'}, "rows_malformed"),
        ({"backup": LAST + b'{"model": "users", "pk": 1, "fields": {}}\n'}, "rows_malformed"),
        ({"backup": LAST + b"\xff\xfe\n"}, "rows_malformed"),
        ({"backup": LAST + b"[" * 100_000 + b"\n"}, "rows_malformed"),
        ({"backup": BROKEN.replace(b"\n", b"\r\r\n", 1).replace(b'"users', b"users", 1)}, "rows_malformed"),
        ({"migrations": b"{}"}, "migrations_malformed"),
        ({"migrations": b"nothing"}, "migrations_malformed"),
        ({"migrations": b'{"format": "migrations/v1", "current": []}'}, "migrations_malformed"),
        ({"migrations": json.dumps(migrations([app for app in APPS if app != "pentests"])).encode()}, "models_without_tables"),
        ({"configurations": b'{"format": "configurations/v1", "configurations": ['}, "configurations_malformed"),
        ({"configurations": b""}, "configurations_malformed"),
    ],
)
def test_what_would_make_a_restore_fail_is_bad(other, word):
    assert words(meant(contents(**other)).bad)[:1] == [word]


def test_the_line_that_is_no_row_is_named():
    lines = BROKEN.split(b"\n")
    lines[6] = lines[6][:-1]
    assert meant(contents(backup=b"\n".join(lines))).bad[0][1].startswith("line 7 of backup.jsonl: it is not JSON")


def test_rows_of_a_plugin_without_tables_are_let_be():
    more = [*usual_rows(), row("plugin_demo.thing", 1)]
    assert meant(contents(rows=more)).bad == ()


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"VERSION": None}, "version_missing"),
        ({"migrations": None}, "migrations_missing"),
        ({"migrations": json.dumps(migrations(applied=False)).encode()}, "migrations_pending"),
        ({"stats": b"{}"}, "stats_malformed"),
        ({"stats": b'{"started": "2026-11-20T02:00:00.335123", "finished": "2026-11-20T03:00:00.335123"}'}, "stats_malformed"),
        ({"stats": json.dumps({"started": FINISHED.isoformat(), "finished": STARTED.isoformat()}).encode()}, "stats_malformed"),
    ],
)
def test_what_a_restore_gets_over_is_a_remark(other, word):
    said = meant(contents(**other))
    assert (said.bad, words(said.remarks)) == ((), [word])


def test_files_that_rows_refer_to_and_that_are_not_in_it_are_counted_and_named_by_their_rows():
    entries = contents()
    del entries["uploadedfiles/ac/bbbbbb-3-notes.txt"]
    del entries["archivedfiles/ae/bbbbbb-5-archive"]
    said = meant(entries)
    assert words(said.remarks) == ["files_missing"] and said.bad == ()
    assert said.remarks[0][1].startswith("2 of 5 files")
    assert "pentests.archivedproject z-1" in said.remarks[0][1] and "pentests.uploadedprojectfile f-1" in said.remarks[0][1]
    assert facts(said)["references_missing"] == 2


def test_a_file_in_the_wrong_folder_is_missing_from_the_right_one():
    entries = {name.replace("uploadedassets/", "uploadedimages/"): content for name, content in contents().items()}
    told = facts(meant(entries))
    assert (told["references_missing"], told["files_orphaned"]) == (1, 1)


def test_files_of_history_may_be_gone_and_files_without_rows_are_only_counted():
    entries = contents()
    entries["uploadedimages/zz/bbbbbb-0-left.png"] = b"left"
    entries["stats.json"] = entries.pop("stats.json")
    said = meant(entries)
    assert (said.bad, said.remarks) == ((), ())
    assert (facts(said)["references_old_missing"], facts(said)["files_orphaned"]) == (1, 1)


def test_a_file_that_was_empty_or_could_not_be_read_is_suspicious():
    for sizes in (True, False):
        entries = contents()
        entries["uploadedfiles/ac/bbbbbb-3-notes.txt"] = b""
        said = meant(entries, sizes=sizes)
        assert words(said.remarks) == ["files_empty"] and facts(said)["files_empty"] == 1


def test_a_file_whose_row_was_made_after_the_backup_began_is_rightly_not_there():
    """The panel lists its files first and reads its rows later."""
    late = row("pentests.uploadedimage", "i-2", created=in_row(STARTED + timedelta(seconds=9)), file="ba/bbbbbb-7-new.png")
    early = row("pentests.uploadedimage", "i-3", created=in_row(STARTED - timedelta(seconds=9)), file="bb/bbbbbb-8-lost.png")
    for other in ({}, {"stats": None, "version": "2026.12"}):
        said = meant(contents(rows=[*usual_rows(), late], **other))
        assert (said.remarks, facts(said)["references_missing"], facts(said)["references_new_missing"]) == ((), 0, 1)
        said = meant(contents(rows=[*usual_rows(), late, early], **other))
        assert (facts(said)["references_missing"], facts(said)["references_new_missing"]) == (1, 1)
        assert "uploadedimage i-3" in said.remarks[0][1]


def test_an_empty_file_that_no_row_refers_to_was_deleted_meanwhile():
    entries = contents(stats=None, version="2026.12")
    entries["uploadedimages/zz/bbbbbb-0-left.png"] = b""
    said = meant(entries)
    assert said.remarks == () and (facts(said)["files_empty"], facts(said)["files_orphaned"]) == (0, 1)


def test_another_archive_is_no_backup():
    assert words(meant({"readme.txt": b"hello", "folder/": b""}).bad) == ["not_a_backup"]
    assert words(meant({}).bad) == ["not_a_backup"]


def test_an_archive_that_was_packed_anew_is_told():
    usual = contents()
    assert words(meant(dict(reversed(usual.items()))).remarks) == ["entries_reordered"]
    assert words(meant(usual | {"notes.txt": b"mine"}).remarks) == ["strange_entries", "entries_reordered"]


def test_its_own_row_in_the_log_is_found_by_its_time_and_else_the_newest():
    later = log_row("later", "backup_started", STARTED + timedelta(seconds=3))
    assert facts(meant(contents(rows=[*usual_rows(), later])))["log_id"] == OWN_ROW
    assert facts(meant(contents("2026.12", rows=[*usual_rows(), later], stats=None)))["log_id"] == "later"
    old = [each for each in usual_rows() if each["model"] != "api_utils.backuplog"] + [log_row("one", "backup", STARTED)]
    assert facts(meant(contents("2025.12", rows=old, stats=None)))["log_id"] == "one"
    none = [each for each in usual_rows() if each["model"] != "api_utils.backuplog"]
    assert facts(meant(contents(rows=none)))["log_id"] is None


def test_of_very_many_rows_of_the_log_the_newest_are_kept():
    many = [log_row(f"r{n}", "backup_started", STARTED - timedelta(hours=n)) for n in range(1, 5_000)]
    random.Random(1).shuffle(many)
    assert facts(meant(contents(rows=usual_rows()[:2] + many, stats=None)))["log_id"] == "r1"


def test_times_are_exact_to_the_microsecond():
    assert rows.microseconds("2026-11-20T18:19:28.753791Z") == 1795198768753791
    assert rows.microseconds("2026-11-20T18:19:28.753791+00:00") == 1795198768753791
    assert rows.microseconds("2026-11-20T19:19:28+01:00") == 1795198768000000
    assert [rows.microseconds(each) for each in ("2026-11-20T18:19:28.753791", "x", None, 7, "")] == [None] * 5
    assert in_row(STARTED) == "2026-11-20T02:00:00.335Z"


# -- long lines ----------------------------------------------------------------------------------------------------------------


def long_values(line, most=1 << 20, seed=1):
    reader = LongLine()
    for piece in pieces(line, most, seed):
        reader.feed(piece)
    reader.end()
    return reader.values


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["model", "pk", "fields", "file"]) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(value=JSON, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]), most=st.integers(1, 40), seed=st.integers(0, 99))
def test_every_json_is_read_as_python_reads_it(value, ascii_only, indent, most, seed):
    line = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    found = long_values(line, most, seed)
    shape = {dict: "{}", list: "[]"}
    if isinstance(value, dict):
        for key in ("model", "pk", "fields"):
            if key in value:
                assert found[key,] == shape.get(type(value[key]), value[key])
            else:
                assert (key,) not in found
        inside = value.get("fields")
        if isinstance(inside, dict) and "file" in inside:
            assert found["fields", "file"] == shape.get(type(inside["file"]), inside["file"])
    else:
        assert set(found) == {()}


@settings(max_examples=300, deadline=None)
@given(value=JSON, at=st.integers(0, 400), byte=st.integers(0, 127), drop=st.booleans(), most=st.integers(1, 40))
def test_what_python_refuses_is_refused(value, at, byte, drop, most):
    line = bytearray(json.dumps({"model": "a.b", "pk": 1, "fields": {"x": value}}).encode())
    at %= len(line)
    line[at : at + 1] = b"" if drop else bytes([byte])
    try:
        json.loads(bytes(line), parse_constant=pytest.fail)
        right = True
    except (ValueError, pytest.fail.Exception):
        right = False
    try:
        long_values(bytes(line), most)
        found = True
    except NotJson:
        found = False
    assert found == right


def test_a_long_line_counts_like_a_short_one_and_is_not_kept(monkeypatch):
    monkeypatch.setattr(rows, "LONG", 100)
    assert meant(contents()) == meant(contents())
    assert meant(contents(), most=13).facts == meant(contents()).facts
    assert words(meant(contents(backup=BROKEN[:-9])).bad) == ["rows_malformed"]


def test_a_line_may_be_long_but_not_without_end(monkeypatch):
    design = row("pentests.projecttype", "t-1", report_styles="x" * (3 << 20), sections=[{"deep": ["y" * 100] * 100}] * 40)
    assert meant(contents(rows=[*usual_rows(), design])).bad == ()
    monkeypatch.setattr(rows, "LONGEST", 2 << 20)
    assert "longer than" in meant(contents(rows=[*usual_rows(), design])).bad[0][1]


def test_memory_is_bounded_whatever_the_backup_holds():
    line = b'{"model": "pentests.projecttype", "pk": "t", "fields": {"styles": [7, ' + b'"abcdef\\n", ' * 10_000
    reader = rows.RowReader(references.References())
    tracemalloc.start()
    try:
        for _ in range(100):
            reader.feed(line if not reader.bytes else b'"abcdefghijklmnopqrstuvwxyz", ' * 10_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.fault is None
    assert peak < 4 << 20, "one line of 30 MB"


def test_references_cost_some_bytes_each():
    both = references.References()
    tracemalloc.start()
    try:
        for number in range(20_000):
            both.refer("pentests.uploadedimage", f"pk-{number}", f"aa/{number:036}")
            both.file(f"uploadedimages/aa/{number + 3:036}")
        found = both.compare(1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.missing, found.orphans, found.examples) == (3, 3, tuple(f"pentests.uploadedimage pk-{n}" for n in range(3)))
    assert peak < 20_000 * 26 + (64 << 10) + references.MOST_NAMED * 400


def test_too_many_references_are_not_compared_and_it_says_so(monkeypatch):
    monkeypatch.setattr(references, "MOST", 3)
    said = meant(contents())
    assert (said.bad, words(said.remarks)) == ((), ["references_not_compared"])
    assert facts(said)["references_missing"] is None


def test_a_real_zip_of_it_reads_the_same():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents().items():
            archive.writestr(name, content)
    with zipfile.ZipFile(buffer) as archive:
        again = {info.filename: archive.read(info) for info in archive.infolist()}
    assert meant(again) == meant(contents())
