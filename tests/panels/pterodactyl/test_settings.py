"""What may be written for a Pterodactyl, and what is refused with a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from watchdog.panels.pterodactyl import PANEL
from watchdog.panels.pterodactyl.settings import KindName, PterodactylSettings, RemedyName

UUID = "1a7ce997-259b-452e-8b4e-cecc464142ca"


def settings(**more: Any) -> PterodactylSettings:
    return PterodactylSettings(**({"name": "game", "url": "https://panel.example.com/", "token_file": "/etc/key"} | more))


def test_the_names_of_kinds_and_remedies_are_the_panels() -> None:
    assert set(get_args(KindName)) == {kind.name for kind in PANEL.kinds}
    assert set(get_args(RemedyName)) == {remedy.name for remedy in PANEL.remedies}


def test_a_panel_without_a_node_here_needs_little() -> None:
    made = settings()
    assert (made.url, made.node, made.held_directory, made.node_tokens) == ("https://panel.example.com", None, None, False)
    needs = PANEL.needs(made)
    assert (needs.directories, needs.docker) == ((), False)


def test_a_node_here_has_its_archives_and_its_containers_watched() -> None:
    made = settings(node={"backups": "/srv/backups"})
    assert made.held_directory == Path("/srv/backups/.watchdog-held")
    needs = PANEL.needs(made)
    assert [(each.path, each.level) for each in needs.directories] == [("/srv/backups", 2)]
    assert needs.docker
    assert {label for need in needs.containers for label in need.labels} == {"Service", "ContainerType"}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"url": "panel.example.com"}, "is no panel address"),
        ({"url": "https://panel.example.com/?key=x"}, "without a key or a query"),
        ({"guard": {"enabled": True}}, "guard.enabled needs a node"),
        ({"guard": {"directory": "../held"}}, "name of one directory"),
        ({"canary": {"enabled": True, "server": "Paper"}}, "uuid of a server"),
        ({"canary": {"at": "soon"}}, "soon"),
        ({"node": {"zone": "Mars/Olympus"}}, "Mars/Olympus"),
        ({"node": {"level": 3}}, "less than or equal to 2"),
        ({"node": {"backups": "backups"}}, "absolute path"),
        ({"fail_after": "5m"}, "greater than or equal to 600"),
        ({"versions": {"1.12.3": "1.12"}}, "two versions"),
        ({"request_share": 1}, "less than or equal to 0.95"),
        ({"kinds": {"backup_stuk": "repair"}}, "backup_stuk"),
        ({"restart_wings": {"unit": "wings"}}, "restart_wings"),
        ({"hooks": {"restart_wings": {"unit": "wings"}}}, "restart_wings"),
    ],
)
def test_what_cannot_be_is_refused_by_name(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**more)
    assert says in str(refused.value)


def test_a_canary_has_its_server_and_a_wish_its_name() -> None:
    made = settings(canary={"enabled": True, "server": UUID}, expect={UUID: "stopped", "Paper": "running"})
    assert made.canary.server == UUID
    assert [made.wish(UUID, "Paper"), made.wish("x", "Paper"), made.wish("x", "y")] == ["stopped", "running", None]


def test_pelican_has_its_own_paths_unless_they_are_written() -> None:
    made = settings(flavour="pelican", node={"backups": "/srv/backups"})
    assert (made.node.config, made.node.backups) == (Path("/etc/pelican/config.yml"), Path("/srv/backups"))
    assert settings(node={}).node.config == Path("/etc/pterodactyl/config.yml")
