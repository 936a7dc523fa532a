"""`notify test` and `doctor`: a person learns beforehand whether a channel works, and no secret is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.notifying import mailbox
from watchdog.cli import main

SECRET = "s3cr3t-of-a-hook"


def config(folder: Path, url: str, more: str = "") -> Path:
    (folder / "channel.url").write_text(url, encoding="utf-8")
    (folder / "channel.url").chmod(0o600)
    path = folder / "config.yaml"
    path.write_text(
        f"notify:\n  channels:\n  - {{name: ops, url_file: {folder}/channel.url, deadline: 20s}}\n"
        f"ledger: {{url: 'sqlite:///{folder}/ledger.sqlite3', ephemeral: true}}\n{more}",
        encoding="utf-8",
    )
    return path


def test_a_test_message_is_sent_and_said_to_be_sent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with mailbox() as box:
        path = config(tmp_path, box.url(SECRET))
        assert main(["notify", "test", "--config", str(path)]) == 0
        assert len(box.titles) == 1 and "a test" in box.titles[0]
        box.status = 404
        assert main(["notify", "test", "ops", "--config", str(path)]) == 1
    said = "".join(capfd.readouterr())
    assert "ops: sent" in said
    assert "NOT sent: it was answered with HTTP status 404" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "Apprise does not understand its URL"),
        (f"json://127.0.0.1:1/{SECRET}", "nothing answers there"),
        ("", "cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_explained(tmp_path: Path, capfd: pytest.CaptureFixture[str], url: str, says: str) -> None:
    assert main(["notify", "test", "--config", str(config(tmp_path, url))]) == 1
    said = "".join(capfd.readouterr())
    assert says in said
    assert SECRET not in said


def test_a_channel_that_is_not_there_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, "json://127.0.0.1/x")
    assert main(["notify", "test", "pager", "--config", str(path)]) == 1
    assert "no channel is called 'pager' (known: ops)" in capfd.readouterr().err


def test_doctor_tries_channels_without_sending_and_the_alertmanager(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with mailbox() as box:
        main(["doctor", "--config", str(config(tmp_path, box.url(SECRET), "alertmanager: {url: 'http://127.0.0.1:1'}\n"))])
        assert box.tries == 0
    said = "".join(capfd.readouterr())
    assert "ok   channel ops" in said
    assert "off  heartbeat: notify.heartbeat is not set" in said
    assert "FAIL silences during pauses" in said
    assert SECRET not in said


def test_doctor_warns_of_approvals_that_nobody_hears_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    (tmp_path / "key").write_text("k" * 20, encoding="utf-8")
    path.write_text(
        f"ledger: {{url: 'sqlite:///{tmp_path}/ledger.sqlite3', ephemeral: true}}\n"
        f"panels: {{mcsmanager: [{{name: games, url: 'http://127.0.0.1:1', api_key_file: {tmp_path}/key, mode: approve}}]}}\n",
        encoding="utf-8",
    )
    main(["doctor", "--config", str(path)])
    assert "?    channels: no channel, and games wait for approval" in capfd.readouterr().out
