"""What the panel's ini, its .conf files and its error log say, parsed; pure. A whitelist: passwords and private keys are never taken.

Sources: DashboardConfig.py (the ini), WireguardConfiguration.py getPeers (how the panel reads a .conf), dashboard.py (log lines).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from typing import Final

from watchdog.panels.wgdashboard.traces import Ini, Journal

OPTIONS: Final = {
    ("server", "dashboard_api_key"), ("server", "app_prefix"), ("server", "wg_conf_path"), ("server", "awg_conf_path"),
    ("database", "type"), ("wireguardconfiguration", "autostart"),
}  # fmt: skip
STARTED: Final = "Background Thread #1 Started"
THREAD_ID: Final = re.compile(r"Background Thread #1 PID:\s*(\d+)")
BROKEN: Final = "[WGDashboard] Background Thread #1 Error"
"""What a broken pass leaves. 4.3 logs it with a stray argument: "--- Logging error ---", a traceback, this as ``Message:``, then
``Arguments: (...)``; 4.2 prints it with the error's text, once per configuration, and goes on with the next."""
JOBS_BROKEN: Final = "Background Thread #2 Error"
"""4.3 sleeps inside the try only, so an error of thread 2 that lasts comes again at once: 350 kB/s of log were seen."""
OUTER: Final = "Message: "
ARGUMENTS: Final = re.compile(r"Arguments: \((\w+)")
DEVICE: Final = re.compile(r"\['a?wg', 'show', '([^']{1,15})'")
LOST_FILE: Final = re.compile(r"FileNotFoundError: .*/([^/']+)\.conf'")
"""The traceback before ``Message:`` names the file; ``Arguments:`` does not (seen on 4.3.3)."""
IN_THREAD: Final = re.compile(r"Exception in thread .*")
LAST_LINE: Final = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Iteration))\b(?::.*)?$")
THREADS: Final = {"peerInformationBackgroundThread": "died", "peerJobScheduleBackgroundThread": "jobs_died"}


def canonical(text: str) -> str:
    """Given one entry of AllowedIPs, return the network it means; what is no network comes back as it was, trimmed."""
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        return text.strip()


def networks(texts: Iterable[str]) -> frozenset[str]:
    """Given lists of AllowedIPs, comma separated or not, return the set of networks they mean."""
    return frozenset(canonical(entry) for text in texts for entry in text.split(",") if entry.strip())


def ini(text: str) -> Ini | None:
    """Given the ini, return what we may know of it; None when it has no [Server] section, as while it is being rewritten."""
    found: dict[tuple[str, str], str] = {}
    section, whole = "", False
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].lower()
            whole = whole or section == "server"
            continue
        key, separator, value = line.partition("=")
        name = (section, key.strip().lower())
        if separator and name in OPTIONS:
            found[name] = value.strip()
    if not whole:
        return None
    on, started = found.get(("server", "dashboard_api_key")), found.get(("wireguardconfiguration", "autostart"))
    return Ini(
        keys_enabled=None if on is None else on.lower() in ("true", "yes", "t", "y", "1"),
        prefix=found.get(("server", "app_prefix"), ""),
        wg_directory=found.get(("server", "wg_conf_path"), ""),
        awg_directory=found.get(("server", "awg_conf_path"), ""),
        autostart=None if started is None else tuple(name for name in started.split("||") if name),
        database=found.get(("database", "type"), "").lower(),
    )


def conf(text: str) -> dict[str, frozenset[str]]:
    """Given a WireGuard configuration, return its peers: public key -> networks. Of two sections with one key the last counts."""
    peers: dict[str, frozenset[str]] = {}
    key, allowed, inside = "", [""], False
    for raw in (*text.splitlines(), "[End]"):
        line = raw.partition("#")[0].partition(";")[0].strip()
        if line.startswith("["):
            if inside and key:
                peers[key] = networks(allowed)
            key, allowed, inside = "", [], line.lower() == "[peer]"
            continue
        name, _, value = line.partition("=")
        match name.strip().lower():
            case "publickey":
                key = value.strip()
            case "allowedips":
                allowed.append(value)
    return peers


class JournalReader:
    """Reads the lines of one error log in order; ``journal`` is what they have told so far. Kept between looks, fed with what is new."""

    def __init__(self) -> None:
        self.journal = Journal()
        self._thread = ""
        self._broken = False
        self._lost = ""

    def feed(self, lines: Iterable[str], at: float) -> None:
        """Take more lines, all of them written at ``at`` (UNIX seconds) or before."""
        for line in lines:
            self._take(line, at)

    def _take(self, line: str, at: float) -> None:
        if STARTED in line:
            self.__init__()  # type: ignore[misc]  # a new worker in the same file: what the last one did is over
            return
        if found := THREAD_ID.search(line):
            self.journal = replace(self.journal, thread=int(found[1]))
        if JOBS_BROKEN in line:
            self.journal = replace(self.journal, jobs_broken=self.journal.jobs_broken + 1)
        if found := LOST_FILE.search(line):
            self._lost = found[1]
        if BROKEN in line:
            self._broken = line.startswith(OUTER)
            passes = self.journal.broken_passes + 1
            self.journal = replace(self.journal, broken_passes=passes, broken_at=at, broken_by="", broken_device="")
        elif self._broken and (found := ARGUMENTS.match(line)):
            device = DEVICE.search(line)
            name = device[1] if device else self._lost if found[1] == "FileNotFoundError" else ""
            self.journal = replace(self.journal, broken_by=found[1], broken_device=name)
            self._broken, self._lost = False, ""
        self._follow(line)

    def _follow(self, line: str) -> None:
        """Follow the traceback of a thread that ended: its first line names the thread, its last line, not indented, the error."""
        if IN_THREAD.match(line):
            self._thread = next((field for name, field in THREADS.items() if name in line), "unknown")
            return
        if not self._thread:
            return
        if self._thread == "unknown":
            self._thread = next((field for name, field in THREADS.items() if name in line), "unknown")
        if line[:1].isspace() or not (found := LAST_LINE.match(line)):
            return
        if self._thread == "died":
            self.journal = replace(self.journal, died=found[1])
        elif self._thread == "jobs_died":
            self.journal = replace(self.journal, jobs_died=found[1])
        self._thread = ""
