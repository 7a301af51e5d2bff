"""How much strangers may ask for: token buckets, growing delays after wrong passwords, one queue.

Everything here is bounded in memory: of addresses and accounts that were not heard of for longest
the least is forgotten. What is not admitted is told when to come again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, Protocol, TypeVar

from realmsync.server.addresses import neighbourhood
from realmsync.server.config import HttpLimits
from realmsync.server.connections import decrement
from realmsync.server.http.replies import HttpError

Key = TypeVar("Key")
Value = TypeVar("Value")
Result = TypeVar("Result")

# Addresses, and accounts, that are remembered: some megabytes.
_REMEMBERED = 20_000
# Passwords that are hashed side by side: as many as accounts/users.py has threads for it.
_AT_ONCE = 2
# Wrong passwords in a row that cost nothing, and the longest delay after more, in seconds.
_FREE_FAILURES = 5
_LONGEST_DELAY = 60.0
# Seconds after which an account's failures are forgotten.
_FORGIVEN = 3600.0


class Recent(Generic[Key, Value]):
    """A dictionary of what was set last; the oldest makes room."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """What was set last; None when that was nothing, or long ago."""
        return self._values.get(key)

    def set(self, key: Key, value: Value) -> None:
        """Sets a value, as the most recent one."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)

    def drop(self, key: Key) -> None:
        """Forgets a value."""
        self._values.pop(key, None)


class Buckets:
    """Token buckets, one per key: `burst` at once, then `rate` per second."""

    def __init__(self, burst: int, rate: float) -> None:
        self._burst = burst
        self._rate = rate
        self._levels: Recent[str, tuple[float, float]] = Recent()

    def take(self, key: str, now: float) -> float:
        """Takes one token: 0, or the seconds until there will be one."""
        level, then = self._levels.get(key) or (float(self._burst), now)
        level = min(self._burst, level + (now - then) * self._rate)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._levels.set(key, (level if wait else level - 1, now))
        return wait


class WrongPasswords:
    """Failed log-ins of accounts, each of which delays the next attempt for longer.

    An address from which the account has logged in well counts for itself, so that strangers who
    guess do not keep its owner out.
    """

    def __init__(self) -> None:
        self._failures: Recent[tuple[str, ...], tuple[int, float]] = Recent()
        self._owners: Recent[tuple[str, ...], str] = Recent()

    def delay(self, account: tuple[str, ...], address: str, now: float) -> float:
        """Seconds until the next attempt may be made."""
        failures, last = self._failures.get(self._key(account, address)) or (0, 0.0)
        if failures < _FREE_FAILURES:
            return 0.0
        return max(0.0, last + min(2.0 ** (failures - _FREE_FAILURES), _LONGEST_DELAY) - now)

    def failed(self, account: tuple[str, ...], address: str, now: float) -> None:
        """The password was wrong."""
        key = self._key(account, address)
        failures, last = self._failures.get(key) or (0, now)
        # Beyond some 2^6 the delay does not grow.
        self._failures.set(key, (min(failures, 20) + 1 if now - last < _FORGIVEN else 1, now))

    def succeeded(self, account: tuple[str, ...], address: str) -> None:
        """The password was right."""
        self._failures.drop(self._key(account, address))
        self._owners.set(account, address)

    def _key(self, account: tuple[str, ...], address: str) -> tuple[str, ...]:
        return (*account, address) if self._owners.get(account) == address else account


class Client(Protocol):
    """Who waits in the queue."""

    async def wait(self, future: asyncio.Future[None]) -> None: ...


class PasswordQueue:
    """The line before the hashing of passwords, which takes processor time on purpose.

    At most `waiting` in all, half of them from one address; who leaves is not served.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._line: deque[asyncio.Future[None]] = deque()
        self._of: Counter[str] = Counter()
        self._running = 0

    async def run(
        self, client: Client, address: str, work: Callable[[], Awaitable[Result]]
    ) -> Result:
        """The result of `work` when it was its turn. Raises HttpError when too many wait."""
        if self._running < _AT_ONCE:
            self._running += 1
        else:
            await self._wait(client, address)
        try:
            return await work()
        finally:
            self._release()

    async def _wait(self, client: Client, address: str) -> None:
        if self._of.total() >= self._waiting or self._of[address] >= max(self._waiting // 2, 1):
            raise HttpError(503, "too many log-ins at once, try again", retry_after=2)
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self._of[address] += 1
        try:
            await client.wait(turn)
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._release()  # it was given its turn, and leaves all the same
            turn.cancel()
            raise
        finally:
            decrement(self._of, address)

    def _release(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)  # and takes over what `_running` counts
                return
        self._running -= 1


class Shares:
    """Something of which there is `total`, and for one user `per_user`; who holds it is counted."""

    def __init__(self, total: int, per_user: int, refusal: str) -> None:
        self._total = total
        self._per_user = per_user
        self._refusal = refusal
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self, user_id: str, amount: int = 1) -> Iterator[None]:
        """Holds some of it. Raises HttpError when that is more than there is."""
        mine = self._held[user_id] + amount > self._per_user
        if mine or self._held.total() + amount > self._total:
            raise HttpError(429 if mine else 503, self._refusal, retry_after=1)
        self._held[user_id] += amount
        try:
            yield
        finally:
            decrement(self._held, user_id, amount)


class Admission:
    """All that is limited per address, account and user. `now` is a clock in seconds."""

    def __init__(self, limits: HttpLimits, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._requests = Buckets(limits.requests_burst, limits.requests_per_second)
        self._log_ins = Buckets(limits.log_ins_burst, limits.log_ins_per_second)
        self._mails = Buckets(limits.mails_burst, limits.mails_per_second)
        self._wrong = WrongPasswords()
        self.passwords = PasswordQueue(limits.passwords_waiting)
        self._calls = Shares(
            limits.function_calls,
            limits.function_calls_per_user,
            "too many functions run at once, try again later",
        )
        self._bodies = Shares(
            limits.long_bodies_bytes,
            limits.long_bodies_bytes_per_user,
            "too many long requests at once, try again later",
        )

    def request(self, address: str) -> None:
        """One request without a valid token. Raises HttpError."""
        _refuse_for(self._requests.take(neighbourhood(address), self._now()))

    def log_in(self, address: str) -> None:
        """One log-in or registration, of whatever kind: what makes rows. Raises HttpError."""
        _refuse_for(self._log_ins.take(neighbourhood(address), self._now()))

    def mail(self, account: tuple[str, ...]) -> None:
        """One mail or call of a function for an account, whoever asks. Raises HttpError."""
        _refuse_for(self._mails.take("\0".join(account), self._now()))

    def function(self, user_id: str) -> AbstractContextManager[None]:
        """One call of a function by a user, until it is answered. Raises HttpError."""
        return self._calls.hold(user_id)

    def body(self, user_id: str, size: int) -> AbstractContextManager[None]:
        """A user's request body beyond HttpLimits.body_bytes, until it is answered."""
        return self._bodies.hold(user_id, size)

    def attempt(self, account: tuple[str, ...], address: str) -> None:
        """One attempt at an account's password. Raises HttpError."""
        _refuse_for(self._wrong.delay(account, neighbourhood(address), self._now()))

    def attempted(self, account: tuple[str, ...], address: str, is_right: bool) -> None:
        """How an attempt went."""
        if is_right:
            self._wrong.succeeded(account, neighbourhood(address))
        else:
            self._wrong.failed(account, neighbourhood(address), self._now())


def _refuse_for(seconds: float) -> None:
    if seconds > 0:
        raise HttpError(429, "too many requests, try again later", retry_after=math.ceil(seconds))
