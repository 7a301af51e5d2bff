"""Whose call runs when, where few can at once: slow functions keep only their user waiting."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from dataclasses import replace

import pytest

from callers import USER, Made
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.port import AppUser, FunctionFailed
from realmsync.server.functions.registry import AppFunctions
from realmsync.server.functions.turns import Turns

OTHER = replace(USER, id="65a000000000000000000a02")


async def settled() -> None:
    for _ in range(30):  # those that end one after the other
        await asyncio.sleep(0)


class Calls:
    """Calls that hold their turns until they are told to end."""

    def __init__(self, places: int, per_user: int) -> None:
        self._turns = Turns(places, per_user)
        self.all: dict[asyncio.Task[None], tuple[str, asyncio.Event]] = {}
        self.running: list[asyncio.Task[None]] = []

    def begin(self, user: str) -> None:
        end = asyncio.Event()
        self.all[asyncio.ensure_future(self._run(user, end))] = user, end

    async def _run(self, user: str, end: asyncio.Event) -> None:
        async with self._turns.of(user):
            task = asyncio.current_task()
            assert task is not None
            self.running.append(task)
            try:
                await end.wait()
            finally:
                self.running.remove(task)

    async def end(self, task: asyncio.Task[None], *, by_force: bool) -> None:
        _, end = self.all[task]
        end.set()
        if by_force:
            task.cancel()
        await settled()
        if task.done():
            del self.all[task]


def runs(calls: list[str], places: int, per_user: int) -> list[int]:
    """A model: which of the calls, in the order of their coming, have their turn."""
    having: list[int] = []
    for number, user in enumerate(calls):
        mine = sum(calls[other] == user for other in having)
        if len(having) < places and mine < per_user:
            having.append(number)
    return having


@pytest.mark.parametrize("seed", range(30))
async def test_no_more_than_may_run_and_nobody_waits_who_could(seed: int) -> None:
    chance = random.Random(seed)
    places = chance.randint(1, 5)
    per_user = chance.randint(1, places)
    calls = Calls(places, per_user)
    for _ in range(80):
        if chance.random() < 0.6 and len(calls.all) < 20:
            calls.begin(chance.choice("abc"))
            await settled()
        elif calls.all:
            victim = chance.choice(list(calls.all))
            await calls.end(victim, by_force=chance.random() < 0.5)
        calls.all = {task: call for task, call in calls.all.items() if not task.done()}
        owners = Counter(calls.all[task][0] for task in calls.running)
        assert len(calls.running) <= places and all(n <= per_user for n in owners.values())
        waiting = [calls.all[task][0] for task in calls.all if task not in calls.running]
        free = len(calls.running) < places
        assert not any(free and owners[user] < per_user for user in waiting)
    while calls.all:
        for task in list(calls.all):
            await calls.end(task, by_force=False)
    assert calls.running == []


@pytest.mark.parametrize("seed", range(20))
async def test_many_that_are_given_up_in_one_moment_keep_nothing(seed: int) -> None:
    chance = random.Random(seed)
    calls = Calls(3, 2)
    for user in chance.choices("abc", k=30):
        calls.begin(user)
    await settled()
    running = [*calls.running]
    assert len(running) == 3
    given_up = chance.sample(list(calls.all), 20)
    for task in given_up:
        task.cancel()
    await settled()
    assert all(task.cancelled() for task in given_up)
    assert len(calls.running) == 3, "others have their turns"
    for task in calls.all:
        task.cancel()
    await settled()
    for user in "aabb":
        calls.begin(user)
    await settled()
    assert len(calls.running) == 3
    for task in calls.all:
        task.cancel()
    await settled()


@pytest.mark.parametrize("users", ["aaab", "abab", "aabbc", "aaaa"])
async def test_turns_are_given_in_the_order_of_coming(users: str) -> None:
    calls = Calls(2, 1)
    for user in users:
        calls.begin(user)
        await settled()
    tasks = list(calls.all)
    assert [tasks.index(task) for task in calls.running] == runs([*users], 2, 1)
    for task in tasks:
        await calls.end(task, by_force=True)


async def test_who_waits_too_much_is_refused_and_others_are_not() -> None:
    turns = Turns(2, 1)
    async with turns.of("a"):
        waiting = [asyncio.ensure_future(turns.take("a")) for _ in range(26)]
        await settled()
        (refused,) = [task for task in waiting if task.done()]
        assert isinstance(refused.exception(), FunctionFailed)
        async with turns.of("b"):
            pass
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    async with turns.of("a"):
        pass


async def test_a_user_who_blocks_threads_leaves_some_to_others(functions: Made) -> None:
    table = AppFunctions()
    may_end = threading.Event()

    @table.function
    def blocks(context: FunctionContext) -> str:
        may_end.wait()
        return context.user.id

    @table.function
    def answers(context: FunctionContext) -> str:
        return context.user.id

    caller = functions(python=table, timeout=0.1)
    try:
        # Their time ends, and their threads go on.
        blocked = [asyncio.ensure_future(caller.call("blocks", [], USER)) for _ in range(20)]
        await asyncio.wait(blocked[:4])
        assert await caller.call("answers", [], OTHER) == OTHER.id
        may_end.set()
        results = await asyncio.gather(*blocked, return_exceptions=True)
        assert results[4:] == [USER.id] * 16, "time counts from the turn on"
        assert {str(result) for result in results[:4]} == {"it took too long"}
        assert await caller.call("answers", [], USER) == USER.id
    finally:
        may_end.set()


@pytest.mark.no_asan
@pytest.mark.parametrize("for_rule", [False, True])
async def test_a_user_who_occupies_a_process_leaves_one_to_others(
    functions: Made, for_rule: bool
) -> None:
    caller = functions({"slow": "exports = () => { for (;;); }", "ok": "exports = () => 1"})

    async def call(name: str, user: AppUser) -> int:
        return int(await caller.call(name, [], user, for_rule=for_rule))

    slow = [asyncio.ensure_future(call("slow", USER)) for _ in range(10)]
    assert [await call("ok", OTHER) for _ in range(3)] == [1, 1, 1]
    assert not any(task.done() for task in slow), "others do not wait for the end of the first one"
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert await call("ok", USER) == 1
