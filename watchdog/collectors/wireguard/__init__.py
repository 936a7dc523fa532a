"""WireGuard as it is: kernel devices by netlink, userspace devices by their UAPI sockets. No program is started.

Rooms: ``wire`` (netlink sockets, raw bytes with a deadline), ``netlink`` (the kernel's links and devices), ``decode`` and ``addresses``
(bytes of a dump -> devices, pure), ``doors`` and ``uapi`` (the daemons' sockets), ``parse`` (one answer -> a device, pure), ``peers``
(made fast), ``keys`` (a device's public key), ``places``, ``entering`` and ``elsewhere`` (other network namespaces, containers), ``trust``
(what outlives one look: clock jumps, endpoint changes), ``comments`` (a configuration file -> names, pure), ``files`` (which files, read
with bounds), ``naming`` (panel, file or settings: who names a peer, and which are expected), ``collector`` (all of it), ``metrics`` and
``namespaces`` (the tables), ``compat`` (the tables of two other exporters), ``fake`` (daemons made up, shipped).
"""
