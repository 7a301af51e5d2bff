"""Frames of a peer, read from what arrives in pieces of any size.

Only headers are kept here, and payload is unmasked where it lies. Which message a frame belongs to
is websocket.pyx's matter, who gets what protocol.pyx's. Specification: RFC 6455 section 5,
wire-protocol.md section 4.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef int TEXT_OR_BINARY = 2  # opcodes up to this one are of data


cdef class FrameReader:
    """Reads frames that are masked, or not; `limit` is the largest payload in bytes."""

    def __init__(self, limit, masked):
        self._limit = limit
        self._masked = masked

    cdef Part next(self, unsigned char* data, Py_ssize_t size) noexcept:
        """Reads on to the end of a frame or of the input. What it is of which there was a part."""
        cdef Py_ssize_t at = 0, length
        self.begins = not self._inside
        while not self._inside:
            if at == size:
                self.taken = at
                return NOTHING
            self.header[self._have] = data[at]
            self._have += 1
            at += 1
            if self._have == self._size_of_header():
                self._part = self._begin()
        length = size - at
        if <uint64_t>length > self.left:
            length = <Py_ssize_t>self.left
        self.payload = data + at
        self.payload_size = length
        self.taken = at + length
        if self._part != FOREIGN:
            self._unmask()
        self.left -= <uint64_t>length
        self.ends = self.left == 0
        if self.ends:
            self._inside = False
        return self._part

    cdef uint64_t missing(self) noexcept:
        """Bytes that the present frame of data lacks."""
        return self.left if self._part == DATA else 0

    cdef bint is_final(self) noexcept:
        """Whether the present frame ends its message."""
        return self.header[0] >> 7

    cdef int _size_of_header(self) noexcept:
        cdef int length
        if self._have < 2:
            return 2
        length = self.header[1] & 0x7F
        return 2 + (2 if length == 126 else 8 if length == 127 else 0) + 4 * (self.header[1] >> 7)

    cdef Part _begin(self) noexcept:
        cdef uint64_t length = self.header[1] & 0x7F
        cdef uint64_t least = 0
        cdef int i, end = 2
        if length >= 126:
            least, end = (126, 4) if length == 126 else (1 << 16, 10)
            length = 0
            for i in range(2, end):
                length = length << 8 | self.header[i]
        self.header_size = self._have
        self._have = 0
        self._inside = True
        self.size = self.left = length
        if (
            self.header[0] & 0x0F > TEXT_OR_BINARY
            or self.header[1] >> 7 != self._masked
            or length < least
            or length >> 63
        ):
            return FOREIGN
        return EXCESS if length > self._limit else DATA

    cdef void _unmask(self) noexcept:
        cdef unsigned char mask[8]
        cdef uint64_t word, key, offset = self.size - self.left
        cdef Py_ssize_t i, size = self.payload_size
        cdef unsigned char* payload = self.payload
        if not self._masked:
            return
        for i in range(8):
            mask[i] = self.header[self.header_size - 4 + <int>((offset + <uint64_t>i) & 3)]
        memcpy(&key, mask, 8)
        for i in range(size >> 3):
            memcpy(&word, payload + 8 * i, 8)
            word ^= key
            memcpy(payload + 8 * i, &word, 8)
        for i in range(size & ~<Py_ssize_t>7, size):
            payload[i] ^= mask[i & 7]
