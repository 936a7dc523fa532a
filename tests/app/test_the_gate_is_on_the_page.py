"""The Docker gate's state is exported from the first moment on: while it waits for its first try, and where nothing needs it."""

from __future__ import annotations

import pytest

from tests.support.small_world import program_in, rewrite, scrape, small_world


@pytest.mark.parametrize(
    ("docker", "lines"),
    [
        ({"gate": {"start_delay": "300s"}}, ("watchdog_docker_gate_open 0.0", "watchdog_docker_gate_needed 1.0")),
        ({"enabled": False}, ("watchdog_docker_gate_needed 0.0",)),
    ],
    ids=["waits for its first try", "not needed"],
)
def test_the_gate_is_there_before_anything_was_tried(docker, lines):
    with small_world() as world:
        rewrite(world.config, lambda document: document["collectors"].update(docker=docker | {"url": f"unix://{world.folder}/none.sock"}))
        rewrite(world.config, lambda document: document.update(panels={}))
        with program_in(world) as program:
            text = scrape(program)[1]
            assert not [line for line in lines if f"\n{line}\n" not in text], [line for line in text.splitlines() if "gate" in line]
