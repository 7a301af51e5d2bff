"""Names of files and folders: what belongs to an app, to a user, and to a partition of his.

Only names; nothing here looks at the disk. Specification: node-sdk-surface.md section 3.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from urllib.parse import quote

from bson import ObjectId

from realmsync import _core
from realmsync.account.http import is_unicode
from realmsync.errors import ArgumentTypeError, BadPartitionValueError
from realmsync.naming import shown

PartitionValue = str | int | ObjectId | uuid.UUID | None

# Of the JSON that BIND carries (wire-protocol.md).
MAX_PARTITION_BYTES = 1024
# Longest file name that leaves room for the companions' endings in the usual limit of 255 bytes.
_NAME_BYTES = 200


def user_folder(app_root: Path, user_id: str) -> Path:
    """The folder of a user's realms."""
    return app_root / safe_name(user_id)


def realm_file(app_root: Path, user_id: str, partition: PartitionValue, name: str | None) -> Path:
    """The realm file of a partition, or the one with this name."""
    name = name or partition_name(partition)
    if not name.endswith(".realm"):
        name += ".realm"
    if len(name.encode()) > _NAME_BYTES:
        import hashlib

        # Too long for file systems: a hash instead, in the app's folder.
        digest = hashlib.sha256(f"{user_id}/{name}".encode()).hexdigest()
        return app_root / f"{digest}.realm"
    return user_folder(app_root, user_id) / name


def safe_name(text: str) -> str:
    """A text as a file name: percent-encoded, and never one of the special names."""
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded


def require_partition_value(value: object) -> PartitionValue:
    """The value, when a partition can have it.

    ArgumentTypeError for other types, BadPartitionValueError for what does not fit.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | ObjectId | uuid.UUID | None):
        raise ArgumentTypeError(
            f"a partition value is a str, int, ObjectId, UUID or None, not {shown(value)}"
        )
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise BadPartitionValueError(f"the partition value {value} does not fit into 64 bits")
    if isinstance(value, str) and not is_unicode(value):
        raise BadPartitionValueError(f"the partition value {value!r} has lone surrogates")
    size = len(_core.format_partition(value).encode()) if isinstance(value, str) else 0
    if size > MAX_PARTITION_BYTES:
        # A server would end the connection, and with it the user's other realms.
        raise BadPartitionValueError(
            f"the partition value {str(value)[:20]!r}… has {size} bytes as JSON, at most "
            f"{MAX_PARTITION_BYTES} are possible"
        )
    return value


def partition_name(given: PartitionValue) -> str:
    """The file name that belongs to a partition value. Raises as require_partition_value."""
    value = require_partition_value(given)
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"s_{safe_name(value)}"
    if isinstance(value, int):
        return f"i_{value}" if -(1 << 31) <= value < 1 << 31 else f"l_{value}"
    return f"o_{value}" if isinstance(value, ObjectId) else f"u_{value}"
