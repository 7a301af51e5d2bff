"""The command line `realmsync`. Commands only parse arguments and print; the work is elsewhere."""

from __future__ import annotations

import json
import sys
from typing import IO, Any

from realmsync.errors import RealmError
from realmsync.inspect import decode_changeset, decode_message

try:
    import click
except ImportError:
    sys.exit("The command line needs click: pip install 'realmsync[cli]'")


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=bytes.hex))


def _fail(error: RealmError) -> None:
    offset = getattr(error, "offset", None)
    where = "" if offset is None else f" (at byte {offset})"
    raise click.ClickException(f"{error}{where}")


@click.group()
@click.version_option(package_name="realmsync")
def main() -> None:
    """Realm Device Sync for Python."""


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
        _fail(error)


@inspect.command()
@click.argument("file", type=click.File("rb"))
@click.option("--from-client/--from-server", default=True, help="Who sent it.", show_default=True)
def message(file: IO[bytes], from_client: bool) -> None:
    """Print the protocol message in FILE (- for standard input), without WebSocket framing."""
    try:
        _print_json(decode_message(file.read(), from_client=from_client))
    except RealmError as error:
        _fail(error)
