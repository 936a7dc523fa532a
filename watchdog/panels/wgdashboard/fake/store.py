"""The fake panel's folder, all real files: ``wg-dashboard.ini``, ``db/*.db`` (sqlite), ``log/error_*.log`` and the configuration files.

Tables and columns are those of the real ones (v4.2.3 dashboard.py:491; v4.3.3 WireguardConfiguration.py createDatabase and
DashboardLogger.py).
"""

from __future__ import annotations

import configparser
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from watchdog.panels.wgdashboard.fake.releases import Release

Settings = dict[str, dict[str, str]]
Row = dict[str, Any]

COLUMNS: Final = (
    "id", "private_key", "DNS", "endpoint_allowed_ip", "name", "total_receive", "total_sent", "total_data", "endpoint", "status",
    "latest_handshake", "allowed_ip", "cumu_receive", "cumu_sent", "cumu_data", "mtu", "keepalive", "notes", "remote_endpoint",
    "preshared_key",
)  # fmt: skip
_TYPES: Final = dict.fromkeys(("total_receive", "total_sent", "total_data", "cumu_receive", "cumu_sent", "cumu_data"), "FLOAT") | {
    "mtu": "INT",
    "keepalive": "INT",
}
HASH: Final = "$2b$12$fakefakefakefakefakefakefakefakefakefakefakefakefake"
"""Stands for the bcrypt hash that the real ini holds; nobody may take it along."""


def first_settings(release: Release, conf_path: Path) -> Settings:
    """Return the settings of a fresh installation (DashboardConfig.py)."""
    return {
        "Account": {"username": "admin", "password": HASH, "enable_totp": "false", "totp_key": "FAKETOTPKEY"},
        "Server": {
            "wg_conf_path": str(conf_path), "awg_conf_path": "/etc/amnezia/amneziawg", "app_prefix": "", "app_ip": "0.0.0.0",  # noqa: S104
            "app_port": "10086", "auth_req": "true", "version": release.says, "dashboard_api_key": "false",
        },
        "Peers": {
            "peer_global_dns": "1.1.1.1", "peer_endpoint_allowed_ip": "0.0.0.0/0", "remote_endpoint": "127.0.0.1", "peer_mtu": "1420",
            "peer_keep_alive": "21",
        },
        "Other": {"welcome_session": "false"},
        "Database": {"type": "sqlite", "password": "fake-database-password"},
        "WireGuardConfiguration": {"autostart": ""},
    }  # fmt: skip


class Store:
    """The folder ``directory`` (the panel's ``src``). ``patience`` is how many seconds a locked database is waited for."""

    def __init__(self, directory: Path, release: Release, patience: float = 5.0) -> None:
        self.directory = directory
        self.database = directory / "db" / "wgdashboard.db"
        self.log_database = directory / "db" / "wgdashboard_log.db"
        self.error_log = directory / "log" / "error_2026_11_20_18_00_00.log"
        self.patience = patience
        self._columns = COLUMNS if release.newer else tuple(column for column in COLUMNS if column != "notes")
        for folder in (self.database.parent, self.error_log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with self.opened() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS DashboardAPIKeys (Key VARCHAR PRIMARY KEY, CreatedAt DATETIME, ExpiredAt DATETIME)"
            )
        with self.opened(self.log_database) as database:
            columns = "LogID VARCHAR PRIMARY KEY, LogDate DATETIME, URL VARCHAR, IP VARCHAR, Status VARCHAR, Message VARCHAR"
            database.execute(f"CREATE TABLE IF NOT EXISTS DashboardLog ({columns})")

    @contextmanager
    def opened(self, path: Path | None = None) -> Iterator[sqlite3.Connection]:
        """Open a database for one transaction. Raises sqlite3.OperationalError when it stays locked."""
        connection = sqlite3.connect(path or self.database, timeout=self.patience)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA synchronous = OFF")  # a fake need not survive a power cut
            with connection:
                yield connection
        finally:
            connection.close()

    def settings(self) -> Settings:
        """Return what the ini says."""
        parser = configparser.RawConfigParser(strict=False)
        parser.read(self.directory / "wg-dashboard.ini", encoding="utf-8")
        return {section: dict(parser[section]) for section in parser.sections()}

    def save_settings(self, settings: Settings) -> None:
        """Write the whole ini: truncate, then write, as the real one does (DashboardConfig.py, SaveConfig)."""
        parser = configparser.RawConfigParser(strict=False)
        parser.read_dict(settings)
        with (self.directory / "wg-dashboard.ini").open("w", encoding="utf-8") as file:
            parser.write(file)

    def keys(self) -> frozenset[str]:
        """Return the API keys in the database."""
        with self.opened() as database:
            return frozenset(row["Key"] for row in database.execute("SELECT Key FROM DashboardAPIKeys"))

    def add_key(self, key: str, stamp: str) -> None:
        """Insert an API key; a worker that runs does not see it (contract section 1.2)."""
        with self.opened() as database:
            database.execute("INSERT OR REPLACE INTO DashboardAPIKeys VALUES (?, ?, NULL)", (key, stamp))

    def create_tables(self, name: str) -> None:
        """Create the tables of one configuration."""
        columns = ", ".join(f'"{column}" {_TYPES.get(column, "VARCHAR")}' for column in self._columns[1:])
        with self.opened() as database:
            for suffix in ("", "_restrict_access", "_deleted"):
                database.execute(f'CREATE TABLE IF NOT EXISTS "{name}{suffix}" (id VARCHAR NOT NULL PRIMARY KEY, {columns})')
            database.execute(f'CREATE TABLE IF NOT EXISTS "{name}_transfer" (id VARCHAR NOT NULL, total_receive FLOAT, time DATETIME)')

    def rows(self, table: str) -> list[Row]:
        """Return the peers in a table, oldest first. Raises sqlite3.OperationalError when it is missing or locked."""
        with self.opened() as database:
            return [dict(row) for row in database.execute(f'SELECT * FROM "{table}" ORDER BY rowid')]  # noqa: S608  # our own name

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Insert one peer, or put it in the place of the one with its key."""
        marks = ", ".join("?" for _ in self._columns)
        with self.opened() as database:
            database.execute(f'INSERT OR REPLACE INTO "{table}" VALUES ({marks})', [row.get(column) for column in self._columns])  # noqa: S608

    def update(self, table: str, changes: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Change peers, in one transaction."""
        with self.opened() as database:
            for key, values in changes:
                sets = ", ".join(f'"{column}" = ?' for column in values)
                database.execute(f'UPDATE "{table}" SET {sets} WHERE id = ?', [*values.values(), key])  # noqa: S608

    def delete(self, table: str, key: str) -> None:
        """Delete one peer."""
        with self.opened() as database:
            database.execute(f'DELETE FROM "{table}" WHERE id = ?', (key,))  # noqa: S608

    def log_request(self, url: str, message: str) -> None:
        """Write one row into the log database: with the key in clear if ``message`` holds it (DashboardLogger.py)."""
        with self.opened(self.log_database) as database:
            row = (str(uuid.uuid4()), "2026-11-20 18:00:00", url, "127.0.0.1", "true", message)
            database.execute("INSERT INTO DashboardLog VALUES (?, ?, ?, ?, ?, ?)", row)

    def logged(self) -> list[Row]:
        """Return the rows of the log database."""
        with self.opened(self.log_database) as database:
            return [dict(row) for row in database.execute("SELECT * FROM DashboardLog ORDER BY rowid")]

    def error(self, *lines: str) -> None:
        """Write to the error log."""
        with self.error_log.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
