"""What commands on a server's data directory have in common: where it is, and opening its users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from realmsync.errors import UserCommandError
from realmsync.server.accounts.administration import Administration, administration
from realmsync.server.logs import one_line

data_option = click.option(
    "--data",
    default="realmsync-data",
    show_default=True,
    envvar="REALMSYNC_SERVE_DATA",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data directory of the server.",
)


@contextmanager
def opened(data: Path) -> Iterator[Administration]:
    """The users of a data directory; what is refused ends the command with its reason."""
    try:
        with administration(data) as admin:
            yield admin
    except UserCommandError as error:
        raise click.ClickException(one_line(str(error))) from error
