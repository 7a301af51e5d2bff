from libc.stdint cimport uint64_t

cdef enum Part:
    NOTHING  # of a header, which is kept until it is complete
    DATA  # payload of a message
    EXCESS  # payload of a frame that is larger than allowed
    FOREIGN  # of a control frame, or of one that breaks the protocol by its header


cdef class FrameReader:
    cdef:
        # What `next` has found.
        Py_ssize_t taken  # bytes of the input
        unsigned char* payload
        Py_ssize_t payload_size
        bint begins  # whether it is the first part of its frame
        bint ends
        unsigned char header[14]  # 2 bytes, 0, 2 or 8 of the length, 0 or 4 of the mask
        int header_size

        uint64_t size  # of the frame's payload
        uint64_t left  # of it
        uint64_t _limit
        bint _masked
        int _have
        bint _inside
        Part _part

    cdef Part next(self, unsigned char* data, Py_ssize_t size) noexcept
    cdef uint64_t missing(self) noexcept
    cdef bint is_final(self) noexcept
    cdef int _size_of_header(self) noexcept
    cdef Part _begin(self) noexcept
    cdef void _unmask(self) noexcept
