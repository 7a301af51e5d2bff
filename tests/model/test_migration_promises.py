"""Random chains of schemas: migrations leave of random objects what a naive model says."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import realmsync
from realmsync import Realm
from test_migrations import cls

KINDS = ["int", "int?", "string", "string?", "int[]", "int?[]", "A", "B", "A[]", "B{}", "P", "P[]"]
KINDS += ["mixed", "mixed[]"]
IN_PARTS = ["int", "int?", "string", "A", "B[]", "mixed"]
KEYS = [None, "int", "string", "int?"]


@dataclass
class Schema:
    """Properties by class, beside `n`, which tells objects apart; the type of `_id` as a key."""

    properties: dict[str, dict[str, str]]
    keys: dict[str, str | None]

    def declared(self) -> list[Any]:
        made = [
            cls(
                name,
                key and "_id",
                n="int",
                **({"_id": key} if key else {}),
                **self.properties[name],
            )
            for name, key in self.keys.items()
        ]
        return [*made, cls("P", embedded=True, **self.properties["P"])]


def properties(kinds: list[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(kinds))


SCHEMAS = st.builds(
    lambda a, b, p, key_a, key_b: Schema({"A": a, "B": b, "P": p}, {"A": key_a, "B": key_b}),
    properties(KINDS),
    properties(KINDS),
    properties(IN_PARTS).filter(bool),
    st.sampled_from(KEYS),
    st.sampled_from(KEYS),
)
COUNT = 3  # objects of each class
Link = tuple[str, int]  # class and n


def values(schema: Schema, kind: str) -> st.SearchStrategy[Any]:
    """Values of a kind as the model has them: links as pairs, embedded objects as dictionaries."""
    if kind == "mixed":
        links = st.tuples(st.sampled_from("AB"), st.integers(0, COUNT - 1))
        plain = st.none() | st.integers(-9, 9) | st.sampled_from(["", "x"]) | links
        return plain | st.lists(plain, max_size=2)
    if kind.endswith("[]"):
        return st.lists(values(schema, kind[:-2]).filter(kind_takes(kind)), max_size=3)
    if kind.endswith("{}"):
        return st.dictionaries(st.sampled_from(["x", "y"]), values(schema, kind[:-2]))
    if kind.endswith("?"):
        return st.none() | values(schema, kind[:-1])
    if kind in ("A", "B"):
        return st.none() | st.tuples(st.just(kind), st.integers(0, COUNT - 1))
    if kind == "P":
        inner = {name: values(schema, k) for name, k in schema.properties["P"].items()}
        return st.none() | st.fixed_dictionaries(inner)
    return st.integers(-(2**63), 2**63 - 1) if kind == "int" else st.text(max_size=3)


def kind_takes(kind: str) -> Any:
    return lambda value: value is not None or kind in ("int?[]", "mixed[]")


def zero(kind: str) -> Any:
    if kind.endswith("[]"):
        return []
    return {} if kind.endswith("{}") else {"int": 0, "string": ""}.get(kind)


# The naive model.


def migrated(value: Any, kind: str, was: Schema, now: Schema) -> Any:
    """A value of a kind that has stayed: parts inside have changed."""
    if isinstance(value, dict) and kind.startswith("P"):
        return {
            name: inherited(value, was.properties["P"], name, k, was, now)
            for name, k in now.properties["P"].items()
        }
    if isinstance(value, list):
        return [migrated(item, kind, was, now) for item in value]
    return value


def inherited(
    before: Mapping[str, Any], kinds: Mapping[str, str], name: str, kind: str, *schemas: Schema
) -> Any:
    former = kinds.get(name)
    stays = former is not None and (
        former == kind or former.replace("[]", "?[]") == kind or f"{former}?" == kind
    )
    return migrated(before[name], kind, *schemas) if stays else zero(kind)


Objects = dict[Link, dict[str, Any]]


def after(objects: Objects, was: Schema, now: Schema) -> Objects:
    return {
        (name, n): {
            p: inherited(before, was.properties[name], p, kind, was, now)
            for p, kind in now.properties[name].items()
        }
        for (name, n), before in objects.items()
    }


# The realm.


def key(kind: str | None, n: int, version: int) -> dict[str, Any]:
    if kind is None:
        return {}
    return {
        "_id": f"k{n}" if kind == "string" else 100 * version - n if n or kind == "int" else None
    }


def shown(value: Any) -> Any:
    """A value of the realm as the model has it."""
    if isinstance(value, realmsync.Object):
        return type(value).__name__, value.n
    if isinstance(value, realmsync.EmbeddedObject):
        return {k: shown(v) for k, v in value.to_dict().items()}
    if isinstance(value, realmsync.Dictionary):
        return {k: shown(v) for k, v in value.items()}
    if isinstance(value, realmsync.List):
        return [shown(item) for item in value]
    return value


def objects_of(realm: Realm, schema: Schema) -> Objects:
    return {
        (name, o.n): {p: shown(getattr(o, p)) for p in schema.properties[name]}
        for name in schema.keys
        for o in realm.objects(name)
    }


def stored(value: Any, made: Mapping[Link, Any]) -> Any:
    if isinstance(value, tuple):
        return made[value]
    if isinstance(value, list):
        return [stored(item, made) for item in value]
    if isinstance(value, dict):
        return {k: stored(v, made) for k, v in value.items()}
    return value


def create(realm: Realm, schema: Schema, objects: Objects) -> None:
    with realm.write():
        made = {
            (name, n): realm.create(
                name,
                {
                    "n": n,
                    **{p: zero(k) for p, k in schema.properties[name].items()},
                    **key(schema.keys[name], n, 0),
                },
            )
            for name, n in objects
        }
        for link, properties_of_it in objects.items():
            for name, value in properties_of_it.items():
                setattr(made[link], name, stored(value, made))


@settings(max_examples=60, deadline=None)
@given(chain=st.lists(SCHEMAS, min_size=2, max_size=4), data=st.data())
def test_a_chain_of_migrations(chain: list[Schema], data: st.DataObject) -> None:
    first = chain[0]
    objects: Objects = {
        (name, n): {p: data.draw(values(first, k)) for p, k in first.properties[name].items()}
        for name in first.keys
        for n in range(COUNT)
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.realm"
        with Realm(path=path, schema=first.declared(), schema_version=0) as realm:
            create(realm, first, objects)
            assert objects_of(realm, first) == objects
        for version, (was, now) in enumerate(zip(chain, chain[1:], strict=False), 1):

            def callback(
                old: Realm, new: Realm, was: Schema = was, now: Schema = now, version: int = version
            ) -> None:
                for name, kind in now.keys.items():
                    for before, changed in zip(old.objects(name), new.objects(name), strict=True):
                        assert before.n == changed.n
                        if kind is not None:
                            changed._id = key(kind, changed.n, version)["_id"]

            objects = after(objects, was, now)
            with Realm(
                path=path,
                schema=now.declared(),
                schema_version=version,
                on_migration=callback,
            ) as realm:
                assert objects_of(realm, now) == objects
                for name, kind in now.keys.items():
                    for n in range(COUNT if kind else 0):
                        found = realm.object_for_primary_key(name, key(kind, n, version)["_id"])
                        assert found.n == n
