"""The calls of a fake engine that build: images that are there, networks, containers made by the API. Shapes as Docker Engine 20.10.24."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from watchdog.collectors.docker.fake import shapes
from watchdog.collectors.docker.fake.inventory import FakeNetwork, Refusal
from watchdog.collectors.docker.fake.world import FakeEngineWorld

_IMAGE = re.compile(r"/images/(.+)/json")
_NETWORK = re.compile(r"/networks/([^/]+)")
Answer = tuple[int, object]


def refused(world: FakeEngineWorld, method: str, path: str) -> None:
    """Raise the Refusal that a test has wished for this call, if any."""
    for pattern, refusal in world.stock.refusing.items():
        if re.search(pattern, f"{method} {path}"):
            raise refusal


def answer(world: FakeEngineWorld, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer | None:
    """Answer one of these calls; None = it is another. Raises Refusal."""
    match method, path:
        case "GET", "/networks":
            return 200, [_network(world, each) for each in world.stock.networks.values()]
        case "POST", "/networks/create":
            return _create_network(world, json.loads(body))
        case "POST", "/containers/create":
            return _create(world, query.get("name", ""), json.loads(body))
    if method == "GET" and (found := _IMAGE.fullmatch(path)):
        return _image(world, unquote(found[1]))
    if found := _NETWORK.fullmatch(path):
        return _one(world, method, unquote(found[1]))
    return None


def _image(world: FakeEngineWorld, name: str) -> Answer:
    image = world.stock.images.get(name)
    if image is None:
        raise Refusal(404, f"No such image: {name}")
    volumes: dict[str, object] | None = {path: {} for path in image.volumes} or None
    config = {"Env": [*image.environment], "Volumes": volumes, "Cmd": None, "Entrypoint": None, "Labels": None}
    return 200, {"Id": f"sha256:{shapes.hash_of(name):064x}", "RepoTags": [name], "Config": config}


def _create_network(world: FakeEngineWorld, asked: Mapping[str, Any]) -> Answer:
    with world.changed:
        name = str(asked["Name"])
        if asked.get("CheckDuplicate") and any(each.name == name for each in world.stock.networks.values()):
            raise Refusal(409, f"network with name {name} already exists")
        made = FakeNetwork(f"{shapes.hash_of(f'network {name}'):064x}", name, labels=dict(asked.get("Labels") or {}))
        made.internal = bool(asked.get("Internal")) and not world.stock.leaky
        world.stock.networks[made.id] = made
    return 201, {"Id": made.id, "Warning": ""}


def _one(world: FakeEngineWorld, method: str, name: str) -> Answer | None:
    with world.changed:
        found = next((each for each in world.stock.networks.values() if name in {each.id, each.name}), None)
        if found is None:
            raise Refusal(404, f"network {name} not found")
        if method == "GET":
            return 200, _network(world, found)
        if method != "DELETE":
            return None
        if any(each.network_mode == found.name and each.running for each in world.containers()):
            raise Refusal(403, f"error while removing network: network {found.name} id {found.id} has active endpoints")
        del world.stock.networks[found.id]
        return 204, None


def _network(world: FakeEngineWorld, found: FakeNetwork) -> Mapping[str, object]:
    inside = {each.id: {"Name": each.name} for each in world.containers() if each.network_mode == found.name and each.running}
    return {
        "Name": found.name, "Id": found.id, "Scope": "local", "Driver": "bridge", "Internal": found.internal, "Containers": inside,
        "Labels": dict(found.labels), "Options": {},
    }  # fmt: skip


def _create(world: FakeEngineWorld, name: str, asked: Mapping[str, Any]) -> Answer:
    host = asked.get("HostConfig") or {}
    mode = str(host.get("NetworkMode") or "default")
    with world.changed:
        image = world.stock.images.get(str(asked["Image"]))
        if image is None:
            raise Refusal(404, f"No such image: {asked['Image']}")
        networks = {"none", "host", "default", *(each.name for each in world.stock.networks.values())}
        if mode not in networks and not mode.startswith("container:"):
            raise Refusal(404, f"network {mode} not found")
        made = world.add(
            name,
            str(asked["Image"]),
            command=(*(asked.get("Entrypoint") or ()), *(asked.get("Cmd") or ())) or ("run",),
            labels=dict(asked.get("Labels") or {}),
            environment=(*(asked.get("Env") or ()), *image.environment),
            tmpfs=dict(host.get("Tmpfs") or {}),
            network_mode=mode,
            memory=int(host.get("Memory") or 0),
            restart_policy=str((host.get("RestartPolicy") or {}).get("Name") or "no"),
            auto_remove=bool(host.get("AutoRemove")),
            program=image.program,
        )
    return 201, {"Id": made, "Warnings": []}
