"""The users of a running server: their file on threads, and the word that a log-in has ended.

Whatever ends a log-in, its program, an operator, a newer log-in or another process, is told to one
keeper of their websockets. Tables and statements are in file/, which changes share an fsync in
commit_group.py, what users may do in auth.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from realmsync.server.accounts.commit_group import CommitGroup
from realmsync.server.accounts.credentials import (
    hash_password,
    is_outdated,
    password_matches,
    unguessable,
)
from realmsync.server.accounts.file.records import Account, LogInEnd, UserRecord
from realmsync.server.accounts.file.user_file import UserFile

Result = TypeVar("Result")

_logger = logging.getLogger("realmsync.server")

# Seconds until what another process has written is noticed: one statement on a page in memory.
_LOOK_INTERVAL = 1.0
# Seconds between notes of who is connected, so that nobody looks idle who stays so for months.
_NOTE_INTERVAL = 3600.0


class WebsocketKeeper(Protocol):
    """Who has the websockets of log-ins, and ends them."""

    def open_log_ins(self) -> Collection[str]:
        """The log-ins that have a websocket and may go on."""
        ...

    def log_ins_ended(self, ended: Mapping[str, LogInEnd]) -> None:
        """Nothing may go through the websockets of these log-ins any more."""
        ...

    def user_data_changed(self, users: Collection[str]) -> None:
        """The custom data of these users have changed, and with them what they may do."""


class Users:
    """The users of one server. Coroutines for the event loop; the work is done on threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Who shows a token waits for nobody who logs in.
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="realmsync-users-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="realmsync-users-write")
        self._changes = CommitGroup(self._store)
        # Two at a time: strangers must not occupy the machine with wrong passwords.
        self._hashing = ThreadPoolExecutor(2, thread_name_prefix="realmsync-passwords")
        self._no_such_account = unguessable()
        self._keeper: WebsocketKeeper | None = None

    async def open(self) -> None:
        """Opens or creates the file. Raises sqlite3.Error."""
        self._file = await self._run(self._writing, lambda: UserFile(self._path))
        self._reader = await self._run(self._reading, lambda: UserFile(self._path))
        self._last_data_change = await self.read(lambda file: file.custom_data.last_change())

    async def close(self) -> None:
        """Closes the file."""
        await self._changes.settle()
        await self._run(self._reading, lambda: self._reader.close())
        await self._run(self._writing, lambda: self._file.close())
        for pool in (self._reading, self._writing, self._hashing):
            pool.shutdown(wait=False)

    def watch(self, keeper: WebsocketKeeper) -> asyncio.Task[None]:
        """Tells this keeper which log-ins end.

        The task, to be cancelled before the keeper ends, sees what other processes do.
        """
        self._keeper = keeper
        return asyncio.get_running_loop().create_task(self._look(keeper))

    async def read(self, work: Callable[[UserFile], Result]) -> Result:
        """What `work` reads in the file; it must not write. Waits for no change."""
        return await self._run(self._reading, lambda: work(self._reader))

    async def change(self, work: Callable[[UserFile], Result]) -> Result:
        """What `work` gives, which changes the file, when that is durable; or what it raises."""
        return await self._changes.do(lambda: work(self._file))

    async def end(self, how: LogInEnd, work: Callable[[UserFile], Collection[str]]) -> None:
        """Does a change that gives the log-ins that end with it, and tells their keeper."""

        async def end_and_tell() -> None:
            await self._tell(dict.fromkeys(await self.change(work), how))

        await to_the_end(end_and_tell())

    async def change_data(self, work: Callable[[UserFile], Collection[str]]) -> None:
        """Does a change that gives the users whose custom data it changes, and tells the keeper."""

        async def change_and_tell() -> None:
            changed = await self.change(work)
            if changed and self._keeper is not None:
                self._keeper.user_data_changed(changed)

        await to_the_end(change_and_tell())

    async def check_password(self, app_id: str, email: str, password: str) -> Account | None:
        """The account, if there is one and this is its password; as slow in either case."""
        account = await self.read(lambda file: file.accounts.find(app_id, email))
        stored = None if account is None else account.password
        matches = await self._run(
            self._hashing, lambda: password_matches(password, stored or self._no_such_account)
        )
        if stored is None or not matches:
            return None
        if is_outdated(stored):
            renewed = await self.hash(password)
            await self.change(
                lambda file: file.accounts.renew_password(app_id, email, stored, renewed)
            )
        return account

    async def hash(self, password: str) -> bytes:
        """The stored form of a password; slow on purpose."""
        return await self._run(self._hashing, lambda: hash_password(password))

    async def user_of_identity(
        self,
        app_id: str,
        provider: str,
        provider_id: str,
        data: Mapping[str, Any],
        *,
        create: bool = True,
    ) -> UserRecord:
        """Whose identity this is, with `data` as its part of the profile from now on.

        The first log-in makes the user, unless `create` is false. Raises Gone without a user.
        """
        return await self.change(
            lambda file: file.users.of_identity(app_id, provider, provider_id, data, create=create)
        )

    async def link_identity(
        self, app_id: str, provider: str, provider_id: str, data: Mapping[str, Any], user_id: str
    ) -> None:
        """Makes this one of the user's identities. Raises IdentityTaken, Gone."""
        await self.change(
            lambda file: file.users.link(app_id, provider, provider_id, data, user_id)
        )

    async def create_anonymous(self, app_id: str) -> UserRecord:
        """A new user without a name."""
        return await self.change(lambda file: file.users.create_anonymous(app_id))

    async def user(self, user_id: str) -> UserRecord:
        """The user with this id. Raises Gone."""
        return await self.read(lambda file: file.users.load(user_id))

    async def open_session(
        self, user_id: str, device_id: str, keep: int, api_key_id: str | None = None
    ) -> str:
        """Records a log-in, the newest of `keep` that the user has; gives its id. Raises Gone."""
        opened = await self.open_log_in(
            lambda file: file.log_ins.open(user_id, device_id, keep, api_key_id)
        )
        assert opened is not None, "what opens a log-in gives it"
        return opened

    async def open_log_in(
        self, work: Callable[[UserFile], tuple[str, Collection[str]] | None]
    ) -> str | None:
        """Does what may open a log-in, giving it and those that it ends; tells their keeper."""

        async def open_and_tell() -> str | None:
            opened = await self.change(work)
            if opened is None:
                return None
            session_id, ended = opened
            await self._tell(dict.fromkeys(ended, LogInEnd.ENDED))
            return session_id

        return await to_the_end(open_and_tell())

    async def user_of_session(self, session_id: str) -> UserRecord | None:
        """The user who logged in, or None when that log-in has ended."""
        found = await self.read(lambda file: file.users.of_log_in(session_id))
        if found is None:
            return None
        user, is_to_be_noted = found
        if is_to_be_noted:  # once a day; a disk that is full keeps nobody out
            with contextlib.suppress(sqlite3.Error):
                await self.change(lambda file: file.log_ins.note_use((session_id,)))
        return user

    async def close_session(self, session_id: str) -> None:
        """Ends a log-in, as its program wishes."""
        await self.end(LogInEnd.LOGGED_OUT, lambda file: file.log_ins.close(session_id))

    async def delete_user(self, user_id: str) -> None:
        """Forgets a user with all identities, accounts, keys and log-ins."""
        await self.end(LogInEnd.ENDED, lambda file: file.users.delete(user_id))

    async def set_disabled(self, user_id: str, disabled: bool) -> None:
        """Locks a user out, or lets him in again. Raises Gone."""
        await self.end(LogInEnd.DISABLED, lambda file: file.users.set_disabled(user_id, disabled))

    async def _tell(self, ended: Mapping[str, LogInEnd]) -> None:
        if ended and self._keeper is not None:
            await self._looked_up()
            self._keeper.log_ins_ended(ended)

    async def _looked_up(self) -> None:
        """Waits until what was read before is known: who was let in by it is with the keeper."""
        await self.read(lambda file: None)

    async def _look(self, keeper: WebsocketKeeper) -> None:
        loop = asyncio.get_running_loop()
        note_due = loop.time() + _NOTE_INTERVAL
        is_stale = has_failed = False
        while True:
            await asyncio.sleep(_LOOK_INTERVAL)
            try:
                is_stale |= await self._run(self._writing, self._file.database.changed_by_others)
                if is_stale:
                    await self._looked_up()
                    await self._check(keeper.open_log_ins())
                    await self._check_data(keeper)
                is_stale = has_failed = False
                if loop.time() >= note_due:
                    note_due = loop.time() + _NOTE_INTERVAL
                    with contextlib.suppress(sqlite3.OperationalError):  # as in user_of_session
                        await self._note_use(keeper.open_log_ins())
            except sqlite3.Error as error:
                if not has_failed:
                    _logger.warning("cannot see who was disabled or deleted: %s", error)
                has_failed = True

    async def _check(self, log_ins: Collection[str]) -> None:
        ended = await self.read(lambda file: file.log_ins.ended_among(log_ins))
        if ended:
            _logger.info("%d log-ins with websockets were ended by another process", len(ended))
        await self._tell(ended)

    async def _check_data(self, keeper: WebsocketKeeper) -> None:
        log_ins = keeper.open_log_ins()

        def look(file: UserFile) -> tuple[int, list[str]]:
            last = file.custom_data.last_change()
            return last, file.custom_data.changed_since(self._last_data_change, log_ins)

        self._last_data_change, changed = await self.read(look)
        if changed:
            keeper.user_data_changed(changed)

    async def _note_use(self, log_ins: Collection[str]) -> None:
        await self.change(lambda file: file.log_ins.note_use(log_ins))

    def _store(self, works: Sequence[Callable[[], Any]]) -> asyncio.Future[list[Any]]:
        return self._run(self._writing, lambda: self._file.database.together(works))

    @staticmethod
    def _run(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(pool, work)


async def to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Awaits work that goes on when who wanted it has gone: what was stored must be told."""
    return await asyncio.shield(asyncio.ensure_future(work))
