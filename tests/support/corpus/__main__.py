"""Write the whole corpus into a folder, with what must be said about each file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.support.corpus import ALL


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for case in ALL:
        (folder / case.name).write_bytes(case.make())
    expected = {case.name: {"verdict": case.verdict, "reasons": case.reasons, "survive": case.survive} for case in ALL}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
