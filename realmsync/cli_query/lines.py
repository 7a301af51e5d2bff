"""Objects as lines of text: JSON, an object to a line, and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any, TextIO

from realmsync.cli_query.columns import Column, as_cell, as_json


def write_json(stream: TextIO, columns: list[Column], found: Iterable[Any]) -> None:
    for one in found:
        stream.write(as_json({column.title: column.plain(one) for column in columns}) + "\n")


def write_csv(stream: TextIO, columns: list[Column], found: Iterable[Any]) -> None:
    """With a line of titles; as RFC 4180, but for the ends of lines."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.title for column in columns])
    writer.writerows([as_cell(column.plain(one)) for column in columns] for one in found)
