"""The errors that an application is told and that waits raise, made of what the engine says.

What an error does is decided in csrc/client/sync_session.cpp, who hears of it in session.py.
Specification: client-session.md 12.1 and 12.2.
"""

from __future__ import annotations

import copy
from typing import Protocol

from realmsync.codes import SyncCode
from realmsync.errors import (
    ClientResetError,
    CompensatingWriteError,
    CompensatingWriteInfo,
    SubscriptionError,
    SyncError,
    SyncOperationAborted,
)
from realmsync.events import Errored


class Failed(Protocol):
    """The session whose error it is."""

    path: str

    def _note(self, action: str) -> str: ...


def sync_error(event: Errored, session: Failed) -> SyncError:
    """The error of an event, of the class that says most."""
    info: dict[str, str] = {}
    if event.file_action != "none":
        info["ORIGINAL_FILE_PATH"] = session.path
        place = session._note(event.file_action)
        if event.file_action == "back_up_then_remove":
            info["RECOVERY_FILE_PATH"] = place
    make: type[SyncError] = ClientResetError if event.client_reset else SyncError
    if event.writes:
        make = CompensatingWriteError
    error = make(
        event.message,
        code=event.status,
        log_url=event.log_url,
        is_fatal=event.is_fatal,
        action=event.action,
        user_info=info,
    )
    if isinstance(error, CompensatingWriteError):
        error.writes = tuple(CompensatingWriteInfo(*write) for write in event.writes)
    return error


def aborted(message: str) -> SyncOperationAborted:
    """What a wait raises when nobody is to blame."""
    return SyncOperationAborted(message, code=SyncCode.OperationAborted.value)


def error_of(
    told: SyncError | None, status: int, message: str, *, is_fatal: bool = False
) -> SyncError:
    """What a wait raises; what the application was told last, as far as it is the same error."""
    if status == SyncCode.OperationAborted:
        return aborted(message)
    if status == SyncCode.SubscriptionFailed:
        return SubscriptionError(message)
    if told is None or (told.code, told.message) != (status, message):
        return SyncError(message, code=status, is_fatal=is_fatal)
    error = copy.copy(told)
    error.__cause__ = told
    return error
