"""The server's rules by themselves, against the tables of the specification."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructions import add_table, changeset
from realmsync import _testbed

NOTHING = b""
HARMLESS = changeset(add_table("A"))
DESTRUCTIVE = changeset({"op": "EraseTable", "table": "A"})

few = st.integers(0, 4)
salts = st.integers(0, 1)  # few enough that they often agree
cursors = st.tuples(few, few)
files = st.tuples(salts, st.sampled_from(["ann", "bob"]), cursors, few, cursors, few, st.booleans())
uploads = st.lists(
    st.tuples(few, few, st.sampled_from([0, 0, 0, 7]), st.sampled_from([NOTHING, HARMLESS])),
    max_size=3,
)
HEALTHY = (1, "ann", (3, 2), 0, (0, 0), 0, False)


def expected_of_ident(
    head: tuple[int, int],
    file: Any,
    latest_salt: int | None,
    user: str,
    ident: tuple[int, int],
    download: tuple[int, int],
    latest: tuple[int, int],
) -> Any:
    """server-behaviour.md 6.4, row by row."""
    version, base = head
    scan_sv, scan_cv = download
    latest_sv, salt_of_latest = latest
    if latest_sv > version:
        return 209
    if file is None:
        # Ident 1 exists, with salt 0, which no file has: check 2 rejects what check 1 admits.
        return 211 if ident[0] == 1 and ident[1] != 0 else 208
    salt, owner, (stored_cv, stored_base), locked, _, _, expired = file
    rows = [
        (ident[1] == salt, 211),
        (owner == user, 223),
        (scan_sv >= stored_base, 209),
        (not expired, 222),
        (scan_sv <= version, 209),
        (scan_cv <= stored_cv, 210),
        (scan_sv <= latest_sv, 209),
        (latest_salt is not None and scan_sv >= base, 222),
        (salt_of_latest == latest_salt, 211),
    ]
    return next(
        (code for holds, code in rows if not holds), ((stored_cv, stored_base), locked, version)
    )


@given(
    head=st.tuples(few, st.integers(0, 2)),
    file=st.none() | files,
    latest_salt=st.none() | salts,
    user=st.just("ann"),
    ident=st.tuples(st.integers(1, 3), salts),
    download=cursors,
    latest=st.tuples(few, salts),
)
def test_ident_is_judged_row_by_row(**facts: Any) -> None:
    assert _testbed.admit(**facts) == expected_of_ident(**facts)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"latest": (6, 0)}, 209),
        ({"file": None}, 208),
        ({"file": None, "ident": (1, 5)}, 211),
        ({"ident": (2, 9)}, 211),
        ({"user": "bob"}, 223),
        ({"download": (1, 0)}, 209),
        ({"file": (*HEALTHY[:6], True)}, 222),
        ({"download": (6, 0)}, 209),
        ({"download": (4, 4)}, 210),
        ({"latest": (3, 8)}, 209),
        ({"latest_salt": None}, 222),
        ({"head": (5, 5)}, 222),
        ({"latest": (5, 7)}, 211),
    ],
)
def test_every_row_decides_alone(change: dict[str, Any], code: int | None) -> None:
    facts: dict[str, Any] = {
        "head": (5, 0),
        "file": HEALTHY,
        "latest_salt": 8,
        "user": "ann",
        "ident": (2, 1),
        "download": (4, 3),
        "latest": (5, 8),
    }
    expected = ((3, 2), 0, 5) if code is None else code
    assert _testbed.admit(**facts | change) == expected


def expected_of_upload(
    head: tuple[int, int], file: Any, uploads: list[Any], progress: tuple[int, int]
) -> int | None:
    """server-behaviour.md 7.4, and that versions and bases go up."""
    if file is None:
        return 208
    if file[6]:
        return 222
    version, base = file[2]
    for client_version, server_version, origin, data in uploads:
        if origin != 0:
            return 216
        if client_version <= version:
            return 210
        if not base <= server_version <= head[0]:
            return 209
        if server_version < head[1]:
            return 222
        if data == DESTRUCTIVE:
            return 225
        version, base = client_version, server_version
    return 209 if progress[1] > head[0] else None


@given(
    head=st.tuples(few, st.integers(0, 2)),
    file=st.none() | files,
    uploads=st.lists(
        st.tuples(
            st.integers(0, 9),
            few,
            st.sampled_from([0, 0, 0, 7]),
            st.sampled_from([NOTHING, HARMLESS, DESTRUCTIVE]),
        ),
        max_size=3,
    ),
    progress=cursors,
)
def test_uploads_are_judged_in_order(**facts: Any) -> None:
    assert _testbed.check_uploads(**facts) == expected_of_upload(**facts)


@pytest.mark.parametrize(
    ("upload", "code"),
    [
        ((4, 3, 0, HARMLESS), None),
        ((4, 3, 7, HARMLESS), 216),
        ((3, 3, 0, HARMLESS), 210),
        ((4, 1, 0, HARMLESS), 209),
        ((4, 6, 0, HARMLESS), 209),
        ((4, 2, 0, HARMLESS), 222),
        ((4, 3, 0, DESTRUCTIVE), 225),
    ],
)
def test_every_upload_rule_decides_alone(upload: Any, code: int | None) -> None:
    refusal = _testbed.check_uploads(head=(5, 3), file=HEALTHY, uploads=[upload], progress=(4, 3))
    assert refusal == code


@given(file=files, uploads=uploads)
def test_what_is_integrated_is_dropped(file: Any, uploads: list[Any]) -> None:
    left = _testbed.left_to_integrate(file, uploads)
    assert left == [upload[0] for upload in uploads if upload[0] > file[2][0]]


@given(
    file=files.filter(_testbed.is_sound),
    versions=st.lists(st.integers(5, 9), max_size=3, unique=True).map(sorted),
    progress=cursors,
    locked=few,
)
def test_a_file_only_advances(
    file: Any, versions: list[int], progress: tuple[int, int], locked: int
) -> None:
    uploads = [(version, 0, 0, HARMLESS) for version in versions]
    after = _testbed.advance(
        file, uploads=uploads, progress=progress, locked=locked, head_version=5
    )
    assert _testbed.is_sound(after) and _testbed.is_advance(file, after)
    cursor = (max(file[2][0], progress[0], *versions), max(file[2][1], progress[1]))
    # Only what stands in the history is reported (server-behaviour.md 8.4): progress alone is not.
    ack, ack_head = (cursor, 5) if versions else (file[4], file[5])
    assert after == (file[0], file[1], cursor, max(file[3], locked), ack, ack_head, file[6])


def test_what_is_no_advance() -> None:
    for part, lower in [(2, (2, 2)), (2, (3, 1)), (4, (0, 1)), (4, (1, 0)), (3, 0), (5, 0)]:
        before = [1, "ann", (3, 2), 1, (1, 1), 1, False]
        after = [*before]
        after[part] = lower
        assert not _testbed.is_advance(tuple(before), tuple(after))
        assert _testbed.is_advance(tuple(after), tuple(before))


def test_nothing_is_reported_that_is_not_stored() -> None:
    assert _testbed.is_sound(HEALTHY)
    assert not _testbed.is_sound((1, "ann", (3, 2), 0, (4, 0), 0, False))
    assert not _testbed.is_sound((1, "ann", (3, 2), 0, (0, 3), 0, False))
