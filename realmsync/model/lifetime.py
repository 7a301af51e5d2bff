"""The life of a realm: how it is opened, at once or beside an event loop, used while open, closed.

What it is good for is realm.py. What a configuration means is configuration.py. Nothing here knows
sync: a configuration with `sync` brings it along (Synchronisation there).
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from realmsync import _core
from realmsync.errors import (
    ClosedRealmError,
    MismatchedConfigError,
    WrongTransactionStateError,
)
from realmsync.model.configuration import (
    Configuration,
    ConfigurationFields,
    closed_on_error,
    configured,
    initial_update,
    open_file,
    option,
    read_schema,
    schema_mode,
    synchronisation,
)
from realmsync.model.in_thread import in_thread
from realmsync.model.live import LiveQueries
from realmsync.model.migration import Migration
from realmsync.model.native import native_class, schema_of_file
from realmsync.model.objects import model_of
from realmsync.model.schema import ClassSchema
from realmsync.model.schema_rules import validate
from realmsync.model.write import WriteBlock, WriteQueue
from realmsync.naming import Explained
from realmsync.process import forked, tell_forks

if TYPE_CHECKING:  # what `sync_session` says; nothing here uses it
    from typing_extensions import Self, Unpack

    from realmsync.sync.session import SyncSession


class Lifetime(Explained):
    """What a realm has from its opening to its end: file, schema, turns to write, session."""

    def __init__(
        self,
        config: Configuration | Mapping[str, Any] | None = None,
        **fields: Unpack[ConfigurationFields],
    ) -> None:
        self._prepare(configured(config, fields))
        try:
            if self._schema_step != _core.SchemaStep.none:
                with WriteBlock(self._queue):
                    self._take_schema_step()
            self._finish()
        except BaseException as error:
            self._let_go(error)
            raise
        with closed_on_error(self):
            if (update := initial_update(self)) is not None:
                update.run()

    @classmethod
    async def _opened(cls, config: Any) -> Self:
        """One that opens without blocking the event loop, not even while others write."""
        realm = cls.__new__(cls)
        await in_thread(lambda: realm._prepare(config), lambda _: realm._let_go())
        try:
            if realm._schema_step != _core.SchemaStep.none:
                async with WriteBlock(realm._queue):
                    realm._take_schema_step()
            realm._finish()
        except BaseException as error:
            realm._let_go(error)
            raise
        with closed_on_error(realm):
            if (update := initial_update(realm)) is not None:
                await update.run_async()
        return realm

    def _prepare(self, config: Any) -> None:
        """Opening, up to what needs the writer's turn for a moment; a migration is done by then."""
        self._begin(config)
        sync = synchronisation(config)
        declared = option(config, "schema")
        classes = None
        if declared is not None:
            flexible = sync is not None and sync._is_flexible()
            classes = validate(read_schema(declared), synced=sync is not None, flexible=flexible)
        self._take_file(open_file(config))
        try:
            self._declare(schema_of_file(self._core.file_schema()) if classes is None else classes)
            if classes is not None:
                self._enter_schema()
            if sync is not None:  # last: what is refused before stays as it was
                sync._claim(self._file)
        except BaseException as error:
            self._let_go(error)
            raise

    def _begin(self, config: Any) -> None:
        self.config = config
        self.sync_session: SyncSession | None = None
        self._closed = True  # until all of the following has succeeded
        self._is_parents = False  # this is a copy in a forked child
        self._live = LiveQueries()
        self._observed: Any = None
        self._schema_step = _core.SchemaStep.none
        self._migration: Migration | None = None  # whose callback has this as its new realm

    def _take_file(self, file: _core.RealmFile) -> None:
        self._file = file
        self._path = str(file.path)
        self._core = _core.RealmHandle(file, self)
        self._queue = WriteQueue(self._core, file)

    def _beside(self) -> Self:
        """Another realm of the same file, without a schema yet."""
        realm = type(self).__new__(type(self))
        realm._begin(self.config)
        realm._take_file(self._file)
        realm._closed = False
        return realm

    def _enter_schema(self) -> None:
        """Looks what the file needs for the classes that are declared."""
        self._schema_mode = schema_mode(self.config)
        self._schema_version: int | None = option(self.config, "schema_version")
        is_versioned = self._schema_mode != _core.SchemaMode.additive
        self._core.enter_version(self._schema_version if is_versioned else None)
        self._schema_step = self._core.schema_step(self._schema_mode, self._schema_version)
        if self._schema_step == _core.SchemaStep.migrate:
            Migration(self).run()
            self._schema_step = self._core.schema_step(self._schema_mode, self._schema_version)

    def _take_schema_step(self) -> None:
        """In a transaction: what is there may have changed before its turn came."""
        step = self._core.schema_step(self._schema_mode, self._schema_version)
        if step == _core.SchemaStep.migrate:
            raise MismatchedConfigError(
                f"Realm at path '{self._path}' was opened with different schema version meanwhile."
            )
        if step == _core.SchemaStep.begin_anew:
            self._core.begin_anew()
        if step != _core.SchemaStep.none:
            self._core.add_schema(self._schema_version)

    def _finish(self) -> None:
        sync = synchronisation(self.config)
        if sync is not None:
            self.sync_session = sync._attach(self._file, option(self.config, "schema_version"))
        self._closed = False
        tell_forks(self)

    def _on_fork(self) -> None:
        self._is_parents = self._closed = True

    def _declare(self, classes: Mapping[str, ClassSchema]) -> None:
        self._classes = list(classes.values())
        self._models = [model_of(c) for c in self._classes]
        self._index: dict[Any, int] = {c.name: i for i, c in enumerate(self._classes)}
        for i, model in enumerate(self._models):
            self._index[model] = i
        self._core.declare([native_class(c) for c in self._classes])

    def _let_go(self, error: BaseException | None = None) -> None:
        """Ends the use of the file, also by the calls that an error has ended."""
        if error is not None:
            traceback.clear_frames(error.__traceback__)
        if hasattr(self, "_queue"):
            self._queue.close()
        self._live.close()
        self._core.close()
        del self._file

    def __del__(self) -> None:
        if getattr(self, "_closed", True):
            return
        try:
            warnings.warn(f"unclosed realm {self.path}", ResourceWarning, stacklevel=1, source=self)
        finally:
            self._close(dropped=True)

    def close(self) -> None:
        """Rolls an open transaction back and ends the use of the file. Idempotent."""
        if not self._closed:
            self._close(dropped=False)

    def _close(self, *, dropped: bool) -> None:
        if self._core.changing:
            raise WrongTransactionStateError("A write of this Realm is under way")
        self._closed = True
        try:
            if self.sync_session is not None and dropped:
                self.sync_session._drop()
                self.sync_session = None  # who keeps the warning keeps this realm, but not it
            elif self.sync_session is not None:
                self.sync_session._release()
        finally:
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._queue.drain()
        self.close()

    @property
    def is_closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        if not self._is_parents:  # a child may want to open the same file
            self._require_open()
        return self._path

    @property
    def schema(self) -> list[dict[str, Any]]:
        """The classes in canonical form, sorted by name."""
        return [c.canonical() for c in self._classes]

    @property
    def schema_version(self) -> int:
        """That of the file: 0 if it has classes and none was ever given, -1 if it is new."""
        self._require_open()
        return self._core.schema_version()

    def _require_open(self) -> None:
        """Raises ClosedRealmError when the realm is closed."""
        _ = self._open_file

    @property
    def _open_file(self) -> _core.RealmFile:
        if self._closed:
            if self._is_parents:
                raise forked("realm")
            raise ClosedRealmError("Cannot access realm that has been closed.")
        return self._file
