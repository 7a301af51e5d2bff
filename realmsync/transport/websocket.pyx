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
        Py_ssize_t _max_message
        Py_ssize_t _unparsed
        uint64_t _frames

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
        self._writable = True
        self._lost_code = None
        self._lost_reason = ""
        self._linger = linger
        self._max_message = max_message

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
        self._frames += 1
        self._unparsed = frame.tail_size
        if frame.msg_type == WSMsgType.CLOSE:
            self._on_close_frame(frame)
        elif frame.msg_type != WSMsgType.PONG and not self._closing:
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
                        self._end_stream()
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
        if size + frame.payload_size > self._max_message:
            self.refuse_oversized()
            return
        PyByteArray_Resize(self._fragments, size + frame.payload_size)
        memcpy(
            PyByteArray_AS_STRING(self._fragments) + size, frame.payload_ptr, frame.payload_size
        )

    cdef _receive(self, const char* data, Py_ssize_t size):
        if size > self._max_message:
            self.refuse_oversized()
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

    cpdef refuse_oversized(self):
        """Ends a connection that sent too large a message.

        Not with 1009, the code meant for this: SDKs answer it with a client reset, which throws the
        user's changes away.
        """
        if self._finished or self._transport is None:
            return
        _logger.warning("message exceeds the limit of %d bytes", self._max_message)
        self._lost_code = CLOSE_INTERNAL
        self._lost_reason = "message exceeds the size limit"
        self._fragments = None
        self._closing = True
        self._close_code = CLOSE_INTERNAL
        self._end_stream(f"message exceeds {self._max_message} bytes")

    cdef _count_unparsed(self, uint64_t frames_before, Py_ssize_t size):
        if self._frames == frames_before:
            self._unparsed += size
        if self._unparsed > self._max_message + 16:
            self.refuse_oversized()


def _retrieve(future):
    """Takes a connection's exception: picows has logged it, `lost` has reported it."""
    if not future.cancelled():
        future.exception()


cdef bytearray _waste = bytearray(64 << 10)


class ServerProtocol(WSProtocol):
    """picows' server protocol, limiting a frame while it arrives and wasting input after the end.

    picows has such a limit, but answers with close code 1009; see `refuse_oversized`.
    """

    def get_buffer(self, size_hint):
        cdef EngineSocket listener = self.listener
        if listener is not None and listener._finished:
            return _waste
        return super().get_buffer(size_hint)

    def buffer_updated(self, nbytes):
        cdef EngineSocket listener = self.listener
        cdef uint64_t frames = 0
        if listener is not None:
            if listener._finished:
                return
            frames = listener._frames
        super().buffer_updated(nbytes)
        if listener is not None:
            listener._count_unparsed(frames, nbytes)


def server_protocol(websocket, headers):
    """A protocol that answers one upgrade request with 101 and `headers`, then runs `websocket`."""

    def accept(request):
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_101_response(headers), websocket
        )

    no_limit = 1 << 62
    return ServerProtocol(
        None, None, False, accept, _logger, True, None, False, 10, 10,
        WSAutoPingStrategy.PING_WHEN_IDLE, True, no_limit, None, 16 * 1024,
    )


def feed(protocol, data):
    """Gives bytes that were read before `protocol` was in charge to it."""
    cdef Py_ssize_t offset = 0, size, total = len(data)
    while offset < total:
        buffer = protocol.get_buffer(total - offset)
        size = min(len(buffer), total - offset)
        buffer[:size] = data[offset:offset + size]
        protocol.buffer_updated(size)
        offset += size


def transport_logger():
    """The logger to give to picows; it never shows a handshake."""
    return _logger
