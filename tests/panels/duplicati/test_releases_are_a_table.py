"""What a release can do: each by itself, never by comparing numbers (contract section 0); another one by what its answers show."""

from __future__ import annotations

import pytest

from watchdog.panels.duplicati.releases import UNKNOWN, Capabilities, Signs, capabilities

OLD, MODERN = Signs(typed=False, stores_pause=False, placeholder="*" * 10), Signs(typed=True, stores_pause=True, placeholder="*" * 15)

ROWS: list[tuple[str, str, bool | None, bool | None, bool, bool, bool | None, bool]] = [
    # version, family, persists, obeys, clamps, masks, keeps_metadata, modern
    ("2.1.0.2", "forgets", False, True, False, False, False, False),
    ("2.1.0.3", "first_to_keep", True, True, False, False, False, False),
    ("2.1.0.4", "forgets", False, True, False, False, False, False),
    ("2.1.0.5", "forgets", False, True, False, False, False, False),
    ("2.1.1.0", "shows_only", True, False, True, False, True, True),
    ("2.1.2.1", "shows_only", True, False, True, False, True, True),
    ("2.2.0.0", "shows_only", True, False, True, False, True, True),
    ("2.2.0.1", "shows_only", True, False, True, False, True, True),
    ("2.2.0.2", "shows_only", True, False, True, False, True, True),
    ("2.2.0.3", "keeps", True, True, True, False, True, True),
    ("2.2.1.0", "newest", True, True, True, True, True, True),
    ("2.3.0.0", "newest", True, True, True, True, True, True),
    ("2.3.0.4", "newest", True, True, True, True, True, True),
    ("2.3.1.0", "newest", True, True, True, True, True, True),
]


@pytest.mark.parametrize(("version", "family", "persists", "obeys", "clamps", "masks", "keeps_metadata", "modern"), ROWS)
def test_each_release_by_itself(
    version: str, family: str, persists: bool, obeys: bool, clamps: bool, masks: bool, keeps_metadata: bool, modern: bool
) -> None:
    can = capabilities(version, Signs())
    assert (can.family, can.persists, can.obeys, can.clamps, can.masks) == (family, persists, obeys, clamps, masks)
    assert (can.keeps_metadata, can.modern, can.editable) == (keeps_metadata, modern, True)
    assert can.honours_delay is (family != "shows_only")
    assert capabilities(f"{version}_stable_2025-03-04", OLD if modern else MODERN) == can, "the table goes before the probe"


def test_a_later_number_can_do_less() -> None:
    assert capabilities("2.1.0.3", Signs()).persists
    assert not capabilities("2.1.0.5", Signs()).persists


@pytest.mark.parametrize("version", ["2.0.8.1", "2.0.9.100", "2.0.7.1"])
def test_what_is_too_old_is_only_named(version: str) -> None:
    can = capabilities(version, Signs())
    assert (can.family, can.mendable, can.editable) == ("too_old", False, False)


@pytest.mark.parametrize("version", ["2.1.0.119", "2.2.0.104", "2.3.0.107", "2.4.0.0", "", "nonsense"])
def test_another_release_is_judged_by_its_answers_and_never_believed_more(version: str) -> None:
    modern = capabilities(version, MODERN)
    assert (modern.family, modern.persists, modern.obeys, modern.masks, modern.clamps) == ("unknown", True, None, True, True)
    assert modern.editable
    starred = capabilities(version, Signs(typed=True, stores_pause=True, placeholder="*" * 10))
    assert starred.masks is False, "it would store the stars as the passphrase"
    old = capabilities(version, OLD)
    assert (old.persists, old.keeps_metadata, old.honours_delay, old.modern) == (False, False, None, False)
    early = capabilities(version, Signs(typed=False, stores_pause=True))
    assert (early.persists, early.obeys, early.clamps) == (True, None, True)


def test_where_nothing_is_known_nothing_is_edited() -> None:
    assert capabilities("", Signs()) == UNKNOWN
    assert UNKNOWN.editable is False
    assert UNKNOWN.mendable is True, "a pause is the same in all of them"


def test_the_table_is_frozen() -> None:
    with pytest.raises(AttributeError):
        UNKNOWN.masks = True  # type: ignore[misc]
    assert isinstance(UNKNOWN, Capabilities)
