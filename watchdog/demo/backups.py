"""The demo's backups: a daily job with a copy elsewhere, and a Duplicati destination; real files in a scratch folder."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DAY = 86_400.0
_DAYS = 4


def write_backups(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """Write them below ``folder``; return the directories for ``collectors.archives``."""
    daily, far, volumes = folder / "daily", folder / "far", folder / "volumes"
    for made in (daily, far, volumes):
        made.mkdir(parents=True)
    noise = random.Random(11)  # noqa: S311  # content, not a secret
    for ago in reversed(range(_DAYS)):
        path = daily / f"{_DAYS - ago}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("notes.db", noise.randbytes(40_000 + noise.randrange(4000)))
        at = time.time() - ago * DAY - 600.0
        os.utime(path, (at, at))
        shutil.copy2(path, far / path.name)
    _write_volumes(volumes, noise)
    return (
        {"name": "daily", "path": str(daily), "backup": {"every": "1d", "keep": 3, "copies": ["far"], "restore_paths": [str(folder)]}},
        {"name": "far", "path": str(far)},
        {"name": "volumes", "path": str(volumes), "backup": {"every": "1d"}},
    )


def _write_volumes(folder: Path, noise: random.Random) -> None:
    """Write a Duplicati destination: one volume of each kind and the list of them."""
    manifest = json.dumps({"Version": 2, "Encoding": "utf8", "Blocksize": 102_400, "BlockHash": "SHA256", "FileHash": "SHA256"})
    dblock = folder / f"duplicati-b{noise.randbytes(16).hex()}.dblock.zip"
    _zip(dblock, {"manifest": manifest, "content": noise.randbytes(30_000).hex()})
    about = {"blocks": [], "volumehash": _digest(dblock), "volumesize": dblock.stat().st_size}
    dindex = folder / f"duplicati-i{noise.randbytes(16).hex()}.dindex.zip"
    _zip(dindex, {"manifest": manifest, f"vol/{dblock.name}": json.dumps(about)})
    dlist = folder / f"duplicati-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(time.time() - 600))}.dlist.zip"
    _zip(dlist, {"manifest": manifest, "filelist.json": "[]"})
    rows = [
        {"Name": path.name, "Hash": _digest(path), "Size": path.stat().st_size, "Type": kind, "State": 3}
        for kind, path in enumerate((dblock, dlist, dindex))
    ]
    (folder / "duplicati-verification.json").write_text(json.dumps(rows), encoding="utf-8-sig")


def _zip(path: Path, entries: Mapping[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def _digest(path: Path) -> str:
    return base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
