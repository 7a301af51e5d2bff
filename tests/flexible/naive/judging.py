"""What becomes of an uploaded changeset, object by object.

What lives here: `judge`, the verdicts and the texts that go with a refusal. The changeset is the
one that merging left; the view is the one in force at that place of the stream. What the client is
then sent is in `streams`.
Specification: flexible-sync.md 9.2, 9.3, 13, 17.7; app-configuration.md 5.5;
query-language.md 16, 20.2.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from flexible.naive.objects import (
    Fields,
    Inapplicable,
    Instruction,
    Key,
    Named,
    State,
    named,
    payload_of,
    schema_only,
    touched,
)
from flexible.naive.views import View, document_of, number_of

OUTSIDE = "; object is outside of the current query view"


@dataclass(frozen=True)
class Verdict:
    """`accepted`: the object's change stands. `dropped`: it is lost without a word. `compensated`:
    it is lost, undone on the client, and told with one of `reasons`. `refused`: it is lost and told
    by 230, and nothing is undone."""

    kind: str
    reasons: tuple[str, ...] = ()
    why: str = ""


ACCEPTED = Verdict("accepted")


def spelled(key: Key) -> str:
    """A primary key as refusals write it."""
    kind, value = key
    if kind == "string":
        return f'"{value}"'
    names = {"objectid": 'ObjectID("{}")', "uuid": "UUID({})", "null": "null"}
    return names.get(kind, "{}").format(value)


def _compensated(about: Named, why: str, *, outside: bool | None) -> Verdict:
    """`outside`: the subscriptions alone speak against the write; the rights would not, which say
    nothing of them. None: there is no object that one could ask about."""
    text = f'write to {spelled(about[1])} in table "{about[0]}" not allowed'
    reasons = {True: (text + OUTSIDE,), False: (text,), None: (text + OUTSIDE, text)}
    return Verdict("compensated", reasons[outside], why)


def judge(before: State, instructions: list[Instruction], view: View) -> dict[Named, Verdict]:
    """The verdict on each object that a changeset is about."""
    schema = schema_only(instructions)
    return {
        about: _judged(before, about, [*schema, *of_object], view)
        for about, of_object in touched(instructions).items()
    }


def accepted(
    instructions: Iterable[Instruction], verdicts: dict[Named, Verdict]
) -> list[Instruction]:
    """What of a changeset stands: all of an object, or nothing (9.2)."""
    kept = []
    for instruction in instructions:
        about = named(instruction)
        if about is None or verdicts[about].kind == "accepted":
            kept.append(instruction)
    return kept


def _judged(before: State, about: Named, instructions: list[Instruction], view: View) -> Verdict:
    after = before.fork()
    after.apply(schema_only(instructions))
    is_ingested = after.tables[about[0]].asymmetric
    if not is_ingested and view.permissions.role(about[0]) is None:
        return _compensated(about, "the user has no role in its class", outside=False)
    if not is_ingested and before.raw(about) is not None and not view.sees(before, about):
        # Its changes need not even fit the object there, which the client does not have.
        is_readable = bool(view.readable(before, about))
        return _compensated(about, "it is not in the view", outside=is_readable)
    try:
        after.apply(instructions)
    except Inapplicable as error:
        if before.raw(about) is None:
            return _compensated(about, f"there is no such object: {error}", outside=None)
        raise
    if is_ingested:
        return _ingested(before, after, about, view)
    if any(is_corrupt(after, about, name) for name in view.geo):
        text = f'write to {spelled(about[1])} in table "{about[0]}" will corrupt geojson data'
        return Verdict("compensated", (text,), "a point would be none")
    was, is_ = before.raw(about) is not None, after.raw(about) is not None
    if not was and not is_:
        return Verdict("dropped", why="it never was")
    if not was:
        return _created(after, about, view)
    if not is_:
        return _erased(before, about, view)
    if any(each["op"] == "EraseObject" for each in instructions):
        verdict = _erased(before, about, view)
        return verdict if verdict.kind != "accepted" else _created(after, about, view)
    return _updated(before, after, about, instructions, view)


def _ingested(before: State, after: State, about: Named, view: View) -> Verdict:
    """Of an asymmetric class the first insertion is all that counts (13)."""
    if before.raw(about) is not None or after.raw(about) is None:
        return Verdict("dropped", why="it was ingested before")
    if view.permissions.rights(after, about[0]).may("insert", document_of(after, about)):
        return ACCEPTED
    return Verdict("refused", why="the user may not insert it")


def _created(after: State, about: Named, view: View) -> Verdict:
    rights = view.permissions.rights(after, about[0])
    is_allowed = rights.may("insert", document_of(after, about))
    if is_allowed and view.sees(after, about):
        return ACCEPTED
    outside = is_allowed and bool(view.readable(after, about))
    return _compensated(about, "it may not be created there", outside=outside)


def is_corrupt(state: State, about: Named, name: str) -> bool:
    """Whether a queryable geo field holds what is no point (query-language.md 16)."""
    value = (state.image(about) or {}).get(name)
    if not isinstance(value, Fields):
        return False
    kind = value.get("type", {}).get("v")
    if not isinstance(kind, str) or kind.lower() != "point":
        return True
    numbers = [number_of(each) for each in value.get("coordinates", ())]
    bounds = zip(numbers, (180, 90), strict=False)
    return len(numbers) < 2 or not all(-bound <= number <= bound for number, bound in bounds)


def _erased(before: State, about: Named, view: View) -> Verdict:
    rights = view.permissions.rights(before, about[0])
    if rights.may("delete", document_of(before, about)):
        return ACCEPTED
    return _compensated(about, "the user may not delete it", outside=False)


def _updated(
    before: State, after: State, about: Named, instructions: list[Instruction], view: View
) -> Verdict:
    for name in view.indexed:
        if before.image(about).get(name) != after.image(about).get(name):  # type: ignore[union-attr]
            return _compensated(about, f"{name} is an indexed queryable field", outside=False)
    changed = {each["field"] for each in instructions if "field" in each and named(each) == about}
    rights = view.permissions.rights(after, about[0])
    old, new = document_of(before, about), document_of(after, about)
    if rights.may_update(old, new, changed):
        return ACCEPTED
    return _compensated(about, f"the user may not change {sorted(changed)}", outside=False)


# -- primary keys in errors ------------------------------------------------------------------------

_CODES = {"null": 0, "int": 1, "string": 3, "objectid": 10, "uuid": 11}


def encoded_key(key: Key) -> str:
    """A primary key as 231 writes it (9.3)."""
    kind, value = key
    raw = bytes([_CODES[kind]])
    if kind == "int":
        raw += _signed(value)
    elif kind == "string":
        text = value.encode()
        raw += _unsigned(len(text)) + text
    elif kind != "null":
        raw += bytes.fromhex(value.replace("-", ""))
    return base64.b64encode(raw).decode()


def _unsigned(value: int) -> bytes:
    head = bytearray()
    while value >= 0x80:
        head.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*head, value])


def _signed(value: int) -> bytes:
    """Groups of seven bits, lowest first; the last byte has six, and the sign at 0x40."""
    magnitude, sign = (value, 0) if value >= 0 else (-value - 1, 0x40)
    head = bytearray()
    while magnitude >= 0x40:
        head.append(magnitude & 0x7F | 0x80)
        magnitude >>= 7
    return bytes([*head, magnitude | sign])


def decoded_key(text: str, known: Iterable[Key]) -> Key | None:
    """Which of the known keys is meant."""
    return next((key for key in known if encoded_key(key) == text), None)


def payload(key: Key) -> dict[str, object]:
    """A primary key in an instruction."""
    return payload_of(key)
