"""What operators learn of functions that fail: which, for whom, why and where."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from callers import USER, Made
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.port import FunctionFailed, FunctionRequest
from realmsync.server.functions.registry import AppFunctions


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelno) == ("realmsync.server", logging.WARNING)
    ]


def broken(context: FunctionContext, text: str = "no") -> None:
    raise KeyError(text)


@pytest.fixture
def table() -> AppFunctions:
    table = AppFunctions()
    table.add("broken", broken)

    @table.function
    async def outer(context: FunctionContext) -> Any:
        return await context.functions.execute("broken")

    return table


async def test_a_python_function(
    functions: Made, table: AppFunctions, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[dict[str, Any]] = []
    with pytest.raises(FunctionFailed) as raised:
        await functions(python=table, failed=told.append).call("broken", [], USER)
    assert str(raised.value) == "KeyError: 'no'", "no place in the source is for callers"
    (line,) = warnings(caplog)
    said = rf"app shop-abcde: function 'broken' failed for {USER.id}: KeyError: 'no' \((.*)\)"
    place = re.fullmatch(said, line)
    assert place is not None and re.search(r"test_failed_functions\.py:\d+ in broken", place[1])
    (entry,) = told
    assert entry.pop("completed") > 0
    assert entry == {
        "type": "function",
        "function_name": "broken",
        "user_id": USER.id,
        "error": "KeyError: 'no'",
        "place": place[1],
    }


async def test_of_functions_that_call_each_other_the_first_is_named(
    functions: Made, table: AppFunctions, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(FunctionFailed):
        await functions(python=table).call("outer", [], USER)
    (line,) = warnings(caplog)
    assert "function 'outer' failed" in line and line.endswith(" in broken)")


@pytest.mark.no_asan
@pytest.mark.parametrize(
    ("source", "error", "place"),
    [
        ("function g() { throw new Error('no') }\nexports = () => g()", "no", "at g (<input>:1:"),
        ("exports = async () => {\n  await null; nothing() }", "ReferenceError: .*", "<input>:2:"),
        ("\n\nnothing()", "ReferenceError: .*", "<input>:3:"),
        ("exports = () => { throw 'text' }", "text", None),
    ],
)
async def test_a_javascript_function(
    functions: Made, caplog: pytest.LogCaptureFixture, source: str, error: str, place: str | None
) -> None:
    with pytest.raises(FunctionFailed) as raised:
        await functions({"f": source}).call("f", [], USER)
    assert re.fullmatch(error, str(raised.value))
    (line,) = warnings(caplog)
    behind = "" if place is None else r" \(.*" + re.escape(place) + r".*\)"
    assert re.fullmatch(rf".* function 'f' failed for {USER.id}: {error}{behind}", line)


async def test_what_a_stranger_makes_it_say_is_one_short_line(
    functions: Made, table: AppFunctions, caplog: pytest.LogCaptureFixture
) -> None:
    request = FunctionRequest("POST", "/", "192.0.2.1")
    for text in ("\n2026 forged", "x" * 1_000_000):
        with pytest.raises(FunctionFailed):
            await functions(python=table).call("broken", [text], None, request)
    for line in warnings(caplog):
        assert "failed for 192.0.2.1: KeyError" in line
        assert "\n" not in line and len(line) < 1500


async def test_what_does_not_fail_is_not_told(
    functions: Made, caplog: pytest.LogCaptureFixture
) -> None:
    table = AppFunctions()
    table.add("fine", lambda context: 1)
    assert await functions(python=table).call("fine", [], USER) == 1
    assert warnings(caplog) == []
