"""WireGuard as it is: kernel devices by netlink, userspace devices by their UAPI sockets. No program is started.

Rooms: ``wire`` (netlink sockets, raw bytes with a deadline), ``netlink`` (the kernel's links and devices), ``decode`` (bytes of a dump ->
devices, pure), ``uapi`` (the daemons' sockets), ``parse`` (one answer -> a device, pure), ``keys`` (its public key), ``trust`` (what
outlives one look: clock jumps, endpoint changes), ``comments`` (a configuration file -> names, pure), ``files`` (which files, read with
bounds), ``naming`` (panel, file or settings: who names a peer, and which are expected), ``collector`` (all of it), ``metrics`` (the table),
``compat`` (the tables of two other exporters), ``fake`` (daemons made up, shipped).
"""
