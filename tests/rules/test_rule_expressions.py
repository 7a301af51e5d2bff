"""Expressions of rules without a document: what they may say, and for whom they are true.

Specification: app-configuration.md section 6.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId, Regex

from realmsync import ejson
from realmsync._core import Expression, ExpressionContext
from realmsync.errors import ExpressionError

ID = "65f000000000000000000001"
UUID = "10000000-0000-4000-8000-0000000000aa"
CUSTOM = {
    "team": "red",
    "teams": ["red", "blue"],
    "none": [],
    "level": 5,
    "half": 2.5,
    "nil": None,
    "flag": True,
    "flags": [True],
    "ref": UUID,
    "key": {"$uuid": UUID},
    "owner": {"$oid": ID},
    "place": {"x": 1, "y": {"z": "deep"}},
    "born": {"$date": "2024-01-01T00:00:00Z"},
    "price": {"$numberDecimal": "0.1"},
    "tenth": 0.1,
    "grid": [["red"], 1],
    "nan": {"$numberDouble": "NaN"},
    "pattern": {"$regularExpression": {"pattern": "x", "options": ""}},
}
USER = {
    "id": ID,
    "type": "normal",
    "data": {"email": "a@example.com"},
    "custom_data": CUSTOM,
    "identities": [{"id": "1", "provider_type": "anon-user", "providerType": "anon-user"}],
}


def context(**more: Any) -> ExpressionContext:
    return ExpressionContext(
        user=ejson.decode(USER),
        values={"limit": 4, "names": ["red", "green"]},
        environment={"tag": "testing", "values": {"cap": 2.5}},
        **more,
    )


def expression(json: Any, use: str = "apply_when") -> Expression:
    return Expression(ejson.decode(json), use)


def is_true(json: Any, use: str = "apply_when", **more: Any) -> bool:
    return expression(json, use).evaluate(context(**more))


def custom(path: str, right: Any) -> dict[str, Any]:
    return {f"%%user.custom_data.{path}": right}


TRUE = [
    True,
    "%%true",
    {},
    {"%%true": True},
    {"%%true": "%%true"},
    {"%%false": False},
    {"%%user.id": ID},
    {"%%user.type": "normal"},
    {"%%user.data.email": {"%in": ["a@example.com"]}},
    {"%%environment.tag": "testing"},
    {"%%environment.values.cap": 2.5},
    {"%%values.limit": {"$numberLong": "4"}},
    custom("team", "red"),
    custom("team", {"$eq": "red"}),
    custom("team", {"$ne": "green"}),
    custom("team", {"%in": "%%values.names"}),
    custom("team", "%%user.custom_data.teams"),  # a scalar is equal to an array that has it
    custom("team", {"%nin": ["green", None]}),
    custom("team", {"%gt": "re", "%lt": "rf"}),
    custom("team", {"%exists": True}),
    custom("team", {"%all": ["red", "red"]}),
    custom("teams", "blue"),
    custom("teams", ["red", "blue"]),
    custom("teams", {"%in": ["green", "blue"]}),
    custom("teams", {"%nin": ["green"]}),
    custom("teams", {"%all": ["blue", "red"]}),
    custom("teams", {"%gt": "rec"}),
    custom("teams", {"%exists": True}),
    custom("none", {"%exists": True}),
    custom("none", []),
    custom("none", {"%nin": ["red"]}),
    custom("grid", {"%all": [1]}),
    custom("level", {"$numberDouble": "5"}),
    custom("level", {"$numberDecimal": "5.00"}),
    custom("level", {"%gte": 5, "%lte": "%%user.custom_data.level"}),
    custom("tenth", "%%user.custom_data.price"),
    custom("nil", None),
    custom("nil", {"%ne": 5}),
    custom("nil", {"%in": [None]}),
    custom("nil", {"%exists": False}),
    custom("absent", None),
    custom("absent", {"%eq": None}),
    custom("absent", {"%exists": False}),
    custom("absent", {"%not": {"%eq": "red"}}),
    custom("place", "%%user.custom_data.place"),
    custom("place.y.z", "deep"),
    custom("born", {"%gt": {"$date": "2023-01-01T00:00:00Z"}}),
    custom("owner", {"%stringToOid": "%%user.id"}),
    custom("owner", {"%stringToObjectId": ID.upper()}),
    custom("key", {"$stringToUuid": "%%user.custom_data.ref"}),
    custom("ref", {"%uuidToString": "%%user.custom_data.key"}),
    {"%%user.id": {"%oidToString": "%%user.custom_data.owner"}},
    custom("nan", {"%ne": {"$numberDouble": "NaN"}}),
    custom("pattern", {"%exists": True, "%ne": "x"}),
    {"%and": []},
    {"%nor": []},
    {"%and": [True, custom("team", "red")], "$or": [False, custom("level", 5)]},
    {"%not": {"%nor": [custom("team", "red")]}},
    custom("level", {"%or": [{"%lt": 3}, {"%gt": 4}], "%not": {"%in": [4]}}),
    {"%%true": {"%not": {"%eq": False}}},
    {"%%user.identities": "%%user.identities"},
]
FALSE = [
    False,
    "%%false",
    {"%%true": False},
    {"%%true": "%%user.custom_data.flags"},  # only true itself
    {"%%true": 1},
    {"%%false": 0},
    {"%%user.id": {"$oid": ID}},
    {"%%user.type": "edge"},
    custom("team", None),
    custom("team", "%%user.custom_data.absent"),
    custom("team", {"%ne": "%%user.custom_data.absent"}),
    custom("team", {"%nin": "%%user.custom_data.absent"}),
    custom("team", {"%nin": ["%%user.custom_data.absent", "x"]}),
    custom("team", {"%in": "red"}),
    custom("team", {"%nin": "green"}),
    custom("team", {"%in": []}),
    custom("team", {"%all": []}),
    custom("team", {"%gt": 5}),
    custom("team", {"%gt": None}),
    custom("team", {"%gt": ["a"]}),
    custom("teams", ["blue", "red"]),
    custom("teams", {"%all": ["blue", "green"]}),
    custom("teams", {"%ne": "red"}),
    custom("teams", {"%nin": ["red"]}),
    custom("grid", "red"),
    custom("none", None),
    custom("flag", 1),
    custom("level", "5"),
    custom("level", {"%exists": False}),
    custom("level", {"%exists": "%%values.limit"}),
    custom("absent", {"%ne": 5}),
    custom("absent", {"%in": [None]}),
    custom("absent", "%%user.custom_data.nil"),
    custom("absent", "%%user.custom_data.absent"),
    custom("absent", {"%exists": True}),
    custom("nil", "%%user.custom_data.absent"),
    custom("nil", {"%lte": None}),
    custom("owner", "%%user.id"),
    custom("owner", {"%stringToOid": "65f0"}),
    custom("key", {"%stringToUuid": "%%user.id"}),
    custom("teams.0", "red"),
    custom("place", {"%eq": "%%user.custom_data"}),
    custom("nan", {"$numberDouble": "NaN"}),
    custom("nan", {"%lt": 5}),
    custom("nan", {"%in": ["%%user.custom_data.nan"]}),
    custom("pattern", "%%user.custom_data.absent"),
    custom("born", {"%gt": "2023"}),
    {"%or": []},
    {"%and": [True, False]},
    {"%not": True},
    {"%%partition": "x"},  # cannot be known when a session begins
    {"field": "red"},
    {"%or": [True, {"field": "red"}]},
]


@pytest.mark.parametrize("json", TRUE, ids=str)
def test_true_expressions(json: Any) -> None:
    assert is_true(json)


@pytest.mark.parametrize("json", FALSE, ids=str)
def test_false_expressions(json: Any) -> None:
    assert not is_true(json)


BAD = [
    [True],
    1,
    None,
    "red",
    "%%user.id",
    {"s": {"$regex": "x"}},
    {"s": {"$size": 2}},
    {"s": {"!=": 2}},
    {"!=": ["s", "%%user.id"]},
    {"": 1},
    {"%in": ["s"]},
    {"%stringToOid": "s"},
    {"%xor": [True]},
    {"%and": True},
    {"%or": [1]},
    {"%not": [True]},
    {"s": "%%user.id%%"},
    {"s": "a %% b"},
    {"s": "%%"},
    {"s": "%%users.id"},
    {"s": "%%user..id"},
    {"s": "%%user."},
    {"s%%": 1},
    {"%%user.id%%": 1},
    {"%%true.x": 1},
    {"s": {}},
    {"s": {"a": 1}},
    {"s": [{"a": 1}]},
    {"s": {"%in": [{"%gt": 5}]}},
    {"s": {"eq": 1}},
    {"s": {"%not": 5}},
    {"s": {"%not": {}}},
    {"s": {"%or": {"%gt": 5}}},
    {"s": {"%exists": 1}},
    {"s": {"%stringToOid": {"%oidToString": "%%user.id"}}},
    {"s": {"%stringToOid": ["%%user.id"]}},
    {"s": {"%stringToOid": "%%user.id", "%gt": 5}},
    {"%%true": {"%function": "f"}},
    {"%%true": {"%function": {"name": "f", "arguments": "x"}}},
    {"%%true": {"%function": {"arguments": []}}},
    {"%%true": {"%function": {"name": "f", "extra": 1}}},
    {"%%true": {"%function": {"name": "f", "arguments": [{"%function": {"name": "g"}}]}}},
]
USES = ["apply_when", "filter", "partition", "can_evaluate"]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("json", BAD, ids=str)
def test_malformed_expressions(json: Any, use: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        expression(json, use)
    if use != "partition" and use != "can_evaluate":  # where fields are a fault, too
        assert not caught.value.is_misplaced
    assert str(caught.value)


DOCUMENT = [{"s": 1}, {"s.t": 1}, {"%%root.s": 1}, {"%%prevRoot": {"%exists": True}}]
DOCUMENT += [{"%%user.id": "%%this"}, {"%%user.id": "%%prev.s"}, {"%%args.x": 1}]
CALL = {"%%true": {"%function": {"name": "f", "arguments": ["%%user.id", 1, "%%values.none"]}}}


@pytest.mark.parametrize("json", [*DOCUMENT, {"%%partition": 1}, {"%%request.ip": 1}], ids=str)
def test_apply_when_that_needs_a_document_is_told(json: Any) -> None:
    assert expression(json).speaks_of_document
    assert not expression({"%%user.id": 1}).speaks_of_document


@pytest.mark.parametrize(
    "json", [*DOCUMENT[1:], {"%%partition": 1}, {"s": "%%request.ip"}, CALL], ids=str
)
def test_filters_speak_of_fields_and_users_alone(json: Any) -> None:
    with pytest.raises(ExpressionError) as caught:
        expression(json, "filter")
    assert caught.value.is_misplaced
    with pytest.raises(ExpressionError) as caught:  # what is malformed is told first
        expression({"%and": [json, {"s": {"$regex": "x"}}]}, "filter")
    assert not caught.value.is_misplaced


@pytest.mark.parametrize("json", [*DOCUMENT, {"%%request.ip": 1}], ids=str)
def test_partition_permissions_do_not_speak_of_documents(json: Any) -> None:
    with pytest.raises(ExpressionError):
        expression(json, "partition")


@pytest.mark.parametrize("json", [*DOCUMENT, {"%%partition": 1}], ids=str)
def test_can_evaluate_does_not_speak_of_documents(json: Any) -> None:
    with pytest.raises(ExpressionError):
        expression(json, "can_evaluate")


def test_partitions_and_requests() -> None:
    assert is_true({"%%partition": "%%user.id"}, "partition", partition=ID)
    assert is_true({"%%partition": None}, "partition", partition=None)
    assert is_true({"%%partition": {"%in": [None, "x"]}}, "partition", partition=None)
    assert not is_true({"%%partition": "%%user.id"}, "partition", partition=ObjectId(ID))
    assert is_true({"%%partition": 5}, "partition", partition=Int64(5))
    assert is_true({"%%request.method": "GET"}, "can_evaluate", request={"method": "GET"})
    assert not is_true({"%%request.method": {"%ne": "GET"}}, "can_evaluate")


def test_fields_and_functions_are_named() -> None:
    made = expression({"b": 1, "%or": [{"a": 1}, {"b": {"%in": [2]}}], "%%user.id": "x"}, "filter")
    assert made.fields == ["a", "b"]
    made = expression({"%and": [CALL, CALL, {"%%true": {"%function": {"name": "a"}}}]})
    assert (made.fields, made.functions) == ([], ["a", "f"])


def test_functions_are_called_once_for_equal_arguments() -> None:
    again = {"%%false": {"%function": {"name": "f", "arguments": [ID, "%%true", None]}}}
    other = {"%%false": {"$function": {"name": "g", "arguments": ["%%user.custom_data.place"]}}}
    made = expression({"%or": [CALL, again, other, CALL]}, "partition")
    calls = [("f", [ID, 1, None]), ("f", [ID, True, None]), ("g", [CUSTOM["place"]])]
    assert made.calls(context()) == calls
    assert not made.evaluate(context())
    assert made.evaluate(context(), {0: True})
    assert made.evaluate(context(), {1: False})
    assert made.evaluate(context(), {2: False})
    assert not made.evaluate(context(), {0: False, 1: True, 2: None})
    with pytest.raises(IndexError):
        made.evaluate(context(), {3: True})


@pytest.mark.parametrize("result", [1, "yes", [], [True], {"a": 1}, None, False, Regex("x")])
def test_only_true_is_true(result: Any) -> None:
    assert not expression(CALL).evaluate(context(), {0: result})
    assert expression(CALL).evaluate(context(), {0: True})


def test_values_of_every_kind() -> None:
    kinds = [5, Int64(5), 2.5, True, "x", b"bytes", ObjectId(ID), uuid.UUID(UUID), Decimal128("1")]
    for value in kinds:
        made = Expression({"%%values.v": value}, "apply_when")
        assert made.evaluate(ExpressionContext(values={"v": value}))
        assert made.evaluate(ExpressionContext(values={"v": [None, value]}))
        assert not made.evaluate(ExpressionContext(values={"v": "other"}))
    huge = ExpressionContext(values={"v": 2**70})
    assert Expression({"%%values.v": {"%gt": 2**69}}, "apply_when").evaluate(huge)


@pytest.mark.parametrize("value", [Regex("x"), {"%in": [Regex("x")]}, 10**400, {1: 2}])
def test_unknown_kinds_in_expressions(value: Any) -> None:
    with pytest.raises(ExpressionError):
        Expression({"s": value}, "apply_when")


def test_what_rules_do_not_know_equals_nothing() -> None:
    odd = ExpressionContext(values={"v": Regex("x"), "w": [Regex("x")], "n": Regex("x")})
    for json in ({"%%values.v": "%%values.w"}, {"%%values.n": {"%in": ["%%values.v", 1]}}):
        assert not Expression(json, "apply_when").evaluate(odd)
    assert Expression({"%%values.v": {"%ne": "%%values.n"}}, "apply_when").evaluate(odd)
