"""The native modules' stubs are fresh: they name what the modules have, no more and no less."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

import realmsync
from realmsync import _core, _testbed

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


def stub_of(module: ModuleType) -> ast.Module:
    name = module.__name__.rpartition(".")[2]
    return ast.parse(Path(realmsync.__file__).with_name(f"{name}.pyi").read_text())


@pytest.mark.parametrize("module", [_core, _testbed])
def test_module(module: ModuleType) -> None:
    assert members(stub_of(module).body) == public(vars(module))


@pytest.mark.parametrize("module", [_core, _testbed])
def test_classes(module: ModuleType) -> None:
    for node in stub_of(module).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            native = public(vars(getattr(module, node.name)))
            if "__members__" in vars(getattr(module, node.name)):
                native -= ENUM_MEMBERS
            assert members(node.body) == native, node.name


@pytest.mark.parametrize("first", ["_core", "_testbed"])
def test_modules_share_their_types(first: str) -> None:
    """They are one library: either may come first, and objects pass between them."""
    check = (
        f"import realmsync.{first}\n"
        "from realmsync import _core, _testbed\n"
        "assert isinstance(_testbed.ClientStorage(), _core.ClientStore)\n"
        "runtime = _core.ClientRuntime(workers=0)\n"
        "assert _testbed.connection_count(runtime) == 0\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
