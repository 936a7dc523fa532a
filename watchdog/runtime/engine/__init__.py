"""The Docker Engine on the wire: the only importer of docker-py.

``Engine`` is two doors of ``watchdog.model.engines``, reading and acting; ``Builder`` is the third, for rehearsals.

docker-py is used for what it does well (URLs, unix sockets, TLS files, API versions) and kept from what hurts: its timeout is per read, so
each exchange here has one monotonic deadline that shuts the socket down; answers are capped; nothing connects at construction.
"""

from __future__ import annotations

from watchdog.runtime.engine.building import Builder
from watchdog.runtime.engine.client import TlsFiles
from watchdog.runtime.engine.engine import Engine

__all__ = ["Builder", "Engine", "TlsFiles"]
