"""How `realmsync reload` tells a server of the same data directory to load its apps again.

A request is a file in the directory, so only who owns that can make one, and SIGHUP says that it is
there; the answer is a file beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from realmsync.errors import ReloadError
from realmsync.folders import private
from realmsync.server.apps.hosting import AppReport, what_changed
from realmsync.server.data_directory import process_of

_REQUEST, _REPLY = "reload.request", "reload.reply"
_LOOK_INTERVAL = 0.05  # seconds


@dataclass(frozen=True)
class ReloadRequest:
    """What is asked for."""

    number: str
    accept_breaking: bool


@dataclass(frozen=True)
class ReloadReply:
    """What became of it."""

    is_served: bool  # all of it
    page: str


def take_request(data: Path) -> ReloadRequest | None:
    """What a server was asked for, if not by a mere signal; it is asked once."""
    try:
        content = json.loads((data / _REQUEST).read_text())
        (data / _REQUEST).unlink()
        return ReloadRequest(str(content["number"]), content["accept_breaking"] is True)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def answer(data: Path, request: ReloadRequest, reports: Sequence[AppReport]) -> None:
    """Tells who asked what was found. Raises OSError."""
    content = {
        "number": request.number,
        "is_served": all(report.is_served for report in reports),
        "page": what_changed(reports),
    }
    _write(data / _REPLY, content)


def reload_apps(data: Path, *, accept_breaking: bool, timeout: float) -> ReloadReply:
    """Has the server of a data directory load its apps again. Raises ReloadError."""
    process = process_of(data)
    if process is None:
        raise ReloadError(f"no `realmsync serve` runs on {data}")
    request = ReloadRequest(os.urandom(8).hex(), accept_breaking)
    try:
        _write(data / _REQUEST, vars(request))
        os.kill(process, signal.SIGHUP)
    except OSError as error:
        raise ReloadError(f"cannot tell process {process}: {error.strerror}") from error
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            content = json.loads((data / _REPLY).read_text())
            if content["number"] == request.number:
                (data / _REPLY).unlink()
                return ReloadReply(content["is_served"] is True, str(content["page"]))
        time.sleep(_LOOK_INTERVAL)
    raise ReloadError(f"process {process} does not answer; see its log")


def _write(path: Path, content: object) -> None:
    temporary = path.with_name(f"{path.name}.new")
    with open(temporary, "w", encoding="utf-8", opener=private) as file:
        json.dump(content, file)
    temporary.replace(path)
