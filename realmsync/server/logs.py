"""Strangers in the log: on one line, bounded, without their secrets, and not too often."""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import MutableMapping
from typing import Any

_LIMIT = 500  # characters; partitions and the core's own texts fit
# What strangers can make this server say, its connections included.
_LOGGERS = ("realmsync.server", "realmsync.http", "realmsync.websocket")
# Kinds of message that are told apart in a minute; there are about fifty.
_KINDS = 1000
_OWN_WORDS = re.compile(r"[A-Za-z ,']*")


def one_line(text: str) -> str:
    """A text that cannot forge lines or flood the log."""
    head = text[:_LIMIT]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in head)
    return shown if len(text) <= _LIMIT else f"{shown}… ({len(text):,} characters)"


class HttpLogger(logging.LoggerAdapter):  # type: ignore[type-arg]  # it takes none in Python 3.10
    """The logger to give to aiohttp, for requests that it cannot read.

    Its tracebacks quote the request, and the target of an upgrade holds an access token. What
    fails behind a request that can be read is logged in http/dispatcher.py.
    """

    def exception(self, msg: object, *args: object, **_: Any) -> None:
        """Tells that it happened, as something that a client did."""
        self.info(msg, *args)

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Drops tracebacks."""
        return msg, {name: value for name, value in kwargs.items() if name != "exc_info"}


class LogLimit(logging.Filter):
    """Lets at most `per_minute` lines of a kind pass between two calls of `next_minute`.

    A kind is a logger, a level and a format; of the engine's texts, which have none, the words
    before the first value.
    """

    def __init__(self, per_minute: int) -> None:
        super().__init__()
        self._per_minute = per_minute
        self._counts: Counter[tuple[str, int, str]] = Counter()
        self._lock = threading.Lock()

    def install(self) -> None:
        """Watches over the server's loggers, until `remove`."""
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def remove(self) -> None:
        """Lets everything pass again; tells what was left out."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)
        self.next_minute()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        if record.args and record.msg != "%s":
            own = str(record.msg)
        else:
            words = _OWN_WORDS.match(record.getMessage())
            own = words[0] if words is not None else ""
        with self._lock:
            kind = (record.name, record.levelno, own)
            if kind not in self._counts and len(self._counts) >= _KINDS:
                kind = (record.name, record.levelno, "")
            self._counts[kind] += 1
            return self._counts[kind] <= self._per_minute

    def next_minute(self) -> None:
        """Counts anew, and tells what was left out."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        for (name, level, own), count in counts.items():
            if count > self._per_minute:
                left_out = count - self._per_minute
                logging.getLogger(name).log(
                    level, "%d more like it in the last minute: %s", left_out, own
                )
