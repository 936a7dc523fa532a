"""Bytes of netlink attributes -> the texts of endpoints and allowed ranges. Pure.

Two paths to the same values: the layout that kernels really write is unpacked in one go, anything else is walked attribute by attribute.
"""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6, inet_ntop

Buffer = bytes | bytearray | memoryview

TYPE = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
HEADER = struct.Struct("=HH")
_A_FAMILY, _A_ADDRESS, _A_MASK = 1, 2, 3

_attribute = HEADER.unpack_from
_u16 = struct.Struct("=H").unpack_from
_u32 = struct.Struct("=I").unpack_from
_port = struct.Struct(">H").unpack_from

# one allowed-ip as get_allowedips() writes it: nest, mask, family, address
_ALLOWED_4 = struct.Struct("=HH HH B 3x HH H 2x HH 4s")
_ALLOWED_6 = struct.Struct("=HH HH B 3x HH H 2x HH 16s")
_HEADERS_4 = (28, 5, 3, 6, 1, AF_INET, 8, 2)
_HEADERS_6 = (40, 5, 3, 6, 1, AF_INET6, 20, 2)


def attributes(data: Buffer, offset: int, end: int) -> list[tuple[int, int, int]]:
    """Return (type, begin, end) of each attribute between ``offset`` and ``end``."""
    found = []
    while offset + 4 <= end:
        length, kind = _attribute(data, offset)
        if length < 4 or offset + length > end:  # noqa: PLR2004  # the attribute's own header
            raise ValueError(f"an attribute of {length} bytes at {offset} of {end}")
        found.append((kind & TYPE, offset + 4, offset + length))
        offset += (length + 3) & ~3
    return found


def endpoint_text(data: bytes) -> str | None:
    """Return ``host:port`` of a sockaddr_in or sockaddr_in6, None for another family or nothing."""
    if not data:
        return None
    family = _u16(data, 0)[0]
    port = _port(data, 2)[0]
    if family == AF_INET and len(data) >= 8:  # noqa: PLR2004  # family, port, address
        return f"{inet_ntop(AF_INET, data[4:8])}:{port}"
    if family == AF_INET6 and len(data) >= 28:  # noqa: PLR2004  # sockaddr_in6
        scope = _u32(data, 24)[0]
        zone = f"%{scope}" if scope else ""
        return f"[{inet_ntop(AF_INET6, data[8:24])}{zone}]:{port}"
    return None


def allowed_texts(data: bytes) -> tuple[str, ...]:
    """Return the CIDR texts of a nest of allowed-ips, in its order. Raise ValueError for what cannot be."""
    found = []
    offset, end = 0, len(data)
    while offset + 4 <= end:
        length, _kind = _attribute(data, offset)
        if length < 4 or offset + length > end:  # noqa: PLR2004  # the attribute's own header
            raise ValueError(f"an allowed-ip of {length} bytes at {offset} of {end}")
        if length == 28:  # noqa: PLR2004  # _ALLOWED_4
            size, _nest, a, b, mask, c, d, family, e, f, address = _ALLOWED_4.unpack_from(data, offset)
            usual = (size, a, b, c, d, family, e, f) == _HEADERS_4
        elif length == 40:  # noqa: PLR2004  # _ALLOWED_6
            size, _nest, a, b, mask, c, d, family, e, f, address = _ALLOWED_6.unpack_from(data, offset)
            usual = (size, a, b, c, d, family, e, f) == _HEADERS_6
        else:
            usual = False
        found.append(f"{inet_ntop(family, address)}/{mask}" if usual else _any_allowed(data, offset + 4, offset + length))
        offset += (length + 3) & ~3
    return tuple(found)


def _any_allowed(data: Buffer, offset: int, end: int) -> str:
    family, address, mask = 0, b"", 0
    for kind, begin, stop in attributes(data, offset, end):
        if kind == _A_FAMILY:
            family = _u16(data, begin)[0]
        elif kind == _A_ADDRESS:
            address = bytes(data[begin:stop])
        elif kind == _A_MASK:
            mask = data[begin]
    if family not in (AF_INET, AF_INET6):
        raise ValueError(f"an allowed-ip of family {family}")
    return f"{inet_ntop(family, address)}/{mask}"
