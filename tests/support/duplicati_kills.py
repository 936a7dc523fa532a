"""Pauses under kills: a seed makes orders, restarts of the server and deaths of ours at step boundaries; the laws are the same for all.

A death here is an exception that nothing of ours catches, at a boundary that the runner marks (admitted, intended, around each step, acted,
outcome_written, verdict_written) or between two turns; the next life begins on the ledger as it was left.
"""

import random
import socket

from tests.support.duplicati_stage import RESUME, TARGET, stage
from watchdog.model.pauses import PauseOrder

RELEASES = ("2.1.0.3", "2.1.0.5", "2.2.0.1", "2.2.0.3", "2.3.0.4")
SLACK = 5.0
"""Seconds from a start, of ours or of the server, within which a pause must really stand again."""


BY_ITSELF = 60.0
"""Seconds after its end within which a pause must be over, however often we died: the longest lease that is posted here, and some."""
AFTER_DEATH = 15.0
"""The same after a death in the middle of a repair: that one is in doubt until a look has judged it."""
NO_PROCESS = 5_000_000
"""More than any process number of Linux."""


class Killed(BaseException):
    """We die here."""


class Knife:
    """Kills at the ``at``-th boundary from now on; None = never."""

    def __init__(self):
        self.left = None
        self.marks = []

    def __call__(self, name):
        self.marks.append(name)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed(name)


class Trial:
    """One seed: what it did, for the laws."""

    def __init__(self, on, seed, late=SLACK):
        self.on, self.dice, self.knife, self.late = on, random.Random(seed), Knife(), late
        self.orders, self.deaths, self.restarts, self.lives = 0, 0, 0, 0
        self.settled_at = 0.0
        on.end()
        self.begin()

    def begin(self):
        """Begin a life whose leases a later one may take back: no process has its number."""
        self.lives += 1
        self.on.begin(on_step=self.knife, holder=f"{socket.gethostname()}/{NO_PROCESS + self.lives}/life")

    def live(self, seconds):
        """Let time pass in small steps, checking at each; die where the knife says so, and come back."""
        until = self.on.clock.now().mono + seconds
        while self.on.clock.now().mono < until:
            try:
                self.on.life.live(min(2.0 + 5 * self.dice.random(), until - self.on.clock.now().mono + 1e-3))
            except Killed:
                self.die()
                continue
            self.check()

    def die(self):
        """End this life, let some seconds pass, begin the next."""
        self.deaths += 1
        self.on.end()
        self.on.clock.advance(self.dice.choice([0.0, 0.4, 3.0, 11.0]))
        self.begin()
        self.settled_at = self.on.clock.now().mono + AFTER_DEATH
        self.knife.left = self.dice.choice([None, None, self.dice.randrange(12)])

    def restart(self):
        """Restart the server."""
        self.restarts += 1
        self.on.fake.kill() if self.dice.random() < 0.5 else self.on.fake.stop()
        self.turn()
        self.on.clock.advance(self.dice.choice([0.0, 1.0, 4.0]))
        self.on.fake.start()
        self.settled_at = max(self.settled_at, self.on.clock.now().mono + SLACK)

    def turn(self):
        try:
            self.on.life.turn()
        except Killed:
            self.die()

    def order(self):
        """Order a pause, or change the one that stands, or end it."""
        standing = self.on.life.pauses.standing(TARGET)
        self.knife.left = self.dice.choice([None, self.dice.randrange(14), self.dice.randrange(14)])
        try:
            if not standing:
                self.on.life.pauses.step()  # one that is over by the clock is still written as standing until its end is
                self.orders += 1
                self.on.life.order(length=self.dice.choice([6.0, 20.0, 45.5]))
            elif self.dice.random() < 0.5:
                self.on.life.pauses.resume(standing[0].id, "me")
            else:
                terms = PauseOrder(TARGET, "more", "me", length=self.dice.choice([4.0, 30.0]))
                self.on.life.pauses.change(standing[0].id, standing[0].version, terms)
        except Killed:
            self.die()
        self.settled_at = max(self.settled_at, self.on.clock.now().mono + SLACK)

    def end(self, pause_id):
        """Let a person end a pause."""
        try:
            self.on.life.pauses.resume(pause_id, "me")
        except Killed:
            self.die()

    def check(self):
        """What must hold at any moment at which nothing has just happened."""
        if self.on.clock.now().mono < self.settled_at:
            return
        facts = self.on.life.pauses.facts(TARGET)
        ends = [each.left for each in facts.standing]
        if any(left is None or left > 0.5 for left in ends):
            assert self.on.world.really_paused, f"lost: {self.story()}"
        ended = max((each.ended_at for each in facts.ended), default=0.0)
        if not facts.standing and self.on.clock.now().wall - ended > self.late:
            assert self.on.world.program == "Running", f"outlived: {self.story()}"

    def story(self):
        return {"posts": self.on.posts(), "resumes": self.on.resumes(), "ends": self.on.life.ends(), "marks": self.knife.marks[-8:]}


def trial(directory, seed, rounds=1, late=SLACK):
    """Live through one seed and assert every law; return the trial. ``late`` is how many seconds a pause may outlive its end."""
    directory.mkdir(parents=True, exist_ok=True)
    release = RELEASES[seed % len(RELEASES)]
    with stage(directory, release, interval=120.0, pulse="30s") as on:
        made = Trial(on, seed, late)
        made.live(1.0)
        for _ in range(rounds):
            made.order()
            made.live(made.dice.choice([0.5, 5.0, 12.0]))
            if made.dice.random() < 0.5:
                made.restart()
                made.live(made.dice.choice([0.5, 7.0]))
        rest = 0.0
        for each in on.life.pauses.facts(TARGET).standing:
            if each.left is None or each.left > 50.0 or made.dice.random() < 0.5:
                made.end(each.pause.id)
            else:
                rest = max(rest, each.left)
        made.live(rest + 2.0)
        made.knife.left = None
        made.live(AFTER_DEATH + 3.0)
        assert on.world.program == "Running" and on.life.held() == [] and on.life.kinds() == set(), made.story()
        kept = on.life.pauses.pauses(TARGET, ended=True)
        assert len(kept) == made.orders and all(each.ended_at is not None and each.end for each in kept), "each ended, once"
        resumes = len(on.sent(RESUME))
        assert resumes <= made.orders, f"a second resume: {made.story()}"
        assert all(str(each).removesuffix("s").isdigit() and 1 <= int(str(each)[:-1]) <= 43_200 for each in on.posts())
        return made


def two_lives(directory, seed, opened=None, rounds=3):
    """Two processes of ours watch one server over one ledger; either dies at any boundary and comes back. Return (deaths, orders)."""
    directory.mkdir(parents=True, exist_ok=True)
    dice, deaths, orders = random.Random(seed), 0, 0
    with stage(directory, RELEASES[seed % len(RELEASES)], interval=20.0, pulse="20s", opened=opened) as on:
        on.end()
        knives = [Knife(), Knife()]

        def life(number):
            return on.another(on_step=knives[number], holder=f"{socket.gethostname()}/{NO_PROCESS + dice.randrange(10**6)}/life")

        def turns():
            nonlocal deaths
            rests = []
            for number in dice.sample([0, 1], 2):
                try:
                    rests.append(lives[number].turn())
                except Killed:
                    deaths += 1
                    lives[number].close()
                    lives[number].ledger.close()
                    lives[number] = life(number)
            return min(rests, default=0.1)

        def live(seconds):
            until = on.clock.now().mono + seconds
            while (left := until - on.clock.now().mono) > 0:
                on.clock.advance(min(max(turns(), 0.1), left, 5.0))

        lives = [life(0), life(1)]
        on.life = lives[0]
        try:
            live(2.0)
            for _ in range(rounds):
                orders += 1
                for knife in knives:
                    knife.left = dice.choice([None, dice.randrange(20)])
                length = dice.choice([20.0, 40.0])
                end = lives[dice.randrange(2)].order(length=length).until
                live(16.0)
                assert on.world.really_paused, f"lost: {on.posts()}"
                if dice.random() < 0.6:
                    on.fake.kill()
                    turns()
                    on.clock.advance(1.0)
                    on.fake.start()
                live(max(0.0, end - on.clock.now().wall) + 20.0)
                assert on.world.program == "Running", "outlived"
            for knife in knives:
                knife.left = None
            live(30.0)
            kept = lives[0].pauses.pauses(TARGET, ended=True)
            assert len(kept) == orders and all(each.end == "expired" for each in kept)
            assert lives[0].held() == [] and on.resumes() <= orders
            assert len(on.posts()) <= orders * 8, f"they keep on at each other: {on.posts()}"
        finally:
            for each in lives:
                each.close()
                each.ledger.close()
            on.begin()
    return deaths, orders
