"""Writes docs/protocol/session-states.md from the tables of csrc/client/binding.hpp.

tests/test_docs.py fails when the page is not what this gives. Run: python tools/state_tables.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "csrc" / "client" / "binding.hpp"
PAGE = ROOT / "docs" / "protocol" / "session-states.md"

HEAD = """# States of a client's binding

How realmsync's client moves from BIND to the end of a binding, and what it lets a server send
meanwhile; made from the tables of `csrc/client/binding.hpp` by `tools/state_tables.py`. The rules
behind them are in [wire-protocol.md §11](wire-protocol.md#11-client-state-machine) and
[client-session.md §10](client-session.md#10-protocol-session-behaviour); how connection, session
and binding hang together is told at the head of that file.

A binding that is `over`, or that loses its connection in whatever state, is replaced by an
`unbound` one, unless the session is being deactivated: then it is finished.
"""


class Transition(NamedTuple):
    """One row of kTransitions."""

    start: str
    event: str
    end: str


def body(text: str, opening: str) -> str:
    """What stands between the braces behind `opening`."""
    _, _, rest = text.partition(opening)
    assert rest, f"binding.hpp has no {opening}"
    return rest.partition("\n};")[0]


def enumerators(text: str, name: str) -> dict[str, str]:
    """The names of an enumeration with their remarks."""
    lines = body(text, f"enum class {name} : std::uint8_t {{")
    return dict(re.findall(r"^ +(\w+),(?: *// (.*))?$", lines, re.M))


def listed(text: str, name: str) -> list[str]:
    """The names of an enumeration that stands in one line."""
    match = re.search(rf"enum class {name} : std::uint8_t {{ ([\w, ]+) }};", text)
    assert match, name
    return match[1].split(", ")


def transitions(text: str) -> list[Transition]:
    """All of them, by state."""
    row = r"\{BindingState::(\w+),\s*BindingEvent::(\w+),\s*BindingState::(\w+)\}"
    return [Transition(*match) for match in re.findall(row, body(text, "kTransitions[] = {"))]


def reactions(text: str) -> list[list[str]]:
    """The state and the reaction to each message, row by row."""
    rows = body(text, "kReactions[] = {")
    return [re.findall(r"\w+", row) for row in re.findall(r"\{BindingState::([^}]*)\}", rows)]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    first, *others = [f"| {' | '.join(cells)} |" for cells in [head, *rows]]
    return "\n".join([first, "|" + "---|" * len(head), *others, ""])


def diagram(moves: list[Transition]) -> str:
    """The states as Mermaid draws them: what leads from one to another stands on one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for start, event, end in moves:
        arrows.setdefault((start, end), []).append(event.replace("_", " "))
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> unbound"]
    lines += [f"    {start} --> {end} : {', '.join(e)}" for (start, end), e in arrows.items()]
    return "\n".join([*lines, "    over --> [*]", "```", ""])


def render() -> str:
    """The page."""
    text = SOURCE.read_text()
    states, events = enumerators(text, "BindingState"), enumerators(text, "BindingEvent")
    messages = [name.upper() for name in listed(text, "SessionMessage")]
    moves = transitions(text)
    assert {t.start for t in moves} | {t.end for t in moves} == set(states)
    assert {t.event for t in moves} == set(events)
    return "\n".join(
        [
            HEAD,
            "## 1. States\n",
            table(["State", "Means"], [[f"`{name}`", why] for name, why in states.items()]),
            "## 2. What a server may send\n",
            "A message is accepted, ignored because it has crossed with what the client sent, or a "
            "violation that ends the\nconnection. The numbers of a MARK and the cursors of a "
            "DOWNLOAD are checked where they are accepted; ERROR 231 and\n236 leave the state as "
            "it is.\n",
            table(
                ["State", *messages],
                [[f"`{state}`", *row] for state, *row in reactions(text)],
            ),
            "## 3. How it moves\n",
            diagram(moves),
            table(
                ["State", "Event", "Next state"],
                [[f"`{t.start}`", t.event.replace("_", " "), f"`{t.end}`"] for t in moves],
            ),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(render())
