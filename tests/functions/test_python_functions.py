"""Functions in Python: registration, what they are given, their limits."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from callers import USER, Made, People
from realmsync.errors import InvalidArgumentError
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.port import FunctionFailed, FunctionNotFound
from realmsync.server.functions.registry import AppFunctions


async def test_functions_are_called_by_name(functions: Made) -> None:
    table = AppFunctions()

    @table.function
    def add(context: FunctionContext, *numbers: int) -> int:
        return sum(numbers)

    @table.function("who")
    async def anything(context: FunctionContext) -> str:
        return context.user.id

    @table.function(private=True)
    def hidden(context: FunctionContext) -> int:
        return 1

    caller = functions(python=table)
    assert await caller.call("add", [1, 2, 3], USER, from_client=True) == 6
    assert await caller.call("who", [], USER, from_client=True) == USER.id
    assert await caller.call("hidden", [], USER) == 1
    with pytest.raises(FunctionNotFound):
        await caller.call("hidden", [], USER, from_client=True)
    assert list(table) == ["add", "who", "hidden"]
    assert [caller.is_callable(name) for name in ("add", "anything")] == [True, False]
    assert repr(table) == "AppFunctions(add, hidden, who)"


async def test_python_goes_before_javascript(functions: Made) -> None:
    table = AppFunctions()
    table.add("f", lambda context: "python")
    caller = functions({"f": "exports = () => 'javascript'"}, table, javascript=False)
    assert caller.is_callable("f")
    assert await caller.call("f", [], USER) == "python"


@pytest.mark.no_asan
async def test_the_languages_call_each_other(functions: Made) -> None:
    table = AppFunctions()

    @table.function
    async def double(context: FunctionContext, number: int) -> Any:
        return await context.functions.execute("inner", number * 2)

    caller = functions(
        {
            "outer": "exports = async (n) => 1 + (await context.functions.execute('double', n))",
            "inner": "exports = (n) => n + 0.5",
        },
        table,
    )
    results = await asyncio.gather(*(caller.call("outer", [n], USER) for n in range(5)))
    assert results == [1.5 + 2 * n for n in range(5)]


async def test_the_context(functions: Made) -> None:
    table = AppFunctions()
    people = People([{"_id": 1, "user": USER.id}])

    @table.function
    async def look(context: FunctionContext) -> list[Any]:
        await context.store.update_one(
            "people", "profiles", {"user": "u2"}, {"$set": {"a": 1}}, upsert=True
        )
        return [
            context.app_id,
            context.values["limit"],
            context.environment.tag,
            context.environment.values["cap"],
            context.user.custom_data["team"],
            await context.store.find_one("people", "profiles", {"user": USER.id}),
            len(await context.store.find("people", "profiles")),
            context.request,
        ]

    caller = functions(python=table, documents=people)
    expected = ["shop-abcde", 3, "qa", 2.5, "north", {"_id": 1, "user": USER.id}, 2, None]
    assert await caller.call("look", [], USER) == expected


async def test_the_system_is_a_user_without_an_id(functions: Made) -> None:
    table = AppFunctions()
    table.add("who", lambda context: [context.user.type, context.user.id])
    assert await functions(python=table).call("who", [], None) == ["server", ""]


async def test_what_is_no_coroutine_runs_on_a_thread(functions: Made) -> None:
    table = AppFunctions()
    table.add("thread", lambda context: threading.current_thread() is threading.main_thread())
    assert await functions(python=table).call("thread", [], USER) is False


async def test_what_a_function_raises_is_told(functions: Made) -> None:
    table = AppFunctions()

    @table.function
    def broken(context: FunctionContext) -> None:
        raise KeyError("x")

    @table.function
    async def calls_nothing(context: FunctionContext) -> None:
        await context.functions.execute("absent")

    @table.function
    async def endless(context: FunctionContext) -> None:
        await context.functions.execute("endless")

    caller = functions(python=table)
    with pytest.raises(FunctionFailed, match="KeyError: 'x'") as raised:
        await caller.call("broken", [], USER)
    assert isinstance(raised.value.__cause__, KeyError)
    with pytest.raises(FunctionFailed, match="function not found: 'absent'"):
        await caller.call("calls_nothing", [], USER)
    with pytest.raises(FunctionFailed, match="too deeply"):
        await caller.call("endless", [], USER)
    with pytest.raises(FunctionFailed, match="TypeError"):
        await caller.call("broken", [1, 2], USER)


async def test_time_is_limited(functions: Made) -> None:
    table = AppFunctions()
    never = threading.Event()

    @table.function
    async def slow(context: FunctionContext) -> None:
        await asyncio.Event().wait()

    @table.function
    def stuck(context: FunctionContext) -> None:
        never.wait()

    caller = functions(python=table, timeout=0.05)
    try:
        for name in ("slow", "stuck"):
            with pytest.raises(FunctionFailed, match="took too long"):
                await caller.call(name, [], USER)
    finally:
        never.set()


def test_what_cannot_be_registered() -> None:
    table = AppFunctions()
    table.add("f", lambda context: None)
    with pytest.raises(InvalidArgumentError, match="a function 'f' already"):
        table.add("f", lambda context: None)
    with pytest.raises(InvalidArgumentError, match="takes a context"):
        table.add("g", lambda: None)
    with pytest.raises(InvalidArgumentError, match="has a name"):
        table.add("", lambda context: None)
    nothing: Any = 5
    with pytest.raises(InvalidArgumentError, match="cannot be called"):
        table.add("h", nothing)
    assert len(table) == 1
