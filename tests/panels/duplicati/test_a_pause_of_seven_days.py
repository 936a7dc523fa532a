"""Seven days on releases that end any timed pause after 24 hours, and clocks that jump: it holds, and ends on time (Shown by 2 and 4)."""

import pytest

from tests.support.duplicati_stage import DAY, HOUR, stage


@pytest.mark.parametrize("release", ["2.2.0.1", "2.3.0.4"])
def test_it_holds_all_seven_days(tmp_path, release):
    with stage(tmp_path, release, interval=6 * HOUR, pulse="60s") as on:
        on.world.add_job("photos", time=on.clock.now().wall + 10 * HOUR, repeat="1D")
        on.life.live(20.0)
        end = on.life.order(length=7 * DAY).until
        readings = []
        while on.clock.now().wall < end - 1.0:
            on.life.live(min(4 * HOUR, end - 1.0 - on.clock.now().wall), beat=False)
            readings.append(on.world.really_paused)
        assert len(readings) >= 42 and all(readings)
        assert on.ran("photos") == []
        on.life.live(3.0, beat=False)
        assert on.world.program == "Running" and on.resumes() == 0
        posts = [int(each.removesuffix("s")) for each in on.posts()]
        assert all(1 <= each <= 43_200 for each in posts) and 14 <= len(posts) <= 30
        assert on.life.kinds() <= {"pause_over"}
        on.life.live(60.0, beat=False)
        assert on.life.held() == [] and on.life.resumed() == 1


def test_left_alone_the_server_goes_on_after_one_lease(tmp_path):
    with stage(tmp_path, interval=3 * HOUR, pulse="60s") as on:
        on.life.live(20.0)
        on.life.order(length=7 * DAY)
        on.life.live(30 * HOUR, beat=False)
        on.end()
        on.clock.advance(12 * HOUR + 1.0)
        assert on.world.program == "Running", "none outlives us by more than a lease"
        on.begin()
        on.life.live(10.0)
        assert on.world.really_paused, "and it is back as soon as we are"


JUMPS = [
    # jump in seconds, asked for as a length or as a date
    (3 * HOUR, "length"), pytest.param(-3 * HOUR, "length", marks=pytest.mark.soak), (3 * HOUR, "date"), (-3 * HOUR, "date"),
]  # fmt: skip


@pytest.mark.parametrize(("jump", "asked"), JUMPS)
def test_a_clock_that_jumps_neither_loses_it_nor_lets_it_outlive(tmp_path, jump, asked):
    with stage(tmp_path, "2.3.0.4", interval=600.0, pulse="60s") as on:
        on.life.live(20.0)
        begun = on.clock.now()
        terms = {"length": HOUR} if asked == "length" else {"until": begun.wall + HOUR}
        on.life.order(**terms)
        on.life.live(600.0)
        on.clock.jump(jump)
        # a jump forward counts for a date once it has held for five minutes; a length follows the other clock
        over_at = {("length", True): HOUR, ("length", False): HOUR, ("date", True): 900.0, ("date", False): 4 * HOUR}[asked, jump > 0]
        lasted = None
        while lasted is None and on.clock.now().mono - begun.mono < 5 * HOUR:
            on.life.live(60.0, lambda: on.world.program == "Running", beat=False)
            if on.world.program == "Running":
                lasted = on.clock.now().mono - begun.mono
        assert lasted is not None and abs(lasted - over_at) <= 61.0
        on.life.live(70.0, beat=False)
        assert on.world.program == "Running" and on.life.held() == [] and on.life.resumed() == 1 and on.resumes() <= 1


def test_a_machine_that_slept_ends_what_is_over_at_once(tmp_path):
    with stage(tmp_path, interval=60.0, pulse="60s") as on:
        on.life.live(20.0)
        on.life.order(length=HOUR)
        on.life.live(60.0)
        on.clock.advance(5 * HOUR)  # CLOCK_BOOTTIME counts it
        on.life.live(5.0)
        assert on.world.program == "Running" and on.life.resumed() == 1
        on.life.live(60.0)
        assert on.life.held() == [] and on.life.kinds() == set()
