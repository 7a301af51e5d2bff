"""`realmsync functions scaffold`: a module that can be imported, with every function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app_folders import write_app
from realmsync.server.functions.registry import AppFunctions

ASKS = {"%%true": {"%function": {"name": "mayRead", "arguments": ["%%partition"]}}}


def scaffold(folder: Path) -> str:
    command = [sys.executable, "-m", "realmsync", "functions", "scaffold", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def test_each_function_stands_beside_its_source(tmp_path: Path) -> None:
    sources = {
        "mayRead": "exports = function (p) {\n  return p === 'x';\n};",
        "admin/reset": "exports = () => 1;\u2028print('not this')\r\nprint('nor this')",
        "class": "exports = () => 2;",
        "functions": "exports = () => 3;",
        "a_quote": 'exports = () => """;',
    }
    text = scaffold(write_app(tmp_path / "app", read=ASKS, functions=sources))
    assert text.index("mayRead.js, which something depends on") < text.index("a_quote.js")
    assert "#       return p === 'x';" in text
    names: dict[str, Any] = {}
    exec(compile(text, "scaffold.py", "exec"), names)
    found = names["functions"]
    assert isinstance(found, AppFunctions)
    assert sorted(found) == sorted(sources)
    for name in sources:
        function = found.get(name)
        assert function is not None
        with pytest.raises(NotImplementedError, match=name):
            await function.function(None)


def test_a_folder_that_is_refused_says_why(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        scaffold(tmp_path)
    assert "config.not_found" in failed.value.stderr
