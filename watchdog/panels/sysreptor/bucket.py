"""The wire to the bucket in which backups land: listed every ``s3.every``, remembered in between. Reads names only."""

from __future__ import annotations

from typing import Final

from watchdog.model.buckets import BucketLook
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.panels.sysreptor.bucket_settings import S3Settings
from watchdog.panels.sysreptor.view import PANEL_NAME
from watchdog.runtime.buckets import OPERATIONS, Bucket, Keys, Which
from watchdog.runtime.http import Tls, counted

LOOK_FACTOR: Final = 2.0
"""A look may take so many times what one request may."""
PASSING: Final = frozenset({"Cut", "DeadlinePassed", "MalformedAnswer", "ServerFault", "Throttled", "Unreachable"})
"""Failures that say nothing of the next try; what is forbidden or missing stays so until a person has done something."""


class BucketReader:
    """Looks at one bucket, seldom. Not safe for several threads at once: the client that asks has one turn at a time."""

    def __init__(self, settings: S3Settings, bucket: Bucket, clock: Clock) -> None:
        self._settings = settings
        self._bucket = bucket
        self._clock = clock
        self._which = Which(settings.prefix, settings.pattern, settings.max_objects, settings.uploads)
        self._look: BucketLook | None = None
        self._asked = 0.0

    def read(self, until: float) -> BucketLook:
        """Return what is known of the bucket, asking when that is due. ``until`` is monotonic. Raises nothing of the house's errors."""
        now = self._clock.now().mono
        if self._look is None or now - self._asked >= self._settings.every:
            whole = self._settings.timeout * LOOK_FACTOR
            self._look = self._bucket.look(self._which, min(whole, until - now))
            # neither a panel that took nearly all the time of this look nor a passing failure may leave the bucket unseen beyond the next
            again = until - now < whole or not PASSING.isdisjoint({self._look.objects_error, self._look.uploads_error})
            self._asked = now - self._settings.every if again else now
        return self._look

    def close(self) -> None:
        """Give back connections."""
        self._bucket.close()


def connect(target: str, settings: S3Settings, clock: Clock, instruments: Instruments) -> BucketReader:
    """Build the reader of one target's bucket; no I/O yet, keys are read anew for each request."""
    bucket = Bucket(
        settings.url,
        settings.bucket,
        Keys(settings.access_key_file, settings.secret_key_file, settings.session_token_file),
        clock=clock,
        region=settings.region,
        style=settings.style,
        seconds=settings.timeout,
        observe=counted(instruments, PANEL_NAME, target, OPERATIONS),
        tls=Tls(ca_file=settings.ca_file, insecure=not settings.verify_tls),
    )
    return BucketReader(settings, bucket, clock)
