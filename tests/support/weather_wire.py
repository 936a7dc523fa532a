"""What the weather's proxy is made of: HTTP messages as they come, and certificates to be trusted or not."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path


def tcp(port: int) -> socket.socket:
    """Return a bound socket of ours that does not listen yet."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


def message(recv: Callable[[int], bytes], *, answers: bool, head_only: bool = False) -> Iterator[bytes]:
    """Yield one HTTP message as it comes: its head first, then its body in pieces, by its length, its chunks, or (answers) to the end."""
    kept = b""
    while b"\r\n\r\n" not in kept:
        piece = recv(65536)
        if not piece:
            return
        kept += piece
    head, _, kept = kept.partition(b"\r\n\r\n")
    yield head + b"\r\n\r\n"
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
    status = head.split(b" ", 2)[1] if answers else b""
    if head_only or status in {b"204", b"304"} or status == b"101":
        if kept:
            yield kept
        return
    if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
        ended = kept
        while not ended.endswith(b"0\r\n\r\n"):
            if kept:
                yield kept
            kept = recv(65536)
            if not kept:
                return
            ended = (ended + kept)[-16:]
        yield kept
        return
    left = int(fields.get(b"content-length", b"-1" if answers else b"0"))
    while left:
        if kept:
            yield kept
            left -= min(len(kept), left) if left > 0 else 0
            kept = b""
            continue
        kept = recv(65536)
        if not kept:
            return


class Certificates:
    """An authority (``ca_file``), a certificate of it for 127.0.0.1 (good) and one that nobody has signed (strange)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        order = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -addext subjectAltName=IP:127.0.0.1"
        for name in ("good", "strange"):
            made = (*order.split(), "-subj", f"/CN={name}", "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem"))
            subprocess.run(made, check=True, capture_output=True)

    @property
    def ca_file(self) -> Path:
        return self._folder / "good.pem"

    def context(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        return context
