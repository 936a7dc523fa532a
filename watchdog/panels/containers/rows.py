"""From Docker's raw list to containers, as far as ``doctor`` needs them; no panel reaches into the collector. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchdog.model.docker import Container, Mount
from watchdog.runtime import shapes


def containers_of(raw: Sequence[Mapping[str, object]]) -> tuple[Container, ...]:
    """Given GET /containers/json?all=1, return the containers by name. Raises MalformedAnswer."""
    return tuple(sorted((_container(row) for row in raw), key=lambda each: each.name))


def _container(row: Mapping[str, object]) -> Container:
    names = [str(name).removeprefix("/") for name in shapes.listing(row.get("Names") or [], "containers[].Names")]
    status = shapes.optional_text(row, "Status")
    state = shapes.text(row, "State", "containers[]")
    words = {"(healthy)": "healthy", "(unhealthy)": "unhealthy", "(health: starting)": "starting"}
    mounts = (shapes.mapping(each, "containers[].Mounts[]") for each in shapes.listing(row.get("Mounts") or [], "containers[].Mounts"))
    return Container(
        id=shapes.identifier(row, "Id"),
        name=names[0] if names else "",
        image=shapes.optional_text(row, "Image"),
        state=state,
        health=next((word for told, word in words.items() if told in status), None) if state == "running" else None,
        network_mode=shapes.optional_text(shapes.mapping(row.get("HostConfig") or {}, "containers[].HostConfig"), "NetworkMode"),
        labels={key: str(value) for key, value in shapes.mapping(row.get("Labels") or {}, "containers[].Labels").items()},
        mounts=tuple(Mount(shapes.optional_text(each, "Source"), shapes.optional_text(each, "Destination")) for each in mounts),
    )
