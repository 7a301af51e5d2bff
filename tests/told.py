"""Events of the engines as tests compare them: tuples of a short kind and the event's members, an
error's in one dictionary and a progress report's in one tuple."""

from __future__ import annotations

from typing import Any

from realmsync import events

KINDS = {
    events.Connect: "connect",
    events.Writable: "writable",
    events.Close: "close",
    events.Drop: "drop",
    events.PauseReading: "pause_reading",
    events.ResumeReading: "resume_reading",
    events.LifecycleChanged: "lifecycle",
    events.ConnectionChanged: "connection",
    events.WaitResolved: "wait",
    events.FileActionDue: "file_action",
    events.ResetRequired: "reset_required",
    events.ResetPending: "reset_pending",
    events.Released: "released",
    events.RefreshToken: "refresh_token",
    events.RefreshLocation: "refresh_location",
    events.LogOut: "log_out",
    events.ServerLog: "log",
    events.Authorize: "authorize",
    events.Administered: "administered",
    events.FieldsDiscovered: "fields_discovered",
    events.StorageFailed: "storage_failed",
    events.Log: "log",
}


def told(event: Any) -> tuple[Any, ...]:
    match event:
        case events.Progressed():
            return "progress", event.session, event.token, event[2:]
        case events.Errored():
            facts = event._asdict()
            return "error", facts.pop("session"), facts | {"code": facts.pop("status")}
    return KINDS[type(event)], *event
