"""Every panel is furnished, and the inspection really sees what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.house.inspection import inspect_panel
from watchdog.panels import discover

ROOT = Path(__file__).resolve().parents[2]
PANELS = sorted(discover())


@pytest.mark.parametrize("name", PANELS)
def test_the_panel_is_furnished(name):
    missing = inspect_panel(ROOT, name, discover()[name])

    assert missing == []


def _copy(tmp_path: Path, name: str) -> Path:
    for folder in (f"watchdog/panels/{name}", f"tests/panels/{name}"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for folder in ("alerts", "dashboards"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("planted", ["story", "fake", "drift", "twice", "alert", "alert_test", "dashboard"])
def test_a_planted_gap_is_seen(tmp_path, name, planted):
    root, panel = _copy(tmp_path, name), discover()[name]
    kind, remedy, metric = panel.kinds[0].name, panel.remedies[0].name, panel.metrics[0].metric.name
    assert inspect_panel(root, name, panel) == []

    _plant(root, name, planted, kind, remedy, metric)

    assert inspect_panel(root, name, panel) != []


def _plant(root: Path, name: str, planted: str, kind: str, remedy: str, metric: str) -> None:
    folder, tests = root / "watchdog/panels" / name, root / "tests/panels" / name
    match planted:
        case "story":
            (folder / "__init__.py").write_text('"""Nothing."""\n')
        case "fake":
            shutil.rmtree(folder / "fake", ignore_errors=True)
            (folder / "fake.py").unlink(missing_ok=True)
        case "drift":
            _replace(tests.glob("test_drift*.py"), f'"{kind}"', '"gone"')
        case "twice":
            _replace(tests.glob("test_*.py"), f'"{remedy}"', '"gone"')
        case "alert":
            _replace([root / "alerts" / f"{name}.yml"], kind, "gone")
        case "alert_test":
            path = root / "alerts/tests" / f"{name}.yml"
            path.write_text(yaml.safe_dump({"tests": []}))
        case "dashboard":
            path = root / "dashboards" / f"{name}.json"
            path.write_text(json.dumps(json.loads(path.read_text().replace(metric, "gone"))))


def _replace(files, old: str, new: str) -> None:
    for file in files:
        file.write_text(file.read_text().replace(old, new))
