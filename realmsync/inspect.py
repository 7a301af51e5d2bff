"""Readable forms of what travels between client and server: changesets as lists of dicts, messages
as dicts. Reading and writing the bytes is the native module's work; nothing here is needed to sync.

The instructions of a changeset have the JSON form described in tests/vectors/README.md, one dict
each.
"""

from __future__ import annotations

from typing import Any

from realmsync import _core
from realmsync.errors import BadMessageError

# Inflated bodies above this are refused; no real message comes near.
MAX_BODY_BYTES = 256 << 20

# Fields that only one of the two sync modes has.
_ONLY_FLEXIBLE: tuple[str, ...] = ("query_version", "query", "batch_state", "progress_estimate")
_ONLY_PARTITION: tuple[str, ...] = ("downloadable_bytes",)


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


def decode_message(data: bytes, *, from_client: bool) -> dict[str, Any]:
    """The fields of one message of sync protocol 14, its type word under `type`.

    It is read as partition-based sync, and as flexible sync if that fails; the heads that differ
    have different numbers of fields. An upload or download has `entries` in place of its body: the
    header fields of each changeset, its bytes as `changeset` and its `instructions`. Other bodies
    are text.

    Raises BadMessageError, or BadChangesetError for the content of an entry.
    """
    try:
        message, foreign = _core.decode_message(data, from_client), _ONLY_FLEXIBLE
    except BadMessageError as error:
        try:
            message = _core.decode_message(data, from_client, "flexible")
        except BadMessageError:
            raise error from None
        foreign = _ONLY_PARTITION
    if message["type"] in ("upload", "download", "ident"):
        message = {key: value for key, value in message.items() if key not in foreign}
    if message["type"] in ("upload", "download"):
        return _with_entries(message, from_client)
    return {
        key: value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        for key, value in message.items()
    }


def _with_entries(message: dict[str, Any], from_client: bool) -> dict[str, Any]:
    plain = _core.unpack_body(
        message.pop("body"), message["compressed"], message["uncompressed_size"], MAX_BODY_BYTES
    )
    entries = _core.decode_entries(plain, from_client)
    for entry in entries:
        entry["instructions"] = decode_changeset(entry["changeset"])
    return message | {"entries": entries}
