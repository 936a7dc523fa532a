"""What a configuration file calls its peers: the formats people, scripts and other exporters use; and keys that never get out."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.collectors.wireguard.comments import LONGEST, read_sheet
from watchdog.collectors.wireguard.fake import fake_key
from watchdog.model.wireguard import PeerName

A, B, C = (fake_key(word) for word in "abc")
SECRET = base64.b64encode(bytes(range(200, 232))).decode()


def names(text: str, file: str = "wg0.conf") -> dict[str, str | None]:
    """Return what each peer of a file is called."""
    sheet = read_sheet(text.encode(), file)
    return {entry.public_key or entry.key_file: entry.name.text if entry.name else None for entry in sheet.entries}


ABOVE_AND_BELOW = [
    ("friendly name below, as its inventor wants it", f"[Peer]\n# friendly_name=OnePlus 6T\nPublicKey = {A}\nAllowedIPs = 10.0.0.2/32\n"),
    ("odd spaces", f"[Peer]\n#               friendly_name       =       OnePlus 6T  \nPublicKey = {A}\n"),
    ("no space", f"[Peer]\n#friendly_name = OnePlus 6T\nPublicKey = {A}\n"),
    ("indented", f"  [Peer]\n  # friendly_name = OnePlus 6T\n  PublicKey = {A}\n"),
    ("after the key", f"[Peer]\nPublicKey = {A}\n# friendly_name = OnePlus 6T\nAllowedIPs = 10.0.0.2/32\n"),
    ("of two friendly ones the last", f"[Peer]\n# friendly_name = old\n# friendly_name = OnePlus 6T\nPublicKey = {A}\n"),
    ("a remark beside the key", f"[Peer]\n# friendly_name = OnePlus 6T\nPublicKey = {A} # remark\n"),
    ("friendly name above", f"[Interface]\nListenPort = 1\n\n# friendly_name = OnePlus 6T\n[Peer]\nPublicKey = {A}\n"),
    ("friendly goes before plain", f"# Anna's\n[Peer]\n# my phone\n# friendly_name = OnePlus 6T\nPublicKey = {A}\n"),
    ("a friendly name below goes before one above", f"# friendly_name = old\n[Peer]\n# friendly_name = OnePlus 6T\nPublicKey = {A}\n"),
    ("plain below", f"[Peer]\n# OnePlus 6T\n# bought in 2019\nPublicKey = {A}\n"),
    ("plain above", f"# OnePlus 6T\n# bought in 2019\n[Peer]\nPublicKey = {A}\n"),
    ("plain beside", f"[Peer]\nPublicKey = {A} # OnePlus 6T\n"),
    ("rules and boxes are no names", f"[Peer]\n##########\n# ------\n# OnePlus 6T\nPublicKey = {A}\n"),
    ("a setting that was switched off is no name", f"[Peer]\n# Endpoint = x:5\n#PersistentKeepalive=25\n# OnePlus 6T\nPublicKey = {A}"),
    ("wg-easy", f"\n# Client: OnePlus 6T (0f8fad5b-d9cb-469f-a165-70867728950e)\n[Peer]\nPublicKey = {A}\nPresharedKey = {SECRET}\n"),
    ("wireguard-ui", f"# ID:           1\n# Name:         OnePlus 6T\n# Email:        a@b\n[Peer]\nPublicKey = {A}\n"),
    ("a name with a mark of its own", f"[Peer]\n#Name# = OnePlus 6T\nPublicKey = {A}\n"),
    ("begin and end", f"# BEGIN_PEER OnePlus 6T\n[Peer]\nPublicKey = {A}\n# END_PEER OnePlus 6T\n"),
    ("hashes around", f"### begin OnePlus 6T ###\n[Peer]\nPublicKey = {A}\n### end OnePlus 6T ###\n"),
    ("case of sections and keys", f"[PEER]\n# friendly_name = OnePlus 6T\npublickey={A}\n"),
    ("lines of another system", f"[Peer]\r\n# friendly_name = OnePlus 6T\r\nPublicKey = {A}\r\n"),
    ("systemd-networkd", f"[NetDev]\nName=wg0\nKind=wireguard\n\n[WireGuardPeer]\n; friendly_name = OnePlus 6T\nPublicKey={A}\n"),
]  # fmt: skip


@pytest.mark.parametrize("text", [text for _, text in ABOVE_AND_BELOW], ids=[name for name, _ in ABOVE_AND_BELOW])
def test_one_peer_is_called_by_its_comment(text: str):
    assert names(text) == {A: "OnePlus 6T"}


def test_a_client_of_the_common_script_is_one_word():
    assert names(f"\n### Client phone\n[Peer]\nPublicKey = {A}\n") == {A: "phone"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# one\n[Peer]\nPublicKey={A}\n\n# two\n[Peer]\nPublicKey={B}\n", {A: "one", B: "two"}),
        ("# one\n[Peer]\nPublicKey={A}\n# two\n[Peer]\nPublicKey={B}\n", {A: "one", B: "two"}),
        ("[Peer]\n# one\nPublicKey={A}\n[Peer]\n# two\nPublicKey={B}\n", {A: "one", B: "two"}),
        # its inventor takes a friendly name anywhere in the block: where that is the custom of a file, it is ours
        (
            "[Peer]\nPublicKey={A}\n# friendly_name=one\n[Peer]\nPublicKey={B}\n# friendly_name=two\n",
            {A: "one", B: "two"},
        ),
        (
            "# friendly_name=one\n[Peer]\nPublicKey={A}\n# friendly_name=two\n[Peer]\nPublicKey={B}\n",
            {A: "one", B: "two"},
        ),
        ("[Peer]\nPublicKey={A}\n# a remark on one\n[Peer]\n# friendly_name=two\nPublicKey={B}\n", {A: "a remark on one", B: "two"}),
        ("# about all of them\n\n[Peer]\nPublicKey={A}\n\n# about nobody\n\n[Peer]\nPublicKey={B}\n", {A: None, B: None}),
        # a whole peer that was switched off names nobody else
        ("[Peer]\nPublicKey={A}\n\n#[Peer]\n## old laptop\n#PublicKey={C}\n[Peer]\nPublicKey={B}\n", {A: None, B: None}),
        ("[Peer]\nPublicKey={A}\n\n#[Peer]\n# old laptop\n#PublicKey={C}\n\n# two\n[Peer]\nPublicKey={B}\n", {A: None, B: "two"}),
        (
            "### begin one ###\n[Peer]\nPublicKey={A}\n### end one ###\n### begin two ###\n[Peer]\nPublicKey={B}\n### end two ###\n",
            {A: "one", B: "two"},
        ),
        (
            "# BEGIN_PEER one\n[Peer]\nPublicKey={A}\n# END_PEER one\n# BEGIN_PEER two\n[Peer]\nPublicKey={B}\n# END_PEER two\n",
            {A: "one", B: "two"},
        ),
    ],
)  # fmt: skip
def test_between_two_peers_a_comment_is_one_of_theirs(text: str, expected: dict[str, str | None]):
    assert names(text.replace("{A}", A).replace("{B}", B).replace("{C}", C)) == expected


def test_friendly_json_has_labels_and_one_of_them_is_the_name():
    text = f'[Peer]\n# friendly_json={{"id":482217555,"username":"Coordinator", "first name":"x", "ok":true, "__x":"y"}}\nPublicKey = {A}\n'
    (entry,) = read_sheet(text.encode(), "wg0.conf").entries
    assert entry.name == PeerName("Coordinator", "file", (("id", "482217555"), ("ok", "true"), ("username", "Coordinator")))


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ('{"id": 7}', "7"),
        ('{"id": 7, "room": "attic"}', "attic"),
        ('{"friendly_name": "a", "name": "b"}', "a"),
        ('{"public_key": "x", "interface": "y", "allowed_ip_0": "z"}', None),
        ('{"list": [1], "none": null, "deep": {"name": "x"}}', None),
        ("[1]", None),
        ("{", None),
        ("[" * 3000, None),
        (f'{{"name": "{SECRET}"}}', None),
    ],
)
def test_what_is_no_flat_json_names_nobody(written: str, called: str | None):
    """The inventor loses the whole scrape over each of these; here one peer has no name."""
    assert names(f"[Peer]\n# friendly_json={written}\nPublicKey = {A}\n[Peer]\n# friendly_name=two\nPublicKey={B}\n") == {
        A: called,
        B: "two",
    }


def test_a_file_of_wg_quick_is_about_one_device_and_a_piece_of_one_about_any():
    peer = f"[Peer]\nPublicKey={A}\n"
    assert read_sheet(f"[Interface]\n{peer}".encode(), "wg0.conf").device == "wg0"
    assert read_sheet(peer.encode(), "peers.conf").device is None
    assert read_sheet(f"[NetDev]\nName = wg7\nKind=wireguard\n[WireGuard]\n{peer}".encode(), "20-tunnel.netdev").device == "wg7"


def test_a_key_can_stand_in_a_file_of_its_own():
    assert names("[WireGuardPeer]\n# attic\nPublicKeyFile=/etc/wg/attic.pub\n") == {"/etc/wg/attic.pub": "attic"}


def test_names_are_one_line_of_bounded_length():
    assert names(f"[Peer]\n# friendly_name = a\tb\x00 \x1b[31m c\nPublicKey={A}\n") == {A: "a b [31m c"}
    (name,) = names(f"[Peer]\n# friendly_name = {'x' * 10_000}\nPublicKey={A}\n").values()
    assert name == "x" * LONGEST
    assert names(f"[Peer]\n# friendly_name = \nPublicKey={A}\n") == {A: None}
    assert read_sheet(b"[Peer]\n# \xff\xfe Anna\nPublicKey=" + A.encode(), "wg0.conf").entries[0].name == PeerName(
        "\ufffd\ufffd Anna", "file"
    )


@pytest.mark.parametrize(
    "line",
    [
        f"PrivateKey = {SECRET}",
        f"# PrivateKey = {SECRET}",
        f"#PresharedKey={SECRET}",
        f"# friendly_name = {SECRET}",
        f"# friendly_name = laptop {SECRET}",
        f"# {SECRET}",
        f"# the private key is {SECRET}",
        f"# {bytes(range(200, 232)).hex()}",
        f'# friendly_json={{"name": "x {SECRET}", "key": "{SECRET}"}}',
        f"PostUp = wg set %i private-key <(echo {SECRET})",
        f"PublicKey = {A} # {SECRET}",
        f"# Client: {SECRET}",
    ],
)
def test_no_key_becomes_a_name_or_is_kept(line: str):
    sheet = read_sheet(f"[Interface]\n{line}\n\n[Peer]\n{line}\nPublicKey = {A}\n{line}\n".encode(), "wg0.conf")
    assert SECRET not in repr(sheet) and bytes(range(200, 232)).hex() not in repr(sheet)
    assert [entry.public_key for entry in sheet.entries] == [A]


@pytest.mark.parametrize(
    "line", ["# PrivateKey: hunter2", "# preshared key hunter2", "#Private-Key\thunter2", "# friendly_name = private key hunter2"]
)
def test_no_line_that_speaks_of_a_secret_key_is_read_at_all(line: str):
    assert "hunter2" not in repr(read_sheet(f"{line}\n[Peer]\n{line}\nPublicKey = {A}\n{line}\n".encode(), "wg0.conf"))


LINES = st.lists(
    st.one_of(
        st.sampled_from(["", "[Peer]", "[Interface]", "#[Peer]", f"PublicKey = {A}", f"PublicKey={B} # x", f"PrivateKey = {SECRET}",
                         f"# PresharedKey = {SECRET}", "# friendly_name = x", "# plain", "[", "=", "#", ";", f"# {SECRET}"]),
        st.text(max_size=40),
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_any_text_is_read_and_lets_no_key_out(lines: list[str]):
    sheet = read_sheet("\n".join(lines).encode("utf-8", "surrogatepass"), "wg0.conf")
    assert SECRET not in repr(sheet)
    assert all(entry.public_key in {A, B} or entry.key_file for entry in sheet.entries)
    assert all(entry.name is None or (entry.name.text.strip() == entry.name.text != "") for entry in sheet.entries)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read(content: bytes):
    read_sheet(bytearray(content), "x")


@pytest.mark.soak
def test_a_file_of_ten_thousand_peers_is_read_in_a_time_that_grows_with_it():
    def seconds(count: int) -> float:
        peer = "[Peer]\n# friendly_name = peer {0}\nPublicKey = {1}\nPresharedKey = {2}\nAllowedIPs = 10.0.0.2/32, fd00::{0}/128\n\n"
        content = "".join(peer.format(number, fake_key(str(number)), SECRET) for number in range(count)).encode()
        began = time.process_time()
        assert len(read_sheet(content, "wg0.conf").entries) == count
        return time.process_time() - began

    seconds(100)
    small, large = min(seconds(500) for _ in range(5)), seconds(10_000)
    assert large < small * 20 * 10, "it may not grow with the square of the file"
