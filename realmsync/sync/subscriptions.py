"""Subscriptions of a realm in flexible sync: sets, how they are updated, and waiting for one.

How a list of subscriptions is edited is csrc/realm/subscription_list.hpp's, what becomes of a set
csrc/realm/subscription_store.hpp's. Specification: flexible-sync.md 3 and node-sdk-surface.md 10.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Any, Protocol, overload

from bson import ObjectId

from realmsync import _core
from realmsync.callbacks import is_async
from realmsync.durations import seconds_of
from realmsync.enums import SubscriptionSetState
from realmsync.errors import (
    ArgumentTypeError,
    ClosedRealmError,
    IllegalOperationError,
    InvalidArgumentError,
    SubscriptionError,
    WrongTransactionStateError,
)
from realmsync.model.objects import Object
from realmsync.model.query import condition_of
from realmsync.model.results import Results
from realmsync.model.write import WriteBlock, WriteQueue
from realmsync.naming import Explained, shown


class SetCode(IntEnum):
    """States of sets as the core has them (3.3); all others are on their way."""

    PENDING = 1
    COMPLETE = 3
    ERROR = 4


class SubscribingSession(Protocol):
    """What waits of the session of a realm."""

    async def _wait(
        self,
        direction: str,
        timeout: float | timedelta | None,
        *,
        to_open: bool = False,
        version: int | None = None,
    ) -> bool: ...


class SubscribingRealm(Protocol):
    """What subscriptions need of their realm."""

    sync_session: Any  # a SubscribingSession
    _classes: Any
    _core: _core.RealmHandle
    _queue: WriteQueue

    @property
    def _open_file(self) -> Any: ...
    def _class_of(self, cls: Any) -> int: ...


@dataclass(frozen=True)
class Subscription:
    """One query over one class, whose objects the server sends."""

    id: ObjectId
    created_at: datetime
    updated_at: datetime
    name: str | None
    object_type: str
    query_string: str


def _subscription(row: tuple[bytes, int, int, str | None, str, str]) -> Subscription:
    id, created, updated, name, cls, query = row
    return Subscription(ObjectId(id), _time(created), _time(updated), name, cls, query)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def query_of(results: Any) -> tuple[str, str]:
    """Class and text that subscribe to results; their order and limit are no part of it."""
    if isinstance(results, type) and issubclass(results, Object):
        raise ArgumentTypeError(f"subscribe to results: realm.objects({results.__name__})")
    if not isinstance(results, Results):
        raise ArgumentTypeError(f"Expected results to subscribe to, got {shown(results)}")
    if results._members is not None:
        raise IllegalOperationError("subscribe to results of a class, not to those of a collection")
    return results._realm._classes[results._class].name, condition_of(results.description)


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise ArgumentTypeError(f"Expected 'name' to be a str, got {shown(name)}")
    return name


def _counted(number: int) -> str:
    return f"{number} subscription{'s' * (number != 1)}"


class BaseSubscriptionSet(Explained):
    """What sets and sets that are being updated have in common: reading them."""

    _list: _core.SubscriptionList

    def __len__(self) -> int:
        return len(self._list.items())

    def __iter__(self) -> Iterator[Subscription]:
        return map(_subscription, self._list.items())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is subscribed to."""
        return len(self) == 0

    def find_by_name(self, name: str) -> Subscription | None:
        """The subscription with a name."""
        found = self._list.find_name(_name(name))
        return None if found is None else _subscription(found)

    def find_by_query(self, results: Results[Any]) -> Subscription | None:
        """The first subscription, named or not, to the query of these results."""
        found = self._list.find_query(*query_of(results))
        return None if found is None else _subscription(found)


class SubscriptionSet(BaseSubscriptionSet):
    """The subscriptions of a realm in one version, all in force together.

    `realm.subscriptions` gives the latest. `state` and `error` are always those of now; version and
    content change with `update` alone.
    """

    _not_there = {
        **dict.fromkeys(
            ("add", "remove", "remove_all", "remove_by_name", "remove_unnamed"),
            "write `async with realm.subscriptions.update() as subscriptions:` and use that",
        ),
    }

    def __init__(self, realm: SubscribingRealm) -> None:
        self._realm = realm
        self._refresh(None)

    def _refresh(self, version: int | None) -> None:
        found = _core.subscription_set(self._realm._open_file, version)
        if found is not None:
            self._version, _, _, self._list = found

    @property
    def version(self) -> int:
        """Counts the updates of the file; 0 before the first one."""
        return self._version

    @property
    def state(self) -> SubscriptionSetState:
        """PENDING until the server's data for it are in the file, all of them; then COMPLETE.

        ERROR when the server has refused it; SUPERSEDED when a newer one is complete.
        """
        return self._now()[0]

    @property
    def error(self) -> str | None:
        """Why the server has refused it."""
        return self._now()[1]

    def _now(self) -> tuple[SubscriptionSetState, str | None]:
        found = _core.subscription_set(self._realm._open_file, self._version)
        if found is None:
            return SubscriptionSetState.SUPERSEDED, None
        _, code, error, _ = found
        if code == SetCode.ERROR:
            return SubscriptionSetState.ERROR, error
        if code == SetCode.COMPLETE:
            return SubscriptionSetState.COMPLETE, None
        return SubscriptionSetState.PENDING, None

    @property
    def has_any(self) -> bool:
        """Whether the file has had subscriptions, but for those that were refused."""
        if self._version > 0 and self.state is SubscriptionSetState.ERROR:
            return self._before_refused()[0] > 0
        return self._version > 0

    def _before_refused(self) -> tuple[int, _core.SubscriptionList]:
        """The latest set that was not refused; the empty one of version 0 if there is none."""
        file, version = self._realm._open_file, self._version
        while version > 0:
            found = _core.subscription_set(file, version)
            if found is not None and found[1] != SetCode.ERROR:
                return version, found[3]
            version -= 1
        return 0, _core.SubscriptionList()

    async def _update(self, function: Callable[..., object]) -> None:
        """Commits without blocking the event loop, and does not wait for the server."""
        await SubscriptionUpdate(self, function, waits=False).run_async()

    async def _wait_to_open(self, timeout: float | None) -> None:
        """The same for a realm that is being opened, which ends with a log-out; not without one."""
        if self._version > 0:
            await self._wait(timeout, to_open=True)

    async def wait_for_synchronization(
        self, timeout: float | timedelta | None = None
    ) -> SubscriptionSetState:
        """Waits until the data of this set are in the file, or those of a newer one.

        Gives the state, COMPLETE or SUPERSEDED. Raises SubscriptionError with the server's text
        when it is refused, SyncTimeoutError after `timeout` seconds, SyncOperationAborted when the
        session stops, and the error that ends it.
        """
        return await self._wait(timeout)

    async def _wait(
        self, timeout: float | timedelta | None, *, to_open: bool = False
    ) -> SubscriptionSetState:
        seconds_of(timeout)  # of which kind it is
        state, error = self._now()
        if state is SubscriptionSetState.PENDING:
            session: SubscribingSession = self._realm.sync_session
            with contextlib.suppress(SubscriptionError):  # whose text the set has
                await session._wait("download", timeout, to_open=to_open, version=self._version)
            state, error = self._now()
        if state is SubscriptionSetState.ERROR:
            raise SubscriptionError(error or "", version=self._version)
        return state

    @overload
    def update(self) -> SubscriptionUpdate: ...
    @overload
    def update(self, function: Callable[..., object]) -> Coroutine[Any, Any, SubscriptionSet]: ...
    def update(self, function: Callable[..., object] | None = None) -> Any:
        """A new set, made of the latest one; it takes the place of this one.

        ::

            async with realm.subscriptions.update() as subscriptions:
                subscriptions.add(realm.objects(Dog).where(Dog.age > 3), name="grown up")

        Leaving the block commits, and waits as `wait_for_synchronization` does. `with` instead of
        `async with` commits and does not wait. `await realm.subscriptions.update(function)` calls
        `function(subscriptions)`, or `function(subscriptions, realm)`, and does all three. What is
        raised inside undoes everything. The wait has no time-out, so it lasts while the server
        cannot be reached: use `update_no_wait` and `wait_for_synchronization(timeout)` for one.

        It is a transaction of the realm, which is for subscriptions alone: objects cannot be
        written in it.
        """
        update = SubscriptionUpdate(self, function, waits=True)
        return update if function is None else update.run_async()

    @overload
    def update_no_wait(self) -> SubscriptionUpdate: ...
    @overload
    def update_no_wait(self, function: Callable[..., object]) -> SubscriptionSet: ...
    def update_no_wait(self, function: Callable[..., object] | None = None) -> Any:
        """The same, without waiting for the server in any form. With a function it blocks, as
        `realm.write(function)` does, and gives the set.
        """
        update = SubscriptionUpdate(self, function, waits=False)
        return update if function is None else update.run()

    def __repr__(self) -> str:
        try:
            state = self.state.value
        except ClosedRealmError:
            state = "of a closed realm"
        return f"<SubscriptionSet {self._version}: {_counted(len(self))}, {state}>"


class MutableSubscriptionSet(BaseSubscriptionSet):
    """The subscriptions of a set that is being made. Of no use after that."""

    def __init__(self, realm: SubscribingRealm, editing: _core.SubscriptionList) -> None:
        self._realm = realm
        self._editing: _core.SubscriptionList | None = editing

    @property
    def _list(self) -> _core.SubscriptionList:  # type: ignore[override]  # what is being edited
        if self._editing is None:
            raise WrongTransactionStateError("Not a write transaction")
        return self._editing

    def add(
        self, results: Results[Any], *, name: str | None = None, throw_on_update: bool = False
    ) -> Subscription:
        """Subscribes to what a query selects.

        With a name it takes the place of the subscription with that name; `throw_on_update` raises
        InvalidArgumentError instead, if that one has another query. Without a name nothing is added
        when the query is there without one already.
        """
        cls, query = query_of(results)
        if name is not None:
            _name(name)
        if throw_on_update and name is not None:
            same = self._list.find_name(name)
            if same is not None and same[4:] != (cls, query):
                raise InvalidArgumentError(
                    f"A subscription with the name '{name}' already exists but has a different"
                    " query. If you meant to update it, remove 'throw_on_update=True' from the"
                    " call."
                )
        now_ms = time.time_ns() // 1_000_000
        row, _ = self._list.insert_or_assign(ObjectId().binary, now_ms, name, cls, query)
        return _subscription(row)

    def remove(self, results: Results[Any]) -> bool:
        """Removes the first subscription to this query; whether there was one."""
        return self._list.erase_query(*query_of(results))

    def remove_by_name(self, name: str) -> bool:
        """Removes the subscription with this name; whether there was one."""
        return self._list.erase_name(_name(name))

    def remove_subscription(self, subscription: Subscription) -> bool:
        """Removes this subscription; whether it was there."""
        if not isinstance(subscription, Subscription):
            raise ArgumentTypeError(f"Expected a Subscription, got {shown(subscription)}")
        return self._list.erase_id(subscription.id.binary)

    def remove_by_object_type(self, cls: type[Object] | str) -> int:
        """Removes all of a class; how many there were.

        NoSuchTableError for one that neither the realm nor a subscription has.
        """
        removed = self._list.erase_class(cls) if isinstance(cls, str) else 0
        if removed == 0:  # a former program's class may be gone
            index = self._realm._class_of(cls)
            removed = self._list.erase_class(self._realm._classes[index].name)
        return removed

    def remove_unnamed(self) -> int:
        """Removes all without a name; how many there were."""
        return self._list.erase_unnamed()

    def remove_all(self) -> int:
        """Removes everything; how many there were."""
        return self._list.clear()

    def __repr__(self) -> str:
        if self._editing is None:
            return "<MutableSubscriptionSet, committed or undone>"
        return f"<MutableSubscriptionSet: {_counted(len(self))}>"

    def _end(self) -> None:
        self._editing = None


class SubscriptionUpdate:
    """An update: a context with or without async, or with a function to be run."""

    def __init__(
        self,
        base: SubscriptionSet,
        function: Callable[..., object] | None,
        *,
        waits: bool,
        is_initial: bool = False,
    ) -> None:
        if function is not None and (is_async(function) or not callable(function)):
            raise InvalidArgumentError(
                "Expected a function that is not asynchronous: use"
                " `async with realm.subscriptions.update() as subscriptions:`"
            )
        self._base = base
        self._function = function
        self._waits = waits
        self._is_initial = is_initial  # goes on from what was not refused
        self._block = WriteBlock(base._realm._queue)
        self._context: contextlib.AbstractContextManager[MutableSubscriptionSet]
        self._async_context: contextlib.AbstractAsyncContextManager[MutableSubscriptionSet]

    async def run_async(self) -> SubscriptionSet:
        """Calls the function and commits; the event loop is not blocked."""
        async with self as subscriptions:
            self._call(subscriptions)
        return self._base

    def run(self) -> SubscriptionSet:
        """The same without an event loop. The server is not waited for."""
        with self as subscriptions:
            self._call(subscriptions)
        return self._base

    def _call(self, subscriptions: MutableSubscriptionSet) -> None:
        if self._function is not None:
            call_with(self._function, subscriptions, self._base._realm)

    @contextlib.contextmanager
    def _editing(self) -> Iterator[MutableSubscriptionSet]:
        """Inside of the transaction. The set is of no use afterwards, whatever comes."""
        core = self._base._realm._core
        editing = core.edit_subscriptions()
        if self._is_initial:
            self._base._refresh(None)
            _, editing = self._base._before_refused()
        mutable = MutableSubscriptionSet(self._base._realm, editing)
        try:
            yield mutable
            edited = mutable._list
        finally:
            mutable._end()
        self._version = core.add_subscriptions(edited)

    @contextlib.contextmanager
    def _blocking(self) -> Iterator[MutableSubscriptionSet]:
        with self._block, self._editing() as subscriptions:
            yield subscriptions
        self._base._refresh(self._version)

    @contextlib.asynccontextmanager
    async def _waiting(self) -> AsyncIterator[MutableSubscriptionSet]:
        async with self._block:
            with self._editing() as subscriptions:
                yield subscriptions
        self._base._refresh(self._version)
        if self._waits:
            await self._base.wait_for_synchronization()

    def __enter__(self) -> MutableSubscriptionSet:
        self._context = self._blocking()
        return self._context.__enter__()

    def __exit__(self, *raised: Any) -> None:
        self._context.__exit__(*raised)

    async def __aenter__(self) -> MutableSubscriptionSet:
        self._async_context = self._waiting()
        return await self._async_context.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        await self._async_context.__aexit__(*raised)


def call_with(function: Callable[..., object], *values: object) -> None:
    """Calls a function with as many of the values as it takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built-in callables without a signature
        function(*values[:1])
        return
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = sum(p.kind in kinds for p in parameters)
    takes_all = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    function(*values[: len(values) if takes_all else positional])
