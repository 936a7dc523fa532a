"""The files of a node: Wings' configuration, its states, a volume with something in it."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.wings import FakeWings

REGIONS, REGION_BYTES = 4, 4000


def write_config(wings: FakeWings) -> None:
    """Write ``config.yml`` as a boot does."""
    node = wings.node
    text = _CONFIG.format(
        uuid=node.uuid, token_id=node.token_id, token=wings.token, port=node.port, root=wings.states.parent, log=wings.log_file.parent,
        data=wings.volumes, backups=wings.backups, remote=wings.caller.remote,
    )  # fmt: skip
    wings.config.touch(0o600)
    wings.config.write_text(text, encoding="utf-8")


def last_states(path: Path, now: float) -> dict[str, str]:
    """Return what ``states.json`` says; it is made, empty, when it is not there (seen on the real Wings)."""
    if not path.exists():
        path.touch(0o644)
        os.utime(path, (now, now))
    try:
        said = json.loads(path.read_text(encoding="utf-8") or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def furnish(volume: Path, uuid: str) -> None:
    """Put some files into a volume that is not there yet."""
    if volume.exists():
        return
    noise = random.Random(uuid)  # noqa: S311  # content, not a secret
    (volume / "world/region").mkdir(parents=True)
    (volume / "server.properties").write_bytes(b"motd=a fake\n")
    for number in range(REGIONS):
        (volume / f"world/region/r.{number}.0.mca").write_bytes(noise.randbytes(REGION_BYTES))


_CONFIG: Final = """\
debug: false
app_name: Pterodactyl
uuid: {uuid}
token_id: {token_id}
token: {token}
api:
  host: 127.0.0.1
  port: {port}
  ssl:
    enabled: false
    cert: /etc/letsencrypt/live/127.0.0.1/fullchain.pem
    key: /etc/letsencrypt/live/127.0.0.1/privkey.pem
  disable_remote_download: false
  upload_limit: 100
  trusted_proxies: []
system:
  root_directory: {root}
  log_directory: {log}
  data: {data}
  archive_directory: {root}/archives
  backup_directory: {backups}
  tmp_directory: /tmp/pterodactyl
  username: pterodactyl
  timezone: UTC
  disk_check_interval: 150
  enable_log_rotate: true
  sftp:
    bind_address: 0.0.0.0
    bind_port: 2022
    read_only: false
  crash_detection:
    enabled: true
    detect_clean_exit_as_crash: true
    timeout: 60
  backups:
    write_limit: 0
    compression_level: best_speed
docker:
  network:
    name: pterodactyl_nw
  container_pid_limit: 512
remote: {remote}
remote_query:
  timeout: 30
  boot_servers_per_page: 50
allowed_mounts: []
allowed_origins: []
allow_cors_private_network: false
ignore_panel_config_updates: false
"""
"""Keys and order as the real 1.11.11 writes them."""
