"""Readable forms of what travels between client and server: changesets as lists of dicts, messages
as dicts, and a peer that shows how changesets merge. Reading, writing and merging the bytes is the
native module's work; nothing here is needed to sync.

The instructions of a changeset have the JSON form described in tests/vectors/README.md, one dict
each.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

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


MergeProfile = Literal["strict", "safe", "full"]


class ReceivedChangeset(NamedTuple):
    """A changeset as another peer sends it."""

    # Version it made in the sender's history.
    remote_version: int
    # The receiver's newest version that its author had integrated, the merge base; 0: none.
    last_integrated_local_version: int
    # When its author made it, in milliseconds since 2015; the later of two conflicting writes
    # usually wins.
    origin_timestamp: int
    # Its author; decides between equal timestamps. Never 0, nor the receiver's own.
    origin_file_ident: int
    changeset: bytes


class MergePeer:
    """One peer of a realm in memory, to see how concurrent changesets merge.

    It has a history, the reciprocal histories towards its peers, and the objects; merging and
    applying is done by the engine of synced realms and of the server. A peer with ident 1 is the
    server, by convention. Versions are counted from 1, the empty realm.

    `profile`: "strict" merges exactly as the Realm SDKs do, including their defects; "safe" as
    realmsync's server does by default, without the defects that a server alone can avoid; "full"
    also without one that only shows when all peers avoid it. docs/concepts/merging.md explains
    them.

    Any thread may call it; calls wait for each other, and merging does not hold the GIL.
    """

    def __init__(self, file_ident: int, profile: MergeProfile = "strict") -> None:
        if file_ident < 1:
            raise ValueError(f"a file ident is positive, not {file_ident}")
        self._peer = _core.MergePeer(file_ident, profile)
        self._profile = profile

    @property
    def file_ident(self) -> int:
        """This peer's ident."""
        return self._peer.file_ident

    @property
    def version(self) -> int:
        """Newest local version."""
        return self._peer.version

    def commit(self, changeset: bytes, timestamp: int) -> int:
        """Applies a local transaction; returns its version. Empty changesets make one, too.

        Raises BadChangesetError or SchemaMismatchError, and changes nothing, when `changeset` is
        damaged or contradicts the objects.
        """
        return self._peer.commit(changeset, timestamp)

    def integrate(self, remote_file_ident: int, changesets: list[ReceivedChangeset]) -> bytes:
        """Merges what another peer sent into the objects, as one version.

        Each changeset is rebased over what this peer made, or received from third ones, after
        `last_integrated_local_version`. Returns the rebased changesets, each encoded by itself, one
        after the other; one of which nothing is left adds no bytes.

        Raises, and changes nothing: BadChangesetError for damaged changesets and those that cannot
        be applied, SchemaMismatchError, TransformError where both sides contradict each other,
        BadProgressError for versions and idents that cannot be.

        Costs O(window + changesets) where both sides touch different properties; those they both
        changed cost the product of their instructions.
        """
        return self._peer.integrate(remote_file_ident, changesets)

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """The objects by class, in the form of `final_state` in tests/vectors/README.md."""
        return self._peer.state()

    def __repr__(self) -> str:
        return (
            f"MergePeer(file_ident={self.file_ident}, profile={self._profile!r}, "
            f"version={self.version})"
        )


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
