"""A bucket on the fake S3 server, and our side of it, with credentials in files and a clock that a test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchdog.model.moments import Moment
from watchdog.panels.sysreptor.fake import ACCESS_KEY, SECRET_KEY, FakeBucket
from watchdog.runtime.buckets import Bucket, Keys
from watchdog.runtime.clock import SystemClock


@dataclass
class Shifted(SystemClock):
    """The real clock, whose wall is ``ahead`` seconds off."""

    ahead: float = 0.0

    def now(self) -> Moment:
        real = super().now()
        return Moment(real.wall + self.ahead, real.mono)


def keys(folder: Path, *, access: str = ACCESS_KEY, secret: str = SECRET_KEY, token: str = "") -> Keys:
    paths = {name: folder / f"s3.{name}" for name in ("access", "secret", "token")}
    for name, value in (("access", access), ("secret", secret), ("token", token)):
        paths[name].write_text(value + "\n", encoding="ascii")
    return Keys(paths["access"], paths["secret"], paths["token"] if token else None)


@dataclass
class Counted:
    """What was observed of exchanges."""

    results: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, operation: str, result: str) -> None:
        self.results.append((operation, result))


def bucket(server: FakeBucket, folder: Path, **changes: Any) -> Bucket:
    whole: dict[str, Any] = {"clock": Shifted(), "region": server.world.region, "seconds": 60.0}
    credential = changes.pop("keys", None) or keys(folder)
    return Bucket(changes.pop("url", server.url), changes.pop("name", server.world.name), credential, **(whole | changes))
