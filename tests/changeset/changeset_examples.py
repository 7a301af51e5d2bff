"""The worked examples of changeset-format.md section 16: bytes and what they stand for."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Example(NamedTuple):
    data: bytes
    instructions: list[Json]
    interleaved: bool = True  # definitions stand where a local write records them


def example(text: str, *instructions: Json, interleaved: bool = True) -> Example:
    return Example(bytes.fromhex(text), list(instructions), interleaved)


NULL: Json = {"t": "null"}
OBJECT: Json = {"t": "object_value"}


def int_(v: int) -> Json:
    return {"t": "int", "v": v}


def string(v: str) -> Json:
    return {"t": "string", "v": v}


def timestamp(s: int, ns: int) -> Json:
    return {"t": "timestamp", "s": s, "ns": ns}


def oid(last: str = "4b") -> Json:
    return {"t": "objectid", "v": "65a1b2c3d4e5f60718293a" + last}


UUID: Json = {"t": "uuid", "v": "01234567-89ab-cdef-0123-456789abcdef"}


def add_table(table: str, pk_field: str, pk_type: int, **other: bool) -> Json:
    return {"op": "AddTable", "table": table, "pk_field": pk_field, "pk_type": pk_type,
            "pk_nullable": other.get("nullable", False),
            "asymmetric": other.get("asymmetric", False)}  # fmt: skip


def add_column(table: str, field: str, type: int, nullable: int, coll: int, **other: Any) -> Json:
    return {"op": "AddColumn", "table": table, "field": field, "type": type,
            "nullable": bool(nullable), "collection": coll, **other}  # fmt: skip


def on_object(op: str, table: str, pk: Json) -> Json:
    return {"op": op, "table": table, "pk": pk}


def at(op: str, table: str, pk: Json, field: str, path: list[int | str], **other: Any) -> Json:
    return {"op": op, "table": table, "pk": pk, "field": field, "path": path, **other}


def update(table: str, pk: Json, field: str, value: Json, *path: int | str, **other: Any) -> Json:
    if not (path and isinstance(path[-1], int)):
        other.setdefault("is_default", False)
    return at("Update", table, pk, field, list(path), value=value, **other)


def scalar(content: str, value: Json) -> Example:
    """An Update of P[1].v with an encoded payload."""
    return example(
        "3f000150 3f010176 040001010100" + content + "00", update("P", int_(1), "v", value)
    )


DOG, CAR, V = "3f0003446f67", "3f0003436172", string("Volvo")
OID = "0a65a1b2c3d4e5f60718293a4b"
UUID_KEY = "0b0123456789abcdef0123456789abcdef"

EXAMPLES: dict[str, Example] = {
    "1 class, property, three objects": example(
        """3f00055461626c65 3f01056c6162656c 3f020576616c7565 3f0300 3f040642616e616368
        3f050948617573646f726666 3f060748696c62657274 000000010300 060002010000
        02000304 040003040200 01d80000 02000305 0400030502 0001e30000
        02000306 0400030602 0001cd0000""",
        add_table("Table", "label", 3),
        add_column("Table", "value", 1, 0, 0),
        on_object("CreateObject", "Table", string("Banach")),
        update("Table", string("Banach"), "value", int_(88)),
        on_object("CreateObject", "Table", string("Hausdorff")),
        update("Table", string("Hausdorff"), "value", int_(99)),
        on_object("CreateObject", "Table", string("Hilbert")),
        update("Table", string("Hilbert"), "value", int_(77)),
        interleaved=False,
    ),
    "2 single update": example(
        """3f00055461626c65 3f010948617573646f726666 3f020576616c7565
        0400030102 0001c20000""",
        update("Table", string("Hausdorff"), "value", int_(66)),
    ),
    "3 value below 64": example(
        "3f00055461626c65 3f010748696c62657274 3f020576616c7565 0400030102 00013700",
        update("Table", string("Hilbert"), "value", int_(55)),
    ),
    "4 two classes and a link": example(
        DOG + """3f01035f6964 000000010a00 3f0206506572736f6e 000200010a00 3f03046e616d65 3f0400
        060003030000 3f0503616765 060005010100 3f06056f776e6572 06000609010002 060203030000""",
        add_table("Dog", "_id", 10),
        add_table("Person", "_id", 10),
        add_column("Dog", "name", 3, 0, 0),
        add_column("Dog", "age", 1, 1, 0),
        add_column("Dog", "owner", 9, 1, 0, target="Person"),
        add_column("Person", "name", 3, 0, 0),
        interleaved=False,
    ),
    "5 create an object": example(
        DOG + f"""0200{OID} 3f01046e616d65 0400{OID}0100 03044669646f00 3f0203616765
        0400{OID}0200 010200""",
        on_object("CreateObject", "Dog", oid()),
        update("Dog", oid(), "name", string("Fido")),
        update("Dog", oid(), "age", int_(2)),
    ),
    "6 default value": example(
        DOG + f"3f0103616765 0400{OID}0100 01c00001",
        update("Dog", oid(), "age", int_(64), is_default=True),
    ),
    "7 link and null": example(
        DOG + f"""3f01056f776e6572 3f0206506572736f6e
        0400{OID}0100 09020a65a1b2c3d4e5f60718293a4c00 3f0303616765 0400{OID}0300 0000""",
        update("Dog", oid(), "owner", {"t": "link", "table": "Person", "pk": oid("4c")}),
        update("Dog", oid(), "age", NULL),
    ),
    "8 array instructions": example(
        """3f00014c 3f01046e756d73 08000107010100010a00 08000107010101011401
        04000107010101011502 090001070101010002 0a00010701010002 0b000107010001""",
        at("ArrayInsert", "L", int_(7), "nums", [0], value=int_(10), prior_size=0),
        at("ArrayInsert", "L", int_(7), "nums", [1], value=int_(20), prior_size=1),
        update("L", int_(7), "nums", int_(21), 1, prior_size=2),
        at("ArrayMove", "L", int_(7), "nums", [1], ndx_2=0, prior_size=2),
        at("ArrayErase", "L", int_(7), "nums", [0], prior_size=2),
        at("Clear", "L", int_(7), "nums", [], collection=1),
    ),
    "9 dictionary": example(
        """3f000144 3f01026b31 3f02056174747273 3f0305636f6c6f72
        040003010201400303037265 6400 04000301020140034300 0b000301020002""",
        update("D", string("k1"), "attrs", string("red"), "color"),
        update("D", string("k1"), "attrs", {"t": "erased"}, "color"),
        at("Clear", "D", string("k1"), "attrs", [], collection=2),
    ),
    "10 set": example(
        f"3f000153 3f010474616773 0c00{UUID_KEY}0100030161 0d00{UUID_KEY}0100030161",
        at("SetInsert", "S", UUID, "tags", [], value=string("a")),
        at("SetErase", "S", UUID, "tags", [], value=string("a")),
    ),
    "11 embedded objects": example(
        CAR + """3f01035f6964 000000010300 3f0205576865656c 000201 3f03057370617265 06000309010002
        3f0406776865656c73 06000409000102 3f0503706f73 3f0600 060205030000 3f0705566f6c766f
        02000307 0400030703004100 04000307030140050302535000 080003070401004100
        0400030704020040050302465200""",
        add_table("Car", "_id", 3),
        {"op": "AddTable", "table": "Wheel", "embedded": True},
        add_column("Car", "spare", 9, 1, 0, target="Wheel"),
        add_column("Car", "wheels", 9, 0, 1, target="Wheel"),
        add_column("Wheel", "pos", 3, 0, 0),
        on_object("CreateObject", "Car", V),
        update("Car", V, "spare", OBJECT),
        update("Car", V, "spare", string("SP"), "pos"),
        at("ArrayInsert", "Car", V, "wheels", [0], value=OBJECT, prior_size=0),
        update("Car", V, "wheels", string("FR"), 0, "pos"),
        interleaved=False,
    ),
    "12 replacing embedded objects": example(
        CAR + """3f0105566f6c766f 3f0206776865656c73
        0a00030102010001 080003010201004100 3f0303706f73
        0400030102020040030302464c00 3f04057370617265 0400030104000000 0400030104004100""",
        at("ArrayErase", "Car", V, "wheels", [0], prior_size=1),
        at("ArrayInsert", "Car", V, "wheels", [0], value=OBJECT, prior_size=0),
        update("Car", V, "wheels", string("FL"), 0, "pos"),
        update("Car", V, "spare", NULL),
        update("Car", V, "spare", OBJECT),
    ),
    "13 collections in Mixed": example(
        """3f000154 3f0103616e79 0400010101004200 0b000101010002 3f020161 040001010101400244 00
        0b00010101014002 01 0800010101024002 0007000000000000f03f00 0800010101024002 0103017801""",
        update("T", int_(1), "any", {"t": "dictionary"}),
        at("Clear", "T", int_(1), "any", [], collection=2),
        update("T", int_(1), "any", {"t": "list"}, "a"),
        at("Clear", "T", int_(1), "any", ["a"], collection=1),
        at("ArrayInsert", "T", int_(1), "any", ["a", 0],
           value={"t": "double", "hex_le": "000000000000f03f"}, prior_size=0),
        at("ArrayInsert", "T", int_(1), "any", ["a", 1], value=string("x"), prior_size=1),
    ),
    "14 counter": example(
        "3f000143 3f01016e 05000142010044",
        at("AddInteger", "C", int_(-3), "n", [], value=-5),
    ),
    "15 decimal": scalar("08 9a0841 00", {"t": "decimal128", "v": "10.50"}),
    "15 timestamp": scalar("05 80e2cfaa06 80cab5ee01", timestamp(1_700_000_000, 500_000_000)),
    "15 early timestamp": scalar("05 40 ffc9b5ee41", timestamp(-1, -500_000_000)),
    "15 bool": scalar("0201", {"t": "bool", "v": True}),
    "15 float": scalar("060000c03f", {"t": "float", "hex_le": "0000c03f"}),
    "15 double": scalar("0700000000000002c0", {"t": "double", "hex_le": "00000000000002c0"}),
    "15 binary": scalar("040300ff10", {"t": "binary", "hex": "00ff10"}),
    "15 uuid": scalar(UUID_KEY, UUID),
    "15 empty string": scalar("0300", string("")),
    "16 asymmetric class": example(
        f"""3f00064d6574726963 3f01035f6964 000002010b00 3f020176 3f0300 060002000100
        3f04016d 06000401010203 0200{UUID_KEY}""",
        add_table("Metric", "_id", 11, asymmetric=True),
        add_column("Metric", "v", 0, 1, 0),
        add_column("Metric", "m", 1, 1, 2, key_type=3),
        on_object("CreateObject", "Metric", UUID),
        interleaved=False,
    ),
    "17 erasing": example(
        DOG + "030000 3f0103616765 070001 0100",
        on_object("EraseObject", "Dog", NULL),
        {"op": "EraseColumn", "table": "Dog", "field": "age"},
        {"op": "EraseTable", "table": "Dog"},
    ),
    "17 GlobalKey": example(
        "3f00034f6c64 02004005ac02",
        on_object("CreateObject", "Old", {"t": "globalkey", "hi": 5, "lo": 300}),
    ),
}  # fmt: skip

INTEGER = "bad changeset - integer decoding failure"
MALFORMED_EXAMPLES = [
    (bytes.fromhex(text), core)
    for text, core in [
        ("3e", "Unknown instruction type: 62"),
        ("3f", INTEGER),
        ("3fffffffffffffffffff0000", INTEGER),
        ("3f01", "Unexpected intern index: 1"),
        ("3f00f0ffff07", "string too long"),
        ("3f0040", INTEGER),
        ("3f00efffff", INTEGER),
        ("3f0001", "truncated input"),
        ("3f0001613f000162", "Unexpected intern index: 0"),
        ("3f0001613f010161", "Unexpected intern string: a"),
        ("0200", "Invalid interned string"),
        ("3f0001610800000000", "ArrayInsert without an index"),
        ("3f000161040000000040", "Unsupported payload data type"),
        ("3f000161000003", "AddTable: unknown table type: Invalid table type: 3"),
        ("3f00016100000000 0200", "Invalid primary key type in AddTable: 2"),
        ("3f000161020002", "Unsupported object key type"),
    ]
]

# Definitions of four names, to be followed by instructions that use them.
NAMES = bytes.fromhex("3f000141 3f010142 3f020143 3f030144")


def decimal_text(coefficient: int, exponent: int, negative: bool) -> str:
    """The reference's text of a finite decimal, as tests/vectors/README.md tells it."""
    digits = str(coefficient)
    if coefficient >= 2**64:
        return f"{'-' if negative else '+'}{digits}E{exponent:+d}"
    before, after = digits, ""
    while len(before) > 1 and exponent != 0:
        before, after, exponent = before[:-1], before[-1] + after, exponent + 1
    text = before + ("." + after if after else "") + (f"E{exponent}" if exponent else "")
    return "-" + text if negative else text
