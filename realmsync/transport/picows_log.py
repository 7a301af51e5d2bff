"""What picows logs of the transport, at levels that fit a server with thousands of connections."""

from __future__ import annotations

import logging
from typing import Any


class TransportLogger(logging.LoggerAdapter):  # type: ignore[type-arg]  # it takes none in Python 3.10
    """The logger to give to picows.

    picows writes whole handshakes at a level below DEBUG. They hold access tokens, so that level is
    off whatever the configuration says.
    """

    def isEnabledFor(self, level: int) -> bool:  # as logging spells it
        return level >= logging.DEBUG and super().isEnabledFor(level)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs nothing but failures of ours as an error."""
        if level < logging.DEBUG:
            return
        if not kwargs.get("exc_info"):
            level = logging.DEBUG if level <= logging.INFO else min(level, logging.WARNING)
        super().log(level, msg, *args, **kwargs)


logger = TransportLogger(logging.getLogger("realmsync.websocket"), {})
