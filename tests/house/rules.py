"""The house's rules that no linter knows, each a function: given the root of a tree, return its violations, one line each.

``RULES`` names them all, ``ALLOWED`` what is let be and why; test_rules.py runs them over our tree and shows each failing on a plant.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

MOST_LINES, MOST_LINES_EVER, MOST_FUNCTION_LINES = 300, 400, 60

# What is let be for good: rule -> path (or prefix of a finding) -> why.
ALLOWED: dict[str, dict[str, str]] = {
    "no_module_is_long": {
        "watchdog/panels/mcsmanager/fake/daemon.py": "one whole daemon as the panel sees it",
    },
    "broad_except_stands_in_the_two_wrappers_only": {
        "watchdog/collectors/runner.py:collect_once:": "the collector wrapper",
        "watchdog/reconciler/runner.py:_carry_out:": "the repair wrapper",
        "watchdog/collectors/archives/meanings.py:ask:": "a panel's mistake costs its own level, never what the bytes prove",
        "watchdog/web/calls.py:_work:": "hands the exception over to the caller's thread, where it is raised again",
        "watchdog/runtime/engine/client.py:open:": "translates four libraries' errors; always raises",
        "watchdog/runtime/engine/feed.py:__init__:": "likewise: translates, always raises",
        "watchdog/runtime/engine/feed.py:__iter__:": "likewise; silent only when the feed was closed by us",
    },
    "programs_start_in_one_place": {"watchdog/runtime/birth.py": "the one place, behind runtime/child"},
    "only_the_command_and_the_demo_print": {
        "watchdog/cli/": "talks to a person",
        "watchdog/demo/": "talks to a person",
        "watchdog/collectors/archives/check.py": "a child's main: its output is its answer",
        "watchdog/collectors/archives/scan.py": "a child's main: its output is its answer",
        "watchdog/collectors/archives/volume_check.py": "a child's main: its output is its answer",
        "watchdog/collectors/archives/part_check.py": "a child's main: its output is its answer",
        "watchdog/collectors/host/space.py": "a child's main: its output is its answer",
        "watchdog/notify/apprise_child.py": "a child's main: its output is its answer",
        "watchdog/panels/mcsmanager/fake/restart.py": "a hook's program",
    },
    "time_comes_from_the_clock": {
        "watchdog/runtime/clock.py": "the clock",
        "watchdog/panels/mcsmanager/fake/": "plays the outside world, whose time is its own",
        "watchdog/demo/": "plays the outside world, whose time is its own",
        "watchdog/collectors/archives/source.py": "a child that reads at a limited rate; it has no clock to be given",
    },
}

# What is to be mended: likewise, shown as xfail until it is. An entry that is not needed any more fails.
DEBTS: dict[str, dict[str, str]] = {}

FORBIDDEN_WORDS = ("manager", "helper", "service", "processor", "utils", "util", "data")
THEIR_NAMES = {"events.py", "version.py", "watchmedo.py", "utils", "observers", "tricks"}

Rule = Callable[[Path], list[str]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def sorted_out(name: str, findings: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return (violations, debts, entries of ALLOWED and DEBTS that nothing needs)."""
    allowed, debts = ALLOWED.get(name, {}), DEBTS.get(name, {})
    open_ones = [finding for finding in findings if not finding.startswith(tuple(allowed))]
    owed = [f"{finding} ({why})" for finding in open_ones for start, why in debts.items() if finding.startswith(start)]
    bad = [finding for finding in open_ones if not finding.startswith(tuple(debts))]
    idle = [start for start in (*allowed, *debts) if not any(finding.startswith(start) for finding in findings)]
    return bad, owed, idle


def modules(root: Path) -> Iterator[tuple[str, ast.Module, str]]:
    """Yield (path, tree, text) of each module of the house."""
    for path in sorted((root / "watchdog").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(root).as_posix(), ast.parse(text, str(path)), text


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for such an expression, "" for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, full dotted name) of each import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, full dotted name) of each call, with import aliases undone."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            first, dot, rest = name.partition(".")
            yield node.lineno, names.get(first, first) + dot + rest


@rule
def no_module_is_long(root: Path) -> list[str]:
    found = []
    for path, _, text in modules(root):
        lines = len(text.splitlines())
        if lines > MOST_LINES:
            found.append(f"{path}: {lines} lines, more than {MOST_LINES}")
        if lines > MOST_LINES_EVER:
            found.append(f"no reason lets {path} have {lines} lines, more than {MOST_LINES_EVER}")
    return found


@rule
def no_function_is_long(root: Path) -> list[str]:
    return [
        f"{path}:{node.name}: line {node.lineno}: {node.end_lineno - node.lineno + 1} lines, more than {MOST_FUNCTION_LINES}"
        for path, tree, _ in modules(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > MOST_FUNCTION_LINES
    ]


def words_of(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


@rule
def nothing_has_a_forbidden_name(root: Path) -> list[str]:
    found = []
    for path, tree, _ in modules(root):
        for part in Path(path).with_suffix("").parts[1:]:
            found += [f"{path}: a module called {part}" for word in words_of(part) if word in FORBIDDEN_WORDS]
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found += [f"{path}:{node.lineno}: a class called {node.name}" for word in words_of(node.name) if word in FORBIDDEN_WORDS]
    return found


@rule
def nothing_is_named_like_the_other_watchdog(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root).as_posix()}: PyPI's watchdog has that name at this place"
        for path in sorted((root / "watchdog").iterdir())
        if path.name in THEIR_NAMES
    ]


def is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or dotted(kind).rpartition(".")[2] in {"Exception", "BaseException"} for kind in kinds)


def reraises(handler: ast.ExceptHandler) -> bool:
    """Whether the handler always ends by raising the same exception again: clean-up, not an except."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def homes(tree: ast.Module) -> dict[ast.AST, str]:
    """Return the name of the innermost function around each node ("" = none)."""
    found: dict[ast.AST, str] = {}

    def visit(node: ast.AST, home: str) -> None:
        found[node] = home
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else home
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, "")
    return found


@rule
def broad_except_stands_in_the_two_wrappers_only(root: Path) -> list[str]:
    found = []
    for path, tree, _ in modules(root):
        for node, home in homes(tree).items():
            if isinstance(node, ast.ExceptHandler) and is_broad(node) and not reraises(node):
                found.append(f"{path}:{home}: line {node.lineno}: a broad except")
            elif isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "suppress":
                broad = [arg for arg in node.args if dotted(arg).rpartition(".")[2] in {"Exception", "BaseException"}]
                found += [f"{path}:{home}: line {node.lineno}: a broad suppress" for _ in broad]
    return found


@rule
def programs_start_in_one_place(root: Path) -> list[str]:
    found = []
    for path, tree, _ in modules(root):
        for line, name in imported(tree):
            if name.partition(".")[0] in {"subprocess", "multiprocessing", "pty"} or name.startswith("concurrent.futures.ProcessPool"):
                found.append(f"{path}:{line}: imports {name}")
        for line, name in calls(tree):
            if re.fullmatch(r"os\.(fork|forkpty|system|popen|posix_spawnp?|spawn\w+|exec\w+)|asyncio\.create_subprocess_\w+", name):
                found.append(f"{path}:{line}: calls {name}")
    return found


@rule
def only_the_command_and_the_demo_print(root: Path) -> list[str]:
    return [
        f"{path}:{line}: prints"
        for path, tree, _ in modules(root)
        for line, name in calls(tree)
        if name in {"print", "sys.stdout.write", "pprint.pprint"}
    ]


CLOCK_CALLS = {
    "time.time", "time.time_ns", "time.sleep", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today",
}  # fmt: skip


@rule
def time_comes_from_the_clock(root: Path) -> list[str]:
    return [f"{path}:{line}: calls {name}" for path, tree, _ in modules(root) for line, name in calls(tree) if name in CLOCK_CALLS]


def is_protocol(node: ast.ClassDef) -> bool:
    return any(dotted(base.value if isinstance(base, ast.Subscript) else base).rpartition(".")[2] == "Protocol" for base in node.bases)


def undocumented(body: list[ast.stmt], where: str, *, protocol: bool = False, nested: bool = False) -> Iterator[str]:
    """Public things without docstring. Let be: what a protocol leaves to one line, overloads, setters, and classes' own plumbing."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if ast.get_docstring(node) is None:
                yield f"{where}:{node.lineno}: class {node.name} has no docstring"
            yield from undocumented(node.body, where, protocol=is_protocol(node), nested=True)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            decorators = {dotted(one.func if isinstance(one, ast.Call) else one).rpartition(".")[2] for one in node.decorator_list}
            inherited = nested and (protocol or decorators & {"overload", "override", "setter"})
            if ast.get_docstring(node) is None and not inherited:
                yield f"{where}:{node.lineno}: {node.name} has no docstring"


@rule
def what_is_public_is_described(root: Path) -> list[str]:
    found = []
    for path, tree, _ in modules(root):
        if ast.get_docstring(tree) is None:
            found.append(f"{path}:1: the module has no docstring")
        found += undocumented(tree.body, path)
    return found


@rule
def fakes_are_imported_by_fakes_and_the_demo_only(root: Path) -> list[str]:
    def fake(name: str) -> bool:
        return "fake" in name.split(".") or name.endswith(".fakes")

    return [
        f"{path}:{line}: imports {name}"
        for path, tree, _ in modules(root)
        if not path.startswith("watchdog/demo/") and not fake(path.removesuffix(".py").replace("/", "."))
        for line, name in imported(tree)
        if fake(name)
    ]
