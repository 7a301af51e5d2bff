"""Which TCP connections a server has, and which one gives way when there are as many as may be.

Nobody needs a token to open a connection. What is no websocket is therefore limited per address and
in all, below what the process may have open, so that websockets and files always find descriptors.
Nothing is known of bytes here: ../listener.py accepts, acceptor.py and http/gate.py read.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from realmsync.server.addresses import is_loopback, neighbourhood
from realmsync.server.config import HttpLimits

# Descriptors that are nobody's connection: databases, their logs and temporary files, the ports.
_FILES = 128
# Connections from this machine beyond the limit: somebody who has to see what is going on.
_OPERATORS = 16


class Accepted:
    """One TCP connection from its acceptance to its end. `close` ends it at once."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.place = neighbourhood(address)
        self.close: Callable[[], object] = lambda: None
        self.websocket_of: str | None = None  # where the client is, once it is a websocket


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections there may be; see HttpLimits."""

    http: int
    http_per_address: int
    websockets: int
    websockets_per_address: int


def connection_limits(limits: HttpLimits, descriptors: int) -> ConnectionLimits:
    """What a process with this number of descriptors can keep of its limits."""
    free = max(descriptors - _FILES - _OPERATORS, descriptors // 4)
    http = min(limits.connections, max(free // 4, 1))
    websockets = free - http
    return ConnectionLimits(
        http=http,
        http_per_address=min(limits.connections_per_address, max(http // 2, 1)),
        websockets=websockets,
        # One address alone must not keep all others out.
        websockets_per_address=min(limits.websockets_per_address, max(websockets // 2, 1)),
    )


class Connections:
    """All connections of one server.

    One whose client has the next word (an answer to read, a request to send) may be ended for a new
    one, the longest wait first: so those who hold connections make room for those who use them.
    `is_shared` tells addresses that stand for many clients: those of proxies.
    """

    def __init__(self, limits: ConnectionLimits, is_shared: Callable[[str], bool]) -> None:
        self.limits = limits
        self._is_shared = is_shared
        self._http: set[Accepted] = set()
        self._http_of: Counter[str] = Counter()
        # In the order in which their clients' turns began.
        self._waiting: OrderedDict[Accepted, None] = OrderedDict()
        self._waiting_of: dict[str, OrderedDict[Accepted, None]] = {}
        self._websockets_of: Counter[str] = Counter()
        self.websockets = 0

    @property
    def http(self) -> int:
        """Connections that are no websockets."""
        return len(self._http)

    def make_room(self, address: str) -> bool:
        """Whether one more from this address may come; may end another one for it."""
        place = neighbourhood(address)
        mine = 0 if self._is_shared(address) else self._http_of[place]
        if mine >= self.limits.http_per_address and not self._end_oldest(
            self._waiting_of.get(place)
        ):
            return False
        if len(self._http) < self.limits.http or self._end_oldest(self._waiting):
            return True
        return is_loopback(address) and len(self._http) < self.limits.http + _OPERATORS

    def end_oldest(self, count: int) -> None:
        """Ends this number of connections, if so many wait for their clients."""
        for _ in range(count):
            self._end_oldest(self._waiting)

    def add(self, accepted: Accepted) -> None:
        """A new connection; its client has the first word."""
        self._http.add(accepted)
        self._http_of[accepted.place] += 1
        self.waits_for_client(accepted)

    def waits_for_client(self, accepted: Accepted) -> None:
        """The client has the next word: it sends a request, or has an answer to take."""
        if accepted in self._http:
            self._waiting[accepted] = None
            self._waiting_of.setdefault(accepted.place, OrderedDict())[accepted] = None

    def works(self, accepted: Accepted) -> None:
        """The server has the next word: a request is complete."""
        if self._waiting.pop(accepted, accepted) is None:
            mine = self._waiting_of[accepted.place]
            del mine[accepted]
            if not mine:
                del self._waiting_of[accepted.place]

    def may_be_websocket(self, address: str) -> bool:
        """Whether a client at this address may have one more websocket."""
        mine = 0 if self._is_shared(address) else self._websockets_of[neighbourhood(address)]
        return (
            self.websockets < self.limits.websockets and mine < self.limits.websockets_per_address
        )

    def becomes_websocket(self, accepted: Accepted, address: str) -> None:
        """A connection leaves HTTP for good. `address` is the client's, behind proxies."""
        self.remove(accepted)
        accepted.websocket_of = neighbourhood(address)
        self._websockets_of[accepted.websocket_of] += 1
        self.websockets += 1

    def remove(self, accepted: Accepted) -> None:
        """A connection has ended; may be told more than once."""
        self.works(accepted)
        if accepted in self._http:
            self._http.discard(accepted)
            decrement(self._http_of, accepted.place)
        if accepted.websocket_of is not None:
            decrement(self._websockets_of, accepted.websocket_of)
            accepted.websocket_of = None
            self.websockets -= 1

    def _end_oldest(self, waiting: OrderedDict[Accepted, None] | None) -> bool:
        if not waiting:
            return False
        oldest = next(iter(waiting))
        self.remove(oldest)
        oldest.close()
        return True


def decrement(counter: Counter[str], key: str, by: int = 1) -> None:
    """Counts down, and forgets what is zero, in constant time."""
    counter[key] -= by
    if not counter[key]:
        del counter[key]
