"""Uploads as PartitionDb of the testbed takes them."""

from __future__ import annotations

Upload = tuple[int, int, int, int, bytes]  # client version, base, timestamp, origin, changeset


def upload(version: int, base: int, payload: bytes, timestamp: int = 1000) -> Upload:
    return (version, base, timestamp, 0, payload)
