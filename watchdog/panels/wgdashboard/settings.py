"""One WGDashboard target in the configuration: ``panels: {wgdashboard: [{name, url, api_key_file, ...}]}``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from watchdog.model.repairs import Mode
from watchdog.runtime.fields import AbsolutePath, Duration, HookField, Strict, panel_address

KindName = Literal[
    "thread_dead", "pass_blocked", "stale_worker", "peer_false_offline", "peer_false_online", "configuration_without_device",
    "device_without_status", "autostart_down", "peer_unknown_to_panel", "peer_missing_in_kernel", "allowed_ips_differ",
    "configuration_not_loaded", "job_overdue",
]  # fmt: skip
RemedyName = Literal["restart_panel", "reread"]
Wish = Literal["up", "down", "any"]


class WgdashboardHooks(Strict):
    """What may be started to mend this target; each is one of unit, container, exec, argv."""

    restart_panel: HookField | None = None
    """Restarts the whole panel, its gunicorn master included, such as ``{unit: wg-dashboard}``. Never a HUP and never the worker alone:
    a worker forked anew has the settings of the master's start and writes them back to disk.
    The words of an ``argv`` are shown in plans, approvals and the record: keep secrets in a file."""


class WgdashboardSettings(Strict):
    """Settings of one WGDashboard panel."""

    name: str = Field(min_length=1)
    """The target's name, unique over all panels."""
    url: Annotated[str, panel_address("http://HOST:10086")]
    """The panel's address, with its ``app_prefix`` if it has one: ``http://127.0.0.1:10086``."""
    api_key_file: AbsolutePath
    """A file that holds an API key of the panel (Settings, WGDashboard Settings, API Keys; the feature must be on)."""
    mode: Mode = Mode.APPROVE
    """``observe`` (export and alert), ``approve`` (plan, wait for a person) or ``repair`` (act)."""
    kinds: dict[KindName, Mode] = Field(default_factory=dict)
    """The mode of single drift kinds, such as ``{thread_dead: repair}``."""
    allow: tuple[RemedyName, ...] = ()
    """Disruptive remedies that mode ``repair`` may run by itself."""
    baseline: Literal["ask", "repair"] = "ask"
    """What becomes of drifts that were there before us: ``ask`` leaves them until a person decides."""
    interval: Duration = Field(5.0, ge=1)
    """Time between two looks. The panel samples WireGuard every ten seconds and a bit. Each look is one request per configuration, and the
    panel never rotates its access log: with 24 configurations it grows by some 46 MB a day at 5s."""
    hooks: WgdashboardHooks = WgdashboardHooks()
    """Hooks for this panel."""
    directory: AbsolutePath | None = None
    """Where the panel's ``src`` folder is, as this host sees it: ``/opt/WGDashboard/src``. It holds ``wg-dashboard.ini``, ``db`` and
    ``log``, which are read for evidence and never written. Not set = no such evidence."""
    configurations_directory: AbsolutePath | None = None
    """The panel's ``wg_conf_path``, as this host sees it: ``/etc/wireguard``. Not set = what the ini in ``directory`` says, for a panel
    on this host."""
    configurations: tuple[str, ...] = ()
    """Names of configurations to ask for besides those found; for a panel before 4.3 on another host they are the only way to know them."""
    container: str = ""
    """The container the panel runs in ("" = it runs on the host itself)."""
    netns: str = ""
    """The network namespace the panel's devices are in, as the WireGuard collector names it ("" = this host's own)."""
    place: Literal["auto", "local", "remote"] = "auto"
    """Where the panel runs. ``auto`` proves it by public keys of devices that it and this host share; ``local`` is your word that it
    is here; ``remote`` that it is not: then it is judged by its own word only, and what takes its kernel to judge is not judged."""
    owner: bool = False
    """Whether this agent also mends a panel that is not proven to be on this host. Set it on one agent only."""
    expect: dict[str, Wish] = Field(default_factory=dict)
    """What you want of single configurations: ``up``, ``down`` or ``any``. Unnamed ones follow the panel's autostart list."""
    frozen_after: Duration = Field(45.0, ge=25)
    """How long a configuration's answers must stay the same, over three looks, before they count as frozen. Ages of handshakes change in
    every pass of a living panel."""
    grace: Duration = Field(30.0, ge=15)
    """How long after a restart of the panel nothing is held against it: its first pass begins ten seconds after its start."""
    job_overdue_after: Duration = Field(600.0, ge=200)
    """How long a due job (an expiry or a quota of a peer) may wait. The panel looks at its jobs every three minutes."""
    key_check: Duration = Field(300.0, ge=30)
    """How often the key is tried while the session still holds. Each try writes one or two rows, with the key, into the panel's log
    database; without one a stale worker, which still accepts old sessions, is not seen."""
    old_panel_interval: Duration = Field(10.0, ge=1)
    """How often each configuration of a panel before 4.3.1 is asked for at most: these write one row into their log database for each
    request, whoever asks (without a secret in it, if the request had none), some 80 MB a day with 24 configurations at 10s. While answers
    stand still that a living panel would change, all are asked for in every look, for two minutes at most. A longer time makes the verdict
    on a dead thread later by as much."""
    timeout: Duration = Field(10.0, gt=1)
    """How long one exchange with the panel may take."""
    ca_file: AbsolutePath | None = None
    """Certificates to trust, if the panel's is not signed by a public authority."""
    verify_tls: bool = True
    """Whether the panel's certificate is checked."""
