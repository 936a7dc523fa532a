"""The guard against the other package called watchdog, on layouts as pip leaves them (each tried once with the real package)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import watchdog
from watchdog.runtime.installed import check_installation, judge

OURS = Path(watchdog.__file__).parent
THEIR_INIT = '"""Python API and shell utilities to monitor file system events."""\n'
CALL = "import sys; sys.path.insert(0, sys.argv[1]); from watchdog.runtime.installed import check_installation; check_installation()"


def distribution(site: Path, name: str, *files: str) -> None:
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in (*files, f"{info.name}/METADATA", f"{info.name}/RECORD")))


def our_tree(site: Path) -> None:
    for file in ("__init__.py", "errors.py", "runtime/__init__.py", "runtime/installed.py"):
        (site / "watchdog" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(OURS / file, site / "watchdog" / file)


def their_tree(site: Path) -> None:
    (site / "watchdog" / "observers").mkdir(parents=True, exist_ok=True)
    (site / "watchdog" / "__init__.py").write_text(THEIR_INIT)
    (site / "watchdog" / "events.py").write_text("")
    distribution(site, "watchdog", "watchdog/__init__.py", "watchdog/events.py")


def check(site: Path) -> str:
    """Return what the guard says in a fresh interpreter that knows only ``site`` ("" = content)."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", CALL, str(site)], capture_output=True, text=True, timeout=60, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    our_tree(tmp_path)
    distribution(tmp_path, "panel-watchdog", "watchdog/__init__.py", "watchdog/errors.py", "watchdog/runtime/installed.py")
    return tmp_path


def test_a_clean_wheel_passes(wheel: Path) -> None:
    assert check(wheel) == ""


def test_a_clean_editable_installation_and_a_checkout_pass(tmp_path: Path) -> None:
    our_tree(tmp_path)
    assert check(tmp_path) == ""
    distribution(tmp_path, "panel-watchdog", "_editable_impl_panel_watchdog.pth")
    assert check(tmp_path) == ""


def test_theirs_installed_over_ours_is_refused(wheel: Path) -> None:
    their_tree(wheel)
    assert "Permanent: the folder" in check(wheel)
    assert "is also claimed by watchdog" in check(wheel)
    assert check(wheel).count("\n") == 0


def test_ours_installed_over_theirs_is_refused(tmp_path: Path) -> None:
    their_tree(tmp_path)
    our_tree(tmp_path)
    distribution(tmp_path, "panel-watchdog", "watchdog/__init__.py", "watchdog/errors.py")
    assert "is also claimed by watchdog" in check(tmp_path)


def test_the_ruin_that_their_uninstallation_leaves_is_refused(wheel: Path) -> None:
    (wheel / "watchdog" / "__init__.py").unlink()
    assert "has lost its __init__.py" in check(wheel)


def test_an_overwritten_init_without_an_owner_is_refused(wheel: Path) -> None:
    (wheel / "watchdog" / "__init__.py").write_text(THEIR_INIT)
    assert "is not ours" in check(wheel)


def test_another_folder_is_refused() -> None:
    assert "finds '/a/watchdog/__init__.py' instead of '/b/watchdog'" in str(
        judge("/a/watchdog/__init__.py", "panel-watchdog: x", [], Path("/b/watchdog"))
    )


def test_this_very_installation_passes() -> None:
    check_installation()
