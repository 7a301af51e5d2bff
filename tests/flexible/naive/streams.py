"""What one file is sent of the server's history, and the instructions that make an object.

What lives here: a change as one view sees it (table 8.2), the whole of an object as instructions,
and the difference of two views as a bootstrap says it. Who is sent what when is `serving`'s.
Specification: flexible-sync.md 8.2, 17.5 to 17.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flexible.naive.objects import (
    SINGLE,
    Entries,
    Fields,
    Instruction,
    Items,
    Members,
    Named,
    Payload,
    State,
    payload_of,
    schema_only,
    touched,
)
from flexible.naive.views import View


def on(op: str, about: Named, field: str | None = None, *path: Any, **more: Any) -> Instruction:
    """One instruction on an object."""
    instruction: Instruction = {"op": op, "table": about[0], "pk": payload_of(about[1])}
    if field is not None:
        instruction |= {"field": field, "path": list(path)}
    return instruction | more


def erasure(about: Named) -> list[Instruction]:
    """EraseObject."""
    return [on("EraseObject", about)]


def creation(state: State, about: Named, fields: frozenset[str]) -> list[Instruction]:
    """CreateObject, and all that the fields have."""
    raw = state.raw(about)
    assert raw is not None
    known = [name for name in state.tables[about[0]].columns if name in fields]
    return [on("CreateObject", about), *_of_fields(state, about, (), raw, known)]


def renewal(state: State, about: Named, fields: frozenset[str]) -> list[Instruction]:
    """The object as it is, whatever the file has of it (17.6: the server wins)."""
    return erasure(about) + creation(state, about, fields)


def _of_fields(
    state: State, about: Named, path: tuple[Any, ...], fields: Fields, names: Iterable[str]
) -> list[Instruction]:
    """What gives a new object, or an embedded one, its values."""
    made = []
    for name in names:
        value = state.value(fields, name)
        if value != state.default(fields.table, name):
            is_single = state.tables[fields.table].columns[name].collection == SINGLE
            made += [_set(about, (*path, name), value)] if is_single else []
            made += _below(state, about, (*path, name), value)
    return made


def _set(about: Named, path: tuple[Any, ...], value: Any) -> Instruction:
    return on("Update", about, *path, value=_payload(value), is_default=False)


def _payload(value: Any) -> Payload:
    if isinstance(value, (Fields, Items, Entries)):
        kinds = {Fields: "object_value", Items: "list", Entries: "dictionary"}
        return {"t": kinds[type(value)]}
    payload: Payload = value
    return payload


def _below(state: State, about: Named, path: tuple[Any, ...], value: Any) -> list[Instruction]:
    """What fills an embedded object or a collection that was just made."""
    if isinstance(value, Fields):
        return _of_fields(state, about, path, value, state.tables[value.table].columns)
    if isinstance(value, Members):
        return [on("SetInsert", about, *path, value=each) for each in value]
    made = []
    if isinstance(value, Items):
        for at, each in enumerate(value):
            made.append(on("ArrayInsert", about, *path, at, value=_payload(each), prior_size=at))
            made += _below(state, about, (*path, at), each)
    elif isinstance(value, Entries):
        for key, each in value.items():
            made += [_set(about, (*path, key), each), *_below(state, about, (*path, key), each)]
    return made


def as_seen(
    before: State, after: State, instructions: list[Instruction], view: View, *, own: bool
) -> list[Instruction]:
    """What a file of this view is sent of one change (8.2); `own`: its own, which it has (17.7)."""
    out = schema_only(instructions)
    if own:
        out = []
    for about, of_object in touched(instructions).items():
        was, now = view.sees(before, about), view.sees(after, about)
        if not was and not now:
            continue
        if not now:
            is_known = own and after.raw(about) is None
            out += [] if is_known else erasure(about)
        elif was == now or (not was and before.raw(about) is None):
            kept = [each for each in of_object if each.get("field") is None or each["field"] in now]
            out += [] if own else kept
        else:
            out += renewal(after, about, now)
    return out


def difference(
    held: Mapping[Named, frozenset[str]],
    touched_since: frozenset[Named],
    state: State,
    view: View,
) -> list[Instruction]:
    """What takes a file to a view (17.5). `held`: the objects it may have, and which fields; those
    that are not in `touched_since` are as they were when it got them. One of which it may read
    other fields now is said again (K17)."""
    out = []
    for about in sorted({*held, *touched_since}, key=str):
        if not view.sees(state, about):
            out += erasure(about)
    for about in sorted(state.everything(), key=str):
        fields = view.sees(state, about)
        if fields and (held.get(about) != fields or about in touched_since):
            out += renewal(state, about, fields)
    return out
