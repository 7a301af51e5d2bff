"""Stub of the native module: the product. One section per file in csrc/bindings.

What only tests and benchmarks use is in _testbed.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, TypeAlias

from realmsync.events import ClientEvent, ServerEvent, TransportEvent

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

def keep(object: object) -> None:
    """Takes a reference that nobody gives back: the object is never destroyed."""

def parse_decimal(text: str) -> tuple[int, int] | None:
    """Low and high half of the decimal128 that is exactly `text`, None if there is none."""

def format_decimal(low: int, high: int) -> str:
    """Scientific text of a decimal128 from its halves."""

# -- merge.cpp -------------------------------------------------------------------------------------

class MergePeer:
    """What realmsync.inspect.MergePeer is made of; documented there."""

    def __init__(self, file_ident: int, profile: str = "strict") -> None: ...
    @property
    def file_ident(self) -> int: ...
    @property
    def version(self) -> int: ...
    def commit(self, changeset: bytes, timestamp: int) -> int: ...
    def integrate(
        self, remote_file_ident: int, changesets: Sequence[tuple[int, int, int, int, bytes]]
    ) -> bytes: ...
    def state(self) -> dict[str, list[dict[str, Any]]]: ...

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

# -- server.cpp ------------------------------------------------------------------------------------

class ServerRuntime:
    """The sync server's engine with its store and workers. For the event loop's thread alone.

    `directory` is the data directory; each of the `apps` has a database of its own in it, and no
    other id is an app. None: the server is one app, "". Clients cannot add to
    `fixed_schemas`, nor upload changes more than `ahead_ms` in the future (0: any). `quotas` limit
    what one user has in an app (0: any): partitions, client files, bytes of history. `durability`
    is "full" (survives power failure) or "process". If it `asks_permission`, sessions wait for
    authorize(). `tuning` holds members of ServerTuning (csrc/tuning.hpp) by name. With 0 workers
    all jobs run inside drain().
    """

    def __init__(
        self,
        directory: str,
        *,
        workers: int = 2,
        seed: int | None = None,
        apps: list[str] | None = None,
        fixed_schemas: list[str] = ...,
        ahead_ms: int = 0,
        quotas: tuple[int, int, int] = (0, 0, 0),
        durability: str = "full",
        merge_profile: str = "safe",
        asks_permission: bool = False,
        tuning: dict[str, int] = ...,
    ) -> None: ...
    def fileno(self) -> int:
        """Readable when drain() has something to do."""

    def endpoint(self) -> object:
        """Capsule of csrc/bindings/engines/bridge.h, for the transport."""

    def drain(self, now_ms: int) -> list[TransportEvent | ServerEvent]:
        """Takes in finished jobs and due deadlines; what the transport has to do."""

    def deadline(self) -> int | None:
        """When drain() has to be called even if nothing happens, in ms."""

    def open_connection(self, app_id: str, user_id: str, subprotocol: str, now_ms: int) -> int:
        """After the upgrade. Raises ValueError for a subprotocol this server does not speak."""

    def receive(self, conn: int, data: bytes, now_ms: int) -> None:
        """One whole binary message. Anything wrong with it is answered in-band."""

    def next_message(self, conn: int, now_ms: int) -> bytes | None:
        """What to send now; None until the next Writable."""

    def refuse(self, conn: int, first_bytes: bytes, size: int, now_ms: int) -> None:
        """A message is too large to be received: its session is told, the connection ends."""

    def revoke(self, conn: int, now_ms: int) -> None:
        """The connection's log-in has ended: its sessions end, and a BIND closes it with 4001."""

    def take_over(self, conn: int, now_ms: int) -> None:
        """A new log-in of the same program stands behind a revoked connection."""

    def authorize(
        self, conn: int, session: int, question: int, permission: str | None, now_ms: int
    ) -> None:
        """The answer to an Authorize event, as a Permission; None: the client is to try again.

        In flexible sync it is about all objects.
        """

    def authorize_roles(
        self, conn: int, session: int, question: int, roles: SessionRoles, now_ms: int
    ) -> None:
        """The answer for a user of flexible sync whom roles restrict. Others than before end the
        session: the client comes again."""

    def reauthorize(self, conn: int, now_ms: int) -> None:
        """Asks again for all sessions of the connection."""

    def add_app(self, app_id: str) -> None:
        """Another app is served from now on, unless it is already; its database is made.

        Raises StorageError, and ValueError when the server is one app.
        """

    def remove_app(self, app_id: str, now_ms: int) -> None:
        """Ends the app's connections with 100, try again; its database stays."""

    def configure_app(
        self,
        app_id: str,
        *,
        sync_mode: str = "both",
        development_mode: bool = True,
        paused: bool = False,
        partition_key: str = "",
        partition_type: str | None = None,
        partition_required: bool = False,
        max_offline_days: float = 0.0,
        recovery: bool = True,
        queryable: Sequence[str] = (),
        queryable_by_class: Mapping[str, Sequence[str]] = ...,
        indexed_queryable: str | None = None,
        schema_versions: Set[int] | None = None,
        now_ms: int,
    ) -> None:
        """Replaces the app's settings, for connections that are there, too.

        `sync_mode` is partition, flexible, or both: whoever comes. `partition_type` is string,
        objectId, long, int or uuid; None: any. Subscriptions may ask about what is queryable, in
        development mode about whatever can be. `schema_versions`: those that clients of flexible
        sync may have; None: any. Raises ValueError.
        """

    # Requests of operators: each gives the number of the Administered event that answers it.
    # Classes are (name, kind, primary key, [(name, type, nullable, collection, target)]), as in
    # realmsync/apps/model.py; raises ValueError for what is none.
    def install_schema(self, app_id: str, classes: Sequence[object], now_ms: int) -> int:
        """Declares the app's classes: clients can add no others, unless in development mode.

        What they add to classes that clients use, every partition is told. The answer is an error
        when they contradict what is used. To be repeated at each start, and harmless then.
        """

    def replace_schema(self, app_id: str, classes: Sequence[object], now_ms: int) -> int:
        """The same, and what contradicts them or is not among them goes, with its data.

        All client files are reset then (217). Values of other properties stay.
        """

    def schema(self, app_id: str, now_ms: int) -> int:
        """The answer has the classes of the app, clients' own included."""

    def force_reset(self, app_id: str, file_ident: int, now_ms: int) -> int:
        """The client file is reset (208), now or when it comes. An error if there is none."""

    def terminate(self, app_id: str, now_ms: int) -> int:
        """Histories begin anew with the objects that there are; no client file is known (208)."""

    def closed(self, conn: int, now_ms: int) -> None:
        """The connection has ended, for whatever reason."""

    def shutdown(self, now_ms: int) -> None:
        """Acknowledges what is accepted, then ends every connection with 100, try again."""

    def close(self) -> None:
        """Stops the workers and closes the store."""

    def stats(self) -> dict[str, int]:
        """Counters and gauges, by name."""

# -- bindings/realm --------------------------------------------------------------------------------

# -- realm/subscriptions.cpp -----------------------------------------------------------------------

_Subscription: TypeAlias = tuple[bytes, int, int, str | None, str, str]
"""Id, when it was created and updated (ms since 1970), name, class, query."""

class SubscriptionList:
    """The subscriptions of a set, as it is edited."""

    def __init__(self) -> None: ...
    def items(self) -> list[_Subscription]: ...
    def find_name(self, name: str) -> _Subscription | None: ...
    def find_query(self, cls: str, query: str) -> _Subscription | None: ...
    def insert_or_assign(
        self, id: bytes, now_ms: int, name: str | None, cls: str, query: str
    ) -> tuple[_Subscription, bool]:
        """What is in the set now, and whether that is new."""

    def erase_name(self, name: str) -> bool: ...
    def erase_query(self, cls: str, query: str) -> bool: ...
    def erase_id(self, id: bytes) -> bool: ...
    def erase_class(self, cls: str) -> int: ...
    def erase_unnamed(self) -> int: ...
    def clear(self) -> int: ...

def subscription_set(
    file: RealmFile, version: int | None = None
) -> tuple[int, int, str, SubscriptionList] | None:
    """Version, code of the state, error, content; of the latest set without a version. None: there
    is no such set, or it is superseded.
    """

def claim_flexible(file: RealmFile) -> None:
    """Makes it a file of flexible sync unless it is one, which may wait for other writers.

    MismatchedConfigError when it belongs to a partition.
    """

def is_flexible(file: RealmFile) -> bool:
    """Whether it is one."""

def import_subscriptions(source: RealmFile, target: RealmFile, now: int) -> int:
    """What is in force in `source` becomes the latest set of `target`: its version."""

def subscribe_to_all(target: RealmFile, query: str, now: int) -> int:
    """The same with a query for each of its classes."""

sqlite_version: str
"""Of the copy of SQLite that is part of this module."""

class RealmFile(ClientStore):
    """A client's realm file. All openers of a path in a process share one."""

    @staticmethod
    def open(path: str, *, durability: str = "full") -> RealmFile:
        """Creates the file when it is missing. `durability`: "full" or "process"."""

    @staticmethod
    def is_open(path: str) -> bool: ...
    @staticmethod
    def remove(path: str) -> None: ...
    @staticmethod
    def remove_unused(path: str) -> bool:
        """Deletes a file unless it is open here, or another process synchronises it."""

    @staticmethod
    def move_unused(path: str, target: str) -> bool:
        """The same, but the file goes to `target`, where nothing is."""

    @property
    def path(self) -> str: ...
    def claim_partition(self, wanted: str) -> str:
        """The partition that the file belongs to, as extended JSON: `wanted` from now on if it was
        never synchronised, which may wait for other writers.
        """

    def try_claim_sync(self) -> bool:
        """Takes the right to the file's one protocol session; False when somebody has it."""

    def release_sync(self) -> None: ...
    def reset(
        self,
        fresh: RealmFile,
        mode: str,
        *,
        may_recover: bool = True,
        status: int = 0,
        message: str = "",
        copy: str = "",
        now_ms: int = 0,
        action: str = "ClientReset",
        partition_query: str = "",
        has_forgotten: bool = False,
    ) -> tuple[bool, bool]:
        """Makes the file what `fresh` is, a new client's, with the changes that were not uploaded
        replayed on it if `mode`, a ClientResetMode, says so. Gives whether they were, and whether
        the file as it was is now at `copy`, since some of them are lost. Raises RealmError.

        `action`: MigrateToFLX makes it flexible, where the query stands for its partition, and
        RevertToPBS ends that. `has_forgotten`: the server may have lost what it had acknowledged.
        """

    @property
    def is_migrated(self) -> bool:
        """Whether the file belongs to a partition and is synchronised flexibly, after partition()
        or claim_partition() was asked."""

    def has_reset(self) -> bool:
        """Whether forget_reset() has not been called since a reset was tried."""

    def forget_reset(self) -> None: ...
    def partition(self) -> str | None: ...  # as extended JSON
    def begin_anew(self) -> bool:
        """Leaves no class, history or subscription in a file of flexible sync, which is no client
        file yet then. False, and nothing is done, while something is not uploaded."""
    def has_unsent(self) -> bool:
        """Whether there are changes that the server has not acknowledged."""

    def is_untouched(self) -> bool:
        """Whether nothing was ever written to the file."""

    def flush(self, tickets: list[int]) -> None:
        """Blocks until these deferred commits are durable; StorageError when one was lost."""

    def require_kept(self, ticket: int) -> None: ...  # StorageError: the commit was lost

class CopyKind:
    """What a copy of a realm file takes along (csrc/realm/file_copy.hpp)."""

    local: CopyKind
    synced: CopyKind
    whole: CopyKind

class FileCopy:
    """A copy of what is committed in a realm file."""

    def __init__(
        self,
        file: RealmFile,
        path: str,
        kind: CopyKind = ...,
        *,
        is_synced: bool = False,
        is_durable: bool = True,
        now: int = 0,
    ) -> None:
        """`now`: milliseconds since 2015, the time of what a new client is to upload."""

    def run(self) -> None:
        """Writes it, once, on any thread. Raises RealmError."""

    def stop(self) -> None:
        """Ends run() with StorageError, if it has not copied everything by then."""

class WakeUp:
    """A descriptor that is readable when somebody wants the event loop's attention."""

    def fileno(self) -> int: ...
    def reset(self) -> None: ...

class WriteTicket:
    """A place in the queue of a file's writers, for the event loop of this thread.

    `wake` is signalled when its turn has come, which may be taken back until it is used, and then
    comes again.
    """

    def __init__(self, file: RealmFile, wake: WakeUp) -> None: ...
    @property
    def granted(self) -> bool: ...
    def take_flush(self, ticket: int) -> PendingFlush:
        """RealmFile.flush, in the turn of this ticket."""

    def cancel(self) -> None:
        """Gives up the place and the turn. Idempotent."""

class PendingFlush:
    def run(self) -> None:
        """Once, on any thread."""

class PendingCommit:
    """Rolls back when it is dropped."""

    def run(self, now: int) -> None:
        """Once, on any thread; durable on return."""

class OnExisting:
    """What create() does when an object with the key exists."""

    refuse: OnExisting
    update_changed: OnExisting
    update_all: OnExisting

class Type:
    """The type of a property, or of the elements of its collection."""

    mixed: Type
    integer: Type
    boolean: Type
    string: Type
    binary: Type
    timestamp: Type
    float32: Type
    float64: Type
    decimal: Type
    link: Type
    object_id: Type
    uuid: Type

class CollectionKind:
    single: CollectionKind
    list: CollectionKind
    dictionary: CollectionKind
    set: CollectionKind

class DeclaredProperty:
    """`name` is that in the file, `attribute` that in Python; `target` the class of links and
    embedded objects, else empty. A default may be a function that makes it."""

    def __init__(
        self,
        *,
        name: str,
        attribute: str,
        type: Type,
        collection: CollectionKind,
        optional: bool,
        target: str,
        has_default: bool,
        default: Any,
        full_text: bool,
        indexed: bool,
        counter: bool = False,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> Type: ...
    @property
    def collection(self) -> CollectionKind: ...
    @property
    def optional(self) -> bool: ...
    @property
    def target(self) -> str: ...
    @property
    def full_text(self) -> bool:
        """Whether it has a full-text index."""

    @property
    def indexed(self) -> bool:
        """Whether it has an index of its values."""

class DeclaredClass:
    """`key` is the number of the primary key among the properties, -1 for none."""

    def __init__(
        self,
        *,
        name: str,
        embedded: bool,
        key: int,
        properties: list[DeclaredProperty],
        asymmetric: bool = False,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def embedded(self) -> bool: ...
    @property
    def asymmetric(self) -> bool: ...
    @property
    def key(self) -> int: ...
    @property
    def properties(self) -> list[DeclaredProperty]: ...

def require_default(property: DeclaredProperty, cls: str) -> None:
    """Raises what create() would raise for the default, as far as no realm is needed for it."""

class Query:
    """A compiled query of a class, or of what another query selects. Immutable."""

    @property
    def text(self) -> str:
        """As Realm prints it, with its clauses: names of the file, no arguments."""

class LiveQueue:
    """Which live queries are to look, between those who commit and the threads that look."""

    def __init__(self) -> None: ...
    def push(self, number: int) -> None: ...
    def pop(self) -> int:
        """Blocks, without the GIL."""

class LiveObjects:
    """The objects of a realm that somebody listens to."""

    def __init__(self, *, handle: RealmHandle, queue: LiveQueue, number: int) -> None: ...
    def add(self, observer: int, cls: int, key: Any) -> None: ...
    def remove(self, observer: int) -> None: ...
    def nudge(self) -> None:
        """Puts the number into the queue: perhaps another process has written."""

    def look(self) -> list[tuple[int, bool, bool, list[str]]]:
        """What is new, without the GIL: the observer, whether it is the first time, whether the
        object is gone, stored names of the properties that have changed."""

    def finish(self) -> None:
        """The news are told: the number may come again."""

    def close(self) -> None:
        """Waits for a look under way, which ends soon. Idempotent."""

class LiveQuery:
    """A query that somebody listens to."""

    def __init__(
        self,
        *,
        handle: RealmHandle,
        cls: int,
        query: Query,
        queue: LiveQueue,
        number: int,
        by_key: bool,
    ) -> None: ...
    def arm(self) -> None:
        """Puts the number into the queue when there is a version that it has not seen; once."""

    def nudge(self) -> None:
        """If armed, puts it in at once: perhaps another process has written."""

    def look(
        self,
    ) -> (
        tuple[Selection, tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], bool]
        | None
    ):
        """Runs the query, without the GIL. None when nothing has changed.

        What is selected, deletions, insertions, modifications among those before and among those
        now, and whether it is the first time.
        """

    def close(self) -> None:
        """Waits for a look under way, which ends soon. Idempotent."""

class Selection:
    """What a query selected at one moment: keys, in its order."""

    def __len__(self) -> int: ...
    def keys(self, first: int, limit: int) -> list[Any]:
        """Those from a position on, at most `limit`."""

    def position(self, key: Any) -> int:
        """-1: not among them. The first call costs a look at all."""

    def is_current(self) -> bool:
        """Whether nothing was committed since, nor written by this realm's transaction."""

    def aggregate(self, operation: str, property: int) -> Any:
        """min, max, sum or avg of a property over the objects, as they are now; None without a
        value. IllegalOperationError for a property of a type that has none."""

class SchemaMode:
    additive: SchemaMode
    automatic: SchemaMode
    anew: SchemaMode

class SchemaStep:
    none: SchemaStep
    add: SchemaStep
    migrate: SchemaStep
    begin_anew: SchemaStep

class RealmHandle:
    """What a Realm holds. Classes and properties are spoken of by their declared numbers.

    `realm` makes what is found: `_make_object(cls, place)`, `_make_collection(kind, place)`, with
    the kind as in CollectionKind: 1 list, 2 dictionary, 3 set.
    """

    def __init__(self, file: RealmFile, realm: object) -> None: ...
    @property
    def file(self) -> RealmFile: ...
    def require_unchanged(self) -> None:
        """WrongTransactionStateError in a transaction of the caller's that has changed a thing."""

    @property
    def writing(self) -> bool: ...
    def declare(self, classes: list[DeclaredClass]) -> None:
        """Once."""

    @property
    def mine(self) -> bool:
        """Whether the caller's thread and task are writing."""

    @property
    def transactions(self) -> int:
        """How many were begun so far."""

    @property
    def changing(self) -> bool:
        """Whether a write is under way, of which this is called."""

    def enter_version(self, version: int | None) -> None:
        """Of all openers of the process, until close(). MismatchedConfigError."""

    def schema_version(self) -> int: ...
    def schema_step(self, mode: SchemaMode, version: int | None) -> SchemaStep:
        """What the file needs for what is declared, or the error of a refusal."""

    def add_schema(self, version: int | None) -> None:
        """Adds what the file lacks, in the transaction, and notes the version."""

    def begin_migration(self, version: int) -> None:
        """What the file contradicts becomes as declared; what is not declared stays."""

    def rename_property(self, cls: int, source: str, target: str) -> None:
        """By the names in the file, from one that is not declared. IllegalOperationError."""

    def end_migration(
        self,
        final: RealmHandle,
        deleted: list[str],
        keys: list[tuple[int, Any, Any]],
        is_lenient: bool,
    ) -> None:
        """`keys`: class, primary key, what it becomes. MigrationFailedError."""

    def delete_class(self, name: str) -> None:
        """With its objects. MigrationFailedError while others link to it, NoSuchTableError."""

    def begin_anew(self) -> None: ...
    def file_schema(self) -> list[DeclaredClass]: ...
    def close(self) -> None: ...
    def begin(self, timeout: float | None = None) -> int:
        """Blocks until it is the caller's turn. The transaction's number. WriteTimeoutError."""

    def edit_subscriptions(self) -> SubscriptionList:
        """Those of the latest set: the transaction is for them alone from here on."""

    def add_subscriptions(self, subscriptions: SubscriptionList) -> int:
        """A new set, with the commit; its version. LimitExceededError."""

    def try_begin(self) -> int:
        """0 when somebody writes or waits."""

    def refuse_nested(self) -> None:
        """WrongTransactionStateError for a task that would wait for itself."""

    def begin_granted(self, ticket: WriteTicket) -> int:
        """0 when it is not the ticket's turn, or another process writes."""

    def adopt(self, number: int) -> bool:
        """Makes a transaction the caller's; False when it has ended."""

    def commit(self, now: int, deferred: bool) -> int:
        """The ticket for RealmFile.flush when deferred, else 0. It has ended in any case."""

    def take_commit(self) -> PendingCommit:
        """Ends the transaction but for the commit itself, which may run on another thread."""

    def rollback(self) -> None: ...
    def accessor(self, cls: int, key: Any) -> Any:
        """The object with this key, whether it exists or not."""

    def find(self, cls: int, key: Any) -> Any:
        """The object with this key, or None."""

    def query(
        self,
        cls: int,
        base: Query | None,
        text: str,
        arguments: list[Any],
        mapping: list[tuple[str, ...]],
    ) -> Query:
        """Compiles a query of a class, or of what `base` selects. QueryError.

        Arguments are values as properties take them, lists, objects of this realm, and regions as
        realmsync.geo makes tuples of them; entries of the mapping (class, property, path) or
        (class, alias). Attributes are mapped to the names of the file.
        """

    def select(self, query: Query, members: Place | None = None) -> Selection:
        """Runs a query, in a transaction on what that has written; handlers of signals may end it.

        What the handlers raise comes through. `members`: the list or set of objects that is asked
        instead of all of the class.
        """

    def count(self, cls: int) -> int: ...
    def keys(self, cls: int, after: Any, limit: int) -> list[Any]:
        """Keys in order, behind `after` unless it is `...`."""

    def create(self, cls: int, values: Any, on_existing: OnExisting) -> Any:
        """The object."""

    def create_rows(
        self,
        cls: int,
        rows: Iterator[Any],
        limit: int,
        on_existing: OnExisting,
        time: float | None,
    ) -> tuple[int, bool]:
        """How many, and whether nothing is left. Ends after `time` seconds."""

    def create_columns(
        self,
        cls: int,
        columns: list[tuple[Any, ...]],
        first: int,
        limit: int,
        on_existing: OnExisting,
        time: float | None,
    ) -> tuple[int, bool]: ...
    def mark(self) -> None:
        """Before a load in several calls, of which undo() takes everything back until keep()."""

    def keep(self) -> None: ...
    def undo(self) -> None: ...

class Place:
    """Where an object or a collection lies: an object, or a way into it. Holds no data.

    Places are equal when they are the same way from the same object, by numbers.
    """

    @property
    def cls(self) -> int:
        """The class of the object that lies here, -1 for a collection."""

    @property
    def key(self) -> Any:
        """Of the object that everything here belongs to."""

    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...
    def exists(self) -> bool:
        """Whether the object is there."""

    def get(self, prop: int) -> Any: ...
    def set(self, prop: int, value: Any) -> None: ...
    def add(self, prop: int, amount: int) -> None:
        """Of a counter, as reset()."""

    def reset(self, prop: int, value: int) -> None: ...
    def erase(self) -> None:
        """Deletes the object."""

    def size(self) -> int: ...
    def item(self, at: Any) -> Any: ...
    def items(self) -> list[Any]:
        """The elements; of a dictionary pairs."""

    def plain(self) -> list[Any] | dict[str, Any]:
        """A collection without accessors of collections; a set as a list."""

    @property
    def members_class(self) -> int:
        """The class of the objects that a list or set of links holds, -1 for everything else."""

    def clear(self) -> None: ...
    def list_insert(self, index: int, value: Any) -> None: ...
    def list_append(self, value: Any) -> None: ...
    def list_set(self, index: int, value: Any) -> None: ...
    def list_erase(self, index: int) -> None: ...
    def list_extend(self, values: list[Any]) -> None: ...
    def list_replace(self, start: int, step: int, count: int, values: list[Any]) -> None:
        """Values in place of `count` elements; of more or fewer if the step is 1."""

    def list_move(self, source: int, target: int) -> None: ...
    def set_insert(self, value: Any) -> bool: ...
    def set_erase(self, value: Any) -> bool: ...
    def dictionary_set(self, at: str, value: Any) -> None: ...
    def set_change(self, added: list[Any], erased: list[Any]) -> None: ...
    def dictionary_update(self, values: dict[str, Any]) -> None: ...
    def dictionary_erase(self, at: str) -> None: ...

# -- arrow.cpp -------------------------------------------------------------------------------------

class ArrowColumn:
    """A column of an imported Arrow table; keeps the table's memory alive."""

    def __len__(self) -> int: ...

def arrow_column(array: object) -> ArrowColumn:
    """An Arrow array or chunked array."""

def arrow_columns(table: object) -> dict[str, ArrowColumn]:
    """The columns of an Arrow table or struct array, by name."""

# -- client.cpp ------------------------------------------------------------------------------------

class ClientStore:
    """What a sync session needs of a file. Implemented by RealmFile."""

_Call = tuple[int, int, float, bool]  # transferred, transferable, estimate, expired

connect_timeout_ms: int
"""What an attempt to connect may take at most, and does unless `tuning` says something else."""

class ClientRuntime:
    """The client engine with its workers. Methods may be called from any thread.

    With 0 workers everything is deterministic: jobs run within calls, their results are taken in
    by drain(), and time is only what drain() and the transport's calls say.
    """

    def __init__(self, workers: int = 2, seed: int = 0, tuning: dict[str, int] = ...) -> None: ...
    def fileno(self) -> int: ...
    def endpoint(self) -> object: ...
    def drain(self, now_ms: int) -> list[TransportEvent | ClientEvent]: ...
    def deadline(self) -> int | None: ...
    def connected(self, conn: int, protocol: str, now_ms: int) -> None: ...
    def connect_failed(
        self, conn: int, failure: str, status: int, message: str, now_ms: int
    ) -> None: ...
    def closed(self, conn: int, close_code: int | None, reason: str, now_ms: int) -> None: ...
    def receive(self, conn: int, data: bytes, now_ms: int) -> None: ...
    def refuse(self, conn: int, first_bytes: bytes, size: int, now_ms: int) -> None: ...
    def next_message(self, conn: int, now_ms: int) -> bytes | None: ...
    def close(self) -> None:
        """Stops the workers; waits for running jobs."""

    def enable_multiplexing(self, enabled: bool) -> bool:
        """False when there has been a session already."""

    def add_session(
        self,
        store: ClientStore,
        *,
        user: str,
        partition: str | None,
        url: str,
        access_token: str = "",
        verified: bool = False,
        connection_settings: str = "",
        stop_policy: str = "after-upload",
        cancel_waits: bool = False,
        manual_reset: bool = False,
        fresh_copy: bool = False,
        flexible: bool | None = None,
        schema_version: int = 0,
    ) -> int:
        """A session, inactive until it is revived; of flexible sync without a partition, or if
        `flexible` says so of a file that belongs to one (RealmFile.is_migrated).

        `fresh_copy`: it is a client reset's, and uploads nothing.

        `connection_settings` are compared: only sessions with equal ones share a connection.
        """

    def remove_session(self, session: int) -> None:
        """Lets go of the file. After Released."""

    def revive(self, session: int, token_expired: bool = False) -> None: ...
    def resume(self, session: int, token_expired: bool = False) -> None: ...
    def pause(self, session: int) -> None: ...
    def force_close(self, session: int) -> None: ...
    def open_session(self, session: int) -> None:
        """A reference was taken."""

    def close_session(self, session: int) -> None:
        """The last reference is gone: the stop policy decides."""

    def set_stop_policy(self, session: int, policy: str) -> None:
        """A session that was closed already follows it at once."""

    def finish_reset(self, session: int, flexible: bool | None = None) -> None:
        """The answer to ResetRequired: the file has been reset, and is flexible or not, if its
        mode was changed."""

    def fail_reset(self, session: int, message: str) -> None:
        """The same: it could not be."""

    def served_schema_version(self, session: int) -> int | None:
        """The version of the schema that the server serves the file under, if that is not the
        session's."""

    def migrate_schema(self, session: int) -> None:
        """Has the file begin anew if there is one: ResetRequired follows, with MigrateSchema."""

    def set_schema_version(self, session: int, version: int) -> None:
        """The session's. If it is another one it starts anew."""

    def reconnect(self, session: int) -> None: ...
    def wait(self, session: int, direction: str) -> int: ...
    def add_notifier(
        self, session: int, direction: str, streaming: bool, pending_query: int = 0
    ) -> tuple[int, _Call | None]: ...
    def wait_for_set(self, session: int, version: int) -> int: ...
    def remove_notifier(self, session: int, token: int) -> None: ...
    def set_access_token(self, user: str, token: str) -> None: ...
    def keep_access_token(self, user: str, token: str) -> None:
        """For the next handshake; nothing is started, resumed or cut short by it."""

    def token_refresh_failed(
        self, session: int, authentication: bool, status: int, message: str
    ) -> None: ...
    def set_route(self, session: int, url: str, token: str, verified: bool) -> None: ...
    def notify_network_change(self) -> None:
        """Every connection looks after itself, at most once in an interval."""

    def log_out(self, user: str) -> None: ...
    def shutdown(self) -> None: ...
    def snapshot(self, session: int) -> tuple[int, str, int]:
        """Lifecycle state, connection state and file ident."""

    def situation(self, session: int) -> dict[str, Any]:
        """Where it stands: the members of Situation (csrc/client/situation.hpp)."""

    def end(self, session: int) -> tuple[int, str] | None:
        """Status and message of the error that ended it, as long as nothing starts it again."""

    def is_released(self, session: int) -> bool:
        """Whether nothing of it uses its file or a connection; of a session that is gone, too."""

# -- rules/expression.cpp --------------------------------------------------------------------------

class ExpressionContext:
    """What the expansions of rules stand for when a session begins. Values are Python's, as
    realmsync.ejson decodes them; a kind that rules do not know is there, but equals nothing.

    Raises ExpressionError for values that nest too deeply or are too many.
    """

    def __init__(
        self,
        *,
        user: Mapping[str, Any] = ...,  # id, type, data, custom_data, identities
        values: Mapping[str, Any] = ...,  # by name
        environment: Mapping[str, Any] = ...,  # tag, values
        partition: Any = ...,  # outside of partition permissions left out
        request: Any = ...,  # outside of can_evaluate left out
    ) -> None: ...

class Expression:
    """An expression of a rule, compiled. Immutable."""

    def __init__(self, expression: Any, use: str) -> None:
        """`expression`: a JSON value with its extended forms decoded (realmsync.ejson.decode).
        `use`: apply_when, filter, partition or can_evaluate.

        Raises ExpressionError with the reason, also where it speaks of what it must not there.
        """

    @property
    def fields(self) -> list[str]:
        """Properties of the document that it speaks of, sorted."""

    @property
    def functions(self) -> list[str]:
        """Names of the functions that it calls, sorted."""

    @property
    def speaks_of_document(self) -> bool:
        """Of apply_when: whether a document, a partition or a request would have to be known."""

    def calls(self, context: ExpressionContext) -> list[tuple[str, list[Any]]]:
        """The distinct calls that it needs: function and arguments. Those missing are None."""

    def evaluate(self, context: ExpressionContext, results: Mapping[int, Any] = ...) -> bool:
        """Whether it is true. `results` of calls() by position; a comparison with one that is
        not there is false, and so is what speaks of a document.

        Raises ExpressionError when the work is too much.
        """

# -- rules/app_schema.cpp --------------------------------------------------------------------------

# name, type, nullable, collection, target; as in realmsync.apps.model.Property
_Property = tuple[str, str, bool, str | None, str | None]
# name, kind, primary key, properties; as in realmsync.apps.model.Class
_Class = tuple[str, str, str | None, Sequence[_Property]]

class AppSchema:
    """The classes of an application, for rules that speak of their properties. Immutable."""

    def __init__(self, classes: Sequence[_Class]) -> None:
        """Raises SchemaValidationError for what no schema can be."""

    @property
    def classes(self) -> list[str]: ...

# -- rules/rights.cpp ------------------------------------------------------------------------------

# read, write
_FieldRights = tuple[bool | None, bool | None]

class Role:
    """What a role that sync can use gives, in any class. Immutable."""

    def __init__(
        self,
        *,
        read_filter: Any,
        write_filter: Any,
        read: bool | None = None,
        write: bool | None = None,
        insert: Any = None,
        delete: Any = None,
        fields: Mapping[str, _FieldRights] = ...,
        additional_fields: _FieldRights | None = None,
    ) -> None:
        """The filters, `insert` and `delete` are expressions, compiled (Expression of use filter)
        or not; None for the last two is true. Raises ExpressionError for one that cannot be.
        """

class SessionRoles:
    """The roles of one user in one session of flexible sync, by class. Immutable."""

    def __init__(
        self,
        roles: Mapping[str, Role | None],
        otherwise: Role | None,
        context: ExpressionContext,
        *,
        can_write: bool = True,
    ) -> None:
        """`otherwise` is the role in classes that are not among `roles`; None gives nothing.

        `can_write` false: nothing may be written, whatever the roles say; what writers see is
        seen.
        """

    @staticmethod
    def everything(*, can_write: bool = True) -> SessionRoles:
        """Of an app that restricts nobody."""

    def rights(self, schema: AppSchema, cls: str) -> ClassRights:
        """What the role in a class gives. KeyError for a class that the schema lacks."""

    @property
    def too_large(self) -> list[str]:
        """Classes whose role gives nothing because its filters are too large for this user; ""
        stands for all that are not named."""

    @property
    def digest(self) -> str:
        """Equal for roles and users that give equal rights, in every process; another one means
        that the role has changed."""

class ObjectRights:
    """What may be done with one object."""

    @property
    def readable(self) -> list[str]:
        """Properties, in the order of the class with the primary key in front. With any, the
        primary key is one."""

    @property
    def writable(self) -> list[str]: ...
    @property
    def insert(self) -> bool:
        """Whether a new object like this one may be made."""

    @property
    def delete(self) -> bool: ...
    @property
    def is_visible(self) -> bool: ...

class ClassRights:
    """What one user may do with the objects of a class in one session. Immutable.

    Documents are dictionaries of decoded extended JSON; a link is its target's key. What is
    absent, or of another type than the property, is null. The four questions raise
    ExpressionError when a document makes filters take too long.
    """

    def __init__(
        self,
        schema: AppSchema,
        cls: str,
        role: Role | None,
        context: ExpressionContext,
    ) -> None:
        """`role`: None for no rights.

        Raises KeyError for a class that the schema lacks, ExpressionError for a filter that is too
        large for this user.
        """

    def rights_on(self, document: Mapping[str, Any]) -> ObjectRights: ...
    def may_insert(self, document: Mapping[str, Any]) -> bool: ...
    def may_update(
        self, before: Mapping[str, Any], after: Mapping[str, Any], changed: Sequence[str]
    ) -> bool:
        """`changed`: names of the properties that the change writes; KeyError for others."""

    def may_delete(self, document: Mapping[str, Any]) -> bool: ...
    @property
    def readable(self) -> list[str]:
        """Properties that objects which the read filter lets through are readable in."""

    @property
    def writable(self) -> list[str]:
        """Properties that objects which the write filter lets through are writable in."""

    @property
    def shown(self) -> dict[str, list[str]]:
        """Properties that are shown of every visible object, and besides of some, by predicates."""

    @property
    def view_text(self) -> str:
        """The objects that are visible, as a query for logs."""

    @property
    def read_text(self) -> str: ...
    @property
    def write_text(self) -> str: ...
    @property
    def digest(self) -> str:
        """Equal for rights that are equal; another one means that the role has changed."""

# -- rules/subscription.cpp ------------------------------------------------------------------------

class SubscribedQuery:
    """A query of a class that a client subscribes to, compiled."""

    def __init__(self, schema: AppSchema, cls: str, text: str) -> None:
        """Raises QueryError for what is no query, KeyError for a class that the schema lacks."""

    @property
    def fields(self) -> set[str]:
        """Properties that it reads."""

    @property
    def pinned(self) -> set[str]:
        """Those that it compares with constants by == or IN, not within OR or NOT."""

    @property
    def geo_fields(self) -> set[str]:
        """Those that it asks where they are, and nothing else."""

    @property
    def unsupported(self) -> str:
        """What of it needs other objects than the one that is asked about; empty: nothing."""
