"""Says in words where a session stands: why a wait waits.

The facts are the engine's (csrc/client/situation.hpp); nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realmsync.enums import ConnectionState, SessionLifecycleState

_NOTABLE_MS = 1000  # a PONG takes less
_FOR_GOOD = " until resume() or reconnect()"


def explain(facts: Mapping[str, Any], end: str | None, *, is_logged_in: bool) -> str:
    """One line. `facts`: of `ClientRuntime.situation`; `end`: the error that has stopped it."""
    parts = [_state(facts, end, is_logged_in)]
    if facts["unsent_bytes"]:
        parts.append(f"{facts['unsent_bytes']:,} bytes are to be uploaded")
        if facts["uploads_later"]:
            parts.append("which begins after the first download")
    if facts["downloadable_bytes"]:
        parts.append(f"{facts['downloadable_bytes']:,} bytes are to be downloaded")
    if facts["awaits_mark"]:
        parts.append("the server has not said yet that everything is downloaded")
    if facts["is_storing"]:
        parts.append("what was downloaded is being stored")
    return ", ".join(parts)


def _state(facts: Mapping[str, Any], end: str | None, is_logged_in: bool) -> str:
    match SessionLifecycleState(facts["lifecycle"]):
        case SessionLifecycleState.PAUSED:
            return "paused until resume()"
        case SessionLifecycleState.INACTIVE:
            until = "resume()" if is_logged_in else "its user logs in again"
            if end is not None:
                return f"stopped by an error until {until}: {end}"
            return "stopped" if is_logged_in else f"stopped until {until}"
        case SessionLifecycleState.WAITING_FOR_ACCESS_TOKEN:
            return "waits for a new access token"
        case SessionLifecycleState.DYING:
            return f"ends after its upload, {_link(facts)}"
    return _link(facts)


def _link(facts: Mapping[str, Any]) -> str:
    """How far an active session has got."""
    if facts["is_resetting"]:
        return "the realm is being reset to what the server has"
    if facts["needs_refresh"]:
        return "waits for a new access token or location"
    delay = facts["next_attempt_ms"]
    why = f" ({facts['error']})" if facts["error"] else ""
    when = "" if delay is None else f", the next attempt is in {delay / 1000:.1f} s"
    if facts["is_suspended"]:
        return f"suspended by an error{why}{when or _FOR_GOOD}"
    match ConnectionState(facts["connection"]):
        case ConnectionState.DISCONNECTED:
            return f"offline{why}{_FOR_GOOD if facts['awaits_reconnect'] else when}"
        case ConnectionState.CONNECTING:
            return "connecting"
    state = "connected" if facts["is_bound"] else "connected, not bound yet"
    silence = facts["unanswered_ms"] or 0
    if silence < _NOTABLE_MS:
        return state
    return f"{state}, the server has not answered for {silence / 1000:.1f} s"
