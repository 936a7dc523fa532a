"""What lines of Wings' log mean for a backup: its story, what its silence proves, and whose an unnamed failure is."""

from pathlib import Path

import pytest

from watchdog.panels.pterodactyl.wings_lines import LONGEST_FLIGHT, Stories, entry_of

RECORDED = Path(__file__).parents[2] / "recordings/pterodactyl/wings-log.txt"
U1, U2, U3 = (f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
S1, S2 = (f"{number * 8}-0000-4000-8000-000000000000" for number in "12")
R1, R2 = "62e05dbd-6a87-4aad-b73b-28a45652f3e7", "48926684-738c-4d58-9c6e-00d50871cebe"


def line(message, level=" INFO", **fields):
    said = "".join(f" {key}={value}" for key, value in sorted(fields.items()))
    return f"{level}: [May  4 08:00:55.117] {message:<25}{said}"


def creating(uuid=U1, server=S1, request=R1, adapter="wings"):
    path = f"/var/lib/pterodactyl/backups/{uuid}.tar.gz"
    return line("creating backup for server", adapter=adapter, backup=uuid, path=path, request_id=request, server=server)


def created(uuid=U1, server=S1, request=R1):
    return line("created backup successfully", adapter="wings", backup=uuid, request_id=request, server=server)


def notified(uuid=U1, server=S1):
    return line("notified panel of successful backup state", backup=uuid, server=server)


def unnamed(server=S1, error="Error response from Panel: QueryException: An unexpected error (HTTP/500)"):
    return line("failed to notify panel of successful backup state", error=error, server=server)


def named(uuid=U1, server=S1):
    return line(
        "failed to notify panel of backup status due to wings error", "ERROR", backup=uuid, error='Post "https://p": EOF', server=server
    )


BOOT = line("writing log files to disk", path="/var/log/pterodactyl/wings.log")


def told(*lines, whole=True):
    stories = Stories()
    stories.begin(0.0)
    if whole:
        stories.take(entry_of(BOOT), 0.0)
    for number, each in enumerate(lines, 1):
        stories.take(entry_of(each), float(number))
    return stories


def test_a_backup_that_goes_well_has_a_beginning_an_archive_and_an_end():
    story = told(creating(), created(), notified()).backups[U1]
    assert (story.server, story.adapter, story.began, story.generated, story.notified) == (S1, "wings", 1.0, 2.0, 3.0)
    assert story.over == 3.0
    assert not story.in_flight


def test_an_archive_counts_as_finished_only_with_the_request_that_began_it():
    forged = created(request="00000000-0000-4000-8000-000000000000")
    assert told(creating(), forged).backups[U1].generated is None
    assert U1 not in told(created()).backups  # its beginning was never read: nobody can tell who wrote this
    assert told(creating(), created()).backups[U1].generated == 2.0


def test_a_failure_that_names_no_backup_is_the_only_one_in_flight():
    story = told(creating(), created(), unnamed()).backups[U1]
    assert story.notify_failed == story.over == 3.0


def test_of_two_in_flight_neither_has_the_failure():
    stories = told(creating(), creating(U2, request=R2), created(), created(U2, request=R2), unnamed())
    assert [stories.backups[each].over for each in (U1, U2)] == [None, None]
    assert list(stories.unnamed) == [(S1, 5.0)]
    assert stories.backups[U1].in_flight
    assert stories.backups[U2].in_flight


def test_a_backup_of_another_server_does_not_make_it_doubtful():
    stories = told(creating(), creating(U2, S2, R2), unnamed())
    assert stories.backups[U1].notify_failed == 3.0
    assert stories.backups[U2].over is None


def test_one_that_ended_before_does_not_make_it_doubtful():
    stories = told(creating(), created(), notified(), creating(U2, request=R2), created(U2, request=R2), unnamed())
    assert stories.backups[U1].notify_failed is None
    assert stories.backups[U2].notify_failed == 6.0


def test_nothing_is_attributed_while_an_earlier_beginning_may_be_missing():
    late = Stories()
    late.begin(100.0)
    late.take(entry_of(creating()), 101.0)
    late.take(entry_of(unnamed()), 102.0)
    assert late.backups[U1].over is None
    assert list(late.unnamed) == [(S1, 102.0)]
    known = Stories()
    known.begin(0.0)
    known.take(entry_of(creating()), LONGEST_FLIGHT)
    known.take(entry_of(unnamed()), LONGEST_FLIGHT + 1)
    assert known.backups[U1].notify_failed == LONGEST_FLIGHT + 1


def test_a_gap_makes_the_next_failure_nobodys():
    stories = told(creating())
    stories.gap()
    stories.begin(5.0)
    stories.take(entry_of(unnamed()), 6.0)
    assert stories.backups[U1].over is None


def test_a_failure_of_wings_itself_names_its_backup_and_the_line_behind_it_is_the_same():
    stories = told(creating(), creating(U2, request=R2), created(), created(U2, request=R2), named(), unnamed())
    assert stories.backups[U1].notify_failed == 5.0
    assert stories.backups[U2].over is None
    assert not stories.unnamed


def test_a_failed_generation_whose_callback_failed_too_is_no_removal():
    error = "failed to notify panel of failed backup state"
    stories = told(creating(), named(), line(error, " WARN", backup=U1, error="EOF", server=S1))
    story = stories.backups[U1]
    assert (story.generate_failed, story.failure_unheard, story.notify_failed) == (3.0, 3.0, None)
    assert story.over == 3.0


def test_details_that_could_not_be_read_are_a_failure_and_no_removal():
    """The archive was finished, its checksum could not be read: both callbacks of that failure fail, too (case L)."""
    lost = line("failed to notify panel of failed backup state", " WARN", backup=U1, error="EOF", server=S1)
    story = told(creating(), created(), named(), lost).backups[U1]
    assert (story.generated, story.generate_failed, story.notify_failed) == (2.0, 4.0, None)
    stories = told(creating(), created(), named(), lost, creating(U2, request=R2), unnamed())
    assert stories.backups[U2].notify_failed == 6.0  # the line before belongs to nobody else


def test_a_failed_generation_is_told_by_the_panels_answer_and_by_the_router():
    router = line(
        "router: failed to generate server backup",
        "ERROR",
        error="backup: error while generating server backup: EIO",
        request_id=R1,
        server_id=S1,
    )
    story = told(creating(), line("notified panel of failed backup state", backup=U1, server=S1), router).backups[U1]
    assert (story.generate_failed, story.failure_notified, story.generated) == (2.0, 2.0, None)
    assert told(creating(), router).backups[U1].generate_failed == 2.0
    other = router.replace("error while generating server backup: EIO", "something after it")
    assert told(creating(), created(), other).backups[U1].generate_failed is None


def test_a_start_of_wings_ends_what_was_in_flight_and_nothing_else():
    stories = told(creating(), created(), notified(), creating(U2, S2, R2), BOOT)
    assert stories.backups[U1].interrupted is None
    assert stories.backups[U2].interrupted == stories.backups[U2].over == 5.0
    assert stories.booted_at == 5.0


def test_two_lines_in_one_are_torn_and_prove_nothing():
    assert entry_of(created() + BOOT).torn
    assert entry_of(line("failed", error=f"x {BOOT}", username="y")).torn


@pytest.mark.parametrize(
    "text", ["", "Stacktrace:", "backup: error while generating server backup", "runtime.goexit", "  INFO created backup successfully"]
)
def test_other_text_begins_no_entry(text):
    assert entry_of(text) is None


def test_an_error_cannot_pose_as_fields():
    posing = unnamed(server=S2, error=f"Error: backup={U1} request_id={R1} server={S1}")
    entry = entry_of(posing)
    assert (entry.server, entry.backup) == (S2, "")


def test_the_number_of_stories_is_bounded_and_what_goes_is_not_covered():
    stories = Stories(most=3)
    stories.begin(0.0)
    for number in range(5):
        stories.take(entry_of(creating(f"aaaaaaaa-0000-4000-8000-{number:012d}")), float(number))
    assert len(stories.backups) == 3
    assert stories.covered_from == 1.0
    stories.forget(4.0)
    assert [each.began for each in stories.backups.values()] == [4.0]


def test_the_real_log_of_wings_tells_the_story_of_each_backup():
    stories = Stories()
    for text in RECORDED.read_text().splitlines():
        entry = entry_of(text)
        if entry is not None:
            minutes, seconds = entry.stamp.split(":")[1:]
            stories.begin(0.0)
            stories.take(entry, int(minutes) * 60 + float(seconds))
    of = {uuid[:4] + uuid[-3:]: story for uuid, story in stories.backups.items()}
    assert len(of) == 9
    assert of["aaaa001"].notified is not None
    assert of["bbbb302"].notified is not None  # it believed a redirect to a page
    assert of["bbbb902"].notify_failed == pytest.approx(32 * 60 + 17.731)
    assert [of[each].over for each in ("bbbb500", "bbbb400")] == [of["eeee001"].over] * 2  # nobody knows whose 400 and whose 500 it was
    assert len(stories.unnamed) == 2
    assert of["eeee001"].interrupted is not None
    assert of["eeee001"].generated is None
    assert (of["ffff500"].generated is not None, of["ffff500"].interrupted is not None) == (True, True)  # case F
    assert (of["1313002"].generate_failed, of["1313002"].generated) == (pytest.approx(35 * 60 + 33.541), None)
