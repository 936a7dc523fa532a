"""What stands in README and docs/ besides prose: fenced blocks, the commands in them, inline code, links."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = frozenset({"configuration.md", "metrics.md", "permissions.md"})
"""Written by ``make docs``; their own test holds them to the code."""
PROMPTS = {"console": ("$ ", "# "), "sh": ("",)}
_FENCE = re.compile(r"^(?:<!-- (?P<remark>[^\n]*?) -->\n+)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"shown by (tests/[\w/]+\.py)::(\w+)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. ``remark`` is the HTML comment right above it, such as ``shown by tests/deploy/test_x.py::test_y``."""

    page: str
    line: int
    language: str
    text: str
    remark: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def shown_by(self) -> tuple[str, str] | None:
        """Return (file, function) of the test that shows what cannot be run beside the page."""
        found = _SHOWN.fullmatch(self.remark)
        return (found[1], found[2]) if found else None

    def lines(self) -> Iterator[str]:
        """Yield what is typed, without the prompt. Raises ValueError for a line without one."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if not line.strip():
                continue
            prompt = next((each for each in PROMPTS[self.language] if line.startswith(each)), None)
            if prompt is None:
                raise ValueError(f"{self}: a line without a prompt: {line}")
            yield line.removeprefix(prompt)

    def commands(self) -> Iterator[list[str]]:
        """Yield the words of each command; ``&&`` parts two."""
        for line in self.lines():
            words = shlex.split(line, comments=True)
            while "&&" in words:
                yield words[: words.index("&&")]
                words = words[words.index("&&") + 1 :]
            yield words


def pages() -> tuple[Path, ...]:
    """Return every page that people wrote."""
    written = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name not in GENERATED]
    return (*sorted(ROOT.glob("README*.md")), *written)


def name_of(page: Path) -> str:
    """Return the page's name below the root."""
    return page.relative_to(ROOT).as_posix()


@lru_cache(maxsize=1)
def blocks() -> tuple[Block, ...]:
    """Return every fenced block of every page. A fence that is not closed swallows the next one: its language says so."""
    found = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start("text"))
            found.append(Block(name_of(page), line, match["language"], match["text"], match["remark"] or ""))
    return tuple(found)


def fences(page: Path) -> int:
    """Return how many lines of a page open or close a block."""
    return len(re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE))


def code_in(page: Path) -> Iterator[str]:
    """Yield the inline code of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from (" ".join(each.split()) for each in re.findall(r"(?<!`)`([^`]+)`(?!`)", text))


def links_in(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links that lead into this tree."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from (each for each in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"\w+:", each))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are made of a heading's words."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}


@lru_cache(maxsize=64)
def functions_of(file: Path) -> frozenset[str]:
    """Return the names of the functions that a test file defines."""
    return frozenset(node.name for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef))
