"""A served program for each test."""

from __future__ import annotations

import pytest

from tests.support.backing import Program, serving


@pytest.fixture
def program():
    return Program()


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text("sësame-open\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def served(program, tmp_path):
    """A server without a token."""
    with serving(program, tmp_path) as server:
        yield server


@pytest.fixture
def guarded(program, tmp_path, token_file):
    """A server with a token."""
    with serving(program, tmp_path, api_token_file=token_file) as server:
        yield server
