"""``python -m dashboards`` writes dashboards/*.json anew, as ``make docs`` does."""

from __future__ import annotations

from pathlib import Path

from dashboards.drawing.boards import boards, text

FOLDER = Path(__file__).parent


def main() -> None:
    """Write the JSON of every board beside its module."""
    for name, board in boards().items():
        (FOLDER / f"{name}.json").write_text(text(name, board), encoding="utf-8")


if __name__ == "__main__":
    main()
