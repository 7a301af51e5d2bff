"""Names of files and folders: what belongs to an app, to a user, and to a partition of his.

Only names; nothing here looks at the disk. Specification: node-sdk-surface.md section 3.
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from urllib.parse import quote

from bson import ObjectId

PartitionValue = str | int | ObjectId | uuid.UUID | None

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
        # Too long for file systems: a hash instead, in the app's folder.
        digest = hashlib.sha256(f"{user_id}/{name}".encode()).hexdigest()
        return app_root / f"{digest}.realm"
    return user_folder(app_root, user_id) / name


def safe_name(text: str) -> str:
    """A text as a file name: percent-encoded, and never one of the special names."""
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded


def partition_name(value: PartitionValue) -> str:
    """The file name that belongs to a partition value. Raises TypeError, OverflowError."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"s_{safe_name(value)}"
    if isinstance(value, bool):
        raise TypeError(f"a partition value cannot be {value!r}")
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise OverflowError("a partition value must fit into 64 bits")
        return f"i_{value}" if -(1 << 31) <= value < 1 << 31 else f"l_{value}"
    if isinstance(value, ObjectId):
        return f"o_{value}"
    if isinstance(value, uuid.UUID):
        return f"u_{value}"
    raise TypeError(f"a partition value cannot be of type {type(value).__name__}")
