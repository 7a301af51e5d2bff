"""Random classes, as an application may have them."""

from __future__ import annotations

from hypothesis import strategies as st

from realmsync.apps.model import Class, ClassKind, Property

TYPES = ("bool", "int", "double", "float", "decimal128", "string", "data", "date")
TYPES += ("objectId", "uuid", "mixed")
KEY_TYPES = ("string", "objectId", "uuid", "int")
COLLECTIONS = (None, "list", "set", "dictionary")

# Names that mean something elsewhere are among them.
NAMES = st.sampled_from(
    [*"abcdefgh", *("_id2", "title", "properties", "items", "required", "bsonType", "ref", "[]")]
    + [*("with space", "$x", "é", "日本", "-", "A_b", "n" * 57, "\n", "%2F", "type", "_")]
)


def flag_of(type_: str, collection: str | None, is_nullable: bool) -> bool:
    """Nullability, where there is a choice."""
    if type_ in ("link", "embedded"):
        return collection in (None, "dictionary")
    return type_ == "mixed" or is_nullable


@st.composite
def properties(draw: st.DrawFn, top: list[str], embedded: list[str]) -> tuple[Property, ...]:
    """Properties that may lead to the given classes."""
    kinds = [*TYPES, *(["link"] if top else []), *(["embedded"] if embedded else [])]
    made = []
    for name in draw(st.lists(NAMES, max_size=6, unique=True)):
        type_ = draw(st.sampled_from(kinds))
        collection = draw(st.sampled_from(COLLECTIONS))
        if type_ == "embedded" and collection == "set":
            collection = "list"
        target = None
        if type_ in ("link", "embedded"):
            target = draw(st.sampled_from(top if type_ == "link" else embedded))
        is_nullable = flag_of(type_, collection, draw(st.booleans()))
        made.append(Property(name, type_, is_nullable, collection, target))
    return tuple(made)


def reachable(classes: dict[str, Class]) -> dict[str, Class]:
    """Without embedded classes that no object can hold."""
    waiting = [c for c in classes.values() if c.kind is not ClassKind.EMBEDDED]
    found: dict[str, Class] = {}
    while waiting:
        cls = waiting.pop()
        if cls.name not in found:
            found[cls.name] = cls
            waiting += [classes[p.target] for p in cls.properties if p.target]
    return found


@st.composite
def classes(draw: st.DrawFn) -> dict[str, Class]:
    """Top-level, asymmetric and embedded classes that go together."""
    names = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    count = draw(st.integers(1, len(names)))
    kinds = {n: draw(st.sampled_from((ClassKind.TOP, ClassKind.ASYMMETRIC))) for n in names[:count]}
    top = [n for n, kind in kinds.items() if kind is ClassKind.TOP]
    embedded = names[count:]
    made = {}
    for place, name in enumerate(embedded):  # each leads to later ones alone: no circles
        own = draw(properties(top, embedded[place + 1 :]))
        made[name] = Class(name, ClassKind.EMBEDDED, own)
    for name, kind in kinds.items():
        key = Property("_id", draw(st.sampled_from(KEY_TYPES)), draw(st.booleans()))
        own = (key, *draw(properties(top, embedded)))
        database = draw(st.sampled_from(("one", "two")))
        made[name] = Class(name, kind, own, "_id", database, f"{name}-s")
    return reachable(made)
