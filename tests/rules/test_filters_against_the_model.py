"""Random filters: what they let through is what the naive model says, asked of documents, of the
objects of a realm file by the evaluator and by SQL, in normal form and as text.

Specification: app-configuration.md 6.3 to 6.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clinic import CLASSES, SCHEMA
from naive_expressions import NaiveExpressions
from random_filters import FOREIGN, LISTS, ROOTS, RandomFilters
from realmsync import Realm
from realmsync._core import ClassRights, Expression, ExpressionContext, Role
from realmsync._testbed import ask_rule

CONTEXT = ExpressionContext(**ROOTS)
NAIVE = NaiveExpressions(ROOTS, LISTS, FOREIGN)
DOCUMENTS = RandomFilters(1).documents(40)


def test_filters_of_documents(scale: int) -> None:
    rules = RandomFilters(2)
    for _ in range(4000 * scale):
        filter_ = rules.filter()
        role = Role(read_filter=filter_, write_filter=False, read=True)
        rights = ClassRights(SCHEMA, "Patient", role, CONTEXT)
        seen = [d["_id"] for d in DOCUMENTS if rights.rights_on(d).is_visible]
        assert seen == [d["_id"] for d in DOCUMENTS if NAIVE.is_true(filter_, d)], filter_


def test_filters_of_files(realm: Realm, scale: int) -> None:
    rules = RandomFilters(3)
    for _ in range(1500 * scale):
        filter_ = rules.filter()
        asked = ask_rule(realm._core, "Patient", Expression(filter_, "filter"), CONTEXT)
        assert asked.pop("unsoundness") == "", filter_
        expected = [d["_id"] for d in DOCUMENTS if NAIVE.is_true(filter_, d)]
        assert asked == dict.fromkeys(asked, expected), filter_


def test_apply_when(scale: int) -> None:
    rules = RandomFilters(4)
    decided = 0
    for _ in range(4000 * scale):
        json = rules.filter()
        made = Expression(json, "apply_when")
        if not made.fields:
            decided += 1
            assert made.evaluate(CONTEXT) is NAIVE.is_true(json, {}), json
    assert decided > 500


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    declared = [_declared(cls) for cls in CLASSES]
    with Realm(path=tmp_path / "clinic.realm", schema=declared) as realm:
        with realm.write():
            doctors: dict[Any, Any] = {}
            for document in DOCUMENTS:
                realm.create("Patient", _object(realm, document, doctors))
        yield realm


def _object(realm: Realm, document: dict[str, Any], doctors: dict[Any, Any]) -> dict[str, Any]:
    def doctor(key: Any) -> Any:
        if key not in doctors:
            doctors[key] = realm.create("Doctor", {"_id": key})
        return doctors[key]

    made = dict(document)
    if "doctor" in made:
        made["doctor"] = doctor(made["doctor"])
    if "doctors" in made:
        made["doctors"] = [doctor(key) for key in made["doctors"]]
    return made


def _declared(cls: Any) -> dict[str, Any]:
    name, kind, key, properties = cls
    made: dict[str, Any] = {"name": name, "properties": {p[0]: _property(*p) for p in properties}}
    if kind == "embedded":
        made["embedded"] = True
    if key is not None:
        made["primaryKey"] = key
    return made


def _property(
    name: str, kind: str, nullable: bool, collection: str | None, target: str | None
) -> dict[str, Any]:
    element = target or kind
    if collection:
        made: dict[str, Any] = {"type": collection, "objectType": element}
    elif target:
        made = {"type": "object", "objectType": element}
    else:
        made = {"type": element}
    if nullable:
        made["optional"] = True
    return made
