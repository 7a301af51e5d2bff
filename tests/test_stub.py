"""The native module's stub is fresh: it names what the module has, no more and no less."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import realmsync
from realmsync import _core

STUB = Path(realmsync.__file__).with_name("_core.pyi")

ENUM_MEMBERS = {"name", "value"}  # pybind11 gives them to every enumeration


def public(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def members(body: list[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return public(names)


def test_module() -> None:
    stub = ast.parse(STUB.read_text())
    assert members(stub.body) == public(vars(_core))


def test_classes() -> None:
    stub = ast.parse(STUB.read_text())
    for node in stub.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            native = public(vars(getattr(_core, node.name))) - ENUM_MEMBERS
            assert members(node.body) == native, node.name
