"""Reading YAML with line numbers: the only PyYAML. A doubled key, an anchor bomb or a syntax error is a clear error, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from watchdog.errors import BadSettings

Path = tuple[str | int, ...]

MAX_NODES = 100_000


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document: its plain value, and the line (from 1) of every key and list item by path."""

    value: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int | None:
        """Return the line of ``path``, or of its nearest written ancestor; None when nothing of it is written."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


def parse(text: str, name: str) -> Document:
    """Given YAML text and the file's name for messages, return the document. Raise BadSettings naming file and line."""
    lines: dict[Path, int] = {}
    try:
        loader = yaml.SafeLoader(text)
    except yaml.YAMLError as error:
        raise BadSettings(f"{name}: this is not valid YAML: {error}") from None
    try:
        node = loader.get_single_node()
        if node is None:
            return Document({}, {})
        _walk(node, (), lines, name)
        value = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadSettings(f"{name}, line {line}: this is not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadSettings(f"{name}: this is not valid YAML: {error}") from None
    finally:
        loader.dispose()
    return Document(value, lines)


def scalar(text: str) -> Any:
    """Given the text of an environment variable, return it as YAML would read it, or as it is when it is no YAML."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def dump(value: Any) -> str:
    """Given plain values, return YAML text in the order given."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> None:
    if len(lines) > MAX_NODES:
        raise BadSettings(f"{name}: more than {MAX_NODES} values: aliases that repeat each other are not accepted")
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = (*path, str(key_node.value))
            line = key_node.start_mark.line + 1
            if key in lines:
                dotted = ".".join(map(str, key))
                raise BadSettings(f"{name}, line {line}: '{dotted}' is written twice (first in line {lines[key]}): keep one of them")
            lines[key] = line
            _walk(value_node, key, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[*path, index] = item.start_mark.line + 1
            _walk(item, (*path, index), lines, name)
