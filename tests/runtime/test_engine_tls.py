"""tcp:// with Docker's three TLS files, against a real dockerd that demands them."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.dockerd import Dockerd, missing
from watchdog.errors import DeadlinePassed, Unreachable, WatchdogError
from watchdog.runtime.engine import Engine, TlsFiles

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd")]


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def authority(folder: Path, name: str) -> TlsFiles:
    """Make an authority, and one certificate by it that is good for a server and a client on 127.0.0.1."""
    made = TlsFiles(folder / f"{name}-ca.pem", folder / f"{name}.pem", folder / f"{name}-key.pem")
    ca_key, request, extra = folder / f"{name}-ca-key.pem", folder / f"{name}.csr", folder / f"{name}.ext"
    extra.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={name}-ca", "-keyout", ca_key, "-out", made.ca)
    openssl("req", *key, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
    openssl(
        "x509", "-req", "-in", request, "-CA", made.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-extfile", extra,
        "-out", made.certificate,
    )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, TlsFiles, Dockerd]]:
    require(not missing(), missing())
    require(shutil.which("openssl") is not None, "openssl")
    files = authority(tmp_path_factory.mktemp("tls"), "good")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tls = (f"--tlscacert={files.ca}", f"--tlscert={files.certificate}", f"--tlskey={files.key}")
    with Dockerd(f"--host=tcp://127.0.0.1:{port}", "--tlsverify", *tls) as daemon:
        yield f"tcp://127.0.0.1:{port}", files, daemon


def test_with_its_files_everything_works(secured):
    url, files, daemon = secured
    box = daemon.run("web", "sleep", "1000")
    engine = Engine(url, files)
    engine.ping(10)
    assert engine.list(10)[0]["Id"] == box
    assert engine.exec(box, ["echo", "hi"], 10) == (0, "hi\n")
    feed = engine.events(1.0, 10)
    assert next(iter(feed))["Type"]
    feed.close()
    engine.close()


def test_a_strangers_certificate_and_none_at_all_are_refused_by_the_engine(secured, tmp_path: Path):
    url, files, _ = secured
    stranger = authority(tmp_path, "stranger")
    with pytest.raises(WatchdogError):
        Engine(url, TlsFiles(files.ca, stranger.certificate, stranger.key)).list(10)
    with pytest.raises(WatchdogError):
        Engine(url).list(10)


def test_an_engine_with_a_strangers_certificate_is_refused_by_us(secured, tmp_path: Path):
    url, files, _ = secured
    stranger = authority(tmp_path, "stranger")
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        Engine(url, TlsFiles(stranger.ca, files.certificate, files.key)).list(10)


def test_a_frozen_engine_is_left_at_the_deadline_even_in_the_handshake(secured):
    url, files, daemon = secured
    daemon.freeze()
    try:
        with pytest.raises(DeadlinePassed):
            Engine(url, files).list(1)
    finally:
        daemon.thaw()
    Engine(url, files).ping(10)
