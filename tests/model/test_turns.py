"""Whose turn it is to write: waiting in loops, threads and processes, giving up, owners."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync import ClosedRealmError, Realm, WriteTimeoutError, WrongTransactionStateError


class Task(realmsync.Object):
    _id: int = realmsync.primary_key()
    title: str = ""
    tags: list[str]


class Note(realmsync.Object):
    _id: int = realmsync.primary_key()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.realm"


@pytest.fixture
def realm(path: Path) -> Iterator[Realm]:
    with Realm(path=path, schema=[Task]) as opened:
        yield opened


@pytest.fixture
def other(path: Path, realm: Realm) -> Iterator[Realm]:
    with Realm(path=path, schema=[Task]) as opened:
        yield opened


def keys(realm: Realm) -> list[int]:
    return [task._id for task in realm.objects(Task)]


async def write(realm: Realm, key: int, **options: Any) -> None:
    async with realm.write(**options):
        realm.create(Task, {"_id": key})


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# Waiting in an event loop.


@pytest.mark.parametrize("same", [True, False])
async def test_a_cancelled_wait_ends_at_once_and_leaves_no_lock(
    realm: Realm, other: Realm, same: bool
) -> None:
    waiting_on = realm if same else other
    async with realm.write():
        waiters = [asyncio.create_task(write(waiting_on, key)) for key in range(5)]
        await settle()
        for waiter in waiters:
            waiter.cancel()
            waiter.cancel()
        results = await asyncio.gather(*waiters, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await write(other, 7)
    assert keys(realm) == [7]


async def test_cancelling_at_any_step_leaves_no_lock(realm: Realm, other: Realm) -> None:
    for steps in range(12):
        blocker = asyncio.create_task(write(other, 1000 + steps))
        waiter = asyncio.create_task(write(realm, steps))
        for _ in range(steps):
            await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, blocker, return_exceptions=True)
        await write(realm, 2000 + steps)
        assert 2000 + steps in keys(other)


@pytest.mark.parametrize("timeout", [0, 0.01, timedelta(milliseconds=10)])
async def test_a_wait_with_a_time_out(realm: Realm, other: Realm, timeout: Any) -> None:
    async with realm.write():
        for waiting_on in (realm, other):

            async def attempt(target: Realm = waiting_on) -> None:
                await write(target, 1, timeout=timeout)

            with pytest.raises(WriteTimeoutError):
                await asyncio.create_task(attempt())
    await write(realm, 2, timeout=timeout)  # nobody has it
    assert keys(realm) == [2]
    assert issubclass(WriteTimeoutError, TimeoutError)


async def test_writers_come_in_the_order_of_asking(path: Path, realm: Realm) -> None:
    order: list[int] = []
    realms = [Realm(path=path, schema=[Task]) for _ in range(13)]

    async def append(number: int) -> None:
        async with realms[number % 13].write():
            order.append(number)
            await asyncio.sleep(0)

    async with realm.write():
        tasks = [asyncio.create_task(append(number)) for number in range(30)]
        await settle()
    await asyncio.gather(*tasks)
    assert order == list(range(30))
    for opened in realms:
        opened.close()


async def test_waiting_realms_leave_the_executor_alone(path: Path, realm: Realm) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    realms = [await Realm.open(path=path, schema=[Task]) for _ in range(16)]
    async with realm.write():
        tasks = [asyncio.create_task(write(r, key)) for key, r in enumerate(realms)]
        await settle()
        assert await asyncio.to_thread(lambda: 1) == 1
    await asyncio.gather(*tasks)
    assert len(keys(realm)) == 16
    for opened in realms:
        opened.close()


async def test_executor_full_of_writers(path: Path, realm: Realm) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))

    def blocking(key: int) -> None:
        with Realm(path=path, schema=[Task]) as mine, mine.write():
            mine.create(Task, {"_id": key})

    async with realm.write():
        threads = [asyncio.create_task(asyncio.to_thread(blocking, key)) for key in range(6)]
        await asyncio.sleep(0.05)
        realm.create(Task, {"_id": 100})
    await asyncio.gather(*threads)
    assert len(keys(realm)) == 7


async def test_close_ends_the_waits(realm: Realm, other: Realm) -> None:
    async with realm.write():
        waiter = asyncio.create_task(write(other, 1))
        await settle()
        other.close()
        with pytest.raises(ClosedRealmError):
            await waiter
    await write(realm, 2)


async def test_opening_with_a_new_class_waits_for_its_turn(path: Path, realm: Realm) -> None:
    async with realm.write():
        opening = asyncio.ensure_future(Realm.open(path=path, schema=[Task, Note]))
        await asyncio.sleep(0.05)
        assert not opening.done()
        with pytest.raises(WrongTransactionStateError, match=r"Realm\.open"):
            await asyncio.create_task(open_at_once(path))
    with await opening as wider:
        assert wider.is_empty


async def open_at_once(path: Path) -> None:
    Realm(path=path, schema=[Task, Note])


async def test_a_cancelled_opening_leaves_no_lock(path: Path, realm: Realm) -> None:
    async with realm.write():
        opening = asyncio.ensure_future(Realm.open(path=path, schema=[Task, Note]))
        await asyncio.sleep(0.05)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    await write(realm, 1)


async def test_a_lost_generator_gives_its_turn_back(realm: Realm, other: Realm) -> None:
    async def forever() -> AsyncIterator[int]:
        async with realm.write():
            yield 1

    generator = forever()
    assert await anext(generator) == 1
    del generator  # the loop closes it, in a task of its own
    gc.collect()
    await settle()
    await write(other, 1)
    assert not realm.is_in_transaction


def test_a_loop_that_ends_with_waiters_gives_their_places_back(realm: Realm, other: Realm) -> None:
    async def leave_waiting() -> None:
        asyncio.get_running_loop().create_task(write(other, 1))
        await settle()

    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as thread, realm.write():
        with pytest.raises(WrongTransactionStateError):
            asyncio.run(write(other, 1))
        thread.submit(asyncio.run, leave_waiting()).result()
    loop.close()
    with other.write(timeout=5):
        other.create(Task, {"_id": 2})
    assert keys(realm) == [2]


# Threads.


def test_a_blocking_wait_with_a_time_out(realm: Realm, other: Realm) -> None:
    def attempt(function: Any) -> Any:
        with pytest.raises(WriteTimeoutError):
            function()

    with ThreadPoolExecutor(1) as thread, realm.write():
        for call in (
            lambda: other.begin_transaction(timeout=0.01),
            lambda: other.begin_transaction(timedelta(0)),
            lambda: other.write(timeout=0.01).__enter__(),
            lambda: other.write(lambda: 1, timeout=0.01),
        ):
            thread.submit(attempt, call).result()


async def test_blocking_and_waiting_writers_of_one_loop(realm: Realm, other: Realm) -> None:
    """A loop's waiters cannot take their turn while it blocks: who blocks it goes first."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with Realm(path=realm.path, schema=[Task]) as mine, mine.write():
            held.set()
            assert release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    await asyncio.to_thread(held.wait)
    waiters = [asyncio.create_task(write(realm, key)) for key in range(3)]
    await settle()
    release.set()
    with other.write(timeout=30):
        other.create(Task, {"_id": 100})
        assert keys(realm) == []
    await asyncio.gather(*waiters)
    thread.join()
    assert keys(realm) == [0, 1, 2, 100]


def test_threads_and_loops_share_one_queue(path: Path, realm: Realm) -> None:
    def blocking(first: int) -> None:
        with Realm(path=path, schema=[Task]) as mine:
            for key in range(first, first + 20):
                with mine.write():
                    mine.create(Task, {"_id": key})

    async def many(first: int) -> None:
        async with await Realm.open(path=path, schema=[Task]) as mine:
            await asyncio.gather(*[write(mine, key) for key in range(first, first + 20)])

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(blocking, 100 * n) for n in range(4)]
        work += [pool.submit(lambda n=n: asyncio.run(many(100 * n))) for n in range(4, 8)]
        for one in work:
            one.result()
    assert len(keys(realm)) == 160


# Processes.

HOLDER = """
import sys
import realmsync
class Task(realmsync.Object):
    _id: int = realmsync.primary_key()
    title: str = ""
    tags: list[str]
with realmsync.Realm(path=sys.argv[1], schema=[Task]) as realm, realm.write():
    realm.create(Task, {"_id": 1})
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(path: Path, realm: Realm) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes until it reads a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


async def test_another_process_writes(
    realm: Realm, other: Realm, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(WriteTimeoutError):
        await write(realm, 2, timeout=0.05)
    with pytest.raises(WriteTimeoutError):
        realm.begin_transaction(timeout=0.05)
    given_up = asyncio.create_task(write(realm, 2))
    waiter = asyncio.create_task(write(other, 3))
    await asyncio.sleep(0.1)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert not waiter.done()
    let_go(holder)
    await waiter
    assert keys(realm) == [1, 3]


def test_a_blocking_wait_for_another_process(realm: Realm, holder: subprocess.Popen[str]) -> None:
    timer = threading.Timer(0.2, let_go, [holder])
    timer.start()
    with realm.write():
        assert keys(realm) == [1]
    timer.join()


# Owners.

WRITES = {
    "create": lambda realm, task: realm.create(Task, {"_id": 9}),
    "create_many": lambda realm, task: realm.create_many(Task, [{"_id": 9}]),
    "columns": lambda realm, task: realm.create_many(Task, {"_id": [9]}),
    "assign": lambda realm, task: setattr(task, "title", "x"),
    "append": lambda realm, task: task.tags.append("x"),
    "clear": lambda realm, task: task.tags.clear(),
    "delete": lambda realm, task: realm.delete(task),
    "commit": lambda realm, task: realm.commit_transaction(),
    "cancel": lambda realm, task: realm.cancel_transaction(),
    "begin": lambda realm, task: realm.begin_transaction(),
}


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("form", ["async", "blocking"])
async def test_writes_of_another_task_are_refused(realm: Realm, kind: str, form: str) -> None:
    async def stranger() -> None:
        WRITES[kind](realm, task)

    with realm.write():
        task = realm.create(Task, {"_id": 1})
    asyncio.current_task().set_name("the owner")  # type: ignore[union-attr]

    async def body() -> None:
        with pytest.raises(WrongTransactionStateError, match="the owner"):
            await asyncio.create_task(stranger())
        realm.create(Task, {"_id": 2})

    if form == "async":
        async with realm.write():
            await body()
    else:
        with realm.write():
            await body()
    assert keys(realm) == [1, 2]
    assert task.title == ""


@pytest.mark.parametrize("kind", WRITES)
def test_writes_of_another_thread_are_refused(realm: Realm, kind: str) -> None:
    with realm.write():
        task = realm.create(Task, {"_id": 1})
    with ThreadPoolExecutor(1) as thread, realm.write():
        with pytest.raises(WrongTransactionStateError, match="MainThread"):
            thread.submit(WRITES[kind], realm, task).result()
        assert thread.submit(keys, realm).result() == [1]
        realm.create(Task, {"_id": 2})
        assert thread.submit(keys, realm).result() == [1]  # committed state
    assert keys(realm) == [1, 2]


async def test_a_nested_transaction_of_a_task_is_refused(realm: Realm, other: Realm) -> None:
    for inner in (realm, other):
        async with realm.write():
            with pytest.raises(WrongTransactionStateError, match="already"):
                async with inner.write():
                    pass
            with pytest.raises(WrongTransactionStateError, match="already"):
                inner.begin_transaction()
            realm.create(Task, {"_id": len(keys(realm))})
    assert keys(realm) == [0, 1]


async def test_blocking_for_another_task_of_the_same_loop_is_refused(
    realm: Realm, other: Realm
) -> None:
    async def block() -> None:
        with other.write():
            pass

    async with realm.write():
        with pytest.raises(WrongTransactionStateError, match="async with"):
            await asyncio.create_task(block())
    await asyncio.create_task(block())


# Ends.


async def test_a_transaction_that_ended_inside_its_block(realm: Realm) -> None:
    with pytest.raises(WrongTransactionStateError):
        async with realm.write():
            realm.cancel_transaction()
    waiting = None
    with pytest.raises(WrongTransactionStateError):
        async with realm.write():
            realm.create(Task, {"_id": 1})
            waiting = asyncio.create_task(write(realm, 2))
            await settle()
            realm.commit_transaction()
    assert waiting is not None
    await waiting
    assert keys(realm) == [1, 2]


async def test_what_waited_for_a_cancelled_writer_becomes_durable(realm: Realm) -> None:
    first = asyncio.create_task(write(realm, 1))
    gate = asyncio.Event()

    async def fails() -> None:
        async with realm.write():
            realm.create(Task, {"_id": 2})
            gate.set()
            raise ZeroDivisionError

    second = asyncio.create_task(fails())
    third = asyncio.create_task(write(realm, 3))
    await gate.wait()
    third.cancel()
    await asyncio.gather(second, third, return_exceptions=True)
    await first
    assert keys(realm) == [1]


def test_a_write_that_calls_back_may_not_be_ended(realm: Realm) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield {"_id": 1}
        for call in (realm.close, realm.commit_transaction, realm.cancel_transaction):
            with pytest.raises(WrongTransactionStateError, match="under way"):
                call()
        yield {"_id": 2}

    assert realm.create_many(Task, rows()) == 2
    assert keys(realm) == [1, 2]
