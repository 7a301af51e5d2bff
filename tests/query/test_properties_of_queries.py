"""What must hold for every query (query-language.md 19), tried on random ones: texts come back as
the same query, normal forms select the same objects, and spellings that mean the same have the same
form.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from random_data import Data, random_data
from random_queries import RandomQueries, identifier
from realmsync import Realm
from realmsync._core import Query
from realmsync._testbed import LabQuery, QueryLab, canonical_query
from realmsync.errors import QueryError
from recorded_realm import RecordedRealm
from recorded_values import decode
from spelled_conditions import RandomQuery

WORLDS = 4
QUERIES = 400


@dataclass
class World:
    """Random data, and queries of it."""

    data: Data
    lab: QueryLab
    queries: list[RandomQuery]

    def bind(self, query: RandomQuery, rng: random.Random | None = None) -> LabQuery:
        return self.lab.bind(query.cls, query.text(rng), list(query.arguments))

    def is_valid(self, query: RandomQuery) -> bool:
        try:
            self.bind(query)
        except QueryError:
            return False
        return True


def world_of(seed: int, queries: int) -> World:
    rng = random.Random(seed)
    data = random_data(rng)
    world = World(data, QueryLab(data.encoded()), [])
    maker = RandomQueries(rng, data)
    made = [maker.query() for _ in range(queries)]
    world.queries = [query for query in made if world.is_valid(query)]
    assert len(world.queries) > queries // 2
    return world


@pytest.fixture(params=range(WORLDS), scope="module")
def world(request: pytest.FixtureRequest) -> World:
    long = request.config.getoption("--long")
    return world_of(request.param, QUERIES * (20 if long else 1))


def check(world: World, fault: Callable[[RandomQuery], str]) -> None:
    """Shows the smallest query that has a fault, if one has."""
    for query in world.queries:
        if fault(query):
            query = shrunk(world, query, fault)
            raise AssertionError(f"{query.cls}: {query.text()}\n{query.arguments}\n{fault(query)}")


def shrunk(world: World, query: RandomQuery, fault: Callable[[RandomQuery], str]) -> RandomQuery:
    def smaller() -> Iterator[RandomQuery]:
        for candidate in query.smaller():
            if world.is_valid(candidate) and fault(candidate):
                yield candidate

    while (found := next(smaller(), None)) is not None:
        query = found
    return query


def test_exact_texts_read_back_as_the_same_tree(world: World) -> None:
    def fault(query: RandomQuery) -> str:
        bound = world.bind(query)
        try:
            again = bound.reread()
        except QueryError as error:
            return f"{bound.exact_text}: {error}"
        return "" if again.tree == bound.tree else f"{bound.exact_text} is {again.exact_text}"

    check(world, fault)


def test_what_is_printed_depends_on_the_tree_alone(world: World) -> None:
    def fault(query: RandomQuery) -> str:
        bound = world.bind(query)
        again = bound.reread().text
        return "" if again == bound.text else f"{bound.text}\n{again}"

    check(world, fault)


def test_servers_read_what_was_meant(world: World) -> None:
    """Of texts without floating point, which loses digits and its kind (19.3 Q12 to Q17)."""
    lossy = [
        re.escape(identifier(p.name))
        for cls in world.data.classes.values()
        for p in cls.properties
        if p.type in ("float", "double", "decimal", "mixed") or p.collection == "dictionary"
    ]
    is_lossy = re.compile(rf"(?<![\w-])({'|'.join([*lossy, 'inf', 'nan'])})(?![\w-])", re.I)

    def fault(query: RandomQuery) -> str:
        bound = world.bind(query)
        if query.clauses or is_lossy.search(bound.text):
            return ""
        read = world.lab.bind(query.cls, bound.text, is_subscription=True)
        selected, others = bound.select(), read.select()
        return "" if others == selected else f"{bound.text}: {others} instead of {selected}"

    check(world, fault)


def test_normal_forms_select_the_same_objects(world: World) -> None:
    def fault(query: RandomQuery) -> str:
        bound = world.bind(query)
        selected, normal = bound.select(), bound.normalized().select()
        return "" if selected == normal else f"{selected}, normal form {normal}"

    check(world, fault)


def test_a_normal_form_is_its_own(world: World) -> None:
    def fault(query: RandomQuery) -> str:
        bound = world.bind(query)
        normal = bound.normalized()
        if normal.normalized().tree != normal.tree:
            return "the normal form has another"
        return "" if normal.canonical == bound.canonical else "other canonical bytes"

    check(world, fault)


def test_other_spellings_have_the_same_form(world: World) -> None:
    def fault(query: RandomQuery) -> str:
        bound = world.bind(query)
        for seed in range(4):
            other = world.bind(query, random.Random(seed))
            text = query.text(random.Random(seed))
            if other.select() != bound.select():
                return f"{text}\nselects {other.select()} instead of {bound.select()}"
            if other.canonical != bound.canonical:
                return f"{text}\nhas another form"
        return ""

    check(world, fault)


@pytest.fixture(scope="module")
def file(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[File]:
    folder = tmp_path_factory.mktemp("realm")
    with RecordedRealm(world.data.encoded(), folder).open() as realm:
        yield File(realm, world.data)


class File:
    """The same objects in a realm file, where SQL answers what it can."""

    def __init__(self, realm: Realm, data: Data) -> None:
        self._realm = realm
        self._positions = {
            name: {repr(decode(key, _find_nothing)): i for i, key in enumerate(data.keys(name))}
            for name in data.objects
        }

    def compiled(self, query: RandomQuery, base: Query | None = None) -> Query:
        arguments = [decode(argument, _find_nothing) for argument in query.arguments]
        cls = self._realm._class_of(query.cls)
        return self._realm._core.query(cls, base, query.text(), arguments, [])

    def canonical(self, query: Query) -> bytes:
        """The bytes of its normal form."""
        return canonical_query(self._realm._core, query)

    def select(self, cls: str, query: Query) -> list[int]:
        """Positions of the objects, in the order of the query."""
        selection = self._realm._core.select(query)
        keys = selection.keys(0, len(selection))
        return [self._positions[cls][repr(key)] for key in keys]


def _find_nothing(name: str, key: Any) -> Any:
    raise AssertionError(f"a link to {name} {key} as an argument")


def test_files_select_what_memory_does(world: World, file: File) -> None:
    def fault(query: RandomQuery) -> str:
        compiled, bound = file.compiled(query), world.bind(query)
        if (compiled.text, file.canonical(compiled)) != (bound.text, bound.canonical):
            return f"{compiled.text} instead of {bound.text}"
        found, selected = file.select(query.cls, compiled), bound.select()
        return "" if found == selected else f"{found} instead of {selected}"

    check(world, fault)


def test_queries_of_queries_keep_the_order(world: World, file: File) -> None:
    bases = {cls: [q for q in world.queries if q.cls == cls] for cls in world.data.objects}

    def fault(query: RandomQuery) -> str:
        if query.clauses:
            return ""
        base = bases[query.cls][len(query.text()) % len(bases[query.cls])]
        both = file.compiled(query, file.compiled(base))
        wanted = world.bind(query).select()
        expected = [position for position in world.bind(base).select() if position in wanted]
        found = file.select(query.cls, both)
        return "" if found == expected else f"of {base.text()}: {found} instead of {expected}"

    check(world, fault)


def test_equal_forms_select_equal_objects(world: World) -> None:
    seen: dict[bytes, tuple[str, list[int]]] = {}
    for query in world.queries:
        bound = world.bind(query)
        selected = bound.select()
        text, before = seen.setdefault(bound.canonical, (query.text(), selected))
        assert before == selected, (text, query.text())
