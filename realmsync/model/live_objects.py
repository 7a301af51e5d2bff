"""Live objects: who listens to single objects, and what each is told.

The core finds what has become of all observed objects of a realm in one look after a commit
(`_core.LiveObjects`), on the threads of live.py. What a listener cannot be told yet is joined:
however slow it is, what it missed becomes one change.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from realmsync import _core
from realmsync.model.accessor import AccessedRealm
from realmsync.model.live import Listener, Sink, join_lookers

T = TypeVar("T")


@dataclass(frozen=True)
class ObjectChanges(Generic[T]):
    """How an object differs from what was told before."""

    changed_properties: tuple[str, ...]
    """Those of its own that were written, in the order of the class. Setting a link, and what comes
    into a collection or goes, is a change; what happens inside of a linked or embedded object is
    none."""
    deleted: bool  # it is gone, and nothing more is told
    is_initial: bool  # the first one, in which nothing has changed yet
    object: T = field(compare=False, repr=False)


class ObjectHub:
    """All who listen to objects of one realm. Made for the first of them; ends with the realm."""

    def __init__(self, realm: AccessedRealm) -> None:
        number, queue = join_lookers(self)
        self._core = _core.LiveObjects(handle=realm._core, queue=queue, number=number)
        self._all: dict[int, ObjectListening] = {}
        self._by_object: dict[tuple[int, Any], list[ObjectListening]] = {}
        realm._live.add(self)

    def add(self, one: ObjectListening) -> None:
        self._all[one.number] = one
        self._by_object.setdefault(_name(one.target), []).append(one)
        self._core.add(one.number, *_name(one.target))

    def forget(self, one: ObjectListening) -> None:
        if self._all.pop(one.number, None) is None:
            return
        name = _name(one.target)
        others = [other for other in self._by_object[name] if other is not one]
        if others:
            self._by_object[name] = others
        else:
            del self._by_object[name]
        self._core.remove(one.number)

    def listening_to(self, target: Any) -> list[ObjectListening]:
        return self._by_object.get(_name(target), [])

    def nudge(self) -> None:
        """Perhaps another process has written."""
        self._core.nudge()

    def look(self) -> None:
        """On a thread that looks."""
        try:
            for number, is_first, is_gone, properties in self._core.look():
                if one := self._all.get(number):
                    one.take(properties, is_gone, is_first)
        except Exception as error:
            for one in list(self._all.values()):
                one.sink.fail(error)
            self.close()
        finally:
            self._core.finish()

    def close(self) -> None:
        """Ends all; waits for a look under way, which ends soon."""
        for one in list(self._all.values()):
            one.close()
        self._core.close()


class ObjectListening:
    """An object that one listener is told of, until it is closed or the object is gone."""

    def __init__(self, hub: ObjectHub, sink: Sink, target: Any) -> None:
        schema = target._realm._classes[target._place.cls]
        self.sink, self.target = sink, target
        self._names = {p.persisted: p.name for p in schema.stored}
        self._hub = hub
        self.number = next(_numbers)
        self._lock = threading.Lock()
        # Guarded by the lock:
        self._is_armed = False
        self._written: set[str] = set()
        self._is_gone = self._is_first = False
        hub.add(self)

    def take(self, written: list[str], is_gone: bool, is_first: bool) -> None:
        """On a thread that looks."""
        with self._lock:
            self._written.update(written)
            self._is_gone |= is_gone
            self._is_first |= is_first
        self._deliver()

    def arm(self) -> None:
        """The listener can be told of something."""
        with self._lock:
            self._is_armed = True
        self._deliver()

    def _deliver(self) -> None:
        with self._lock:
            if not self._is_armed or not (self._written or self._is_gone or self._is_first):
                return
            is_told = not (self._is_gone or self._is_first)
            names = [n for p, n in self._names.items() if p in self._written] if is_told else []
            changes = ObjectChanges(tuple(names), self._is_gone, self._is_first, self.target)
            self._written.clear()
            self._is_armed = self._is_gone = self._is_first = False
        if changes.deleted:
            self._hub.forget(self)
        self.sink.deliver(changes, changes.deleted)

    def close(self) -> None:
        """The listener is told of nothing any more. Idempotent."""
        self._hub.forget(self)
        self.sink.end()


class ObjectListener(Listener):
    """A callback with two arguments: the object, and what has changed."""

    def deliver(self, changes: Any, is_last: bool = False) -> None:
        self(changes.object, changes)


def listen(target: Any, sink: Sink) -> ObjectListening:
    """Has the sink told of an object's changes, once it is armed."""
    realm: AccessedRealm = target._realm
    realm._require_open()
    realm._core.require_unchanged()
    if realm._observed is None:
        realm._observed = ObjectHub(realm)
    return ObjectListening(realm._observed, sink, target)


def add_listener(target: Any, callback: Callable[..., object]) -> None:
    """Object.add_listener"""
    if _find(target, callback):
        raise ValueError("Remove callback before adding it again")
    listener = ObjectListener(callback)
    listener.listening = listen(target, listener)
    listener.listening.arm()


def remove_listener(target: Any, callback: Callable[..., object] | None) -> None:
    """One of an object, or all."""
    for one in _find(target, callback):
        one.close()


def _find(target: Any, callback: Callable[..., object] | None) -> list[ObjectListening]:
    hub: ObjectHub | None = target._realm._observed
    return [
        one
        for one in (hub.listening_to(target) if hub else [])
        if isinstance(one.sink, ObjectListener) and callback in (None, one.sink.function)
    ]


def _name(target: Any) -> tuple[int, Any]:
    return target._place.cls, target._place.key


_numbers = itertools.count(1)
