"""WireGuard as it is: kernel devices by netlink, userspace devices by their UAPI sockets. No program is started.

Rooms: ``wire`` (netlink sockets, raw bytes with a deadline), ``netlink`` (the kernel's links and devices), ``decode`` (bytes of a dump ->
devices, pure), ``uapi`` (the daemons' sockets), ``parse`` (one answer -> a device, pure), ``keys`` (its public key), ``trust`` (what
outlives one look: clock jumps, endpoint changes), ``collector`` (all of it), ``metrics`` (the table), ``fake`` (daemons made up, shipped).
"""
