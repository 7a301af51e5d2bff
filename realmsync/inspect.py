"""Readable forms of what travels between client and server: changesets as lists of dicts.

The dicts are the JSON form described in tests/vectors/README.md, one per instruction.
"""

from __future__ import annotations

from typing import Any

from realmsync import _core


def decode_changeset(data: bytes) -> list[dict[str, Any]]:
    """The instructions of a changeset; definitions of names are not shown.

    Raises BadChangesetError, with the byte position in its `offset`, for anything else.
    """
    return _core.Changeset.parse(data).instructions()


def encode_changeset(instructions: list[dict[str, Any]]) -> bytes:
    """The changeset of these instructions, names defined first, numbered by their first use.

    Raises TypeError or ValueError, naming instruction and key, for what no changeset can hold.
    """
    return _core.encode_instructions(instructions)
