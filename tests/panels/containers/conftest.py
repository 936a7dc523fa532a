"""Registers the private dockerd for the tests with real containers."""

from tests.support.dockerd import dockerd, engine

__all__ = ["dockerd", "engine"]
