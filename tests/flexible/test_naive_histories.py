"""Random histories of the naive server and its clients: nothing breaks but what was planted.

Specification: flexible-sync.md 17.9, 18 (37, 38).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flexible.naive.histories import Generator, Story, broken, run, shrunk
from flexible.naive.objects import Instruction, schema_only, touched
from flexible.naive.observing import Event
from flexible.naive.planted import PLANTED
from flexible.naive.serving import Server
from flexible.naive.variants import VARIANTS
from flexible.naive.worlds import NaiveWorld


def world(story: Story, server: type[Server] = Server) -> NaiveWorld:
    return NaiveWorld(list(story.schema), list(story.users), story.permissions, server)


LISTENED_TO = 70  # histories


@pytest.mark.parametrize("block", range(8))
def test_nothing_breaks_in_a_random_history(block: int, scale: int) -> None:
    """With those that the test after the next one listens to 200; with --long, 2,000."""
    for seed in range(LISTENED_TO + block, 200 * scale, 8):
        run(Generator(seed).story(), world)


@pytest.mark.parametrize("server", VARIANTS, ids=lambda server: server.__name__)
def test_nothing_breaks_at_another_server_that_is_right(server: type[Server], scale: int) -> None:
    for seed in range(25 * scale):
        run(Generator(seed).story(), lambda story: world(story, server))


def test_histories_reach_what_there_is() -> None:
    """All messages, and of what a file is sent, the rare things; and nothing breaks."""
    seen: Counter[str] = Counter()

    class Listening(NaiveWorld):
        def messages(self, client: int) -> list[Event]:
            events = super().messages(client)
            for event in events:
                seen.update(features(event))
            return events

    for seed in range(LISTENED_TO):
        run(
            Generator(seed).story(),
            lambda s: Listening(list(s.schema), list(s.users), s.permissions),
        )
    assert EXPECTED - set(seen) == set()


EXPECTED = {
    *("lost", "restarted", "server_crashed", "ident", "bind", "mark", "unbind", "query", "upload"),
    *("upload of nothing", "several in one upload", "query_error", "error 200", "error 230"),
    *("error 231", "several in one 231", "schema", "leaves", "enters", "stays", "created"),
    *("bootstrap of 0", "bootstrap of nothing", "bootstrap in parts", "unasked bootstrap"),
    *("ArrayInsert", "ArrayErase", "SetInsert", "SetErase", "embedded", "key"),
}


def features(event: Event) -> Iterator[str]:
    """What a history is to have had."""
    message = event.message
    if event.kind not in ("client", "server"):
        yield event.kind
        return
    kind = message["type"]
    if kind == "json_error":
        yield f"error {message['code']}"
        if len(json.loads(message["body"]).get("rejectedUpdates", ())) > 1:
            yield "several in one 231"
    elif kind == "download":
        yield from of_download(message)
    else:
        yield kind
    if kind == "upload" and len(message["entries"]) != 1:
        yield "several in one upload" if message["entries"] else "upload of nothing"
    for entry in message.get("entries", ()):
        yield from map(what, entry["instructions"])


def what(instruction: Instruction) -> str:
    """The operation, and where in an object it is."""
    is_deep = instruction["op"] == "Update" and instruction["path"]
    return ("embedded" if instruction["field"] == "e" else "key") if is_deep else instruction["op"]


def of_download(message: dict[str, Any]) -> Iterator[str]:
    instructions = [i for entry in message["entries"] for i in entry["instructions"]]
    if message["batch_state"] == 0:
        yield "bootstrap in parts"
    elif message["batch_state"] == 1:
        yield "bootstrap of nothing" if not instructions else "unasked bootstrap"
        if message["query_version"] == 0:
            yield "bootstrap of 0"
    if schema_only(instructions):
        yield "schema"
    for said in touched(instructions).values() if message["batch_state"] == 2 else ():
        ops = [each["op"] for each in said]
        if "EraseObject" in ops:
            yield "enters" if "CreateObject" in ops else "leaves"
        else:
            yield "created" if "CreateObject" in ops else "stays"


@pytest.mark.parametrize("server", PLANTED, ids=lambda server: server.__name__)
def test_a_planted_fault_is_found(server: type[Server]) -> None:
    def faulty(story: Story) -> NaiveWorld:
        return world(story, server)

    for seed in range(1000):
        found = broken(Generator(seed).story(), faulty)
        if found is not None:
            assert found.name in PLANTED[server], found
            return
    raise AssertionError("no history shows it")


@pytest.mark.parametrize("server", list(PLANTED)[::4], ids=lambda server: server.__name__)
def test_a_history_shrinks_to_what_shows_the_fault(server: type[Server]) -> None:
    def faulty(story: Story) -> NaiveWorld:
        return world(story, server)

    story = next(s for s in map(whole, range(1000)) if broken(s, faulty) is not None)
    short, found = shrunk(story, faulty)
    assert len(short.steps) < len(story.steps)
    assert str(found) and broken(short, world) is None
    for at in range(len(short.steps)):
        fewer = replace(short, steps=(*short.steps[:at], *short.steps[at + 1 :]))
        without = broken(fewer, faulty)
        assert without is None or without.name != found.name


def whole(seed: int) -> Story:
    return Generator(seed).story()


def test_a_story_is_told_by_its_seed_alone() -> None:
    assert str(whole(7)) == str(whole(7))
    assert str(whole(7)) != str(whole(8))
    assert "advance" in str(whole(7))
