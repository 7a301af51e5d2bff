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

# -- wire.cpp --------------------------------------------------------------------------------------
# `mode` is "partition" or "flexible"; `version` is the negotiated protocol version. All of these
# raise BadMessageError for bytes that are none, with the answering code in `protocol_code`.

def decode_message(
    data: bytes, from_client: bool, mode: str = "partition", version: int = 14
) -> dict[str, Any]:
    """The fields of one message, its type word under `type`; texts and bodies are bytes."""

def encode_message(
    message: dict[str, Any], from_client: bool, mode: str = "partition", version: int = 14
) -> bytes:
    """The inverse. RuntimeError for what must never be sent, such as lethal error codes."""

def unpack_body(data: bytes, compressed: bool, uncompressed_size: int, limit: int) -> bytes:
    """The plain bytes of the body of an upload or download, at most `limit` of them."""

def pack_body(plain: bytes) -> tuple[bool, bytes]:
    """Whether the body goes out compressed, and its bytes then."""

def decode_entries(plain: bytes, from_client: bool) -> list[dict[str, Any]]:
    """The changesets of a plain body with their header fields."""

def encode_entries(entries: list[dict[str, Any]], from_client: bool) -> bytes:
    """The inverse."""

def canonical_partition(text: str | bytes) -> str:
    """The one spelling of a partition value. Raises BadPartitionValueError for anything else, and
    BadMessageError for a length outside 1 to 1024."""

def format_partition(value: int | str | bytes | None) -> str:
    """The canonical text of a value; 12 bytes are an ObjectId, 16 a UUID."""

def error_codes() -> list[dict[str, Any]]:
    """The table of protocol error codes, ascending."""

def is_legal_level(code: int, session: int) -> bool:
    """Whether an error with this code may come for this session, 0 being the connection."""

def error_body(code: int, message: str) -> bytes:
    """The JSON body our server sends with a code. RuntimeError for codes that must not be sent or
    that need further keys."""

def decode_error_body(body: bytes, code: int) -> dict[str, Any]:
    """What a server's JSON_ERROR says; keys that stand with this code are checked."""

def encode_error_body(info: dict[str, Any], code: int) -> bytes:
    """The inverse. RuntimeError where a key that the code demands is missing."""

def decode_client_error_body(body: bytes) -> str:
    """The message of a client's JSON_ERROR."""

def encode_client_error_body(message: str) -> bytes:
    """The inverse."""

def decode_log_body(body: bytes) -> dict[str, str]:
    """`connection_id`, `level` and `message` of a LOG_MESSAGE."""

def encode_log_body(connection_id: str, level: str, message: str) -> bytes:
    """The inverse."""

def encode_primary_key(key: int | str | bytes | None) -> bytes:
    """A primary key as it stands in rejected updates, before base64."""

def decode_primary_key(data: bytes) -> int | str | bytes | None:
    """The inverse."""
