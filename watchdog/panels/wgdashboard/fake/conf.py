"""Configuration files as the panel reads and writes them (v4.3.3 WireguardConfiguration.py, __parseConfigurationFile and getPeers)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_PAIR = re.compile(r"\s*=\s*")
_NAME = "#Name# = "


class NoInterface(Exception):
    """The file has no ``[Interface]``: the panel leaves it out and says so in its log."""


@dataclass(slots=True)
class Conf:
    """A file: its ``[Interface]`` and its peers, each as the keys it has; a peer's ``name`` is that of the ``#Name#`` comment."""

    interface: dict[str, str] = field(default_factory=dict)
    peers: list[dict[str, str]] = field(default_factory=list)


def parse(text: str) -> Conf:
    """Given a file, return it. Raises NoInterface."""
    lines = [line.rstrip() for line in text.splitlines()]
    if "[Interface]" not in lines:
        raise NoInterface
    conf = Conf()
    section: dict[str, str] = {}
    for line in lines:
        if line == "[Interface]":
            section = conf.interface
        elif line == "[Peer]":
            section = {"name": ""}
            conf.peers.append(section)
        elif line.startswith(_NAME):
            section["name"] = line.removeprefix(_NAME)
        elif line and line[0] not in "#;" and len(parts := _PAIR.split(line, maxsplit=1)) > 1:
            key, value = parts
            # the panel joins what an [Interface] says twice, such as Address; of a peer's it takes the last
            joined = section is conf.interface and key in section
            section[key] = f"{section[key]}, {value}" if joined else value
    return conf


def write(interface: Mapping[str, str], peers: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    """Given an interface and peers (public key, name, allowed IPs), return a file."""
    lines = ["[Interface]", *(f"{key} = {value}" for key, value in interface.items()), ""]
    for key, name, allowed in peers:
        lines += ["[Peer]", *([f"{_NAME}{name}"] if name else []), f"PublicKey = {key}", f"AllowedIPs = {', '.join(allowed)}", ""]
    return "\n".join(lines)
