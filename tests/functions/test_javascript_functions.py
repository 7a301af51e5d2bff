"""Exported JavaScript: what it finds, what it gives back, and what it cannot do to anybody."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any
from uuid import UUID

import pytest
from bson import Decimal128, Int64, ObjectId, Regex

from callers import USER, Made, People
from realmsync.apps.model import Function
from realmsync.server.functions.port import (
    AppUser,
    FunctionFailed,
    FunctionForbidden,
    FunctionNotCallable,
    FunctionNotFound,
    FunctionRequest,
)

pytestmark = pytest.mark.no_asan


async def run(functions: Made, source: str, *arguments: Any, **options: Any) -> Any:
    return await functions({"f": source}, **options).call("f", arguments, USER)


VALUES = [
    None,
    True,
    "text with 'quotes' and \u2028",
    0,
    -(2**31) + 1,
    2**31,
    -(2**53) + 1,
    2**63 - 1,
    1.5,
    -0.0,
    1e300,
    [1, [2, "x"], {}],
    {"a": {"b": [None]}, "__proto__": 1},
    ObjectId("65f000000000000000000001"),
    UUID("10000000-0000-4000-8000-000000000003"),
    Decimal128("1.50"),
    datetime.datetime(2024, 2, 29, 12, 30, 0, 123000, tzinfo=datetime.timezone.utc),
    b"\x00\xff",
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_a_value_comes_back_as_it_went(functions: Made, value: Any) -> None:
    result = await run(functions, "exports = (x) => x", value)
    assert result == value
    assert str(result) == str(value)  # -0.0, True and 1 are told apart


async def test_numbers_have_the_smallest_type_that_holds_them(functions: Made) -> None:
    result = await run(
        functions, "exports = () => [6, 5000000000, 0.5, 2 ** 70, 12345678901234567n]"
    )
    assert [type(number) for number in result] == [int, Int64, float, float, Int64]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("context.user.id", USER.id),
        ("context.user.custom_data.level + 1", 4),
        ("context.user.identities[0].provider_type", "local-userpass"),
        ("context.user.data.email", "ada@example.org"),
        ("context.values.limit + context.values.get('limit')", 6),
        ("context.values.get('absent') === undefined", True),
        ("context.values.list[1].a", 2),
        ("context.environment.tag + context.environment.values.cap", "qa2.5"),
        ("context.app.id", "shop-abcde"),
        ("new BSON.ObjectId('65F000000000000000000001').toString()", "65f000000000000000000001"),
        ("EJSON.stringify({a: new Date(5)})", '{"a":{"$date":{"$numberLong":"5"}}}'),
        ('EJSON.parse(\'{"$numberLong": "5"}\') + 1', 6),
        ("typeof __worker", "undefined"),
        ("undefined", None),
    ],
)
async def test_what_a_function_finds(functions: Made, expression: str, expected: Any) -> None:
    assert await run(functions, f"exports = () => {expression}") == expected


async def test_a_function_may_be_async_and_called_with_a_request(functions: Made) -> None:
    caller = functions({"f": "exports = async function () { return context.request.rawPath }"})
    assert await caller.call("f", [], USER, FunctionRequest(path="/x")) == "/x"


async def test_functions_call_each_other(functions: Made) -> None:
    caller = functions(
        {
            "outer": "exports = async (n) => 1 + (await context.functions.execute('inner', n))",
            "inner": Function("inner", "exports = (n) => n * 2", private=True),
        }
    )
    results = await asyncio.gather(*(caller.call("outer", [n], USER) for n in range(20)))
    assert results == [1 + 2 * n for n in range(20)]


async def test_endless_calls_of_each_other_end(functions: Made) -> None:
    caller = functions({"f": "exports = async () => context.functions.execute('f')"})
    with pytest.raises(FunctionFailed, match="call each other too deeply"):
        await caller.call("f", [], USER)


async def test_documents_are_read_and_written(functions: Made) -> None:
    people = People([{"_id": 1, "user": USER.id, "mayRead": ["R1"]}])
    collection = "context.services.get('any').db('people').collection('profiles')"
    read = f"exports = async () => (await {collection}.findOne({{user: context.user.id}})).mayRead"
    assert await run(functions, read, documents=people) == ["R1"]
    arguments = "{user: 'u2'}, {$set: {a: 1}}, {upsert: true}"
    write = f"exports = () => {collection}.updateOne({arguments})"
    counts = await run(functions, write, documents=people)
    assert counts == {"matchedCount": 0, "modifiedCount": 0, "upsertedId": "new"}
    assert people.documents[1] == {"_id": "new", "user": "u2", "a": 1}
    listed = f"exports = () => {collection}.find().limit(5).toArray()"
    assert len(await run(functions, listed, documents=people)) == 2


async def test_documents_are_inserted_counted_and_deleted(functions: Made) -> None:
    people = People()
    source = """
        exports = async () => {
            const people = context.services.get("any").db("people").collection("profiles");
            const { insertedId } = await people.insertOne({ user: "u1" });
            const { matchedCount, modifiedCount } = await people.updateOne(
                { user: "u1" }, { $set: { at: new Date(5) } });
            const count = await people.count({ user: "u1" });
            const { deletedCount } = await people.deleteOne({ _id: insertedId });
            const left = await people.count();
            return [insertedId, matchedCount, modifiedCount, count, deletedCount, left];
        };
    """
    assert await run(functions, source, documents=people) == [1, 1, 1, 1, 1, 0]


PROFILES = "context.services.get('m').db('people').collection('profiles')"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("findOne({}, {password: 0})", "beside the filter of findOne is not offered"),
        ("find({}, {projection: {a: 1}})", "beside the filter of find is not offered"),
        ("find({}).sort({a: 1})", "a cursor.sort is not offered"),
        ("updateOne({}, {}, {arrayFilters: []})", "beside the filter of updateOne is not offered"),
        ("updateMany({}, {})", "a collection.updateMany is not offered"),
    ],
)
async def test_what_would_be_left_out_is_refused(functions: Made, call: str, reason: str) -> None:
    with pytest.raises(FunctionFailed, match=reason):
        await run(functions, f"exports = () => {PROFILES}.{call}")


async def test_a_regular_expression_is_one_for_the_server(functions: Made) -> None:
    found = await run(functions, "exports = () => [/^a+$/i]")
    assert [(type(value), value.pattern) for value in found] == [(Regex, "^a+$")]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("exports = () => context.http.get('x')", "context.http is not offered"),
        ("exports = () => require('axios')", "the module 'axios' is not offered"),
        ("exports = () => BSON.Long.fromNumber(1)", "BSON.Long is not offered"),
        (
            "exports = () => context.services.get('m').db('d').collection('c').aggregate([])",
            "a collection.aggregate is not offered",
        ),
        (
            "exports = () => context.services.get('m').db('d').collection('c').findOne()",
            "keeps no documents of d.c",
        ),
        ("exports = () => { throw new Error('no') }", "^no$"),
        ("exports = async () => { throw 'text' }", "^text$"),
        ("exports = () => { throw {code: 5} }", '{"code":{"\\$numberInt":"5"}}'),
        ("exports = () => nothing.there", "ReferenceError: nothing is not defined"),
        ("exports = 5", "assigns no function"),
        ("this is no JavaScript", "SyntaxError"),
        ("exports = () => new Promise(() => {})", "a promise that nobody settles"),
        ("exports = () => 2n ** 64n", "does not fit into 64 bits"),
        ("exports = () => context.functions.execute('absent')", "function not found: 'absent'"),
    ],
)
async def test_what_fails_says_why(functions: Made, source: str, reason: str) -> None:
    with pytest.raises(FunctionFailed, match=reason):
        await run(functions, source)


BOMBS = {
    "loop": "exports = () => { for (;;); }",
    "loop after an await": "exports = async () => { await null; for (;;); }",
    "loop that nothing interrupts": "exports = () => { let x = []; x.length = 4e9; x.sort(); }",
    "loop of promises": "exports = async () => { for (;;) await null; }",
    "backtracking": "exports = () => /^(a+)+$/.test('a'.repeat(50) + 'b')",
    "loop outside of the function": "for (;;);",
    "memory": "exports = () => { let a = []; for (;;) a.push(new Array(1000).fill(1)); }",
    "long text": "exports = () => 'x'.repeat(5e8)",
    "large result": "exports = () => 'x'.repeat(2e7)",
    "depth": "exports = function f() { return f(); }",
    "deep result": "exports = () => { let x = []; for (let i = 0; i < 1e6; i++) x = [x]; return x}",
    "many calls": "exports = async () => { for (;;) context.functions.execute('ok'); }",
    "log": "exports = () => { for (;;) console.log('x'.repeat(1e6)); }",
    "broken prelude": "JSON.parse = JSON.stringify = Promise.resolve = null; exports = 1",
}


# On one loop: what differs between them is how a process ends, which the next test sees on both.
@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_harms_itself_alone(functions: Made, name: str) -> None:
    caller = functions({"bomb": BOMBS[name], "ok": "exports = () => 1"}, timeout=0.1)
    bombs = [asyncio.ensure_future(caller.call("bomb", [], USER)) for _ in range(2)]
    results = await asyncio.gather(*bombs, return_exceptions=True)
    assert {type(result) for result in results} == {FunctionFailed}
    assert await caller.call("ok", [], USER) == 1


async def test_a_call_that_is_given_up_ends_its_process(functions: Made) -> None:
    caller = functions({"f": "exports = () => { for (;;); }", "ok": "exports = () => 1"})
    given_up = [asyncio.ensure_future(caller.call("f", [], USER)) for _ in range(6)]
    await asyncio.sleep(0.2)
    for call in given_up:
        call.cancel()
    assert await caller.call("ok", [], USER) == 1
    await asyncio.gather(*given_up, return_exceptions=True)
    assert [call for call in given_up if not call.cancelled()] == []


async def test_calls_share_nothing(functions: Made) -> None:
    caller = functions({"f": "globalThis.n = (globalThis.n || 0) + 1; exports = () => n"})
    assert [await caller.call("f", [], USER) for _ in range(3)] == [1, 1, 1]


async def test_too_many_calls_are_refused(functions: Made) -> None:
    caller = functions({"f": "exports = () => { for (;;); }"})
    users = [AppUser(f"user {number % 5}") for number in range(112)]
    calls = [asyncio.ensure_future(caller.call("f", [], user)) for user in users]
    done, running = await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
    for call in running:
        call.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert len(done) == 10
    assert all("too many functions" in str(call.exception()) for call in done)


async def test_what_a_function_logs_is_bounded(
    functions: Made, caplog: pytest.LogCaptureFixture
) -> None:
    source = "exports = () => { for (let i = 0; i < 1000; i++) console.warn('line\\n', {i}); }"
    await run(functions, source)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == r'f: line\n {"i":{"$numberInt":"0"}}'
    assert len(lines) == 100


async def test_closing_ends_what_runs(functions: Made) -> None:
    caller = functions({"f": "exports = () => { for (;;); }"})
    running = [asyncio.ensure_future(caller.call("f", [], USER)) for _ in range(4)]
    await asyncio.sleep(0.2)
    await caller.close()
    results = await asyncio.gather(*running, return_exceptions=True)
    assert {type(result) for result in results} == {FunctionFailed}


async def test_without_the_engine_a_function_has_no_implementation(functions: Made) -> None:
    caller = functions({"f": "exports = () => 1"}, javascript=False)
    assert not caller.is_callable("f")
    with pytest.raises(FunctionNotCallable, match="'f' has no implementation on this server"):
        await caller.call("f", [], USER)


async def test_who_may_call(functions: Made) -> None:
    caller = functions(
        {
            "private": Function("private", "exports = () => 1", private=True),
            "guarded": Function(
                "guarded", "exports = () => 1", can_evaluate={"%%user.type": "server"}
            ),
        }
    )
    with pytest.raises(FunctionNotFound, match="function not found: 'private'"):
        await caller.call("private", [], USER, from_client=True)
    with pytest.raises(FunctionNotFound):
        await caller.call("absent", [], USER, from_client=True)
    with pytest.raises(FunctionForbidden):
        await caller.call("guarded", [], USER, from_client=True)
    assert await caller.call("private", [], USER) == 1
    assert await caller.call("guarded", [], USER) == 1


async def test_as_whom_a_function_runs(functions: Made) -> None:
    source = "exports = () => context.user.type + ' ' + context.user.id"
    caller = functions(
        {
            "user": source,
            "system": Function("system", source, run_as_system=True),
            "other": Function("other", source, run_as_user_id=USER.id),
            "gone": Function("gone", source, run_as_user_id="65a000000000000000000fff"),
        }
    )
    assert await caller.call("user", [], USER) == f"normal {USER.id}"
    assert await caller.call("user", [], None) == "server "
    assert await caller.call("system", [], USER) == f"normal {USER.id}"
    assert await caller.call("system", [], None) == "server "
    assert await caller.call("other", [], None) == f"normal {USER.id}"
    with pytest.raises(FunctionFailed, match="not there"):
        await caller.call("gone", [], USER)
