"""Stub of the native module for tests and benchmarks, which is not in wheels (setup.py).

Its functions take objects of the product, realmsync._core. One section per file in
csrc/bindings/testbed.
"""

from typing import Any

from realmsync._core import (
    ClientRuntime,
    ClientStore,
    Expression,
    ExpressionContext,
    Query,
    RealmFile,
    RealmHandle,
    ServerRuntime,
)

# -- engines.cpp -----------------------------------------------------------------------------------

class Backoff:
    """Growing delays of one kind of failure, in ms."""

    def __init__(self, initial: int, max: int, multiplier: int, jitter_divisor: int) -> None: ...
    def update(self, reason: int, parameters: tuple[int, int, int, int] | None = None) -> None: ...
    def delay(self, seed: int = 0) -> int: ...
    def reset(self) -> None: ...

_Call = tuple[int, int, float, bool]  # transferred, transferable, estimate, expired

class ProgressNotifiers:
    """The notifiers of one session, fed with reports by hand."""

    def __init__(self) -> None: ...
    def add(
        self, direction: str, streaming: bool, pending_query: int = 0
    ) -> tuple[int, _Call | None]: ...
    def remove(self, token: int) -> None: ...
    def make_reports(self, count: int) -> int:
        """Growing reports; how many calls they make in all."""
    def set_local_version(self, version: int) -> None: ...
    def update(
        self,
        *,
        upload: tuple[int, int] = (0, 0),
        download: tuple[int, int] = (0, 0),
        upload_estimate: float = 1.0,
        download_estimate: float = 1.0,
        snapshot: int = 1,
        query_version: int = 0,
    ) -> list[tuple[int, _Call]]: ...

def simulate_error(
    runtime: ClientRuntime, session: int, status: int, message: str, fatal: bool, action: str
) -> None:
    """Lets a session report an error as if its server had sent it."""

def connection_count(runtime: ClientRuntime) -> int:
    """Connections the engine has, in whatever state."""

def visits(runtime: ClientRuntime | ServerRuntime) -> int:
    """How often a session was looked at because all of its connection, or client, were."""

# -- commit_group.cpp ------------------------------------------------------------------------------

class WriterQueue:
    """The queue of a realm file's writers; places by number, one turn at a time."""

    def request(self, thread: int) -> int: ...
    def request_blocking(self, thread: int) -> int: ...
    def try_acquire(self) -> bool: ...
    def is_granted(self, number: int) -> bool: ...
    def take(self, number: int) -> bool: ...
    def put_back(self, number: int) -> None: ...
    def leave(self, number: int) -> None: ...
    def release(self) -> None: ...
    @property
    def is_taken(self) -> bool: ...
    @property
    def has_waiters(self) -> bool: ...
    def take_told(self) -> list[int]:
        """Whose event loops were told that their turn has come."""

class CommitGroup:
    """A realm file's group commit on a database of the test's own.

    The caller keeps the order: begin, any SQL, then one of defer, commit and rollback.
    """

    def __init__(self, path: str) -> None: ...
    def begin(self) -> None: ...
    def execute(self, sql: str) -> None: ...
    def defer(self, version: int) -> int:
        """Ends the writing without the disk; its ticket."""

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def flush(self, ticket: int) -> int:
        """Writes what waits; the newest version of it, 0 when the ticket was durable before.

        Raises StorageError when its commit was lost.
        """

    def require_kept(self, ticket: int) -> None:
        """Raises StorageError when its commit was lost."""

    def close(self) -> None: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def has_waiting(self) -> bool: ...
    def committed(self, sql: str) -> list[int]:
        """The first column of a query on another connection."""

# -- admission.cpp ---------------------------------------------------------------------------------

# Salt, user, cursor, locked version, acknowledged cursor and head, expired.
_File = tuple[int, str, tuple[int, int], int, tuple[int, int], int, bool]
_Upload = tuple[int, int, int, bytes]  # client version, base, origin, changeset

def admit(
    *,
    head: tuple[int, int],
    file: _File | None,
    latest_salt: int | None,
    user: str,
    ident: tuple[int, int],
    download: tuple[int, int],
    latest: tuple[int, int],
) -> int | tuple[tuple[int, int], int, int]:
    """A protocol error code, or threshold, locked version and head. `head` is (version, base)."""

def check_uploads(
    *,
    head: tuple[int, int],
    file: _File | None,
    uploads: list[_Upload],
    progress: tuple[int, int],
) -> int | None:
    """A protocol error code, or None."""

def left_to_integrate(file: _File, uploads: list[_Upload]) -> list[int]:
    """Client versions of the uploads that are new."""

def advance(
    file: _File,
    *,
    uploads: list[_Upload],
    progress: tuple[int, int],
    locked: int,
    head_version: int,
) -> _File: ...
def is_sound(file: _File) -> bool: ...
def is_advance(before: _File, after: _File) -> bool: ...

# -- storage.cpp -----------------------------------------------------------------------------------

class ServerStorage:
    """A server's real database on a disk in memory: outlives its runtimes, fails on demand.

    Starting a server on it ends the one before: that can do nothing any more.
    """

    def __init__(self, seed: int = 0, checkpoint_pages: int = 8192) -> None: ...
    def copy(self) -> ServerStorage:
        """What is committed, as a backup would hold it."""

    def jump_clock(self, ms: int) -> None:
        """Sets the wall clock, forwards or backwards."""

    def kill(self) -> None:
        """Ends the process: what runs on the disk can do nothing any more."""

    def cut_power(self, chance: int = 0) -> None:
        """The same, and what was not synced to the disk is lost; with a chance other than 0, any
        of it may be there."""

    def doom(self, count: int) -> None:
        """Ends the process at the count-th write or sync from now on, which does not happen;
        kill() or cut_power() has to follow. 0: not after all."""

    def fail_write(self, count: int = 1) -> None:
        """The count-th write to the disk from now on fails."""

    def fail_sync(self, count: int = 1) -> None:
        """The count-th sync of a file from now on fails."""

    def limit(self, bytes: int) -> None:
        """No more fits on the disk; 0: no limit."""

    def used(self) -> int:
        """Bytes on the disk."""

    def writes(self) -> int:
        """To its disk, so far."""

    def fail_commit(self, stored: bool) -> None:
        """The next commit raises, before or (`stored`) after it has taken effect."""

    def fail_append(self) -> None:
        """The next upload raises while it is integrated."""

    def fail_page(self) -> None:
        """The next DOWNLOAD cannot be read."""

    def fail_page_memory(self) -> None:
        """There is no memory to make the next DOWNLOAD."""

    def entries(self, app_id: str, key: str) -> list[tuple[int, int, bytes]]:
        """The history of a partition: client file ident, client version, changeset."""

    def files(self, app_id: str, key: str) -> dict[int, tuple[int, int, int]]:
        """By ident: stored client version, base server version, locked server version."""

    def compensations(self, app_id: str, key: str) -> list[tuple[int, int, int, str, bytes, str]]:
        """What client files of flexible sync are to be sent of their rejected writes: ident of the
        file, version, client version, class, primary key as errors have it before base64, reason;
        without one they have lost the write as well."""

def start_server(
    storage: ServerStorage,
    *,
    workers: int = 0,
    seed: int = 0,
    merge_profile: str = "safe",
    asks_permission: bool = False,
    tuning: dict[str, int] = ...,
) -> ServerRuntime:
    """A server on the store; the one before can do nothing any more."""

class ClientStorage(ClientStore):
    """A client's real realm file on a disk in memory, for tests."""

    def __init__(self, checkpoint_pages: int = 2000) -> None: ...
    @property
    def file(self) -> RealmFile: ...
    def reopen(self) -> ClientStorage:
        """What the next process opens on the disk; the present one can do nothing any more."""

    def kill(self) -> None:
        """See ServerStorage."""

    def cut_power(self, chance: int = 0) -> None: ...
    def doom(self, count: int) -> None: ...
    def fail_write(self, count: int = 1) -> None:
        """The count-th write to the disk from now on fails."""

    def fail_sync(self, count: int = 1) -> None:
        """The count-th sync of a file from now on fails."""

    def limit(self, bytes: int) -> None:
        """No more fits on the disk; 0: no limit."""

    def used(self) -> int:
        """Bytes on the disk."""

    def writes(self) -> int:
        """To its disk, so far."""

    def fail_integration(self, kind: str) -> None:
        """Lets the next integration fail, once: "bad_changeset" or "bad_progress"."""

    def received(self) -> list[tuple[int, int, int, int]]:
        """Server version, base, origin ident and number of instructions of what has come."""

# -- merge.cpp -------------------------------------------------------------------------------------

def transform(
    window: list[tuple[int, int, int, bytes]],
    incoming: list[tuple[int, int, int, bytes]],
    profile: str = "strict",
) -> tuple[list[bytes], dict[int, bytes]]:
    """Rebases incoming changesets over the local ones that their author had not seen.

    `window`: version, origin timestamp, origin ident and changeset, ascending. `incoming`: base,
    origin timestamp, origin ident and changeset. Gives the transformed changesets
    and, by version, the window entries that were altered, empty ones included. Raises
    TransformError, SchemaMismatchError, BadProgressError or BadChangesetError.
    """

# -- partitions.cpp --------------------------------------------------------------------------------

class PartitionDb:
    """A server's data directory; one caller at a time.

    Refusals are values: a pair of protocol code and message beside None. Failures of the machine
    are exceptions, after which rollback() is due.
    """

    def __init__(
        self,
        directory: str,
        *,
        durability: str = "full",
        tail_bytes: int | None = None,
        cache_bytes: int | None = None,
        merge_profile: str = "safe",
        work: int | None = None,
        quotas: tuple[int, int, int] = (0, 0, 0),
        page_cache_bytes: int | None = None,
    ) -> None:
        """`durability` is "full" or "process" (survives a crash of the process only). `quotas` of
        one user: partitions, client files, bytes; 0: none."""

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def open_partition(self, app_id: str, key: bytes, user_id: str = "ann") -> tuple[int, int]:
        """Number and newest server version of the partition, which is created if it is new.
        ValueError, here and below, if the user has too many."""

    def allocate_ident(self, partition: int, user_id: str) -> tuple[int, int]:
        """Ident and salt of a new client file."""

    def bind(
        self,
        partition: int,
        user_id: str,
        file: tuple[int, int],
        download: tuple[int, int] = ...,
        latest: tuple[int, int] = ...,
    ) -> tuple[tuple[int, int, int, int] | None, tuple[int, str] | None]:
        """Stored client version, base server version, locked server version and head."""

    def append(
        self,
        partition: int,
        file_ident: int,
        changesets: list[tuple[int, int, int, int, bytes]],
        progress: tuple[int, int],
        locked_server_version: int = 0,
    ) -> tuple[int | None, tuple[int, str] | None]:
        """The head afterwards. Changesets: client version, base server version, origin timestamp,
        origin ident (0: the sender) and bytes; progress: client and server version."""

    def fetch_page(
        self,
        partition: int,
        file_ident: int,
        cursor: tuple[int, int] = ...,
        least_latest: int = 0,
        byte_limit: int = ...,
    ) -> dict[str, Any]:
        """One DOWNLOAD after the cursor (server and client version): `entries` (server version,
        client version, origin timestamp, origin ident, original size, bytes), `latest` with salt,
        `download` and `upload` cursors, `downloadable` bytes, whether it went out `compressed`."""

    def fetch_recent(
        self, partition: int, file_ident: int, cursor: tuple[int, int] = ...
    ) -> dict[str, Any] | None:
        """The same, if it is small and in memory."""

    def cached_bytes(self) -> int:
        """What the copies in memory take, about."""

    def close(self) -> None:
        """Gives the directory free. Everything else raises ValueError afterwards."""

# -- query_parts.cpp -------------------------------------------------------------------------------

def calculate_decimals(op: str, left: str, right: str) -> str:
    """`+ - * /` of two decimals in scientific text."""

def compare_decimals(left: str, right: str) -> int:
    """Their order: -1, 0 or 1. NaN is below every number."""

def double_to_decimal(value: float) -> str:
    """What a double is where it meets a decimal, in scientific text."""

def float_to_decimal(value: float) -> str:
    """The same of a float."""

def is_like(text: str | bytes, pattern: str | bytes, ignore_case: bool = False) -> bool:
    """LIKE, without and with [c]."""

def fold(text: str | bytes) -> bytes:
    """What [c] compares."""

# -- query_lab.cpp ---------------------------------------------------------------------------------

class LabQuery:
    """A query that is bound, with the objects of its lab."""

    @property
    def text(self) -> str:
        """What a subscription would send."""
    @property
    def exact_text(self) -> str:
        """What reread() reads; arguments stand for what no text says."""
    @property
    def tree(self) -> bytes:
        """Equal for equal trees."""
    @property
    def unsoundness(self) -> str:
        """What is wrong with its tree, if it is none that bind() makes."""
    @property
    def canonical(self) -> bytes:
        """Equal for equal normal forms."""
    def select(self) -> list[int]:
        """Positions of the objects that match among those of the class, in the query's order."""
    def matches(self, object: int) -> bool:
        """Whether the filter takes the object at a position."""
    def normalized(self) -> LabQuery: ...
    def reread(self) -> LabQuery:
        """Its exact text, parsed and bound."""
    def needs(self) -> dict[str, Any]:
        """properties (of each class), backlinks, and which kinds of links are followed."""

class QueryLab:
    """Queries of a data set in memory; everything in the form of tests/vectors/queries."""

    def __init__(self, dataset: dict[str, Any]) -> None: ...
    def bind(
        self,
        cls: str,
        text: str,
        arguments: list[dict[str, Any]] = ...,
        mapping: list[dict[str, str]] = ...,
        is_subscription: bool = False,
        knows_objects: bool = True,
    ) -> LabQuery:
        """Raises a QueryError. Without knows_objects, obj() of a missing object stays a link."""

# -- query_rows.cpp --------------------------------------------------------------------------------

def select_by_evaluator(handle: RealmHandle, query: Query) -> list[Any]:
    """The keys of what a query selects of what is committed, without SQL's help."""

def canonical_query(handle: RealmHandle, query: Query) -> bytes:
    """The bytes of its normal form."""

def query_statement(handle: RealmHandle, query: Query) -> str:
    """The statement that finds the rows."""

def postgresql_condition(handle: RealmHandle, query: Query) -> tuple[str, int]:
    """The condition as PostgreSQL has it, and how many parts of the query are left to ask."""

def explain_query(handle: RealmHandle, query: Query) -> list[str]:
    """The steps in which SQLite finds the rows."""

# -- query_syntax.cpp ------------------------------------------------------------------------------

def parse_query(
    text: str | bytes,
    is_subscription: bool = False,
    depth: int = 100,
    terms: int = 1_000_000,
    bytes: int = 16 << 20,
) -> str:
    """What the parser understood: operators in front of their operands, constants behind their
    kind, what stood in parentheses between < and >. Raises QuerySyntaxError or QueryLimitError."""

def query_words(text: str, is_subscription: bool = False) -> list[tuple[str, str]]:
    """What the lexer finds: what messages call it, and how it is spelled. Raises
    QuerySyntaxError."""

def parse_query_region(text: str | bytes) -> str:
    """The same of a region alone."""

def parse_query_path(text: str | bytes) -> str:
    """The same of a path alone."""

# -- realm_file.cpp --------------------------------------------------------------------------------

def state(file: RealmFile) -> dict[str, Any]:
    """Versions, byte counters, ident and cursors as the session sees them."""

def history(file: RealmFile) -> list[dict[str, Any]]:
    """The entries that are kept: version, remote_version, origin_ident, origin_timestamp,
    changeset (bytes) and reciprocal (bytes or None)."""

def objects(file: RealmFile) -> dict[str, list[dict[str, Any]]]:
    """The stored objects by class, as MergePeer.state() gives them."""

def commit_changeset(file: RealmFile, changeset: bytes, timestamp: int) -> int:
    """A whole local transaction; its version."""

def store_ident(file: RealmFile, ident: int, salt: int) -> None:
    """What an IDENT message does to the file."""

def integrate(
    file: RealmFile,
    changesets: list[tuple[int, int, int, int, bytes]],
    download: tuple[int, int],
    upload: tuple[int, int] = (0, 0),
    latest: tuple[int, int] = (0, 0),
    downloadable_bytes: int = 0,
) -> None:
    """What a DOWNLOAD does. Changesets: server version, base client version, timestamp,
    origin ident, bytes."""

def fetch_upload(
    file: RealmFile,
    client_version: int,
    server_version: int,
    soft: int = 131072,
    hard: int = 16777216,
) -> tuple[list[tuple[int, int, int, bytes]], tuple[int, int]]:
    """The next UPLOAD after a cursor: entries (client version, base server version, timestamp,
    bytes), and the cursor after it."""

def close_idle(file: RealmFile) -> int:
    """Closes connections that nobody uses; they open again on demand. How many."""

# -- regions.cpp -----------------------------------------------------------------------------------

_Place = tuple[float, float]  # longitude and latitude, in degrees

def places_in_polygon(rings: list[list[_Place]], places: list[_Place]) -> list[bool]:
    """Which places lie within the first ring and no other. ValueError for what is no polygon."""

def places_in_box(low: _Place, high: _Place, places: list[_Place]) -> list[bool]: ...
def places_in_circle(center: _Place, radius: float, places: list[_Place]) -> list[bool]:
    """The radius in radians."""

# -- text_search.cpp -------------------------------------------------------------------------------

def text_tokens(text: str) -> str:
    """The tokens of a text, a blank between each."""

def texts_matching(search: str, texts: list[str]) -> list[bool]:
    """Which texts match. ValueError for what is no search."""

def match_expression(search: str) -> tuple[str, bool]:
    """The search as FTS5 says it, and whether the rows that match are those not selected."""

# -- scratch_store.cpp -----------------------------------------------------------------------------

class ScratchStore:
    """The typed tables of a file without a history.

    Outside begin() and commit() every call of apply() is its own transaction. Raises StorageError
    where SQLite fails.
    """

    def __init__(self, path: str, server: bool = False, durability: str = "full") -> None:
        """Opens or creates the file; durability is "off" or "full"."""

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def apply(self, changeset: bytes, partition: int = 1) -> None:
        """Applies one changeset, all of it or nothing.

        Raises BadChangesetError or SchemaMismatchError.
        """

    def apply_all(self, changesets: list[bytes], partition: int = 1) -> None:
        """The same for several, written back together: one row write per object."""

    def state(self, partition: int = 1) -> dict[str, list[dict[str, Any]]]:
        """All objects in the form of the recorded histories' `final_state`."""

    def schema(self, partition: int = 1) -> dict[str, dict[str, Any]]:
        """By class: kind, SQL table, properties with their SQL columns."""

    def changesets(self, partition: int = 1) -> list[bytes]:
        """One changeset per object that makes it as it is stored."""

    def find(self, cls: str, keys: list[Any], partition: int = 1) -> list[dict[str, Any] | None]:
        """The objects that one scan finds, asked for in this order; None where there is none."""

    def shares_schema(self, a: int, b: int) -> bool:
        """Whether two partitions share one schema in memory."""

    def incoming(
        self, cls: str, key: int, partition: int = 1
    ) -> list[tuple[str, Any, str, list[str | int]]]:
        """Links to an object: class, key, property and path of each."""

    def set_durability(self, durability: str) -> None: ...
    def shrink(self) -> None:
        """Gives the memory of an idle connection back."""

class JobQueue:
    """The queue of the server's writer, its jobs by number."""

    def __init__(self) -> None: ...
    def push_upload(self, number: int, user: int, partition: int, file: int, size: int) -> None: ...
    def push_bind(self, number: int, user: int, partition: int, file: int) -> None: ...
    def push_query(self, number: int, user: int, partition: int, file: int, size: int) -> None: ...
    def empty(self) -> bool: ...
    def take(self) -> list[int]: ...
    def settle(
        self, costs: list[tuple[int, int]], left: list[int] = ..., heavy: list[int] = ...
    ) -> None: ...

# -- rules.cpp -------------------------------------------------------------------------------------

def ask_rule(
    handle: RealmHandle, cls: str, filter: Expression, context: ExpressionContext
) -> dict[str, Any]:
    """The keys of what a filter selects: by `evaluator`, `sql`, `normal` form and `text`; and what
    is wrong with its predicate (`unsoundness`)."""

# -- views.cpp -------------------------------------------------------------------------------------

class ViewLab:
    """Query sets over a data set in memory, by users who may do everything."""

    def __init__(self, dataset: dict[str, Any], queryable: list[str] | None = None) -> None:
        """Without `queryable` in development mode."""

    def understand(self, body: bytes) -> tuple[bytes, dict[str, set[str]]]:
        """The bytes of its meaning, and the fields that become queryable. Raises ValueError."""

    def take(self, body: bytes, is_stored: bool = False) -> int:
        """The group of the view, or of the one that its stored bytes are. Raises ValueError."""

    def give_back(self, group: int) -> None: ...
    @property
    def groups(self) -> list[int]: ...
    def groups_of(self, cls: str, object: int) -> list[int]:
        """Of the object at this position, as the index finds them."""

    def members(self, group: int, cls: str) -> list[int]:
        """The positions of the objects in a group's view, each asked by itself."""

    def probe(self, cls: str, times: int) -> int:
        """Asks the index for the groups of each object, so often: how many it has found."""

def fold_presences(presences: list[str]) -> tuple[str, list[str | None]]:
    """Of "absent", "outside" and names of fields that are shown: the verdict, and of each change
    the field of which it is sent as it is."""

def touched_objects(changeset: bytes) -> list[tuple[str, str, list[str]]]:
    """Class, key as text, and written properties of each object."""

def without_objects(changeset: bytes, dropped: list[int]) -> bytes:
    """The changeset without the instructions on some of its objects."""

def parse_query_body(json: bytes) -> dict[str, str]: ...
def format_query_body(texts: dict[str, set[str]]) -> bytes: ...
def parse_flexible_bind(json: bytes) -> tuple[str | None, int, bool]: ...
def format_flexible_bind(
    migrated_partition: str | None, schema_version: int, is_after_reset: bool
) -> bytes: ...
