"""How a set of subscriptions is edited (flexible-sync.md 3.6), against a plain list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync._core import SubscriptionList


@dataclass
class Plain:
    """One subscription of the model."""

    id: bytes
    created: int
    updated: int
    name: str | None
    cls: str
    query: str

    @property
    def row(self) -> tuple[Any, ...]:
        return (self.id, self.created, self.updated, self.name, self.cls, self.query)


class Model:
    def __init__(self) -> None:
        self.items: list[Plain] = []

    def insert_or_assign(
        self, id: bytes, now: int, name: str | None, cls: str, query: str
    ) -> tuple[Any, bool]:
        for place, item in enumerate(self.items):
            same_text = (item.cls, item.query) == (cls, query)
            if item.name == name and (name is not None or same_text):
                self.items[place] = replace(item, cls=cls, query=query, updated=now)
                return self.items[place].row, False
        self.items.append(Plain(id, now, now, name, cls, query))
        return self.items[-1].row, True

    def erase_first(self, is_it: Any) -> bool:
        for place, item in enumerate(self.items):
            if is_it(item):
                last = self.items.pop()
                if place < len(self.items):
                    self.items[place] = last
                return True
        return False

    def erase_all(self, is_it: Any) -> int:
        count = 0
        while self.erase_first(is_it):
            count += 1
        return count


NAMES = st.sampled_from([None, "", "a", "b"])
CLASSES = st.sampled_from(["A", "B"])
QUERIES = st.sampled_from(["TRUEPREDICATE", "age > 1", 'name == "x"'])
STEPS = st.one_of(
    st.tuples(st.just("insert_or_assign"), NAMES, CLASSES, QUERIES),
    st.tuples(st.just("erase_name"), st.sampled_from(["", "a", "b", "c"])),
    st.tuples(st.just("erase_query"), CLASSES, QUERIES),
    st.tuples(st.just("erase_class"), CLASSES),
    st.tuples(st.just("erase_id"), st.integers(0, 12)),
    st.tuples(st.just("erase_unnamed")),
    st.tuples(st.just("clear")),
)


@given(st.lists(STEPS, max_size=30))
def test_as_the_model(steps: list[Any]) -> None:
    real, model = SubscriptionList(), Model()
    for number, (what, *given_) in enumerate(steps):
        id = number.to_bytes(12, "big")
        expected: Any
        match what, given_:
            case "insert_or_assign", [name, cls, query]:
                got: Any = real.insert_or_assign(id, number, name, cls, query)
                expected = model.insert_or_assign(id, number, name, cls, query)
            case "erase_name", [name]:
                got = real.erase_name(name)
                expected = model.erase_first(lambda item: item.name == name)
            case "erase_query", [cls, query]:
                got = real.erase_query(cls, query)
                expected = model.erase_first(lambda item: (item.cls, item.query) == (cls, query))
            case "erase_class", [cls]:
                got = real.erase_class(cls)
                expected = model.erase_all(lambda item: item.cls == cls)
            case "erase_id", [key]:
                got = real.erase_id(key.to_bytes(12, "big"))
                expected = model.erase_first(lambda item: item.id == key.to_bytes(12, "big"))
            case "erase_unnamed", _:
                got = real.erase_unnamed()
                expected = model.erase_all(lambda item: item.name is None)
            case _:
                got = real.clear()
                expected = model.erase_all(lambda item: True)
        assert got == expected
        assert real.items() == [item.row for item in model.items]


@pytest.mark.parametrize("name", ["", "a"])
def test_found_by_name_and_by_query(name: str) -> None:
    edited = SubscriptionList()
    edited.insert_or_assign(b"1" * 12, 1, None, "A", "age > 1")
    edited.insert_or_assign(b"2" * 12, 2, name, "A", "age > 1")
    by_name = edited.find_name(name)
    assert by_name is not None and by_name[0] == b"2" * 12
    by_query = edited.find_query("A", "age > 1")
    assert by_query is not None and by_query[0] == b"1" * 12
    assert edited.find_name("other") is None
    assert edited.find_query("B", "age > 1") is None
