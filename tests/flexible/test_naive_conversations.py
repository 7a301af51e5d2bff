"""The observer and the recorded conversations: it has nothing against them as they are, but for
what their script did on purpose, and it sees every damage.

Specification: flexible-sync.md 0, 17.9, 18 (38).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest

from flexible.naive.damages import DAMAGES, Events
from flexible.naive.history import Broken
from flexible.naive.scripted import FOLDER, Conversation, conversation

# Where a script does what the specification forbids; its result files tell what an SDK made of it.
# The first four end or crash an SDK's process, or leave a set pending for ever.
WRONG_ON_PURPOSE = {
    "flx_query_error_completed": "3.4",
    "flx_query_error_unknown": "3.4",
    "flx_query_bad_versions": "3.4",
    "flx_bad_batch_state": "5.5",
    "flx_bad_progress": "5.5",
    "flx_empty_last_batch": "K13",
    "flx_unbound_after_error": "O11",
}
# Where it is too simple a server; an SDK takes all of this, and a view would not be what it says.
TOO_SIMPLE = {
    "flx_update": "K12",  # MARK 11 is answered without the bootstrap of QUERY 10, which never comes
    "flx_initial": "K2",  # an own change that leaves the view: erased a version later
    "flx_migrate": "K2",  # what partition-based clients wrote is not in the first bootstrap
    "flx_guard": "K3",  # updates an object that it has just erased
}
CLEAN = [
    ("flx_asymmetric", 2),
    ("flx_bodies_1", 2),
    ("flx_compensating", 2),
    ("flx_initial", 2),
    ("flx_multi_batch", 2),
    ("flx_no_v0_bootstrap", 2),
    ("flx_query_error", 2),
    ("flx_query_error", 3),
    ("flx_results_subscribe", 2),
    ("flx_server_bootstrap", 2),
    ("flx_update", 2),
    ("flx_update_throw", 2),
    ("flx_v0_wait", 2),
]

recorded = lru_cache(conversation)


def clean(name: str, file_ident: int) -> Events:
    """The events of a file, of `TOO_SIMPLE` as a better server had made them."""
    events = recorded(name).events[file_ident]
    if name == "flx_update":
        late = next(
            at
            for at, e in enumerate(events)
            if e.kind == "client" and e.message.get("query_version") == 10
        )
        return events[:late]
    if name == "flx_initial":
        with_erasure = [
            at
            for at, event in enumerate(events)
            if event.kind == "server" and event.message.get("download_server_version") in (6, 7)
        ]
        first, second = with_erasure
        erasure = events[second].message["entries"][0] | {"server_version": 6}
        events = list(events)
        events[first] = replace(
            events[first], message=events[first].message | {"entries": [erasure]}
        )
        events[second] = replace(events[second], message=events[second].message | {"entries": []})
    return events


def observed(told: Conversation, file_ident: int, events: Events) -> str:
    """What breaks, or nothing."""
    try:
        told.observe(file_ident, events)
    except Broken as broken:
        return broken.name
    return ""


def test_a_broken_promise_is_told_with_what_went_before() -> None:
    damage, _ = DAMAGES["an_object_too_many_in_a_bootstrap"]
    told = recorded("flx_compensating")
    *_, damaged = damage(clean("flx_compensating", 2))
    with pytest.raises(Broken) as caught:
        told.observe(2, damaged)
    first, *story = str(caught.value).splitlines()
    assert first == "K2: at version 3: Person[9999] extra"
    assert story[0] == "file 2:"
    assert story[-3].startswith("[3] ← download last part of 1: at 3/5, confirms 6")
    assert story[-2].startswith("      3/5: CreateObject Person[1], Update Person[1].name = Ann")
    assert story[-1] == "      3/5: CreateObject Person[9999]"


def test_every_recording_is_looked_at() -> None:
    names = {path.stem for path in FOLDER.glob("*.jsonl")}
    assert names == {*WRONG_ON_PURPOSE, *TOO_SIMPLE, *(name for name, _ in CLEAN)}


@pytest.mark.parametrize(("name", "file_ident"), CLEAN)
def test_nothing_breaks_in_a_recording(name: str, file_ident: int) -> None:
    recorded(name).observe(file_ident, clean(name, file_ident))


@pytest.mark.parametrize("name", sorted({*WRONG_ON_PURPOSE, *TOO_SIMPLE}))
def test_what_a_script_does_wrong_is_seen(name: str) -> None:
    with pytest.raises(Broken) as caught:
        told = recorded(name)
        told.observe(3 if name == "flx_migrate" else 2)
    assert caught.value.name == (WRONG_ON_PURPOSE | TOO_SIMPLE)[name]


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_is_seen_wherever_it_is(name: str) -> None:
    damage, expected = DAMAGES[name]
    found: list[tuple[str, int, str]] = []
    for recording, file_ident in CLEAN:
        told, events = recorded(recording), clean(recording, file_ident)
        for number, damaged in enumerate(damage(events)):
            found.append((recording, number, observed(told, file_ident, damaged)))
    assert found
    assert [each for each in found if each[2] not in expected] == []
