"""Servers and bad networks for tests, ours and those of programs that use realmsync.

`run_server` runs a server in this process, `ServerProcess` one that can be killed, `FaultProxy`
stands between a client and a server and cuts or stalls the connections. All are synchronous and
live on threads of their own, so that they fit tests of any kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from realmsync.transport.loop import new_event_loop

Result = TypeVar("Result")


class LoopThread:
    """An event loop on a thread of its own."""

    def __init__(self, name: str) -> None:
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs a coroutine there and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def call(self, work: Callable[[], Result]) -> Result:
        """Calls a function there and waits for it."""
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return future.result()

    def close(self) -> None:
        """Ends loop and thread."""
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def run_server(data: Path | None = None, **settings: Any) -> Iterator[Server]:
    """A server in this process; its `url` is what an App takes as `base_url`.

    Without `data` it starts empty and leaves nothing behind. `settings` are those of ServerConfig;
    the port is a free one unless given.
    """
    with contextlib.ExitStack() as stack:
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = ServerConfig(**{"data": data, "host": "127.0.0.1", "port": 0, **settings})
        thread = LoopThread("realmsync-server")
        stack.callback(thread.close)

        async def start() -> Server:
            server = Server(config)
            await server.start()
            return server

        server = thread.run(start())
        stack.callback(lambda: thread.run(server.stop()))
        yield server


class ServerProcess:
    """A server in a process of its own, on the same port and data after each `start`.

    ::

        with ServerProcess(data) as server:
            ...
            server.kill()
            server.start()
    """

    def __init__(
        self, data: Path, *arguments: str, port: int = 0, durability: str = "full"
    ) -> None:
        self.data = data
        self.port = port
        self._arguments = ("--durability", durability, *arguments)
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """What an App takes as `base_url`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the server; returns when clients can come."""
        assert self._process is None, "the server is running"
        command = [sys.executable, "-m", "realmsync", "serve", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--data", str(self.data), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        match = re.search(r"https?://[^ ]+:(\d+)", line)
        if match is None:
            self.stop()
            raise RuntimeError(f"the server did not start: {line!r}")
        self.port = int(match[1])

    def stop(self, timeout: float = 20.0) -> int | None:
        """Stops the server gracefully; gives its exit status."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """Ends the server as a crash would."""
        self._end(signal.SIGKILL, 20.0)

    def _end(self, number: int, timeout: float) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(number)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            assert process.stdout is not None
            process.stdout.close()


class FaultProxy:
    """A TCP proxy in front of `port` that can break what goes through it."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self.port = 0
        # Bytes that went through so far, both ways.
        self.bytes_passed = 0

    @property
    def url(self) -> str:
        """The proxy as a base URL."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FaultProxy:
        self._thread = LoopThread("realmsync-proxy")
        self._thread.run(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.run(self._stop())
        self._thread.close()

    def cut(self) -> int:
        """Resets every connection; new ones work. Gives how many there were."""

        def work() -> int:
            count = len(self._pairs)
            for pair in self._pairs:
                for writer in pair:
                    writer.transport.abort()
            return count

        return self._thread.call(work)

    def refuse(self) -> None:
        """Resets every connection, and new ones too, until `heal`."""
        self._thread.call(lambda: setattr(self, "_refusing", True))
        self.cut()

    def stall(self) -> None:
        """Lets nothing through, without a sign to either side, until `heal`."""
        self._thread.call(self._flowing.clear)

    def heal(self) -> None:
        """Lets everything through again."""

        def work() -> None:
            self._refusing = False
            self._flowing.set()

        self._thread.call(work)

    async def _start(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self._refusing:
                writer.transport.abort()
                return
            other_reader, other_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, other_writer)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer))
        except asyncio.CancelledError:
            pass
        finally:
            self._pairs.discard(pair)
            for end in pair:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._flowing.wait()
                writer.write(data)
                self.bytes_passed += len(data)
                await writer.drain()
            if writer.can_write_eof() and not writer.transport.is_closing():
                writer.write_eof()
