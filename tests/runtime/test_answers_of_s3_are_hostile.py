"""Pages and errors that somebody changed: each is a page, or MalformedAnswer, and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.errors import MalformedAnswer
from watchdog.panels.sysreptor.fake import Stored, Upload, bucket_pages
from watchdog.runtime.answers import Answer
from watchdog.runtime.buckets import answers

PAGES = (
    (answers.objects_page, bucket_pages.objects([Stored("a b.zip", 5, 1e9), Stored("c.zip", 0, 2e9)], 1, quoted=True)),
    (answers.uploads_page, bucket_pages.uploads([Upload("a b.zip", "u", 1e9), Upload("c.zip", "v", 2e9)], 1, quoted=False)),
    (answers.parts_page, bucket_pages.parts(Upload("a", "u", 1e9, (5, 6, 7)), 0, 2)),
    (answers.error_code, bucket_pages.error("SlowDown")),
)
PIECES = st.one_of(st.binary(max_size=4), st.sampled_from([b"<", b"&#0;", b"&x;", b"-", b"9" * 30]))
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 12), PIECES), min_size=1, max_size=6)


def answer(body):
    return Answer(200, {}, body, 0.0, "s3_objects", "server")


def test_the_pages_are_read_as_they_are():
    assert [parse(answer(body)) for parse, body in PAGES][3] == "SlowDown"
    assert answers.objects_page(answer(PAGES[0][1])).objects[0].key == "a b.zip"


@settings(max_examples=400, deadline=None)
@given(which=st.sampled_from(PAGES), changes=CHANGES)
def test_whatever_was_changed_is_told_by_the_one_error(which, changes):
    parse, body = which
    for place, length, piece in changes:
        at = place % (len(body) + 1)
        body = body[:at] + piece + body[at + length :]
    try:
        parse(answer(body))
    except MalformedAnswer:
        return
