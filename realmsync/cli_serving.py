"""What the commands around served apps have in common: their options, and `realmsync reload`.

They only parse arguments and print; the work is in server/apps/.
"""

from __future__ import annotations

import functools
import os
import pkgutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import click

from realmsync.cli_data import data_option
from realmsync.errors import ReloadError

Command = Callable[..., None]


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
        raise click.BadParameter(f"{value!r} is no realmsync.AppFunctions")
    return found


def _require_javascript(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    from realmsync.server.functions.javascript import is_available

    if value and not is_available():
        raise click.BadParameter("needs the engine: pip install 'realmsync[js]'")
    return value


def _pairs(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, said = value.partition("=")
        if not equals or not said:
            raise click.BadParameter(f"{value!r} is not {parameter.make_metavar(context)}")
        pairs[name] = said
    return pairs


_OPTIONS = (
    click.option(
        "--app",
        "apps",
        multiple=True,
        metavar="[ID=]FOLDER",
        help="App to serve: the folder, zip or realmsync.toml with its configuration, ID= where "
        "that does not say it. A mere id is an app without rules, for development. Repeatable.  "
        "[default: one such app, any id]",
    ),
    click.option(
        "--app-id", help="Id of the app, as shipped programs send it; of one --app FOLDER."
    ),
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
        callback=_pairs,
        help="File or https address with the keys that verify others' tokens, such as "
        "oauth2-google=https://www.googleapis.com/oauth2/v3/certs; repeatable.",
    ),
    click.option(
        "--old-tokens",
        multiple=True,
        metavar="WHO=POLICY",
        callback=_pairs,
        help="What devices hear that come with a log-in of the former service. WHO: anonymous, "
        "others, unknown; POLICY: hold, refuse, adopt; repeatable.  "
        "[default: anonymous=hold, others=refuse]",
    ),
    click.option(
        "--adopt-passwords",
        "proof_of_first_password",
        metavar="FUNCTION",
        help="Imported accounts take the first password that they are tried with, if this function "
        "of the app lets him who comes: he owns the account.",
    ),
    click.option(
        "--adopt-until",
        type=click.DateTime(),
        help="End of adopting log-ins and passwords, in UTC: neither proves who somebody is.",
    ),
    click.option(
        "--admin",
        metavar="NAME",
        help="Switch the admin API on, for clients on this machine; the admin's password is "
        "REALMSYNC_ADMIN_PASSWORD in the environment.",
    ),
    click.option(
        "--production", is_flag=True, help="Do not start with an app that is open to everybody."
    ),
    click.option(
        "--accept-breaking",
        is_flag=True,
        help="Take changes of apps that no client can follow: all start afresh.",
    ),
)


def _admin_password() -> str:
    return os.environ.get("REALMSYNC_ADMIN_PASSWORD", "")


def app_options(command: Command) -> Command:
    """Options that say which apps are served; `command` is given them as settings, `served`."""

    @functools.wraps(command)
    def with_apps(
        apps: tuple[str, ...],
        app_id: str | None,
        secrets: Path | None,
        enable_sync: bool,
        functions: Any,
        javascript: bool,
        key_sets: dict[str, str],
        old_tokens: dict[str, str],
        proof_of_first_password: str | None,
        adopt_until: datetime | None,
        admin: str | None,
        production: bool,
        accept_breaking: bool,
        **others: Any,
    ) -> None:
        from realmsync.server.accounts.old_tokens import in_utc, read_settings
        from realmsync.server.admin.access import AdminAccount
        from realmsync.server.apps.sources import AppFolder

        try:
            until = None if adopt_until is None else in_utc(adopt_until)
            policies = read_settings(old_tokens, until)
            adoption = _password_adoption(proof_of_first_password, until)
            account = None if admin is None else AdminAccount(admin, _admin_password())
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        ids, folders = _split_apps(apps, app_id)
        served = {
            "app_folders": tuple(
                AppFolder(path, id, secrets, enable_sync, functions, javascript, key_sets, adoption)
                for id, path in folders
            ),
            "apps": ids,
            "old_tokens": policies,
            "admin": account,
            "production": production,
            "accept_breaking": accept_breaking,
        }
        command(served=served, **others)

    for option in reversed(_OPTIONS):
        with_apps = option(with_apps)
    return with_apps


def _password_adoption(function: str | None, until: float | None) -> Any:
    from realmsync.server.apps.password_adoption import PasswordAdoption

    if function is None:
        return None
    if until is None:
        raise ValueError("adopting first passwords needs an end: --adopt-until")
    return PasswordAdoption(function, until)


def _split_apps(
    values: tuple[str, ...], app_id: str | None
) -> tuple[frozenset[str], list[tuple[str | None, Path]]]:
    """Ids of apps without a configuration, and folders with the ids that are given to them."""
    ids: set[str] = set()
    folders: list[tuple[str | None, Path]] = []
    for value in values:
        own_id, equals, path = value.partition("=")
        if equals:
            folders.append((own_id, Path(path)))
        elif os.sep in value or Path(value).exists():
            folders.append((app_id, Path(value)))
        else:
            ids.add(value)
    if app_id is not None and len(folders) != 1:
        raise click.UsageError("--app-id is for one --app FOLDER; of several say ID=FOLDER")
    return frozenset(ids), folders


@click.command()
@data_option
@click.option(
    "--accept-breaking",
    is_flag=True,
    help="Take changes of apps that no client can follow: all start afresh.",
)
@click.option(
    "--timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds in which the server must answer.",
)
def reload(data: Path, accept_breaking: bool, timeout: float) -> None:
    """Have a server that runs load the configurations of its apps again.

    What is in order replaces what is served; the rest stays as it was, and the exit status is 1.
    """
    from realmsync.server.apps.reload_request import reload_apps

    try:
        reply = reload_apps(data, accept_breaking=accept_breaking, timeout=timeout)
    except ReloadError as error:
        raise click.ClickException(str(error)) from None
    click.echo(reply.page)
    sys.exit(0 if reply.is_served else 1)
