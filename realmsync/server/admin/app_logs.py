"""What clients of each app have lately asked over HTTP, and what was refused.

In memory alone, and bounded: it tells what goes on, and is no record. What sync does is in the
server's own log. Specification: app-configuration.md 10.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

# Entries of one app; as many again of those with an error, so that others do not displace them.
_ENTRIES = 500
_TEXT = 500  # characters of what strangers have sent

Entry = Mapping[str, Any]


class AppLogs:
    """The entries of all apps of one server."""

    def __init__(self) -> None:
        self._all: dict[str, deque[Entry]] = {}
        self._errors: dict[str, deque[Entry]] = {}

    def add(self, app_key: str, entry: Entry) -> None:
        """One more entry; with "error" when something was refused."""
        entry = {k: v[:_TEXT] if isinstance(v, str) else v for k, v in entry.items()}
        self._all.setdefault(app_key, deque(maxlen=_ENTRIES)).append(entry)
        if "error" in entry:
            self._errors.setdefault(app_key, deque(maxlen=_ENTRIES)).append(entry)

    def of(self, app_key: str, *, errors_only: bool) -> list[Entry]:
        """The entries of an app, newest first."""
        kept = (self._errors if errors_only else self._all).get(app_key, ())
        return [*reversed(kept)]
