"""How much strangers may ask for, by a clock of the test's own."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from realmsync.server.config import HttpLimits
from realmsync.server.http.admission import Admission, Buckets, PasswordQueue, Recent
from realmsync.server.http.replies import HttpError

OWNER = ("app", "a@b.c")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Waits, and may leave."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] | None = None

    async def wait(self, future: asyncio.Future[None]) -> None:
        self.future = future
        await future

    def leave(self) -> None:
        assert self.future is not None
        self.future.set_exception(ConnectionResetError())


def retry_after(refused: pytest.ExceptionInfo[HttpError], status: int = 429) -> int:
    assert refused.value.status == status
    assert refused.value.retry_after is not None
    return refused.value.retry_after


def test_a_bucket_gives_a_burst_and_then_a_rate() -> None:
    buckets = Buckets(3, 0.5)
    assert [buckets.take("a", 0.0) for _ in range(5)] == [0, 0, 0, 2.0, 2.0]
    assert buckets.take("b", 0.0) == 0
    assert [buckets.take("a", 2.0), buckets.take("a", 2.0)] == [0, 2.0]
    assert [buckets.take("a", 1000.0) for _ in range(4)] == [0, 0, 0, 2.0]


def test_only_so_many_are_remembered() -> None:
    recent: Recent[str, int] = Recent(2)
    for number, key in enumerate("abab" + "c"):
        recent.set(key, number)
    assert [recent.get(key) for key in "abc"] == [None, 3, 4]


def test_addresses_are_limited_each() -> None:
    clock = Clock()
    admission = Admission(HttpLimits(requests_burst=2, log_ins_burst=1), clock)
    for _ in range(2):
        admission.request("10.0.0.1")
    with pytest.raises(HttpError) as refused:
        admission.request("10.0.0.1")
    assert retry_after(refused) == 1
    admission.request("10.0.0.2")
    admission.log_in("2001:db8::1")
    with pytest.raises(HttpError):
        admission.log_in("2001:db8::2")  # the same network
    clock.now += 1
    admission.request("10.0.0.1")


def test_wrong_passwords_delay_longer_and_longer() -> None:
    clock = Clock()
    admission = Admission(HttpLimits(), clock)
    delays = []
    for _ in range(14):
        while True:
            try:
                admission.attempt(OWNER, "10.0.0.1")
                break
            except HttpError as error:
                assert error.retry_after is not None
                delays.append(error.retry_after)
                clock.now += error.retry_after
        admission.attempted(OWNER, "10.0.0.1", is_right=False)
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    admission.attempt(("app", "other@b.c"), "10.0.0.1")
    clock.now += 60
    admission.attempted(OWNER, "10.0.0.1", is_right=True)
    admission.attempted(OWNER, "10.0.0.1", is_right=False)
    admission.attempt(OWNER, "10.0.0.1")


def test_strangers_do_not_keep_the_owner_out() -> None:
    admission = Admission(HttpLimits(), Clock())
    admission.attempted(OWNER, "10.0.0.1", is_right=True)
    for _ in range(20):
        admission.attempted(OWNER, "10.6.6.6", is_right=False)
    with pytest.raises(HttpError):
        admission.attempt(OWNER, "10.6.6.6")
    admission.attempt(OWNER, "10.0.0.1")


async def test_the_queue_is_bounded_and_fair() -> None:
    queue, finish = PasswordQueue(4), asyncio.Event()
    done: list[str] = []

    async def hash_password(name: str) -> None:
        await finish.wait()
        done.append(name)

    def log_in(name: str, address: str) -> asyncio.Task[None]:
        return asyncio.create_task(queue.run(Client(), address, lambda: hash_password(name)))

    admitted = [log_in(name, "10.0.0.1") for name in "abcd"]  # two at once, two wait
    await asyncio.sleep(0)
    with pytest.raises(HttpError) as refused:
        await log_in("e", "10.0.0.1")
    assert retry_after(refused, 503) > 0
    admitted += [log_in("f", "10.0.0.2"), log_in("g", "10.0.0.3")]
    await asyncio.sleep(0)
    with pytest.raises(HttpError):
        await log_in("h", "10.0.0.4")
    finish.set()
    await asyncio.gather(*admitted)
    assert done == list("abcdfg")
    await log_in("i", "10.0.0.1")
    assert done[-1] == "i"


async def test_who_leaves_the_queue_is_not_served() -> None:
    queue, finish = PasswordQueue(4), asyncio.Event()
    hashed: list[int] = []
    clients = [Client() for _ in range(5)]

    async def hash_password(number: int) -> None:
        hashed.append(number)
        await finish.wait()

    tasks = [
        asyncio.create_task(queue.run(client, str(number), partial(hash_password, number)))
        for number, client in enumerate(clients)
    ]
    await asyncio.sleep(0)
    clients[2].leave()
    finish.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result).__name__ for result in results] == (
        ["NoneType"] * 2 + ["ConnectionResetError"] + ["NoneType"] * 2
    )
    assert hashed == [0, 1, 3, 4]
    tasks = [asyncio.create_task(queue.run(Client(), "x", asyncio.Event().wait)) for _ in range(3)]
    await asyncio.sleep(0)
    assert hashed == [0, 1, 3, 4]
    for task in reversed(tasks):  # ended while it waits, and while it runs
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await queue.run(Client(), "x", lambda: hash_password(9))
    assert hashed[-1] == 9


@pytest.mark.parametrize("limit", ["requests_per_second", "passwords_waiting", "connections"])
def test_limits_are_above_zero(limit: str) -> None:
    with pytest.raises(ValueError, match=limit):
        HttpLimits(**{limit: 0})
