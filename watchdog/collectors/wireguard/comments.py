"""One configuration file -> what it calls its peers. Pure.

Read are wg-quick's files (``[Peer]``) and systemd-networkd's (``[WireGuardPeer]``), whose comments are where people and panels write names:

- ``# friendly_name=NAME`` and ``# friendly_json={...}`` (MindFlavor/prometheus_wireguard_exporter 3.6.6, README "Friendly tags"), below
  ``[Peer]`` as there, and above it too;
- what common set-up scripts and panels write: ``# Client: NAME (uuid)``, ``### Client NAME``, ``# BEGIN_PEER NAME``,
  ``### begin NAME ###``, ``# Name: NAME``, ``#Name# = NAME``;
- else the first plain comment of a block, or above it with no empty line between.

Private and preshared keys are cut out of the bytes before any text is made of them, in comments too, and nothing that looks like a key can
become a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from watchdog.model.wireguard import NameSource, PeerName

LONGEST = 128  # characters of a name
_LONGEST_COMMENT = 4096
_SECRET_LINE = re.compile(rb"^[^\n]*(?:private|preshared)[ \t_-]*key[^\n]*", re.IGNORECASE | re.MULTILINE)
_PUBLIC_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_LIKE_A_KEY = re.compile(r"[A-Za-z0-9+/]{43}=|[0-9a-fA-F]{64}")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_MARKS = (
    re.compile(r"client:\s*(.+?)(?:\s*\([0-9a-fA-F-]{36}\))?", re.IGNORECASE),
    re.compile(r"client\s+(\S+)", re.IGNORECASE),
    re.compile(r"begin_peer\s+(.+)", re.IGNORECASE),
    re.compile(r"begin\s+(.+?)\s*#+", re.IGNORECASE),
    re.compile(r"name#?\s*[:=]\s*(.+)", re.IGNORECASE),
)
_END_MARK = re.compile(r"end_peer\b.*|end\s+.+\s#+", re.IGNORECASE)
_SETTING = re.compile(r"[\w-]+#?\s*=.*", re.DOTALL)  # a line that somebody switched off
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_TAKEN_LABELS = frozenset({"interface", "public_key", "allowed_ips", "remote_ip", "remote_port"})
_PEER_SECTIONS = frozenset({"peer", "wireguardpeer"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One peer of a file: its public key, or the file its key stands in; and its name, None = nobody wrote one."""

    public_key: str
    key_file: str
    name: PeerName | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file. ``device`` is the one it configures; None = it is a piece without a section of its own, good for any device."""

    device: str | None
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class _Block:
    """One peer. ``near`` is how many of the comments ``inside`` come before the first empty line below its key; None = all so far."""

    above: list[str]
    inside: list[str] = field(default_factory=list)
    public_key: str = ""
    key_file: str = ""
    near: int | None = None

    def empty_line(self) -> None:
        """Note that what follows is no longer close to the peer's settings."""
        if self.near is None and (self.public_key or self.key_file):
            self.near = len(self.inside)


def read_sheet(content: bytes | bytearray, file_name: str) -> Sheet:
    """Given a file's content and its name (without its ending it is wg-quick's device), return what it calls its peers."""
    text = _SECRET_LINE.sub(b"", content).decode("utf-8", "replace")
    reader = _Reader(file_name.rpartition(".")[0] or file_name)
    for line in text.splitlines():
        reader.take(line.strip())
    return Sheet(reader.device, tuple(_entry(block) for block in reader.finished() if block.public_key or block.key_file))


class _Reader:
    """Goes through the lines; keeps the comments of each peer's block, and those that touch the next header from above."""

    def __init__(self, stem: str) -> None:
        self.device: str | None = None
        self._stem = stem
        self._section = ""
        self._blocks: list[_Block] = []
        self._block: _Block | None = None
        self._run: list[str] = []
        self._dead = self._muted = False

    def take(self, line: str) -> None:
        if not line:
            self._run, self._dead = [], False
            if self._block is not None:
                self._block.empty_line()
        elif line[0] in "#;":
            self._comment(line[:_LONGEST_COMMENT].lstrip("#;").strip())
        elif line[0] == "[":
            self._header(line.partition("]")[0][1:].strip().lower())
        else:
            self._setting(line)

    def finished(self) -> list[_Block]:
        """Return all blocks. What stands between two peers, touching the lower header, is in both of them: here it is given to one."""
        above_is_the_custom = bool(self._blocks) and _marked(self._blocks[0].above) is not None
        for upper, lower in zip(self._blocks, self._blocks[1:], strict=False):
            between = lower.above
            if not between or upper.inside[-len(between) :] != between:
                continue
            if _marked(lower.inside) is not None or (_marked(between) is not None and not above_is_the_custom):
                lower.above = []
            else:
                del upper.inside[-len(between) :]
        return self._blocks

    def _comment(self, text: str) -> None:
        if text.startswith("["):  # a whole peer was switched off: what follows is about that one
            self._dead, self._muted, self._run = True, True, []
        if self._dead:
            return
        self._run.append(text)
        if self._block is not None and not self._muted:
            self._block.inside.append(text)

    def _header(self, section: str) -> None:
        self._section, self._block, self._dead, self._muted = section, None, False, False
        if section in _PEER_SECTIONS:
            self._block = _Block(above=self._run)
            self._blocks.append(self._block)
        elif section == "interface":
            self.device = self._stem
        self._run = []

    def _setting(self, line: str) -> None:
        self._run, self._dead = [], False
        key, _, rest = line.partition("=")
        value, mark, remark = rest.partition("#")
        key, value = key.strip().lower(), value.strip()
        if self._section == "netdev" and key == "name":
            self.device = value
        if self._block is None:
            return
        if key == "publickey" and _PUBLIC_KEY.fullmatch(value):
            self._block.public_key = value
        elif key == "publickeyfile":
            self._block.key_file = value
        if mark and not self._muted:
            self._block.inside.append(remark.strip())


def _entry(block: _Block) -> Entry:
    name = _marked(block.inside) or _marked(block.above) or _plain(block.inside[: block.near]) or _plain(block.above)
    return Entry(block.public_key, block.key_file, name)


def _marked(comments: Iterable[str]) -> PeerName | None:
    """Return the name that says of itself that it is one; of several friendly ones the last counts, as for their inventor."""
    friendly, other = None, None
    for comment in comments:
        key, equals, value = comment.partition("=")
        if equals and key.strip() == "friendly_name":
            friendly = peer_name(value) or friendly
        elif equals and key.strip() == "friendly_json":
            friendly = _of_json(value) or friendly
        elif other is None:
            found = (mark.fullmatch(comment) for mark in _MARKS)
            other = next((peer_name(match[1]) for match in found if match), None)
    return friendly or other


def _plain(comments: Iterable[str]) -> PeerName | None:
    for comment in comments:
        if any(char.isalnum() for char in comment) and not _END_MARK.fullmatch(comment) and not _SETTING.fullmatch(comment):
            found = peer_name(comment)
            if found is not None:
                return found
    return None


def _of_json(text: str) -> PeerName | None:
    """Return the name of a flat JSON object: its labels, and of these the one that sounds like a name. None for any other JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    labels = dict(sorted(_labels(found)))
    named = next((labels[key] for key in ("friendly_name", "name", "username") if labels.get(key)), None)
    first = named or next((value for value in labels.values() if any(char.isalpha() for char in value)), None)
    name = peer_name(first or next(iter(labels.values()), ""))
    return PeerName(name.text, name.source, tuple(labels.items())) if name is not None else None


def _labels(found: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield what can be a label: the inventor writes any key, and Prometheus then refuses the whole scrape."""
    for key, value in found.items():
        if not _LABEL.fullmatch(key) or key in _TAKEN_LABELS or key.startswith(("allowed_ip_", "allowed_subnet_")):
            continue
        match value:
            case bool():
                yield key, str(value).lower()
            case str() | int() | float():
                name = peer_name(str(value))
                if name is not None:
                    yield key, name.text


def peer_name(text: str, source: NameSource = "file") -> PeerName | None:
    """Given what somebody wrote, return it as a name in one line of bounded length, or None if it says nothing or looks like a key."""
    clean = _BLANKS.sub(" ", text).strip()[:LONGEST].strip()
    return PeerName(clean, source) if clean and not _LIKE_A_KEY.search(text) else None
