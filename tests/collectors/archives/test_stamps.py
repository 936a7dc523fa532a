"""A changed meaning asks by itself for its results to be given anew; a changed comment does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchdog.collectors.archives import stamps
from watchdog.collectors.archives.meanings import of_panel, panels_with_meaning
from watchdog.collectors.archives.results import Result, Results, from_text, to_text
from watchdog.model.archives import Identity

MEANING = "watchdog.panels.planted.meaning"
FILE = Identity(1, 2, 3, 4)
MEANT = (
    "from watchdog.panels.planted.rows import LIMIT\nfrom watchdog.panels.planted import names\n\ndef begin():\n    return LIMIT, names\n"
)
OTHERS = {"rows": "from watchdog.panels.planted import deep\nLIMIT = 7\n", "names": "WORD = 'a'\n", "deep": "X = 1\n", "client": "Y = 1\n"}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house of one panel, of which ``write`` changes a module."""
    folder = tmp_path / "watchdog/panels/planted"
    folder.mkdir(parents=True)
    monkeypatch.setattr(stamps, "_ROOT", tmp_path)

    def write(**modules):
        for name, source in modules.items():
            (folder / f"{name}.py").write_text(source)
        stamps.stamped.cache_clear()
        return stamps.stamped(MEANING)

    yield write
    stamps.stamped.cache_clear()


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"meaning": MEANT.replace("LIMIT, names", "names, LIMIT")}, True),
        ({"rows": OTHERS["rows"].replace("7", "8")}, True),
        ({"names": "WORD = 'b'\n"}, True),
        ({"deep": "X = 2\n"}, True),
        ({"meaning": '"""What it means."""\n\n' + MEANT + "\n# so be it\n"}, False),
        ({"meaning": MEANT.replace("    return", '    """Begin."""\n    return')}, False),
        ({"rows": OTHERS["rows"].replace("LIMIT = 7", "LIMIT = (\n    7\n)")}, False),
        ({"client": "Y = 2\n"}, False),
    ],
    ids=["meaning", "rows", "names", "deep", "comments", "docstring", "layout", "not-imported"],
)
def test_a_stamp_changes_with_the_code_that_judges(house, changed, counts):
    before = house(meaning=MEANT, **OTHERS)
    assert before.startswith(f"{MEANING}@")

    assert (house(**changed) != before) is counts


def test_modules_that_import_each_other_have_a_stamp(house):
    rows = "from watchdog.panels.planted import meaning\nLIMIT = 7\n"
    assert "@" in house(meaning=MEANT, **{**OTHERS, "rows": rows})


def test_what_cannot_be_read_has_no_stamp(house):
    assert house() == MEANING
    assert house(meaning="def begin(:\n") == MEANING
    assert stamps.stamped("") == ""


@pytest.mark.parametrize("panel", panels_with_meaning())
def test_the_meanings_of_this_house_have_stamps(panel):
    assert "@" in stamps.stamped(of_panel(panel))


def test_what_an_older_meaning_judged_stays_known_and_is_asked_for_anew(house):
    stamp = house(meaning=MEANT, **OTHERS)
    results = Results(None, 60.0)
    judged = Result("d", "zip", 3, 3, "good", (), "", 0.0, meaning=stamp)
    results.put(FILE, judged)
    assert results.enough(FILE, 3, 1.0, meaning=MEANING)
    assert from_text(to_text(judged)) == judged

    house(deep="X = 2\n")

    assert not results.enough(FILE, 3, 1.0, meaning=MEANING)
    assert results.enough(FILE, 2, 1.0)
    assert results.get(FILE) == judged


def test_bytes_that_changed_are_told_from_a_meaning_that_did():
    good = Result("d", "zip", 3, 3, "good", (), "", 0.0, meaning=f"{MEANING}@1")
    bad = replace(good, verdict="bad", reasons=("rows_lost",))

    assert bad.contradicts(good)
    assert not bad.contradicts(replace(good, meaning=f"{MEANING}@2"))
    assert replace(bad, level=2).contradicts(replace(good, meaning=f"{MEANING}@2"))
    assert not bad.contradicts(replace(good, level=2))
    assert not good.contradicts(good)
