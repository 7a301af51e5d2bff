"""Bootstraps on their way into a file: kept, applied whole, interrupted (flexible-sync.md 7)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client_driver import CHANGESET, entry
from flexible_client import (
    AWAITING_MARK,
    BOOTSTRAPPING,
    COMPLETE,
    LAST,
    MORE,
    PENDING,
    STEADY,
    FlexibleClient,
    SubscribedFile,
)
from instructions import changeset, create, erase
from realmsync import _testbed

ALL = [(None, "A", "TRUEPREDICATE")]


def started(**tuning: int) -> tuple[FlexibleClient, SubscribedFile]:
    """A file that has class A and asks for all of it; the QUERY and its MARK are sent."""
    client = FlexibleClient(**tuning)
    file = client.subscribe_file()
    client.connect()
    client.bind_flexible(file, CHANGESET)
    file.subscribe(ALL)
    client.take()
    return client, file


def made(*keys: int, version: int = 2) -> bytes:
    return entry(version, 0, changeset(*[create("A", key) for key in keys]))


def keys(file: SubscribedFile) -> set[int]:
    return {int(a["_id"]["$numberLong"]) for a in _testbed.objects(file.realm_file)["A"]}


def test_nothing_is_seen_before_the_last_part() -> None:
    client, file = started()
    client.download(1, MORE, version=2, entries=[made(1)], estimate=0.2)
    client.download(1, MORE, version=2, entries=[made(2), made(3)], estimate=0.9)
    assert keys(file) == set()
    assert file.states() == {0: COMPLETE, 1: BOOTSTRAPPING}
    before = file.version()
    client.download(1, LAST, version=2, entries=[made(4)])
    assert keys(file) == {1, 2, 3, 4}
    assert file.version() == before + 1  # one commit
    assert file.states() == {1: AWAITING_MARK}


@pytest.mark.parametrize("middle", [0, 1])
def test_parts_without_changesets(middle: int) -> None:
    client, file = started()
    parts = [[made(1)], [], [made(2)]] if middle else [[], [made(1, 2)], []]
    for number, part in enumerate(parts):
        client.download(1, LAST if number == 2 else MORE, version=2, entries=part, estimate=0.5)
    assert keys(file) == {1, 2}


def test_one_without_any_changeset_completes_too() -> None:
    """No SDK takes it: they wait for ever (7.2 B3)."""
    client, file = started()
    client.download(1, LAST, version=2)
    client.receive("mark 1 2\n")
    assert file.states() == {1: COMPLETE}


def test_cut_and_begun_anew() -> None:
    """What the first half has brought, and the second does not, is not there (7.5)."""
    client, file = started()
    client.download(1, MORE, version=2, entries=[made(1, 2)], estimate=0.3)
    client.cut()
    assert file.states()[1] == BOOTSTRAPPING
    client.sleep(2_000)
    client.connect()
    assert client.heads() == [
        "bind 1 37 0 0 0",
        "ident 1 7 99 1 0 1 5 0 2",
        "mark 1 2",
        "query 1 1 23",
        "mark 1 3",
    ]
    client.download(1, MORE, version=3, entries=[made(2, version=3)], estimate=0.3)
    client.download(1, LAST, version=3, entries=[made(3, version=3)])
    assert keys(file) == {2, 3}


def test_another_version_takes_its_place() -> None:
    client, file = started()
    client.download(1, MORE, version=2, entries=[made(1)], estimate=0.3)
    file.subscribe([(None, "A", "_id > 1")])
    client.take()
    client.download(2, MORE, version=3, entries=[made(2, version=3)], estimate=0.3)
    client.download(2, LAST, version=3, entries=[made(3, version=3)])
    assert keys(file) == {2, 3}
    assert file.states() == {2: AWAITING_MARK}


def test_steady_messages_follow() -> None:
    client, file = started()
    client.download(1, LAST, version=2, entries=[made(1)])
    client.receive("mark 1 2\n")
    client.download(1, STEADY, version=3, entries=[made(2, version=3)])
    assert keys(file) == {1, 2}
    assert file.states() == {1: COMPLETE}


@pytest.mark.parametrize("parts", [1, 3])
def test_unasked_for_the_active_version(parts: int) -> None:
    client, file = started()
    client.download(1, LAST, version=2, entries=[made(1, 2)])
    client.receive("mark 1 2\n")
    gone = entry(3, 0, changeset(erase("A", 1)))
    for _ in range(parts - 1):
        client.download(1, MORE, version=3, entries=[gone, made(3, version=3)], estimate=0.5)
    client.download(1, LAST, version=3, entries=[gone, made(4, version=3)])
    assert keys(file) == ({2, 4} if parts == 1 else {2, 3, 4})
    assert file.states() == {1: COMPLETE}


@pytest.mark.parametrize("protocol", [9, 11, 12, 13])
def test_older_protocols_know_no_steady_state(protocol: int) -> None:
    """The last of a batch belongs to a bootstrap until its version is the active one (7.8)."""
    client = FlexibleClient()
    file = client.subscribe_file()
    client.connect(protocol)
    client.take()
    client.receive("ident 1 7 99\n")
    client.take()
    client.download(0, LAST, version=1, entries=[entry(1, 0, CHANGESET)])
    client.receive("mark 1 1\n")
    file.subscribe(ALL)
    client.take()
    client.download(1, MORE, version=2, entries=[made(1)], estimate=0.4)
    assert keys(file) == set()
    client.download(1, LAST, version=2, entries=[made(2)])
    client.receive("mark 1 2\n")
    assert keys(file) == {1, 2} and file.states() == {1: COMPLETE}
    client.download(1, LAST, version=3, entries=[made(3, version=3)])
    client.download(1, LAST, version=4)
    assert keys(file) == {1, 2, 3} and not client.closed


def test_local_writes_meanwhile_are_merged() -> None:
    client, file = started()
    client.download(1, MORE, version=2, entries=[made(1)], estimate=0.4)
    file.commit(changeset(create("A", 7)))
    client.download(1, LAST, version=2, entries=[made(2)])
    assert keys(file) == {1, 2, 7}


def test_equal_versions_come_together() -> None:
    """Changesets of one version are one step of the cursor, however small the parts (5.7, C6)."""
    client, file = started(download_part_bytes=1)
    client.download(1, LAST, version=2, entries=[made(1), made(2), made(3)])
    client.receive("mark 1 2\n")
    before = file.version()
    steady = [made(4, version=2), made(5, version=3), made(6, version=3), made(7, version=4)]
    client.download(1, STEADY, version=4, entries=steady)
    assert keys(file) == {1, 2, 3, 4, 5, 6, 7}
    assert file.version() == before + 3


def test_versions_may_not_descend() -> None:
    client, file = started()
    client.download(1, LAST, version=3, entries=[made(1, version=3), made(2, version=2)])
    assert client.closed == [1]
    assert file.states() == {0: COMPLETE, 1: PENDING}


@pytest.mark.parametrize("message", ["3 1", "1 1.5", "0 -0.1", "1 nan"])
def test_what_ends_the_process_of_a_real_client(message: str) -> None:
    client, file = started()
    client.receive(f"download 1 2 0 2 5 0 0 1 {message} 0 0 0\n")
    assert client.closed == [1]
    ((facts,),) = file.file.of("error")
    assert facts["code"] == 1038


def test_a_bad_changeset_is_told_and_nothing_is_applied() -> None:
    client, file = started()
    client.download(1, MORE, version=2, entries=[made(1)], estimate=0.5)
    client.download(1, LAST, version=2, entries=[entry(2, 0, b"\xff\xff")])
    assert [head.split()[:2] for head in client.heads()] == [["json_error", "212"]]
    assert keys(file) == set()
    assert file.states()[1] == BOOTSTRAPPING
    client.error(1, 208, False, "ClientReset")
    client.take()
    assert file.file.of("reset_required")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_killed_after_any_part(part: int) -> None:
    """A new process finds nothing of it, or all."""
    client, file = started()
    for number in range(part + 1):
        batch = LAST if number == 2 else MORE
        client.download(1, batch, version=2, entries=[made(number)], estimate=0.5)
    client = FlexibleClient()
    again = client.subscribe_file(file.store.reopen())
    assert keys(again) == ({0, 1, 2} if part == 2 else set())
    assert again.states()[1] == (AWAITING_MARK if part == 2 else PENDING)


@given(
    cuts=st.lists(st.integers(0, 60), max_size=3),
    parts=st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=5),
    power=st.booleans(),
)
@settings(max_examples=60)
def test_any_death_at_any_write(cuts: list[int], parts: list[list[int]], power: bool) -> None:
    """The disk dies at some write, again and again: a reader sees nothing or the whole, and in the
    end the set is complete with what the last bootstrap had."""
    client, file = started()
    whole = {key for part in parts for key in part}

    def play(client: FlexibleClient) -> None:
        for number, part in enumerate(parts):
            batch = LAST if number == len(parts) - 1 else MORE
            client.download(
                1, batch, version=2, entries=[made(*part)] if part else [], estimate=0.5
            )

    store: Any = file.store
    for cut in cuts:
        store.doom(cut)
        play(client)
        if power:
            store.cut_power()
        store = store.reopen()
        client = FlexibleClient()
        file = client.subscribe_file(store)
        assert keys(file) in (set(), whole)
        client.connect()
        client.take()
        client.receive("mark 1 1\n")
        client.take()
    if file.states()[max(file.states())] == PENDING:
        play(client)
    assert keys(file) == whole
    assert file.states() == {1: AWAITING_MARK if not cuts else file.states()[1]}


def reports(client: FlexibleClient, file: SubscribedFile) -> list[tuple[int, int, float]]:
    client.run()
    return [call[1:4] if len(call) == 5 else call[:3] for _, call in file.file.of("progress")]


def test_progress_is_whole_only_when_it_can_be_read() -> None:
    client, file = started()
    token, first = client.runtime.add_notifier(file.file.id, "download", True)
    assert first is None
    client.download(1, MORE, version=2, entries=[made(1)], estimate=0.25)
    client.download(1, MORE, version=2, entries=[made(2)], estimate=1)
    estimates = [estimate for _, _, estimate in reports(client, file)]
    assert estimates == [0.25, 0.9999]
    assert keys(file) == set()
    client.download(1, LAST, version=2, entries=[made(3)])
    transferred, transferable, estimate = reports(client, file)[-1]
    assert estimate == 1 and transferred == transferable
    assert keys(file) == {1, 2, 3}


def test_phases() -> None:
    client, file = started()

    def phase() -> str:
        return str(client.runtime.situation(file.file.id)["phase"])

    file.wait(1)
    assert phase() == "waiting"
    client.download(1, MORE, version=2, entries=[made(1)], estimate=0.5)
    assert phase() == "receiving"
    client.download(1, LAST, version=2, entries=[made(2)])
    assert phase() == "steady"
    client.download(1, MORE, version=3, entries=[made(3, version=3)], estimate=0.5)  # unasked
    assert phase() == "receiving"
    client.download(1, LAST, version=3)
    assert phase() == "steady"


def test_a_mark_waits_for_a_bootstrap_that_moves_no_cursor() -> None:
    """The cursor stands where the snapshot is: what counts is that it has been applied."""
    client, file = started()
    client.download(1, LAST, version=1, entries=[made(1, version=1)])
    client.receive("mark 1 2\n")
    assert keys(file) == {1} and file.states() == {1: COMPLETE}


def test_version_0_reports_nothing() -> None:
    client = FlexibleClient()
    file = client.subscribe_file()
    client.runtime.add_notifier(file.file.id, "download", True)
    client.connect()
    client.bind_flexible(file, CHANGESET)
    assert reports(client, file) == []


def test_one_shots_wait_for_their_version() -> None:
    client, file = started()
    client.runtime.add_notifier(file.file.id, "download", False, 1)
    client.download(1, LAST, version=2, entries=[made(1)])
    client.receive("mark 1 2\n")
    (done,) = reports(client, file)
    assert done[2] == 1
