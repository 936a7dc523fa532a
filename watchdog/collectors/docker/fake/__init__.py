"""A fake Docker Engine, shipped: an API 1.41 on a unix socket over a shared, mutable world of containers.

``FakeEngineWorld`` is what is true (add, run, stop, oom, remove containers; let the engine hang, answer 500, crash, restart) and
``FakeEngine`` serves it. The shapes of its answers are those of Docker Engine 20.10.24 and are compared with a real one in the tests.
"""

from __future__ import annotations

from watchdog.collectors.docker.fake.inventory import FakeContainer, FakeImage, Refusal
from watchdog.collectors.docker.fake.programs import ExecStreams
from watchdog.collectors.docker.fake.server import FakeEngine
from watchdog.collectors.docker.fake.world import FakeEngineWorld

__all__ = ["ExecStreams", "FakeContainer", "FakeEngine", "FakeEngineWorld", "FakeImage", "Refusal"]
