"""Bodies of QUERY, IDENT and BIND in flexible sync, against those that a real SDK sent.

Specification: flexible-sync.md sections 4 and 5.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from realmsync import RealmError
from realmsync._testbed import (
    format_flexible_bind,
    format_query_body,
    parse_flexible_bind,
    parse_query_body,
)

RECORDED = Path(__file__).parent.parent / "vectors" / "wire-flx"


def sent_messages() -> Iterator[bytes]:
    """All that the SDK sent, in all conversations."""
    for path in sorted(RECORDED.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            message = json.loads(line)
            if message["t"] == "c2s":
                yield bytes.fromhex(message["hex"])


def recorded(kind: bytes) -> list[bytes]:
    """The bodies of one kind of message, each once."""
    messages = (data.partition(b"\n") for data in sent_messages() if data.startswith(kind + b" "))
    return sorted({body for _, _, body in messages})


def test_recorded_query_sets_are_written_as_they_were_sent() -> None:
    bodies = [body for body in recorded(b"query") + recorded(b"ident") if body]  # of flexible sync
    assert len(bodies) > 20
    for body in bodies:
        texts = parse_query_body(body)
        # Alternatives of the recordings hold no ") OR (" of their own.
        alternatives = {
            name: set(re.sub(r"^\(|\)$", "", text).split(") OR (")) for name, text in texts.items()
        }
        assert format_query_body(alternatives) == body


def test_the_example_of_the_specification() -> None:
    texts = {"Person": {'name == "Bob"', "age > 10"}, "Dog": {"TRUEPREDICATE"}}
    assert format_query_body(texts) == (
        rb'{"Dog":"(TRUEPREDICATE)","Person":"(age > 10) OR (name == \"Bob\")"}'
    )
    assert format_query_body({}) == b"{}"


def test_other_letters_stay_and_control_characters_are_escaped() -> None:
    body = format_query_body({"Ärzte": {'name == "Ω\x01\t\\"'}})
    assert body == '{"Ärzte":"(name == \\"Ω\\u0001\\t\\\\\\")"}'.encode()
    assert parse_query_body(body) == {"Ärzte": '(name == "Ω\x01\t\\")'}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"A":1}', b'{"A":"x"', b'{"A":"\xff"}', b"[" * 100]
)
def test_what_is_no_query_set_is_refused(body: bytes) -> None:
    with pytest.raises(RealmError):
        parse_query_body(body)


def test_recorded_bind_data_are_written_as_they_were_sent() -> None:
    binds = {data.partition(b"\n")[2] for data in sent_messages() if data.startswith(b"bind ")}
    flexible = sorted(data for data in binds if data.startswith(b'{"') and b"schemaVer" in data)
    assert len(flexible) >= 3
    for data in flexible:
        migrated, version, is_after_reset = parse_flexible_bind(data)
        assert format_flexible_bind(migrated, version, is_after_reset) == data


def test_bind_data_of_older_protocols_are_taken() -> None:
    assert parse_flexible_bind(b"") == (None, 0, False)
    assert parse_flexible_bind(b'{"sessionReason":1,"later":[]}') == (None, 0, True)
    for data in (b"[]", b'{"schemaVersion":-1}', b'{"migratedPartition":5}'):
        with pytest.raises(RealmError):
            parse_flexible_bind(data)
