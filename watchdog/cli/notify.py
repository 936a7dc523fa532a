"""``notify test``: one message to each channel now, from the configuration, whether the program runs or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from watchdog import settings
from watchdog.cli.options import ConfigOption, default_path, spoken
from watchdog.errors import NotFound, Refused, WatchdogError
from watchdog.model.panels import Probe
from watchdog.notify import sending, words
from watchdog.notify.alertmanager import Alertmanager
from watchdog.notify.settings import ChannelSettings
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.log import configure


@spoken
def notify(
    action: Annotated[str, typer.Argument(help="`test` sends a test message.", metavar="test")],
    channel: Annotated[str | None, typer.Argument(help="The channel's name; without one, all of them.", show_default=False)] = None,
    config: ConfigOption = None,
) -> None:
    """Send a test message to the channels of the configuration. Ends with 1 when one does not take it."""
    if action != "test":
        raise Refused(f"'{action}' is no action of notify: say `notify test [CHANNEL]`")
    configure("error", "console")
    loaded = settings.load(config or default_path())
    failed = 0
    for each in _chosen(loaded, channel):
        word = _send(each, loaded.host)
        failed += word != sending.OK
        print(f"{each.name}: " + ("sent" if word == sending.OK else f"NOT sent: {sending.explain(word)}"))
    raise typer.Exit(1 if failed else 0)


def probes(loaded: settings.SettingsBase) -> Iterator[Probe]:
    """Try what notifications need, and send nothing: for ``doctor``."""
    for each in loaded.notify.channels:
        word = sending.send(each.resolved, sending.Message("probe", "", "", "info"), each.deadline)
        yield Probe(f"channel {each.name}", word == sending.OK, "" if word == sending.OK else sending.explain(word))
    asking = [target.name for _, target in loaded.targets() if target.mode.value == "approve"]
    if not loaded.notify.channels:
        silent = f"no channel, and {', '.join(asking)} wait for approval: nobody hears that something waits; see notify.channels"
        yield Probe("channels", None, silent if asking else "off: notify.channels is empty")
    if loaded.notify.heartbeat is None:
        yield Probe("heartbeat", None, "off: notify.heartbeat is not set")
    else:
        yield _heartbeat(loaded)
    if loaded.alertmanager is None:
        yield Probe("silences during pauses", None, "off: alertmanager is not set")
    else:
        yield _alertmanager(loaded)


def _chosen(loaded: settings.SettingsBase, name: str | None) -> tuple[ChannelSettings, ...]:
    found = tuple(each for each in loaded.notify.channels if name is None or each.name == name)
    if not found:
        known = ", ".join(each.name for each in loaded.notify.channels)
        raise NotFound(
            f"no channel is called '{name}' (known: {known})" if known else "the configuration has no channel: see notify.channels"
        )
    return found


def _send(channel: ChannelSettings, host: str) -> str:
    note = words.trial(host, SystemClock().now().wall)
    return sending.send(channel.resolved, sending.Message(note.occasion, note.title, note.body, note.severity), channel.deadline)


def _heartbeat(loaded: settings.SettingsBase) -> Probe:
    assert loaded.notify.heartbeat is not None
    try:
        loaded.notify.heartbeat.resolved()
    except WatchdogError as error:
        return Probe("heartbeat", False, str(error))
    return Probe("heartbeat", True, f"every {loaded.notify.heartbeat.every:g} s while all is well; not pinged now")


def _alertmanager(loaded: settings.SettingsBase) -> Probe:
    assert loaded.alertmanager is not None
    try:
        found = Alertmanager(loaded.alertmanager, SystemClock())
        version = found.version()
        found.silences()
    except WatchdogError as error:
        return Probe("silences during pauses", False, str(error))
    return Probe("silences during pauses", True, f"Alertmanager {version}; whether it lets us write is seen at the first pause")
