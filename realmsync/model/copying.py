"""Copies of realms: what the configuration of one means, what is refused, who waits for it.

By its configuration, a copy leaves sync, begins it or becomes another client (data-model.md 24.3).
What goes into the new file is decided in csrc/realm/file_copy.cpp.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any

from realmsync import _core
from realmsync.errors import (
    FileAlreadyExistsError,
    InvalidArgumentError,
    MismatchedConfigError,
    WrongTransactionStateError,
)
from realmsync.model.configuration import (
    Synchronisation,
    durability_of,
    file_path,
    make_folder,
    option,
    read_schema,
    schema_mode,
    synchronisation,
)
from realmsync.model.native import native_class, schema_of_file
from realmsync.model.schema_rules import validate
from realmsync.model.write import now


class Copying:
    """One copy of a realm, checked when it is made, and then written, once.

    `core` is the realm's handle, `probe` one of its own that nothing was declared to yet.
    """

    def __init__(
        self,
        core: _core.RealmHandle,
        probe: _core.RealmHandle,
        config: Any,
        *,
        is_synced: bool,
        keep_identity: bool,
    ) -> None:
        if core.writing:
            raise WrongTransactionStateError("Can only convert Realms outside a transaction.")
        sync = synchronisation(config)
        to_sync = sync is not None
        if keep_identity and not to_sync:
            raise InvalidArgumentError("keep_identity is for copies with a sync configuration")
        if sync is not None:
            _require_mode(core.file, sync)
        _require_schema(probe, config, sync)
        if sync is not None and is_synced:
            sync._claim(core.file)  # the copy has the partition that the realm has
        durability = durability_of(config)
        path = file_path(config).absolute()
        if path.exists():
            what = "the realm itself" if path.samefile(core.file.path) else "a file"
            raise FileAlreadyExistsError(f"cannot write a copy to '{path}': it is {what}")
        make_folder(path)
        kind = _core.CopyKind.synced if to_sync else _core.CopyKind.local
        self._path = str(path)
        self._copy = _core.FileCopy(
            core.file,
            self._path,
            _core.CopyKind.whole if keep_identity else kind,
            is_synced=is_synced,
            is_durable=durability == "full",
            now=now(),
        )

    def run(self) -> None:
        """Writes the copy; whoever is interrupted leaves none."""
        written = self._begin()
        try:
            written.result()  # hears Ctrl-C
        except BaseException:
            self._give_up(written)
            concurrent.futures.wait([written])
            self._remove(written)  # the callback may not have been called yet
            raise

    async def run_async(self) -> None:
        """The same without blocking the event loop; whoever is cancelled leaves none."""
        written = self._begin()
        try:
            await asyncio.wrap_future(written)
        except asyncio.CancelledError:
            self._give_up(written)
            ended = asyncio.wrap_future(written)
            await asyncio.wait([ended])
            ended.exception()  # that it was stopped
            raise

    def _begin(self) -> concurrent.futures.Future[None]:
        """Not in an executor: those of others may be waiting for us."""
        written: concurrent.futures.Future[None] = concurrent.futures.Future()
        written.set_running_or_notify_cancel()  # which ends by stop() alone
        thread = threading.Thread(
            target=self._run, args=(written,), name="realmsync-copy", daemon=True
        )
        thread.start()
        return written

    def _run(self, written: concurrent.futures.Future[None]) -> None:
        try:
            self._copy.run()
        except BaseException as error:
            written.set_exception(error)
        else:
            written.set_result(None)

    def _give_up(self, written: concurrent.futures.Future[None]) -> None:
        self._copy.stop()
        written.add_done_callback(self._remove)

    def _remove(self, written: concurrent.futures.Future[None]) -> None:
        if written.exception() is None:
            _core.RealmFile.remove_unused(self._path)


def _require_mode(file: _core.RealmFile, sync: Synchronisation) -> None:
    """Nothing becomes flexible that is not, and nothing ceases to be but by leaving sync."""
    is_flexible = _core.is_flexible(file)
    if sync._is_flexible() and not is_flexible:
        raise MismatchedConfigError(
            "Realm cannot be converted to a flexible sync realm unless flexible sync is already"
            " enabled"
        )
    if is_flexible and not sync._is_flexible():
        raise MismatchedConfigError(
            "Realm cannot be converted from a flexible sync realm to a partition based sync realm"
        )


def _require_schema(probe: _core.RealmHandle, config: Any, sync: Synchronisation | None) -> None:
    """What the copy is opened with has to fit what is in the file, and that to synchronise."""
    to_sync, flexible = sync is not None, sync is not None and sync._is_flexible()
    try:
        in_file = schema_of_file(probe.file_schema())
        if to_sync:
            validate(in_file.values(), synced=True, flexible=flexible)
        declared = option(config, "schema")
        if declared is not None:
            classes = validate(read_schema(declared), synced=to_sync, flexible=flexible)
            probe.declare([native_class(c) for c in classes.values()])
            probe.schema_step(schema_mode(config), option(config, "schema_version"))
    finally:
        probe.close()
