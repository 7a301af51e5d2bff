"""Strangers in the log: what they sent on one line, bounded, without their secrets."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

_LIMIT = 500  # characters; partitions and the core's own texts fit


def one_line(text: str) -> str:
    """A text that cannot forge lines or flood the log."""
    head = text[:_LIMIT]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in head)
    return shown if len(text) <= _LIMIT else f"{shown}… ({len(text):,} characters)"


class HttpLogger(logging.LoggerAdapter[logging.Logger]):
    """The logger to give to aiohttp, for requests that it cannot read.

    Its tracebacks quote the request, and the target of an upgrade holds an access token. What
    fails behind a request that can be read is logged in http/routes.py.
    """

    def exception(self, msg: object, *args: object, **_: Any) -> None:
        """Tells that it happened, as something that a client did."""
        self.info(msg, *args)

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Drops tracebacks."""
        return msg, {name: value for name, value in kwargs.items() if name != "exc_info"}
