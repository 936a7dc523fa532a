"""What a list row and an inspect say, as tables."""

from __future__ import annotations

import pytest

from watchdog.collectors.docker.inspection import joined, parse_inspect, parse_time
from watchdog.collectors.docker.listing import Age, age_of, parse_container
from watchdog.errors import MalformedAnswer
from watchdog.model.docker import Mount


def row(**changes: object) -> dict[str, object]:
    return {"Id": "a" * 64, "Names": ["/web"], "Image": "nginx", "State": "running", "Status": "Up 3 seconds", **changes}


@pytest.mark.parametrize(
    ("state", "status", "health", "exit_code"),
    [
        ("running", "Up 3 seconds", None, None),
        ("running", "Up About a minute (healthy)", "healthy", None),
        ("running", "Up 2 hours (unhealthy)", "unhealthy", None),
        ("running", "Up Less than a second (health: starting)", "starting", None),
        ("paused", "Up 3 minutes (Paused)", None, None),
        ("exited", "Exited (137) 3 seconds ago", None, 137),
        ("exited", "Exited (0) 2 weeks ago", None, 0),
        ("exited", "Exited (-1) 2 weeks ago", None, -1),
        ("exited", "Exited (1) 3 days ago (unhealthy)", None, 1),
        ("restarting", "Restarting (3) 1 second ago", None, 3),
        ("created", "Created", None, None),
        ("dead", "Dead", None, None),
        ("removing", "Removal In Progress", None, None),
        ("running", "", None, None),
    ],
)
def test_status_texts(state: str, status: str, health: str | None, exit_code: int | None):
    container = parse_container(row(State=state, Status=status))
    assert (container.state, container.health, container.exit_code) == (state, health, exit_code)


def test_health_field_of_newer_engines_wins_over_the_text():
    assert parse_container(row(Health={"Status": "unhealthy", "FailingStreak": 3})).health == "unhealthy"
    assert parse_container(row(Health={"Status": "none"}, Status="Up 3 seconds")).health is None
    assert parse_container(row(State="exited", Status="Exited (0) 1 second ago", Health={"Status": "unhealthy"})).health is None


@pytest.mark.parametrize(
    ("status", "age"),
    [
        ("Up Less than a second", Age(0, 1)),
        ("Up 1 second", Age(1, 2)),
        ("Up 59 seconds (healthy)", Age(59, 60)),
        ("Up About a minute", Age(60, 120)),
        ("Exited (0) 5 minutes ago", Age(300, 360)),
        ("Up About an hour", Age(3600, 5400)),
        ("Up 2 hours", Age(5400, 12600)),
        ("Up 3 days", Age(3 * 86400 - 1800, 4 * 86400 + 1800)),
        ("Created", None),
        ("Dead", None),
    ],
)
def test_ages(status: str, age: Age | None):
    assert age_of(status) == age


def test_names_labels_and_mounts():
    container = parse_container(
        row(
            Names=["/other/alias", "/web"],
            Labels={"keep": "1", "secret": "x"},
            HostConfig={"NetworkMode": "none"},
            Created=1795243463,
            ImageID="sha256:1",
            Mounts=[
                {"Type": "bind", "Source": "/srv", "Destination": "/data", "RW": True},
                {"Type": "volume", "Name": "vol", "Source": "/var/lib/docker/volumes/vol/_data", "Destination": "/v", "RW": False},
            ],
        ),
        {"keep"},
    )
    assert container.name == "web"
    assert container.labels == {"keep": "1"}
    assert container.mounts == (Mount("/srv", "/data"), Mount("vol", "/v", writable=False))
    assert (container.created_at, container.network_mode, container.image_id) == (1795243463.0, "none", "sha256:1")


def test_a_row_without_a_name_is_called_by_its_short_id():
    assert parse_container(row(Names=None, Labels=None, Mounts=None)).name == "a" * 12


@pytest.mark.parametrize("raw", [{}, {"Id": ""}, {"Id": "a"}, {"Id": 1, "State": "running"}])
def test_a_row_without_id_and_state_is_malformed(raw: dict[str, object]):
    with pytest.raises(MalformedAnswer):
        parse_container(raw)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-21T06:44:22.571211735Z", 1795243462.571211735),
        ("2026-11-21T06:44:22Z", 1795243462.0),
        ("2026-11-21T07:44:22.5+01:00", 1795243462.5),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
    ],
)
def test_times(text: object, seconds: float | None):
    assert parse_time(text) == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


def inspect(**state: object) -> dict[str, object]:
    return {
        "RestartCount": 2, "HostConfig": {"RestartPolicy": {"Name": "always"}},
        "State": {"Status": "running", "ExitCode": 0, "OOMKilled": False, "Pid": 12, "StartedAt": "2026-11-21T06:44:22Z",
                  "FinishedAt": "0001-01-01T00:00:00Z", **state},
    }  # fmt: skip


def test_running_container_has_a_pid_and_no_exit_code():
    container = joined(parse_container(row()), parse_inspect(inspect()))
    assert (container.pid, container.exit_code, container.restart_count, container.restart_policy) == (12, None, 2, "always")
    assert (container.started_at, container.finished_at, container.oom_killed) == (1795243462.0, None, False)


def test_dead_and_never_started_containers_take_their_code_from_the_inspect():
    dead = joined(parse_container(row(State="dead", Status="Dead")), parse_inspect(inspect(Status="dead", ExitCode=9, Pid=0)))
    failed = joined(parse_container(row(State="created", Status="Created")), parse_inspect(inspect(Status="created", ExitCode=127, Pid=0)))
    fresh = joined(parse_container(row(State="created", Status="Created")), parse_inspect(inspect(Status="created", ExitCode=0, Pid=0)))
    assert (dead.exit_code, failed.exit_code, fresh.exit_code) == (9, 127, None)
    assert dead.pid is None


@pytest.mark.parametrize("raw", [{}, {"State": None}, {"State": {}}, {"State": {"Status": 1}}])
def test_inspect_without_a_state_is_malformed(raw: dict[str, object]):
    with pytest.raises(MalformedAnswer):
        parse_inspect(raw)
