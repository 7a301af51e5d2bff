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

# Bytes read in one go, after which others have their turn. What they say is in memory as events
# before anybody hears of it; picows' buffer, which doubles whenever it is filled, grows no further
# than the longest message.
READ_BYTES = 256 << 10

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

    # helpers

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
        self._append_fragment(frame)
        cdef bytearray whole
        if frame.fin and self._fragments is not None:
            whole = self._fragments
            self._fragments = None
            self._receive(PyByteArray_AS_STRING(whole), PyByteArray_GET_SIZE(whole))

    cdef _append_fragment(self, WSFrame frame):
        cdef Py_ssize_t size = PyByteArray_GET_SIZE(self._fragments)
        if size + frame.payload_size > self.max_message:
            self.refuse(bytes(self._fragments[:FIRST_BYTES]), size + frame.payload_size)
            return
        PyByteArray_Resize(self._fragments, size + frame.payload_size)
        memcpy(
            PyByteArray_AS_STRING(self._fragments) + size, frame.payload_ptr, frame.payload_size
        )

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


cdef class FrameGuard:
    """Follows the frames of the peer as they arrive: which one is too large says its first bytes.

    picows has such a limit, but ends the connection itself, with close code 1009, and before
    anybody knows whose message it was; see `EngineSocket.refuse`.
    """

    cdef:
        uint64_t limit
        readonly uint64_t size  # of the frame that is too large
        readonly bytearray first_bytes  # of its payload
        int _request_end  # how much of the empty line after the HTTP head has been seen
        unsigned char _header[14]  # 2 bytes, 0, 2 or 8 of the length, 0 or 4 of the mask
        int _have
        uint64_t _left  # of the payload

    def __init__(self, limit):
        self.limit = limit

    cdef bint trips(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Whether the frame that these bytes belong to, or begin, is too large."""
        cdef Py_ssize_t at = 0
        while at < size and self._request_end < 4:
            self._request_end = (
                self._request_end + 1 if data[at] == b"\r\n\r\n"[self._request_end]
                else data[at] == b"\r"
            )
            at += 1
        while at < size:
            if self.first_bytes is not None:
                return self._take_first_bytes(data + at, size - at)
            if self._left:
                if <uint64_t>(size - at) <= self._left:
                    self._left -= <uint64_t>(size - at)
                    return False
                at += <Py_ssize_t>self._left
                self._left = 0
            self._header[self._have] = data[at]
            self._have += 1
            at += 1
            if self._have == self._header_size():
                self._begin_frame()
        return False

    cdef int _header_size(self):
        cdef int length
        if self._have < 2:
            return 2
        length = self._header[1] & 0x7F
        return 2 + (2 if length == 126 else 8 if length == 127 else 0) + 4 * (self._header[1] >> 7)

    cdef _begin_frame(self):
        cdef uint64_t length = self._header[1] & 0x7F
        cdef int i
        if length >= 126:
            length, end = 0, 4 if length == 126 else 10
            for i in range(2, end):
                length = length << 8 | self._header[i]
        if length > self.limit:
            self.size = length
            self.first_bytes = bytearray()
        else:
            self._left = length
            self._have = 0

    cdef bint _take_first_bytes(self, const unsigned char* data, Py_ssize_t size):
        cdef unsigned char* mask = self._header + self._have - 4
        cdef bint is_masked = self._header[1] >> 7
        cdef Py_ssize_t i, wanted = FIRST_BYTES
        if self.size < <uint64_t>wanted:
            wanted = <Py_ssize_t>self.size
        for i in range(min(size, wanted - len(self.first_bytes))):
            self.first_bytes.append(
                data[i] ^ mask[len(self.first_bytes) & 3] if is_masked else data[i]
            )
        return len(self.first_bytes) == wanted


class EngineProtocol(WSProtocol):
    """picows' protocol, of either side, limiting a frame while it arrives and wasting input after the end."""

    def limit_frames(self, limit):
        """Refuses frames with more than this number of bytes of payload."""
        self._guard = FrameGuard(limit)
        self._impatience = None

    def get_buffer(self, size_hint):
        cdef EngineSocket listener = self.listener
        if listener is not None and (listener._finished or listener._discarding):
            return _waste
        self._buffer = super().get_buffer(size_hint)[:READ_BYTES]
        return self._buffer

    def buffer_updated(self, nbytes):
        cdef EngineSocket listener = self.listener
        cdef FrameGuard guard = self._guard
        cdef const unsigned char* received
        if listener is not None and (listener._finished or listener._discarding):
            return
        received = <const unsigned char*>PyMemoryView_GET_BUFFER(self._buffer).buf
        is_too_large = guard.trips(received, nbytes)
        super().buffer_updated(nbytes)  # it moves what is in the buffer
        if is_too_large:
            self._refuse()
        elif guard.first_bytes is not None and self._impatience is None:
            self._impatience = asyncio.get_running_loop().call_later(PATIENCE, self._refuse)

    def _refuse(self):
        cdef EngineSocket listener = self.listener
        if listener is not None:
            listener.refuse(bytes(self._guard.first_bytes), self._guard.size)


def server_protocol(websocket, headers):
    """A protocol that answers one upgrade request with 101 and `headers`, then runs `websocket`."""

    def accept(request):
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_101_response(headers), websocket
        )

    protocol = EngineProtocol(
        None, None, False, accept, _logger, True, None, False, 10, 10,
        WSAutoPingStrategy.PING_WHEN_IDLE, False, NO_LIMIT, None, 16 * 1024,
    )
    protocol.limit_frames(websocket.max_message)
    return protocol


def client_protocol(netloc, resource, accept, headers, max_frame):
    """A protocol that asks for an upgrade, then runs what `accept(request, response)` gives.

    The answer has 16 KiB; in which time is the caller's to say.
    """
    protocol = EngineProtocol(
        netloc, resource, True, accept, _logger, True, None, False, 10, 10,
        WSAutoPingStrategy.PING_WHEN_IDLE, False, NO_LIMIT, headers, 16 * 1024,
    )
    protocol.limit_frames(max_frame)
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
