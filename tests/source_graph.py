"""Who includes or imports whom, as graphs of files and modules, the circles in them, and what
statements a Python file has.

The rules that hold for the graphs are in test_sourcecode.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = Mapping[str, set[str]]


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected parts of more than one node, and nodes that point at themselves."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = lowest[node] = len(index)
        path.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
            if target in path:
                lowest[node] = min(lowest[node], lowest[target])
        if lowest[node] == index[node]:
            part = path[path.index(node) :]
            del path[-len(part) :]
            if len(part) > 1 or node in graph.get(node, ()):
                found.append(sorted(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements within a node, in any depth; a tenth of what ast.walk() goes through."""
    within = [node]
    while within:
        outer = within.pop()
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            for inner in getattr(outer, part, ()):
                yield inner
                within.append(inner)


def include_graph(root: Path) -> dict[str, set[str]]:
    """The files below `root`, each with those that its `#include "..."` lines name."""
    files = [p for p in root.rglob("*") if p.suffix in (".hpp", ".h", ".cpp")]
    return {
        str(p.relative_to(root)): set(re.findall(r'^\s*#include "([^"]+)"', p.read_text(), re.M))
        for p in files
    }


def import_graph(package: Path) -> dict[str, set[str]]:
    """The modules of a package, each with those that it imports, wherever the statement stands.

    Packages count where a name of their own is taken from them. Cython sources are known by their
    stubs. What is imported for type checking alone is not here but in `typing_graph`.
    """
    return _graph(package, for_types=False)


def typing_graph(package: Path) -> dict[str, set[str]]:
    """The same of what stands under `if TYPE_CHECKING`; modules without it are left out."""
    return {module: names for module, names in _graph(package, for_types=True).items() if names}


def _graph(package: Path, *, for_types: bool) -> dict[str, set[str]]:
    paths = {_module(p, package): p for s in ("*.py", "*.pyi") for p in package.rglob(s)}
    return {
        module: {
            _imported(name, paths)
            for name in _names(path, for_types)
            if _within(name, package.name)
        }
        for module, path in paths.items()
    }


def _module(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _names(path: Path, for_types: bool) -> set[str]:
    """Every module, and every name of a module, that a file imports."""
    names = set()
    tree = ast.parse(path.read_text())
    everywhere = set(statements(tree))
    guarded = {
        node
        for block in everywhere
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in (statement, *statements(statement))
    }
    for node in guarded if for_types else everywhere - guarded:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _imported(name: str, modules: Mapping[str, Path]) -> str:
    """The module that an imported name is, or is in."""
    return name if name in modules else name.rpartition(".")[0]
