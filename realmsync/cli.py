"""The command line `realmsync`. Commands only parse arguments and print; the work is elsewhere."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import IO, Any, Literal

from realmsync.errors import RealmError
from realmsync.inspect import decode_changeset, decode_message

try:
    import click

    from realmsync.cli_app_folders import import_function
    from realmsync.cli_apps import check, export, functions
    from realmsync.cli_query.command import query
    from realmsync.cli_serving import app_options, reload
    from realmsync.cli_user_data import export_users, import_users, user_data
    from realmsync.cli_users import user
except ImportError as error:
    if error.name != "click":
        raise
    sys.exit("The command line needs click: pip install 'realmsync[cli]'")


_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=bytes.hex))


def _exception(error: RealmError) -> click.ClickException:
    offset = getattr(error, "offset", None)
    where = "" if offset is None else f" (at byte {offset})"
    text = str(error)  # that of changesets names the position itself
    return click.ClickException(text if text.endswith(where) else text + where)


@click.group(context_settings={"auto_envvar_prefix": "REALMSYNC"})
@click.version_option(package_name="realmsync")
def main() -> None:
    """Realm Device Sync for Python."""


main.add_command(check)
main.add_command(export)
main.add_command(functions)
main.add_command(query)
main.add_command(reload)
main.add_command(user)
user.add_command(user_data)
user.add_command(import_users)
user.add_command(export_users)


@main.group()
def inspect() -> None:
    """Print changesets and protocol messages as JSON; bytes are shown in hexadecimal."""


@inspect.command()
@click.argument("file", type=click.File("rb"))
def changeset(file: IO[bytes]) -> None:
    """Print the instructions of the changeset in FILE (- for standard input)."""
    try:
        _print_json(decode_changeset(file.read()))
    except RealmError as error:
        raise _exception(error) from None


@inspect.command()
@click.argument("file", type=click.File("rb"))
@click.option("--from-client/--from-server", default=True, help="Who sent it.", show_default=True)
def message(file: IO[bytes], from_client: bool) -> None:
    """Print the protocol message in FILE (- for standard input), without WebSocket framing."""
    try:
        _print_json(decode_message(file.read(), from_client=from_client))
    except RealmError as error:
        raise _exception(error) from None


@main.command()
@click.option("--admin", is_flag=True, help="With the admin API.")
def openapi(admin: bool) -> None:
    """Print the HTTP API of the server as an OpenAPI 3.1 description in JSON."""
    from realmsync.server.admin.endpoints import ADMIN_ROUTES
    from realmsync.server.http.description import describe
    from realmsync.server.http.endpoints import ROUTES

    _print_json(describe((*ROUTES, *ADMIN_ROUTES) if admin else ROUTES))


@main.command()
@click.option("--host", default="localhost", show_default=True, help="0.0.0.0 for everybody.")
@click.option(
    "--port",
    default=9090,
    type=click.IntRange(0, 65535),
    show_default=True,
    help="0 for a free one.",
)
@click.option(
    "--data",
    default="realmsync-data",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is stored; created when missing.",
)
@app_options
@click.option(
    "--providers",
    default="anon-user,local-userpass,api-key",
    show_default=True,
    help="How users may log in: anonymously, with e-mail and password, with API keys of theirs.",
)
@click.option(
    "--no-registration", is_flag=True, help="Strangers cannot register accounts, in no app."
)
@click.option(
    "--authorize",
    metavar="MODULE:FUNCTION",
    callback=import_function,
    help="Python function that says who may use which partition; see the guide.",
)
@click.option(
    "--durability",
    type=click.Choice(["full", "process"]),
    default="full",
    show_default=True,
    help="What acknowledged uploads survive: power failure, or death of the process.",
)
@click.option(
    "--merge-profile",
    type=click.Choice(["safe", "strict"]),
    default="safe",
    show_default=True,
    help="How concurrent changes merge; strict repeats the defects of the Realm SDKs.",
)
@click.option(
    "--development-mode",
    "in_development",
    multiple=True,
    metavar="APP",
    help="App whose clients may add to the schema; repeat for more. Others then may not.",
)
@click.option(
    "--no-development-mode",
    is_flag=True,
    help="No client may add to a schema: classes and properties are those that are there.",
)
@click.option(
    "--max-clock-ahead",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Refuse changes from clocks that are ahead by more, 86400 for a day.",
)
@click.option("--public-url", help="Origin that clients should use, behind a proxy.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    help="Host name that clients use; repeatable. .example.org: all of a domain; *: any.  "
    "[default: --host, that of --public-url, local names, IP addresses]",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    default=["127.0.0.1", "::1"],
    show_default=True,
    help="Address or network of a proxy whose X-Forwarded-For counts; repeatable. *: any.",
)
@click.option(
    "--smtp",
    metavar="URL",
    help="Server that sends mails, smtp://USER:PASSWORD@HOST, for the accounts of apps whose "
    "configuration wants mails; smtps:// with TLS from the start.  [default: links are logged]",
)
@click.option("--mail-from", metavar="ADDRESS", help="Sender of these mails.")
@click.option("--status-token", help="Bearer token for /status from other machines.")
@click.option(
    "--websockets-per-user",
    default=1000,
    type=click.IntRange(min=1),
    show_default=True,
    help="Connections of one user; without multiplexing each open realm has one.",
)
@click.option(
    "--log-ins-per-user",
    default=1000,
    type=click.IntRange(min=1),
    show_default=True,
    help="Log-ins that one user keeps; a newer one ends the one that was unused longest.",
)
@click.option(
    "--partitions-per-user",
    default=100_000,
    type=click.IntRange(min=1),
    show_default=True,
    help="Partitions that one user may be the first to open.",
)
@click.option(
    "--files-per-user",
    default=100_000,
    type=click.IntRange(min=1),
    show_default=True,
    help="Client files of one user: a device makes one for each realm that it opens.",
)
@click.option(
    "--bytes-per-user",
    type=click.IntRange(min=1),
    help="Bytes of changes that one user may upload, in all.  [default: any]",
)
@click.option(
    "--log-level",
    default="info",
    type=click.Choice(["debug", "info", "warning", "error", "critical"], case_sensitive=False),
    show_default=True,
)
def serve(
    host: str,
    port: int,
    data: Path,
    served: dict[str, Any],
    providers: str,
    no_registration: bool,
    authorize: Callable[..., Any] | None,
    durability: str,
    merge_profile: Literal["safe", "strict"],
    in_development: tuple[str, ...],
    no_development_mode: bool,
    max_clock_ahead: float | None,
    public_url: str | None,
    allowed_hosts: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    smtp: str | None,
    mail_from: str | None,
    status_token: str | None,
    websockets_per_user: int,
    log_ins_per_user: int,
    partitions_per_user: int,
    files_per_user: int,
    bytes_per_user: int | None,
    log_level: str,
) -> None:
    """Run a sync server until it is told to stop (SIGTERM or Ctrl+C).

    `realmsync reload`, or SIGHUP, loads the folders of apps again.

    Each option may also be given as an environment variable, as REALMSYNC_SERVE_PORT.
    """
    from realmsync.server import process
    from realmsync.server.config import Durability, HttpLimits, ServerConfig, UserQuotas
    from realmsync.server.mail import mail_server

    logging.basicConfig(level=log_level.upper(), format=_LOG_FORMAT)
    try:
        config = ServerConfig(
            data=data,
            host=host,
            port=port,
            providers=frozenset(name.strip() for name in providers.split(",") if name.strip()),
            registration=not no_registration,
            authorize=authorize,
            log_ins_per_user=log_ins_per_user,
            durability=Durability(durability),
            merge_profile=merge_profile,
            development_mode=frozenset(in_development) or not no_development_mode,
            max_clock_ahead=max_clock_ahead,
            public_url=public_url,
            allowed_hosts=frozenset(allowed_hosts),
            trusted_proxies=frozenset(trusted_proxies),
            mail=mail_server(smtp, mail_from),
            status_token=status_token,
            quotas=UserQuotas(partitions_per_user, files_per_user, bytes_per_user),
            http=HttpLimits(websockets_per_user=websockets_per_user),
            **served,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    sys.exit(_run(process.serve(config)))


def _run(server: Coroutine[Any, Any, int]) -> int:
    from realmsync.transport.loop import new_event_loop

    umask = os.umask(0o077)  # what the server writes is nobody else's to read
    loop = new_event_loop()
    try:
        return loop.run_until_complete(server)
    except RealmError as error:
        raise _exception(error) from None
    finally:
        loop.close()
        os.umask(umask)
