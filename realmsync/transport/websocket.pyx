"""The websocket connection of an engine: picows frames in, engine messages out.

Here live the join between picows (sockets, frames, masking) and the native engine
(csrc/bindings/engines/bridge.h): whole binary messages go in without becoming Python objects,
outgoing messages are built by the engine only when the socket can take them, and are framed in
place.
Handshakes, timers and the dispatch of engine events do not live here; see loop.py and
server/acceptor.py. Specification: wire-protocol.md section 4, server-behaviour.md 5.4 and 14.3.
"""

import asyncio
import logging

from picows import WSAutoPingStrategy, WSProtocolError, WSUpgradeResponse
from picows.common import WSUpgradeResponseWithListener
from picows.picows import WSProtocol

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.pycapsule cimport PyCapsule_GetPointer
cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy
from picows.picows cimport WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

cdef extern from "bindings/engines/bridge.h" nogil:
    const char* REALMSYNC_ENDPOINT_CAPSULE
    ctypedef struct realmsync_message:
        char* data
        size_t size
        void* owner
    ctypedef struct realmsync_endpoint:
        void* self
        void (*receive)(void*, uint64_t, const char*, size_t, int64_t) noexcept
        int (*next_message)(void*, uint64_t, int64_t, realmsync_message*) noexcept
        void (*release)(void*, realmsync_message*) noexcept

cdef extern from "<time.h>" nogil:
    struct timespec:
        int64_t tv_sec
        int64_t tv_nsec
    int CLOCK_MONOTONIC
    int clock_gettime(int, timespec*)

# Messages sent in one go before other connections get their turn.
cdef int MESSAGES_PER_TURN = 256

# Of a message that is too large, enough to tell whose it is: the head of an UPLOAD.
cdef int FIRST_BYTES = 256
# Seconds for which they are waited for.
PATIENCE = 1.0

# picows' own limit of a frame, which would end the connection; see FrameGuard.
NO_LIMIT = 1 << 62

cdef enum:
    CLOSE_ABNORMAL = 1002
    CLOSE_NO_CODE = 1005
    CLOSE_INTERNAL = 1011


cdef inline int64_t now_ms() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1000 + now.tv_nsec // 1000000


def monotonic_ms() -> int:
    """The clock of every engine call, in milliseconds."""
    return now_ms()


class TransportLogger(logging.LoggerAdapter):
    """What picows logs, at levels that fit a server with thousands of connections.

    picows writes whole handshakes at a level below DEBUG. They hold access tokens, so that level is
    off whatever the configuration says.
    """

    def isEnabledFor(self, level):
        return level >= logging.DEBUG and super().isEnabledFor(level)

    def log(self, level, msg, *args, **kwargs):
        if level < logging.DEBUG:
            return
        if not kwargs.get("exc_info"):
            level = logging.DEBUG if level <= logging.INFO else min(level, logging.WARNING)
        super().log(level, msg, *args, **kwargs)


_logger = TransportLogger(logging.getLogger("realmsync.websocket"), {})


cdef class EngineSocket(WSListener):
    """One connection, on either side.

    `host` is told what Python has to know: `opened(websocket)`, `activity()` after input, and
    `lost(websocket, close_code, reason)` exactly once. `connection` may be set in `opened`.
    `oversized(websocket, first_bytes, size)` is told of a message that is too large, after which
    nothing is taken in; it has to end the connection.
    """

    cdef:
        readonly object runtime
        readonly object host
        public uint64_t connection
        realmsync_endpoint* _endpoint
        WSTransport _transport
        object _loop
        object _linger_handle
        bytearray _fragments  # of the binary message being received
        bint _in_text
        bint _writable
        bint _pumping
        bint _closing
        bint _finished
        int _close_code
        object _lost_code
        str _lost_reason
        double _linger
        readonly Py_ssize_t max_message
        bint _discarding  # a message was too large: its rest, and all that follows, is not for us
        bytes _unanswered  # what the last PING said, while the socket takes nothing
        public object account  # of incomplete messages; see server/unfinished.py
        bint _is_unfinished  # the account knows of a message

    def __init__(self, runtime, host, connection=0, *, max_message, linger):
        self.runtime = runtime
        self.host = host
        self.connection = connection
        self._endpoint = <realmsync_endpoint*>PyCapsule_GetPointer(
            runtime.endpoint(), REALMSYNC_ENDPOINT_CAPSULE
        )
        self._transport = None
        self._linger_handle = None
        self._fragments = None
        self._unanswered = None
        self._writable = True
        self._lost_code = None
        self._lost_reason = ""
        self._linger = linger
        self.max_message = max_message

    # picows' side

    cpdef on_ws_connected(self, WSTransport transport):
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        # One message in flight: the next is built when this one is with the system. Not high=0,
        # with which TLS transports count an empty buffer as full.
        transport.underlying_transport.set_write_buffer_limits(high=1, low=0)
        transport.disconnected_future.add_done_callback(_retrieve)
        self.host.opened(self)
        self._pump()

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        if frame.msg_type == WSMsgType.CLOSE:
            self._on_close_frame(frame)
        elif frame.msg_type == WSMsgType.PING:
            self._on_ping(frame.get_payload_as_bytes())
        elif frame.msg_type != WSMsgType.PONG and not self._closing and not self._discarding:
            if frame.rsv1 or frame.rsv2 or frame.rsv3:
                raise WSProtocolError(CLOSE_ABNORMAL, "reserved bits set")
            self._on_data_frame(frame)
        if frame.last_in_buffer:
            self.host.activity()
            self._pump()

    cpdef on_ws_disconnected(self, WSTransport transport):
        if self._linger_handle is not None:
            self._linger_handle.cancel()
        self._transport = None
        self._fragments = None
        self.count_unfinished(0, True)
        if self._lost_code is None and not self._closing:
            handshake = transport.close_handshake
            if handshake is not None and handshake.sent is not None:
                self._lost_code = int(handshake.sent.code)
                self._lost_reason = handshake.sent.reason
        self.host.lost(self, self._lost_code, self._lost_reason)

    cpdef pause_writing(self):
        self._writable = False

    cpdef resume_writing(self):
        self._writable = True
        if self._unanswered is not None:
            self._on_ping(self._unanswered)
        self._pump()

    # the engine's side

    def pump(self):
        """Sends what the engine has, as far as the socket takes it."""
        self._pump()

    def finish(self, int close_code):
        """Sends what the engine still has, then a close frame, and ends the TCP stream.

        0 means no close frame. The peer's answer is not waited for: Realm SDKs give none.
        """
        if self._closing:
            return
        self._closing = True
        self._close_code = close_code
        self._pump()

    def cut_off(self, int close_code):
        """Sends a close frame and nothing more, whatever the engine still has.

        A peer that does not read, whom finish would wait for, is ended when `linger` is over.
        """
        if self._finished or self._transport is None:
            return
        self._closing = True
        self._close_code = close_code
        self._end_stream()
        if self._linger_handle is None:
            self._linger_handle = self._loop.call_later(self._linger, self.abort)

    def abort(self):
        """Ends the connection at once."""
        self._closing = True
        if self._transport is not None:
            self._transport.underlying_transport.abort()

    def pause_reading(self):
        if self._transport is not None and self._transport.underlying_transport.is_reading():
            self._transport.underlying_transport.pause_reading()

    def resume_reading(self):
        if self._transport is None or self._transport.underlying_transport.is_closing():
            return
        if not self._transport.underlying_transport.is_reading():
            self._transport.underlying_transport.resume_reading()

    def give_up(self):
        """Forgets the message that is arriving, and ends the connection: its client comes back."""
        if not self._closing:
            self._lost_code = CLOSE_INTERNAL
            self._lost_reason = "no room for this message at the moment"
        self.cut_off(CLOSE_INTERNAL)

    def count_unfinished(self, left, bint is_last):
        """Tells the account of a message that is not complete: after each read, by the protocol.

        `left` bytes of its present frame are missing; `is_last` tells whether others will follow.
        """
        cdef Py_ssize_t size
        if self._fragments is not None and self.account is not None:
            size = PyByteArray_GET_SIZE(self._fragments)
            self._is_unfinished = True
            self.account.holds(self, size + left if is_last and left else self.max_message, size)
        elif self._is_unfinished:
            self._is_unfinished = False
            self.account.released(self)

    # helpers

    cdef bint takes_nothing(self):
        """Whether input is thrown away, as the connection has an end already."""
        return self._finished or self._discarding or (
            self._transport is not None and self._transport.is_close_frame_sent
        )

    cdef _pump(self):
        cdef realmsync_message message
        cdef int budget = MESSAGES_PER_TURN
        cdef int64_t now
        if self._pumping or self._transport is None or self._finished:
            return
        self._pumping = True
        try:
            now = now_ms()
            while self._writable and self._transport is not None:
                if not self._endpoint.next_message(
                    self._endpoint.self, self.connection, now, &message
                ):
                    if self._closing:
                        self._end_stream(self._lost_reason if self._discarding else None)
                    return
                try:
                    self._transport.send_reuse_external_buffer(
                        WSMsgType.BINARY, message.data, <Py_ssize_t>message.size
                    )
                finally:
                    self._endpoint.release(self._endpoint.self, &message)
                budget -= 1
                if budget == 0:
                    self._loop.call_soon(self.pump)
                    return
        finally:
            self._pumping = False

    # RFC 6455 5.5.3 has the latest PING answered alone: those of a peer that reads nothing would
    # pile up their answers.
    cdef _on_ping(self, bytes payload):
        self._unanswered = None if self._writable else payload
        if self._writable and self._transport is not None and not self._finished:
            self._transport.send_pong(payload)

    cdef _on_data_frame(self, WSFrame frame):
        if frame.msg_type == WSMsgType.CONTINUATION:
            if self._in_text:
                self._in_text = not frame.fin
                return
            if self._fragments is None:
                raise WSProtocolError(CLOSE_ABNORMAL, "continuation without a beginning")
        elif self._fragments is not None or self._in_text:
            raise WSProtocolError(CLOSE_ABNORMAL, "new message inside a fragmented one")
        elif frame.msg_type == WSMsgType.TEXT:
            self._in_text = not frame.fin
            return
        elif frame.fin:
            self._receive(frame.payload_ptr, frame.payload_size)
            return
        else:
            self._fragments = bytearray()
        self._append(frame.payload_ptr, frame.payload_size)
        cdef bytearray whole
        if frame.fin and self._fragments is not None:
            whole = self._fragments
            self._fragments = None
            self._receive(PyByteArray_AS_STRING(whole), PyByteArray_GET_SIZE(whole))

    cdef _append(self, const char* payload, Py_ssize_t added):
        cdef Py_ssize_t size = PyByteArray_GET_SIZE(self._fragments)
        if size + added > self.max_message:
            self.refuse(bytes(self._fragments[:FIRST_BYTES]), size + added)
            return
        PyByteArray_Resize(self._fragments, size + added)
        memcpy(PyByteArray_AS_STRING(self._fragments) + size, payload, added)

    cdef _receive(self, const char* data, Py_ssize_t size):
        if size > self.max_message:
            self.refuse(data[:FIRST_BYTES], size)
            return
        self._endpoint.receive(
            self._endpoint.self, self.connection, data, <size_t>size, now_ms()
        )

    cdef _on_close_frame(self, WSFrame frame):
        cdef int code = frame.get_close_code()
        if not self._closing:
            self._lost_code = code if code else CLOSE_NO_CODE
            self._lost_reason = frame.get_close_reason() or ""
        self._closing = True
        self._finished = True
        self._transport.send_close(<WSCloseCode>(code if code else 1000))
        self._transport.disconnect()

    cdef _end_stream(self, reason=None):
        self._finished = True
        self._fragments = None  # nobody will see the rest
        self.count_unfinished(0, True)
        if self._close_code:
            self._transport.send_close(<WSCloseCode>self._close_code, reason)
        self._transport.is_close_frame_sent = True  # nothing more is written, PONG included
        underlying = self._transport.underlying_transport
        if self._linger > 0 and not self._transport.is_secure and underlying.can_write_eof():
            # Closing a socket with unread input resets it, which can destroy what was just sent.
            # So only our direction ends; input is thrown away until the peer closes.
            try:
                underlying.write_eof()
            except OSError:
                # The peer has reset the connection, which the loop has yet to tell.
                self._transport.disconnect()
                return
            self._linger_handle = self._loop.call_later(self._linger, underlying.abort)
        else:
            self._transport.disconnect()

    cpdef refuse(self, bytes first_bytes, size):
        """Takes in nothing more, as a message of `size` bytes is too large; the host ends it.

        Not with 1009, the code meant for this: SDKs answer it with a client reset, which throws the
        user's changes away.
        """
        if self._finished or self._discarding or self._transport is None:
            return
        self._discarding = True
        self._fragments = None
        self._lost_code = CLOSE_INTERNAL
        self._lost_reason = f"a message of {size} bytes exceeds the limit of {self.max_message}"
        _logger.warning("%s", self._lost_reason)
        self.host.oversized(self, first_bytes, size)


def _retrieve(future):
    """Takes a connection's exception: picows has logged it, `lost` has reported it."""
    if not future.cancelled():
        future.exception()


cdef bytearray _waste = bytearray(64 << 10)


# Frames up to this number of bytes of payload are left to picows as they are.
cdef uint64_t WHOLE_BYTES = 32 << 10
# picows gets at most this number of bytes at once: its buffer doubles whenever it is filled.
cdef Py_ssize_t READ_BYTES = 12 << 10
# Bytes of a large frame that are read at once.
cdef Py_ssize_t LARGE_READ_BYTES = 64 << 10


cdef class FrameGuard:
    """Follows the frames of the peer as they arrive, and keeps large ones from picows.

    picows keeps a frame until it is complete, in a buffer that never shrinks again. In place of a
    large one it gets two empty ones: at its beginning, and at its end, as if the peer had sent a
    message in several frames. So what may come when is decided in one place, and the payload goes
    straight to `EngineSocket._fragments`, where it is counted and given back.

    A frame above `limit` is not passed on at all: its first bytes are kept, which tell whose it
    is. picows has such a limit, but ends the connection itself, with close code 1009, and before
    anybody knows whose message it was; see `EngineSocket.refuse`.
    """

    cdef:
        uint64_t limit
        readonly uint64_t size  # of the frame that is too large
        readonly bytearray first_bytes  # of its payload
        int _request_end  # how much of the empty line after the HTTP head has been seen
        unsigned char _header[14]  # 2 bytes, 0, 2 or 8 of the length, 0 or 4 of the mask
        int _have
        readonly uint64_t left  # of the payload
        bint _is_large
        uint64_t _taken  # of a large payload
        bytearray out  # what picows gets of what was received; None: as it is

    def __init__(self, limit):
        self.limit = limit

    cdef bint is_last(self):
        """Whether the frame that is arriving ends its message."""
        return self._header[0] >> 7

    cdef bint is_inside(self):
        """Whether what comes next is payload of a large frame."""
        return self._is_large and self.left > 0

    cdef Py_ssize_t follow(self, const unsigned char* data, Py_ssize_t size):
        """Reads up to the payload of a large frame. How far that is; `out` is for picows."""
        cdef Py_ssize_t at = 0, start = 0, taken
        self.out = None
        while at < size and self._request_end < 4:
            self._request_end = (
                self._request_end + 1 if data[at] == b"\r\n\r\n"[self._request_end]
                else data[at] == b"\r"
            )
            at += 1
        if self._have and not self.left:
            self.out = bytearray()  # with the rest of a header of which picows has nothing yet
        while at < size and not self.is_inside():
            if self.first_bytes is not None:
                self._take_first_bytes(data + at, size - at)
                return size
            if self.left:
                taken = <Py_ssize_t>min(self.left, <uint64_t>(size - at))
                if self.out is not None:
                    self.out += data[at:at + taken]
                at += taken
                self._pass(<uint64_t>taken)
                continue
            if not self._have and self.out is None:
                start = at
            self._header[self._have] = data[at]
            self._have += 1
            at += 1
            if self._have == self._header_size():
                self._begin_frame(data, start)
        if self._have and not self.left and self.out is None:
            self.out = bytearray(data[:start])  # the header is passed on when it is complete
        return at

    cdef _pass(self, uint64_t size):
        self.left -= size
        if not self.left:
            self._have = 0

    cdef int _header_size(self):
        cdef int length
        if self._have < 2:
            return 2
        length = self._header[1] & 0x7F
        return 2 + (2 if length == 126 else 8 if length == 127 else 0) + 4 * (self._header[1] >> 7)

    cdef _begin_frame(self, const unsigned char* data, Py_ssize_t start):
        """`start` is where the header began in `data`, if nothing was held back before it."""
        cdef uint64_t length = self._header[1] & 0x7F
        cdef int i, end = 2
        if length >= 126:
            length, end = 0, 4 if length == 126 else 10
            for i in range(2, end):
                length = length << 8 | self._header[i]
        # What picows refuses by its header it gets as it is.
        self._is_large = length > WHOLE_BYTES and (end == 4 or length > 0xFFFF) and (
            self._header[0] & 0x0F <= WSMsgType.BINARY
        )
        if (self._is_large or length > self.limit) and self.out is None:
            self.out = bytearray(data[:start])
        if length > self.limit:
            self.size = length
            self.first_bytes = bytearray()
            return
        self.left = length
        if self._is_large:
            self._taken = 0
            self.out += self._empty_frame(self._header[0] & 0x7F)
        elif self.out is not None:
            self.out += self._header[:self._have]
        if not length:
            self._have = 0

    cdef bytes _empty_frame(self, int first):
        return bytes((first, 0x80, 0, 0, 0, 0)) if self._header[1] >> 7 else bytes((first, 0))

    cdef bytes take(self, unsigned char* payload, Py_ssize_t size):
        """Takes a part of a large payload, and unmasks it. What picows has to get at its end."""
        self._unmask(payload, size)
        self._taken += <uint64_t>size
        self._pass(<uint64_t>size)
        return b"" if self.left else self._empty_frame(self._header[0] & 0x80)

    cdef _unmask(self, unsigned char* payload, Py_ssize_t size):
        cdef unsigned char mask[8]
        cdef Py_ssize_t i
        cdef uint64_t word, key
        if not self._header[1] >> 7:
            return
        for i in range(8):
            mask[i] = self._header[self._have - 4 + <int>((self._taken + <uint64_t>i) & 3)]
        memcpy(&key, mask, 8)
        for i in range(size >> 3):
            memcpy(&word, payload + 8 * i, 8)
            word ^= key
            memcpy(payload + 8 * i, &word, 8)
        for i in range(size & ~<Py_ssize_t>7, size):
            payload[i] ^= mask[i & 7]

    cdef _take_first_bytes(self, const unsigned char* data, Py_ssize_t size):
        cdef unsigned char* mask = self._header + self._have - 4
        cdef bint is_masked = self._header[1] >> 7
        cdef Py_ssize_t i, wanted = FIRST_BYTES
        if self.size < <uint64_t>wanted:
            wanted = <Py_ssize_t>self.size
        for i in range(min(size, wanted - len(self.first_bytes))):
            self.first_bytes.append(
                data[i] ^ mask[len(self.first_bytes) & 3] if is_masked else data[i]
            )

    cdef bint trips(self):
        """Whether a frame is too large, and its first bytes are known."""
        return self.first_bytes is not None and (
            <uint64_t>len(self.first_bytes) == min(self.size, <uint64_t>FIRST_BYTES)
        )


cdef bytes _take(
    EngineSocket websocket, FrameGuard guard, unsigned char* payload, Py_ssize_t size
):
    """Hands a part of a large payload over. What picows has to get at its end."""
    end = guard.take(payload, size)
    if websocket is not None and websocket._fragments is not None and not websocket._closing:
        websocket._append(<char*>payload, size)
    return end


class EngineProtocol(WSProtocol):
    """picows' protocol, of either side, with an eye on the frames' sizes and on what is not read."""

    def prepare(self, limit, ended=None):
        """To be called once: frames with more than `limit` bytes of payload are refused.

        `ended()` is called when the connection has ended.
        """
        self._guard = FrameGuard(limit)
        self._ended = ended
        self._large_buffer = None
        self._impatience = None

    def connection_lost(self, error):
        super().connection_lost(error)
        if self._ended is not None:
            self._ended()

    def get_buffer(self, size_hint):
        cdef FrameGuard guard = self._guard
        if self._takes_nothing():
            return _waste
        if guard.is_inside():
            if self._large_buffer is None:
                self._large_buffer = bytearray(LARGE_READ_BYTES)
            self._buffer = memoryview(self._large_buffer)[:guard.left]
        else:
            self._buffer = super().get_buffer(size_hint)[:READ_BYTES]
        return self._buffer

    def buffer_updated(self, nbytes):
        cdef EngineSocket listener
        cdef FrameGuard guard = self._guard
        cdef unsigned char* received
        cdef Py_ssize_t size
        if self._takes_nothing():
            return
        received = <unsigned char*>PyMemoryView_GET_BUFFER(self._buffer).buf
        rest = b""
        if guard.is_inside():
            self._give(_take(self.listener, guard, received, nbytes))
            if not guard.is_inside():
                self._large_buffer = None
        else:
            size = guard.follow(received, nbytes)
            rest = received[size:nbytes]
            if guard.out is None:
                super().buffer_updated(nbytes)  # it moves what is in the buffer
            else:
                self._give(guard.out)
        self._follow(rest)
        if guard.trips():
            self._refuse()
        elif guard.first_bytes is not None and self._impatience is None:
            self._impatience = asyncio.get_running_loop().call_later(PATIENCE, self._refuse)
        listener = self.listener
        if listener is not None:
            listener.count_unfinished(guard.left, guard.is_last())

    def _takes_nothing(self):
        cdef EngineSocket listener = self.listener
        return listener is not None and listener.takes_nothing()

    def _follow(self, bytes rest):
        """Goes on with what came in the same read as the beginning of a large frame."""
        cdef FrameGuard guard = self._guard
        cdef bytearray data = bytearray(rest)
        cdef unsigned char* at = <unsigned char*>PyByteArray_AS_STRING(data)
        cdef Py_ssize_t size, left = len(data)
        while left and not self._takes_nothing():
            if guard.is_inside():
                size = <Py_ssize_t>min(guard.left, <uint64_t>left)
                self._give(_take(self.listener, guard, at, size))
            else:
                size = guard.follow(at, left)
                self._give(at[:size] if guard.out is None else guard.out)
            at += size
            left -= size

    def _give(self, data):
        """Gives picows what it would have received."""
        cdef Py_ssize_t offset = 0, size, total = len(data)
        while offset < total and not self._takes_nothing():
            buffer = super().get_buffer(total - offset)
            size = min(len(buffer), total - offset, READ_BYTES)
            buffer[:size] = data[offset:offset + size]
            super().buffer_updated(size)
            offset += size

    def _refuse(self):
        cdef EngineSocket listener = self.listener
        if listener is not None:
            listener.refuse(bytes(self._guard.first_bytes), self._guard.size)


def server_protocol(websocket, headers, ended):
    """A protocol that answers one upgrade request with 101 and `headers`, then runs `websocket`.

    `ended()` is called when the connection has ended, whether it became a websocket or not.
    """

    def accept(request):
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_101_response(headers), websocket
        )

    protocol = EngineProtocol(
        None, None, False, accept, _logger, True, None, False, 10, 10,
        WSAutoPingStrategy.PING_WHEN_IDLE, False, NO_LIMIT, None, 16 * 1024,
    )
    protocol.prepare(websocket.max_message, ended)
    return protocol


def client_protocol(netloc, resource, accept, headers, max_frame):
    """A protocol that asks for an upgrade, then runs what `accept(request, response)` gives.

    The answer has 16 KiB; in which time is the caller's to say.
    """
    protocol = EngineProtocol(
        netloc, resource, True, accept, _logger, True, None, False, 10, 10,
        WSAutoPingStrategy.PING_WHEN_IDLE, False, NO_LIMIT, headers, 16 * 1024,
    )
    protocol.prepare(max_frame)
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
