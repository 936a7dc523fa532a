"""The JSON shapes of the panel's answers, turned into frozen values; a whitelist, so nothing secret comes along. Pure.

Part of the client: these two modules are the only ones that know what an answer looks like. Every function raises MalformedAnswer naming
the field when an answer has not the promised shape (contract section 1; recordings/mcsmanager).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchdog.errors import MalformedAnswer
from watchdog.panels.mcsmanager.sight import Candidate
from watchdog.panels.mcsmanager.view import LABEL, Daemon, Instance, Operation, SeenContainer, Status
from watchdog.runtime import shapes
from watchdog.runtime.shapes import Json

LONGEST_STAMP: Final = 16


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a daemon's instances; ``last`` is maxPage (0 = there is none at all)."""

    last: int
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview says beyond the list of daemons."""

    version: str
    daemons: tuple[Daemon, ...]


@dataclass(frozen=True, slots=True)
class Detail:
    """One instance, and whether the daemon holds no process object for it (pid 0 and ctime 0: the only meaningful part of processInfo)."""

    instance: Instance
    without_process: bool


def envelope(body: object) -> object:
    """Given a decoded answer ``{status, data, time}``, return its data."""
    whole = shapes.mapping(body, "answer")
    if "data" not in whole or not isinstance(whole.get("status"), int):
        raise MalformedAnswer("the answer is not an MCSManager envelope {status, data, time}: is this the panel's address?")
    return whole["data"]


def panel_time(body: object) -> float:
    """Given a decoded answer ``{status, data, time}``, return when the panel gave it, in UNIX seconds by its own clock."""
    stamp = shapes.mapping(body, "answer").get("time")
    if not isinstance(stamp, int) or isinstance(stamp, bool):
        raise MalformedAnswer("answer.time is not a number of milliseconds")
    return stamp / 1000


def services(data: object) -> tuple[Daemon, ...]:
    """Given the data of ``remote_services_list``, return the daemons with what the panel knows without asking them."""
    return tuple(_service(shapes.mapping(item, "services[]")) for item in shapes.listing(data, "services"))


def overview(data: object) -> Overview:
    """Given the data of ``overview``, return the panel's version and its daemons with version and shutdown flags."""
    whole = shapes.mapping(data, "overview")
    remotes = (shapes.mapping(item, "remote[]") for item in shapes.listing(shapes.member(whole, "remote", "overview"), "overview.remote"))
    return Overview(shapes.text(whole, "version", "overview"), tuple(_remote(item) for item in remotes))


def page(data: object) -> Page:
    """Given the data of ``remote_service_instances``, return one page."""
    whole = shapes.mapping(data, "page")
    items = shapes.listing(shapes.member(whole, "data", "page"), "page.data")
    return Page(shapes.number(whole, "maxPage", "page"), tuple(instance(item) for item in items))


def instance(data: object) -> Instance:
    """Given one list item or detail, return the instance."""
    item = shapes.mapping(data, "instance")
    config = shapes.mapping(shapes.member(item, "config", "instance"), "instance.config")
    docker = shapes.mapping(config.get("docker") or {}, "config.docker")
    events = shapes.mapping(config.get("eventTask") or {}, "config.eventTask")
    end = shapes.optional_number(config, "endTime")
    timeout = shapes.optional_number(config, "stopTimeout")
    return Instance(
        uuid=shapes.identifier(item, "instanceUuid"),
        nickname=shapes.text(config, "nickname", "config"),
        status=_status(item),
        started=shapes.number(item, "started", "instance"),
        auto_restarted=shapes.optional_number(item, "autoRestarted"),
        process_type=shapes.text(config, "processType", "config"),
        auto_start=shapes.optional_flag(events, "autoStart") or False,
        auto_restart=shapes.optional_flag(events, "autoRestart") or False,
        auto_restart_max=shapes.optional_number(events, "autoRestartMaxTimes"),
        end_time=end / 1000 if end and end > 0 else None,
        configured_name=shapes.optional_text(docker, "containerName"),
        image=shapes.optional_text(docker, "image"),
        stop_command=shapes.optional_text(config, "stopCommand"),
        stop_timeout=float(timeout) if timeout and timeout > 0 else None,
        cwd=shapes.optional_text(config, "cwd"),
    )


def detail(data: object) -> Detail:
    """Given the data of ``/api/instance``, return the detail."""
    item = shapes.mapping(data, "instance")
    process = item.get("processInfo")
    empty = isinstance(process, dict) and process.get("pid") == 0 and process.get("ctime") == 0
    return Detail(instance(data), empty)


def containers(data: object) -> tuple[SeenContainer, ...]:
    """Given the data of ``environment/containers`` (Docker's raw list), return the running and paused containers, sorted by id."""
    found = (_container(shapes.mapping(item, "containers[]")) for item in shapes.listing(data, "containers"))
    return tuple(sorted(found, key=lambda seen: seen.id))


def images(data: object) -> frozenset[str]:
    """Given the data of ``environment/image`` (Docker's raw list), return all tags, each also without ``:latest``."""
    listed = (shapes.mapping(item, "images[]") for item in shapes.listing(data, "images"))
    tags = {tag for item in listed for tag in shapes.listing(item.get("RepoTags") or [], "images[].RepoTags") if isinstance(tag, str)}
    return frozenset(tags | {tag.removesuffix(":latest") for tag in tags})


def inspected(data: object) -> Candidate:
    """Given Docker's raw inspect (head-docker-inspect-running.json), return the container."""
    whole = shapes.mapping(data, "inspect")
    config = shapes.mapping(shapes.member(whole, "Config", "inspect"), "inspect.Config")
    state = shapes.mapping(shapes.member(whole, "State", "inspect"), "inspect.State")
    mounts = (shapes.mapping(mount, "inspect.Mounts[]") for mount in shapes.listing(whole.get("Mounts") or [], "inspect.Mounts"))
    return Candidate(
        id=shapes.identifier(whole, "Id"),
        name=shapes.text(whole, "Name", "inspect").removeprefix("/"),
        state=shapes.text(state, "Status", "inspect.State"),
        image=shapes.optional_text(config, "Image"),
        label=shapes.optional_text(shapes.mapping(config.get("Labels") or {}, "inspect.Config.Labels"), LABEL),
        sources=tuple(sorted(shapes.optional_text(mount, "Source") for mount in mounts)),
    )


def operations(data: object) -> tuple[Operation, ...]:
    """Given the data of ``operation_logs`` (a bare list), return its entries, oldest first."""
    found = (_operation(shapes.mapping(item, "operations[]")) for item in shapes.listing(data, "operations"))
    return tuple(sorted(found, key=lambda entry: (entry.at, entry.id)))


def says_something(data: object) -> bool:
    """Whether an action's answer says anything: ``open`` answers 200 ``{}`` when the daemon was too late (head-hang-open.json)."""
    return data != {}


def _service(item: Json) -> Daemon:
    available = item.get("available")
    if not isinstance(available, bool):
        raise MalformedAnswer("services[].available is not true or false")
    port = item.get("port")
    address = f"{shapes.optional_text(item, 'ip')}:{port}" if isinstance(port, int) else shapes.optional_text(item, "ip")
    return Daemon(uuid=shapes.identifier(item, "uuid"), remarks=shapes.optional_text(item, "remarks"), address=address, available=available)


def _remote(item: Json) -> Daemon:
    base = _service(item)
    config = shapes.mapping(item.get("config") or {}, "remote[].config")
    process = shapes.mapping(item.get("process") or {}, "remote[].process")
    version = shapes.optional_text(item, "version") or None
    return Daemon(
        uuid=base.uuid,
        remarks=base.remarks,
        address=base.address,
        available=base.available,
        version=version,
        overview_hung=base.available and version is None,
        process_cpu=shapes.optional_number(process, "cpu"),
        soft_shutdown=shapes.optional_flag(config, "enableSoftShutdown"),
        soft_shutdown_skips_docker=shapes.optional_flag(config, "softShutdownSkipDocker"),
    )


def _container(item: Json) -> SeenContainer:
    names = [name for name in shapes.listing(item.get("Names") or [], "containers[].Names") if isinstance(name, str)]
    labels = shapes.mapping(item.get("Labels") or {}, "containers[].Labels")
    mounts = (shapes.mapping(mount, "containers[].Mounts[]") for mount in shapes.listing(item.get("Mounts") or [], "containers[].Mounts"))
    return SeenContainer(
        id=shapes.identifier(item, "Id"),
        name=names[0].removeprefix("/") if names else "",
        state=shapes.text(item, "State", "containers[]"),
        image=shapes.optional_text(item, "Image"),
        instance=shapes.optional_text(labels, LABEL),
        sources=tuple(sorted(shapes.optional_text(mount, "Source") for mount in mounts)),
    )


def _operation(item: Json) -> Operation:
    stamp = item.get("operation_time")  # a string of milliseconds (head-operation-logs-limit2.json)
    text = str(stamp) if isinstance(stamp, str | int) and not isinstance(stamp, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_STAMP):
        raise MalformedAnswer("operations[].operation_time is not a number of milliseconds")
    return Operation(
        id=shapes.optional_text(item, "operation_id"),
        type=shapes.text(item, "type", "operations[]"),
        at=int(text) / 1000,
        daemon=shapes.optional_text(item, "daemon_id"),
        instance=shapes.optional_text(item, "instance_id"),
        operator=shapes.optional_text(item, "operator_name"),
        by_key=item.get("operator_source") == "api",  # absent for a session (head-operation-logs-session.json)
    )


def _status(item: Json) -> Status:
    try:
        return Status(shapes.number(item, "status", "instance"))
    except ValueError:
        raise MalformedAnswer(f"instance.status {item.get('status')!r} is not one of -1, 0, 1, 2, 3") from None
