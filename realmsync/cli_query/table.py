"""Objects as a table that fits the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any, TextIO

from realmsync.cli_query.columns import Column, as_cell

SAMPLE = 500  # rows that the widths are measured by
NARROWEST = 6  # letters: no column is pressed below
GAP = "  "


def write_table(
    stream: TextIO, columns: list[Column], found: Iterable[Any], count: int, width: int | None
) -> None:
    """Columns side by side, pressed into `width` where there is one, and the number of objects."""
    rows = ([printable(as_cell(column.plain(one))) for column in columns] for one in found)
    sample = list(islice(rows, SAMPLE))
    titles = [printable(column.title) for column in columns]
    widths = [
        max([letters(title), *(letters(row[i]) for row in sample)])
        for i, title in enumerate(titles)
    ]
    left_out = 0
    if width is not None:
        widths, left_out = fitted(widths, width)
    right = [
        column.declared.collection is None and column.type in ("int", "float", "double")
        for column in columns
    ]
    print_row(stream, titles, widths, [False] * len(titles))
    stream.write(GAP.join("─" * wide for wide in widths) + "\n")
    for row in chain(sample, rows):
        print_row(stream, row, widths, right)
    stream.write(f"{count} object{'' if count == 1 else 's'}")
    if left_out:
        names = ", ".join(titles[len(widths) :])
        stream.write(f"; no room for {names}: choose with --properties")
    stream.write("\n")


def fitted(widths: list[int], width: int) -> tuple[list[int], int]:
    """The widths of the columns that fit, the widest pressed first, and how many do not fit."""
    fitting = list(widths)
    least = [min(wide, NARROWEST) for wide in widths]
    while len(fitting) > 1 and sum(least[: len(fitting)]) + len(GAP) * (len(fitting) - 1) > width:
        fitting.pop()
    room = width - len(GAP) * (len(fitting) - 1)
    # The limit that the widest are cut to, so that all fill the room.
    limit = max(fitting, default=0)
    while limit > 1 and sum(min(wide, limit) for wide in fitting) > room:
        limit -= 1
    return [min(wide, max(limit, 1)) for wide in fitting], len(widths) - len(fitting)


def print_row(stream: TextIO, row: list[str], widths: list[int], right: list[bool]) -> None:
    """One line of a table. Numbers stand on the right."""
    cells = []
    for text, wide, is_right in zip(row, widths, right, strict=False):
        cut = text if letters(text) <= wide else _cut(text, wide - 1) + "…"
        blanks = " " * (wide - letters(cut))
        cells.append(blanks + cut if is_right else cut + blanks)
    stream.write(GAP.join(cells).rstrip() + "\n")


def letters(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _cut(text: str, width: int) -> str:
    taken = 0
    for place, letter in enumerate(text):
        taken += _width(letter)
        if taken > width:
            return text[:place]
    return text


def printable(text: str) -> str:
    """One line, without characters that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
