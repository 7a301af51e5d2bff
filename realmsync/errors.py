"""The exception hierarchy: every error of realmsync derives from RealmError.

Numeric codes are those of data-model.md section 25 and client-session.md section 12; which native
error raises which class is decided in csrc/bindings/errors.cpp.
"""

from __future__ import annotations


class RealmError(Exception):
    """Base of all realmsync errors.

    `code` is Realm's numeric error code, or None where Realm has none.
    """

    code: int | None = None


class BadChangesetError(RealmError, ValueError):
    """Bytes that are no changeset, or a changeset that cannot be applied.

    `offset` is the byte position of the fault, or None.
    """

    code = 1015
    offset: int | None = None


class BadMessageError(RealmError, ValueError):
    """Bytes that are no sync protocol message. `offset` as in BadChangesetError."""

    code = 1038
    offset: int | None = None


class BadPartitionValueError(RealmError, ValueError):
    """A partition value that is none of string, integer, ObjectId, UUID and null."""

    code = 1029
    offset: int | None = None


class BadProgressError(RealmError):
    """Sync cursors that contradict what the file holds."""

    code = 1038
    offset: int | None = None


class MergeConflictError(RealmError):
    """Concurrent changes of the same object, which this version cannot merge yet."""

    code = 1015
    offset: int | None = None


class SchemaMismatchError(RealmError):
    """A schema that contradicts the one in the file or on the server."""

    code = 2019
    offset: int | None = None
