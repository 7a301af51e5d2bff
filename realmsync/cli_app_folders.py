"""The options beside a folder of an app: what its operator says to whatever reads it.

`realmsync serve` and `realmsync check` have the same, so that one tells what the other does. They
only parse arguments; the work is in server/apps/sources.py.
"""

from __future__ import annotations

import functools
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from realmsync.apps.auth import OPENID

Command = Callable[..., None]

_KEYED = ("custom-token", *OPENID)


def import_function(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Callable[..., Any] | None:
    """A function of the module that is in the working directory or installed."""
    if value is None:
        return None
    function = _import(value)
    if not callable(function):
        raise click.BadParameter(f"{value!r} is no function")
    return cast(Callable[..., Any], function)


def pairs(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """What is said as NAME=VALUE, by name."""
    said_by_name = {}
    for value in values:
        name, equals, said = value.partition("=")
        if not equals or not said:
            raise click.BadParameter(f"{value!r} is not {parameter.make_metavar(context)}")
        said_by_name[name] = said
    return said_by_name


def _import(target: str) -> object:
    if ":" not in target:
        raise click.BadParameter(f"{target!r} is not MODULE:NAME")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return cast(object, pkgutil.resolve_name(target))
    except Exception as error:
        raise click.BadParameter(f"cannot import {target!r}: {error}") from error


def _import_functions(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """The AppFunctions of a module that is in the working directory or installed."""
    from realmsync.server.functions.registry import AppFunctions

    found = AppFunctions() if value is None else _import(value)
    if not isinstance(found, AppFunctions):
        raise click.BadParameter(f"{value!r} is no AppFunctions")
    return found


def _require_javascript(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    from realmsync.server.functions.javascript import is_available

    if value and not is_available():
        raise click.BadParameter("needs the engine: pip install 'realmsync[js]'")
    return value


def _key_sets(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    places = pairs(context, parameter, values)
    for provider in places:
        if provider not in _KEYED:
            raise click.BadParameter(f"{provider!r} is none of {', '.join(_KEYED)}")
    return places


_OPTIONS = (
    click.option(
        "--secrets",
        type=click.Path(dir_okay=False, path_type=Path),
        help="JSON file with the contents of the secrets that configurations name.",
    ),
    click.option(
        "--enable-sync", is_flag=True, help="Serve apps that were paused when they were exported."
    ),
    click.option(
        "--functions",
        metavar="MODULE:NAME",
        callback=_import_functions,
        help="AppFunctions with the apps' functions in Python.",
    ),
    click.option(
        "--javascript",
        is_flag=True,
        callback=_require_javascript,
        help="Run the JavaScript functions of configurations (extra js).",
    ),
    click.option(
        "--key-set",
        "key_sets",
        multiple=True,
        metavar="PROVIDER=PLACE",
        callback=_key_sets,
        help="File or https address with the keys that verify others' tokens, such as "
        "oauth2-google=https://www.googleapis.com/oauth2/v3/certs; repeatable.",
    ),
)


def folder_options(command: Command) -> Command:
    """Options with which folders are read; `command` is given what makes AppFolders, `folder`."""

    @functools.wraps(command)
    def with_folder(
        secrets: Path | None,
        enable_sync: bool,
        functions: Any,
        javascript: bool,
        key_sets: dict[str, str],
        **others: Any,
    ) -> None:
        from realmsync.server.apps.sources import AppFolder

        folder = functools.partial(
            AppFolder,
            secrets=secrets,
            enable_sync=enable_sync,
            functions=functions,
            javascript=javascript,
            key_sets=key_sets,
        )
        command(folder=folder, **others)

    for option in reversed(_OPTIONS):
        with_folder = option(with_folder)
    return with_folder
