"""Servers for tests: in this process, and as a process that can be killed."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realmsync.testing.loop_thread import LoopThread

if TYPE_CHECKING:
    from realmsync.server.process import Server


@contextlib.contextmanager
def run_server(data: Path | None = None, **settings: Any) -> Iterator[Server]:
    """A server in this process; its `url` is what an App takes as `base_url`.

    Without `data` it starts empty and leaves nothing behind. `settings` are those of ServerConfig;
    the port is a free one unless given.
    """
    # The half of a second that this takes is not for programs which only start a process.
    from realmsync.server.config import ServerConfig
    from realmsync.server.process import Server

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

    def __exit__(self, *_: object) -> None:
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
