"""What can go wrong in a conversation, one place at a time, and how an observer is to call it.

What lives here: functions that take the events of a client file and yield changed ones.
Specification: flexible-sync.md 17.9, 18 (38).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flexible.naive.objects import Instruction
from flexible.naive.observing import Event
from flexible.naive.streams import on

Events = list[Event]
Damage = Callable[[Events], Iterator[Events]]
DAMAGES: dict[str, tuple[Damage, set[str]]] = {}


def damage(*names: str) -> Callable[[Damage], Damage]:
    """Registers a damage under its function's name, with what it may be called."""

    def register(function: Damage) -> Damage:
        DAMAGES[function.__name__] = (function, set(names))
        return function

    return register


def _messages(events: Events, kind: str, **fields: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for at, event in enumerate(events):
        message = event.message
        is_it = event.kind == "server" and message["type"] == kind
        if is_it and all(message.get(name) == value for name, value in fields.items()):
            yield at, message


def _with(events: Events, at: int, **fields: Any) -> Events:
    event = replace(events[at], message=events[at].message | fields)
    return [*events[:at], event, *events[at + 1 :]]


def _without(events: Events, at: int) -> Events:
    return [*events[:at], *events[at + 1 :]]


def _entry(message: dict[str, Any], *instructions: Instruction) -> dict[str, Any]:
    return {
        "server_version": message["download_server_version"],
        "client_version": message["download_client_version"],
        "origin_timestamp": 1,
        "origin_file_ident": 1,
        "instructions": list(instructions),
    }


def _edited(events: Events, at: int, keep: Callable[[Instruction], Any]) -> Events:
    """Without, or with other, instructions: `keep` gives one, or None."""
    entries = [
        entry | {"instructions": [k for i in entry["instructions"] if (k := keep(i)) is not None]}
        for entry in events[at].message["entries"]
    ]
    return _with(events, at, entries=entries)


def _instructions(message: dict[str, Any], op: str) -> list[Instruction]:
    return [i for entry in message["entries"] for i in entry["instructions"] if i["op"] == op]


STRANGER = ("Person", ("int", 9999))


@damage("K2")
def an_object_too_many_in_a_bootstrap(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=1):
        yield _with(events, at, entries=[*m["entries"], _entry(m, on("CreateObject", STRANGER))])


@damage("K1")
def an_object_too_many_in_the_stream(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=2):
        yield _with(events, at, entries=[*m["entries"], _entry(m, on("CreateObject", STRANGER))])


@damage("K4")
def a_wrong_query_version_in_the_stream(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=2):
        yield _with(events, at, query_version=m["query_version"] + 1)


@damage("3.4", "K4")
def a_bootstrap_of_another_version(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=1):
        yield _with(events, at, query_version=m["query_version"] + 50)


@damage("K14")
def a_missing_231(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "json_error", code=231):
        version = json.loads(m["body"])["compensatingWriteServerVersion"]
        if any(d["download_server_version"] == version for _, d in _messages(events, "download")):
            yield _without(events, at)


@damage("K14")
def a_late_231(events: Events) -> Iterator[Events]:
    for at, _ in _messages(events, "json_error", code=231):
        following = events[at + 1]
        if following.kind == "server" and following.message["type"] == "download":
            yield [*events[:at], following, events[at], *events[at + 2 :]]


@damage("K14")
def a_231_of_another_object(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "json_error", code=231):
        body = json.loads(m["body"])
        if events[at + 1].kind == "server":
            body["rejectedUpdates"][0]["pk"] = base64.b64encode(b"\x01\x15").decode()
            yield _with(events, at, body=json.dumps(body))


@damage("K14")
def a_231_of_another_version(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "json_error", code=231):
        body = json.loads(m["body"])
        if events[at + 1].kind == "server":
            body["compensatingWriteServerVersion"] -= 1
            yield _with(events, at, body=json.dumps(body))


@damage("9.3")
def a_231_that_is_fatal(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "json_error", code=231):
        yield _with(events, at, body=m["body"].replace('"tryAgain":true', '"tryAgain":false'))


@damage("K12")
def a_mark_too_early(events: Events) -> Iterator[Events]:
    for at, _ in _messages(events, "mark"):
        before = [place for place, _ in _messages(events[:at], "download", batch_state=1)]
        if before:
            moved = _without(events, at)
            yield [*moved[: before[-1]], events[at], *moved[before[-1] :]]


@damage("K12", "O11")
def a_mark_twice(events: Events) -> Iterator[Events]:
    for at, _ in _messages(events, "mark"):
        yield [*events[: at + 1], *events[at:]]


@damage("K2", "K6", "K12", "K5")
def a_part_of_a_bootstrap_is_lost(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=0):
        if _instructions(m, "CreateObject") and _is_completed(events, at):
            yield _without(events, at)


def _is_completed(events: Events, at: int) -> bool:
    for event in events[at:]:
        if event.kind == "lost":
            return False
        if event.kind == "server" and event.message.get("batch_state") == 1:
            return True
    return False


@damage("K5", "K2", "K7", "K14")
def a_message_is_lost(events: Events) -> Iterator[Events]:
    later = {at for at, _ in _messages(events, "download")}
    for at, m in _messages(events, "download", batch_state=2):
        is_renewed = not _instructions(m, "Update")  # here what was erased only comes again
        if m["entries"] and not is_renewed and any(place > at for place in later):
            yield _without(events, at)


@damage("K7", "K5", "K2", "K9", "K6")
def an_update_is_lost(events: Events) -> Iterator[Events]:
    said: list[Instruction] = []
    for at, m in _messages(events, "download"):
        new = [each for each in _instructions(m, "Update") if each not in said]
        said += new
        for lost in new if _is_read(events, at) else []:
            yield _edited(events, at, lambda i, lost=lost: None if i is lost else i)


def _is_read(events: Events, at: int) -> bool:
    return bool(events[at].message["batch_state"] != 0 or _is_completed(events, at))


@damage("K6", "K2", "K9")
def an_erasure_is_lost(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download"):
        if not _instructions(m, "CreateObject"):
            for lost in _instructions(m, "EraseObject"):
                yield _edited(events, at, lambda i, lost=lost: None if i is lost else i)


@damage("K7")
def a_field_of_an_object_that_is_not_there(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=1):
        if m["query_version"]:
            update = on("Update", STRANGER, "name", value={"t": "string", "v": ""})
            yield _with(events, at, entries=[*m["entries"], _entry(m, update)])


@damage("K8")
def a_field_of_an_object_that_left(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=1):
        for erased in _instructions(m, "EraseObject"):
            about = (erased["table"], (erased["pk"]["t"], erased["pk"]["v"]))
            update = on("Update", about, "name", value={"t": "string", "v": ""})
            yield _with(events, at, entries=[*m["entries"], _entry(m, update)])


@damage("K18")
def a_field_without_schema(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download"):
        if _is_read(events, at):
            for strange in _instructions(m, "Update"):
                yield _edited(events, at, lambda i, s=strange: i | {"field": "zz"} if i is s else i)


@damage("K11")
def a_position_goes_back(events: Events) -> Iterator[Events]:
    cursors = ("download_server_version", "download_client_version", "upload_client_version")
    before = dict.fromkeys(cursors, 0)
    for at, m in _messages(events, "download"):
        for name in cursors:
            if before[name] > 0:
                yield _with(events, at, **{name: before[name] - 1})
        if m["batch_state"]:
            before = {name: m[name] for name in cursors}


@damage("K11")
def a_position_is_ahead(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download"):
        for name in ("download_server_version", "download_client_version", "upload_client_version"):
            yield _with(events, at, **{name: m[name] + 1000})


@damage("K11")
def a_foreign_origin(events: Events) -> Iterator[Events]:
    own = next(e.message["file_ident"] for e in events if e.message.get("type") == "ident")
    for at, m in _messages(events, "download"):
        for ident in (0, own) if m["entries"] else ():
            first = m["entries"][0] | {"origin_file_ident": ident}
            yield _with(events, at, entries=[first, *m["entries"][1:]])


@damage("K11")
def an_own_version_that_is_not_confirmed(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download"):
        if m["entries"]:
            first = m["entries"][0] | {"client_version": m["download_client_version"] + 1}
            yield _with(events, at, entries=[first, *m["entries"][1:]])


@damage("K13")
def a_bootstrap_without_changesets(events: Events) -> Iterator[Events]:
    parts = {at for at, _ in _messages(events, "download", batch_state=0)}
    for at, _ in _messages(events, "download", batch_state=1):
        if not any(at - 3 <= part < at for part in parts):
            yield _with(events, at, entries=[])


@damage("K13", "K4")
def a_steady_message_within_a_bootstrap(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=0):
        if _is_completed(events, at):
            steady = replace(events[at], message=m | {"batch_state": 2, "entries": []})
            yield [*events[: at + 1], steady, *events[at + 1 :]]


@damage("B10", "5.5")
def a_wrong_estimate(events: Events) -> Iterator[Events]:
    for at, _ in _messages(events, "download", batch_state=1):
        yield _with(events, at, progress_estimate=0.5)
        yield _with(events, at, progress_estimate=1.5)


@damage("5.5")
def an_unknown_batch_state(events: Events) -> Iterator[Events]:
    for at, _ in _messages(events, "download"):
        yield _with(events, at, batch_state=3)


@damage("K5")
def a_message_twice(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "download", batch_state=2):
        if m["entries"]:
            yield [*events[: at + 1], *events[at:]]


@damage("O11")
def a_message_after_an_error(events: Events) -> Iterator[Events]:
    for at, m in _messages(events, "json_error"):
        if m["code"] != 231:
            yield [*events[: at + 1], *events[at:]]


@damage("K12")
def a_query_error_is_lost(events: Events) -> Iterator[Events]:
    for at, _ in _messages(events, "query_error"):
        yield _without(events, at)


@damage("3.4")
def a_query_error_for_a_complete_set(events: Events) -> Iterator[Events]:
    for at, _ in _messages(events, "query_error"):
        complete = [m["query_version"] for _, m in _messages(events[:at], "download")]
        if complete and complete[-1]:
            yield _with(events, at, query_version=complete[-1])
