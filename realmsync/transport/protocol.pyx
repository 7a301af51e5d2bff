"""Between a socket and a websocket: the handshake and control frames to picows, messages past it.

picows keeps each frame until it is complete, in a buffer per connection that never shrinks again,
and ends a connection with close code 1009 for a large one before anybody knows whose message it
was. So it gets what is small and what breaks the protocol; messages go from one buffer for all
connections straight to websocket.pyx. frames.pyx tells what is what.
"""

import asyncio
import threading

from picows import WSAutoPingStrategy, WSUpgradeResponse
from picows.common import WSUpgradeResponseWithListener
from picows.picows import WSProtocol

from realmsync.transport.picows_log import logger

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from libc.stdint cimport uint64_t
from libc.string cimport memcpy
from realmsync.transport.frames cimport DATA, EXCESS, FOREIGN, FrameReader, Part
from realmsync.transport.websocket cimport FIRST_BYTES, EngineSocket

# Bytes of frames that are read at once: a peer's many small messages must not take long.
cdef Py_ssize_t READ_BYTES = 16 << 10
# The same while its frames are larger than this on average, and so few.
cdef Py_ssize_t INBOX_BYTES = 64 << 10
cdef Py_ssize_t LARGE_FRAME = 1 << 10
# picows gets at most this number of bytes at once: its buffer doubles whenever it is filled.
cdef Py_ssize_t PICOWS_BYTES = 12 << 10

# Seconds for which the first bytes of a message that is too large are waited for.
PATIENCE = 1.0

# picows' own limit of a frame.
NO_LIMIT = 1 << 62

# How a server begins that accepts an upgrade.
SWITCHING = b"HTTP/1.1 101"

# What a loop receives it has dealt with before it receives anything else: one for each thread.
_of_thread = threading.local()


def _inbox():
    if not hasattr(_of_thread, "inbox"):
        _of_thread.inbox = memoryview(bytearray(INBOX_BYTES))
    return _of_thread.inbox


cdef unsigned char* _bytes_of(inbox) except NULL:
    return <unsigned char*>PyMemoryView_GET_BUFFER(inbox).buf


cdef _append(bytearray end, const unsigned char* data, Py_ssize_t size):
    cdef Py_ssize_t before = PyByteArray_GET_SIZE(end)
    PyByteArray_Resize(end, before + size)
    memcpy(PyByteArray_AS_STRING(end) + before, data, size)


class EngineProtocol(WSProtocol):
    """picows' protocol, of either side, which sees the handshake and no message."""

    def prepare(self, limit, masked, ended=None):
        """To be called once: frames with more than `limit` bytes of payload are refused.

        `masked` tells whether the peer's frames have to be: a client's. `ended()` is called when
        the connection has ended.
        """
        self._reader = FrameReader(limit, masked)
        self._ended = ended
        self._inbox = None  # until the connection is made
        self._frames_are_large = False
        self._head_end = 0  # how much of the empty line after the HTTP head has been seen
        self._first_line = b""  # or as much of it as SWITCHING has
        self._first_bytes = None  # of a frame that is too large
        self._impatience = None

    def connection_made(self, transport):
        self._inbox = _inbox()
        super().connection_made(transport)

    def connection_lost(self, error):
        if self._inbox is not None:  # else TLS has failed behind a proxy; picows would crash
            super().connection_lost(error)
        if self._ended is not None:
            self._ended()

    def get_buffer(self, size_hint):
        return self._inbox[:INBOX_BYTES if self._frames_are_large else READ_BYTES]

    def buffer_updated(self, nbytes):
        cdef Py_ssize_t at = 0 if self.listener is not None else self._shake_hands(nbytes)
        if self.listener is not None:
            _read_frames(self, self.listener, _bytes_of(self._inbox) + at, nbytes - at)

    def _shake_hands(self, nbytes):
        """Gives picows all that belongs to the handshake. How far that is."""
        cdef unsigned char* data = _bytes_of(self._inbox)
        cdef Py_ssize_t at = 0, size = nbytes
        cdef int seen = self._head_end
        while at < size and seen < 4:
            seen = seen + 1 if data[at] == b"\r\n\r\n"[seen] else data[at] == b"\r"
            at += 1
        self._head_end = seen
        self._first_line += data[:min(at, len(SWITCHING) - len(self._first_line))]
        if self._first_line.startswith(b"HTTP/") and self._first_line != SWITCHING:
            at = size  # a refusal, whose body belongs to it
        self._give(data[:at])
        return at

    def _give(self, data):
        """Gives picows what it would have received."""
        cdef Py_ssize_t offset = 0, size, total = len(data)
        while offset < total and not self._takes_nothing():
            buffer = super().get_buffer(total - offset)
            size = min(len(buffer), total - offset, PICOWS_BYTES)
            buffer[:size] = data[offset:offset + size]
            super().buffer_updated(size)
            offset += size

    def _takes_nothing(self):
        cdef EngineSocket listener = self.listener
        return listener is not None and listener.takes_nothing()

    def _exceed(self, bytes payload):
        """Refuses a frame that is too large as soon as its first bytes are known."""
        cdef FrameReader reader = self._reader
        self._first_bytes = (self._first_bytes or b"") + payload
        if <uint64_t>len(self._first_bytes) >= min(reader.size, <uint64_t>FIRST_BYTES):
            self._refuse()
        elif self._impatience is None:
            self._impatience = asyncio.get_running_loop().call_later(PATIENCE, self._refuse)

    def _refuse(self):
        cdef EngineSocket listener = self.listener
        cdef FrameReader reader = self._reader
        listener.refuse(self._first_bytes[:FIRST_BYTES], reader.size)


cdef _read_frames(protocol, EngineSocket websocket, unsigned char* data, Py_ssize_t size):
    cdef FrameReader reader = protocol._reader
    cdef bytearray foreign = None  # control frames in a row
    cdef Py_ssize_t frames = 0, total = size
    cdef Part part
    while size and not websocket.takes_nothing():
        part = reader.next(data, size)
        frames += 1
        if part == FOREIGN:
            if foreign is None:
                foreign = bytearray()
            if reader.begins:
                _append(foreign, reader.header, reader.header_size)
            _append(foreign, reader.payload, reader.payload_size)
        elif foreign is not None:
            protocol._give(foreign)
            foreign = None
        if part == DATA:
            websocket.take(
                reader.header[0], reader.begins, reader.ends,
                <char*>reader.payload, reader.payload_size,
            )
        elif part == EXCESS:
            protocol._exceed(reader.payload[:min(reader.payload_size, FIRST_BYTES)])
        data += reader.taken
        size -= reader.taken
    if foreign is not None:
        protocol._give(foreign)
    protocol._frames_are_large = total > frames * LARGE_FRAME
    websocket.has_read(reader.missing(), reader.is_final())


def server_protocol(websocket, headers, ended):
    """A protocol that answers one upgrade request with 101 and `headers`, then runs `websocket`.

    `ended()` is called when the connection has ended, whether it became a websocket or not.
    """

    def accept(request):
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_101_response(headers), websocket
        )

    protocol = EngineProtocol(
        None, None, False, accept, logger, True, None, False, 10, 10,
        WSAutoPingStrategy.PING_WHEN_IDLE, False, NO_LIMIT, None, 16 * 1024,
    )
    protocol.prepare(websocket.max_message, True, ended)
    return protocol


def client_protocol(netloc, resource, accept, headers, max_frame):
    """A protocol that asks for an upgrade, then runs what `accept(request, response)` gives.

    The answer has 16 KiB; in which time is the caller's to say.
    """
    protocol = EngineProtocol(
        netloc, resource, True, accept, logger, True, None, False, 10, 10,
        WSAutoPingStrategy.PING_WHEN_IDLE, False, NO_LIMIT, headers, 16 * 1024,
    )
    protocol.prepare(max_frame, False)
    return protocol


def feed(protocol, data):
    """Gives bytes that were read before `protocol` was in charge to it."""
    cdef Py_ssize_t offset = 0, size, total = len(data)
    while offset < total:
        buffer = protocol.get_buffer(total - offset)
        size = min(len(buffer), total - offset)
        buffer[:size] = data[offset:offset + size]
        protocol.buffer_updated(size)
        offset += size
