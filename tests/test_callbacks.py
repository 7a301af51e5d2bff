"""The one rule for calling the application back."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from realmsync.callbacks import Callback, Listeners


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
    with caplog.at_level(logging.DEBUG, "realmsync.sync"):
        callback("called")
    assert "loop is closed" in caplog.text


def test_listeners_go_on_after_one_failed() -> None:
    listeners, seen = Listeners(), []
    listeners.add(lambda: [][0])
    listeners.add(lambda: seen.append(1))
    listeners.notify()
    assert seen == [1]
