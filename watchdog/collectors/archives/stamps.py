"""Stamps of meanings: a result of level 3 is worth what the code was that gave it, and asks to be given anew when that has changed.

A stamp is a checksum of the panel's meaning and of all modules of its panel that it imports, by their syntax: comments, docstrings and the
shape of lines do not count.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import watchdog

_ROOT = Path(watchdog.__file__).parent.parent
_DIGITS = 12


@functools.cache
def stamped(module: str) -> str:
    """Return the name of a meaning with its stamp, ``watchdog.panels.NAME.meaning@1a2b3c4d5e6f``; the name alone when it cannot be read."""
    if not module:
        return ""
    try:
        sources = dict(sorted(_sources(module, _ROOT)))
    except (OSError, SyntaxError):
        return module
    return f"{module}@{hashlib.sha256(repr(sources).encode()).hexdigest()[:_DIGITS]}"


def _sources(module: str, root: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, what counts of its source) of ``module`` and of what it imports from its own package, and so on."""
    package = module.rpartition(".")[0]
    waiting, seen = [module], {module}
    while waiting:
        name = waiting.pop()
        tree = ast.parse((root / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))
        found = {one for one in _imported(tree, package) if (root / f"{one.replace('.', '/')}.py").is_file()} - seen
        waiting += found
        seen |= found
        yield name, ast.dump(_without_docstrings(tree))


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.startswith(f"{package}."))
        elif isinstance(node, ast.ImportFrom):
            whence = f"{package}{'.' if node.module else ''}{node.module or ''}" if node.level else node.module or ""
            if whence == package:
                yield from (f"{package}.{one.name}" for one in node.names)
            elif whence.startswith(f"{package}."):
                yield whence


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    return tree
