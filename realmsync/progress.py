"""Progress: what progress callbacks are given, and bars of rich and tqdm that they can move.

Neither package is needed or loaded before its bar is asked for. Specification:
client-session.md 6.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from realmsync.callbacks import has_two_parameters, is_async

if TYPE_CHECKING:
    import rich.progress


@dataclass(frozen=True)
class Progress:
    """How far a transfer is: bytes of changes transferred, bytes in all, and an estimate.

    Both numbers count since the file exists, uncompressed, so they do not begin with 0 in a file
    that has synchronised before. `transferable` is what is transferred plus what is known to be
    outstanding: it grows with each write (uploads), and with what others write (downloads).

    `estimate` runs from 0.0 to 1.0 over what was outstanding since the transfer was last complete,
    for downloads since the session started: (transferred - then) / (transferable - then). It is 1.0
    when nothing is outstanding, also before the server has said whether there is anything, and it
    falls when more comes.
    """

    transferred: int
    transferable: int
    estimate: float


def progress_function(callback: Callable[..., Any]) -> Callable[[Progress], object]:
    """Callables with two required parameters get (transferred, transferable)."""
    if not has_two_parameters(callback):
        return callback
    if is_async(callback):

        async def asynchronous(p: Progress) -> None:
            await callback(p.transferred, p.transferable)

        return asynchronous
    return lambda p: callback(p.transferred, p.transferable)


# Moves a bar; a progress callback like any other.
Mover = Callable[[Progress], None]


@contextlib.contextmanager
def tqdm_bar(description: str | None = None, **options: Any) -> Iterator[Mover]:
    """A bar of tqdm for one transfer, in bytes, until the block is left. Gives the callback::

        with tqdm_bar("Download") as bar:
            realm = await Realm.open(config).progress(bar)

    It begins with what the first report has outstanding, and grows when more comes. `options` are
    tqdm's own. Raises ImportError without the extra `realmsync[tqdm]`.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise _missing("tqdm") from error
    settings = {"desc": description, "unit": "B", "unit_scale": True, **options}
    with tqdm(**settings) as bar:
        measured = _Measured()

        def move(progress: Progress) -> None:
            done, bar.total = measured.of(progress)
            bar.update(done - bar.n)

        yield move


@contextlib.contextmanager
def rich_bar(
    description: str = "", *, progress: rich.progress.Progress | None = None
) -> Iterator[Mover]:
    """The same as a bar of rich: a task of `progress`, which the caller displays, or a display of
    its own with bytes and speed. Raises ImportError without the extra `realmsync[rich]`.
    """
    try:
        import rich.progress as bars
    except ImportError as error:
        raise _missing("rich") from error
    display = progress or bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
    )
    task = display.add_task(description, total=None)
    measured = _Measured()

    def move(report: Progress) -> None:
        done, total = measured.of(report)
        display.update(task, completed=done, total=total)

    with contextlib.nullcontext() if progress else display:
        yield move


class _Measured:
    """What a bar shows of reports: bytes since the first one, and None while there is no total."""

    def __init__(self) -> None:
        self._first: int | None = None

    def of(self, progress: Progress) -> tuple[int, int | None]:
        if progress.transferable == 0:  # nothing is known yet
            return 0, None
        if self._first is None:
            self._first = progress.transferred
        return progress.transferred - self._first, progress.transferable - self._first or None


def _missing(package: str) -> ImportError:
    return ImportError(
        f"{package}_bar needs the package {package}: pip install 'realmsync[{package}]'",
        name=package,
    )
