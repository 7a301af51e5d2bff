"""A Python module with a function for each one that a configuration exports, still to be written.

What the functions do is not guessed from their sources, which stand beside them as comments.
Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator

from realmsync.apps.load import Loaded
from realmsync.apps.model import Function

_HEAD = '''"""Functions of {name}, in Python.

    realmsync serve --app FOLDER --functions MODULE:functions
"""

from __future__ import annotations

from typing import Any

from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.registry import AppFunctions

functions = AppFunctions()
'''


def scaffold(loaded: Loaded) -> str:
    """The module's text. Functions that something depends on come first."""
    assert loaded.app is not None
    functions = sorted(
        loaded.app.functions.values(), key=lambda f: (f.name not in loaded.needed, f.name)
    )
    parts = [_HEAD.format(name=ascii(loaded.app.name)[1:-1])]
    parts += ["\n".join(_lines(function, loaded, i)) for i, function in enumerate(functions)]
    return "\n\n".join(parts)


def _lines(function: Function, loaded: Loaded, number: int) -> Iterator[str]:
    is_needed = function.name in loaded.needed
    yield f"# {ascii(function.path)[1:-1]}" + (", which something depends on" if is_needed else "")
    # Comments end with their line, whichever character ends it.
    yield from (f"#     {line}".rstrip() for line in (function.source or "").splitlines())
    name = _identifier(function.name, number)
    arguments = [repr(function.name)] if name != function.name else []
    arguments += ["private=True"] if function.private else []
    yield "@functions.function" + (f"({', '.join(arguments)})" if arguments else "")
    yield f"async def {name}(context: FunctionContext, *arguments: Any) -> Any:"
    yield f"    raise NotImplementedError({function.name!r})"
    yield ""


def _identifier(name: str, number: int) -> str:
    """The function's own name where it is one for Python and hides none of the module's."""
    is_free = name not in ("functions", "annotations", "Any", "AppFunctions", "FunctionContext")
    if name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and is_free:
        return name
    return f"function_{number}"
