"""Answers of any shape: a recorded one with any part of it replaced is read or malformed, and nothing else is ever raised."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pterodactyl_wire import recorded
from watchdog.errors import BadSettings, MalformedAnswer
from watchdog.panels.pterodactyl import activity, answers, console, node_answers
from watchdog.panels.pterodactyl.credentials import parsed
from watchdog.panels.pterodactyl.remote_api import verdict
from watchdog.runtime.answers import Answer

STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from(["2024-05-04T08:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", 10**400, "suspended", [[]], {}]),
)  # fmt: skip
REFUSALS = st.builds(lambda value: json.dumps({"errors": [{"code": value}]}).encode(), STRANGE)
CONFIGURATION = {"uuid": "u", "token_id": "i", "token": "t" * 9, "remote": "http://p"}
CONFIGURATIONS = st.builds(lambda value: json.dumps(CONFIGURATION | {"api": value}).encode(), STRANGE)
SERVER = "aae9e0c3-9d01-415f-99fb-fd4fa8d6f5fa"
READERS: dict[str, Callable[[Any], object]] = {
    "client-servers-admin-all-page2": answers.servers,
    "client-server-view-suspended": answers.one_server,
    "client-backups-list": lambda body: answers.backups(body, SERVER),
    "client-backup-one-ok": lambda body: answers.one_backup(body, SERVER),
    "client-schedules-queue-dead": lambda body: answers.schedules(body, SERVER),
    "client-activity-backups": activity.powers,
    "client-resources": answers.resources,
    "client-backup-download-ok": answers.signed_url,
    "application-nodes": answers.nodes,
    "application-node-configuration": answers.node_token,
    "application-servers-page2": answers.places,
    "remote-servers-1.11.8": node_answers.remote_servers,
    "wings-servers": node_answers.wings_servers,
    "wings-system-v2": node_answers.system,
}
BODIES = {name: recorded(name)["body"] for name in READERS}


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = copy.deepcopy(body)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_recorded_answer_is_read(name: str) -> None:
    READERS[name](BODIES[name])


@settings(max_examples=300, deadline=None)
@given(strange=st.data())
def test_a_part_of_any_shape_is_read_or_malformed(strange: st.DataObject) -> None:
    name = strange.draw(st.sampled_from(sorted(READERS)))
    path = strange.draw(st.sampled_from(list(places(BODIES[name]))))
    body = replaced(BODIES[name], path, strange.draw(STRANGE))
    try:
        READERS[name](body)
    except MalformedAnswer as error:
        assert len(str(error)) < 300


@settings(max_examples=200, deadline=None)
@given(status=st.sampled_from([200, 204, 301, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504]), body=st.binary(max_size=60) | REFUSALS)
def test_an_answer_to_the_probe_always_has_a_meaning(status: int, body: bytes) -> None:
    state, message = verdict(Answer(status, {}, body, 0.0, "probe", "panel"))
    assert message
    assert state != "healthy" or (status == 404 and b"NotFoundHttpException" in body)
    assert state != "broken_by_1_11_6"  # that takes a second question


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40) | st.builds(json.dumps, st.dictionaries(st.sampled_from(["event", "args", "x"]), STRANGE, max_size=3)))
def test_a_message_of_any_shape_is_heard(text: str) -> None:
    assert console.heard(text) is None or '"event"' in text


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=80) | CONFIGURATIONS)
def test_a_configuration_of_any_shape_is_read_or_refused(content: bytes) -> None:
    try:
        assert parsed(content, "config.yml").remote
    except BadSettings as error:
        assert "t" * 9 not in str(error)
