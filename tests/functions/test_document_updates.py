"""Updates of documents: what becomes of one, as MongoDB has it, and what is refused.

Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from realmsync.server.documents.filter import Filter
from realmsync.server.documents.update import Update
from realmsync.server.documents.values import Work, taken

BIG = 2**63 - 1


def updated(update: Any, document: dict[str, Any]) -> dict[str, Any]:
    work = Work()
    before = copy.deepcopy({"_id": 1, **document})
    after = Update(taken(update, "the update"), work).applied(before, work)
    return {key: value for key, value in after.items() if key != "_id"}


def upserted(filter: Any, update: Any) -> dict[str, Any]:
    work = Work()
    asked = Filter(taken(filter, "the filter"), work)
    return Update(taken(update, "the update"), work).inserted(asked, work)


@pytest.mark.parametrize(
    ("update", "before", "after"),
    [
        ({"$set": {"a": 1}}, {}, {"a": 1}),
        ({"$set": {"a.b": 1}}, {"a": {"c": 2}}, {"a": {"c": 2, "b": 1}}),
        ({"$set": {"a.b.c": 1}}, {}, {"a": {"b": {"c": 1}}}),
        ({"$set": {"a.0": 1}}, {"a": [5, 6]}, {"a": [1, 6]}),
        ({"$set": {"a.2": 1}}, {"a": [5, 6]}, {"a": [5, 6, 1]}),
        ({"$set": {"a.0": 1}}, {}, {"a": {"0": 1}}),
        ({"$set": {"a.1.b": 1}}, {"a": [0, {}]}, {"a": [0, {"b": 1}]}),
        ({"$set": {"_id": 1.0}}, {"a": 1}, {"a": 1}),
        ({"$unset": {"a": ""}}, {"a": 1, "b": 2}, {"b": 2}),
        ({"$unset": {"a.b": ""}}, {"a": 5}, {"a": 5}),
        ({"$unset": {"a.b.c": ""}}, {}, {}),
        ({"$unset": {"a.0": ""}}, {"a": [5, 6]}, {"a": [None, 6]}),
        ({"$inc": {"a": 2}}, {"a": 1}, {"a": 3}),
        ({"$inc": {"a.b": 2}}, {}, {"a": {"b": 2}}),
        ({"$inc": {"a": 0.5}}, {"a": 1}, {"a": 1.5}),
        ({"$inc": {"a": Decimal128("0.1")}}, {"a": 1}, {"a": Decimal128("1.1")}),
        ({"$push": {"a": 1}}, {}, {"a": [1]}),
        ({"$push": {"a": [1]}}, {"a": [0]}, {"a": [0, [1]]}),
        ({"$push": {"a": {"$each": [1, 2]}}}, {"a": [0]}, {"a": [0, 1, 2]}),
        ({"$addToSet": {"a": 1}}, {"a": [1.0, 2]}, {"a": [1.0, 2]}),
        ({"$addToSet": {"a": {"$each": [True, 3, 3]}}}, {"a": [1]}, {"a": [1, True, 3]}),
        ({"$addToSet": {"a": {"p": 1}}}, {"a": [{"p": 2}]}, {"a": [{"p": 2}, {"p": 1}]}),
        ({"$pull": {"a": 1}}, {"a": [1, 2, 1.0]}, {"a": [2]}),
        ({"$pull": {"a": {"$gt": 1}}}, {"a": [1, 2, "x"]}, {"a": [1, "x"]}),
        ({"$pull": {"a": {"p": 1}}}, {"a": [{"p": 1, "q": 2}, {"p": 2}, 1]}, {"a": [{"p": 2}, 1]}),
        ({"$pull": {"a": 1}}, {}, {}),
        ({"$setOnInsert": {"a": 1}}, {}, {}),
        ({"b": 2}, {"a": 1}, {"b": 2}),
        ({"$set": {"a": 1}, "$unset": {"b": 1}, "$inc": {"c": 1}}, {"b": 5}, {"a": 1, "c": 1}),
    ],
)
def test_what_becomes_of_a_document(
    update: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert updated(update, before) == after


def test_a_sum_keeps_its_width() -> None:
    assert type(updated({"$inc": {"a": 1}}, {"a": Int64(5)})["a"]) is Int64
    assert type(updated({"$inc": {"a": 1}}, {"a": 5})["a"]) is int


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        ({"$set": {"a": 1}, "b": 1}, "mixed"),
        ({"$rename": {"a": "b"}}, r"\$rename is not offered"),
        ({"$currentDate": {"a": True}}, r"\$currentDate is not offered"),
        ({"$set": 1}, "takes a document"),
        ({"$set": {"_id": 2}}, "_id of a document cannot be changed"),
        ({"$unset": {"_id": 1}}, "_id of a document cannot be changed"),
        ({"_id": 2}, "_id of a document cannot be changed"),
        ({"$set": {"a": 1}, "$inc": {"a": 1}}, "changed twice"),
        ({"$set": {"a": 1, "b": 1, "a.b": 1}}, "changed twice"),
        ({"$set": {"text.b": 1}}, "no field 'b' in what is no document"),
        ({"$set": {"list.b": 1}}, "no field 'b' in what is no document"),
        ({"$set": {"list.9": 1}}, "beyond the end"),
        ({"$set": {"list.999999999999": 1}}, "no field"),
        ({"$set": {"list.$": 1}}, r"'list.\$' is not offered"),
        ({"$set": {"list.$[]": 1}}, "is not offered"),
        ({"$set": {"a.": 1}}, "is no path"),
        ({"$inc": {"text": 1}}, "for numbers"),
        ({"$inc": {"a": "x"}}, "takes a number"),
        ({"$inc": {"a": True}}, "takes a number"),
        ({"$inc": {"big": 1}}, "beyond 64 bits"),
        ({"$push": {"text": 1}}, "for arrays"),
        ({"$push": {"list": {"$each": [1], "$slice": 1}}}, r"\$each with an array and nothing"),
        ({"$push": {"list": {"$each": 1}}}, r"\$each with an array and nothing"),
        ({"$pull": {"text": 1}}, "for arrays"),
        ({"$pull": {"list": {"$regex": "x"}}}, "not offered"),
        ([{"$set": {"a": 1}}], "is no document"),
    ],
)
def test_what_is_refused(update: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        updated(update, {"text": "x", "list": [1], "big": Int64(BIG)})


@pytest.mark.parametrize(
    ("filter", "update", "made"),
    [
        ({"_id": "u", "n": {"$gt": 1}}, {"$set": {"a": 1}}, {"_id": "u", "a": 1}),
        ({"a.b": 1, "$and": [{"c": {"$eq": 2}}]}, {"$inc": {"c": 1}}, {"a": {"b": 1}, "c": 3}),
        ({"a": {"$in": [1]}}, {"$setOnInsert": {"b": 1}, "$push": {"c": 1}}, {"b": 1, "c": [1]}),
        ({"a": 1, "_id": 5}, {"b": 1}, {"_id": 5, "b": 1}),
        ({"$or": [{"a": 1}]}, {"$set": {"b": 1}}, {"b": 1}),
        ({"a": {}}, {"$set": {"a.b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_what_an_upsert_makes(filter: Any, update: Any, made: dict[str, Any]) -> None:
    assert upserted(filter, update) == made


def test_an_upsert_that_says_two_things() -> None:
    with pytest.raises(ValueError, match="changed twice"):
        upserted({"a": 1, "$and": [{"a": 1}]}, {"$set": {"b": 1}})


SCALARS = st.sampled_from([0, 1, 2.5, True, None, "a", ObjectId("65f000000000000000000001")])
VALUES = st.recursive(
    SCALARS,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("ab0"), v, max_size=2),
    max_leaves=5,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
PATHS = st.lists(st.sampled_from("abc0"), min_size=1, max_size=3).map(".".join)
OPERATORS = st.sampled_from(
    ["$set", "$unset", "$inc", "$push", "$addToSet", "$pull", "$setOnInsert", "$mul", "a"]
)


@given(
    update=st.dictionaries(OPERATORS, st.dictionaries(PATHS, VALUES, max_size=2), max_size=3),
    document=DOCUMENTS,
)
def test_whatever_is_given_is_an_update_or_a_value_error(
    update: dict[str, Any], document: dict[str, Any]
) -> None:
    try:
        updated(update, document)
        upserted({}, update)
    except ValueError:
        return


@given(document=DOCUMENTS, path=PATHS, value=VALUES)
def test_what_is_set_is_there(document: dict[str, Any], path: str, value: Any) -> None:
    try:
        after = updated({"$set": {path: value}}, document)
    except ValueError:
        return
    work = Work()
    assert Filter({path: {"$eq": value}}, work).matches(after, work)
    assert updated({"$set": {path: value}}, after) == after


@given(items=st.lists(SCALARS, max_size=5), added=st.lists(SCALARS, max_size=4))
def test_a_set_has_each_once_and_loses_what_is_pulled(items: list[Any], added: list[Any]) -> None:
    after = updated({"$addToSet": {"a": {"$each": added}}}, {"a": items})["a"]
    assert after[: len(items)] == items
    kinds = [(type(value) is bool, value) for value in after[len(items) :]]
    assert all(kinds.count(kind) == 1 for kind in kinds)
    for value in added:
        after = updated({"$pull": {"a": value}}, {"a": after})["a"]
    assert not [v for v in after if (type(v) is bool, v) in [(type(w) is bool, w) for w in added]]
