"""functions/call: arguments and results as extended JSON, and each refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bson import Int64, ObjectId

from functions_double import FunctionsDouble
from realmsync.server.functions.port import (
    FunctionFailed,
    FunctionForbidden,
    FunctionNotCallable,
    FunctionNotFound,
)
from realmsync.server.process import Server
from sdk_http import APP_PATH, SdkHttp

CALL = f"{APP_PATH}/functions/call"


@pytest.fixture
def functions(server: Server) -> FunctionsDouble:
    double = FunctionsDouble()
    double.answer(None)
    for app in server.apps:
        app.functions = double
    return double


async def test_a_call(http: SdkHttp, functions: FunctionsDouble) -> None:
    user = await http.anonymous()
    functions.answer({"sum": Int64(6), "id": ObjectId("5f0000000000000000000001")})
    body = {"arguments": [1, {"$numberInt": "2"}, {"$oid": "5" * 24}], "name": "sumFunc"}
    reply = await http("POST", CALL, body, token=user["access_token"])
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.json == {
        "sum": {"$numberLong": "6"},
        "id": {"$oid": "5f0000000000000000000001"},
    }
    (made,) = functions.calls
    caller, request = made.user, made.request
    assert (made.name, made.arguments) == ("sumFunc", (1, 2, ObjectId("5" * 24)))
    assert made.from_client and not made.for_rule
    assert caller is not None and caller.id == user["user_id"] and caller.type == "normal"
    assert [identity["provider_type"] for identity in caller.identities] == ["anon-user"]
    assert request is not None and (request.method, request.path) == ("POST", CALL)
    assert user["access_token"] not in repr(request), "a function cannot be the user elsewhere"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("a", '"a"'),
        (6, '{"$numberInt": "6"}'),
        (1.5, '{"$numberDouble": "1.5"}'),
        ([], "[]"),
    ],
)
async def test_any_value_is_a_result(
    http: SdkHttp, functions: FunctionsDouble, result: Any, text: str
) -> None:
    user = await http.anonymous()
    functions.answer(result)
    reply = await http("POST", CALL, {"name": "f", "arguments": []}, token=user["access_token"])
    assert (reply.status, reply.text) == (200, text)


@pytest.mark.parametrize(
    ("raised", "status", "error", "code"),
    [
        (FunctionNotFound("f"), 404, "function not found: 'f'", "FunctionNotFound"),
        (FunctionFailed("it broke"), 400, "it broke", "FunctionExecutionError"),
        (
            FunctionNotCallable("f"),
            400,
            "function 'f' has no implementation on this server",
            "FunctionExecutionError",
        ),
        (
            FunctionForbidden(),
            403,
            "no rule allows this user to call 'f'",
            "NoMatchingRuleFound",
        ),
    ],
)
async def test_calls_that_fail(
    http: SdkHttp,
    functions: FunctionsDouble,
    raised: Exception,
    status: int,
    error: str,
    code: str,
) -> None:
    user = await http.anonymous()
    functions.answer(raised)
    reply = await http("POST", CALL, {"name": "f", "arguments": []}, token=user["access_token"])
    assert (reply.status, reply.json) == (status, {"error": error, "error_code": code})


async def test_a_result_that_is_no_json(http: SdkHttp, functions: FunctionsDouble) -> None:
    user = await http.anonymous()
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for result in (object(), deep):
        functions.answer(result)
        reply = await http("POST", CALL, {"name": "f"}, token=user["access_token"])
        assert (reply.status, reply.json["error_code"]) == (400, "FunctionExecutionError")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"arguments": []}, 400, "BadRequest"),
        ({"name": 1, "arguments": []}, 400, "BadRequest"),
        ({"name": "f", "arguments": {}}, 400, "BadRequest"),
        ({"name": "f", "arguments": [{"$oid": "x"}]}, 400, "BadRequest"),
        ({"name": "find", "arguments": [{}], "service": "mongodb"}, 404, "ServiceNotFound"),
        ("[]", 400, "BadRequest"),
    ],
)
async def test_bodies_that_call_nothing(
    http: SdkHttp, functions: FunctionsDouble, body: Any, status: int, code: str
) -> None:
    user = await http.anonymous()
    reply = await http("POST", CALL, body, token=user["access_token"])
    assert (reply.status, reply.json["error_code"]) == (status, code)
    assert functions.calls == []


async def test_who_may_call(http: SdkHttp, functions: FunctionsDouble) -> None:
    user = await http.anonymous()
    for token in (None, user["refresh_token"], "a.b.c"):
        reply = await http("POST", CALL, {"name": "f", "arguments": []}, token=token)
        assert reply.status == 401
    assert functions.calls == []


async def test_a_server_without_functions(http: SdkHttp) -> None:
    user = await http.anonymous()
    reply = await http("POST", CALL, json.dumps({"name": "f"}), token=user["access_token"])
    assert (reply.status, reply.json) == (
        404,
        {"error": "function not found: 'f'", "error_code": "FunctionNotFound"},
    )
