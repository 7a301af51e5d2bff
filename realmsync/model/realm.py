"""Realm: files, transactions, creating and finding objects.

How one is opened and closed is lifetime.py. Nothing here knows sync: a configuration with `sync`
brings it along (Synchronisation in configuration.py). Asynchronous transactions are in write.py,
values in csrc/bindings/values/convert.cpp.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from realmsync import _core
from realmsync.callbacks import Callback, is_async
from realmsync.durations import seconds_of
from realmsync.errors import (
    ArgumentTypeError,
    DeleteOnOpenRealmError,
    IllegalOperationError,
    InvalidArgumentError,
    MissingPrimaryKeyError,
    NoSuchTableError,
)
from realmsync.logs import set_log_level, set_logger
from realmsync.model.configuration import (
    Configuration,
    ConfigurationFields,
    configured,
    file_path,
    subscriptions_of,
    synchronisation,
)
from realmsync.model.containers import Collection, Dictionary, List, Set
from realmsync.model.copying import Copying
from realmsync.model.erasing import erase
from realmsync.model.lifetime import Lifetime
from realmsync.model.load import Load, native_mode
from realmsync.model.objects import BaseObject, Object
from realmsync.model.opening import Opening
from realmsync.model.results import Results
from realmsync.model.write import WriteBlock
from realmsync.naming import meant_or_known
from realmsync.progress import Progress, progress_function

if TYPE_CHECKING:  # what `subscriptions` says; nothing here uses it
    from typing_extensions import Unpack

    from realmsync.sync.subscriptions import SubscriptionSet

T = TypeVar("T", bound=Object)
R = TypeVar("R")
ClassLike = type[T] | str
Mode = Literal["never", "modified", "all"]


def _slot(owner: type, name: str) -> Callable[[Any, Any], None]:
    """The setter of a slot: objects refuse assignment to anything but properties."""
    setter: Callable[[Any, Any], None] = owner.__dict__[name].__set__
    return setter


_set_realm = _slot(BaseObject, "_realm")
_set_place = _slot(BaseObject, "_place")


class Realm(Lifetime):
    """An open realm.

    `Realm(config)` opens at once; `await Realm.open(config)` may download first. A configuration
    is a mapping or an object with the fields

    - path: of the file; default "default.realm"
    - schema: object classes, or Realm's dictionaries; without one, what the file has
    - schema_version: of the schema, from 0. A local realm with one takes over additions of classes
      alone, and is migrated where it is higher than the file's. Servers of flexible sync are told
    - on_migration: of a local realm, called with the realm as it was and as it will be
    - migration_options: MigrationOptions
    - delete_realm_if_migration_needed: a local realm is emptied where it would be migrated
    - sync: a SyncConfiguration, for a synchronised realm
    - durability: "full" (default) or "process": commits survive the process, not the machine

    They can be given as keyword arguments too. One realm belongs to one thread or event loop. Close
    it, or use it as a context: one that is dropped open is closed with a ResourceWarning.

    Attributes: `config` as given; `sync_session`, the SyncSession, or None for a local realm.
    """

    _not_there = {
        **dict.fromkeys(
            ("add_listener", "addListener", "add_notification"),
            "objects and results alone have listeners yet: write dog.add_listener(callback)",
        ),
        **dict.fromkeys(
            ("query", "get", "find", "filtered", "where"),
            "use objects(Dog).filtered(...) or object_for_primary_key",
        ),
        **dict.fromkeys(("add", "insert", "save"), "use create(cls, {...}) in a transaction"),
        "subscribe": "write `await realm.objects(Dog).subscribe()`, or use realm.subscriptions",
        "migrate": "give `Realm(...)` a schema_version and on_migration",
        **dict.fromkeys(("compact", "freeze"), "it is not there yet"),
        "commit": "leaving `with realm.write():` commits; or use commit_transaction",
        "rollback": "an exception in `with realm.write():` does; or use cancel_transaction",
        "transaction": "write `with realm.write():`",
    }

    set_log_level = staticmethod(set_log_level)
    set_logger = staticmethod(set_logger)

    # Files.

    @classmethod
    def open(
        cls,
        config: Configuration | Mapping[str, Any] | None = None,
        **fields: Unpack[ConfigurationFields],
    ) -> OpenRealmTask:
        """Opens without blocking the event loop; a synchronised realm as its configuration says.

        Raises what `Realm(config)` does, SyncTimeoutError when a download takes too long, the error
        that ended the session, AppError when the user is not logged in, OpenCancelledError.
        """
        given = configured(config, fields)
        sync = synchronisation(given)
        if sync is None:
            return OpenRealmTask(given)
        opening: OpenRealmTask = sync._open(given)
        return opening

    @staticmethod
    def exists(
        config: Configuration | Mapping[str, Any] | None = None,
        **fields: Unpack[ConfigurationFields],
    ) -> bool:
        """Whether the file is there; creates nothing."""
        return file_path(configured(config, fields)).exists()

    @staticmethod
    def get_schema_version(path: str | os.PathLike[str]) -> int:
        """The schema version of a file, -1 when there is no file, or nothing in it yet."""
        config = configured({"path": path}, {})
        if not file_path(config).exists():
            return -1
        with Realm(config) as realm:
            return realm.schema_version

    @staticmethod
    def delete_file(
        config: Configuration | Mapping[str, Any] | None = None,
        **fields: Unpack[ConfigurationFields],
    ) -> None:
        """Deletes the file and what lies beside it; it must not be open in this process."""
        path = str(file_path(configured(config, fields)))
        try:
            _core.RealmFile.remove(path)
        except IllegalOperationError:
            raise DeleteOnOpenRealmError(
                f"cannot delete '{path}': a realm of it is open, or the session of one that was"
                " closed has not ended yet (await session.shut_down_and_wait())"
            ) from None

    def write_copy_to(
        self,
        config: Configuration | Mapping[str, Any] | None = None,
        *,
        keep_identity: bool = False,
        **fields: Unpack[ConfigurationFields],
    ) -> None:
        """Writes a copy of the realm, compacted, where a configuration says, and opens nothing.

        The configuration is as for `Realm(...)`. Without `sync` the copy is a local realm. With
        `sync`, that of a local realm uploads every object once it is opened, and that of a
        synchronised realm is another client, which goes on from what the server has sent: its
        user may be another one, its partition not. With `keep_identity` the copy is the same
        client, unsent changes included, and takes the place of the original: once the copy has
        been opened, never synchronise the original again.

        The copy is of one moment, others may write meanwhile; it appears whole and durable, or not
        at all. Blocks for as long as it takes to write the file.

        Raises FileAlreadyExistsError; WrongTransactionStateError in a transaction;
        InvalidSchemaChangeError or SchemaMismatchError for a schema that contradicts the file's,
        SchemaValidationError for classes that cannot be synchronised; MismatchedConfigError for a
        partition that is not the synchronised realm's; IllegalOperationError while the server has
        not integrated all changes of a synchronised realm that becomes another client: wait for
        upload and download first;
        LimitExceededError for an object too large to upload; StorageError.
        """
        self._copying(config, fields, keep_identity).run()

    async def write_copy_to_async(
        self,
        config: Configuration | Mapping[str, Any] | None = None,
        *,
        keep_identity: bool = False,
        **fields: Unpack[ConfigurationFields],
    ) -> None:
        """write_copy_to without blocking the event loop. Cancelled, it leaves no file."""
        await self._copying(config, fields, keep_identity).run_async()

    def _copying(self, config: Any, fields: Any, keep_identity: bool) -> Copying:
        probe = _core.RealmHandle(self._open_file, self)
        return Copying(
            self._core,
            probe,
            configured(config, fields),
            is_synced=self.sync_session is not None,
            keep_identity=keep_identity,
        )

    # State.

    @property
    def is_in_transaction(self) -> bool:
        """Whether this realm is writing."""
        return not self._closed and self._core.writing

    @property
    def is_in_migration(self) -> bool:
        """Whether this is the new realm of an `on_migration` that is running."""
        return self._migration is not None and not self._closed

    @property
    def is_empty(self) -> bool:
        """Whether no class has an object."""
        return not any(self.objects(c.name) for c in self._classes if c.is_readable)

    @property
    def subscriptions(self) -> SubscriptionSet:
        """What the realm subscribes to, in flexible sync. IllegalOperationError in any other."""
        subscriptions: SubscriptionSet = subscriptions_of(self)
        return subscriptions

    # Transactions.

    @overload
    def write(self, *, timeout: float | timedelta | None = None) -> WriteBlock: ...
    @overload
    def write(
        self, function: Callable[[], R], *, timeout: float | timedelta | None = None
    ) -> R: ...
    def write(
        self,
        function: Callable[[], Any] | None = None,
        *,
        timeout: float | timedelta | None = None,
    ) -> Any:
        """A transaction: `with realm.write(): ...`, or `async with realm.write(): ...`.

        Leaving the block commits, durable on return; an exception undoes everything and goes on.
        The asynchronous form waits without blocking the event loop and shares its fsync with
        others that are waiting. With a function: runs it in a transaction, gives its result.

        The transaction belongs to the thread and task that began it: writes of others, and a
        transaction in it, raise WrongTransactionStateError. A file has one writer at a time; who
        waits longer for its turn than `timeout` seconds gets WriteTimeoutError.
        """
        self._require_open()
        if function is None:
            return WriteBlock(self._queue, seconds_of(timeout))
        if is_async(function) or asyncio.iscoroutine(function):
            raise InvalidArgumentError("use `async with realm.write()` for asynchronous code")
        if not callable(function):
            raise ArgumentTypeError(f"Expected a function without arguments, got {function!r}")
        with WriteBlock(self._queue, seconds_of(timeout)):
            return function()

    def begin_transaction(self, timeout: float | timedelta | None = None) -> None:
        """Waits for its turn; end with commit_transaction or cancel_transaction.

        Raises WriteTimeoutError after `timeout` seconds.
        """
        self._require_open()
        self._queue.begin(seconds_of(timeout))

    def commit_transaction(self) -> None:
        """Commits, durable on return."""
        self._require_open()
        self._queue.commit()

    def cancel_transaction(self) -> None:
        """Undoes everything since the transaction began."""
        self._require_open()
        self._queue.cancel()

    # Schema.

    def delete_model(self, name: str) -> None:
        """Deletes a class of the file with its objects, in a transaction.

        In `on_migration` it goes when that has ended. IllegalOperationError for a class of this
        realm's schema, and in a synchronised realm; NoSuchTableError; MigrationFailedError for one
        that others link to.
        """
        self._require_open()
        if name in self._index:
            raise IllegalOperationError(
                f"class '{name}' is in the schema that this realm was opened with: leave it out"
            )
        if self._migration is not None:
            self._migration.delete_model(name)
        else:
            self._core.delete_class(name)

    def rename_property(self, cls: ClassLike[Any], old_name: str, new_name: str) -> None:
        """In `on_migration`: a property of the new schema gets the values of one that is no more.

        Names are those in the file. IllegalOperationError unless both have the same type; only
        what was required may become optional.
        """
        index = self._class_of(cls)
        if self._migration is None:
            raise IllegalOperationError("properties are renamed in on_migration")
        for name, value in (("old_name", old_name), ("new_name", new_name)):
            if not isinstance(value, str):
                raise ArgumentTypeError(f"Expected '{name}' to be a str, got {value!r}")
        self._core.rename_property(index, old_name, new_name)

    # Objects.

    @overload
    def create(
        self, cls: type[T], values: Mapping[str, Any] | None = None, mode: Mode = "never"
    ) -> T: ...
    @overload
    def create(
        self, cls: str, values: Mapping[str, Any] | None = None, mode: Mode = "never"
    ) -> Any: ...
    def create(
        self, cls: type[Object] | str, values: Mapping[str, Any] | None = None, mode: Mode = "never"
    ) -> Any:
        """Creates an object from values by property name and gives it.

        `mode` decides what happens when its primary key exists: "never" raises
        ObjectAlreadyExistsError; "all" sets the given properties; "modified" only those that
        differ. Dictionaries in link properties are created by the same mode. A failed create
        leaves nothing. Gives None for an asymmetric class, whose objects go with the transaction.
        """
        index = self._class_of(cls)
        made = self._core.create(index, {} if values is None else values, native_mode(mode))
        return None if self._classes[index].asymmetric else made

    def create_many(
        self,
        cls: ClassLike[Any],
        rows: Any,
        *,
        mode: Mode = "never",
        transaction_size: int | None = None,
    ) -> int:
        """Creates objects in bulk and gives their number.

        `rows` is an iterable of mappings, or columns: a mapping of property names to sequences,
        NumPy arrays (masked entries and, in optional properties, NaN are null) or Arrow arrays, or
        an Arrow table (anything with `__arrow_c_stream__`). Properties without a column get their
        defaults. `mode` is that of create: rows whose primary key exists are refused, or update
        the properties that they give, which are counted too.

        Inside of a transaction it belongs to that, whole or not at all. Outside, everything is one
        transaction, or with `transaction_size` one per so many rows: these share fsyncs, and all
        are durable on return; an error, Ctrl-C or a crash leaves the finished ones.
        """
        return self._load(cls, rows, mode).run(self._queue, transaction_size)

    async def create_many_async(
        self,
        cls: ClassLike[Any],
        rows: Any,
        *,
        mode: Mode = "never",
        transaction_size: int | None = None,
    ) -> int:
        """create_many in blocks of milliseconds, between which the event loop runs.

        Inside of a transaction of the same task it belongs to that; outside it waits for its turn.
        Cancelled, it leaves what an error leaves.
        """
        return await self._load(cls, rows, mode).run_async(self._queue, transaction_size)

    def _load(self, cls: ClassLike[Any], rows: Any, mode: Mode) -> Load:
        index = self._class_of(cls)
        return Load(self._core, index, self._classes[index], rows, mode)

    def delete(self, subject: Any) -> None:
        """Deletes an object, or every object of an iterable, with all links to them."""
        self._require_open()
        erase(self, subject)

    def delete_all(self) -> None:
        """Deletes every object of every class; the schema stays."""
        for c in self._classes:
            if c.is_readable:
                self.delete(self.objects(c.name))

    @overload
    def objects(self, cls: type[T]) -> Results[T]: ...
    @overload
    def objects(self, cls: str) -> Results[Any]: ...
    def objects(self, cls: type[Object] | str) -> Results[Any]:
        """All objects of a class, live."""
        index = self._readable_class(cls)
        if self._classes[index].embedded:
            raise IllegalOperationError("You cannot query an embedded object.")
        return Results(self, index)

    @overload
    def object_for_primary_key(self, cls: type[T], key: Any) -> T | None: ...
    @overload
    def object_for_primary_key(self, cls: str, key: Any) -> Any: ...
    def object_for_primary_key(self, cls: type[Object] | str, key: Any) -> Any:
        """The object with this primary key, or None."""
        index = self._readable_class(cls)
        if self._classes[index].primary_key is None:
            raise MissingPrimaryKeyError(f"Expected a primary key on '{self._classes[index].name}'")
        return self._core.find(index, key)

    def _readable_class(self, cls: Any) -> int:
        index = self._class_of(cls)
        if self._classes[index].asymmetric:
            raise IllegalOperationError("You cannot query an asymmetric object.")
        return index

    def _class_of(self, cls: Any) -> int:
        self._require_open()
        if not isinstance(cls, type | str):
            raise ArgumentTypeError(
                f"Expected an object class or its name, got one of type '{type(cls).__name__}'"
            )
        index = self._index.get(cls)
        if index is None:
            name = cls if isinstance(cls, str) else cls.__name__
            known = [c.name for c in self._classes]
            if name in known:  # as in the callbacks of client resets
                raise NoSuchTableError(
                    f"Object type {cls!r} is not the '{name}' of this realm, which was opened"
                    f" without it: call it {name!r}"
                )
            meant = meant_or_known(name, known)
            raise NoSuchTableError(f"Object type '{name}' not found in schema{meant}")
        return index

    # Called by the core when it reads.

    def _make_object(self, cls: int, place: _core.Place) -> BaseObject:
        made = object.__new__(self._models[cls])
        _set_realm(made, self)
        _set_place(made, place)
        return made

    def _make_collection(self, kind: int, place: _core.Place) -> Collection:
        return (List, Dictionary, Set)[kind - 1](self, place)

    def __repr__(self) -> str:
        return "<Realm: closed>" if self._closed else f"<Realm {self.path}>"


class OpenRealmTask(Opening[Realm]):
    """A realm being opened: `Realm.open` gives it.

    Await it (`asyncio.create_task`, `gather`, `wait_for` and task groups take it as any coroutine),
    or use it as `async with Realm.open(...) as realm`, which closes the realm at the end. It begins
    at once where an event loop is running, else when it is awaited. When whoever awaits it is
    cancelled, so is the opening, and nothing stays open.
    """

    _instead = "the realm is what `await Realm.open(...)` gives, an `await` is missing"

    def __init__(self, config: Configuration | Mapping[str, Any] | None) -> None:
        self._config = config
        super().__init__()

    def progress(self, callback: Callable[..., object]) -> OpenRealmTask:
        """Reports the download to `callback(Progress)`, or to a callable with two parameters as
        (transferred, transferable); called at once with nothing done yet. Gives this task.
        """
        reported = Callback(progress_function(callback))
        reported.here(Progress(0, 0, 1.0))
        self._follow(reported)
        return self

    def _follow(self, callback: Callback) -> None:
        """A local realm downloads nothing."""

    async def _run(self) -> Realm:
        return await Realm._opened(self._config)
