"""Which configurations there are, from the least harmful source, and in which order the panel's thread takes them.

Why not ask for the list: ``getWireguardConfigurations`` rescans the folder and puts new files into the dictionary the thread walks over,
which in 4.0 to 4.2.3 is the seed bug's trigger (contract section 1.3). ``ping/getAllPeersIpAddress`` writes out every host of every allowed
network (dashboard.py: ``list(ip.hosts())``): one peer with an IPv6 /64 takes all the memory there is. So:

- from 4.3.0 on, ``clients/allConfigurationsPeers``: reads memory only, small, without secrets;
- before, the ``*.conf`` files in the panel's folder, as the panel itself looks for them, and the names in our settings. Each is then asked
  for with ``getWireguardConfigurationInfo``, which changes nothing for a name the panel does not know.

Neither tells the dictionary's order (JSON sorts keys), which matters: a blocked pass blinds all behind the culprit. A panel's start reads
the folder sorted by file name, plain WireGuard before AmneziaWG; what comes later stands behind (dashboard.py,
InitWireguardConfigurationsList). ``Order`` follows that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from watchdog.errors import Blind
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.texts import ini
from watchdog.panels.wgdashboard.view import Configuration

INI: Final = "wg-dashboard.ini"
SUFFIX: Final = ".conf"
_MOST_BYTES: Final = 1 << 20


def names_in_files(settings: WgdashboardSettings) -> tuple[str, ...]:
    """Return the names of the configuration files, plain WireGuard's first, each folder sorted as the panel sorts it.

    Raises Blind when no folder is known or one cannot be listed.
    """
    found: dict[str, None] = {}
    for folder in _folders(settings):
        found |= dict.fromkeys(_listed(folder))
    return tuple(found)


def _folders(settings: WgdashboardSettings) -> list[Path]:
    if settings.configurations_directory is not None:
        return [settings.configurations_directory]
    if settings.directory is None:
        raise Blind("a panel before 4.3 does not tell its configurations: set configurations_directory, directory or configurations")
    path = settings.directory / INI
    try:
        with path.open(encoding="utf-8") as file:
            said = ini(file.read(_MOST_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        raise Blind(f"cannot read '{path}': {type(error).__name__}") from None
    if said is None or not said.wg_directory:
        raise Blind(f"'{path}' does not say where the configurations are: is it just being written?")
    # awg_conf_path is always set and mostly not there: the panel looks only when the awg programs are installed
    amnezia = Path(said.awg_directory)
    return [Path(said.wg_directory), *([amnezia] if said.awg_directory and amnezia.is_dir() else [])]


def _listed(folder: Path) -> list[str]:
    try:
        files = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise Blind(f"cannot list '{folder}': {type(error).__name__}") from None
    return [file.replace(SUFFIX, "") for file in files if file.endswith(SUFFIX) and file != SUFFIX and file.isprintable()]


class Order:
    """Remembers in which order configurations came to the panel.

    ``sure`` is whether we have seen the panel begin since: else a configuration that was added before our first look is thought to stand
    where a start would have put it.
    """

    def __init__(self) -> None:
        self.sure = False
        self._places: dict[str, int] = {}

    def begin_anew(self, *, seen: bool) -> None:
        """Forget all: the panel has restarted (``seen``), or read its folder anew."""
        self._places = {}
        self.sure = seen

    def sorted(self, configurations: Sequence[Configuration]) -> tuple[Configuration, ...]:
        """Return them in order. Those that could not be read keep their place; those the panel does not know come last."""
        known = [each for each in configurations if not each.unknown]
        self._places = {name: place for name, place in self._places.items() if any(each.name == name for each in known)}
        for each in sorted(known, key=lambda each: (each.protocol != "wg", each.name + SUFFIX)):
            self._places.setdefault(each.name, max(self._places.values(), default=-1) + 1)
        unknown = sorted((each for each in configurations if each.unknown), key=lambda each: each.name)
        return (*sorted(known, key=lambda each: self._places[each.name]), *unknown)
