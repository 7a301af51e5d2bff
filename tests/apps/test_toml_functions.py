"""Functions that realmsync.toml names in Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import layouts
from realmsync.server.apps.sources import AppFolder
from realmsync.server.functions.registry import AppFunctions

MODULE = "def double(context, number):\n    return 2 * number\n\nlimit = 3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path, modules = [*sys.path], set(sys.modules)
    yield layouts.write({"functions_of_toml.py": MODULE}, tmp_path)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def configured(folder: Path, target: str) -> AppFolder:
    text = f'name = "x"\napp_id = "x-abcde"\n[functions]\nf = "{target}"\n'
    layouts.write({"realmsync.toml": text}, folder)
    return AppFolder(folder)


@pytest.mark.parametrize("is_file", [False, True])
def test_functions_beside_the_file(folder: Path, is_file: bool) -> None:
    source = configured(folder, "functions_of_toml:double")
    if is_file:
        source = AppFolder(folder / "realmsync.toml")
    loaded = source.load()
    assert loaded.app is not None, [*map(str, loaded.findings)]
    double = source.implementations(loaded.app).get("f")
    assert double is not None and double.function(None, 2) == 4


def test_the_example(folder: Path) -> None:
    example = AppFolder(Path(__file__).parents[2] / "examples" / "app")
    loaded = example.load()
    assert loaded.app is not None, [*map(str, loaded.findings)]
    functions = example.implementations(loaded.app)
    words, reset = functions.get("count_words"), functions.get("reset_password")
    assert words is not None and words.function(None, "two words") == 2
    assert reset is not None
    assert reset.function(None, {"currentPasswordValid": False}) == {"status": "fail"}


def test_the_program_goes_before_the_file(folder: Path) -> None:
    configured(folder, "functions_of_toml:double")
    own = AppFunctions()
    own.add("f", lambda context: "own")
    source = AppFolder(folder, functions=own)
    loaded = source.load()
    assert loaded.app is not None
    found = source.implementations(loaded.app).get("f")
    assert found is not None and found.function(None) == "own"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("functions_of_toml:triple", "AttributeError"),
        ("functions_of_toml:limit", "is no function"),
        ("no_such_module:f", "ModuleNotFoundError"),
        ("functions of toml:f", "ValueError"),
    ],
)
def test_functions_that_are_not_there(folder: Path, target: str, why: str) -> None:
    loaded = configured(folder, target).load()
    assert loaded.app is None
    finding = loaded.findings.all[-1]
    assert (finding.code, finding.path) == ("functions.not_importable", "realmsync.toml")
    assert why in finding.text


def test_what_a_module_raises_is_told(folder: Path) -> None:
    layouts.write({"functions_of_toml.py": "raise RuntimeError('broken')"}, folder)
    finding = configured(folder, "functions_of_toml:double").load().findings.all[-1]
    assert "RuntimeError: broken" in finding.text


def test_exported_folders_import_nothing(folder: Path) -> None:
    entry = {"name": "f", "implementation": "functions_of_toml:double", "call": "os:system"}
    files = {**layouts.current(), "functions/config.json": [entry]}
    source = AppFolder(layouts.write(files, folder))
    loaded = source.load()
    assert loaded.app is not None
    assert len(source.implementations(loaded.app)) == 0
    assert "functions_of_toml" not in sys.modules
