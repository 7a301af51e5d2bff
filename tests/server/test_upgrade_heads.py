"""The parsing of a request to upgrade: its head, its token, the subprotocol that is chosen."""

from __future__ import annotations

import pytest

from offer import OFFER, PBS
from realmsync.server.acceptor import choose_subprotocol, parse_head, query_token


@pytest.mark.parametrize(
    ("offer", "choice"),
    [
        (", ".join(OFFER), f"{PBS}14"),
        (f"{PBS}9,{PBS}11", f"{PBS}11"),
        (f" {PBS}12 ,x", f"{PBS}12"),
        (f"{PBS}99999, {PBS}10", f"{PBS}10"),
        (f"{PBS}14x", None),
        ("com.mongodb.realm-sync/14", None),
        ("", None),
    ],
)
def test_choice_of_the_subprotocol(offer: str, choice: str | None) -> None:
    assert choose_subprotocol(offer) == choice


def test_parsing_of_heads() -> None:
    head = parse_head(b"GET //a//b?baas_at=t HTTP/1.1\r\nHost:x\r\nA: 1\r\nA: 2")
    assert head is not None
    assert (head.path, head.query, head.headers) == (
        "/a/b",
        "baas_at=t",
        {"host": "x", "a": "1, 2"},
    )
    assert parse_head(b"nonsense") is None
    assert parse_head(b"GET / HTTP/1.1\r\nnonsense") is None
    assert query_token("x=1&baas_at=a.b-c_d") == "a.b-c_d"
    assert query_token("baas_at=") is None
