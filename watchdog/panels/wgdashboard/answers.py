"""The JSON shapes of the panel's answers, turned into frozen values; a whitelist, so that no key but a public one comes along. Pure.

Part of the client: these two modules are the only ones that know what an answer looks like. Every function raises MalformedAnswer naming
the field when an answer has not the promised shape (contract sections 1.1 and 1.4; recordings/wgdashboard).
"""

from __future__ import annotations

import re
from typing import Final

from watchdog.errors import MalformedAnswer, Refused
from watchdog.model.moments import Moment
from watchdog.panels.wgdashboard.texts import canonical
from watchdog.panels.wgdashboard.view import Configuration, Handshake, Job, Peer, Sampling
from watchdog.runtime import shapes
from watchdog.runtime.shapes import LONGEST_NAME, Json

GIB: Final = 1 << 30
_AGE: Final = re.compile(r"(?:(-?\d{1,6}) days?, )?(\d{1,2}):(\d\d):(\d\d)")
_NOWHERE: Final = frozenset({"", "N/A", "(none)"})


class SaidNo(Refused):
    """The panel answered 200 with ``status`` false."""


def envelope(body: object, operation: str) -> object:
    """Given a decoded answer ``{status, message, data}``, return its data.

    Raises SaidNo when ``status`` is false, which comes with code 200 (contract section 1.1). The message is dropped: it may be the output
    of wg-quick, which quotes lines of the configuration file.
    """
    whole = shapes.mapping(body, "answer")
    if not isinstance(whole.get("status"), bool) or "data" not in whole:
        raise MalformedAnswer("the answer is not a WGDashboard envelope {status, message, data}: is this the panel's address?")
    if whole["status"] is False:
        raise SaidNo(f"{operation}: the panel answered status false")
    return whole["data"]


def message(body: object) -> str:
    """Given a decoded answer, return its message; "" when it has none."""
    return str(body.get("message") or "") if isinstance(body, dict) else ""


def version(data: object) -> str:
    """Given the data of ``getDashboardVersion``, return it as it is ("v4.3.3")."""
    if not isinstance(data, str) or not data or len(data) > LONGEST_NAME or not data.isprintable():
        raise MalformedAnswer("the version is not text")
    return data


def names(data: object) -> tuple[str, ...]:
    """Given the data of ``clients/allConfigurationsPeers``, return the configurations' names; JSON sorts them, not the panel's memory."""
    return tuple(shapes.name(name, "configuration") for name in shapes.mapping(data, "allConfigurationsPeers"))


def configuration(data: object, name: str, read_at: Moment) -> Configuration:
    """Given the data of ``getWireguardConfigurationInfo`` for ``name``, return the configuration with its peers."""
    whole = shapes.mapping(data, "configuration")
    info = shapes.mapping(shapes.member(whole, "configurationInfo", "configuration"), "configurationInfo")
    if shapes.text(info, "Name", "configurationInfo") != name:
        raise MalformedAnswer(f"asked for the configuration '{name}', got another")
    port = shapes.text(info, "ListenPort", "configurationInfo")
    return Configuration(
        name=name,
        read_at=read_at,
        up=shapes.flag(info, "Status", "configurationInfo"),
        protocol=shapes.text(info, "Protocol", "configurationInfo"),
        addresses=_split(shapes.optional_text(info, "Address")),
        listen_port=int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None,  # noqa: PLR2004  # 65535
        public_key=shapes.optional_text(info, "PublicKey"),
        save_config=shapes.flag(info, "SaveConfig", "configurationInfo"),
        peers_total=shapes.optional_number(info, "TotalPeers") or 0,
        peers_connected=shapes.optional_number(info, "ConnectedPeers") or 0,
        peers=_peers(whole, "configurationPeers", name, restricted=False),
        restricted=_peers(whole, "configurationRestrictedPeers", name, restricted=True),
    )


def handshake(text: str) -> Handshake:
    """Given a peer's ``latest_handshake``, return it: N/A, No Handshake, or ``str(timedelta)`` without its fraction."""
    if text == "N/A":
        return Handshake(Sampling.NEVER_SAMPLED, None, text)
    if text == "No Handshake":
        return Handshake(Sampling.NO_HANDSHAKE, None, text)
    match = _AGE.fullmatch(text)
    if match is None:
        return Handshake(Sampling.UNREADABLE, None, text[:LONGEST_NAME])
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return Handshake(Sampling.AGED, days * 86400 + hours * 3600 + minutes * 60 + seconds, text)


def networks(text: str) -> frozenset[str]:
    """Given allowed IPs separated by commas, with or without spaces, return them in canonical text; what is no network stays as it is."""
    return frozenset(canonical(part) for part in _split(text) if part not in _NOWHERE)


def _peers(whole: Json, key: str, name: str, *, restricted: bool) -> tuple[Peer, ...]:
    items = shapes.listing(shapes.member(whole, key, "configuration"), key)
    found = (_peer(shapes.mapping(item, f"{key}[]"), name, restricted=restricted) for item in items)
    return tuple(sorted(found, key=lambda peer: peer.public_key))


def _peer(item: Json, name: str, *, restricted: bool) -> Peer:
    endpoint = shapes.optional_text(item, "endpoint").strip()
    return Peer(
        configuration=name,
        public_key=shapes.name(shapes.member(item, "id", "peer"), "peer.id"),
        name=shapes.optional_text(item, "name"),
        running=_running(item),
        handshake=handshake(shapes.text(item, "latest_handshake", "peer")),
        endpoint=None if endpoint in _NOWHERE else endpoint,
        allowed_ips=networks(shapes.optional_text(item, "allowed_ip")),
        rx_bytes=_bytes(item, "total_receive"),
        tx_bytes=_bytes(item, "total_sent"),
        cumulative_rx_bytes=_bytes(item, "cumu_receive"),
        cumulative_tx_bytes=_bytes(item, "cumu_sent"),
        restricted=restricted,
        jobs=tuple(_job(shapes.mapping(job, "peer.jobs[]")) for job in shapes.listing(item.get("jobs") or [], "peer.jobs")),
    )


def _running(item: Json) -> bool:
    status = shapes.text(item, "status", "peer")
    if status not in {"running", "stopped"}:
        raise MalformedAnswer("peer.status is neither running nor stopped")
    return status == "running"


def _job(item: Json) -> Job:
    # Value is text in the database, but the panel takes what it is given (PeerJob.py)
    value = item.get("Value")
    return Job(
        id=shapes.text(item, "JobID", "job"),
        field=shapes.text(item, "Field", "job"),
        operator=shapes.text(item, "Operator", "job"),
        value=str(value) if isinstance(value, str | int | float) else "",
        action=shapes.text(item, "Action", "job"),
    )


def _bytes(item: Json, key: str) -> int:
    """Return a number of GiB as bytes, exactly: the panel divided whole bytes by 2^30."""
    value = item.get(key)
    if value is None:
        return 0  # a column that was never filled
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < GIB * GIB:
        raise MalformedAnswer(f"peer.{key} is not a number of GiB")
    return round(value * GIB)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
