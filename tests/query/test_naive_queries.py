"""The naive model agrees with every recorded query, so that the product may be held against it."""

from __future__ import annotations

import re

from query.naive.errors import Refused
from query.naive.model import key_text, run
from query.recorded_queries import answer, dataset, in_order, outcome, recorded

# What the reference gets wrong and the model does not reproduce ("quirk" in the vectors).
SENSIBLE = {
    "q0023": [10],  # the year 9999
    "q0193": [6],  # '***' matches the empty name too
    "q0479": [],  # a list without a usable member matches nothing
    "q0480": [],
}
QUANTIFIED = {"q0371": 38, "q0382": 42}  # NONE over no keys is true; how many match then


def test_selects_what_was_recorded() -> None:
    data = dataset()
    for query in recorded():
        if not query["ok"] or query["id"] in QUANTIFIED:
            continue
        found = [key_text(item) for item in answer(data, query).objects]
        expected = query["pks"]
        if query["id"] in SENSIBLE:
            expected = SENSIBLE[query["id"]]
            if query["id"] == "q0193":
                expected = [*query["pks"], *expected]
        assert in_order(found, query) == in_order(expected, query), query["id"]


def test_quantifies_keys_and_entries() -> None:
    data = dataset()
    for query in recorded():
        if query["id"] in QUANTIFIED:
            assert len(answer(data, query).objects) == QUANTIFIED[query["id"]], query["query"]


def test_refuses_with_the_recorded_words() -> None:
    data = dataset()
    for query in recorded():
        if query["ok"]:
            continue
        error, found = query["error"], outcome(data, query)
        assert found.kind == error["kind"], query["id"]
        if error["message"].startswith("Invalid predicate: "):
            assert found.message.startswith(f"Invalid predicate: '{query['query']}': ")
        else:
            assert found.message == error["message"], query["id"]


def test_describes_as_recorded() -> None:
    data = dataset()
    for query in recorded():
        if not query["ok"] or query["id"] in ("q0023", "q0479", "q0480"):
            continue
        description = answer(data, query).description
        if query.get("description_unordered"):
            found, expected = (
                sorted(re.split("[{},]+ ?", text)) for text in (description, query["description"])
            )
            assert found == expected, query["id"]
        else:
            assert description == query["description"], query["id"]


def test_reads_descriptions_as_recorded() -> None:
    data = dataset()
    for query in recorded():
        if not query["ok"] or "quirk" in query or query["round_trip"] == "error":
            continue
        if query["id"] == "q0482":  # the reference looks at the first link of a list only
            continue
        expected = query.get("round_trip_pks", query["pks"])
        found = run(data, query["class"], query["description"]).objects
        keys = [key_text(item) for item in found]
        assert in_order(keys, query) == in_order(expected, query), query["id"]


def test_refuses_descriptions_that_do_not_parse() -> None:
    data = dataset()
    refused = []
    for query in recorded():
        if query.get("round_trip") != "error":
            continue
        try:
            run(data, query["class"], query["description"])
        except Refused as error:
            assert error.kind == query["round_trip_error"]["kind"], query["id"]
            refused.append(query["id"])
    assert len(refused) == sum(q.get("round_trip") == "error" for q in recorded())
