"""Who puts TLS around the streams of an event loop: the loop, or aiofastnet where it cannot.

That of asyncio will not do: in a tunnel it reads before its caller has the stream; inside the TLS
of an https proxy it fails in Python 3.11 and is refused in 3.10, which also waits for ever for a
peer that does not answer the end of a stream. uvloop's will. What is said on a stream is not known
here. Specification: client-session.md 9.9.
"""

from __future__ import annotations

import asyncio
import functools
from typing import cast


class _Streams:
    """The methods of a loop that make streams, with TLS by aiofastnet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        import aiofastnet

        self.create_connection = functools.partial(aiofastnet.create_connection, loop)
        self.connect_accepted_socket = functools.partial(aiofastnet.connect_accepted_socket, loop)
        self.start_tls = functools.partial(aiofastnet.start_tls, loop)


def streams(loop: asyncio.AbstractEventLoop, *, secure: bool) -> asyncio.AbstractEventLoop:
    """What makes streams on this loop, with TLS or without, by the methods of loops."""
    if not secure or not isinstance(loop, asyncio.BaseEventLoop):
        return loop
    return cast(asyncio.AbstractEventLoop, _Streams(loop))
