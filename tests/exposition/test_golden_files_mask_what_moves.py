"""The golden file helper: what moves is masked, what says something is not."""

from __future__ import annotations

import pytest

from tests.support.golden import assert_golden, masked


def test_only_volatile_values_are_masked():
    text = (
        "# HELP process_open_fds Files.\n"
        "process_open_fds 12.0\n"
        'watchdog_collector_duration_seconds{collector="docker"} 0.0123\n'
        'watchdog_drift_open_timestamp_seconds{subject="a b} 1"} 1.8e+09\n'
        'watchdog_build_info{python="3.11.2",version="0.1.0"} 1.0\n'
        'watchdog_drifts{kind="ghost"} 3.0\n'
    )
    assert masked(text) == (
        "# HELP process_open_fds Files.\n"
        "process_open_fds <masked>\n"
        'watchdog_collector_duration_seconds{collector="docker"} <masked>\n'
        'watchdog_drift_open_timestamp_seconds{subject="a b} 1"} <masked>\n'
        'watchdog_build_info{python="<masked>",version="<masked>"} <masked>\n'
        'watchdog_drifts{kind="ghost"} 3.0\n'
    )


def test_a_changed_value_a_new_line_and_a_missing_file_fail(tmp_path, monkeypatch):
    golden = tmp_path / "page.txt"
    monkeypatch.delenv("WATCHDOG_UPDATE_GOLDEN", raising=False)
    with pytest.raises(pytest.fail.Exception, match="no golden file"):
        assert_golden("a 1\n", golden)
    monkeypatch.setenv("WATCHDOG_UPDATE_GOLDEN", "1")
    assert_golden("a 1\n", golden)
    monkeypatch.delenv("WATCHDOG_UPDATE_GOLDEN")
    assert_golden(b"a 1\n", golden)
    for other in ("a 2\n", "a 1\nb 1\n"):
        with pytest.raises(pytest.fail.Exception, match="not the golden one"):
            assert_golden(other, golden)
