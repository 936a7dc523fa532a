"""Wings' log is read from the history that lies there, over every kind of rotation; what is missing or doubtful is told."""

import bz2
import gzip
import os
import shutil
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchdog.errors import Blind
from watchdog.panels.pterodactyl import log_files, wings_log
from watchdog.panels.pterodactyl.fake.journal import Journal
from watchdog.panels.pterodactyl.wings_log import LogReader
from watchdog.panels.pterodactyl.wings_times import Zone
from watchdog.runtime.clock import SimulatedClock

DAY = 86_400.0
NOON = 1_780_000_000.0
SERVER = "11111111-0000-4000-8000-000000000000"
BOOT_LINE = " INFO: [May 28 20:30:00.000] writing log files to disk path=/x"
UTC = Zone("UTC", ZoneInfo("UTC"))
VIENNA = Zone("Europe/Vienna", ZoneInfo("Europe/Vienna"))


def uuid(number):
    return f"aaaaaaaa-0000-4000-8000-{number:012d}"


def near(moment):
    return pytest.approx(moment, abs=0.002)


class Stage:
    """A clock, the log of a Wings, and the reader that we look with."""

    def __init__(self, folder, zone="UTC", wall=NOON):
        self.clock = SimulatedClock(wall=wall)
        self.path = folder / "log/wings.log"
        self.journal = Journal(self.path, self.clock, zone)
        self.zones = (UTC,)
        self.began = None
        self.deafens = True
        self.reader = LogReader(self.path, self.clock)

    def boot(self):
        self.began = self.clock.now().wall
        self.journal.begin()
        self.journal.write("INFO", "writing log files to disk", path=self.path)
        self.clock.advance(1.0)

    def say(self, message, number, **fields):
        self.journal.write("INFO", message, backup=uuid(number), server=SERVER, **fields)
        self.clock.advance(1.0)

    def create(self, number):
        self.say("creating backup for server", number, adapter="wings", request_id=f"r{number}", path="/x")
        self.say("created backup successfully", number, adapter="wings", request_id=f"r{number}")

    def tell(self, number):
        self.say("notified panel of successful backup state", number)

    def fail(self):
        error = "Error response from Panel: QueryException: no (HTTP/500)"
        self.journal.write(
            "INFO", "failed to notify panel of successful backup state", ("server.Backup server/backup.go:94",), error=error, server=SERVER
        )
        self.clock.advance(1.0)

    def look(self):
        return self.reader.read(self.zones, self.began)

    def restarted(self):
        """Let our own program be started anew."""
        self.reader = LogReader(self.path, self.clock, deafens=self.deafens)
        return self.look() if any(self.path.parent.iterdir()) else None


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def test_the_history_that_lies_there_is_read_at_the_first_look(stage):
    began = stage.clock.now().wall
    stage.boot()
    stage.create(1)
    first = stage.journal.rotate("copied")
    stage.clock.advance(DAY)
    stage.tell(1)
    packed = first.with_name(f"{first.name}.gz")
    packed.write_bytes(gzip.compress(first.read_bytes()))
    shutil.copystat(first, packed)
    first.unlink()
    stage.journal.rotate("copied")
    stage.clock.advance(DAY)
    stage.create(2)
    log = stage.look()
    assert len(list(stage.path.parent.iterdir())) == 3
    assert (log.error, log.deaf) == ("", False)
    assert log.of(uuid(1)).generated == near(began + 2.0)
    assert log.of(uuid(1)).notified == near(began + 3.0 + DAY)
    assert log.of(uuid(2)).in_flight
    assert log.covered_from == near(began)
    assert log.booted_at == near(began)
    assert log.read_to == stage.clock.now().wall
    assert log.covers(began + 1)
    assert not log.covers(began - 1)


@pytest.mark.parametrize("how", ["copied", "moved"])
def test_no_line_is_lost_or_taken_twice_when_it_rotates_between_two_looks(stage, how):
    stage.boot()
    stage.create(1)
    stage.look()
    stage.create(2)
    stage.journal.rotate(how)
    stage.clock.advance(1.0)
    stage.fail()  # two are in flight, and this is one line
    log = stage.look()
    assert not log.error
    assert log.unnamed_failures == ((SERVER, near(stage.clock.now().wall - 1.0)),)
    assert log.of(uuid(2)).generated is not None
    assert log.in_flight(SERVER, stage.clock.now().wall) == (uuid(1), uuid(2))
    assert log.covers(NOON)
    again = stage.restarted()
    assert again.backups == log.backups
    assert again.unnamed_failures == log.unnamed_failures


def test_a_file_compressed_at_once_is_read_on_where_we_stood(stage):
    stage.boot()
    stage.create(1)
    stage.look()
    stage.tell(1)
    for pack, name in ((gzip.compress, "wings.log.1.gz"), (bz2.compress, "wings.log.2.bz2")):
        packed = stage.path.with_name(name)
        packed.write_bytes(pack(stage.path.read_bytes()))
        shutil.copystat(stage.path, packed)
        os.truncate(stage.path, 0)
        stage.clock.advance(1.0)
        stage.say("creating backup for server", 7 + len(name), adapter="wings", request_id="r", path="/x")
        log = stage.look()
        assert not log.error
        assert log.of(uuid(1)).notified is not None
        assert log.covers(NOON)


def test_after_the_rotation_that_deafens_wings_silence_proves_nothing(stage):
    stage.boot()
    stage.create(1)
    stage.look()
    stage.journal.rotate("hup")
    stage.clock.advance(60.0)
    stage.tell(1)  # into nowhere
    log = stage.look()
    assert log.deaf
    assert "copytruncate" in log.error
    assert log.read_to is None
    assert not log.covers(NOON)
    assert log.of(uuid(1)).generated is not None  # what was said before is still true
    assert stage.look().deaf  # seen on the real Wings: the file stays empty, look by look
    stage.clock.advance(DAY)
    stage.boot()
    log = stage.look()
    assert (log.deaf, log.error) == (False, "")
    assert log.of(uuid(1)).interrupted == log.booted_at == log.covered_from
    assert not log.covers(NOON)  # between the rotation and that start it may have said anything
    assert stage.restarted() == log


def test_a_wings_that_opens_its_log_anew_is_only_quiet(stage):
    """Pelican's Wings writes through the file that is opened anew on SIGHUP."""
    stage.deafens = False
    stage.boot()
    stage.create(1)
    stage.restarted()
    stage.journal.rotate("hup")
    assert stage.look().error == ""
    stage.journal.begin()
    stage.tell(1)
    log = stage.look()
    assert log.of(uuid(1)).notified is not None
    assert log.covers(NOON)


def test_a_log_that_was_emptied_without_a_copy_has_a_gap(stage):
    stage.boot()
    stage.create(1)
    stage.look()
    stage.tell(1)
    os.truncate(stage.path, 0)
    stage.clock.advance(60.0)
    log = stage.look()
    assert log.covered_from is None
    assert not log.covers(stage.clock.now().wall)
    since = stage.clock.now().wall
    stage.create(2)
    stage.fail()
    log = stage.look()
    assert log.covered_from == near(since)
    assert log.of(uuid(2)).over is None  # who knows what else was in flight
    assert len(log.unnamed_failures) == 1


def test_a_log_that_vanishes_is_blind_and_leaves_a_gap(stage):
    stage.boot()
    stage.create(1)
    stage.look()
    stage.path.unlink()
    with pytest.raises(Blind, match=r"node\.log"):
        stage.look()
    stage.clock.advance(60.0)
    stage.boot()
    log = stage.look()
    assert log.covered_from == log.booted_at


def test_an_old_rotated_file_may_go_without_a_gap(stage):
    stage.boot()
    stage.create(1)
    old = stage.journal.rotate("copied")
    stage.clock.advance(1.0)
    stage.create(2)
    stage.look()
    stage.create(3)
    stage.look()
    old.unlink()
    stage.create(4)
    log = stage.look()
    assert log.covers(NOON)
    assert log.of(uuid(4)).in_flight


def test_a_rotated_file_that_nobody_can_unpack_is_one_gap_and_no_error(stage):
    stage.boot()
    stage.create(1)
    old = stage.journal.rotate("copied")
    shutil.move(old, f"{old}.zst")
    stage.clock.advance(60.0)
    stage.create(2)
    for _ in range(2):
        log = stage.look()
        assert not log.error
        assert log.covered_from == near(NOON + 63.0)
        assert uuid(2) in log.backups
        assert uuid(1) not in log.backups
        stage.create(3)


def test_a_broken_packed_file_is_a_gap(stage):
    stage.boot()
    stage.create(1)
    old = stage.journal.rotate("copied")
    packed = old.with_name(f"{old.name}.gz")
    packed.write_bytes(gzip.compress(old.read_bytes())[:-30])
    shutil.copystat(old, packed)
    old.unlink()
    stage.create(2)
    log = stage.look()
    assert log.of(uuid(2)).generated is not None
    assert not log.covers(NOON + 2)


def test_half_a_line_is_waited_for(stage):
    stage.boot()
    stage.create(1)
    whole = stage.path.read_bytes()
    stage.tell(1)
    line = stage.path.read_bytes()[len(whole) :]
    stage.path.write_bytes(whole + line[:60])
    assert stage.look().of(uuid(1)).in_flight
    stage.path.write_bytes(whole + line)
    assert stage.look().of(uuid(1)).notified is not None


def test_two_lines_that_ran_into_each_other_are_a_gap_and_prove_nothing(stage):
    stage.boot()
    stage.create(1)
    with stage.path.open("ab") as file:
        file.write(b" INFO: [May 28 20:26:43.000] notified panel of successful backup state backup=" + uuid(1).encode())
    stage.create(2)
    log = stage.look()
    assert log.of(uuid(1)).notified is None
    assert log.covered_from > NOON + 3
    assert log.of(uuid(2)).generated is None  # its beginning was the second half


def test_colours_carriage_returns_and_zeros_do_not_disturb(stage):
    stage.boot()
    stage.create(1)
    plain = stage.path.read_text()
    stage.path.write_text(plain.replace(" INFO", "\x1b[1m INFO\x1b[0m").replace("\n", "\r\n\0\0"))
    os.utime(stage.path, (stage.clock.now().wall,) * 2)
    assert stage.look().of(uuid(1)).generated is not None


def test_a_line_without_end_is_skipped_and_named(stage, monkeypatch):
    monkeypatch.setattr(log_files, "STEP", 4096)
    stage.boot()
    stage.create(1)
    with stage.path.open("ab") as file:
        file.write(b"x" * 10_000 + b"\n")
    stage.clock.advance(10.0)
    stage.create(2)
    log = stage.look()
    assert log.of(uuid(1)).generated is not None
    assert log.of(uuid(2)).generated is not None
    assert log.covered_from > NOON + 10


def test_a_long_history_is_read_over_several_looks(stage, monkeypatch):
    monkeypatch.setattr(log_files, "STEP", 4096)
    monkeypatch.setattr(wings_log, "PER_LOOK", 8192)
    stage.boot()
    for number in range(100):
        stage.create(number)
    first = stage.look()
    assert "still being read" in first.error
    assert not first.covers(NOON)
    for _ in range(20):
        log = stage.look()
    assert (log.error, len(log.backups)) == ("", 100)
    assert log.covers(NOON)


def test_of_a_monstrous_log_the_end_counts(stage, monkeypatch):
    monkeypatch.setattr(wings_log, "LONGEST_BACKLOG", 4096)
    stage.boot()
    for number in range(50):
        stage.create(number)
    log = stage.look()
    assert 5 < len(log.backups) < 20
    assert log.of(uuid(49)).generated is not None
    assert not log.covers(NOON)


def test_stories_older_than_seven_days_are_let_go(stage):
    stage.boot()
    stage.create(1)
    stage.tell(1)
    stage.look()
    stage.clock.advance(8 * DAY)
    stage.create(2)
    assert list(stage.look().backups) == [uuid(2)]


def test_new_year_within_one_file(tmp_path):
    stage = Stage(tmp_path, wall=1_798_761_590.0)  # 2026-12-31 23:59:50
    stage.boot()
    for number in range(10):
        stage.create(number)
    stage.clock.advance(2 * DAY)
    stage.create(99)
    log = stage.look()
    assert log.covered_from == 1_798_761_590.0
    assert [log.of(uuid(number)).began for number in (0, 9, 99)] == [1_798_761_591.0, 1_798_761_609.0, 1_798_761_611.0 + 2 * DAY]


def test_a_file_that_spans_more_than_a_year_does_not_date_old_lines_as_new(stage):
    """The same day of the last year, read as this year's, would be a story of the last week."""
    stage.boot()
    stage.create(1)
    stage.clock.advance(40 * DAY)
    stage.create(2)
    stage.clock.advance(322 * DAY)
    stage.create(3)
    log = stage.look()
    assert log.of(uuid(3)).began == near(stage.clock.now().wall - 2.0)
    assert uuid(1) not in log.backups


def test_the_hour_that_is_repeated_in_autumn(tmp_path):
    stage = Stage(tmp_path, "Europe/Vienna", wall=1_792_889_400.0)  # 2026-10-25 00:50 UTC = 02:50 in summer
    stage.zones = (VIENNA,)
    stage.boot()
    stage.create(1)
    stage.clock.advance(1200.0)  # 02:10, for the second time
    stage.create(2)
    log = stage.look()
    assert log.of(uuid(1)).began == 1_792_889_401.0
    assert log.of(uuid(2)).began == 1_792_890_603.0


def test_the_zone_is_the_one_that_the_files_own_time_confirms(tmp_path):
    stage = Stage(tmp_path, "Europe/Vienna")
    stage.zones = (UTC, VIENNA)
    stage.boot()
    stage.create(1)
    log = stage.look()
    assert not log.error
    assert log.of(uuid(1)).generated == near(stage.clock.now().wall - 1.0)


def test_a_zone_that_cannot_be_is_named_with_the_way_out(tmp_path):
    stage = Stage(tmp_path, "Europe/Vienna")
    stage.boot()
    stage.create(1)
    log = stage.look()
    assert "UTC" in log.error
    assert "node.zone" in log.error
    assert not log.covers(NOON)


def test_wings_that_comes_back_in_another_zone_is_read_anew(tmp_path):
    stage = Stage(tmp_path, "UTC")
    stage.zones = (UTC, VIENNA)
    stage.boot()
    assert not stage.look().error
    stage.journal.zone = "Europe/Vienna"
    stage.create(1)
    log = stage.look()
    log = stage.look()
    assert not log.error
    assert log.of(uuid(1)).generated == near(stage.clock.now().wall - 1.0)


def test_an_error_with_line_breaks_ends_with_its_server(stage):
    stage.boot()
    stage.create(1)
    error = "Error response from Panel: QueryException: SQLSTATE\nUnknown column\n\nin where (HTTP/500)"
    stage.journal.write("INFO", "failed to notify panel of successful backup state", error=error, server=SERVER)
    assert stage.look().of(uuid(1)).notify_failed is not None


def test_a_folder_or_a_fifo_in_its_place_never_hangs(tmp_path):
    stage = Stage(tmp_path)
    os.mkfifo(stage.path)
    with pytest.raises(Blind, match=r"there is no"):
        stage.look()


def test_a_start_that_the_process_has_not_made_ends_nothing(stage):
    stage.boot()
    stage.create(1)
    stage.clock.advance(600.0)
    stage.journal.write("WARN", "failed to validate user credentials (invalid format)", subsystem="sftp", username="x\n" + BOOT_LINE)
    log = stage.look()
    assert log.of(uuid(1)).in_flight
    stage.fail()
    log = stage.look()
    assert log.of(uuid(1)).over is None  # after such a line nobody knows what is in flight
    assert len(log.unnamed_failures) == 1
    assert log.booted_at == near(NOON)


def test_a_start_is_believed_once_its_process_is_in_sight(stage):
    """Docker's facts come a look later than ours, and Wings may start between our look at processes and that at its log."""
    stage.boot()
    stage.create(1)
    began, stage.began = stage.began, None
    assert stage.look().booted_at is None
    stage.began = began
    log = stage.look()
    assert log.booted_at == near(NOON)
    stage.clock.advance(600.0)
    stage.boot()
    again, stage.began = stage.began, began  # the process before
    assert stage.look().of(uuid(1)).in_flight
    stage.began = again
    log = stage.look()
    assert log.of(uuid(1)).interrupted == log.booted_at == near(again)
    assert log.covers(NOON)


def test_without_a_process_in_sight_no_start_is_believed(stage):
    stage.boot()
    stage.create(1)
    stage.boot()
    stage.began = None
    log = stage.look()
    assert (log.booted_at, log.of(uuid(1)).interrupted) == (None, None)
    assert log.of(uuid(1)).generated is not None


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(st.sampled_from(["create", "tell", "fail", "noise", "copied", "moved", "pack", "look", "restart", "boot"]), max_size=40)
)
def test_however_it_is_written_rotated_and_looked_at_the_stories_are_the_same(steps):
    """Against the whole text in one file, read at once: no line is lost or taken twice, and no gap is seen where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        stage, plain = Stage(Path(folder) / "a"), Stage(Path(folder) / "b")
        both = (stage, plain)
        for each in both:
            each.deafens = False
            each.restarted()
        for each in both:
            each.boot()
        number, open_ones = 0, []
        for step in steps:
            for each in both:
                each.clock.advance(1.0)
            match step:
                case "create":
                    number += 1
                    open_ones.append(number)
                    for each in both:
                        each.create(number)
                case "tell" if open_ones:
                    ended = open_ones.pop(0)
                    for each in both:
                        each.tell(ended)
                case "fail":
                    for each in both:
                        each.fail()
                case "noise":
                    for each in both:
                        each.journal.write("INFO", "processing servers", total_configs=3)
                case "boot":
                    for each in both:
                        each.boot()
                case "copied" | "moved":
                    number_of = len(list(stage.path.parent.iterdir()))
                    rotate(stage, step, number_of)
                case "pack":
                    pack(stage)
                case "look":
                    assert not stage.look().error
                case "restart":
                    stage.restarted()
        mine, theirs = stage.look(), plain.look()
        assert mine.backups == theirs.backups
        assert mine.unnamed_failures == theirs.unnamed_failures
        assert stage.restarted().backups == theirs.backups


def rotate(stage, how, number):
    """Rotate to a name of its own; Wings goes on in the renamed file until it is started anew, as nobody tells it."""
    if not stage.path.exists() or not stage.path.stat().st_size:
        return
    old = stage.path.with_name(f"wings.log-{20260500 + number}")
    if how == "copied":
        shutil.copy2(stage.path, old)
        os.truncate(stage.path, 0)
        return
    stage.path.rename(old)
    stage.path.touch()
    stage.journal._open = stage.path  # a Wings that opens it anew, as Pelican's does


def pack(stage):
    for old in [each for each in stage.path.parent.glob("wings.log-*") if each.suffix != ".gz"]:
        packed = old.with_name(f"{old.name}.gz")
        packed.write_bytes(gzip.compress(old.read_bytes()))
        shutil.copystat(old, packed)
        old.unlink()
