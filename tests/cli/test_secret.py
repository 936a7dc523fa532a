"""A new secret: long, different each time, and its hash is what a door opens to."""

from __future__ import annotations

import hashlib
import json

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.support.instruments import Noted
from watchdog.app.inbound import METRICS, Door, Inlets
from watchdog.cli.commands import start
from watchdog.model.inbound import Inbound
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.fields import SecretHash


def test_a_new_secret_opens_the_door_that_has_its_hash(capsys):
    assert start(["secret"]) == 0
    (word, made, *_), (name, sha256, *_) = (line.split() for line in capsys.readouterr().out.splitlines())
    assert (word, name) == ("secret", "sha256")
    assert len(made) >= 40
    assert hashlib.sha256(made.encode()).hexdigest() == TypeAdapter(SecretHash).validate_python(sha256) == sha256
    door = Door("toys", "home", Inbound("report", (sha256,), print))
    inlets = Inlets([door], SystemClock(), Noted(METRICS))
    assert inlets.find("toys", "report", made) is door
    assert inlets.find("toys", "report", made + "x") is None


def test_each_is_another_and_machines_can_read_it(capsys):
    start(["secret", "--json"])
    start(["secret", "--json"])
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["secret"] != second["secret"]
    assert first["sha256"] == hashlib.sha256(first["secret"].encode()).hexdigest()


@pytest.mark.parametrize("wrong", ["", "abc", "g" * 64, "a" * 63, "a" * 65])
def test_what_is_no_hash_is_refused_without_being_repeated(wrong):
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(SecretHash).validate_python(wrong)
    (error,) = raised.value.errors(include_url=False, include_input=False)
    assert "panel-watchdog secret" in error["msg"]
