"""The rules of merging, one function per cell kind: `direct` (rules D1-D29 of merge-rules.md 3.3)
and `nested` (N1-N8 of 3.5), in the profiles strict, safe and full. Written to be compared with the
document line by line, not to be fast. Which pairs meet is in walk.py."""

from __future__ import annotations

from merge.naive.changeset import LINK, MARKERS, Dict, Instruction, same_handle, same_payload
from realmsync.errors import SchemaMismatchError, TransformError


def check(holds: bool, rule: str) -> None:
    """`rule` is the id of merge-rules.md 3.8: S1-S10, M1-M4; "assert" for its last table."""
    if not holds:
        raise SchemaMismatchError(rule) if rule[0] == "S" else TransformError(rule)


# -- section 1.6: predicates -----------------------------------------------------------------------


def same_table(a: Instruction, b: Instruction) -> bool:
    return bool(a["table"] == b["table"])


def same_object(a: Instruction, b: Instruction) -> bool:
    return same_table(a, b) and bool(a["pk"] == b["pk"])


def same_field(a: Instruction, b: Instruction) -> bool:
    return same_object(a, b) and bool(a["field"] == b["field"])


def same_path(a: Instruction, b: Instruction) -> bool:
    return same_field(a, b) and a.path == b.path


def same_container(a: Instruction, b: Instruction) -> bool:
    if not same_field(a, b):
        return False
    return len(a["path"]) == len(b["path"]) and a["path"][:-1] == b["path"][:-1]


def same_column(a: Instruction, b: Instruction) -> bool:
    return same_table(a, b) and bool(a["field"] == b["field"])


def is_prefix(o: Instruction, n: Instruction) -> bool:
    if o.path is None or n.path is None or not same_field(o, n):
        return False
    return len(o.path) < len(n.path) and o.path == n.path[: len(o.path)]


def is_container_prefix(o: Instruction, n: Instruction) -> bool:
    if o.path is None or n.path is None or not same_field(o, n):
        return False
    depth = len(o.path)
    return 1 <= depth < len(n.path) and o.path[:-1] == n.path[: depth - 1]


def slot(o: Instruction, n: Instruction) -> int:
    at = n["path"][len(o["path"]) - 1]
    check(isinstance(at, int), "M1")
    return int(at)


def set_slot(o: Instruction, n: Instruction, at: int) -> None:
    n["path"][len(o["path"]) - 1] = at


def follow(g: int, f: int, t: int) -> int:
    """Where index g goes when element f is moved to t."""
    if g == f:
        return t
    g = g - 1 if g > f else g
    return g + 1 if g >= t else g


def drop_earlier(a: Instruction, b: Instruction) -> None:
    (a if a.earlier(b) else b).discard()


def drop_both(a: Instruction, b: Instruction) -> None:
    a.discard()
    b.discard()


# -- section 3.5: nested rules ---------------------------------------------------------------------


def nested(o: Instruction, n: Instruction, profile: str) -> None:
    """`o` has the lower level."""
    match o.op:
        case "EraseTable":  # N1
            if same_table(o, n):
                n.discard()
        case "EraseObject":  # N2
            if n.path is not None and same_object(o, n):
                n.discard()
        case "Update":  # N3
            if is_prefix(o, n) and not keeps_inner(o["value"]["t"], n["path"][len(o["path"])]):
                n.discard()
        case "AddInteger" | "Clear":  # N4, N8
            if is_prefix(o, n):
                n.discard()
        case "ArrayInsert":  # N5
            if is_container_prefix(o, n) and slot(o, n) >= o.index:
                set_slot(o, n, slot(o, n) + 1)
        case "ArrayMove":  # N6
            if is_container_prefix(o, n):
                f, t, g = o.index, o["ndx_2"], slot(o, n)
                if profile == "strict":  # R1
                    o.index = follow(f, g, t)
                else:
                    set_slot(o, n, follow(g, f, t))
        case "ArrayErase":  # N7
            if is_prefix(o, n):
                n.discard()
            elif is_container_prefix(o, n) and o.index < slot(o, n):
                set_slot(o, n, slot(o, n) - 1)


def keeps_inner(payload: str, step: int | str) -> bool:
    """Whether setting a value leaves what happens below it alone."""
    if payload == "object_value":
        return True
    return payload == ("list" if isinstance(step, int) else "dictionary")


# -- section 3.3: direct rules ---------------------------------------------------------------------


def direct(a: Instruction, b: Instruction, profile: str) -> Dict | None:
    """`a` has the higher code, or is the local one. D4 alone gives an instruction, which has to be
    prepended to its EraseTable."""
    match a.op, b.op:
        case "AddTable", "AddTable":  # D1
            if same_table(a, b):
                check_same_table_spec(a, b)
                drop_both(a, b)
        case "EraseTable", "AddTable":  # D2
            if same_table(a, b):
                b.discard()
        case "EraseTable", "EraseTable":  # D3
            if same_table(a, b):
                drop_both(a, b)
        case "AddColumn", "EraseTable":  # D4
            if a["type"] == LINK and a["target"] == b["table"]:
                a.discard()
                return {"op": "EraseColumn", "table": a["table"], "field": a["field"]}
        case "EraseObject", "CreateObject":  # D5
            if same_object(a, b):
                b.discard()
        case "EraseObject", "EraseObject":  # D6
            if same_object(a, b):
                drop_earlier(a, b)
        case "AddColumn", "AddColumn":  # D15
            if same_column(a, b):
                check_same_column_spec(a, b)
                drop_both(a, b)
        case "EraseColumn", "AddColumn":  # D16
            if same_column(a, b):
                b.discard()
        case "EraseColumn", "EraseColumn":  # D17
            if same_column(a, b):
                drop_both(a, b)
        case "EraseColumn", "Update":  # D9
            if same_column(a, b):
                b.discard()
        case "Update", "Update":
            update_update(a, b)
        case "AddInteger", "Update":
            add_update(a, b)
        case "Clear", "Update":  # D13
            if same_path(a, b) and MARKERS.get(a["collection"]) != b["value"]["t"]:
                drop_earlier(a, b)
        case "Clear", "AddInteger":  # D14
            if same_path(a, b):
                b.discard()
        case (("ArrayInsert" | "ArrayMove" | "ArrayErase"), "Update"):
            if same_container(a, b):
                check("prior_size" in b.fields, "assert")
                array_update(a, b)
        case (
            ("ArrayInsert" | "ArrayMove" | "ArrayErase"),
            ("ArrayInsert" | "ArrayMove" | "ArrayErase"),
        ):
            if same_container(a, b):
                array_array(a, b)
        case "Clear", ("ArrayInsert" | "ArrayMove" | "ArrayErase"):
            if profile == "full" and same_container(a, b) and isinstance(a["path"][-1], int):
                clear_in_array(a, b)
        case "Clear", "Clear":  # D24
            if same_path(a, b):
                drop_earlier(a, b)
        case (("SetInsert" | "SetErase"), "Clear"):  # D25, D26
            if same_path(a, b):
                a.discard()
        case ("SetInsert", "SetInsert") | ("SetErase", "SetInsert"):  # D27, D28
            if same_path(a, b) and same_payload(a["value"], b["value"]):
                drop_earlier(a, b)
        case "SetErase", "SetErase":  # D29, R5
            if same_path(a, b) and (
                same_handle(a, b) if profile == "strict" else same_payload(a["value"], b["value"])
            ):
                drop_earlier(a, b)
    return None


def check_same_table_spec(a: Instruction, b: Instruction) -> None:
    a_embedded, b_embedded = "embedded" in a.fields, "embedded" in b.fields
    check(a_embedded or not b_embedded, "S5")
    check(b_embedded or not a_embedded, "S6")
    if a_embedded:
        return
    check(a["pk_field"] == b["pk_field"], "S1")
    check(a["pk_type"] == b["pk_type"], "S2")
    check(a["pk_nullable"] == b["pk_nullable"], "S3")
    check(a["asymmetric"] == b["asymmetric"], "S4")


def check_same_column_spec(a: Instruction, b: Instruction) -> None:
    check(a["type"] == b["type"], "S7")
    check(a["nullable"] == b["nullable"], "S8")
    check(a["collection"] == b["collection"], "S9")
    check(a.fields.get("target") == b.fields.get("target"), "S10")


def is_default(update: Instruction) -> bool:
    return bool(update.fields.get("is_default", False))


def update_update(a: Instruction, b: Instruction) -> None:  # D7
    if not same_path(a, b):
        return
    if "prior_size" in a.fields:
        check(a["prior_size"] == b["prior_size"], "M2")
    kind_a, kind_b = a["value"]["t"], b["value"]["t"]
    if kind_a != kind_b and kind_a == "object_value":
        a.discard()
    elif kind_a != kind_b and kind_b == "object_value":
        b.discard()
    elif kind_a == kind_b and kind_a in ("list", "dictionary"):
        pass
    elif is_default(a) == is_default(b):
        drop_earlier(a, b)
    else:
        (a if is_default(a) else b).discard()


def add_update(a: Instruction, b: Instruction) -> None:  # D8
    if not same_path(a, b):
        return
    payload = b["value"]
    if not (b.earlier(a) or is_default(b)):
        a.discard()
    elif payload["t"] == "int":
        total = payload["v"] + a["value"]
        b["value"] = {"t": "int", "v": (total + (1 << 63)) % (1 << 64) - (1 << 63)}
    elif payload["t"] != "null":
        a.discard()


def array_update(a: Instruction, b: Instruction) -> None:
    pa, pb, ia, ib = a["prior_size"], b["prior_size"], a.index, b.index
    match a.op:
        case "ArrayInsert":  # D10
            check(pa == pb and ia <= pa and ib < pb, "M2")
            b["prior_size"] += 1
            if ib >= ia:
                b.index += 1
        case "ArrayMove":  # D11
            check(ia < pa and ib < pb, "M2")
            b.index = follow(ib, ia, a["ndx_2"])
        case "ArrayErase":  # D12
            check(pa == pb and ia < pa and ib < pb, "M2")
            b["prior_size"] -= 1
            if ib == ia:
                b.discard()
            elif ib > ia:
                b.index -= 1


def array_array(a: Instruction, b: Instruction) -> None:
    pa, pb, ia, ib = a["prior_size"], b["prior_size"], a.index, b.index
    match a.op, b.op:
        case "ArrayInsert", "ArrayInsert":  # D18
            check(pa == pb, "M3")
            a["prior_size"] += 1
            b["prior_size"] += 1
            if ia > ib or (ia == ib and b.earlier(a)):
                a.index += 1
            else:
                b.index += 1
        case "ArrayMove", "ArrayInsert":
            move_insert(a, b)
        case "ArrayErase", "ArrayInsert":  # D20
            check(pa == pb and ia < pa and ib <= pb, "M2")
            a["prior_size"] += 1
            b["prior_size"] -= 1
            if ib <= ia:
                a.index += 1
            else:
                b.index -= 1
        case "ArrayMove", "ArrayMove":
            check(pa == pb and max(ia, ib, a["ndx_2"], b["ndx_2"]) < pa, "M2")
            if ia == ib:
                move_move_same(a, b)
            else:
                move_move(a, b)
        case "ArrayErase", "ArrayMove":
            check(pa == pb and ia < pa and ib < pb, "M2")
            erase_move(a, b)
        case "ArrayErase", "ArrayErase":  # D23
            check(pa == pb and ia < pa and ib < pb, "M2")
            a["prior_size"] -= 1
            b["prior_size"] -= 1
            if ia > ib:
                a.index -= 1
            elif ia < ib:
                b.index -= 1
            else:
                drop_both(a, b)


def move_insert(a: Instruction, b: Instruction) -> None:  # D19
    a["prior_size"] += 1
    if b.index > a.index:
        b.index -= 1
    else:
        a.index += 1
    if b.index < a["ndx_2"]:
        a["ndx_2"] += 1
    elif b.index > a["ndx_2"]:
        b.index += 1
    elif a.earlier(b):
        a["ndx_2"] += 1
    else:
        b.index += 1


def move_move_same(a: Instruction, b: Instruction) -> None:  # D21, the same element
    earlier, later = (a, b) if a.earlier(b) else (b, a)
    later.index = earlier["ndx_2"]
    earlier.discard()
    if later.index == later["ndx_2"]:
        later.discard()


def move_move(a: Instruction, b: Instruction) -> None:  # D21, different elements
    if a.index > b.index:
        a.index -= 1
    else:
        b.index -= 1
    if a["ndx_2"] > b.index:
        a["ndx_2"] -= 1
    else:
        b.index += 1
    if a.index < b["ndx_2"]:
        b["ndx_2"] -= 1
    else:
        a.index += 1
    if a["ndx_2"] < b["ndx_2"]:
        b["ndx_2"] += 1
    elif a["ndx_2"] > b["ndx_2"]:
        a["ndx_2"] += 1
    else:
        (b if a.earlier(b) else a)["ndx_2"] += 1
    for move in (a, b):
        if move.index == move["ndx_2"]:
            move.discard()


def erase_move(a: Instruction, b: Instruction) -> None:  # D22
    b["prior_size"] -= 1
    if a.index == b.index:
        a.index = b["ndx_2"]
        b.discard()
        return
    if a.index > b.index:
        a.index -= 1
    else:
        b.index -= 1
    if a.index >= b["ndx_2"]:
        a.index += 1
    else:
        b["ndx_2"] -= 1
    if b.index == b["ndx_2"]:
        b.discard()


def clear_in_array(a: Instruction, b: Instruction) -> None:  # R2
    match b.op:
        case "ArrayInsert":
            if a.index >= b.index:
                a.index += 1
        case "ArrayErase":
            if a.index == b.index:
                a.discard()
            elif a.index > b.index:
                a.index -= 1
        case "ArrayMove":
            a.index = follow(a.index, b.index, b["ndx_2"])
