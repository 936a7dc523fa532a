"""The few parts of pyroute2 that are wanted, without the rest: its package imports all of itself, some 150 modules and 9 MiB.

So while the parts are imported, a bare package stands in its place. Whoever imports pyroute2 later gets the whole one.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_NAME = "pyroute2"


@contextmanager
def _bare_package() -> Iterator[None]:
    spec = importlib.util.find_spec(_NAME) if _NAME not in sys.modules else None
    if spec is None or spec.submodule_search_locations is None:
        yield  # the whole one is there already
        return
    bare = ModuleType(_NAME)
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules[_NAME] = bare
    try:
        yield
    finally:
        del sys.modules[_NAME]


with _bare_package():
    from pyroute2.netlink import NETLINK_ROUTE
    from pyroute2.netlink.exceptions import NetlinkError
    from pyroute2.netlink.generic import AsyncGenericNetlinkSocket, GenericNetlinkSocket
    from pyroute2.netlink.generic.wireguard import wgmsg
    from pyroute2.netlink.nlsocket import NetlinkSocket

__all__ = ["NETLINK_ROUTE", "AsyncGenericNetlinkSocket", "GenericNetlinkSocket", "NetlinkError", "NetlinkSocket", "wgmsg"]
