"""Logs by Realm's categories: each is a logger of Python's `logging`, so both worlds' means work.

The category "Realm.Sync.Client" is the logger `realmsync.sync.client`, and so on. As everywhere in
`logging` nothing is configured by the package itself: without a handler Python prints warnings and
errors to stderr. Specification: node-sdk-surface.md 19.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable
from typing import NamedTuple

from realmsync.callbacks import Callback, has_two_parameters
from realmsync.enums import LogCategory, LogLevel

_NUMBERS = {
    LogLevel.ALL: 1,
    LogLevel.TRACE: 5,
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.DETAIL: 15,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.FATAL: logging.CRITICAL,
    LogLevel.OFF: logging.CRITICAL + 1,
}


class LogMessage(NamedTuple):
    """One message of the log."""

    category: LogCategory
    level: LogLevel
    message: str


def set_log_level(
    level: LogLevel | str | int, category: LogCategory | str = LogCategory.REALM
) -> None:
    """Sets from which level on a category and all below it are logged, at any time.

    Levels are Realm's texts or their numbers, 0 ("all") to 8 ("off"). Until it is called, Python's
    own default holds, which is Realm's: "warn". Raises InvalidArgumentError.
    """
    number = _NUMBERS[LogLevel(level)]
    category = LogCategory(category)
    for below in LogCategory:
        if below.value.startswith(category.value + "."):
            _logger(below).setLevel(logging.NOTSET)
    _logger(category).setLevel(number)


def set_logger(callback: Callable[..., object] | None) -> None:
    """Sends what is logged to `callback(message)`, a LogMessage, or to a callable with two
    parameters as (level, message). None ends that.

    There is one in a process. It runs on the event loop that is running now; without one, on
    whatever thread has logged. Handlers of `logging` get the messages as well. Raises
    InvalidArgumentError.
    """
    global _handler
    new = None if callback is None else _CallbackHandler(callback)
    root = _logger(LogCategory.REALM)
    if _handler is not None:
        root.removeHandler(_handler)
    if new is not None:
        root.addHandler(new)
    _handler = new


def _logger(category: LogCategory) -> logging.Logger:
    return logging.getLogger(f"realmsync{category.value.removeprefix('Realm').lower()}")


def _category(name: str) -> LogCategory:
    """The nearest category above a logger: `realmsync.http` is in Realm."""
    while name not in _CATEGORIES:
        name = name.rpartition(".")[0]
    return _CATEGORIES[name]


def _level(number: int) -> LogLevel:
    return max((n, level) for level, n in _NUMBERS.items() if n <= max(number, 1))[1]


# Whether the running code is a logger of the application's, or goes back to one.
_is_told: contextvars.ContextVar[bool] = contextvars.ContextVar("_is_told", default=False)
_CATEGORIES = {_logger(category).name: category for category in LogCategory}


class _CallbackHandler(logging.Handler):
    """Hands records to a callback, but none that are logged because of it."""

    def __init__(self, callback: Callable[..., object]) -> None:
        super().__init__()
        self._callback = Callback(callback)
        self._wants_two = has_two_parameters(callback)

    def emit(self, record: logging.LogRecord) -> None:
        if _is_told.get():
            return
        telling = _is_told.set(True)  # in what the loop calls and begins for it, too
        try:
            level, text = _level(record.levelno), self.format(record)
            if self._wants_two:
                self._callback(level, text)
            else:
                self._callback(LogMessage(_category(record.name), level, text))
        except Exception:
            self.handleError(record)
        finally:
            _is_told.reset(telling)


_handler: _CallbackHandler | None = None
