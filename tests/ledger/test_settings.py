"""Where the ledger is: said in one key, with no secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from watchdog.errors import BadSettings
from watchdog.ledger.settings import DEFAULT_URL, LedgerSettings
from watchdog.ledger.storage import FORGETFUL, filesystem, refuse_forgetful

MOUNTINFO = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /tmp rw,nosuid shared:12 - tmpfs tmpfs rw
31 22 0:27 / /srv/my\040data rw shared:13 master:2 - ramfs none rw
32 22 0:28 / /srv/twice rw - tmpfs none rw
33 22 8:1 / /srv/twice rw shared:9 propagate_from:1 - xfs /dev/sda1 rw
34 22 0:29 / /merged rw - overlay overlay rw,lowerdir=/a
torn line
"""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/data/ledger.sqlite3", "sqlite:////data/ledger.sqlite3"),
        ("sqlite:////data/ledger.sqlite3", "sqlite:////data/ledger.sqlite3"),
        ("postgresql://watchdog@db:5432/watchdog", "postgresql+psycopg://watchdog@db:5432/watchdog"),
        ("postgres://db/watchdog", "postgresql+psycopg://db/watchdog"),
        ("postgresql+psycopg:///watchdog?host=/run/postgresql", "postgresql+psycopg:///watchdog?host=/run/postgresql"),
        (
            "postgresql://u@db/watchdog?options=-csearch_path%3Dwatchdog",
            "postgresql+psycopg://u@db/watchdog?options=-csearch_path%3Dwatchdog",
        ),
    ],
)
def test_urls(written: str, expected: str):
    assert LedgerSettings(url=written).url == expected


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("sqlite:///relative", "four slashes"),
        ("sqlite://", "four slashes"),
        ("sqlite:////x?mode=memory", "four slashes"),
        ("mysql://h/s3kr1t", "no ledger we know"),
        ("ledger.sqlite3", "no ledger we know"),
        ("postgresql://u:s3kr1t@db/x", "url_file"),
        ("postgresql://db/x?user=u&password=s3kr1t", "url_file"),
    ],
)
def test_urls_that_are_refused_are_not_shown(written: str, says: str):
    with pytest.raises(ValidationError, match=says) as caught:
        LedgerSettings(url=written)
    assert "s3kr1t" not in str(caught.value)


def test_the_file_is_read_anew_and_says_what_is_wrong(tmp_path: Path):
    file = tmp_path / "url"
    settings = LedgerSettings(url_file=file)
    with pytest.raises(BadSettings, match="cannot read the secret file"):
        settings.resolved()
    file.write_text(" postgresql://u:s3kr1t@db/x \n")
    assert settings.resolved() == "postgresql+psycopg://u:s3kr1t@db/x"
    assert "s3kr1t" not in repr(settings)
    assert settings.path is None
    file.write_text("nonsense s3kr1t")
    with pytest.raises(BadSettings, match=r"ledger\.url_file") as caught:
        settings.resolved()
    assert "s3kr1t" not in str(caught.value)


def test_one_place_only(tmp_path: Path):
    with pytest.raises(ValidationError, match="keep one of them"):
        LedgerSettings(url="/x", url_file=tmp_path / "url")


def test_defaults():
    settings = LedgerSettings()
    assert settings.url == DEFAULT_URL
    assert settings.path == Path("/var/lib/panel-watchdog/ledger.sqlite3")
    assert settings.ephemeral is False
    assert LedgerSettings.model_validate({"keep": {"age": "30d", "count": 500}, "busy_timeout": "5s"}).keep.age == 30 * 86400


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/x/ledger", "ext4"),
        ("/tmp/x", "tmpfs"),
        ("/tmpfile", "ext4"),
        ("/srv/my data/ledger", "ramfs"),
        ("/srv/twice/ledger", "xfs"),
        ("/merged", "overlay"),
        ("/", "ext4"),
    ],
)
def test_the_file_system_of_a_path(path: str, expected: str):
    assert filesystem(Path(path), MOUNTINFO) == expected


@pytest.mark.parametrize("kind", sorted(FORGETFUL))
def test_storage_that_forgets_is_refused_with_the_way_out(tmp_path: Path, kind: str):
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"22 1 0:1 / / rw - {kind} none rw\n")
    with pytest.raises(BadSettings, match=rf"is on {kind}, .*mount a volume there.*ledger\.ephemeral: true"):
        refuse_forgetful(Path("/x/ledger"), ephemeral=False, mountinfo=mountinfo)
    refuse_forgetful(Path("/x/ledger"), ephemeral=True, mountinfo=mountinfo)


def test_storage_that_remembers_or_cannot_be_told_is_taken(tmp_path: Path):
    mountinfo = tmp_path / "mountinfo"
    refuse_forgetful(Path("/x"), ephemeral=False, mountinfo=mountinfo)
    mountinfo.write_text(MOUNTINFO)
    refuse_forgetful(Path("/var/lib/x"), ephemeral=False, mountinfo=mountinfo)


def test_a_link_is_judged_by_where_it_leads(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to("/merged")
    assert filesystem(link / "ledger", MOUNTINFO) == "overlay"
