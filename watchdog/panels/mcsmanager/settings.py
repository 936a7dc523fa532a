"""One MCSManager target in the configuration: ``panels: {mcsmanager: [{name, url, api_key_file, ...}]}``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from watchdog.model.repairs import Mode
from watchdog.runtime.fields import AbsolutePath, Duration, HookField, Strict, panel_address

KindName = Literal[
    "stuck_starting", "failed_autostart", "ghost_running", "dead_stream", "orphan", "paused", "leftover", "stopping_too_long",
    "restart_loop", "daemon_offline", "daemon_without_docker",
]  # fmt: skip
RemedyName = Literal["open_instance", "stop_container_then_open", "remove_leftover", "relink_daemon", "restart_daemon"]
Wish = Literal["running", "stopped", "any"]


class McsmanagerHooks(Strict):
    """What may be started to mend this target; each is one of unit, container, exec, argv."""

    restart_daemon: HookField | None = None
    """Restarts the daemon on this host, such as ``{unit: mcsm-daemon}``. For a daemon elsewhere write its own ``restart_daemon``.
    The words of an ``argv`` are shown in plans, approvals and the record: keep secrets in a file. Only what is called one is hidden."""


class DaemonSettings(Strict):
    """What is known of one daemon. Name it by ``id`` or by ``remarks``, as the panel's node list shows them."""

    id: str = ""
    """The daemon's uuid."""
    remarks: str = ""
    """The daemon's remarks, exactly."""
    place: Literal["auto", "local", "remote"] = "auto"
    """Where it runs. ``auto`` proves it by container ids that its Docker and ours share; ``local`` is your word that it is here."""
    restart_daemon: HookField | None = None
    """Restarts this daemon; goes before ``hooks.restart_daemon``. Its ``argv`` is shown too: no secrets in it."""

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if bool(self.id) == bool(self.remarks):
            raise ValueError("name the daemon by exactly one of: id, remarks")
        return self


class McsmanagerSettings(Strict):
    """Settings of one MCSManager panel."""

    name: str = Field(min_length=1)
    """The target's name, unique over all panels."""
    url: Annotated[str, panel_address("http://HOST:23333")]
    """The panel's address, with its prefix if it has one: ``http://127.0.0.1:23333``."""
    api_key_file: AbsolutePath
    """A file that holds the API key of an administrator; best a user of its own, so the panel's operation log tells its deeds apart.
    It goes in a header; to panels up to 10.8.2 also in the address of calls on one instance, for they look for it only there."""
    account: str = ""
    """The name of that user, as the operation log shows it: an act with a key of this user that our ledger lacks stops repairs. "" = it is
    learned from the first act of ours."""
    mode: Mode = Mode.APPROVE
    """``observe`` (export and alert), ``approve`` (plan, wait for a person) or ``repair`` (act)."""
    kinds: dict[KindName, Mode] = Field(default_factory=dict)
    """The mode of single drift kinds, such as ``{ghost_running: repair}``."""
    allow: tuple[RemedyName, ...] = ()
    """Disruptive remedies that mode ``repair`` may run by itself."""
    baseline: Literal["ask", "repair"] = "ask"
    """What becomes of drifts that were there before us: ``ask`` leaves them until a person decides."""
    interval: Duration = Field(15.0, ge=1)
    """Time between two looks."""
    hooks: McsmanagerHooks = McsmanagerHooks()
    """Hooks for daemons on this host."""
    daemons: tuple[DaemonSettings, ...] = ()
    """What is known of single daemons; daemons that are not named are judged all the same."""
    owner: bool = False
    """Whether this agent also mends daemons on other hosts (through the panel, and by their own hooks). Set it on one agent only."""
    expect: dict[str, Wish] = Field(default_factory=dict)
    """What you want of single instances, by uuid or nickname: ``running``, ``stopped`` or ``any``. Unnamed ones follow their autostart."""
    stuck_starting_after: Duration = Field(300.0, ge=10)
    """How long a start may take, counted from when Docker answers again, before it is stuck. Image pulls may be long."""
    stopping_after: Duration = Field(540.0, ge=10)
    """How long a stop may take. The daemon itself falls back to Running after ten minutes, so a longer time never shows."""
    autostart_window: Duration = Field(3600.0, ge=60)
    """How long after a boot of the daemon or a return of Docker an instance that did not start counts as a failed autostart."""
    autostart_grace: Duration = 15.0
    """How long a boot may take before autostart begins. Daemons from 10.10 on start one instance every five seconds; that is added."""
    relink_after: Duration = Field(300.0, ge=30)
    """How long a daemon is offline before the panel is asked to connect anew; until then the panel tries by itself."""
    stop_grace: Duration = Field(120.0, ge=10, le=600)
    """How long ``docker stop`` waits for a game server to save and end."""
    timeout: Duration = Field(15.0, gt=6)
    """How long one exchange with the panel may take; the panel itself waits six seconds for a daemon."""
    ca_file: AbsolutePath | None = None
    """Certificates to trust, if the panel's is not signed by a public authority."""
    verify_tls: bool = True
    """Whether the panel's certificate is checked."""

    @field_validator("daemons")
    @classmethod
    def _daemons_differ(cls, value: tuple[DaemonSettings, ...]) -> tuple[DaemonSettings, ...]:
        names = [daemon.id or daemon.remarks for daemon in value]
        if len(set(names)) < len(names):
            raise ValueError("one daemon is named twice: put all that is known of it in one entry")
        return value

    def of_daemon(self, uuid: str, remarks: str) -> DaemonSettings | None:
        """Return the entry that names a daemon, by uuid before remarks."""
        by_id = next((entry for entry in self.daemons if entry.id and entry.id == uuid), None)
        return by_id or next((entry for entry in self.daemons if entry.remarks and entry.remarks == remarks), None)

    def wish(self, uuid: str, nickname: str) -> Wish | None:
        """Return what the operator wants of an instance, by uuid before nickname; None = not said."""
        return self.expect.get(uuid) or self.expect.get(nickname)
