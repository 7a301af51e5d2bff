"""Loads of `Realm.create_many`: rows or columns that go into a class, in as many pieces as wanted.

How columns are taken apart is in ingest.py, the writing in csrc/bindings/realm/realm_bulk.cpp.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from realmsync import _core
from realmsync.errors import ArgumentTypeError, InvalidArgumentError
from realmsync.model.ingest import read_rows
from realmsync.model.native import MODES
from realmsync.model.schema import ClassSchema
from realmsync.model.write import WriteBlock, WriteQueue

_BLOCK = 0.005  # seconds that an asynchronous load keeps the event loop busy at a stretch


def native_mode(mode: str) -> _core.OnExisting:
    """Of create and create_many. InvalidArgumentError."""
    native = MODES.get(mode) if isinstance(mode, str) else None
    if native is None:
        raise InvalidArgumentError(f"unknown mode {mode!r}: there are {', '.join(MODES)}")
    return native


class Load:
    """One call of create_many."""

    def __init__(
        self, core: _core.RealmHandle, cls: int, schema: ClassSchema, rows: Any, mode: str
    ) -> None:
        self._core = core
        self._cls = cls
        self._mode = native_mode(mode)
        self._columns = read_rows(rows, schema)
        self._rows = iter(rows) if self._columns is None else None
        self._count = 0
        self._finished = False

    def run(self, queue: WriteQueue, transaction_size: int | None) -> int:
        """Creates all; how many."""
        if self._is_within(self._core.writing, transaction_size):
            self._take(sys.maxsize)
        elif transaction_size is None:
            with WriteBlock(queue):
                self._take(sys.maxsize)
        else:
            with queue.deferred() as transaction:
                while not self._finished:
                    with transaction():
                        self._take(transaction_size)
        return self._count

    async def run_async(self, queue: WriteQueue, transaction_size: int | None) -> int:
        """The same in blocks, between which the event loop runs."""
        if self._is_within(self._core.mine, transaction_size):
            await self._take_in_blocks(sys.maxsize)
        elif transaction_size is None:
            async with WriteBlock(queue):
                await self._take_in_blocks(sys.maxsize)
        else:
            async with queue.deferred_async() as transaction:
                while not self._finished:
                    async with transaction():
                        await self._take_in_blocks(transaction_size)
        return self._count

    @staticmethod
    def _is_within(in_transaction: bool, transaction_size: int | None) -> bool:
        if transaction_size is None:
            return in_transaction
        if not isinstance(transaction_size, int) or isinstance(transaction_size, bool):
            raise ArgumentTypeError(f"transaction_size is an int, not {transaction_size!r}")
        if in_transaction:
            raise InvalidArgumentError("a transaction is open: its size is not for choosing")
        if transaction_size < 1:
            raise InvalidArgumentError("transaction_size must be at least 1")
        return False

    def _take(self, limit: int, time: float | None = None) -> int:
        if self._columns is not None:
            made, self._finished = self._core.create_columns(
                self._cls, self._columns, self._count, limit, self._mode, time
            )
        else:
            assert self._rows is not None
            made, self._finished = self._core.create_rows(
                self._cls, self._rows, limit, self._mode, time
            )
        self._count += made
        return made

    async def _take_in_blocks(self, limit: int) -> None:
        left = limit
        self._core.mark()
        try:
            while left and not self._finished:
                left -= self._take(left, _BLOCK)
                await asyncio.sleep(0)
        except BaseException:
            self._core.undo()
            raise
        self._core.keep()
