"""The websocket connection of an engine: payload of frames in, engine messages out.

Here live the join to the native engine (csrc/bindings/engines/bridge.h) and the order of frames:
whole binary messages go in without becoming Python objects, outgoing messages are built by the
engine only when the socket can take them, and are framed in place by picows, which also tells of
control frames. Reading from the socket is protocol.pyx's matter, handshakes, timers and the
dispatch of engine events are loop.py's and server/acceptor.py's. Specification: wire-protocol.md
section 4, server-behaviour.md 5.4 and 14.3.
"""

import asyncio

from realmsync.transport.picows_log import logger

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy
from picows.picows cimport WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

cdef extern from "<time.h>" nogil:
    struct timespec:
        int64_t tv_sec
        int64_t tv_nsec
    int CLOCK_MONOTONIC
    int clock_gettime(int, timespec*)

# Messages sent in one go before other connections get their turn.
cdef int MESSAGES_PER_TURN = 256

cdef enum:
    CLOSE_PROTOCOL_ERROR = 1002
    CLOSE_NO_CODE = 1005
    CLOSE_INTERNAL = 1011


cdef inline int64_t now_ms() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1000 + now.tv_nsec // 1000000


def monotonic_ms() -> int:
    """The clock of every engine call, in milliseconds."""
    return now_ms()


cdef class EngineSocket(WSListener):
    """One connection, on either side.

    `host` is told what Python has to know: `opened(websocket)`, `activity()` after input, and
    `lost(websocket, close_code, reason)` exactly once. `connection` may be set in `opened`.
    `oversized(websocket, first_bytes, size)` is told of a message that is too large, after which
    nothing is taken in; it has to end the connection.
    """

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

    cpdef on_ws_disconnected(self, WSTransport transport):
        if self._linger_handle is not None:
            self._linger_handle.cancel()
        self._transport = None
        self._fragments = None
        self._count_unfinished(0, True)
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

    # the protocol's side

    cdef take(self, int head, bint begins, bint ends, const char* payload, Py_ssize_t size):
        """Takes a part of a data frame: whether it begins and ends it. `head` is its first byte."""
        cdef bint is_final = head >> 7
        cdef bytearray whole
        if self._closing or self._discarding or (begins and not self._may_begin(head)):
            return
        if begins and ends and is_final and head & 0x0F == WSMsgType.BINARY:
            self._receive(payload, size)
            return
        if begins and head & 0x0F == WSMsgType.BINARY:
            self._fragments = bytearray()
        elif begins and head & 0x0F == WSMsgType.TEXT:
            self._in_text = True  # which nobody reads
        if not self._in_text:
            self._append(payload, size)
        if ends and is_final:
            self._in_text = False
            whole, self._fragments = self._fragments, None
            if whole is not None:
                self._receive(PyByteArray_AS_STRING(whole), PyByteArray_GET_SIZE(whole))

    cdef has_read(self, uint64_t missing, bint is_final):
        """What has arrived was taken. The present frame lacks `missing` bytes."""
        if self._was_given:
            self._was_given = False
            self.host.activity()
            self._pump()
        self._count_unfinished(missing, is_final)

    cdef bint takes_nothing(self):
        """Whether input is thrown away, as the connection has an end already."""
        return self._finished or self._discarding or (
            self._transport is not None and self._transport.is_close_frame_sent
        )

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

    def cut_off(self, int close_code, reason=None):
        """Sends a close frame and nothing more, whatever the engine still has.

        A peer that does not read, whom finish would wait for, is ended when `linger` is over.
        """
        if self._finished or self._transport is None:
            return
        self._closing = True
        self._close_code = close_code
        self._end_stream(reason)
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

    # helpers

    cdef _count_unfinished(self, uint64_t missing, bint is_final):
        """Tells the account of a message that is not complete."""
        cdef Py_ssize_t size
        if self._fragments is not None and self.account is not None:
            size = PyByteArray_GET_SIZE(self._fragments)
            self._is_unfinished = True
            self.account.holds(
                self, size + missing if is_final and missing else self.max_message, size
            )
        elif self._is_unfinished:
            self._is_unfinished = False
            self.account.released(self)

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

    cdef bint _may_begin(self, int head) except -1:
        """Whether a frame may come now; ends the connection if not."""
        cdef bint is_inside = self._fragments is not None or self._in_text
        if head & 0x70:
            self._break_off("reserved bits set")
        elif head & 0x0F == WSMsgType.CONTINUATION and not is_inside:
            self._break_off("continuation without a beginning")
        elif head & 0x0F != WSMsgType.CONTINUATION and is_inside:
            self._break_off("new message inside a fragmented one")
        else:
            return True
        return False

    cdef _break_off(self, str reason):
        logger.warning("the peer breaks the websocket protocol: %s", reason)
        self._lost_code = CLOSE_PROTOCOL_ERROR
        self._lost_reason = reason
        self.cut_off(CLOSE_PROTOCOL_ERROR, reason)

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
        self._was_given = True
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
        self._count_unfinished(0, True)
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

    cdef refuse(self, bytes first_bytes, size):
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
        logger.warning("%s", self._lost_reason)
        self.host.oversized(self, first_bytes, size)


def _retrieve(future):
    """Takes a connection's exception: picows has logged it, `lost` has reported it."""
    if not future.cancelled():
        future.exception()
