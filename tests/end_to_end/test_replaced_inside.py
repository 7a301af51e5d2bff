"""One device replaces an embedded object or a collection while another edits inside the old one.

Every way to replace meets every edit, in both orders of return, in one transaction each: whatever
is replaced is replaced, and both devices end up the same without an error. Embedded objects under a
dictionary key were the ones that failed (merge-rules.md R8).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration, SyncError, User
from realmsync.testing import ServerProcess

SCHEMA: list[dict[str, Any]] = [
    {
        "name": "Doc",
        "primaryKey": "_id",
        "properties": {
            "_id": "string",
            "one": "Part",
            "list": "Part[]",
            "parts": "Part{}",
            "any": "mixed",
            "anys": "mixed[]",
            "any_dictionary": "mixed{}",
        },
    },
    {
        "name": "Part",
        "embedded": True,
        "properties": {
            "name": "string",
            "marks": "int[]",
            "tags": "string{}",
            "kinds": "int<>",
            "n": "int",
            "inner": "Inner",
            "inners": "Inner[]",
            "named": "Inner{}",
        },
    },
    {"name": "Inner", "embedded": True, "properties": {"x": "int", "l": "int[]"}},
]


def _part(name: str, numbers: list[int]) -> dict[str, Any]:
    inner = {"x": numbers[0], "l": numbers}
    tags = {"t": name}
    return {
        "name": name,
        "marks": numbers,
        "tags": tags,
        "kinds": numbers,
        "n": 1,
        "inner": inner,
        "inners": [inner],
        "named": {"k": inner},
    }


OLD, FRESH = _part("old", [1, 2]), _part("new", [7])
MIXED_OLD, MIXED_FRESH = {"l": [1, 2], "d": {"x": 1}}, {"l": [7], "d": {"y": 7}}

Write = Callable[[Realm, Any], object]


def _set(o: Any, name: str, value: Any) -> None:
    setattr(o, name, value)


def _again(realm: Realm, o: Any, **values: Any) -> None:
    realm.create("Doc", {"_id": o._id, **values}, "all")


def _anew(o: Any) -> None:
    del o.parts["k"]
    o.parts["k"] = FRESH


REPLACE: dict[str, tuple[Callable[[Any], Any], Write]] = {
    "property": (lambda o: o.one, lambda r, o: _set(o, "one", FRESH)),
    "property in mode all": (lambda o: o.one, lambda r, o: _again(r, o, one=FRESH)),
    "list index": (lambda o: o.list[0], lambda r, o: o.list.__setitem__(0, FRESH)),
    "list": (lambda o: o.list[0], lambda r, o: _set(o, "list", [FRESH])),
    "list in mode all": (lambda o: o.list[0], lambda r, o: _again(r, o, list=[FRESH])),
    "key": (lambda o: o.parts["k"], lambda r, o: o.parts.__setitem__("k", FRESH)),
    "key removed and set": (lambda o: o.parts["k"], lambda r, o: _anew(o)),
    "dictionary": (lambda o: o.parts["k"], lambda r, o: _set(o, "parts", {"k": FRESH})),
    "dictionary in mode all": (
        lambda o: o.parts["k"],
        lambda r, o: _again(r, o, parts={"k": FRESH}),
    ),
    "dictionary in mode modified": (
        lambda o: o.parts["k"],
        lambda r, o: r.create("Doc", {"_id": o._id, "parts": {"k": FRESH}}, "modified"),
    ),
}
EDIT: dict[str, Callable[[Any], object]] = {
    "property": lambda p: _set(p, "name", "edited"),
    "list insert": lambda p: p.marks.append(3),
    "list set": lambda p: p.marks.__setitem__(0, 5),
    "list delete": lambda p: p.marks.pop(0),
    "list clear": lambda p: p.marks.clear(),
    "list assign": lambda p: _set(p, "marks", [8, 9]),
    "dictionary": lambda p: p.tags.__setitem__("u", "v"),
    "dictionary delete": lambda p: p.tags.__delitem__("t"),
    "set": lambda p: p.kinds.add(5),
    "set delete": lambda p: p.kinds.remove(1),
    "number": lambda p: _set(p, "n", p.n + 1),
    "nested property": lambda p: _set(p.inner, "x", 9),
    "nested list": lambda p: p.inner.l.append(9),
    "nested replaced": lambda p: _set(p, "inner", {"x": 9}),
    "nested null": lambda p: _set(p, "inner", None),
    "nested in list": lambda p: p.inners.append({"x": 9}),
    "nested in list, inside": lambda p: p.inners[0].l.append(9),
    "nested in dictionary": lambda p: p.named.__setitem__("k", {"x": 9}),
    "nested in dictionary, inside": lambda p: p.named["k"].l.append(9),
}
REPLACE_MIXED: dict[str, tuple[Callable[[Any], Any], Write]] = {
    "mixed": (lambda o: o.any, lambda r, o: _set(o, "any", MIXED_FRESH)),
    "mixed in mode all": (lambda o: o.any, lambda r, o: _again(r, o, any=MIXED_FRESH)),
    "element": (lambda o: o.anys[0], lambda r, o: o.anys.__setitem__(0, MIXED_FRESH)),
    "elements": (lambda o: o.anys[0], lambda r, o: _set(o, "anys", [MIXED_FRESH])),
    "value": (
        lambda o: o.any_dictionary["k"],
        lambda r, o: o.any_dictionary.__setitem__("k", MIXED_FRESH),
    ),
    "values": (
        lambda o: o.any_dictionary["k"],
        lambda r, o: _set(o, "any_dictionary", {"k": MIXED_FRESH}),
    ),
}
EDIT_MIXED: dict[str, Callable[[Any], object]] = {
    "list insert": lambda m: m["l"].append(3),
    "list set": lambda m: m["l"].__setitem__(0, 5),
    "list delete": lambda m: m["l"].pop(0),
    "list clear": lambda m: m["l"].clear(),
    "dictionary": lambda m: m["d"].__setitem__("z", 3),
    "dictionary delete": lambda m: m["d"].__delitem__("x"),
    "scalar": lambda m: m.__setitem__("l", 3),
}
CASES = [
    *((f"{way}, {edit}", *REPLACE[way], EDIT[edit]) for way in REPLACE for edit in EDIT),
    *(
        (f"{way}, {edit}", *REPLACE_MIXED[way], EDIT_MIXED[edit])
        for way in REPLACE_MIXED
        for edit in EDIT_MIXED
    ),
]
PROPERTIES = {c["name"]: list(c["properties"]) for c in SCHEMA}


def _plain(value: Any, cls: str = "Doc") -> Any:
    """Values all the way down; embedded objects by the names of their class."""
    if hasattr(value, "keys"):
        return {k: _plain(v, cls) for k, v in value.items()}
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [_plain(v, cls) for v in value]
    if hasattr(value, "is_valid"):
        inner = {"Doc": "Part", "Part": "Inner", "Inner": ""}[cls]
        return {name: _plain(getattr(value, name), inner) for name in PROPERTIES[cls]}
    return value


class Device:
    def __init__(self, url: str, path: Path) -> None:
        self.app = App("demo", base_url=url, base_file_path=path)
        self.errors: list[SyncError] = []

    async def open(self) -> Realm:
        user: User = await self.app.log_in(Credentials.anonymous())
        sync = SyncConfiguration(
            user=user, partition_value="p", on_error=lambda _, error: self.errors.append(error)
        )
        self.realm = await Realm.open(Configuration(schema=SCHEMA, sync=sync))
        return self.realm

    async def exchange(self) -> None:
        self.realm.sync_session.resume()
        await self.realm.sync_session.upload_all_local_changes(timeout=20)
        await self.realm.sync_session.download_all_server_changes(timeout=20)

    def docs(self) -> dict[str, Any]:
        return {o._id: _plain(o) for o in self.realm.objects("Doc")}


async def _play(tmp_path: Path, editor_first: bool) -> dict[str, Any]:
    """All objects, which are the same on both devices, after each has what the other did."""
    with ServerProcess(tmp_path / "server") as server:
        replacer, editor = Device(server.url, tmp_path / "a"), Device(server.url, tmp_path / "b")
        one, two = await replacer.open(), await editor.open()
        with one.write():
            for name, *_ in CASES:
                values = {
                    "one": OLD,
                    "list": [OLD],
                    "parts": {"k": OLD},
                    "any": MIXED_OLD,
                    "anys": [MIXED_OLD],
                    "any_dictionary": {"k": MIXED_OLD},
                }
                one.create("Doc", {"_id": name, **values})
        await replacer.exchange()
        await editor.exchange()
        for realm in (one, two):
            realm.sync_session.pause()
        with two.write():
            for name, place, _, edit in CASES:
                edit(place(two.object_for_primary_key("Doc", name)))
        with one.write():
            for name, _, write, _ in CASES:
                write(one, one.object_for_primary_key("Doc", name))
        order = [editor, replacer] if editor_first else [replacer, editor]
        for device in (*order, order[0]):
            await device.exchange()
        result = replacer.docs(), editor.docs()
        errors = replacer.errors + editor.errors
        for device in (replacer, editor):
            device.realm.close()
            await device.app.close()
    assert errors == []
    assert result[0] == result[1]
    return result[0]


@pytest.mark.parametrize("editor_first", [False, True])
async def test_what_is_replaced_is_replaced(editor_first: bool, tmp_path: Path) -> None:
    docs = await _play(tmp_path, editor_first)
    for name, doc in docs.items():
        way = name.split(",")[0]
        values = {
            "property": [doc["one"]],
            "list": doc["list"],
            "key": [doc["parts"]["k"]],
            "dictionary": [doc["parts"]["k"]],
            "mixed": [doc["any"]],
            "element": doc["anys"],
            "elements": doc["anys"],
            "value": [doc["any_dictionary"]["k"]],
            "values": [doc["any_dictionary"]["k"]],
        }[way.split(" ")[0]]
        assert values == [MIXED_FRESH if way in REPLACE_MIXED else FRESH], name


@pytest.mark.parametrize("later_first", [False, True])
async def test_both_make_the_same_key(later_first: bool, tmp_path: Path) -> None:
    """The later one wins as a whole: applied alone, the first would keep what the second lacks."""
    with ServerProcess(tmp_path / "server") as server:
        devices = [Device(server.url, tmp_path / name) for name in "ab"]
        realms = [await device.open() for device in devices]
        with realms[0].write():
            for name in ("new key", "old key"):
                realms[0].create(
                    "Doc", {"_id": name, "parts": {"k": OLD} if name == "old key" else {}}
                )
        for device in devices:
            await device.exchange()
            device.realm.sync_session.pause()
        for n, realm in enumerate(realms):
            with realm.write():
                for doc in realm.objects("Doc"):
                    doc.parts["k"] = {"name": f"of {n}", "marks": [n], "n": n}
                realm.create(
                    "Doc",
                    {
                        "_id": "new",
                        "parts": {"k": {"name": f"of {n}", "tags": {f"{n}": ""}, "n": n}},
                    },
                )
        order = devices[::-1] if later_first else devices
        for device in (*order, order[0]):
            await device.exchange()
        assert devices[0].docs() == devices[1].docs()
        assert [len(doc["parts"]["k"]["marks"]) for doc in devices[0].docs().values()] == [0, 1, 1]
        assert devices[0].errors + devices[1].errors == []
        for device in devices:
            device.realm.close()
            await device.app.close()
