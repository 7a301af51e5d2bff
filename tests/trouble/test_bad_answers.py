"""What a bad server says by HTTP costs our client a known number of bytes and seconds; the error
says whose answer it was and which limit it broke (app-services-http.md 3)."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from realmsync import App, AppError, Credentials
from realmsync.account.http import MAX_REPLY, HttpRequest, aiohttp_transport

OK = b"HTTP/1.1 200 OK\r\n"
MEBIBYTE = 1 << 20


@asynccontextmanager
async def answering(*parts: bytes, pause: float = 0.0) -> AsyncIterator[str]:
    """A server that answers every request with these bytes, the last of them again and again."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
            for _ in range(100):
                await writer.drain()
                await asyncio.sleep(pause)
                writer.write(parts[-1])
        except OSError:
            pass  # the client has had enough
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


REFUSED = {
    "declared": (
        (OK + b"Content-Length: 10000000000\r\n\r\n", bytes(MEBIBYTE)),
        f"127.0.0.1 answers with more than {MAX_REPLY} bytes",
    ),
    "to the end of the stream": (
        (OK + b"\r\n", bytes(MEBIBYTE)),
        f"127.0.0.1 answers with more than {MAX_REPLY} bytes",
    ),
    "in chunks": (
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n",
            b"100000\r\n%s\r\n" % bytes(MEBIBYTE),
        ),
        f"127.0.0.1 answers with more than {MAX_REPLY} bytes",
    ),
    "an error": (
        (b"HTTP/1.1 500 No\r\n\r\n", bytes(MEBIBYTE)),
        f"127.0.0.1 answers with more than {MAX_REPLY} bytes",
    ),
    "compressed": (
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(64 * MEBIBYTE)), b""),
        "127.0.0.1 compresses its answer",
    ),
    "redirects": (
        (b"HTTP/1.1 302 No\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", b""),
        "127.0.0.1 redirects more than 10 times",
    ),
    "header lines": ((OK, b"X: y\r\n" * 1000), "400"),
    "a header line": ((OK + b"X: ", b"y" * MEBIBYTE), "400"),
    "status line": ((b"HTTP/1.1 200 ", b"y" * MEBIBYTE), "400"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_endless_answers(kind: str) -> None:
    parts, reason = REFUSED[kind]
    async with answering(*parts) as url:
        await aiohttp_transport(HttpRequest("GET", f"{url}/warm-up", timeout=20))
        tracemalloc.start()
        response = await aiohttp_transport(HttpRequest("GET", f"{url}/location", timeout=20))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (response.status, response.custom_status) == (0, -1)
    assert response.body.startswith(f"request to {url}/location failed, reason: ")
    assert reason in response.body
    assert len(response.body) < 1000
    assert peak < 8 * MEBIBYTE


async def test_an_answer_as_long_as_it_may_be() -> None:
    head = OK + b"Content-Length: %d\r\n\r\n" % MAX_REPLY
    async with answering(head + b"a" * MAX_REPLY, b"") as url:
        response = await aiohttp_transport(HttpRequest("GET", url, timeout=20))
    assert (response.status, response.body) == (200, "a" * MAX_REPLY)


@pytest.mark.parametrize("head", [OK + b"Content-Length: 1000\r\n\r\n", b"HTTP/1.1 200 "])
async def test_time_counts_altogether(head: bytes, tmp_path: Path) -> None:
    """A byte now and then does not keep a request alive."""
    async with answering(head, b" ", pause=0.1) as url:
        app = App("tests", base_url=url, base_file_path=tmp_path, timeout=0.5)
        with pytest.raises(AppError, match=r"no complete answer within 0\.5 s$"):
            await app.log_in(Credentials.anonymous())
        await app.close()
