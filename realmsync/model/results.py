"""Results: objects of a class, or those that a query selects; live, in the order of the query.

Which objects a query selects is decided in the core: `_core.Query` is the compiled query,
`_core.Selection` what it selects at one version of the file. Texts and arguments are in query.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar, overload

from realmsync import _core
from realmsync.durations import seconds_of
from realmsync.enums import WaitForSync, member
from realmsync.errors import (
    ArgumentTypeError,
    IllegalOperationError,
    InvalidArgumentError,
    OutOfBoundsError,
    SyncTimeoutError,
)
from realmsync.model.accessor import AccessedRealm, position_of
from realmsync.model.expressions import ConditionLike, Field, condition, key_path_of
from realmsync.model.live import Changes, CollectionChanges, Listener, Listening
from realmsync.model.objects import Object
from realmsync.model.query import (
    EVERYTHING,
    KeyPathMapping,
    SortKey,
    described,
    distinction,
    make_query,
    sorting,
)
from realmsync.model.query_text import QueryText
from realmsync.naming import Explained, no_property

T = TypeVar("T")

PAGE = 1000  # keys read at once: iteration holds one page, not the whole class
SHOWN = 5  # objects in a repr


class Results(Explained, Sequence[T], Generic[T]):
    """The objects of a class, or those that a query selects, as they are now.

    Results are live: every use sees what is committed, and inside a transaction what that has
    written. A query runs when its results are first used, and again when the file has changed.

    Iteration over a query's results goes through what it selected at the beginning; objects that
    were deleted meanwhile are left out, so deleting or changing the object at hand is safe. That
    over a whole class reads page by page in key order: objects created behind its position while
    it runs are seen.
    """

    __slots__ = (
        "__weakref__",
        "_class",
        "_description",
        "_is_fixed",
        "_listeners",
        "_members",
        "_query",
        "_realm",
        "_selection",
        "_subscription_name",
    )
    _not_there = {
        **dict.fromkeys(("filter", "query"), "write filtered('age > 3') or where(Dog.age > 3)"),
        **dict.fromkeys(("sort", "order_by"), "write sorted('name')"),
        **dict.fromkeys(("addListener", "observe"), "write add_listener(callback)"),
        **dict.fromkeys(("exclude", "filter_out"), "write where(~(Dog.age > 3))"),
        **dict.fromkeys(
            ("get", "find", "filter_by", "one"),
            "write realm.object_for_primary_key(Dog, key), or filtered('name == $0', name)",
        ),
        **dict.fromkeys(("first", "last"), "write results[0], results[-1]"),
        **dict.fromkeys(("size", "length"), "write len(results)"),
        **dict.fromkeys(("average", "mean"), "write avg('age')"),
        **dict.fromkeys(("indexOf", "index_of"), "write index(dog)"),
        **dict.fromkeys(("to_list", "tolist", "values_list"), "write list(results)"),
        **dict.fromkeys(("map", "for_each"), "write [dog.name for dog in results]"),
        "exists": "write bool(results), or `if results:`",
        "offset": "write results[10:20]",
        "includes": "write `dog in results`",
        "unique": "write distinct('name')",
        "all": "results are all objects already",
        "delete": "write realm.delete(results)",
        "append": "write realm.create(...), which new objects come from",
    }

    def __init__(
        self,
        realm: AccessedRealm,
        cls: int,
        query: _core.Query | None = None,
        description: str = EVERYTHING,
        members: _core.Place | None = None,
    ) -> None:
        self._realm = realm
        self._class = cls
        self._query = query  # None: all objects of the class
        self._description = description
        self._members = members  # the collection that is asked, None for the class
        self._selection: _core.Selection | None = None
        self._is_fixed = False
        self._listeners: dict[Callable[..., object], Listener] = {}
        self._subscription_name: str | None = None

    # Queries.

    def filtered(
        self, query: str, *arguments: Any, mapping: KeyPathMapping | None = None
    ) -> Results[T]:
        """Those that match a query in Realm's query language.

        `$0`, `$1`, … in the text stand for the arguments: values of the types of properties,
        objects, lists, or regions of the Earth. `mapping` gives names to properties and classes:
        `{("Person", "manager"): "boss", "Employee": "Person"}`.

        Raises QuerySyntaxError for the text, InvalidQueryError for names and operands,
        InvalidQueryArgumentError, QueryLimitError; all are QueryErrors.
        """
        return self._narrowed(query, arguments, mapping)

    def where(self, *conditions: ConditionLike) -> Results[T]:
        """Those that fulfil all conditions, which attributes of classes make: `Dog.age > 3`.

        Raises what filtered does, and ArgumentTypeError for what is no condition.
        """
        if not conditions:
            raise ArgumentTypeError("where needs a condition, such as Dog.age > 3")
        combined = condition(conditions[0])
        for given in conditions[1:]:
            combined &= condition(given)
        text, arguments = QueryText.of(combined.write, self._realm._models[self._class])
        return self._narrowed(text, arguments)

    def sorted(self, *keys: SortKey | list[SortKey], reverse: bool = False) -> Results[T]:
        """The same objects in the order of properties, null first.

        A key is a property or a path over links ("owner.name"), or a pair of one and whether it
        sorts backwards: `sorted("name")`, `sorted([("age", True), "name"])`. Objects of which all
        are equal keep their order.
        """
        text, arguments = sorting(keys, reverse)
        return self._narrowed(f"{EVERYTHING} {text}", arguments)

    def distinct(self, *keys: str | Field[Any]) -> Results[T]:
        """The first object of each value of a property, or of each combination of several."""
        text, arguments = distinction(keys)
        return self._narrowed(f"{EVERYTHING} {text}", arguments)

    def limit(self, count: int) -> Results[T]:
        """The first objects, at most `count`."""
        if isinstance(count, bool) or not isinstance(count, int):
            raise ArgumentTypeError(f"Expected a number of objects, got {count!r}")
        if count < 0:
            raise InvalidArgumentError(f"a limit is not negative: {count}")
        return self._narrowed(f"{EVERYTHING} LIMIT({count})")

    # Flexible sync.

    async def subscribe(
        self,
        name: str | None = None,
        *,
        behavior: WaitForSync | Literal["first-time", "always", "never"] = WaitForSync.FIRST_TIME,
        timeout: float | timedelta | None = None,
    ) -> Results[T]:
        """Subscribes to the query, so that the server sends what it selects, and gives these.

        Waits for the data as `behavior` says: FIRST_TIME when nobody has subscribed to the query
        yet. After `timeout` seconds it waits no longer; they come nevertheless. Every call makes a
        new set of subscriptions: for several together use `realm.subscriptions.update()`.

        Raises what `update` and `wait_for_synchronization` do, but for the time-out.
        """
        waits = member(WaitForSync, behavior, "behavior")
        seconds_of(timeout)  # of which kind it is
        subscriptions = self._realm.subscriptions
        is_new = False

        def add(updated: Any) -> None:
            nonlocal is_new
            is_new = updated.find_by_query(self) is None
            updated.add(self, name=name)

        await subscriptions._update(add)
        self._subscription_name = name
        if waits is WaitForSync.ALWAYS or (waits is WaitForSync.FIRST_TIME and is_new):
            with contextlib.suppress(SyncTimeoutError):
                await subscriptions.wait_for_synchronization(timeout)
        return self

    def unsubscribe(self) -> None:
        """Ends the subscription that these results have made by name, else the first to the query.

        Blocks for the file's writers, and does not wait for the server.
        """
        name = self._subscription_name
        self._realm.subscriptions.update_no_wait(
            lambda updated: updated.remove(self) if name is None else updated.remove_by_name(name)
        )

    @property
    def subscription_name(self) -> str | None:
        """The name that these results were subscribed to by."""
        return self._subscription_name

    def snapshot(self) -> Results[T]:
        """What is selected now, kept: the same objects in the same order, whatever is written.

        The objects themselves stay live; those that were deleted are not valid any more.
        """
        return self._kept(self._rows())

    def _kept(self, selection: _core.Selection) -> Results[T]:
        copy = Results[T](self._realm, self._class, self._query, self._description, self._members)
        copy._selection = selection
        copy._is_fixed = True
        return copy

    # Listeners.

    def add_listener(self, callback: Callable[[Results[T], CollectionChanges[T]], object]) -> None:
        """Calls back after commits that change the results: `callback(results, changes)`.

        The first call comes soon, with nothing changed yet. `results` are the objects then, as
        snapshot() gives them, which the positions in `changes` belong to. Told are commits of this
        realm, of others of the same file and what a server sends; several commits may be told
        together. What other processes commit is seen when this one commits, or uses a query.

        Calls come on the event loop that registered the callback, and on a thread of its own
        where none was running. Results with a listener stay alive until it is removed or the realm
        is closed.

        ValueError when the callback is a listener already; IllegalOperationError for a snapshot,
        and for results of a list or set; InvalidArgumentError for what cannot be called;
        WrongTransactionStateError in a write transaction that has changed something.
        """
        if callback in self._listeners:
            raise ValueError("Remove callback before adding it again")
        listener = Listener(callback)
        listener.listening = self._listen(listener)
        self._listeners[callback] = listener
        listener.listening.arm()

    def remove_listener(
        self, callback: Callable[[Results[T], CollectionChanges[T]], object]
    ) -> None:
        """Undoes add_listener; unknown ones are ignored. Nothing is called any more."""
        listener = self._listeners.pop(callback, None)
        if listener is not None:
            listener.listening.close()

    def remove_all_listeners(self) -> None:
        """Removes every callback of these results."""
        for callback in list(self._listeners):
            self.remove_listener(callback)

    def changes(self) -> Changes[CollectionChanges[T]]:
        """The same for `async for changes in results.changes()`.

        The first one is initial. What was committed while nobody asked for the next one becomes
        one change. Ends when the realm is closed; leaving the loop, or being cancelled, ends it.

        IllegalOperationError where no event loop is running, and as add_listener.
        """
        return Changes(self._listen)

    def _listen(self, sink: Any) -> Listening:
        self._realm._require_open()
        if self._is_fixed:
            raise IllegalOperationError("a snapshot does not change: listen to what it is of")
        if self._members is not None:
            raise IllegalOperationError("listeners of lists and sets are not there yet")
        self._realm._core.require_unchanged()
        query = self._query
        if query is None:
            query = make_query(self._realm, self._class, None, EVERYTHING)
        return Listening(
            self._realm._live,
            sink,
            self._kept,
            handle=self._realm._core,
            cls=self._class,
            query=query,
            by_key=self._query is None,
        )

    def _narrowed(
        self,
        text: str,
        arguments: Sequence[Any] = (),
        mapping: KeyPathMapping | None = None,
    ) -> Results[T]:
        if self._is_fixed:
            raise IllegalOperationError("a snapshot is not asked any more: ask, then take it")
        query = make_query(self._realm, self._class, self._query, text, arguments, mapping)
        description = described(self._description, query.text)
        return Results(self._realm, self._class, query, description, self._members)

    def _rows(self) -> _core.Selection:
        """What is selected now."""
        self._realm._require_open()
        selection = self._selection
        if selection is None or not (self._is_fixed or selection.is_current()):
            query = self._query
            if query is None:
                query = make_query(self._realm, self._class, None, EVERYTHING)
            selection = self._realm._core.select(query, self._members)
            self._realm._live.nudge()
            if not self._is_whole_class:
                self._selection = selection
        return selection

    # Objects.

    def __len__(self) -> int:
        if self._is_whole_class:
            return self._realm._core.count(self._class)
        return len(self._rows())

    def __bool__(self) -> bool:
        if self._is_whole_class:
            return bool(self._realm._core.keys(self._class, ..., 1))
        return len(self._rows()) > 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no object."""
        return not self

    @property
    def is_valid(self) -> bool:
        """Whether the realm is open."""
        return not self._realm.is_closed

    @property
    def _is_whole_class(self) -> bool:
        return self._query is None and self._members is None and not self._is_fixed

    def __iter__(self) -> Iterator[T]:
        return self._all_of_class() if self._is_whole_class else self._selected()

    def _all_of_class(self) -> Iterator[T]:
        after: Any = ...
        while True:
            keys = self._realm._core.keys(self._class, after, PAGE)
            for key in keys:
                yield self._realm._core.accessor(self._class, key)
            if len(keys) < PAGE:
                return
            after = keys[-1]

    def _selected(self) -> Iterator[T]:
        rows = self._rows()
        realm, core = self._realm, self._realm._core
        transactions = core.transactions
        for first in range(0, len(rows), PAGE):
            realm._require_open()
            is_current = rows.is_current()
            for key in rows.keys(first, PAGE):
                found = core.accessor(self._class, key)
                # Whether it is there costs as much as all the rest: asked when it may be gone.
                written = core.writing or core.transactions != transactions
                if written or realm.is_closed or not is_current:
                    realm._require_open()
                    if not found.is_valid:
                        continue
                yield found

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return self._slice(index)
        index = position_of(index)
        position = index if index >= 0 else index + len(self)
        if position >= 0:
            keys = self._keys(position, 1)
            if keys:
                found: T = self._realm._core.accessor(self._class, keys[0])
                return found
        raise OutOfBoundsError(f"index {index} is out of range")

    def _keys(self, first: int, limit: int) -> list[Any]:
        if self._is_whole_class:  # costs the way there
            return self._realm._core.keys(self._class, ..., first + limit)[first:]
        return self._rows().keys(first, limit)

    def _slice(self, index: slice) -> list[T]:
        positions = range(*index.indices(len(self)))
        if not positions:
            return []
        low, high = min(positions[0], positions[-1]), max(positions[0], positions[-1])
        keys = self._keys(low, high - low + 1)[:: positions.step]
        return [self._realm._core.accessor(self._class, key) for key in keys]

    def _position(self, value: object) -> int:
        """-1: not among them."""
        name = self._realm._classes[self._class].name
        if not isinstance(value, Object) or type(value).__name__ != name:
            return -1
        if value._realm.is_closed or value._realm.path != self._realm.path:
            return -1
        return self._rows().position(value._key)

    def __contains__(self, value: object) -> bool:
        if self._is_whole_class:
            self._realm._require_open()
            return super().__contains__(value)
        return self._position(value) >= 0

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The position of an object; ValueError if it is not among them."""
        if self._is_whole_class:
            return super().index(value, start, len(self) if stop is None else stop)
        position = self._position(value)
        if position < 0 or position not in range(*slice(start, stop).indices(len(self))):
            raise ValueError(f"{value!r} is not among the results")
        return position

    def count(self, value: Any = ...) -> int:
        """1 if an object is among them, else 0. Their number is `len(results)`."""
        if value is ...:
            raise ArgumentTypeError("the number of objects is len(results)")
        return int(value in self)

    def __reversed__(self) -> Iterator[T]:
        return iter(self[::-1])

    # All of them at once.

    def min(self, property: str | Field[Any]) -> Any:
        """The least value of a property, None without one.

        The property has numbers or mixed values, for min and max also dates; null and NaN are left
        out. IllegalOperationError for any other, here as in max, sum and avg.
        """
        return self._aggregate("min", property)

    def max(self, property: str | Field[Any]) -> Any:
        """The greatest value of a property, None without one."""
        return self._aggregate("max", property)

    def sum(self, property: str | Field[Any]) -> Any:
        """The sum of a property, 0 without a value."""
        return self._aggregate("sum", property)

    def avg(self, property: str | Field[Any]) -> Any:
        """The mean of a property, None without a value."""
        return self._aggregate("avg", property)

    def _aggregate(self, operation: str, property: str | Field[Any]) -> Any:
        name = key_path_of(property)
        schema = self._realm._classes[self._class]
        names = [p.name for p in schema.stored]
        if name not in names:
            if "." in name:
                raise InvalidArgumentError(
                    f"{operation} takes a property of the objects themselves, not the path"
                    f" {name!r}: ask for the linked objects"
                )
            raise InvalidArgumentError(
                no_property(schema.name, name, {p.name: p.persisted for p in schema.stored})
            )
        return self._rows().aggregate(operation, names.index(name))

    def update(self, **values: Any) -> None:
        """Sets properties of every object, in a transaction; all of them or, on an error, none."""
        core = self._realm._core
        core.mark()
        try:
            for found in self.snapshot():
                for name, value in values.items():
                    setattr(found, name, value)
        except BaseException:
            core.undo()
            raise
        core.keep()

    @property
    def description(self) -> str:
        """The query as text, as Realm writes it: names of the file, values for arguments."""
        return self._description

    def __repr__(self) -> str:
        name = self._realm._classes[self._class].name
        asked = "" if self._query is None else f" ({_cut(self.description)})"
        if self._realm.is_closed:
            return f"<Results of {name}{asked}: closed realm>"
        return f"<Results of {name}{asked}: {len(self)} objects>"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
