"""Functions that realmsync.toml names as module:attribute.

Their modules are looked for where Python looks, and in the file's own folder.

Only that file can name them: what an exported folder says is never imported.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from realmsync.apps.model import Function


class NotImportable(ValueError):
    """An implementation that is not there; says which, and why."""


def import_functions(
    functions: Mapping[str, Function], configuration: Path
) -> dict[str, Callable[..., Any]]:
    """The implementations that a configuration names itself. Raises NotImportable.

    A module that is imported already stays as it is, as everywhere in Python.
    """
    named = {f.name: f.implementation for f in functions.values() if f.implementation is not None}
    folder = configuration if configuration.is_dir() else configuration.parent
    place = str(folder.resolve())
    if named and place not in sys.path:
        sys.path.append(place)
    return {name: _imported(name, target) for name, target in named.items()}


def _imported(name: str, target: str) -> Callable[..., Any]:
    try:
        found = pkgutil.resolve_name(target)
    except Exception as error:  # whatever the module does when it is imported
        reason = f"{type(error).__name__}: {error}"
        raise NotImportable(f"{name} = {target!r} cannot be imported: {reason}") from error
    if not callable(found):
        raise NotImportable(f"{name} = {target!r} is no function")
    return cast(Callable[..., Any], found)
