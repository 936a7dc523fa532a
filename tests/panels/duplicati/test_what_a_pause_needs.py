"""The ruling on the whole server's pause, as tables: what is sent, and what is said, for every state of server, record and witness."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.approvals import Holding
from watchdog.model.drifts import ObjectKey
from watchdog.model.moments import Moment
from watchdog.model.pauses import Pause, StandingPause
from watchdog.panels.duplicati.leases import LEAST, Orders, Posted, Posts, aged, lease_of, named, orders_of
from watchdog.panels.duplicati.releases import FORGETS, KEEPS, NEWEST, SHOWS_ONLY
from watchdog.panels.duplicati.ruling import Bounds, Scene, rule
from watchdog.panels.duplicati.states import ServerState, Task
from watchdog.panels.duplicati.witness import Fall, Pulse, Restart

NOW = Moment(1_800_000_000.0, 50_000.0)
BOUNDS = Bounds(43_200.0, 5.0)
OBJECT = ObjectKey("duplicati", "nas", "server", "nas")
HOUR = 3600.0


def later(seconds):
    return Moment(NOW.wall + seconds, NOW.mono + seconds)


def pause(number=1, task="", left=None, version=0):
    made = Pause(number, "nas", task, "person", "disks", "me", NOW.wall, None, None, "", None, version)
    return StandingPause(made, left)


def scene(left=2 * HOUR, *, paused=True, end="ours", life=0, restarts=0, posted=True, seconds=7200, age=60.0, **more):
    """A server that was paused by us ``age`` seconds ago for ``seconds``, unless told otherwise."""
    at = later(-age)
    announced = at.wall + seconds
    shown = announced if end == "ours" else end
    record = Posted(frozenset({"1.0"}), life, at, later(-age + 0.1), seconds, announced) if posted else None
    state = ServerState(NOW, paused, shown if paused else None)
    held = Holding(7, "nas", "pause", OBJECT, "resume", {}, at.wall, announced)
    orders = None if left == "none" else Orders(frozenset({"1.0"}), left)
    told = {
        "state": state, "pulse": Pulse(state, restarts=restarts, watched_since=later(-10 * HOUR)), "capabilities": NEWEST, "bounds": BOUNDS,
        "now": NOW, "posted": record, "held": held, "in_force": frozenset({"1.0"}), "orders": orders,
    }  # fmt: skip
    return Scene(**{**told, **more})


def fell(by, ago=5.0):
    return Pulse(watched_since=later(-10 * HOUR), fell=Fall(later(-ago), by, None, later(-60)))


END_OURS = NOW.wall - 60.0 + 7200
ROWS = {
    # the pause is there
    "it stands as ordered": (scene(7140.0), "", None),
    "nothing was ever ordered, and it runs": (scene("none", paused=False, posted=False, held=None), "", None),
    "a new order": (scene(paused=False, posted=False, held=None, in_force=frozenset()), "pause_missing", "pause"),
    "a changed order, not there": (scene(paused=False, posted=False, held=None), "pause_lost", "pause"),
    "another version of it, running": (
        replace(scene(paused=False), orders=Orders(frozenset({"1.1"}), HOUR), in_force=frozenset()), "pause_missing", "pause",
    ),
    # restarts: posted again whatever is shown
    "restarted, it runs": (scene(paused=False, restarts=1), "pause_lost", "pause"),
    "restarted, it shows the pause": (scene(7140.0, restarts=1), "pause_lost", "pause"),
    "restarted, shown and not obeyed": (scene(7140.0, restarts=1, capabilities=SHOWS_ONLY), "pause_on_paper", "pause"),
    "restarted, a startup delay that lasts longer": (scene(30.0, restarts=1, end=NOW.wall + 100), "", None),
    "restarted, paused for ever": (scene(7140.0, restarts=1, end=None), "pause_lost", "pause"),
    "a start of ours, it runs": (scene(paused=False, posted=False), "pause_lost", "pause"),
    "a start of ours, it shows the pause": (scene(7140.0, posted=False), "pause_unwatched", "pause"),
    "a start of ours, our record was made and nothing sent": (
        scene(paused=False, posted=False, in_force=frozenset()), "pause_missing", "pause",
    ),
    "the watch began after our order": (
        scene(paused=False, pulse=Pulse(watched_since=later(-1))), "pause_lost", "pause",
    ),
    # who ended it
    "somebody pressed Resume": (scene(7140.0, paused=False, pulse=fell("person")), "pause_resumed_by_person", None),
    "no fall was seen, and the lease has not run out": (scene(7140.0, paused=False), "pause_resumed_by_person", None),
    "Resume is undone where that is asked for": (
        scene(7140.0, paused=False, pulse=fell("person"), bounds=replace(BOUNDS, enforce=True)), "pause_resumed_by_person", "pause",
    ),
    "we resumed it, and a pause stands again": (scene(7140.0, paused=False, pulse=fell("us")), "pause_missing", "pause"),
    "the lease ran out": (scene(20 * HOUR, paused=False, seconds=50, age=60.0), "pause_cut", "pause"),
    "cut after 24 hours": (scene(20 * HOUR, paused=False, pulse=fell("clamp")), "pause_cut", "pause"),
    "a fall before our order says nothing": (scene(paused=False, pulse=fell("us", 90.0)), "pause_resumed_by_person", None),
    "respected": (scene(7140.0, paused=False, respected=frozenset({"1.0"})), "pause_resumed_by_person", None),
    "respected, and a restart": (
        scene(7140.0, paused=False, restarts=1, respected=frozenset({"1.0"})), "pause_resumed_by_person", None,
    ),
    "respected, and a start of ours": (
        scene(7140.0, paused=False, posted=False, respected=frozenset({"1.0"})), "pause_resumed_by_person", None,
    ),
    "respected, and ordered anew": (
        scene(7140.0, paused=False, respected=frozenset({"1.0"}), orders=Orders(frozenset({"1.0", "2.0"}), HOUR), in_force=frozenset()),
        "pause_missing", "pause",
    ),
    "respected, and somebody paused it again": (scene(7140.0, end=None, respected=frozenset({"1.0"})), "", None),
    # leases
    "the lease is young": (scene(None, seconds=43_200, age=60.0), "", None),
    "the lease is half over": (scene(None, seconds=43_200, age=21_700.0), "pause_lease_due", "renew"),
    "the lease is half over, and so is the pause": (scene(6 * HOUR - 100, seconds=43_200, age=21_700.0), "", None),
    "the order was made shorter": (scene(600.0), "pause_lease_due", "renew"),
    "the order was made longer": (scene(5 * HOUR), "pause_lease_due", "renew"),
    "made longer, and the lease lasts for now": (scene(20 * HOUR, seconds=40_000, age=60.0), "", None),
    # other people's pauses
    "somebody paused it for longer": (scene(7140.0, end=NOW.wall + 9 * HOUR), "", None),
    "somebody paused it for ever": (scene(7140.0, end=None), "", None),
    "somebody paused it for less": (scene(7140.0, end=NOW.wall + 300), "pause_lease_due", "renew"),
    "somebody had paused it for ever before": (scene(7140.0, end=None, posted=False, held=None), "", None),
    "somebody had paused it for less before": (scene(7140.0, end=NOW.wall + 300, posted=False, held=None), "pause_missing", "pause"),
    "theirs, known from before a start of ours": (scene(7140.0, end=None, posted=False, theirs="forever"), "", None),
    "theirs is not believed after a restart that it does not obey": (
        scene(7140.0, end=None, posted=False, held=None, restarts=1, capabilities=SHOWS_ONLY), "pause_missing", "pause",
    ),
    # on paper
    "a run began under it": (
        scene(7140.0, state=ServerState(NOW, True, END_OURS, Task(4, "1"))), "pause_on_paper", "pause",
    ),
    # the last second
    "less than a second is left, it is paused": (scene(0.7), "", None),
    "less than a second is left, it runs": (scene(0.7, paused=False, restarts=1), "", None),
    # after it
    "over, still paused by us": (scene("none"), "pause_outlived", "resume"),
    "over, still paused by us, and a start of ours": (scene("none", posted=False), "pause_outlived", "resume"),
    "over, it ends by itself in a moment": (scene("none", seconds=61, age=60.0), "", None),
    "over, its own end is past and it is still paused": (scene("none", seconds=50, age=60.0), "pause_outlived", "resume"),
    "over, and it runs": (scene("none", paused=False), "pause_over", "resume"),
    "over, somebody paused it with an end": (scene("none", end=NOW.wall + 9 * HOUR), "pause_over", "resume"),
    "over, somebody paused it for ever": (scene("none", end=None), "pause_unowned", None),
    "over, it came back paused for ever": (scene("none", end=None, restarts=1), "pause_outlived", "resume"),
    "over, theirs came back": (scene("none", end=None, restarts=1, theirs="forever"), "pause_unowned", None),
    "never ours, for ever": (scene("none", end=None, posted=False, held=None), "pause_unowned", None),
    "never ours, with an end": (scene("none", end=NOW.wall + 60, posted=False, held=None), "", None),
    "a startup delay": (scene("none", end=NOW.wall + 110, posted=False, held=None, restarts=1), "", None),
    # looks that are older than our order
    "read before our order took effect": (
        scene(7140.0, state=ServerState(later(-61), paused=False)), "", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given_scene", "kind", "send"), ROWS.values(), ids=ROWS.keys())
def test_what_is_sent_and_said(given_scene, kind, send):
    ruling = rule(given_scene)
    assert (ruling.kind, ruling.send) == (kind, send), ruling


def test_a_resume_of_a_person_is_remembered_by_the_orders_it_ended():
    assert rule(scene(7140.0, paused=False, pulse=fell("person"))).respects == {"1.0"}
    enforced = scene(7140.0, paused=False, pulse=fell("person"), bounds=replace(BOUNDS, enforce=True))
    assert rule(enforced).respects == frozenset()


def test_an_end_within_a_moment_is_ours_after_a_start_and_another_is_not():
    near = scene("none", posted=False, end=END_OURS + 8)
    far = scene("none", posted=False, end=END_OURS + 60)
    assert rule(near).kind == "pause_outlived"
    assert rule(far).kind == "pause_over"


def test_the_servers_clock_may_be_hours_off():
    shown = scene(7140.0, posted=False, end=END_OURS + 3 * HOUR, skew=3 * HOUR)
    assert shown.ours and rule(shown).kind == "pause_unwatched"
    assert abs(shown.shown_left - 7140.0) < 1.0


@pytest.mark.parametrize("jump", [3 * HOUR, -3 * HOUR])
def test_a_jump_of_our_clock_moves_no_lease_that_we_posted(jump):
    jumped = replace(scene(7140.0), now=Moment(NOW.wall + jump, NOW.mono))
    assert rule(jumped).kind == "" and abs(jumped.shown_left - 7140.0) < 1e-6


def test_the_next_look_comes_at_the_end_or_at_half_of_the_lease():
    assert rule(scene(7140.0)).again == pytest.approx(7140.0)
    assert rule(scene(None, seconds=43_200, age=60.0)).again == pytest.approx(43_200 - 60 - 21_600)
    assert rule(scene(0.7)).again == pytest.approx(0.7)
    assert rule(scene("none", seconds=61, age=60.0)).again <= 1.2


@pytest.mark.parametrize(
    ("left", "lease"),
    [(7200.0, 7200), (7199.2, 7200), (1.0, 1), (0.999, None), (0.0, None), (-5.0, None), (None, 43_200), (1e9, 43_200), (43_200.5, 43_200)],
)  # fmt: skip
def test_a_lease_is_whole_seconds_and_never_nothing(left, lease):
    assert lease_of(left, 43_200.0) == lease


@given(st.one_of(st.none(), st.floats(-1e6, 1e9)), st.floats(60, 43_200))
def test_a_lease_is_never_zero_negative_or_longer_than_allowed(left, longest):
    lease = lease_of(left, longest)
    assert lease is None or (isinstance(lease, int) and 1 <= lease <= longest)
    assert (lease is None) == (left is not None and left < LEAST)
    if lease is not None and left is not None and left <= longest - 1:
        assert lease == math.ceil(left), "it never ends before the pause"


def test_several_orders_last_as_long_as_the_longest():
    assert orders_of([pause(1, left=60.0), pause(2, left=90.0), pause(3, task="photos", left=None)]) == Orders(
        frozenset({"1.0", "2.0"}), 90.0
    )
    assert orders_of([pause(1, left=60.0), pause(2)]) == Orders(frozenset({"1.0", "2.0"}), None)
    assert orders_of([pause(3, task="photos", left=None)]) is None
    assert [each.left for each in aged([pause(1, left=60.0), pause(2), pause(3, left=5.0)], 10.0)] == [50.0, None]


def test_only_the_newest_order_is_kept():
    posts = Posts()
    old, new = scene().posted, replace(scene().posted, at=later(0), seconds=5)
    posts.note(new)
    posts.note(old)
    assert posts.newest is new


def test_a_pause_has_a_name():
    assert named(ServerState(NOW, False)) == ""
    assert named(ServerState(NOW, True)) == "forever"
    assert named(ServerState(NOW, True, 12.5)) == "12.500"


scenes = st.builds(
    scene,
    st.sampled_from(["none", None, 0.5, 3.0, 600.0, 7140.0, 90_000.0]),
    paused=st.booleans(), end=st.sampled_from(["ours", None, NOW.wall + 5, NOW.wall + 9 * HOUR, NOW.wall - 50]),
    restarts=st.integers(0, 1), posted=st.booleans(), age=st.sampled_from([0.5, 60.0, 8000.0]),
    held=st.sampled_from([None, Holding(7, "nas", "pause", OBJECT, "resume", {}, NOW.wall - 60, END_OURS)]),
    respected=st.sampled_from([frozenset(), frozenset({"1.0"})]), theirs=st.sampled_from(["", "forever"]),
    capabilities=st.sampled_from([FORGETS, SHOWS_ONLY, KEEPS, NEWEST]),
    pulse=st.sampled_from([
        Pulse(), fell("person"), fell("us"), fell("end"), Pulse(restarts=1, watched_since=later(-9 * HOUR), restart=Restart.SUSPECTED),
    ]),
)  # fmt: skip


@given(scenes)
def test_whatever_the_state_a_ruling_breaks_none_of_the_laws(given_scene):
    ruling = rule(given_scene)
    orders = given_scene.orders
    if ruling.send in {"pause", "renew"}:
        assert orders is not None and not orders.ending, "nothing is paused that nobody ordered, and never for less than a second"
        assert not orders.names <= given_scene.respected, "a person's Resume is not undone"
    if ruling.send == "resume":
        assert orders is None, "no standing pause is ended"
        assert given_scene.held is not None, "only what our record says we paused"
        if ruling.kind == "pause_outlived" and given_scene.state.pause_end is not None:
            assert given_scene.ours, "a pause with somebody else's end is left"
    if orders is not None and not orders.ending and not given_scene.state.paused and not ruling.send:
        assert ruling.kind == "pause_resumed_by_person" or (given_scene.posted and given_scene.state.at.mono < given_scene.posted.seen.mono)
    assert ruling.again is None or ruling.again > 0
