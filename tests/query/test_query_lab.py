"""Every recorded query, in memory: objects, text, and errors by kind, message and place."""

from __future__ import annotations

import re

import pytest

from lab import KINDS, Lab, Recorded, recorded_queries
from realmsync import RealmError
from realmsync.errors import QueryError

QUERIES = recorded_queries()
GOOD = [q for q in QUERIES if q["ok"]]
REFUSED = [q for q in QUERIES if not q["ok"]]


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


def in_one_order(text: str) -> str:
    """With the members of every IN {…} sorted."""

    def ordered(match: re.Match[str]) -> str:
        return "IN {" + ", ".join(sorted(match[1].split(", "))) + "}"

    return re.sub(r"IN \{([^}]*)\}", ordered, text)


@pytest.mark.parametrize("query", [q for q in GOOD if "quirk" not in q], ids=lambda q: q["id"])
def test_a_recorded_query_selects_its_objects(lab: Lab, query: Recorded) -> None:
    keys = lab.keys(lab.bind_recorded(query), query["class"])
    if query["ordered"]:
        assert keys == query["pks"]
    else:
        assert sorted(keys, key=repr) == sorted(query["pks"], key=repr)


# What the reference gets wrong is not copied; see the quirks in tests/vectors/README.md.
SENSIBLE = {
    "q0023": "born == T253402300799:999999999",
    "q0479": "FALSEPREDICATE",
    "q0480": "FALSEPREDICATE",
}


@pytest.mark.parametrize("query", GOOD, ids=lambda q: q["id"])
def test_a_recorded_query_has_its_text(lab: Lab, query: Recorded) -> None:
    bound = lab.bind_recorded(query)
    text = bound.text
    recorded = SENSIBLE.get(query["id"], query["description"])
    if query.get("description_unordered"):
        text, recorded = in_one_order(text), in_one_order(recorded)
    assert text == recorded
    assert bound.unsoundness == ""


@pytest.mark.parametrize("query", REFUSED, ids=lambda q: q["id"])
def test_a_recorded_error_is_raised(lab: Lab, query: Recorded) -> None:
    kind, message = query["error"]["kind"], query["error"]["message"]
    with pytest.raises(KINDS.get(kind, RealmError)) as raised:
        lab.bind_recorded(query)
    assert isinstance(raised.value, QueryError)
    prefix = f"Invalid predicate: '{query['query']}': "
    if message.startswith(prefix):
        assert raised.value.message.startswith(prefix)
    else:
        assert raised.value.message == message
    assert raised.value.position is not None
