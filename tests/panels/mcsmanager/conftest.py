"""Registers the private dockerd for the tests that put real containers behind the fake panel."""

from tests.support.dockerd import dockerd, engine

__all__ = ["dockerd", "engine"]
