"""A heavy real component is started by one worker: the tests that share it are a group, and pytest-xdist must know it."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("grouped")
def test_the_runner_sees_which_group_a_test_belongs_to(request: pytest.FixtureRequest):
    """pytest-xdist finds the group at the end of the test's id; without it every worker boots a dockerd and a kernel of its own."""
    grouping = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@grouped") == bool(grouping)
