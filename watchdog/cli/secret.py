"""A new secret for those who report to us, and what the configuration keeps of it."""

from __future__ import annotations

import hashlib
import json
import secrets

from watchdog.cli.options import JsonOption

BYTES = 32


def secret(as_json: JsonOption = False) -> None:
    """Make a new secret for a door that takes reports. It is shown once and kept nowhere; the configuration gets its SHA-256."""
    made = secrets.token_urlsafe(BYTES)
    sha256 = hashlib.sha256(made.encode()).hexdigest()
    if as_json:
        print(json.dumps({"secret": made, "sha256": sha256}))
        return
    print(f"secret  {made}    for who reports: it is the last part of the address")
    print(f"sha256  {sha256}    for our configuration, as secret_sha256")
