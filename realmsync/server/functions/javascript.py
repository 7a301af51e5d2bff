"""Exported JavaScript functions, run in processes of their own by QuickJS (extra `js`).

The processes are started when they are needed and ended when a call's time is over, so that nothing
that a function does delays, crashes or fills the server. Each serves one call from outside at a
time, with all functions that it calls in turn. The other end of the pipe is javascript_worker.py;
who may call what is caller.py's. Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realmsync.server.functions.port import FunctionFailed
from realmsync.server.functions.turns import Turns

# Processes of one application, and those that one user's calls may have.
_PROCESSES = 2
_PROCESSES_PER_USER = 1
# Seconds that an idle process is kept.
_IDLE = 60.0
# Seconds beyond its time in which a process may say so itself, before it is ended.
_GRACE = 0.5
_MESSAGE = 4 << 20
_LONG = 64 << 10  # bytes of a message that is read on a thread

# Answers what a function asks of the server, by kind and payload, with a text of extended JSON.
Host = Callable[[str, Any], Awaitable[str]]


def is_available() -> bool:
    """Whether the engine is installed."""
    try:
        # Checked by users, too, whose settings do not know that it has no types.
        import quickjs  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return False
    return hasattr(quickjs, "Context")


class _Process:
    """A worker process and the calls that run in it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        # With the context of the call, in which its questions are answered.
        self._runs: dict[int, tuple[asyncio.Future[Any], Host, Context]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.get_running_loop().create_task(self._read())
        self.has_ended = False

    @classmethod
    async def start(cls) -> _Process:
        """Starts one. Raises FunctionFailed."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(Path(__file__).with_name("javascript_worker.py")),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the server's
            )
        except OSError as error:
            raise FunctionFailed(f"its process cannot be started: {error.strerror}") from error
        return cls(process)

    async def ready(self) -> None:
        """Waits until it takes calls: their time is the functions' alone. Raises FunctionFailed."""
        await self._ready

    async def call(self, message: dict[str, Any], host: Host) -> Any:
        """Runs a function to its outcome. Raises FunctionFailed."""
        if self.has_ended:
            raise FunctionFailed("its process has ended")
        number = next(self._numbers)
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._runs[number] = outcome, host, copy_context()
        try:
            self._send({"run": number, "kind": "call", **message})
            return await outcome
        finally:
            del self._runs[number]

    def end(self, reason: str) -> None:
        """Ends it with all that runs in it."""
        self.has_ended = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        for waiting in (self._ready, *(outcome for outcome, _, _ in self._runs.values())):
            if not waiting.done():
                waiting.set_exception(FunctionFailed(reason))
        for task in self._answering:
            task.cancel()

    async def gone(self) -> None:
        """Waits until the system has let go of it, after `end`."""
        await self._process.wait()
        await self._reading
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        if len(data) > _MESSAGE:
            raise FunctionFailed("what it is given is too large")
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(struct.pack(">I", len(data)) + data)

    async def _read(self) -> None:
        try:
            async for message in _messages(self._process.stdout):
                self._take(message)
        except (KeyError, TypeError, ValueError, RecursionError):
            pass  # a function has changed what the engine talks with
        finally:
            self.end("its process ended: it used too much, or the engine failed")

    def _take(self, message: dict[str, Any]) -> None:
        number, payload = message["run"], message["payload"]
        if message["kind"] == "ready" and not self._ready.done():
            self._ready.set_result(None)
        if number not in self._runs:
            return
        outcome, host, context = self._runs[number]
        if message["kind"] != "outcome":
            loop = asyncio.get_running_loop()
            task = context.copy().run(loop.create_task, self._answer(message, host))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif not outcome.done():
            if "error" in payload:
                outcome.set_exception(FunctionFailed(payload["error"], payload.get("place", "")))
            else:
                outcome.set_result(payload["value"])

    async def _answer(self, message: dict[str, Any], host: Host) -> None:
        is_error = False
        try:
            text = await host(message["kind"], message["payload"])
        except Exception as error:  # the function's to catch
            text, is_error = str(error), True
        if message["id"]:
            answer = {"call": message["id"], "text": text, "is_error": is_error}
            self._send({"run": message["run"], "kind": "answer", **answer})


async def _messages(pipe: asyncio.StreamReader | None) -> AsyncIterator[dict[str, Any]]:
    """What a process says, until it ends."""
    assert pipe is not None
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            (size,) = struct.unpack(">I", await pipe.readexactly(4))
            if size > _MESSAGE:
                return
            data = await pipe.readexactly(size)
            is_long = size > _LONG
            yield await asyncio.to_thread(json.loads, data) if is_long else json.loads(data)


@dataclass
class _Lease:
    """A process for the time of one call from outside."""

    owner: JavaScript
    process: _Process
    is_over: bool = False


# That of the call which we are inside of: functions that it calls run in the same process, as they
# could wait for each other for ever.
_lease: ContextVar[_Lease | None] = ContextVar("javascript_lease", default=None)


class JavaScript:
    """The processes of one application. `close` ends them."""

    def __init__(self) -> None:
        self._idle: dict[_Process, asyncio.TimerHandle] = {}
        self._processes: set[_Process] = set()
        self._leaving: set[asyncio.Task[None]] = set()  # what waits until ended ones are gone
        self._starting: set[asyncio.Task[None]] = set()
        self._turns = Turns(_PROCESSES, _PROCESSES_PER_USER)
        self._waiting: deque[asyncio.Future[None]] = deque()  # until a process has started
        self._closed = False

    async def run(
        self,
        source: str,
        context: str,
        arguments: str,
        host: Host,
        seconds: float,
        user: str = "",
    ) -> Any:
        """Calls what a source exports; gives the result as extended JSON, in JSON values.

        `context` and `arguments` are texts of extended JSON; `host` answers what the function asks
        of the server; `user` is whose turn it takes. Raises FunctionFailed.
        """
        message = {
            "source": source,
            "context": context,
            "arguments": arguments,
            "seconds": seconds,
        }
        lease = _lease.get()
        if lease is not None and lease.owner is self and not lease.is_over:
            return await lease.process.call(message, host)
        async with self._turns.of(user):
            return await self._run_outermost(message, host, seconds)

    async def _run_outermost(self, message: dict[str, Any], host: Host, seconds: float) -> Any:
        lease = _Lease(self, await self._take())
        token = _lease.set(lease)
        try:
            return await asyncio.wait_for(lease.process.call(message, host), seconds + _GRACE)
        except asyncio.TimeoutError:
            lease.process.end("it took too long")
            raise FunctionFailed("it took too long") from None
        except asyncio.CancelledError:
            lease.process.end("it was given up")
            raise
        finally:
            _lease.reset(token)
            lease.is_over = True
            self._give_back(lease.process)

    async def close(self) -> None:
        """Ends all processes, and what runs in them with FunctionFailed."""
        self._closed = True
        for process in list(self._processes):
            self._end(process, "the server stops")
        while self._waiting:
            self._next()
        while running := self._starting | self._leaving:
            await asyncio.wait(running)

    async def _take(self) -> _Process:
        """A process that nobody uses. Raises FunctionFailed."""
        while not self._closed:
            while self._idle:
                process, timer = self._idle.popitem()
                timer.cancel()
                if not process.has_ended:
                    return process
                self._end(process, "it ended while it was idle")
            if len(self._processes) + len(self._starting) < _PROCESSES:
                # In a task of its own: a start that is given up halfway would leak the process.
                start = asyncio.get_running_loop().create_task(self._start())
                self._starting.add(start)
                start.add_done_callback(self._starting.discard)
            await self._wait()
        raise FunctionFailed("the server stops")

    async def _start(self) -> None:
        try:
            process = await _Process.start()
        except FunctionFailed as error:
            self._next(error)
            return
        self._processes.add(process)
        if self._closed:
            self._end(process, "the server stops")
        try:
            await process.ready()
        except FunctionFailed as error:
            self._end(process, str(error))
            self._next(error)
        else:
            self._give_back(process)

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()  # it was given its turn, and leaves all the same
            raise

    def _give_back(self, process: _Process) -> None:
        if process.has_ended:
            self._end(process, "its call is over")
        else:
            loop = asyncio.get_running_loop()
            self._idle[process] = loop.call_later(_IDLE, self._retire, process)
        self._next()

    def _retire(self, process: _Process) -> None:
        if self._idle.pop(process, None) is not None:
            self._end(process, "it was idle")

    def _end(self, process: _Process, reason: str) -> None:
        process.end(reason)
        if process in self._processes:
            self._processes.remove(process)
            task = asyncio.get_running_loop().create_task(process.gone())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _next(self, error: FunctionFailed | None = None) -> None:
        """Gives the next one who waits his turn, or tells him what went wrong."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                if error is None:
                    turn.set_result(None)
                else:
                    turn.set_exception(error)
                return
