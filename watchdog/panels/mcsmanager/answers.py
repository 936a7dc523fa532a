"""The JSON shapes of the panel's answers, turned into frozen values; a whitelist, so nothing secret comes along. Pure.

Part of the client: these two modules are the only ones that know what an answer looks like. Every function raises MalformedAnswer naming
the field when an answer has not the promised shape (contract section 1; recordings/mcsmanager).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from watchdog.errors import MalformedAnswer
from watchdog.panels.mcsmanager.sight import Candidate
from watchdog.panels.mcsmanager.view import LABEL, Daemon, Instance, Operation, SeenContainer, Status

Json = Mapping[str, object]
ValueT = TypeVar("ValueT")
_MISSING = object()
LONGEST_NAME: Final = 128
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
    whole = _mapping(body, "answer")
    if "data" not in whole or not isinstance(whole.get("status"), int):
        raise MalformedAnswer("the answer is not an MCSManager envelope {status, data, time}: is this the panel's address?")
    return whole["data"]


def services(data: object) -> tuple[Daemon, ...]:
    """Given the data of ``remote_services_list``, return the daemons with what the panel knows without asking them."""
    return tuple(_service(_mapping(item, "services[]")) for item in _list(data, "services"))


def overview(data: object) -> Overview:
    """Given the data of ``overview``, return the panel's version and its daemons with version and shutdown flags."""
    whole = _mapping(data, "overview")
    remotes = (_mapping(item, "remote[]") for item in _list(_get(whole, "remote", "overview"), "overview.remote"))
    return Overview(_text(whole, "version", "overview"), tuple(_remote(item) for item in remotes))


def page(data: object) -> Page:
    """Given the data of ``remote_service_instances``, return one page."""
    whole = _mapping(data, "page")
    items = _list(_get(whole, "data", "page"), "page.data")
    return Page(_number(whole, "maxPage", "page"), tuple(instance(item) for item in items))


def instance(data: object) -> Instance:
    """Given one list item or detail, return the instance."""
    item = _mapping(data, "instance")
    config = _mapping(_get(item, "config", "instance"), "instance.config")
    docker = _mapping(config.get("docker") or {}, "config.docker")
    events = _mapping(config.get("eventTask") or {}, "config.eventTask")
    end = _optional_number(config, "endTime")
    timeout = _optional_number(config, "stopTimeout")
    return Instance(
        uuid=_identifier(item, "instanceUuid"),
        nickname=_text(config, "nickname", "config"),
        status=_status(item),
        started=_number(item, "started", "instance"),
        auto_restarted=_optional_number(item, "autoRestarted"),
        process_type=_text(config, "processType", "config"),
        auto_start=_flag(events, "autoStart") or False,
        auto_restart=_flag(events, "autoRestart") or False,
        auto_restart_max=_optional_number(events, "autoRestartMaxTimes"),
        end_time=end / 1000 if end and end > 0 else None,
        configured_name=_optional_text(docker, "containerName"),
        image=_optional_text(docker, "image"),
        stop_command=_optional_text(config, "stopCommand"),
        stop_timeout=float(timeout) if timeout and timeout > 0 else None,
        cwd=_optional_text(config, "cwd"),
    )


def detail(data: object) -> Detail:
    """Given the data of ``/api/instance``, return the detail."""
    item = _mapping(data, "instance")
    process = item.get("processInfo")
    empty = isinstance(process, dict) and process.get("pid") == 0 and process.get("ctime") == 0
    return Detail(instance(data), empty)


def containers(data: object) -> tuple[SeenContainer, ...]:
    """Given the data of ``environment/containers`` (Docker's raw list), return the running and paused containers, sorted by id."""
    found = (_container(_mapping(item, "containers[]")) for item in _list(data, "containers"))
    return tuple(sorted(found, key=lambda seen: seen.id))


def images(data: object) -> frozenset[str]:
    """Given the data of ``environment/image`` (Docker's raw list), return all tags, each also without ``:latest``."""
    listed = (_mapping(item, "images[]") for item in _list(data, "images"))
    tags = {tag for item in listed for tag in _list(item.get("RepoTags") or [], "images[].RepoTags") if isinstance(tag, str)}
    return frozenset(tags | {tag.removesuffix(":latest") for tag in tags})


def inspected(data: object) -> Candidate:
    """Given Docker's raw inspect (head-docker-inspect-running.json), return the container."""
    whole = _mapping(data, "inspect")
    config = _mapping(_get(whole, "Config", "inspect"), "inspect.Config")
    state = _mapping(_get(whole, "State", "inspect"), "inspect.State")
    mounts = (_mapping(mount, "inspect.Mounts[]") for mount in _list(whole.get("Mounts") or [], "inspect.Mounts"))
    return Candidate(
        id=_identifier(whole, "Id"),
        name=_text(whole, "Name", "inspect").removeprefix("/"),
        state=_text(state, "Status", "inspect.State"),
        image=_optional_text(config, "Image"),
        label=_optional_text(_mapping(config.get("Labels") or {}, "inspect.Config.Labels"), LABEL),
        sources=tuple(sorted(_optional_text(mount, "Source") for mount in mounts)),
    )


def operations(data: object) -> tuple[Operation, ...]:
    """Given the data of ``operation_logs`` (a bare list), return its entries, oldest first."""
    found = (_operation(_mapping(item, "operations[]")) for item in _list(data, "operations"))
    return tuple(sorted(found, key=lambda entry: (entry.at, entry.id)))


def says_something(data: object) -> bool:
    """Whether an action's answer says anything: ``open`` answers 200 ``{}`` when the daemon was too late (head-hang-open.json)."""
    return data != {}


def _service(item: Json) -> Daemon:
    available = item.get("available")
    if not isinstance(available, bool):
        raise MalformedAnswer("services[].available is not true or false")
    port = item.get("port")
    address = f"{_optional_text(item, 'ip')}:{port}" if isinstance(port, int) else _optional_text(item, "ip")
    return Daemon(uuid=_identifier(item, "uuid"), remarks=_optional_text(item, "remarks"), address=address, available=available)


def _remote(item: Json) -> Daemon:
    base = _service(item)
    config = _mapping(item.get("config") or {}, "remote[].config")
    process = _mapping(item.get("process") or {}, "remote[].process")
    version = _optional_text(item, "version") or None
    return Daemon(
        uuid=base.uuid,
        remarks=base.remarks,
        address=base.address,
        available=base.available,
        version=version,
        overview_hung=base.available and version is None,
        process_cpu=_optional_number(process, "cpu"),
        soft_shutdown=_flag(config, "enableSoftShutdown"),
        soft_shutdown_skips_docker=_flag(config, "softShutdownSkipDocker"),
    )


def _container(item: Json) -> SeenContainer:
    names = [name for name in _list(item.get("Names") or [], "containers[].Names") if isinstance(name, str)]
    labels = _mapping(item.get("Labels") or {}, "containers[].Labels")
    mounts = (_mapping(mount, "containers[].Mounts[]") for mount in _list(item.get("Mounts") or [], "containers[].Mounts"))
    return SeenContainer(
        id=_identifier(item, "Id"),
        name=names[0].removeprefix("/") if names else "",
        state=_text(item, "State", "containers[]"),
        image=_optional_text(item, "Image"),
        instance=_optional_text(labels, LABEL),
        sources=tuple(sorted(_optional_text(mount, "Source") for mount in mounts)),
    )


def _operation(item: Json) -> Operation:
    stamp = item.get("operation_time")  # a string of milliseconds (head-operation-logs-limit2.json)
    text = str(stamp) if isinstance(stamp, str | int) and not isinstance(stamp, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_STAMP):
        raise MalformedAnswer("operations[].operation_time is not a number of milliseconds")
    return Operation(
        id=_optional_text(item, "operation_id"),
        type=_text(item, "type", "operations[]"),
        at=int(text) / 1000,
        daemon=_optional_text(item, "daemon_id"),
        instance=_optional_text(item, "instance_id"),
        operator=_optional_text(item, "operator_name"),
    )


def _status(item: Json) -> Status:
    try:
        return Status(_number(item, "status", "instance"))
    except ValueError:
        raise MalformedAnswer(f"instance.status {item.get('status')!r} is not one of -1, 0, 1, 2, 3") from None


def _get(item: Json, key: str, where: str) -> object:
    value = item.get(key, _MISSING)
    if value is _MISSING:
        raise MalformedAnswer(f"{where}.{key} is missing")
    return value


def _mapping(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise MalformedAnswer(f"{where} is not an object but {type(value).__name__}")
    return cast(Json, value)


def _list(value: object, where: str) -> Iterable[object]:
    if not isinstance(value, list):
        raise MalformedAnswer(f"{where} is not a list but {type(value).__name__}")
    return value


def _text(item: Json, key: str, where: str) -> str:
    value = _get(item, key, where)
    if not isinstance(value, str):
        raise MalformedAnswer(f"{where}.{key} is not text but {type(value).__name__}")
    return value


def _identifier(item: Json, key: str) -> str:
    value = _text(item, key, "item")
    if (
        not value
        or len(value) > LONGEST_NAME
        or not value.isascii()
        or not value.isprintable()
        or any(letter in value for letter in "/?&# ")
    ):
        raise MalformedAnswer(f"{key} is not an identifier")
    return value


def _optional_text(item: Json, key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _number(item: Json, key: str, where: str) -> int:
    value = _get(item, key, where)
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedAnswer(f"{where}.{key} is not a whole number but {type(value).__name__}")
    return value


def _optional_number(item: Json, key: str) -> int | None:
    value = item.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(item: Json, key: str) -> bool | None:
    value = item.get(key)
    return value if isinstance(value, bool) else None
