"""Somebody else's PostgreSQL, a real one: read within bounds, never written, and nothing of ours stays in it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.support.postgresql import PrivatePostgresql
from watchdog.errors import BadSettings, DeadlinePassed, Forbidden, MalformedAnswer, NotFound, Refused, Unreachable
from watchdog.runtime.foreign import ForeignDatabase

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]
TABLE = "SELECT id, status FROM tasks ORDER BY id"


@pytest.fixture(scope="module")
def database(postgresql: PrivatePostgresql) -> str:
    name = postgresql.database()
    postgresql.execute("CREATE TABLE tasks (id text PRIMARY KEY, status text)", name)
    postgresql.execute("INSERT INTO tasks VALUES ('a', 'success'), ('b', 'failed'), ('c', 'running')", name)
    postgresql.execute("CREATE TABLE secrets (id text)", name)
    postgresql.execute("CREATE ROLE foreign_reader LOGIN", name)
    postgresql.execute("GRANT SELECT ON tasks TO foreign_reader", name)
    return name


def foreign(
    postgresql: PrivatePostgresql, database: str, *, user: str = "foreign_reader", port: int = 0, seconds: float = 30
) -> ForeignDatabase:
    return ForeignDatabase(lambda: f"postgresql://{user}:s3cr3t@127.0.0.1:{port or postgresql.port}/{database}", seconds)


def test_rows_are_read_and_nothing_stays_open(postgresql: PrivatePostgresql, database: str) -> None:
    assert foreign(postgresql, database).rows("tasks", TABLE, 3) == (("a", "success"), ("b", "failed"), ("c", "running"))
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'panel-watchdog' AND datname = "
    deadline = time.monotonic() + 60
    while postgresql.execute(f"{asked}'{database}'") != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_more_rows_than_promised_are_another_layout(postgresql: PrivatePostgresql, database: str) -> None:
    with pytest.raises(MalformedAnswer, match="more than 2 rows"):
        foreign(postgresql, database).rows("tasks", TABLE, 2)


def test_nothing_is_ever_written_even_by_one_who_may(postgresql: PrivatePostgresql, database: str) -> None:
    owner = foreign(postgresql, database, user="watchdog")
    with pytest.raises((Refused, MalformedAnswer)):
        owner.rows("tasks", "DELETE FROM tasks RETURNING id", 10)
    postgresql.execute(
        "CREATE OR REPLACE FUNCTION harm() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM tasks; RETURN 1; END $$", database
    )
    with pytest.raises(Refused, match="only reading"):
        owner.rows("tasks", "SELECT harm()", 10)
    assert len(owner.rows("tasks", TABLE, 10)) == 3


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT * FROM secrets", Forbidden),
        ("SELECT * FROM nowhere", MalformedAnswer),
        ("SELECT nothing FROM tasks", MalformedAnswer),
        ("SELEC 1", MalformedAnswer),
    ],
)
def test_each_refusal_has_its_error_and_no_text_holds_the_password(
    postgresql: PrivatePostgresql, database: str, statement: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        foreign(postgresql, database).rows("tasks", statement, 10)
    assert "s3cr3t" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_who_and_what_does_not_exist(postgresql: PrivatePostgresql, database: str) -> None:
    with pytest.raises(Forbidden):
        foreign(postgresql, database, user="nobody_at_all").rows("tasks", TABLE, 10)
    with pytest.raises((NotFound, Forbidden)):
        foreign(postgresql, "no_such_database").rows("tasks", TABLE, 10)


def test_a_slow_statement_and_a_lock_have_an_end(postgresql: PrivatePostgresql, database: str) -> None:
    impatient = foreign(postgresql, database, seconds=0.5)
    with pytest.raises(DeadlinePassed):
        impatient.rows("tasks", "SELECT pg_sleep(300)", 10)
    with psycopg.connect(postgresql.conninfo(database)) as holder:
        holder.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DeadlinePassed):
            impatient.rows("tasks", TABLE, 10)


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = server.accept()
                    with line:
                        serve(line)

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


def test_a_server_that_never_answers_is_not_waited_for(postgresql: PrivatePostgresql, database: str) -> None:
    over = threading.Event()
    with listening(lambda _line: over.wait(60) and None) as port:
        with pytest.raises((DeadlinePassed, Unreachable)):
            foreign(postgresql, database, port=port, seconds=0.5).rows("tasks", TABLE, 10)
        over.set()


def test_a_server_that_falls_silent_in_the_middle_is_cut(postgresql: PrivatePostgresql, database: str) -> None:
    """The login goes through; the question is never passed on, so the server's own bounds do not help."""
    over = threading.Event()

    def middle(line: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", postgresql.port)) as server:
            line.settimeout(0.05)
            server.settimeout(0.05)
            while not over.is_set():
                for one, other, filtered in ((line, server, True), (server, line, False)):
                    with contextlib.suppress(TimeoutError):
                        piece = one.recv(65536)
                        if not piece:
                            return
                        if not (filtered and b"FROM tasks" in piece):
                            other.sendall(piece)

    def run(line: socket.socket) -> None:
        with contextlib.suppress(OSError):
            middle(line)

    with listening(run) as port:
        said = ""
        for seconds in (2, 8, 32):  # on a host that is busy the login itself may take longer than the first
            with pytest.raises(DeadlinePassed) as raised:
                foreign(postgresql, database, port=port, seconds=seconds).rows("tasks", TABLE, 10)
            said = str(raised.value)
            if "longer than allowed" in said:
                break
        over.set()
    assert "longer than allowed" in said


def test_a_server_that_is_not_there_is_unreachable(postgresql: PrivatePostgresql, database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable):
        foreign(postgresql, database, port=port).rows("tasks", TABLE, 10)


@pytest.mark.parametrize("url", ["", "mysql://x", "postgresql://[", "postgresql://h/d?nonsense=1", "postgresql://h:port/d"])
def test_a_url_that_cannot_be_used_is_a_setting(url: str) -> None:
    with pytest.raises((BadSettings, Unreachable)) as raised:
        ForeignDatabase(lambda: url, 2).rows("tasks", TABLE, 10)
    assert isinstance(raised.value, BadSettings) or url == "postgresql://h:port/d"
