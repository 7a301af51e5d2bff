"""The commands `realmsync user`. They only parse arguments, ask and print; what they do is in
server/accounts/administration.py.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click

from realmsync.cli_data import data_option, opened
from realmsync.server.accounts.administration import Administration
from realmsync.server.accounts.file.records import ApiKey, UserSummary
from realmsync.server.logs import one_line

Command = Callable[..., None]


@click.group()
def user() -> None:
    """Show and manage the users of a server's data directory, while it runs or not.

    USER is an id, or the name (e-mail address) of an account. A server that runs ends the
    connections of users who are disabled, deleted or logged out within seconds.
    """


def _on_data(command: Command) -> Command:
    app_option = click.option("--app", "app_id", help="Only users of this app.  [default: all]")
    return data_option(app_option(_json_option(command)))


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_users_argument = click.argument("users", metavar="USER...", nargs=-1, required=True)
_yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; do not ask."
)


@click.command
@_on_data
def list_users(data: Path, app_id: str | None, as_json: bool) -> None:
    """List users, and accounts that never logged in."""
    with opened(data) as admin:
        (_print_list if as_json else _print_table)(admin.users(app_id))


user.add_command(list_users, "list")


@user.command()
@click.argument("name")
@click.option("--app", "app_id", required=True, help="App id; 'app' if the server has no --app.")
@_password_option
@_json_option
@data_option
def add(data: Path, app_id: str, name: str, password_stdin: bool, as_json: bool) -> None:
    """Add an account called NAME (an e-mail address) that can log in."""
    with opened(data) as admin:
        admin.add(app_id, name, _password(password_stdin))
        _report("added", [admin.find(name, app_id)], as_json)


@user.command()
@_users_argument
@_on_data
def disable(data: Path, app_id: str | None, users: tuple[str, ...], as_json: bool) -> None:
    """Lock users out of log-in and sync. Apps log them out on their devices."""
    with opened(data) as admin:
        found = [admin.find(who, app_id) for who in users]
        for user in found:
            admin.set_disabled(user, True)
        _report("disabled", found, as_json)


@user.command()
@_users_argument
@_on_data
def enable(data: Path, app_id: str | None, users: tuple[str, ...], as_json: bool) -> None:
    """Let disabled users in again."""
    with opened(data) as admin:
        found = [admin.find(who, app_id) for who in users]
        for user in found:
            admin.set_disabled(user, False)
        _report("enabled", found, as_json)


@user.command("log-out")
@_users_argument
@_on_data
def log_out(data: Path, app_id: str | None, users: tuple[str, ...], as_json: bool) -> None:
    """End all log-ins of users. Who knows the password may log in again."""
    with opened(data) as admin:
        found = [admin.find(who, app_id) for who in users]
        for user in found:
            admin.log_out(user)
        _report("logged out", found, as_json)


@user.command()
@_users_argument
@_yes_option
@_on_data
def delete(
    data: Path, app_id: str | None, users: tuple[str, ...], yes: bool, as_json: bool
) -> None:
    """Delete users with their accounts. What they have uploaded stays."""
    with opened(data) as admin:
        found = [admin.find(who, app_id) for who in users]
        if not yes:
            listed = "\n".join(f"  {_described(user)}" for user in found)
            click.confirm(f"{listed}\nDelete for good?", abort=True, err=True)
        for user in found:
            admin.delete(user)
        _report("deleted", found, as_json)


@user.command("reset-password")
@click.argument("who", metavar="USER")
@_password_option
@click.option("--keep-log-ins", is_flag=True, help="Do not log the user out of his devices.")
@_on_data
def reset_password(
    data: Path,
    app_id: str | None,
    who: str,
    password_stdin: bool,
    keep_log_ins: bool,
    as_json: bool,
) -> None:
    """Give an account a new password, and end the log-ins of its user."""
    with opened(data) as admin:
        user = admin.find(who, app_id)
        password = _password(password_stdin)
        admin.reset_password(user, who, password, keep_log_ins=keep_log_ins)
        _report("new password for", [user], as_json)


@user.command()
@click.argument("accounts", metavar="USER...", nargs=-1, required=True)
@_on_data
def confirm(data: Path, app_id: str | None, accounts: tuple[str, ...], as_json: bool) -> None:
    """Let accounts log in that wait for their confirmation."""
    with opened(data) as admin:
        found = [admin.find(who, app_id) for who in accounts]
        for user, who in zip(found, accounts, strict=True):
            admin.confirm(user, who)
        _report("confirmed", found, as_json)


@user.command("mail-link")
@click.argument("who", metavar="USER")
@click.argument("purpose", type=click.Choice(["confirm", "reset"]))
@click.option("--url", required=True, help="The app's page that the link leads to.")
@_on_data
def mail_link(
    data: Path, app_id: str | None, who: str, purpose: str, url: str, as_json: bool
) -> None:
    """Print a link that confirms an account or lets its owner set a new password.

    It is what the server mails, for servers that send no mail: good once, for 30 minutes. Send it
    to the owner alone.
    """
    with opened(data) as admin:
        link = admin.mail_link(admin.find(who, app_id), who, purpose, url)
    if as_json:
        _print_json({"link": link})
    else:
        click.echo(link)


@user.group("api-key")
def api_key() -> None:
    """Make and manage API keys of servers; manage those that users have made."""


@api_key.command("add")
@click.argument("name")
@click.option("--app", "app_id", required=True, help="App id; 'app' if the server has no --app.")
@_json_option
@data_option
def add_key(data: Path, app_id: str, name: str, as_json: bool) -> None:
    """Make a key called NAME for a server, which becomes a user of its own.

    The key is printed now, and never again.
    """
    with opened(data) as admin:
        key, text = admin.add_server_key(app_id, name)
    if as_json:
        _print_json({**_key_as_json(key), "key": text})
    else:
        click.echo(text)


@api_key.command("list")
@_on_data
def list_keys(data: Path, app_id: str | None, as_json: bool) -> None:
    """List the keys of servers and users."""
    with opened(data) as admin:
        keys = admin.keys(app_id)
    if as_json:
        _print_json([_key_as_json(key) for key in keys])
        return
    rows = [("ID", "APP", "STATE", "USER", "NAME")]
    rows += [
        (
            key.id,
            _shown(key.app_id),
            "disabled" if key.disabled else "enabled",
            key.user_id,
            _shown(key.name),
        )
        for key in keys
    ]
    _print_rows(rows, _widths(rows))


_keys_argument = click.argument("keys", metavar="ID...", nargs=-1, required=True)


@api_key.command("disable")
@_keys_argument
@data_option
def disable_key(data: Path, keys: tuple[str, ...]) -> None:
    """Make keys useless, and end the log-ins that were made with them."""
    _on_keys(data, keys, "disabled", lambda admin, key: admin.set_key_disabled(key, True))


@api_key.command("enable")
@_keys_argument
@data_option
def enable_key(data: Path, keys: tuple[str, ...]) -> None:
    """Make disabled keys good again."""
    _on_keys(data, keys, "enabled", lambda admin, key: admin.set_key_disabled(key, False))


@api_key.command("delete")
@_keys_argument
@data_option
def delete_key(data: Path, keys: tuple[str, ...]) -> None:
    """Delete keys, and the servers that they stand for."""
    _on_keys(data, keys, "deleted", lambda admin, key: admin.delete_key(key))


def _on_keys(
    data: Path, ids: tuple[str, ...], done: str, work: Callable[[Administration, ApiKey], None]
) -> None:
    with opened(data) as admin:
        keys = [admin.key(id) for id in ids]
        for key in keys:
            work(admin, key)
            click.echo(f"{done} {key.id} ({_shown(key.name)}) of app {_shown(key.app_id)}")


def _key_as_json(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "app": key.app_id,
        "user": key.user_id,
        "name": key.name,
        "disabled": key.disabled,
    }


def _age(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,5})([dw])", value)
    if match is None:
        raise click.BadParameter(
            f"'{value}' is no number of days or weeks, such as 90d or 12w", ctx, param
        )
    return timedelta(days=int(match[1]) * (7 if match[2] == "w" else 1))


@user.command()
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    callback=_age,
    required=True,
    help="Since when unused, as 90d or 12w.",
)
@_yes_option
@_on_data
def prune(data: Path, app_id: str | None, age: timedelta, yes: bool, as_json: bool) -> None:
    """Delete anonymous users that have not been there for long.

    Nobody can log in as one of them again but a device that still has the log-in. What they have
    uploaded stays.
    """
    before = time.time() - age.total_seconds()
    with opened(data) as admin:
        count = admin.count_idle(app_id, before)
        if count and not yes:
            question = (
                f"Delete {count:,} anonymous users who were last there before {_day(before)}?"
            )
            click.confirm(question, abort=True, err=True)
        deleted = admin.delete_idle(app_id, before)
    if as_json:
        _print_json({"deleted": deleted})
    else:
        click.echo(f"deleted {deleted:,} anonymous users")


def _password(from_stdin: bool) -> str:
    if not from_stdin:
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    try:
        return sys.stdin.buffer.readline().rstrip(b"\r\n").decode()
    except UnicodeDecodeError as error:
        raise click.ClickException("the password must be UTF-8 text") from error


def _report(done: str, users: list[UserSummary], as_json: bool) -> None:
    if as_json:
        _print_json([{"id": u.id, "app": u.app_id, "names": u.names} for u in users])
        return
    for user in users:
        click.echo(f"{done} {_described(user)}")


def _described(user: UserSummary) -> str:
    return f"{user.id or 'account'} ({_names(user) or 'anonymous'}) of app {_shown(user.app_id)}"


def _print_table(pages: Iterator[list[UserSummary]]) -> None:
    """Prints pages as they come, with columns that fit the first."""
    rows: list[tuple[str, ...]] = [("ID", "APP", "STATE", "LOG-INS", "LAST SEEN", "NAME")]
    rows += map(_row, next(pages, []))
    widths = _widths(rows)
    while rows:
        _print_rows(rows, widths)
        rows = list(map(_row, next(pages, [])))


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _print_rows(rows: Sequence[tuple[str, ...]], widths: Sequence[int]) -> None:
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    click.echo("\n".join(lines))


def _row(user: UserSummary) -> tuple[str, ...]:
    return (
        user.id or "-",
        _shown(user.app_id),
        "disabled" if user.disabled else "pending" if user.is_pending else "enabled",
        str(user.log_ins),
        "-" if user.last_seen is None else _day(user.last_seen),
        _names(user) or "(anonymous)",
    )


def _names(user: UserSummary) -> str:
    """By what somebody is known: his accounts, or what he is elsewhere; "" if by nothing."""
    elsewhere = [f"{p}: {name}" for p, name in user.identities if p != "anon-user"]
    return ", ".join(map(_shown, user.names or elsewhere))


def _print_list(pages: Iterator[list[UserSummary]]) -> None:
    """Prints pages as they come, as one list in JSON."""
    before = "["
    for page in pages:
        items = json.dumps([_as_json(user) for user in page], indent=2, ensure_ascii=False)
        click.echo(before + items.removeprefix("[").removesuffix("\n]"), nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def _as_json(user: UserSummary) -> dict[str, Any]:
    return {
        "id": user.id,
        "app": user.app_id,
        "names": user.names,
        "providers": user.providers,
        "identities": [{"provider": p, "name": name} for p, name in user.identities],
        "disabled": user.disabled,
        "pending": user.is_pending,
        "log_ins": user.log_ins,
        "created": None if user.created is None else _moment(user.created),
        "last_seen": None if user.last_seen is None else _moment(user.last_seen),
    }


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _shown(text: str) -> str:
    """Somebody else's text, without what a terminal would obey."""
    return one_line(text)


def _day(seconds: float) -> str:
    return _moment(seconds)[:10]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
