from libc.stdint cimport int64_t, uint64_t
from picows.picows cimport WSFrame, WSListener, WSTransport

cdef enum:
    FIRST_BYTES = 256  # of a message that is too large, to tell whose it is: an UPLOAD's head

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


cdef class EngineSocket(WSListener):
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
        bint _was_given  # the engine, a message of what is being read
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

    cdef take(self, int head, bint begins, bint ends, const char* payload, Py_ssize_t size)
    cdef has_read(self, uint64_t missing, bint is_final)
    cdef bint takes_nothing(self)
    cdef refuse(self, bytes first_bytes, size)
    cdef _pump(self)
    cdef _count_unfinished(self, uint64_t missing, bint is_final)
    cdef _on_ping(self, bytes payload)
    cdef bint _may_begin(self, int head) except -1
    cdef _break_off(self, str reason)
    cdef _append(self, const char* payload, Py_ssize_t added)
    cdef _receive(self, const char* data, Py_ssize_t size)
    cdef _on_close_frame(self, WSFrame frame)
    cdef _end_stream(self, reason=*)
