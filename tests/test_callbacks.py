"""The one rule for calling the application back."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import threading
from typing import Any

import pytest

from realmsync.callbacks import Callback, Listeners
from realmsync.errors import InvalidArgumentError


async def test_on_the_loop_that_registered() -> None:
    seen: list[tuple[int, threading.Thread]] = []
    callback = Callback(lambda n: seen.append((n, threading.current_thread())))
    await asyncio.to_thread(lambda: [callback(n) for n in range(3)])
    await asyncio.sleep(0)
    assert seen == [(n, threading.current_thread()) for n in range(3)]


async def test_what_is_raised_goes_to_the_loop() -> None:
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
    callback = Callback(lambda: [][0])
    callback()
    await asyncio.sleep(0)
    assert reported == ["list index out of range"]


def test_without_a_loop_at_once_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []
    Callback(seen.append)(1)
    assert seen == [1]
    Callback(lambda: [][0])()
    assert "callback failed" in caplog.text and "IndexError" in caplog.text


def test_nobody_listens_on_a_closed_loop(caplog: pytest.LogCaptureFixture) -> None:
    async def register() -> Callback:
        return Callback(pytest.fail)

    callback = asyncio.run(register())
    with caplog.at_level(logging.DEBUG, "realmsync.sdk"):
        callback("called")
    assert "loop is closed" in caplog.text


def test_listeners_go_on_after_one_failed() -> None:
    listeners, seen = Listeners(), []
    listeners.add(lambda: [][0])
    listeners.add(lambda: seen.append(1))
    listeners.notify()
    assert seen == [1]


async def ask(seen: list[object], *arguments: object) -> None:
    await asyncio.sleep(0)
    seen.append(arguments)


class Asks:
    """Calls that are coroutines, in the ways in which programs have them."""

    def __init__(self, seen: list[object]) -> None:
        self.seen = seen

    async def __call__(self, *arguments: object) -> None:
        await ask(self.seen, *arguments)

    async def method(self, *arguments: object) -> None:
        await ask(self.seen, *arguments)


def ways(seen: list[object]) -> list[Any]:
    asks = Asks(seen)
    twice = functools.partial(functools.partial(ask), seen)
    return [asks, asks.method, twice, functools.partial(asks), lambda *a: ask(seen, *a)]


@pytest.mark.parametrize("way", range(5))
async def test_asynchronous_ones_run_as_tasks_in_the_order_of_the_calls(way: int) -> None:
    seen: list[object] = []
    callback = Callback(ways(seen)[way])
    await asyncio.to_thread(lambda: [callback(n) for n in range(3)])
    while len(seen) < 3:
        gc.collect()  # nobody but the callback holds its tasks
        await asyncio.sleep(0)
    assert seen == [(0,), (1,), (2,)]


async def test_what_an_asynchronous_one_raises_goes_to_the_loop() -> None:
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(repr(context["exception"])))

    async def fail() -> None:
        raise OSError("no")

    Callback(fail)()
    for _ in range(5):
        await asyncio.sleep(0)
    assert reported == ["OSError('no')"]


@pytest.mark.parametrize("way", range(4))
def test_without_a_loop_an_asynchronous_one_is_refused(way: int) -> None:
    with pytest.raises(InvalidArgumentError, match="asynchronous, and no event loop"):
        Callback(ways([])[way])


def test_without_a_loop_a_coroutine_that_nobody_expected_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Callback(ways([])[4])()
    assert "gave a coroutine, and no loop runs it" in caplog.text


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="must be callable, got 3"):
        Callback(3)  # type: ignore[arg-type]
