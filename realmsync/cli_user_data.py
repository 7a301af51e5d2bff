"""The commands `realmsync user data`, `user import` and `user export`.

They only parse arguments and print; what they do is in server/accounts/data_administration.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from realmsync import ejson
from realmsync.cli_data import data_option, opened
from realmsync.errors import UserCommandError
from realmsync.folders import private
from realmsync.server.accounts.data_administration import document_of
from realmsync.server.accounts.user_import import unknown_members
from realmsync.server.logs import one_line

Command = Callable[..., None]

_MOST_BYTES = 1 << 30  # of a file that is read as a whole


@click.group("data")
def user_data() -> None:
    """Show and change custom user data, while a server runs or not.

    USER is an id, or the name (e-mail address) of an account; documents are extended JSON. A server
    that runs holds open sessions to a change within seconds; apps see it with their next access
    token.
    """


_app_option = click.option("--app", "app_id", required=True, help="App id.")
_user_argument = click.argument("who", metavar="USER")
_file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_collection_option = click.option(
    "--collection",
    metavar="DATABASE.COLLECTION",
    help="Where the documents are, if the app has had several collections.",
)


def _on_data(command: Command) -> Command:
    return data_option(_app_option(_collection_option(command)))


@user_data.command()
@_user_argument
@_on_data
def show(data: Path, app_id: str, collection: str | None, who: str) -> None:
    """Print the user's document."""
    with opened(data) as admin:
        found = admin.data(app_id, collection).find(admin.find(who, app_id))
        if found is None:
            raise UserCommandError(f"'{who}' has no custom data")
        click.echo(ejson.dumps(found))


@click.command
@_user_argument
@click.argument("document")
@_on_data
def set_document(data: Path, app_id: str, collection: str | None, who: str, document: str) -> None:
    """Make DOCUMENT the user's, instead of what he has."""
    with opened(data) as admin:
        admin.data(app_id, collection).replace(admin.find(who, app_id), document_of(document))


user_data.add_command(set_document, "set")


@user_data.command()
@_user_argument
@click.argument("changes", default="{}")
@click.option("--remove", multiple=True, metavar="FIELD", help="Field to remove; repeatable.")
@_on_data
def update(
    data: Path,
    app_id: str,
    collection: str | None,
    who: str,
    changes: str,
    remove: tuple[str, ...],
) -> None:
    """Set the fields of CHANGES in the user's document; others stay."""
    with opened(data) as admin:
        user = admin.find(who, app_id)
        admin.data(app_id, collection).update(user, document_of(changes), remove)


@user_data.command()
@_user_argument
@_on_data
def delete(data: Path, app_id: str, collection: str | None, who: str) -> None:
    """Delete the user's document."""
    with opened(data) as admin:
        admin.data(app_id, collection).delete(admin.find(who, app_id))


@user_data.command("import")
@_file_argument
@_on_data
def import_documents(data: Path, app_id: str, collection: str | None, file: Path) -> None:
    """Insert the documents in FILE (mongoexport), and replace those with the same _id."""
    with opened(data) as admin:
        count = admin.data(app_id, collection).import_documents(_text(file))
        click.echo(f"imported {count:,} documents")


@click.command("import")
@_file_argument
@click.option(
    "--users-from",
    "field",
    metavar="FIELD",
    help="FILE holds documents (mongoexport) that name users by their ids in this field: make "
    "those who are not there, without a way to log in.",
)
@_on_data
def import_users(
    data: Path, app_id: str, collection: str | None, file: Path, field: str | None
) -> None:
    """Make the users in FILE, with the ids that they had elsewhere; all of them or none.

    FILE holds a JSON array, or an object in each line, as the admin API of the former service and
    `realmsync user export` list users. Who has no password_hash gets a password by a reset.
    """
    with opened(data) as admin:
        admin.require_app(app_id)
        users = admin.data(app_id, collection)
        if field is not None:
            made, known = users.import_ids(_text(file), field)
            click.echo(f"imported {made:,} users; {known:,} were there")
            return
        imported = users.import_users(_text(file))
        for user in imported:
            for lost in user.lost:
                click.echo(one_line(f"line {user.line}: user {user.id}: {lost}"), err=True)
        for text in unknown_members(imported):
            click.echo(one_line(text), err=True)
        click.echo(f"imported {len(imported):,} users")


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_app_option
@data_option
def export_users(data: Path, app_id: str, file: Path) -> None:
    """Write the users of an app to FILE, for `realmsync user import` elsewhere.

    With ids, identities, hashes of passwords and custom data; keep it to yourself. API keys are not
    in it, nor accounts that wait for their confirmation.
    """
    count = 0
    with opened(data) as admin, _new_file(file) as output:
        for user in admin.data(app_id).export_users():
            for lost in user.lost:
                click.echo(one_line(f"user {user.entry['_id']}: {lost} is left out"), err=True)
            output.write(json.dumps(user.entry, ensure_ascii=False) + "\n")
            count += 1
    click.echo(f"exported {count:,} users")


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A file of the owner alone. Raises UserCommandError for one that is there."""
    try:
        with open(path, "x", encoding="utf-8", opener=private) as file:
            yield file
    except OSError as error:
        raise UserCommandError(f"cannot write {path}: {error.strerror}") from error


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise UserCommandError(f"{path} has more than {_MOST_BYTES >> 20} MiB: divide it")
        return data.decode()
    except OSError as error:
        raise UserCommandError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserCommandError(f"{path} is no UTF-8 text") from error
