"""What the commands around served apps have in common: their options, and `realmsync reload`.

They only parse arguments and print; the work is in server/apps/.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from realmsync.cli_app_folders import folder_options, pairs
from realmsync.cli_data import data_option
from realmsync.errors import ReloadError

Command = Callable[..., None]


_OPTIONS = (
    click.option(
        "--app",
        "apps",
        multiple=True,
        metavar="[ID=]FOLDER",
        help="App to serve: the folder, zip or realmsync.toml with its configuration, ID= where "
        "that does not say it. Repeatable.  [default: one app without rules, any id]",
    ),
    click.option(
        "--open-app",
        "open_apps",
        multiple=True,
        metavar="ID",
        help="App without a configuration, in which everybody may do everything: for development. "
        "Repeatable.",
    ),
    click.option(
        "--app-id", help="Id of the app, as shipped programs send it; of one --app FOLDER."
    ),
    click.option(
        "--old-tokens",
        multiple=True,
        metavar="WHO=POLICY",
        callback=pairs,
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
        "--migrated-partition-key",
        metavar="FIELD",
        help="The apps went over from partitions to flexible sync, and this field told their "
        "partitions apart: programs that know of partitions follow with their data. Without, they "
        "are refused.",
    ),
    click.option(
        "--schema-version",
        "schema_versions",
        type=click.IntRange(0, 2**63 - 1),
        multiple=True,
        metavar="N",
        help="Version of the schema that programs of flexible sync may have; others are refused. "
        "Repeatable.  [default: any]",
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

    @folder_options
    @functools.wraps(command)
    def with_apps(
        apps: tuple[str, ...],
        open_apps: tuple[str, ...],
        app_id: str | None,
        folder: Callable[..., Any],
        old_tokens: dict[str, str],
        proof_of_first_password: str | None,
        adopt_until: datetime | None,
        migrated_partition_key: str | None,
        schema_versions: tuple[int, ...],
        admin: str | None,
        production: bool,
        accept_breaking: bool,
        **others: Any,
    ) -> None:
        from realmsync.server.accounts.old_tokens import in_utc, read_settings
        from realmsync.server.admin.access import AdminAccount

        try:
            until = None if adopt_until is None else in_utc(adopt_until)
            policies = read_settings(old_tokens, until)
            adoption = _password_adoption(proof_of_first_password, until)
            if until is not None and adoption is None and "adopt" not in old_tokens.values():
                raise ValueError(
                    "--adopt-until needs what it ends: --old-tokens WHO=adopt or --adopt-passwords"
                )
            account = None if admin is None else AdminAccount(admin, _admin_password())
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        folders = _folders(apps, app_id)
        _require_something_to_act_on(
            {
                "--adopt-passwords": bool(apps) or proof_of_first_password is None,
                "--migrated-partition-key": bool(apps) or migrated_partition_key is None,
                "--schema-version": bool(apps) or not schema_versions,
            }
        )
        served = {
            "app_folders": tuple(
                folder(
                    path,
                    id,
                    adopt_passwords=adoption,
                    migrated_partition_key=migrated_partition_key,
                    schema_versions=frozenset(schema_versions) or None,
                )
                for id, path in folders
            ),
            "apps": frozenset(open_apps),
            "old_tokens": policies,
            "admin": account,
            "production": production,
            "accept_breaking": accept_breaking,
        }
        command(served=served, **others)

    for option in reversed(_OPTIONS):
        with_apps = option(with_apps)
    return with_apps


def _require_something_to_act_on(options: dict[str, bool]) -> None:
    """`options`: whether each is about an app that is served."""
    for option, has_app in options.items():
        if not has_app:
            raise click.UsageError(
                f"{option} is about apps that have a folder: say which, --app FOLDER. Apps without "
                "a configuration do not follow it, nor do those that the admin API has made"
            )


def _password_adoption(function: str | None, until: float | None) -> Any:
    from realmsync.server.apps.password_adoption import PasswordAdoption

    if function is None:
        return None
    if until is None:
        raise ValueError("adopting first passwords needs an end: --adopt-until")
    return PasswordAdoption(function, until)


def _folders(values: tuple[str, ...], app_id: str | None) -> list[tuple[str | None, Path]]:
    """The configurations that are there, each with the id that it is given.

    A name that is mistyped must not be an app in which everybody may do everything.
    """
    folders = [_folder(value, app_id) for value in values]
    if app_id is not None and len(folders) != 1:
        raise click.UsageError("--app-id is for one --app FOLDER; of several say ID=FOLDER")
    return folders


def _folder(value: str, app_id: str | None) -> tuple[str | None, Path]:
    own_id, equals, path = value.partition("=")
    if not equals or Path(value).exists():
        own_id, path = "", value
    if not Path(path).exists():
        raise click.UsageError(
            f"--app {value}: there is no folder, zip or realmsync.toml {path!r}. An app without a "
            f"configuration, in which everybody may do everything, is --open-app ID"
        )
    return own_id or app_id, Path(path)


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
