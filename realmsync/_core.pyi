"""Stub of the native module. One section per file in csrc/bindings."""

from typing import Any

# -- changeset.cpp ---------------------------------------------------------------------------------

class Changeset:
    """A parsed changeset; it keeps its bytes alive."""

    @staticmethod
    def parse(data: bytes) -> Changeset:
        """Parses strictly. Raises BadChangesetError with the position of the first fault."""

    def __len__(self) -> int:
        """Number of instructions; definitions of names do not count."""

    @property
    def strings(self) -> list[str]:
        """The interned names by id, unused ones included."""

    def instructions(self) -> list[dict[str, Any]]:
        """The instructions in the JSON form of inspection."""

    def encode(self) -> bytes:
        """All names first, in the order of their ids; nothing when no instruction is left."""

    def encode_interleaved(self) -> bytes:
        """Every name just before the instruction that needs it first; unused ones left out."""

    def rewrite(self) -> bytes:
        """The instructions one by one through the writer of local changesets, as
        encode_interleaved(); each is written, rewound and written again."""

def encode_instructions(instructions: list[dict[str, Any]]) -> bytes:
    """The changeset of instructions in the JSON form of inspection, names first.

    Raises TypeError or ValueError, naming instruction and key, for what no changeset can hold.
    """

def parse_decimal(text: str) -> tuple[int, int] | None:
    """Low and high half of the decimal128 that is exactly `text`, None if there is none."""

def format_decimal(low: int, high: int) -> str:
    """Scientific text of a decimal128 from its halves."""

# -- merge.cpp -------------------------------------------------------------------------------------

def transform(
    window: list[tuple[int, int, int, bytes]],
    incoming: list[tuple[int, int, int, int, bytes]],
) -> tuple[list[bytes], dict[int, bytes]]:
    """Rebases incoming changesets over the local ones that their author had not seen.

    `window`: version, origin timestamp, origin ident and changeset, ascending. `incoming`: remote
    version, base, origin timestamp, origin ident and changeset. Gives the transformed changesets
    and, by version, the window entries that were altered, empty ones included. Raises
    MergeConflictError, SchemaMismatchError, BadProgressError or BadChangesetError.
    """
