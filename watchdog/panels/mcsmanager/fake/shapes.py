"""The JSON bodies of the fake's answers, release by release; their key shapes are compared with the recordings by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchdog.panels.mcsmanager.fake.daemon import FakeDaemon
    from watchdog.panels.mcsmanager.fake.instances import FakeInstance
    from watchdog.panels.mcsmanager.fake.releases import Release
    from watchdog.panels.mcsmanager.fake.world import WorldContainer

NO_PROCESS = {"cpu": 0, "memory": 0, "ppid": 0, "pid": 0, "ctime": 0, "elapsed": 0, "timestamp": 0}
SECRET = "fake-rcon-secret"  # noqa: S105  # a secret the client must never take along


def instance(item: FakeInstance, release: Release) -> dict[str, Any]:
    """One entry of a list (head-list-running.json, v10.6.1-hang-list.json)."""
    body: dict[str, Any] = {"instanceUuid": item.uuid, "started": item.started}
    if release.modern:
        body["autoRestarted"] = item.auto_restarted
    info: dict[str, Any] = {
        "mcPingOnline": False, "currentPlayers": 0, "maxPlayers": 0, "version": "", "fileLock": 0, "playersChart": [],
        "openFrpStatus": False,
        "latency": 0,
    }  # fmt: skip
    if release.modern:
        info["allocatedPorts"] = []
    return body | {"status": item.status, "config": config(item, release), "info": info}


def detail(item: FakeInstance, release: Release) -> dict[str, Any]:
    """One instance (head-detail-running.json); processInfo is null unless no process is held (head-hang-detail-starting.json)."""
    return instance(item, release) | {"space": 0, "processInfo": None if item.container else NO_PROCESS}


def config(item: FakeInstance, release: Release) -> dict[str, Any]:
    """Return the configuration; older releases have fewer keys (v10.4.0-detail-running.json)."""
    body: dict[str, Any] = {
        "nickname": item.nickname, "startCommand": "sh", "stopCommand": "exit", "cwd": item.cwd, "ie": "utf8", "oe": "utf8",
        "createDatetime": 1795198402382, "lastDatetime": int(item.last_start * 1000), "type": "universal", "tag": [],
        "endTime": int(item.end_time * 1000), "fileCode": "utf8", "processType": item.process_type, "updateCommand": "", "crlf": 1,
        "category": 0,
        "enableRcon": False, "rconPassword": SECRET, "rconPort": 0, "rconIp": "", "actionCommandList": [],
        "terminalOption": {"haveColor": False, "pty": True, "ptyWindowCol": 164, "ptyWindowRow": 40},
        "eventTask": {"autoStart": item.auto_start, "autoRestart": item.auto_restart, "ignore": False},
        "docker": {
            "containerName": item.configured_name, "image": item.image, "ports": [], "extraVolumes": [], "memory": 64,
            "networkMode": "none",
            "networkAliases": [], "cpusetCpus": "", "cpuUsage": 0, "maxSpace": 0, "io": 0, "network": 0, "workingDir": "/data",
            "env": ["A=1"],
        },
        "pingConfig": {"ip": "", "port": 25565, "type": 1}, "extraServiceConfig": {"openFrpTunnelId": "", "openFrpToken": ""},
    }  # fmt: skip
    if release.panel != "10.4.0":
        body["docker"]["changeWorkdir"] = True
    if release.modern:
        body |= {"stopTimeout": 0, "runAs": "", "basePort": 10015, "java": {"id": ""}}
        body["eventTask"]["autoRestartMaxTimes"] = -1
        body["docker"] |= {
            "updateCommandImage": "HOST", "uploadSpeedLimit": 0, "downloadSpeedLimit": 0, "capAdd": [], "capDrop": [], "devices": [],
            "privileged": False, "memorySwap": None, "memorySwappiness": None, "labels": [], "gpuEnabled": False, "gpuCount": -1,
            "gpuDeviceIds": [], "gpuDriver": "nvidia", "deviceReadBps": [], "deviceWriteBps": [],
        }  # fmt: skip
    return body


def service(daemon: FakeDaemon) -> dict[str, Any]:
    """One entry of remote_services_list (remote_services_list.json)."""
    return {
        "uuid": daemon.uuid,
        "ip": "localhost",
        "port": daemon.port,
        "prefix": "",
        "available": daemon.available,
        "remarks": daemon.remarks,
    }


def remote(daemon: FakeDaemon, *, answered: bool) -> dict[str, Any]:
    """One entry of overview.remote; not ``answered``: only what the panel has itself (head-hang-overview.json)."""
    release = daemon.release
    body: dict[str, Any] = {}
    if answered:
        listed = daemon.instances
        body = {
            "version": release.daemon,
            "process": {"cpu": daemon.process_cpu, "memory": 2, "cwd": "/opt/mcsmanager/daemon"},
            "instance": {"running": sum(1 for item in listed if item.status == 3), "total": len(listed)},  # noqa: PLR2004  # Running
            "system": {
                "type": "Linux", "hostname": "vm", "platform": "linux", "release": "6.1.0-amd64", "uptime": 969.41,
                "cwd": "/opt/mcsmanager/daemon",
                "loadavg": [0.1], "freemem": 1, "cpuUsage": 0.1, "memUsage": 0.1, "totalmem": 2, "processCpu": 0, "processMem": 0,
            },
            "cpuMemChart": [{"cpu": 0, "mem": 0}],
        }  # fmt: skip
        if release.modern:
            body["config"] = {
                "language": "en_us", "uploadSpeedRate": 0, "downloadSpeedRate": 0, "maxDownloadFromUrlFileCount": 1,
                "portRangeStart": 10010,
                "portRangeEnd": 65500, "portAssignInterval": 5, "port": 24444, "outputBufferSize": 256,
                "enableSoftShutdown": daemon.soft_shutdown, "softShutdownSkipDocker": daemon.soft_shutdown_skips_docker,
                "softShutdownWaitSeconds": 30,
            }  # fmt: skip
            body["dockerPlatforms"] = ["linux/amd64"]
    return body | service(daemon) | ({"remoteMappings": []} if release.modern else {})


def overview(release: Release, remotes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the panel's overview (head-overview.json)."""
    return {
        "version": release.panel, "specifiedDaemonVersion": release.daemon, "process": {"cpu": 0, "memory": 1,
        "cwd": "/opt/mcsmanager/panel"},
        "record": {"logined": 1, "illegalAccess": 0, "banips": 0, "loginFailed": 0},
        "system": {
            "user": {"uid": 0, "gid": 0, "username": "root", "homedir": "/home/mcsm", "shell": "/bin/bash"}, "time": 1795198402053,
            "totalmem": 2,
            "freemem": 1, "type": "Linux", "version": "#1", "node": "v20.20.2", "hostname": "vm", "loadavg": [0.1], "platform": "linux",
            "release": "6.1.0-amd64", "uptime": 1001.87, "cpu": 0.5,
        },
        "chart": {"system": [{"cpu": 0, "mem": 0}], "request": [{"value": 0, "totalInstance": 0, "runningInstance": 0}]},
        "remoteCount": {"available": sum(1 for item in remotes if item["available"]), "total": len(remotes)}, "remote": remotes,
    }  # fmt: skip


def container(item: WorldContainer) -> dict[str, Any]:
    """One entry of environment/containers, Docker's raw list (head-env-containers-mixed-paused.json)."""
    return {
        "Id": item.id, "Names": [f"/{item.name}"], "Image": item.image, "ImageID": "sha256:8f39", "Command": "/bin/busybox sh",
        "Created": int(item.created), "Ports": [], "Labels": dict(item.labels), "State": item.state, "Status": "Up 1 second",
        "HostConfig": {"NetworkMode": "none"}, "NetworkSettings": {"Networks": {"none": {
            "IPAMConfig": None, "Links": None, "Aliases": None, "NetworkID": "b277", "EndpointID": "809c", "Gateway": "", "IPAddress": "",
            "IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "MacAddress": "", "DriverOpts": None,
        }}},
        "Mounts": [
            {"Type": "bind", "Source": source, "Destination": destination, "Mode": "", "RW": True, "Propagation": "rprivate"}
            for source, destination in item.mounts
        ],
    }  # fmt: skip


def acted(item: FakeInstance, release: Release) -> dict[str, Any]:
    """Return what an accepted action answers (head-open-ok.json; v10.6.1-open-ok.json has no instances[])."""
    body: dict[str, Any] = {"instanceUuid": item.uuid}
    return body | ({"instances": [{"instanceUuid": item.uuid, "nickname": item.nickname}]} if release.modern else {})
