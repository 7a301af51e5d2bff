"""The command: it parses arguments, asks, says where the output goes and what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
from bson import json_util
from bson.errors import InvalidId

from realmsync.cli_query.arrow import MissingPackageError, write_arrow, write_parquet
from realmsync.cli_query.columns import Column, WrongChoiceError, choose
from realmsync.cli_query.lines import write_csv, write_json
from realmsync.cli_query.table import printable, write_table
from realmsync.errors import QueryError, RealmError
from realmsync.model.realm import Realm
from realmsync.model.results import Results

BY_SUFFIX = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".parquet": "parquet",
}
BINARY = {"arrow": write_arrow, "parquet": write_parquet}
LINES = {"json": write_json, "csv": write_csv}
INTERRUPTED = 130  # as a shell reports Ctrl-C


class WrongQuery(click.ClickException):
    """What the user has to mend; exit status 2, as for wrong options."""

    exit_code = 2


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("cls", metavar="CLASS")
@click.argument("text", metavar="[QUERY]", default="TRUEPREDICATE")
@click.option(
    "--argument",
    "-a",
    "arguments",
    multiple=True,
    metavar="JSON",
    help='Value of $0, then of $1, …: extended JSON, as 3, \'"Rex"\', \'{"$oid": "…"}\'.',
)
@click.option(
    "--format",
    "-f",
    "form",
    type=click.Choice(["table", *LINES, *BINARY]),
    help="json is a line per object.  [default: as the name of --output ends, else table]",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="File to write.  [default: standard output]",
)
@click.option("--limit", "-n", type=click.IntRange(min=0), help="Objects at most.  [default: all]")
@click.option(
    "--properties",
    "-p",
    help="What to show, parted by commas; a dot follows a link, as owner.name.  [default: all]",
)
def query(
    file: Path,
    cls: str,
    text: str,
    arguments: tuple[str, ...],
    form: str | None,
    output: Path | None,
    limit: int | None,
    properties: str | None,
) -> None:
    """Print the objects of CLASS in the realm FILE that match QUERY, in Realm's query language.

    Only reads, also while another program has the file open, and needs no schema. Names are those
    in the file.

    \b
    realmsync query kennel.realm Dog "age > 3 SORT(name ASC)"
    realmsync query kennel.realm Dog 'name == $0' -a '"Rex"' -p name,owner.name
    realmsync query kennel.realm Dog -o dogs.parquet
    """
    if form is None:
        form = BY_SUFFIX.get(output.suffix.lower(), "table") if output else "table"
    if form in BINARY and output is None and sys.stdout.isatty():
        raise click.UsageError(f"{form} is nothing for a terminal: name a file with --output")
    given = [_argument(place, value) for place, value in enumerate(arguments)]
    try:
        with Realm(path=file) as realm:
            found = realm.objects(cls).filtered(text, *given)
            if limit is not None:
                found = found.limit(limit)
            names = None if properties is None else [p.strip() for p in properties.split(",")]
            _write(found.snapshot(), choose(realm, cls, names), form, output)
    except QueryError as error:
        raise WrongQuery(_readable(str(error))) from None
    except (WrongChoiceError, RealmError) as error:
        raise WrongQuery(printable(str(error))) from None
    except MissingPackageError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)


def _argument(place: int, text: str) -> Any:
    """What the text of an option means, so that the query may compare with it."""
    try:
        return json_util.loads(
            text, json_options=json_util.JSONOptions(tz_aware=True, uuid_representation=4)
        )
    except json.JSONDecodeError as error:
        hint = f"; text needs quotes: '{json.dumps(text)}'" if text.isidentifier() else ""
        raise click.BadParameter(f"${place} is no JSON: {error}{hint}") from None
    except (TypeError, ValueError, InvalidId) as error:
        raise click.BadParameter(f"${place}: {error}") from None


def _write(found: Results[Any], columns: list[Column], form: str, output: Path | None) -> None:
    if output is None:
        if form in BINARY:
            BINARY[form](sys.stdout.buffer, columns, found)
        else:
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            _write_text(sys.stdout, columns, form, found, len(found), width)
        return
    with _replacing(output) as unfinished, _counted(found) as objects:
        if form in BINARY:
            with unfinished.open("wb") as binary:
                BINARY[form](binary, columns, objects)
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as lines:
                _write_text(lines, columns, form, objects, len(found), None)


def _write_text(
    stream: TextIO,
    columns: list[Column],
    form: str,
    found: Iterable[Any],
    count: int,
    width: int | None,
) -> None:
    if form == "table":
        write_table(stream, columns, found, count, width)
    else:
        LINES[form](stream, columns, found)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place once it is whole, and else is gone."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _counted(found: Results[Any]) -> Iterator[Any]:
    """A bar of progress where somebody can see it."""
    if not sys.stderr.isatty():
        yield found
        return
    with click.progressbar(found, label="objects", file=sys.stderr) as bar:
        yield bar


def _readable(message: str) -> str:
    """The lines of a message, without what would do something to a terminal."""
    return "\n".join(printable(line) for line in message.splitlines())
