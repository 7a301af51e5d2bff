"""The commands `realmsync check`, `export` and `functions`.

They only parse arguments and print; the work is in apps/.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from realmsync.apps.diagnostics import printable
from realmsync.apps.export import exported_files
from realmsync.apps.files import write_folder, zip_of
from realmsync.apps.load import Loaded, load_path
from realmsync.apps.report import page, report
from realmsync.apps.scaffold import scaffold
from realmsync.apps.schema_writing import SchemaNotWritable
from realmsync.cli_app_folders import folder_options
from realmsync.errors import StorageError
from realmsync.server.apps.stored_schema import compared_with_stored, with_stored

Command = Callable[..., None]

_source = click.argument("source", metavar="FOLDER", type=click.Path(exists=True, path_type=Path))
_app_id = click.option(
    "--app-id", help="Client app id, when the folder does not say it: what shipped apps send."
)


@click.command()
@_source
@_app_id
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@folder_options
@click.option(
    "--function",
    "promised",
    metavar="NAME",
    multiple=True,
    help="Function that the server will have an implementation of; repeatable.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Data directory of a server that is not running: compare with what it has of the app.",
)
def check(
    source: Path,
    app_id: str | None,
    as_json: bool,
    folder: Callable[..., Any],
    promised: tuple[str, ...],
    data: Path | None,
) -> None:
    """Say what a server would make of the configuration in FOLDER.

    FOLDER is an application's exported folder, a zip of one, or a realmsync.toml; the modules that
    this one names are imported. Options are those of `realmsync serve`. Exits with 1 when there are
    errors: the server would refuse it. Only --data tells changes that clients cannot follow.
    """
    loaded = folder(source, app_id).load(promised=frozenset(promised))
    if data is not None:
        try:
            loaded = compared_with_stored(data, loaded)
        except StorageError as error:
            raise click.ClickException(printable(str(error))) from error
    found = report(loaded)
    click.echo(
        json.dumps(found, indent=2, ensure_ascii=False) if as_json else page(found), nl=as_json
    )
    sys.exit(0 if loaded.app is not None else 1)


@click.command()
@_source
@_app_id
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to make, or zip file with --zip.",
)
@click.option("--zip", "as_zip", is_flag=True, help="Write a zip file.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Data directory of a server that is not running: what clients have added to the app's "
    "classes in development mode is written, too.",
)
def export(source: Path, app_id: str | None, output: Path, as_zip: bool, data: Path | None) -> None:
    """Write the configuration in FOLDER anew, in the layout of today, without any secret.

    FOLDER is an application's exported folder of any age, a zip of one, or a realmsync.toml.
    """
    loaded = _loaded(source, app_id=app_id)
    if loaded.app is None or loaded.bundle is None:
        click.echo(page(report(loaded)), nl=False, err=True)
        sys.exit(1)
    try:
        running = None if data is None else with_stored(data, loaded.app)
        files = exported_files(loaded.bundle, loaded.app, running)
    except (StorageError, SchemaNotWritable) as error:
        raise click.ClickException(printable(str(error))) from error
    try:
        if as_zip:
            with output.open("xb") as file:
                file.write(zip_of(files))
        else:
            write_folder(files, output)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror or error}") from error
    click.echo(f"wrote {len(files)} files to {output}")


@click.group()
def functions() -> None:
    """Functions of an app."""


@click.command("scaffold")
@_source
@_app_id
def scaffold_functions(source: Path, app_id: str | None) -> None:
    """Print a Python module with a function for each one in FOLDER, still to be written."""
    loaded = _loaded(source, app_id=app_id)
    if loaded.app is None:
        click.echo(page(report(loaded)), nl=False, err=True)
        sys.exit(1)
    click.echo(scaffold(loaded), nl=False)


functions.add_command(scaffold_functions)


def _loaded(source: Path, **settings: Any) -> Loaded:
    return load_path(source, **settings)
