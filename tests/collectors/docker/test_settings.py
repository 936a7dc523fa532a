"""Settings refuse what cannot work, and ``auto`` looks when there is something to look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from watchdog.collectors.docker.assembly import engines
from watchdog.collectors.docker.settings import DockerSettings

TLS = {"ca": "/ca", "certificate": "/cert", "key": "/key"}


def test_defaults_are_those_that_are_documented():
    settings = DockerSettings()
    assert (settings.url, settings.interval, settings.deadline) == ("unix:///var/run/docker.sock", 15.0, 10.0)
    assert (settings.gate.start_delay, settings.gate.retry, settings.gate.successes) == (10.0, 5.0, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "docker.sock"}, {"url": "ssh://host"}, {"act_url": "http://x"}, {"tls": TLS}, {"interval": "0"}, {"gate": {"successes": 0}},
        {"colour": "red"}, {"gate": {"retry": 5}}, {"cgroup": "sys/fs"},
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        DockerSettings.model_validate(wrong)


def test_auto_looks_when_a_panel_needs_it_or_something_is_there(tmp_path: Path, monkeypatch):
    nowhere = f"unix://{tmp_path}/docker.sock"
    assert DockerSettings(url=nowhere).wanted(needed=True)
    assert DockerSettings(url="tcp://127.0.0.1:1").wanted(needed=False)
    assert not DockerSettings(url=nowhere, enabled=False).wanted(needed=True)
    assert DockerSettings(url=nowhere, enabled=True).wanted(needed=False)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert not DockerSettings(url=nowhere).wanted(needed=False)
    (tmp_path / "docker.sock").touch()
    assert DockerSettings(url=nowhere).wanted(needed=False)


def test_one_door_for_one_url_and_two_for_two():
    read, act = engines(DockerSettings())
    assert read is act
    read, act = engines(DockerSettings(act_url="tcp://127.0.0.1:2376", tls=TLS))
    assert (read.url, act.url) == ("unix:///var/run/docker.sock", "tcp://127.0.0.1:2376")
