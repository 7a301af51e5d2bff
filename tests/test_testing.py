"""The fault proxy, on plain TCP."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from realmsync.testing import FaultProxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


async def is_reset(reader: asyncio.StreamReader) -> bool:
    """Whether the connection ends with a reset; uvloop may show it as an ordinary end."""
    try:
        return await asyncio.wait_for(reader.read(100), 5) == b""
    except ConnectionResetError:
        return True


async def test_fault_proxy() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    with FaultProxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one")
        assert await reader.read(100) == b"one"
        assert proxy.bytes_passed == 6

        proxy.stall()
        writer.write(b"two")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(reader.read(100), 0.1)
        proxy.heal()
        assert await asyncio.wait_for(reader.read(100), 5) == b"two"

        assert proxy.cut() == 1
        assert await is_reset(reader)
        writer.close()

        proxy.cut_next(down=4)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"four, and more")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.readexactly(4) == b"four"
        assert await is_reset(reader)
        writer.close()

        proxy.refuse()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await is_reset(reader)
        writer.close()

        proxy.heal()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"three")
        writer.write_eof()
        assert await reader.read(100) == b"three"
        assert await reader.read(100) == b""
        writer.close()
        with pytest.raises(ValueError, match="up is a number of bytes, not -1"):
            proxy.cut_next(up=-1)
    server.close()
