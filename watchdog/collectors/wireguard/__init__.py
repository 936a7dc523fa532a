"""WireGuard as it is: kernel devices by netlink, userspace devices by their UAPI sockets. No program is started.

Rooms: ``decode`` (bytes of a kernel dump -> devices, pure), ``netlink`` (the sockets of the kernel), ``uapi`` (the sockets of the daemons),
``parse`` (one UAPI answer -> a device, pure), ``trust`` (what outlives one look: clock jumps, endpoint changes), ``collector`` (all of it),
``metrics`` (the table), ``fake`` (daemons made up for the demo and tests).
"""
