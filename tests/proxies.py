"""Small proxies for tests: HTTP CONNECT and SOCKS5, with a password or without, which keep what
goes through them and can answer badly."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Target = tuple[str, int]
# Reads a request. Where it wants to go, and what to say once that is reached; None: refused.
Greet = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter], Awaitable[tuple[Target, bytes] | None]
]

NAME, PASSWORD = "kim", "p@ss:w/rd"
IN_URL = "kim:p%40ss%3Aw%2Frd@"


class Proxy:
    """What a proxy has seen, and where it is."""

    def __init__(self) -> None:
        self.targets: list[Target] = []
        self.requests: list[bytes] = []  # to the proxy itself
        self.passed: list[bytes] = []  # of clients, to servers
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, scheme: str, credentials: str = "") -> str:
        return f"{scheme}://{credentials}127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def running(
        self, greet: Greet, context: ssl.SSLContext | None = None
    ) -> AsyncIterator[Proxy]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                    if (greeted := await greet(reader, writer)) is not None:
                        await self._pass_on((reader, writer), *greeted)
            finally:
                self._tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, near: Streams, target: Target, answer: bytes) -> None:
        self.targets.append(target)
        far = await asyncio.open_connection(*target)
        near[1].write(answer)

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1 << 16):
                if reader is near[0]:
                    self.passed.append(data)
                writer.write(data)
                await writer.drain()
            writer.close()

        try:
            await asyncio.gather(pump(near[0], far[1]), pump(far[0], near[1]))
        finally:
            far[1].close()


@contextlib.asynccontextmanager
async def http_proxy(
    *, with_password: bool = False, context: ssl.SSLContext | None = None
) -> AsyncIterator[Proxy]:
    proxy = Proxy()
    expected = base64.b64encode(f"{NAME}:{PASSWORD}".encode())

    async def greet(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Target, bytes] | None:
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.requests.append(head)
        if with_password and b"Proxy-Authorization: Basic " + expected not in head.split(b"\r\n"):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return None
        method, place, _ = head.decode().split(" ", 2)
        assert method == "CONNECT"
        host, _, port = place.rpartition(":")
        return (host, int(port)), b"HTTP/1.1 200 Connection established\r\n\r\n"

    async with proxy.running(greet, context):
        yield proxy


@contextlib.asynccontextmanager
async def socks_proxy(*, with_password: bool = False, reply: int = 0) -> AsyncIterator[Proxy]:
    """SOCKS5 (RFC 1928, 1929). `reply`: what it says instead of connecting."""
    proxy = Proxy()

    async def greet(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Target, bytes] | None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        proxy.requests.append(methods)
        method = 2 if with_password else 0
        if method not in methods:
            writer.write(b"\x05\xff")
            return None
        writer.write(bytes([5, method]))
        if with_password:
            _, size = await reader.readexactly(2)
            name = await reader.readexactly(size)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            right = (name.decode(), password.decode()) == (NAME, PASSWORD)
            writer.write(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return None
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:  # a name
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = ".".join(map(str, await reader.readexactly(4)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        answer = bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])
        if reply:
            writer.write(answer)
            return None
        return (host, port), answer

    async with proxy.running(greet):
        yield proxy


@contextlib.asynccontextmanager
async def rude_proxy(answer: bytes | None) -> AsyncIterator[Proxy]:
    """Says the same to everybody and closes; None: it resets."""
    proxy = Proxy()

    async def greet(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Target, bytes] | None:
        await reader.read(100)
        if answer is None:
            writer.transport.abort()
        else:
            writer.write(answer)
        return None

    async with proxy.running(greet):
        yield proxy
