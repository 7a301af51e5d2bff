"""The engines under test: the naive one, and the native one that has to agree with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from merge import naive
from merge.places import State
from realmsync._testbed import transform
from realmsync.errors import RealmError
from realmsync.inspect import MergePeer, ReceivedChangeset

Transform = Callable[..., tuple[list[bytes], dict[int, bytes]]]


class Engine(NamedTuple):
    """`transform(window, incoming, profile)` and `peer(file_ident, profile)`."""

    name: str
    transform: Transform
    peer: Callable[[int, str], Any]


NAIVE = Engine("naive", naive.transform, naive.Peer)
NATIVE = Engine("native", transform, MergePeer)
ENGINES = [NAIVE, NATIVE]


class Twin:
    """A peer of each engine, which have to give and refuse the same."""

    def __init__(self, file_ident: int, profile: str) -> None:
        self.naive = NAIVE.peer(file_ident, profile)
        self.native = NATIVE.peer(file_ident, profile)

    def commit(self, changeset: bytes, timestamp: int) -> int:
        return int(self._same("commit", changeset, timestamp))

    def integrate(self, remote_file_ident: int, changesets: Sequence[ReceivedChangeset]) -> bytes:
        return bytes(self._same("integrate", remote_file_ident, list(changesets)))

    def state(self) -> State:
        native: State = self.native.state()
        return native

    def _same(self, method: str, *arguments: Any) -> Any:
        expected, found = (outcome(peer, method, arguments) for peer in (self.naive, self.native))
        if isinstance(expected, RealmError):
            assert type(found) is type(expected), found
        else:
            assert found == expected
        assert self.native.version == self.naive.version
        assert self.native.state() == self.naive.state()
        if isinstance(expected, RealmError):
            raise expected
        return expected


def outcome(peer: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    """What a call returns, or the error that it raises."""
    try:
        return getattr(peer, method)(*arguments)
    except RealmError as error:
        return error
