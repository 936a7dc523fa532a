"""WireGuard itself: devices, peers, names, and the peers that shall be connected always."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Choice, Scope, by, each, per
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import BYTES_PER_SECOND, COUNT, FEW_ARE_GOOD, NAME, NONE_IS_GOOD, SECONDS, YES_NO
from dashboards.drawing.panels import Column, figure, lines, rows
from dashboards.drawing.usual import marks

host = Scope('instance=~"$instance"')
of = Scope('instance=~"$instance"', 'device=~"$device"')
PEER = "on (job, instance, device, netns, public_key)"
NAMED = f"* {PEER} group_left (name) watchdog_wireguard_peer_info"
OF_KIND = "* on (job, instance, device, netns) group_left (kind, public_key) watchdog_wireguard_device_info"


def _busiest(counter: str) -> str:
    return f"topk(20, {of.rate(counter)} {NAMED})"


BOARD = Board(
    "WireGuard",
    "Devices and peers as WireGuard itself tells them: who is connected, who should be, and who never was.",
    choices=(Choice("device", "Device", host("watchdog_wireguard_device_success")),),
    marks=marks(host, 'panel="wgdashboard"'),
    rows=(
        row(
            "Now",
            figure(
                "Device readable",
                "A dead or silent daemon is no.",
                each("device netns", of("watchdog_wireguard_device_success")),
                look=YES_NO,
            ),
            figure(
                "Device up", "It answers, and its link is not down.", each("device netns", of("watchdog_wireguard_device_up")), look=YES_NO
            ),
            figure(
                "Expected peers that are not connected",
                "Roaming peers do not count: a sleeping laptop is no fault.",
                each(
                    "instance",
                    by(
                        "instance",
                        f"{of('watchdog_wireguard_peer_expected')} and {PEER} watchdog_wireguard_peer_connected == 0",
                        how="count",
                    )
                    + f" or {by('instance', '0 * ' + of('watchdog_wireguard_device_success'))}",
                ),
                look=NONE_IS_GOOD,
            ),
            figure(
                "Peers without a name",
                "Name them in the panel, by a comment at [Peer], or in collectors.wireguard.names.peers.",
                each("device netns", by("instance, device, netns", of("watchdog_wireguard_device_peers_unnamed"))),
                look=FEW_ARE_GOOD,
            ),
        ),
        row(
            "Peers",
            lines(
                "Peers connected",
                "Connected: the last handshake is not older than 180 s (collectors.wireguard.connected_within).",
                Ask(of("watchdog_wireguard_device_peers_connected"), "{{device}} {{netns}} connected"),
                Ask(of("watchdog_wireguard_device_peers"), "{{device}} {{netns}} all"),
            ),
            lines(
                "Peers whose handshake's age is not known",
                "After a jump of the clock, until they shake hands again.",
                each("device netns", by("instance, device, netns", f"1 - {of('watchdog_wireguard_peer_handshake_trusted')}")),
                look=FEW_ARE_GOOD,
            ),
            lines(
                "Received from peers, the 20 busiest",
                "Bytes by the second.",
                each("device netns name public_key", _busiest("watchdog_wireguard_peer_receive_bytes_total")),
                look=BYTES_PER_SECOND,
                height=9,
            ),
            lines(
                "Sent to peers, the 20 busiest",
                "Bytes by the second.",
                each("device netns name public_key", _busiest("watchdog_wireguard_peer_transmit_bytes_total")),
                look=BYTES_PER_SECOND,
                height=9,
            ),
            rows(
                "Peers expected always",
                "collectors.wireguard.expect of the configuration.",
                Column(
                    "connected",
                    f"{of('watchdog_wireguard_peer_connected')} * {PEER} group_left (name) watchdog_wireguard_peer_expected",
                    YES_NO,
                ),
            ),
            rows(
                "Expectations, and how many peers each means",
                "0 = nobody has this name or key.",
                Column("peers", host("watchdog_wireguard_expect_matches"), COUNT),
            ),
            rows(
                "Last handshake ago, the longest first",
                "Peers that never shook hands are not in it.",
                Column("ago", f"sort_desc({of.age('watchdog_wireguard_peer_last_handshake_timestamp_seconds')} {NAMED})", SECONDS),
                height=9,
            ),
            rows(
                "Never connected",
                "Since the device began.",
                Column(
                    "peer",
                    f"{of('watchdog_wireguard_peer_info')} unless {PEER} watchdog_wireguard_peer_last_handshake_timestamp_seconds",
                    NAME,
                ),
                height=9,
            ),
            lines(
                "Moves to another endpoint, the 20 most restless",
                "Two machines with one key move it at every look.",
                each("device netns name public_key", f"topk(20, {of.increase('watchdog_wireguard_peer_endpoint_changes_total')} {NAMED})"),
            ),
            rows(
                "Where peers come from",
                "Only with collectors.wireguard.endpoints: true.",
                Column("peer", f"{of('watchdog_wireguard_peer_endpoint_info')} {NAMED}", NAME),
            ),
        ),
        row(
            "Devices and names",
            rows(
                "Devices",
                "Port 0 = none; mark 0 = off.",
                Column("port", f"{of('watchdog_wireguard_device_listen_port')} {OF_KIND}"),
                Column("mark", f"{of('watchdog_wireguard_device_fwmark')} {OF_KIND}"),
                height=9,
            ),
            rows(
                "Allowed ranges",
                "One row for each range of a peer.",
                Column("peer", f"{of('watchdog_wireguard_peer_allowed_ips_info')} {NAMED}", NAME),
                height=9,
            ),
            rows(
                "Persistent keepalive of our side",
                "An expected peer needs one at either end, or it falls silent without traffic.",
                Column("every", f"{of('watchdog_wireguard_peer_persistent_keepalive_seconds')} {NAMED}", SECONDS),
                width=24,
                height=6,
            ),
            rows(
                "Other network namespaces can be looked into",
                "collectors.wireguard.netns and containers; nothing where none is configured.",
                Column("can", host("watchdog_wireguard_namespace_success"), YES_NO),
                height=6,
            ),
            lines(
                "Threads left behind in other namespaces",
                "Sent into a namespace and not come to their end in time.",
                each("instance", host("watchdog_wireguard_namespace_threads_left_behind")),
                look=NONE_IS_GOOD,
                height=6,
            ),
            figure(
                "Who names peers",
                "The panel's word comes first, then a file's, then the configuration's.",
                per("instance source", host("watchdog_wireguard_peers_named")),
                width=8,
                height=5,
            ),
            rows(
                "Files with names",
                "No = it cannot be read; its last good content stands.",
                Column("readable", host("watchdog_wireguard_name_file_success"), YES_NO),
                width=8,
                height=5,
            ),
            figure(
                "The kernel knows WireGuard",
                "Without it only userspace daemons are looked for.",
                each("instance", host("watchdog_wireguard_kernel")),
                look=YES_NO,
                width=8,
                height=5,
            ),
        ),
    ),
)
