"""How deep and how large a value may be on its way into functions and out of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callers import USER, Made
from realmsync import ejson
from realmsync.server import conversion
from realmsync.server.extent import VALUES, is_deeper, is_larger
from realmsync.server.functions.port import FunctionFailed
from realmsync.server.functions.registry import AppFunctions

DEPTH = conversion.DEPTH
NESTED = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abcd"), inner),
    max_leaves=40,
)


def count(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count, inner))


def depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inner), default=0)


def nested(levels: int, *, in_objects: bool = False) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if in_objects else [value]
    return value


@given(NESTED)
def test_the_extent_of_a_value(value: Any) -> None:
    size, levels = count(value), depth(value)
    assert not is_larger(value, size) and is_larger(value, size - 1)
    assert not is_deeper(value, levels) and (levels == 0 or is_deeper(value, levels - 1))


def test_a_small_thing_that_stands_for_a_huge_one_is_looked_at_briefly() -> None:
    bomb: list[Any] = [1] * 1000
    for _ in range(20):
        bomb = [bomb] * 1000
    endless: list[Any] = []
    endless.append(endless)
    assert is_larger(bomb) and is_larger(endless)


@pytest.mark.parametrize(
    "value", [{}, [], 5, {"a": [1.5, None]}, list(range(200)), {"t": "x" * 9000}], ids=range(6)
)
async def test_short_and_long_values_are_converted_alike(value: Any) -> None:
    text = await conversion.dumps(value, "it")
    assert text == ejson.dumps(value)
    assert await conversion.loads(text) == value
    assert await conversion.decode([value], "it") == [value]


@pytest.mark.parametrize("value", [[0] * VALUES, nested(DEPTH + 1)], ids=["large", "deep"])
async def test_what_is_too_much_is_not_converted(value: Any) -> None:
    for convert in (conversion.decode, conversion.dumps):  # both count themselves
        with pytest.raises(
            ValueError, match=r"^it (has more than 100,000 values|is nested deeper)"
        ):
            await convert(value, "it")


@pytest.mark.no_asan
@pytest.mark.parametrize("in_objects", [False, True])
async def test_javascript_takes_and_gives_what_readers_of_json_take(
    functions: Made, in_objects: bool
) -> None:
    caller = functions({"same": "exports = (x) => x"})
    deepest = nested(DEPTH - 1, in_objects=in_objects)  # the arguments are an array, too
    assert await caller.call("same", [deepest], USER) == deepest
    with pytest.raises(FunctionFailed, match="what it is given is nested deeper than 100"):
        await caller.call("same", [nested(DEPTH, in_objects=in_objects)], USER)


@pytest.mark.no_asan
@pytest.mark.parametrize("add", ["[x]", "{a: x}"])
@pytest.mark.parametrize("levels", [101, 120, 1000, 100_000])
async def test_what_javascript_nests_deeper_is_told(functions: Made, add: str, levels: int) -> None:
    source = f"exports = (n) => {{ let x = 1; for (let i = 0; i < n; i++) x = {add}; return x }}"
    caller = functions({"deep": source})
    assert await caller.call("deep", [100], USER) == nested(100, in_objects=add != "[x]")
    with pytest.raises(FunctionFailed, match="RangeError: it is nested deeper than 100"):
        await caller.call("deep", [levels], USER)


@pytest.mark.no_asan
async def test_a_result_that_holds_itself_is_told(functions: Made) -> None:
    caller = functions({"cycle": "exports = () => { const x = {}; x.x = x; return x }"})
    with pytest.raises(FunctionFailed, match="nested deeper than 100"):
        await caller.call("cycle", [], USER)


@pytest.mark.no_asan
async def test_too_many_values_are_refused_in_both_directions(functions: Made) -> None:
    caller = functions({"many": "exports = (n) => new Array(n).fill(true)"})
    assert len(await caller.call("many", [90_000], USER)) == 90_000
    with pytest.raises(FunctionFailed, match="it has more than 100,000 values"):
        await caller.call("many", [VALUES], USER)
    with pytest.raises(FunctionFailed, match="what it is given has more than 100,000 values"):
        await caller.call("many", [[0] * VALUES], USER)


@pytest.mark.no_asan
async def test_what_functions_give_each_other_is_limited_alike(functions: Made) -> None:
    table = AppFunctions()
    table.add("many", lambda context: [0] * VALUES)
    caller = functions({"asks": "exports = () => context.functions.execute('many')"}, table)
    with pytest.raises(FunctionFailed, match="the result has more than 100,000 values"):
        await caller.call("asks", [], USER)
