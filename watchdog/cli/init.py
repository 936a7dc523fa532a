"""``init``: look at this host and write a commented configuration in ``observe``, asking only for what cannot be seen."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from watchdog.cli.options import spoken
from watchdog.collectors.docker.listing import parse_container
from watchdog.errors import Refused, WatchdogError
from watchdog.model.clues import Clues, Found
from watchdog.model.docker import Container
from watchdog.panels import discover
from watchdog.runtime import yaml
from watchdog.runtime.engine import Engine

UNIT_DIRECTORIES = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system", "/run/systemd/system")
NET = Path("/proc/net")
LISTENING = "0A"


@spoken
def init(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the configuration.")] = Path(
        "/etc/panel-watchdog/config.yaml"
    ),
    docker: Annotated[str, typer.Option(help="The Docker Engine to look at.")] = "unix:///var/run/docker.sock",
    ask: Annotated[bool, typer.Option(help="Ask for keys; without, the places where to put them are written.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Look at containers, units, files and ports, and write a configuration that only observes."""
    if output.exists() and not force:
        print(f"'{output}' exists already: choose another with --output, or write over it with --force", file=sys.stderr)
        raise typer.Exit(1)
    clues, remarks = look(docker)
    found = {name: panel.find(clues) for name, panel in discover().items()}
    for remark in remarks:
        print(f"note: {remark}")
    for name, targets in found.items():
        for target in targets:
            print(f"found {name}: {target.why}")
            _store_secrets(target, ask=ask and sys.stdin.isatty())
    if not any(found.values()):
        print("found no panel: the configuration exports Docker, WireGuard and host facts only")
    _write(output, render(found, docker, remarks))
    print(f"wrote '{output}'. Next:")
    for command in ("check-config", "doctor", "run"):
        print(f"  panel-watchdog {command} -c {output}")


def look(docker: str) -> tuple[Clues, tuple[str, ...]]:
    """Return the clues of this host, and one remark for each thing that could not be looked at."""
    containers, remark = _containers(docker)
    clues = Clues(containers, _units(), _ports(), lambda path: Path(path).exists())
    return clues, (remark,) if remark else ()


def render(found: dict[str, tuple[Found, ...]], docker: str, remarks: tuple[str, ...]) -> str:
    """Given what was found, return the text of the configuration."""
    lines = [
        "# panel-watchdog configuration. Every key is explained in docs/configuration.md; check with: panel-watchdog check-config",
        *(f"# note: {remark}" for remark in remarks),
        "server:",
        "  listen: 127.0.0.1:9877        # Prometheus scrapes http://127.0.0.1:9877/metrics",
        "collectors:",
        "  docker:",
        f"    url: {docker}",
        "panels:" if any(found.values()) else "panels: {}",
    ]
    for panel, targets in found.items():
        if targets:
            lines.append(f"  {panel}:")
        for target in targets:
            lines += _target_lines(target)
    return "\n".join(lines) + "\n"


def _target_lines(target: Found) -> list[str]:
    lines = [f"    # {target.why}"]
    mark = "    - "
    for key, value in target.settings.items():
        comment = target.comments.get(key) or (f"put the key there; {target.asks[key]}" if key in target.asks else "")
        body = yaml.dump({key: value}).rstrip("\n").split("\n")
        lines.append(mark + body[0] + (f"  # {comment}" if comment else ""))
        lines += ["      " + more for more in body[1:]]
        mark = "      "
    return lines


def _store_secrets(target: Found, *, ask: bool) -> None:
    for key, where in target.asks.items():
        path = Path(str(target.settings[key]))
        if path.exists():
            continue
        print(f"  {key}: {where}")
        secret = (
            typer.prompt(f"  paste it (it goes into '{path}', mode 0600; empty = later)", default="", hide_input=True, show_default=False)
            if ask
            else ""
        )
        if secret:
            _write(path, secret.strip() + "\n", mode=0o600)
        else:
            print(f"  put it into '{path}', readable for this user only")


def _write(path: Path, text: str, mode: int = 0o640) -> None:
    """Write a file whole, with ``mode`` from its first moment. Raises Refused, naming the path."""
    staged = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        staged.unlink(missing_ok=True)  # what an earlier try left behind may have other rights
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
        staged.replace(path)
    except OSError as error:
        raise Refused(f"cannot write '{path}': {error.strerror}; run this as one who may, or choose another place with --output") from None


def _containers(docker: str) -> tuple[tuple[Container, ...], str]:
    engine = Engine(docker)
    try:
        return tuple(parse_container(raw) for raw in engine.list(10.0)), ""
    except WatchdogError as error:
        return (), f"could not look at Docker: {error}"


def _units() -> frozenset[str]:
    names: set[str] = set()
    for directory in UNIT_DIRECTORIES:
        try:
            names.update(entry.name for entry in Path(directory).iterdir() if entry.name.endswith(".service"))
        except OSError:
            continue
    return frozenset(names)


def _ports() -> frozenset[int]:
    """Return the TCP ports that listen in our network namespace, from /proc/net/tcp and tcp6."""
    ports: set[int] = set()
    for name in ("tcp", "tcp6"):
        try:
            rows = (NET / name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == LISTENING:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return frozenset(ports)
