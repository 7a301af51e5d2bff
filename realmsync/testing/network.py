"""A bad network for tests: a proxy that cuts, refuses or stalls connections."""

from __future__ import annotations

import asyncio
import contextlib

from realmsync.testing.loop_thread import LoopThread


class FaultProxy:
    """A TCP proxy in front of `port` that can break what goes through it."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._next_cut: dict[str, int] = {}
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

    def __exit__(self, *_: object) -> None:
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

    def cut_next(self, *, up: int | None = None, down: int | None = None) -> None:
        """Resets the next connection once so many bytes have come from the client (`up`), or have
        gone to it (`down`); what came before them has passed. Replaces what was asked for before.
        """
        cuts = {"up": up, "down": down}
        wanted = {direction: size for direction, size in cuts.items() if size is not None}
        for direction, size in wanted.items():
            if size < 0:
                raise ValueError(f"{direction} is a number of bytes, not {size}")
        self._thread.call(lambda: setattr(self, "_next_cut", wanted))

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
        self._refusing = True  # for who was accepted last
        await asyncio.sleep(0)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # sockets that were aborted close

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
        except (OSError, asyncio.CancelledError):  # a task of asyncio.streams may not end by that
            writer.transport.abort()
            return
        pair = (writer, other_writer)
        self._pairs.add(pair)
        try:
            cuts, self._next_cut = self._next_cut, {}
            await asyncio.gather(
                self._pump(reader, other_writer, cuts.get("up"), pair),
                self._pump(other_reader, writer, cuts.get("down"), pair),
            )
        except asyncio.CancelledError:
            pass
        finally:
            self._pairs.discard(pair)
            for end in pair:
                end.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: int | None,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:
        """One direction of a pair, which is reset after `left` bytes."""
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._flowing.wait()
                if writer.transport.is_closing():  # cut meanwhile
                    return
                passed = data[:left]
                writer.write(passed)
                self.bytes_passed += len(passed)
                await writer.drain()
                if left is not None:
                    left -= len(passed)
                    if left == 0:
                        for end in pair:
                            end.transport.abort()
                        return
            if writer.can_write_eof() and not writer.transport.is_closing():
                writer.write_eof()
