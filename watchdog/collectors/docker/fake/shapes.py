"""The shapes of the Engine's answers, as Docker Engine 20.10.24 (API 1.41) gives them. Pure."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from watchdog.collectors.docker.fake.execs import FakeExec
from watchdog.collectors.docker.fake.inventory import FakeContainer
from watchdog.collectors.docker.fake.world import FakeEngineWorld
from watchdog.model.docker import Mount

VERSION = "20.10.24+dfsg1"
API_VERSION = "1.41"
_NONE_NETWORK = "6d11ab62acda083419170bb1b05c72c45144d05a66cdeb8eadebab7bdcea2e2a"
_HOST_ZEROS = (
    "CpuShares", "NanoCpus", "BlkioWeight", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime",
    "KernelMemory", "KernelMemoryTCP", "MemoryReservation", "CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth", "OomScoreAdj",
)  # fmt: skip
_HOST_NULLS = (
    "PortBindings", "VolumesFrom", "CapAdd", "CapDrop", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "Links", "SecurityOpt",
    "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "Devices",
    "DeviceCgroupRules", "DeviceRequests", "MemorySwappiness", "PidsLimit", "Ulimits",
)  # fmt: skip
_HOST_EMPTY = (
    "ContainerIDFile", "VolumeDriver", "Cgroup", "PidMode", "UTSMode", "UsernsMode", "Isolation", "CgroupParent", "CpusetCpus",
    "CpusetMems",
)  # fmt: skip
_UP_TO = {"minute": 60, "hour": 48, "day": 336, "week": 1440, "month": 17520}  # minutes, then hours
_HOST_FALSE = ("Privileged", "PublishAllPorts", "ReadonlyRootfs", "OomKillDisable")


def rfc3339(at: float | None) -> str:
    """Given UNIX seconds, return them as Go writes them; None is Go's zero time."""
    if at is None:
        return "0001-01-01T00:00:00Z"
    whole = dt.datetime.fromtimestamp(int(at), dt.UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{int((at - int(at)) * 1e9):09d}Z"


def human(seconds: float) -> str:
    """Given an age in seconds, return the words of go-units' HumanDuration."""
    minutes, hours = int(seconds // 60), int(seconds / 3600 + 0.5)
    words = ((minutes, "minute", "About a minute"), (hours, "hour", "About an hour"))
    if minutes < 1:
        return "Less than a second" if seconds < 1 else _plural(int(seconds), "second")
    for count, unit, one in words:
        if count < _UP_TO[unit]:
            return one if count == 1 else _plural(count, unit)
    for unit, size in (("day", 24), ("week", 168), ("month", 720)):
        if hours < _UP_TO[unit]:
            return _plural(hours // size, unit)
    return _plural(int(seconds // 3600) // 8760, "year")


def _plural(count: int, unit: str) -> str:
    return f"{count} {unit}" + ("" if count == 1 else "s")


def status(container: FakeContainer, now: float) -> str:
    """Return the Status text of the list (Moby's State.String)."""
    up, down = (human(max(0.0, now - (at or now))) for at in (container.started_at, container.finished_at))
    if container.state == "running" and container.health:
        return f"Up {up} ({'health: starting' if container.health == 'starting' else container.health})"
    words = {
        "running": f"Up {up}", "paused": f"Up {up} (Paused)", "restarting": f"Restarting ({container.exit_code}) {down} ago",
        "exited": f"Exited ({container.exit_code}) {down} ago", "removing": "Removal In Progress", "dead": "Dead",
    }  # fmt: skip
    return words.get(container.state, "Created")


def row(container: FakeContainer, now: float) -> Mapping[str, object]:
    """Return one row of GET /containers/json."""
    return {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": container.image,
        "ImageID": image_id(container),
        "Command": shlex.join(container.command),
        "Created": int(container.created_at),
        "Ports": [],
        "Labels": dict(container.labels),
        "State": container.state,
        "Status": status(container, now),
        "HostConfig": {"NetworkMode": container.network_mode},
        "NetworkSettings": {"Networks": _networks(container)},
        "Mounts": [_mount(mount) for mount in container.mounts],
    }


def inspect(container: FakeContainer) -> Mapping[str, object]:
    """Return GET /containers/{id}/json."""
    root = f"/var/lib/docker/containers/{container.id}"
    files = dict.fromkeys(("ResolvConfPath", "HostnamePath", "HostsPath", "LogPath"), "")
    if container.started_at is not None:
        names = ("resolv.conf", "hostname", "hosts", f"{container.id}-json.log")
        files = {key: f"{root}/{name}" for key, name in zip(files, names, strict=True)}
    return {
        "Id": container.id, "Created": rfc3339(container.created_at), "Path": container.command[0], "Args": list(container.command[1:]),
        "State": _state(container), "Image": image_id(container), **files, "Name": f"/{container.name}",
        "RestartCount": container.restart_count, "Driver": "vfs", "Platform": "linux", "MountLabel": "", "ProcessLabel": "",
        "AppArmorProfile": "", "ExecIDs": None, "HostConfig": _host_config(container), "GraphDriver": {"Data": None, "Name": "vfs"},
        "Mounts": [_mount(mount) for mount in container.mounts], "Config": _config(container),
        "NetworkSettings": _network_settings(container),
    }  # fmt: skip


def image_id(container: FakeContainer) -> str:
    """Return a stable image id for the container's image name."""
    return "sha256:" + f"{hash_of(container.image):064x}"


def hash_of(text: str) -> int:
    """Return a number for ``text`` that is the same in every process."""
    number = 0
    for byte in text.encode():
        number = (number * 131 + byte) % (1 << 256)
    return number


def version() -> Mapping[str, object]:
    """Return GET /version."""
    facts = {
        "ApiVersion": API_VERSION, "Arch": "amd64", "BuildTime": "2026-05-07T21:09:36.000000000+00:00", "GitCommit": "5d6db84",
        "GoVersion": "go1.19.8", "KernelVersion": "6.1.0-fake-amd64", "MinAPIVersion": "1.12", "Os": "linux",
    }  # fmt: skip
    parts = [{"Name": "Engine", "Version": VERSION, "Details": {**facts, "Experimental": "false"}}]
    parts += [{"Name": name, "Version": "1", "Details": {"GitCommit": ""}} for name in ("containerd", "runc", "docker-init")]
    return {"Platform": {"Name": ""}, "Components": parts, "Version": VERSION, **facts}


def info(world: FakeEngineWorld) -> Mapping[str, object]:
    """Return GET /info, as far as anybody reads it."""
    states = [c.state for c in world.containers()]
    return {
        "ID": world.engine_id, "Containers": len(states), "ContainersRunning": states.count("running"),
        "ContainersPaused": states.count("paused"), "ContainersStopped": len(states) - states.count("running") - states.count("paused"),
        "Images": 1, "Driver": "vfs", "MemoryLimit": True, "SwapLimit": True, "PidsLimit": True,
        "SystemTime": rfc3339(world.clock.now().wall),
        "LoggingDriver": "json-file", "CgroupDriver": "cgroupfs", "CgroupVersion": "1", "KernelVersion": "6.1.0-fake-amd64",
        "OperatingSystem": "Debian GNU/Linux 12 (bookworm)", "OSVersion": "12", "OSType": "linux", "Architecture": "x86_64", "NCPU": 2,
        "MemTotal": 25276510208, "DockerRootDir": "/var/lib/docker", "Name": "fake", "Labels": [], "ServerVersion": VERSION,
        "LiveRestoreEnabled": False, "SecurityOptions": ["name=seccomp,profile=default"], "Warnings": None,
    }  # fmt: skip


def top(container: FakeContainer, execs: Sequence[Sequence[str]] = ()) -> Mapping[str, object]:
    """Return GET /containers/{id}/top; ``execs`` are the argv of programs that run by exec."""
    lines = [container.command, *execs]
    processes = [
        ["root", str(container.pid + at), str(container.pid if at else 1), "0", "07:11", "?", "00:00:00", shlex.join(argv)]
        for at, argv in enumerate(lines)
    ]
    return {"Processes": processes, "Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]}


def exec_json(exec_: FakeExec) -> Mapping[str, object]:
    """Return GET /exec/{id}/json."""
    argv, container = exec_.argv, exec_.container
    process = {"tty": exec_.tty, "entrypoint": argv[0], "arguments": list(argv[1:]), "privileged": False}
    return {
        "ID": exec_.id, "Running": exec_.running, "ExitCode": exec_.code, "ProcessConfig": process, "OpenStdin": exec_.stdin,
        "OpenStderr": True,
        "OpenStdout": True, "CanRemove": False, "ContainerID": container.id, "DetachKeys": "", "Pid": container.pid + 1,
    }  # fmt: skip


def _state(container: FakeContainer) -> Mapping[str, object]:
    error = "" if container.running else container.broken
    state: dict[str, object] = {
        "Status": container.state, "Running": container.state in {"running", "paused", "restarting"}, "Paused": container.state == "paused",
        "Restarting": container.state == "restarting", "OOMKilled": container.oom_killed, "Dead": container.state == "dead",
        "Pid": container.pid, "ExitCode": container.exit_code, "Error": error, "StartedAt": rfc3339(container.started_at),
        "FinishedAt": rfc3339(container.finished_at),
    }  # fmt: skip
    if container.health is not None:
        log = [{"Start": rfc3339(at), "End": rfc3339(at), "ExitCode": code, "Output": output} for at, code, output in container.checks]
        state["Health"] = {"Status": container.health, "FailingStreak": int(container.health == "unhealthy"), "Log": log}
    return state


def _host_config(container: FakeContainer) -> Mapping[str, object]:
    binds = [f"{m.source}:{m.destination}" for m in container.mounts]
    tmpfs = {"Tmpfs": dict(container.tmpfs)} if container.tmpfs else {}
    return {
        **tmpfs,
        **dict.fromkeys(_HOST_ZEROS, 0), **dict.fromkeys(_HOST_NULLS), **dict.fromkeys(_HOST_EMPTY, ""),
        **dict.fromkeys(_HOST_FALSE, False),
        "Binds": binds, "LogConfig": {"Type": "json-file", "Config": {}}, "NetworkMode": container.network_mode,
        "RestartPolicy": {"Name": container.restart_policy, "MaximumRetryCount": 0}, "AutoRemove": container.auto_remove,
        "CgroupnsMode": "host", "IpcMode": "private", "ShmSize": 67108864, "Runtime": "runc", "ConsoleSize": [0, 0],
        "Memory": container.memory, "MemorySwap": container.memory, "MaskedPaths": ["/proc/kcore"], "ReadonlyPaths": ["/proc/sys"],
    }  # fmt: skip


def _config(container: FakeContainer) -> Mapping[str, object]:
    config: dict[str, object] = {
        "Hostname": container.id[:12], "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
        "Tty": container.tty, "OpenStdin": container.tty, "StdinOnce": False, "Env": [*container.environment],
        "Cmd": list(container.command),
        "Image": container.image, "Volumes": None, "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": dict(container.labels),
        "StopSignal": "SIGTERM",
    }  # fmt: skip
    if container.stop_timeout is not None:
        config["StopTimeout"] = container.stop_timeout
    if container.health is not None:
        config["Healthcheck"] = {"Test": ["CMD-SHELL", "true"], "Interval": 1000000000, "Timeout": 5000000000, "Retries": 1}
    return config


def _network_settings(container: FakeContainer) -> Mapping[str, object]:
    return {
        "Bridge": "", "SandboxID": "", "HairpinMode": False, "LinkLocalIPv6Address": "", "LinkLocalIPv6PrefixLen": 0, "Ports": {},
        "SandboxKey": "", "SecondaryIPAddresses": None, "SecondaryIPv6Addresses": None, "EndpointID": "", "Gateway": "",
        "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "", "MacAddress": "",
        "Networks": _networks(container),
    }  # fmt: skip


def _networks(container: FakeContainer) -> Mapping[str, Any]:
    network = {
        "IPAMConfig": None, "Links": None, "Aliases": None, "NetworkID": _NONE_NETWORK, "EndpointID": "", "Gateway": "", "IPAddress": "",
        "IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "MacAddress": "", "DriverOpts": None,
    }  # fmt: skip
    return {} if container.network_mode.startswith("container:") else {container.network_mode: network}


def _mount(mount: Mount) -> Mapping[str, object]:
    if mount.source.startswith("/"):
        return {
            "Type": "bind", "Source": mount.source, "Destination": mount.destination, "Mode": "", "RW": mount.writable,
            "Propagation": "rslave",
        }  # fmt: skip
    return {
        "Type": "volume", "Name": mount.source, "Source": f"/var/lib/docker/volumes/{mount.source}/_data", "Destination": mount.destination,
        "Driver": "local", "Mode": "z", "RW": mount.writable, "Propagation": "",
    }  # fmt: skip
