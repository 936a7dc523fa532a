"""WGDashboard: the peers that the panel shows as running, against WireGuard's own word, and the configurations they belong to."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Choice, Scope, by, each, per, target_of
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import COUNT, FEW_ARE_GOOD, NAME, NO_YES, NONE_IS_GOOD, SECONDS, YES_NO, words
from dashboards.drawing.panels import Column, figure, lines, rows
from dashboards.drawing.usual import drifts, marks, requests, seen

of = Scope('instance=~"$instance"', 'target=~"$target"')
inside = Scope('instance=~"$instance"', 'target=~"$target"', 'configuration=~"$configuration"')
BELIEVED = inside("watchdog_wgdashboard_peer_believed_running")
ONLINE = inside("watchdog_wgdashboard_peer_online")
UP = inside("watchdog_wgdashboard_configuration_up")
DEVICE = inside("watchdog_wgdashboard_configuration_device")
READABLE = inside("watchdog_wgdashboard_configuration_readable")
_AGREE = words((0, "agree", "green"), (1, "differ", "red"))

BOARD = Board(
    "WGDashboard",
    "Whether the panel's thread lives: what it shows of peers and configurations, against WireGuard itself.",
    choices=(target_of("wgdashboard"), Choice("configuration", "Configuration", of("watchdog_wgdashboard_configuration_readable"))),
    marks=marks(of, 'panel="wgdashboard"'),
    rows=(
        row(
            "Now",
            seen(of, "wgdashboard", "Nothing is judged while the panel does not answer."),
            figure(
                "Panel version",
                "v4.2.3 may be any of 4.2.3, 4.2.3.0 and 4.2.3.0.1.",
                each("target version", of("watchdog_wgdashboard_panel_info")),
                look=NAME,
                name=True,
            ),
            figure(
                "May lose its thread",
                "4.0 to 4.2.3: WGDashboard issue 762.",
                each("target", of("watchdog_wgdashboard_version_may_lose_thread")),
                look=NO_YES,
                width=4,
            ),
            figure(
                "API keys accepted",
                "No, although the ini says yes: a stale worker.",
                each("target", of("watchdog_wgdashboard_keys_accepted")),
                look=YES_NO,
                width=4,
            ),
            figure("Sessions so far", "A restart of the panel costs one.", each("target", of("watchdog_wgdashboard_sessions")), width=4),
        ),
        row(
            "Belief and truth",
            lines(
                "Believed running, against online in WireGuard",
                "They part when the panel's thread dies, and come together after its restart.",
                Ask(by("target", BELIEVED), "{{target}} believed"),
                Ask(by("target", ONLINE), "{{target}} online"),
            ),
            rows(
                "Peers on which panel and WireGuard differ",
                "By the panel running, by WireGuard not, or the reverse.",
                Column("running by the panel", f"{BELIEVED} != {ONLINE}", YES_NO),
            ),
            lines(
                "Handshake ages that the panel shows",
                "The saw teeth of a panel that lives; a line that climbs beyond 180 s on a live peer is a frozen answer.",
                each(
                    "target configuration name public_key",
                    f"{inside.age('watchdog_wgdashboard_peer_believed_handshake_timestamp_seconds')} < 600",
                ),
                look=SECONDS,
            ),
            lines(
                "Peers believed running by configuration",
                "What the panel's overview says.",
                each("target configuration", inside("watchdog_wgdashboard_configuration_peers_believed_running")),
            ),
        ),
        row(
            "Configurations",
            rows(
                "Up by the panel, and with a device",
                "A configuration is up by the panel when an interface of its name has an address; its device is WireGuard's own word.",
                Column("up by the panel", UP, YES_NO),
                Column("has a device", DEVICE, YES_NO),
                Column("they", f"{UP} != bool {DEVICE}", _AGREE),
                height=7,
            ),
            lines(
                "Peers with access",
                "Restricted ones are those whose access the panel has taken away.",
                Ask(by("target", inside("watchdog_wgdashboard_configuration_peers")), "{{target}} with access"),
                Ask(by("target", inside("watchdog_wgdashboard_configuration_peers_restricted")), "{{target}} restricted"),
                height=7,
            ),
            figure(
                "Restricted, and inside all the same",
                "Peers that the kernel lets in although the panel has taken their access away.",
                per("target", inside("watchdog_wgdashboard_configuration_peers_restricted_in_kernel")),
                look=NONE_IS_GOOD,
            ),
            figure(
                "Jobs that wait",
                "Expiries and quotas: the panel's second thread is access control.",
                per("target", inside("watchdog_wgdashboard_configuration_jobs")),
                look=COUNT,
            ),
            figure(
                "Configurations that cannot be read",
                "The panel did not answer for them.",
                each("target", f"{by('target', f'{READABLE} == 0', how='count')} or {by('target', f'0 * {READABLE}')}"),
                look=NONE_IS_GOOD,
            ),
            figure(
                "Peers without metrics of their own",
                "Beyond the limit; they are judged all the same.",
                each("target", of("watchdog_wgdashboard_peers_omitted")),
                look=FEW_ARE_GOOD,
            ),
        ),
        drifts(of, "wgdashboard", requests(of, "wgdashboard")),
    ),
)
