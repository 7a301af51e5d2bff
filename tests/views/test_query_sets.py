"""Which query sets a server takes, and what it says of others.

Specification: flexible-sync.md section 11.3, query-language.md sections 20.2 and 20.4.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from realmsync._testbed import ViewLab

DATASET = Path(__file__).parent.parent / "vectors" / "queries" / "dataset.json"


def lab_with(*queryable: str) -> ViewLab:
    return ViewLab(json.loads(DATASET.read_text(encoding="utf-8")), list(queryable))


def body_of(**texts: str) -> bytes:
    return json.dumps(texts).encode()


def refusal(lab: ViewLab, body: bytes) -> str:
    with pytest.raises(ValueError, match=r"Invalid query|bad syntax") as refused:
        lab.understand(body)
    return str(refused.value)


def test_a_field_has_to_be_queryable() -> None:
    lab = lab_with("age")
    assert lab.understand(body_of(Person="(age > 10)"))
    text = refusal(lab, body_of(Person="(age > 10) OR (rank == 1)"))
    assert '"Person": key "rank" is not a queryable field' in text


def test_the_primary_key_is_always_queryable() -> None:
    assert lab_with().understand(body_of(Person="(_id == 1)"))


def test_in_development_mode_fields_become_queryable() -> None:
    lab = ViewLab(json.loads(DATASET.read_text(encoding="utf-8")))
    _, discovered = lab.understand(body_of(Person="(age > 10 and rank == 1)", Dog="(name == 'x')"))
    assert discovered == {"Person": {"age", "rank"}, "Dog": {"name"}}


@pytest.mark.parametrize(
    "text",
    [
        "(boss.age > 10)",
        "(SUBQUERY(friends, $x, $x.age > 1).@count > 0)",
        "(ANY friends.name == 'x')",
        "(@links.@count > 1)",
        "(friends.@avg.age > 1)",
    ],
)
def test_other_objects_cannot_be_asked_about(text: str) -> None:
    lab = lab_with("age", "boss", "friends", "name")
    assert "cannot be subscribed to" in refusal(lab, body_of(Person=text))


@pytest.mark.parametrize(
    "text", ["age >", "(age > 10", "TRUEPREDICATE SORT(age ASC)", "age == $0", "(nothing == 1)"]
)
def test_texts_that_are_no_query(text: str) -> None:
    said = refusal(lab_with("age"), body_of(Person=text))
    assert said.startswith('Invalid query: invalid RQL for table "Person": ')
    assert "bad syntax" not in said


def test_unknown_and_embedded_classes() -> None:
    assert '"Nobody": there is no such class' in refusal(lab_with(), body_of(Nobody="(age > 1)"))
    text = refusal(lab_with(), body_of(Address="(TRUEPREDICATE)"))
    assert "only top-level classes can be subscribed to" in text


def test_sizes_are_bounded() -> None:
    lab = lab_with("name")
    assert "bytes" in refusal(lab, body_of(Person="(name == '" + "x" * (256 << 10) + "')"))
    deep = "(" * 400 + "TRUEPREDICATE" + ")" * 400
    assert "nested" in refusal(lab, body_of(Person=deep))
    many = " OR ".join(["_id=1"] * 25_000)
    assert "invalid RQL" in refusal(lab, body_of(Person=many))
