"""The JSON bodies of the fake's answers; they are compared with the recordings by a test. Secrets are in them, as in the real ones."""

from __future__ import annotations

import json
from typing import Any, Final

from watchdog.panels.wgdashboard.fake.jobs import FakeJob
from watchdog.panels.wgdashboard.fake.store import Row
from watchdog.panels.wgdashboard.fake.worker import FakeConfiguration, FakeWorker

_FROM_FILE: Final = ("Address", "ListenPort", "PostDown", "PostUp", "PreDown", "PreUp", "PrivateKey", "Table")
INFO: Final = {
    "Description": "",
    "OverridePeerSettings": {
        "DNS": "", "EndpointAllowedIPs": "", "ListenPort": "", "MTU": "", "PeerRemoteEndpoint": "", "PersistentKeepalive": "",
    },
    "PeerGroups": {}, "PeerHistoricalEndpointTracking": True, "PeerTrafficTracking": True,
}  # fmt: skip
"""v433/getWireguardConfigurationInfo_wgs00.json."""


def envelope(data: object = None, message: str | None = None, *, status: bool = True) -> bytes:
    """Return a body, keys sorted, as Flask writes it (v433/nokey.txt)."""
    body = {"status": status, "message": message, "data": data}
    return (json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True) + "\n").encode()


def configuration(item: FakeConfiguration, worker: FakeWorker) -> dict[str, Any]:
    """Return one configuration (getWireguardConfigurations.json of both releases): DataUsage sums up what its peers have in memory."""
    peers = item.peers
    usage = {
        label: sum((row[f"cumu_{which}"] or 0) + (row[f"total_{which}"] or 0) for row in peers)
        for label, which in (("Total", "data"), ("Sent", "sent"), ("Receive", "receive"))
    }
    body: dict[str, Any] = {key: item.interface.get(key, "") for key in _FROM_FILE}
    body |= {
        "Name": item.name, "Status": worker.up(item.name), "Protocol": "wg", "PublicKey": item.public_key or None,
        "SaveConfig": item.interface.get("SaveConfig", "").lower() == "true", "DataUsage": usage, "TotalPeers": len(peers),
        "ConnectedPeers": sum(row["status"] == "running" for row in peers),
    }  # fmt: skip
    return body | ({"Info": INFO} if worker.release.newer else {})


def peer(row: Row, whole: dict[str, Any], jobs: list[FakeJob]) -> dict[str, Any]:
    """Return one peer, with its whole configuration in it once more (getWireguardConfigurationInfo_wgs00.json of both releases)."""
    return {**row, "configuration": whole, "jobs": [job_of(job) for job in jobs if job.peer == row["id"]], "ShareLink": []}


def job_of(job: FakeJob) -> dict[str, Any]:
    """Return one job (PeerJob.py, toJson)."""
    return {
        "JobID": job.id, "Configuration": job.configuration, "Peer": job.peer, "Field": job.field, "Operator": job.operator,
        "Value": job.value, "CreationDate": "2026-11-20 18:00:00", "ExpireDate": None, "Action": job.action,
    }  # fmt: skip


def info(item: FakeConfiguration, worker: FakeWorker) -> dict[str, Any]:
    """Return the data of ``getWireguardConfigurationInfo``."""
    whole = configuration(item, worker)
    jobs = [job for job in worker.jobs if job.configuration == item.name]
    return {
        "configurationInfo": whole,
        "configurationPeers": [peer(row, whole, jobs) for row in item.peers],
        "configurationRestrictedPeers": [peer(row, whole, jobs) for row in item.restricted],
    }


def page(code: int, title: str) -> bytes:
    """Return one of Flask's own HTML pages (contract section 1.1)."""
    return f"<!doctype html>\n<html lang=en>\n<title>{code} {title}</title>\n<h1>{title}</h1>\n".encode()
