"""The log: one line per event, no secret in it, and never an exception into the caller."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.runtime import log as door
from watchdog.runtime import redaction
from watchdog.runtime.log import configure, get_logger, redact, register_secret
from watchdog.runtime.redaction import HIDDEN, redact_value, secret_name

SECRET = 's3cr3t/with "quotes" + ü'


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("watchdog")
    before = (list(root.handlers), root.level, ours.level, threading.excepthook)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    threading.excepthook = before[3]
    logging.captureWarnings(capture=False)


def written(form: door.Format = "json", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logging.getLogger().handlers.clear()  # pytest's own raise
    configure(level, form, stream)
    return stream


@pytest.mark.parametrize("form", ["logfmt", "json", "console"])
def test_each_event_is_one_line_with_time_level_and_room(form: door.Format) -> None:
    stream = written(form)
    get_logger("watchdog.room").info("it broke", target="a b", lines="one\ntwo")
    lines = stream.getvalue().splitlines()
    assert len(lines) == (1 if form != "console" else len(lines))
    assert "it broke" in lines[0]
    assert "watchdog.room" in lines[0]
    if form == "json":
        assert list(json.loads(lines[0]))[:4] == ["ts", "level", "logger", "msg"]


def test_levels_are_ours_and_foreign_libraries_speak_from_warning_on() -> None:
    stream = written(level="debug")
    get_logger("watchdog.room").debug("ours")
    for name in door.FOREIGN:
        logging.getLogger(name).info("chatter of %s", name)
        logging.getLogger(name).warning("worry of %s", name)
    said = [json.loads(line)["msg"] for line in stream.getvalue().splitlines()]
    assert said == ["ours", *(f"worry of {name}" for name in door.FOREIGN)]
    with pytest.raises(ValueError, match="loud"):
        configure("loud")


def test_configured_twice_writes_once() -> None:
    written()
    stream = written()
    get_logger("watchdog.room").info("once")
    assert stream.getvalue().count("once") == 1


@pytest.mark.parametrize("form", ["logfmt", "json", "console"])
def test_a_registered_secret_is_nowhere(form: door.Format) -> None:
    register_secret(SECRET)
    stream = written(form)
    log = get_logger("watchdog.room").bind(bound=SECRET)
    sentence = f"in the sentence {SECRET}"
    log.info(sentence, plain=SECRET, nested={"a": [SECRET, {"b": SECRET}]}, thing=ValueError(SECRET))
    try:
        int(SECRET)
    except ValueError:
        log.exception("died")
    logging.getLogger("uvicorn.error").error("foreign %s", SECRET, exc_info=ValueError(SECRET))
    text = stream.getvalue()
    assert "s3cr3t" not in text
    assert text.count(HIDDEN) >= 8


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdef123456", "bearer abcdef123456", "GET /api?apikey=abcdef123456&page=1", "api_key='abcdef123456'",
        '{"password": "abcdef123456"}', "https://user:abcdef123456@host/", "postgresql+psycopg://w:abcdef123456@db/x", "token=abcdef123456",
        "x-request-api-key: abcdef123456", "Basic YWJjZGVmMTIzNDU2==abcdef123456", "-----BEGIN RSA PRIVATE KEY-----\nabcdef123456\n",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    hidden = redact(text)
    assert "abcdef123456" not in hidden
    assert HIDDEN in hidden
    assert redact(hidden) == hidden


@pytest.mark.parametrize(
    "text", ["the bearer of news", "basic settings are fine", "the token has expired", "http://host:9877/metrics", "key X is unknown"]
)
def test_plain_sentences_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("names", "secret"),
    [
        ("password api_key apiKey key x_token Authorization client_secret cookie private_key db_password", True),
        ("drift_key public_key monkey target passes author keys", False),
    ],
)
def test_fields_are_hidden_by_their_name(names: str, secret: bool) -> None:
    assert {name: secret_name(name) for name in names.split()} == dict.fromkeys(names.split(), secret)


def test_other_dresses_of_a_secret_are_known() -> None:
    register_secret("p@ss/wörd")
    for dress in ("p%40ss%2Fw%C3%B6rd", "p@ss/w\\xf6rd", "cEBzcy93w7ZyZA=="):
        assert dress not in redact(f"<{dress}>")
    register_secret("abc")  # too short: it would black out everything
    assert redact("abcdef") == "abcdef"


@given(st.text(min_size=4), st.text(), st.text())
def test_whatever_the_secret_it_is_gone(secret: str, before: str, after: str) -> None:
    registry, redaction._registry = redaction._registry, redaction._Registry()
    try:
        register_secret(secret)
        said = redact(before + secret + after)
        assert secret not in said or secret in HIDDEN * 3 or secret in (before + HIDDEN + after)
    finally:
        redaction._registry = registry


def test_deep_and_endless_values_end() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert "..." in str(redact_value(loop))


def test_a_line_that_cannot_be_written_raises_nothing_and_shows_nothing() -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("very-secret-thing")

    stream = written("logfmt")
    get_logger("watchdog.room").info("bad value", value=Bad())
    get_logger("watchdog.room").info("bad name", **{"a b": 1})
    logging.getLogger("uvicorn.error").warning("bad arguments %s %s", *["very-secret-thing"])
    get_logger("watchdog.room").info("good")
    assert "very-secret-thing" not in stream.getvalue()
    assert stream.getvalue().count("a log line was lost") == 3
    assert "msg=good" in stream.getvalue()
    stream.close()
    get_logger("watchdog.room").info("into a closed stream")


def test_a_dying_thread_is_reported_through_the_log() -> None:
    stream = written()
    register_secret("thread-secret-1")

    def die() -> None:
        raise RuntimeError("thread-secret-1")

    hook = threading.excepthook
    thread = threading.Thread(target=die, name="mortal")
    thread.start()
    thread.join()
    assert threading.excepthook is hook
    entry = json.loads(stream.getvalue())
    assert entry["thread"] == "mortal"
    assert "thread-secret-1" not in stream.getvalue()


def test_logging_brings_no_rich_into_the_program() -> None:
    code = "import sys, watchdog.runtime.log; print('rich' in sys.modules); import rich; print(rich.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "rich"]
