"""Reports over real HTTP: behind a secret of which only the hash is known, answered before they are received, bounded, and in no log."""

from __future__ import annotations

import hashlib
import http.client
import logging
import socket
import threading

import pytest

from tests.support.backing import Program, call, serving
from tests.support.small_world import wait_until
from watchdog.app import inbound as rooms
from watchdog.app.inbound import Door, Inlets
from watchdog.errors import MalformedAnswer
from watchdog.model.inbound import Inbound, inbound_of
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.log import configure

SECRET, OTHER = "home-Secret_1", "attic-Secret_2"
JSON = {"Content-Type": "application/json; charset=utf-8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Post:
    """A target that takes reports; ``gate`` holds its receiving up while it is closed."""

    def __init__(self, name, *hashes, limit=2048):
        self.name, self.hashes, self.limit = name, hashes, limit
        self.got = []
        self.gate = threading.Event()
        self.gate.set()

    def inbound(self):
        return (Inbound("report", self.hashes, self.receive, self.limit),)

    def receive(self, received):
        self.gate.wait(60)
        if received.body == b"nonsense":
            raise MalformedAnswer("this is no report")
        self.got.append(received)


class Posts:
    """A served program with two targets that take reports, and a thread that receives them."""

    def __init__(self, program):
        self.home, self.attic = Post("home", sha256(SECRET), sha256("home-rotated").upper()), Post("attic", sha256(OTHER))
        self.program = program
        doors = [Door("duplicati", target.name, each) for target in (self.home, self.attic) for each in inbound_of(target)]
        program.inlets = self.inlets = Inlets(doors, SystemClock(), program.book)
        self.woken, self.ended = threading.Event(), False
        self.inlets.waker = self.woken.set
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.ended:
            self.woken.wait(60)
            self.woken.clear()
            self.inlets.step()

    def count(self, result, target="home"):
        (family,) = [each for each in self.program.book.families() if each.metric.name == "watchdog_inbound_reports_total"]
        return dict(family.rows)[("duplicati", target, result)]

    def counted(self, result, count, target="home"):
        wait_until(lambda: self.count(result, target) == count, f"{count} {result}")


@pytest.fixture
def posts(program):
    made = Posts(program)
    made.thread.start()
    yield made
    made.ended = True
    made.home.gate.set()
    made.attic.gate.set()
    made.woken.set()
    made.thread.join(60)
    assert not made.thread.is_alive()


@pytest.fixture
def served(posts, program, tmp_path):
    with serving(program, tmp_path) as server:
        yield server


def post(served, body, secret=SECRET, headers=JSON, path="/api/v1/duplicati/report/", method="POST"):
    """One report; return (status, body of the answer)."""
    connection = http.client.HTTPConnection(*served.address, timeout=60)
    try:
        connection.request(method, path + secret, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_report_reaches_the_target_of_its_secret_without_any_token(posts, served):
    assert post(served, b'{"unknown": ["fields"]}') == (204, b"")
    assert post(served, b"message=well&more", OTHER, FORM) == (204, b"")
    assert post(served, b"", "home-rotated", {}) == (204, b"")
    posts.counted("received", 2)
    posts.counted("received", 1, "attic")
    assert [(each.content_type, each.body) for each in posts.home.got] == [("application/json", b'{"unknown": ["fields"]}'), ("", b"")]
    assert [(each.content_type, each.body) for each in posts.attic.got] == [("application/x-www-form-urlencoded", b"message=well&more")]
    assert abs(posts.home.got[0].at - SystemClock().now().wall) < 3600


def test_everything_is_born_at_0(posts, served):
    for target in ("home", "attic"):
        assert [posts.count(result, target) for result in rooms.RESULTS] == [0, 0, 0, 0]
    text = call(served, "GET", "/metrics")[2].decode()
    for target in ("home", "attic"):
        assert f'watchdog_inbound_reports_total{{panel="duplicati",result="received",target="{target}"}} 0.0' in text
    assert 'watchdog_web_requests_total{listener="tcp",result="ok",route="/api/v1/{panel}/{door}/{secret}"} 0.0' in text


@pytest.mark.parametrize(
    ("path", "secret", "status"),
    [
        ("/api/v1/duplicati/report/", "wrong", 404),
        ("/api/v1/duplicati/report/", SECRET + "x", 404),
        ("/api/v1/duplicati/report/", sha256(SECRET), 404),
        ("/api/v1/duplicati/report/", "%C3%A4%FF", 404),
        # what is no door of ours goes the way of every other call: to the guard
        ("/api/v1/duplicati/other/", SECRET, 403),
        ("/api/v1/sysreptor/report/", SECRET, 403),
        ("/api/v1/duplicati/report/", f"{SECRET}/", 403),
        ("/api/v1/duplicati/report/", "", 403),
    ],
)
def test_a_wrong_secret_and_a_wrong_door_open_nothing(posts, served, path, secret, status):
    assert post(served, b"{}", secret, path=path)[0] == status
    assert posts.home.got == posts.attic.got == []
    assert [posts.count(result) for result in rooms.RESULTS] == [0, 0, 0, 0]


def test_only_a_post_is_a_report(posts, served):
    assert post(served, None, method="GET")[0] == 404
    assert post(served, b"{}", method="PUT")[0] == 403
    assert posts.home.got == []


def test_the_sender_is_answered_while_receiving_hangs(posts, served):
    """The backup waits for the answer; the receiver may wait for the ledger."""
    posts.home.gate.clear()
    assert [post(served, b"%d" % number)[0] for number in range(5)] == [204] * 5
    assert posts.home.got == []
    posts.home.gate.set()
    posts.counted("received", 5)
    assert [each.body for each in posts.home.got] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_full_queue_refuses_and_counts_and_has_room_again(posts, served, monkeypatch):
    monkeypatch.setattr(rooms, "MOST", 3)
    posts.home.gate.clear()
    # the one that is being received has its room until it is through
    assert [post(served, b"{}")[0] for _ in range(5)] == [204, 204, 204, 503, 503]
    posts.home.gate.set()
    posts.counted("received", 3)
    assert posts.count("full") == 2
    assert post(served, b"{}")[0] == 204
    posts.counted("received", 4)


def test_the_bytes_that_wait_are_bounded_too(posts, served, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_BYTES", 100)
    posts.home.gate.clear()
    assert post(served, b"x" * 200)[0] == 204  # one alone may be larger
    assert post(served, b"x")[0] == 503
    posts.home.gate.set()
    posts.counted("received", 1)
    assert [post(served, b"x" * 40)[0] for _ in range(2)] == [204, 204]


def test_what_is_too_large_of_a_wrong_type_or_cut_is_refused(posts, served):
    assert post(served, b"x" * 2048)[0] == 204
    status, said = post(served, b"x" * 2049)
    assert status == 413
    assert b"2048 bytes" in said
    assert post(served, b"<x/>", headers={"Content-Type": "application/xml"})[0] == 415
    with socket.create_connection(served.address, timeout=60) as cut:
        cut.sendall(f"POST /api/v1/duplicati/report/{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())
    posts.counted("refused", 3)
    posts.counted("received", 1)
    assert posts.attic.got == []


def test_a_body_in_chunks_is_bounded_as_well(posts, served):
    assert post(served, iter([b"x" * 1000, b"y" * 1000]))[0] == 204
    assert post(served, iter([b"x" * 1000, b"y" * 1049]))[0] == 413
    posts.counted("received", 1)
    assert len(posts.home.got[0].body) == 2000


def test_a_report_that_is_not_understood_is_counted_and_the_next_one_is_received(posts, served):
    assert post(served, b"nonsense")[0] == 204
    assert post(served, b"sense")[0] == 204
    posts.counted("received", 1)
    assert posts.count("failed") == 1


def test_who_leaves_before_the_answer_has_reported_all_the_same(posts, served):
    with socket.create_connection(served.address, timeout=60) as hasty:
        hasty.sendall(f"POST /api/v1/duplicati/report/{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour".encode())
    posts.counted("received", 1)


def test_the_secret_stands_in_no_log_line_whatever_is_done_with_it(posts, program, tmp_path, capfd):
    configure("debug", "json")
    with serving(program, tmp_path) as served:
        for body in (b"{}", b"nonsense", b"x" * 5000):
            post(served, body)
        post(served, b"{}", SECRET + "-almost")
        post(served, b"{}", SECRET, path="/api/v1/duplicati/other/")
        posts.counted("failed", 1)
        posts.counted("received", 1)
    logging.shutdown()
    said = capfd.readouterr().err
    assert '"route": "/api/v1/{panel}/{door}/{secret}"' in said
    assert SECRET not in said
    assert sha256(SECRET) not in said


def test_the_end_of_a_world_receives_what_was_promised():
    home = Post("home", sha256(SECRET))
    program = Program()
    inlets = Inlets([Door("duplicati", "home", each) for each in inbound_of(home)], SystemClock(), program.book)
    door = inlets.find("duplicati", "report", SECRET)
    for number in range(3):
        assert inlets.offer(door, 1)
        inlets.hand_over(door, "", b"%d" % number)
    inlets.drain()
    assert [each.body for each in home.got] == [b"0", b"1", b"2"]


def test_an_ordinary_target_has_no_door():
    assert inbound_of(object()) == ()
