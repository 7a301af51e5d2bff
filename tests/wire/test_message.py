"""Every message, read and written: recorded conversations, the worked exchanges of the
specification, the grammar, and arbitrary bytes (wire-protocol.md sections 5, 8, 9, 17, 20.1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync import _core
from realmsync.errors import BadMessageError

HERE = Path(__file__).parent
RECORDINGS = sorted((HERE.parent / "vectors" / "wire").glob("*.jsonl"))
EXCHANGES = [json.loads(line) for line in (HERE / "exchanges.jsonl").read_text().splitlines()]
MAX = 2**63 - 1


def frames(path: Path) -> list[tuple[bool, bytes]]:
    """Messages of one recording, with whether the client sent them."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(m["t"] == "c2s", bytes.fromhex(m["hex"])) for m in lines if m["t"] in ("c2s", "s2c")]


def refused(data: bytes, from_client: bool, mode: str = "partition", version: int = 14) -> int:
    """The protocol code that answers a message, which must be refused."""
    with pytest.raises(BadMessageError) as caught:
        _core.decode_message(data, from_client, mode, version)
    code = caught.value.protocol_code
    assert code is not None
    assert caught.value.offset is None or 0 <= caught.value.offset <= len(data)
    return code


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_recorded_frames_round_trip(path: Path) -> None:
    messages = frames(path)
    assert messages
    for from_client, data in messages:
        message = _core.decode_message(data, from_client)
        assert _core.encode_message(message, from_client) == data


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_recorded_bodies(path: Path) -> None:
    """Bodies decode to entries, these give the same plain bytes, and so does packing them anew."""
    seen = 0
    for from_client, data in frames(path):
        message = _core.decode_message(data, from_client)
        if message["type"] not in ("upload", "download"):
            continue
        plain = _core.unpack_body(
            message["body"], message["compressed"], message["uncompressed_size"], 1 << 20
        )
        assert len(plain) == message["uncompressed_size"]
        entries = _core.decode_entries(plain, from_client)
        assert _core.encode_entries(entries, from_client) == plain
        compressed, body = _core.pack_body(plain)
        assert compressed == message["compressed"]
        assert _core.unpack_body(body, compressed, len(plain), 1 << 20) == plain
        for entry in entries:
            assert (entry["origin_file_ident"] == 0) == from_client
        seen += len(entries)
    assert seen


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: f"{e['example']}-{e['side']}")
def test_worked_exchanges_round_trip(exchange: dict[str, str]) -> None:
    data, from_client = bytes.fromhex(exchange["hex"]), exchange["side"] == "client"
    message = _core.decode_message(data, from_client, exchange["mode"])
    assert _core.encode_message(message, from_client, exchange["mode"]) == data


MESSAGES: list[tuple[bytes, bool, str, dict[str, Any]]] = [
    (
        b'bind 1 6 3 1 0\n"park"tok',
        True,
        "partition",
        {
            "type": "bind",
            "session": 1,
            "data": b'"park"',
            "token": b"tok",
            "need_ident": True,
            "is_subserver": False,
        },
    ),
    (
        b"ident 1 12 -5 3 2 4 -9 7 2\n{}",
        True,
        "flexible",
        {
            "type": "ident",
            "session": 1,
            "file_ident": 12,
            "file_ident_salt": -5,
            "download_server_version": 3,
            "download_client_version": 2,
            "latest_server_version": 4,
            "latest_server_version_salt": -9,
            "query_version": 7,
            "query": b"{}",
        },
    ),
    (
        b"query 1 2 2\n{}",
        True,
        "flexible",
        {"type": "query", "session": 1, "query_version": 2, "query": b"{}"},
    ),
    (
        b"upload 1 0 3 0 6 5 4\nabc",
        True,
        "partition",
        {
            "type": "upload",
            "session": 1,
            "upload_client_version": 6,
            "upload_server_version": 5,
            "locked_server_version": 4,
            "compressed": False,
            "uncompressed_size": 3,
            "compressed_size": 0,
            "body": b"abc",
        },
    ),
    (b"mark 1 2\n", True, "partition", {"type": "mark", "session": 1, "request": 2}),
    (b"mark 1 2\n", False, "partition", {"type": "mark", "session": 1, "request": 2}),
    (b"unbind 3\n", True, "partition", {"type": "unbind", "session": 3}),
    (b"ping -4 9\n", True, "partition", {"type": "ping", "timestamp": -4, "round_trip": 9}),
    (
        b"test_command 1 2 2\n{}",
        True,
        "partition",
        {"type": "test_command", "session": 1, "request": 2, "body": b"{}"},
    ),
    (
        b"test_command 1 2 2\n{}",
        False,
        "partition",
        {"type": "test_command", "session": 1, "request": 2, "body": b"{}"},
    ),
    (
        b"json_error 212 2 1\n{}",
        True,
        "partition",
        {"type": "json_error", "code": 212, "session": 1, "body": b"{}"},
    ),
    (
        b"json_error 299 2 1\n{}",
        False,
        "partition",
        {"type": "json_error", "code": 299, "session": 1, "body": b"{}"},
    ),
    (
        b"ident 1 7 -2\n",
        False,
        "partition",
        {"type": "ident", "session": 1, "file_ident": 7, "file_ident_salt": -2},
    ),
    (b"unbound 3\n", False, "partition", {"type": "unbound", "session": 3}),
    (b"pong -4\n", False, "partition", {"type": "pong", "timestamp": -4}),
    (
        b"query_error 226 2 1 5\nno",
        False,
        "flexible",
        {"type": "query_error", "code": 226, "session": 1, "query_version": 5, "message": b"no"},
    ),
    (
        b"log_message 0 2\n{}",
        False,
        "partition",
        {"type": "log_message", "session": 0, "body": b"{}"},
    ),
    (
        b"error 100 3 1 0\nbye",
        False,
        "partition",
        {"type": "error", "code": 100, "try_again": True, "session": 0, "message": b"bye"},
    ),
    (
        b"download 1 2 3 4 -5 6 7 8 0 3 0\nabc",
        False,
        "partition",
        {
            "type": "download",
            "session": 1,
            "download_server_version": 2,
            "download_client_version": 3,
            "latest_server_version": 4,
            "latest_server_version_salt": -5,
            "upload_client_version": 6,
            "upload_server_version": 7,
            "downloadable_bytes": 8,
            "query_version": 0,
            "batch_state": 2,
            "progress_estimate": 0.0,
            "compressed": False,
            "uncompressed_size": 3,
            "compressed_size": 0,
            "body": b"abc",
        },
    ),
]


@pytest.mark.parametrize(("data", "from_client", "mode", "fields"), MESSAGES)
def test_each_message(data: bytes, from_client: bool, mode: str, fields: dict[str, Any]) -> None:
    assert _core.decode_message(data, from_client, mode) == fields
    assert _core.encode_message(fields, from_client, mode) == data


@pytest.mark.parametrize(("data", "from_client", "mode", "fields"), MESSAGES)
def test_damage_to_each_message(
    data: bytes, from_client: bool, mode: str, fields: dict[str, Any]
) -> None:
    """Leftovers, missing bytes and every wrong separator of the head are syntax errors."""
    head, _, body = data.partition(b"\n")
    damaged = [data + b"x", *(data[:cut] for cut in range(len(head) + 1))]
    if body:
        damaged.append(data[:-1])
    damaged += [head + b" \n" + body, head + b"\r\n" + body, head.replace(b" ", b"  ") + b"\n"]
    damaged += [head.replace(b" ", b" +") + b"\n" + body, head.replace(b" ", b"\t") + b"\n" + body]
    damaged += [head + b" 0\n" + body, head.rsplit(b" ", 1)[0] + b"\n" + body]
    assert all(refused(d, from_client, mode) in (102, 103) for d in damaged)


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("007", 7), ("0", 0), ("-0", None), (str(MAX), MAX)]
)
def test_unsigned_fields(text: str, value: int | None) -> None:
    data = b"mark 1 " + text.encode() + b"\n"
    if value is None:
        assert refused(data, True) == 103
    else:
        assert _core.decode_message(data, True)["request"] == value


@pytest.mark.parametrize("text", ["-1", "+1", "", " 1", "1 ", "x", "1x", "0x1", "1.0", "1e3"])
@pytest.mark.parametrize("head", ["mark 1 {}\n", "mark {} 1\n"])
def test_what_is_no_unsigned_field(text: str, head: str) -> None:
    assert refused(head.format(text).encode(), True) == 103


@pytest.mark.parametrize("text", [str(2**63), str(2**64 - 1), str(2**64), "9" * 40])
def test_unsigned_overflow(text: str) -> None:
    assert refused(f"mark 1 {text}\n".encode(), True) == 103


@pytest.mark.parametrize("value", [-(2**63), -1, 0, MAX])
def test_signed_fields(value: int) -> None:
    assert _core.decode_message(b"pong %d\n" % value, False)["timestamp"] == value


@pytest.mark.parametrize("value", [-(2**63) - 1, 2**63])
def test_signed_overflow(value: int) -> None:
    assert refused(b"pong %d\n" % value, False) == 103


@pytest.mark.parametrize(
    ("text", "value"), [("0", False), ("1", True), ("2", True), ("-1", True), ("00", False)]
)
def test_flags(text: str, value: bool) -> None:
    data = b"bind 1 4 0 " + text.encode() + b" 0\nnull"
    assert _core.decode_message(data, True)["need_ident"] is value


def test_flags_and_codes_have_32_bits() -> None:
    assert refused(b"bind 1 4 0 2147483648 0\nnull", True) == 103
    assert refused(b"json_error 2147483648 2 0\n{}", True) == 103


@pytest.mark.parametrize(
    "data",
    [
        b"alloc 1\n",
        b"transact 1\n",
        b"refresh 1\n",
        b"state_request 1\n",
        b"nonsense",
        b"bindx 1\n",
    ],
)
@pytest.mark.parametrize("from_client", [True, False])
def test_unknown_type_words(data: bytes, from_client: bool) -> None:
    assert refused(data, from_client) == 102


@pytest.mark.parametrize("data", [b"", b"\n", b" mark 1 1\n", b"\xff\xfe", b"Mark 1 1\n", b"1"])
def test_no_type_word(data: bytes) -> None:
    assert refused(data, True) == 103


@pytest.mark.parametrize("word", sorted({data.split(b" ")[0] for data, *_ in MESSAGES}))
def test_type_word_alone(word: bytes) -> None:
    for from_client in (True, False):
        assert refused(word, from_client, "flexible") in (102, 103)
        assert refused(word + b"\n", from_client, "flexible") in (102, 103)


def test_each_direction_and_mode_has_its_own_messages() -> None:
    assert refused(b"query 1 1 2\n{}", True, "partition") == 102
    assert refused(b"query_error 226 0 1 1\n", False, "partition") == 102
    assert refused(b"unbind 1\n", False) == 102
    assert refused(b"unbound 1\n", True) == 102
    assert refused(b"error 100 0 0 0\n", True) == 102


def test_server_ident_is_never_zero() -> None:
    assert refused(b"ident 1 0 5\n", False) == 103
    assert refused(b"ident 1 5 0\n", False) == 103


def download(version: int, fields: bytes, mode: str = "flexible") -> dict[str, Any]:
    return _core.decode_message(
        b"download 1 0 0 0 0 0 0 " + fields + b" 0 0 0\n", False, mode, version
    )


@pytest.mark.parametrize("version", range(9, 15))
def test_partition_download_is_the_same_in_all_versions(version: int) -> None:
    assert download(version, b"77", "partition")["downloadable_bytes"] == 77


@pytest.mark.parametrize(
    ("version", "fields", "batch_state", "estimate", "downloadable"),
    [
        (9, b"3 0 12", 0, 0.0, 12),
        (11, b"3 1 0", 1, 0.0, 0),
        (12, b"3 1 0.5", 1, 0.5, 0),
        (13, b"3 0 1.0000", 0, 1.0, 0),
        (14, b"3 0 0", 0, 0.0, 0),
        (14, b"3 1 1", 1, 1.0, 0),
        (14, b"3 2 1", 2, 1.0, 0),
    ],
)
def test_flexible_download_heads(
    version: int, fields: bytes, batch_state: int, estimate: float, downloadable: int
) -> None:
    message = download(version, fields)
    assert message["query_version"] == 3
    assert message["batch_state"] == batch_state
    assert message["progress_estimate"] == estimate
    assert message["downloadable_bytes"] == downloadable
    again = _core.encode_message(message, False, "flexible", version)
    assert _core.decode_message(again, False, "flexible", version) == message


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        (14, f"1 1 {p}".encode())
        for p in ("-0.1", "1.1", "nan", "inf", "", "x", "1,0", "0x1", "1e999")
    ]
    + [(14, b"1 3 1"), (14, b"1 -1 1"), (14, b"-1 1 1"), (11, b"1 1 0.5"), (11, b"1 1 -1")],
)
def test_flexible_download_violations(version: int, fields: bytes) -> None:
    with pytest.raises(BadMessageError):
        download(version, fields)


def test_no_progress_estimate_that_crashes_clients() -> None:
    message = download(14, b"1 1 1")
    for estimate in (float("nan"), float("inf"), -0.1, 1.1):
        with pytest.raises(RuntimeError, match="progress estimate"):
            _core.encode_message(message | {"progress_estimate": estimate}, False, "flexible", 14)


def test_compressed_size_means_nothing_without_compression() -> None:
    message = _core.decode_message(b"upload 1 0 3 999 6 5 4\nabc", True)
    assert message["body"] == b"abc"


def test_sizes_must_equal_the_bytes_present() -> None:
    for head in (b"0 4 0", b"0 2 0", b"1 9 4", b"1 9 2", b"1 9 9223372036854775807"):
        assert refused(b"upload 1 " + head + b" 6 5 4\nabc", True) == 103
    assert refused(b"bind 1 9223372036854775807 9223372036854775807 1 0\n", True) == 103


U = st.integers(0, MAX)
INT = st.integers(-(2**63), MAX)
BYTES = st.binary(max_size=40)
CODES = st.integers(-(2**31), 2**31 - 1).filter(lambda c: c not in LETHAL and c not in (231, 236))
LETHAL = {c["code"] for c in _core.error_codes() if c["lethal"]}
FILE = {"file_ident": st.integers(1, MAX), "file_ident_salt": INT.filter(bool)}
CURSOR = {
    "download_server_version": U,
    "download_client_version": U,
    "latest_server_version": U,
    "latest_server_version_salt": INT,
}
UPLOAD_CURSOR = {"upload_client_version": U, "upload_server_version": U}


def messages(type_word: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(type_word), **fields})


def with_body(message: dict[str, Any]) -> dict[str, Any]:
    size = len(message["body"])
    if message["compressed"]:
        return message | {"compressed_size": size}
    return message | {"uncompressed_size": size}


BODY = {
    "compressed": st.booleans(),
    "uncompressed_size": U,
    "compressed_size": U,
    "body": BYTES,
}
BOTH = [
    messages("mark", session=U, request=U),
    messages("test_command", session=U, request=U, body=BYTES),
    messages("json_error", code=CODES, session=U, body=BYTES),
]
FROM_CLIENT = st.one_of(
    *BOTH,
    messages(
        "bind",
        session=U,
        data=BYTES,
        token=BYTES,
        need_ident=st.booleans(),
        is_subserver=st.booleans(),
    ),
    messages("ident", session=U, **FILE, **CURSOR, query_version=U, query=BYTES),
    messages("query", session=U, query_version=U, query=BYTES),
    messages("upload", session=U, **UPLOAD_CURSOR, locked_server_version=U, **BODY).map(with_body),
    messages("unbind", session=U),
    messages("ping", timestamp=INT, round_trip=INT),
)
FROM_SERVER = st.one_of(
    *BOTH,
    messages("ident", session=U, **FILE),
    messages(
        "download",
        session=U,
        **CURSOR,
        **UPLOAD_CURSOR,
        downloadable_bytes=st.just(0),
        query_version=U,
        batch_state=st.integers(0, 2),
        progress_estimate=st.floats(0, 1),
        **BODY,
    ).map(with_body),
    messages("unbound", session=U),
    messages("pong", timestamp=INT),
    messages("query_error", code=CODES, session=U, query_version=U, message=BYTES),
    messages("log_message", session=U, body=BYTES),
    messages("error", code=CODES, try_again=st.booleans(), session=U, message=BYTES),
)


@given(FROM_CLIENT)
def test_client_messages_round_trip(message: dict[str, Any]) -> None:
    data = _core.encode_message(message, True, "flexible")
    assert _core.decode_message(data, True, "flexible") == message


@given(FROM_SERVER)
def test_server_messages_round_trip(message: dict[str, Any]) -> None:
    data = _core.encode_message(message, False, "flexible")
    assert _core.decode_message(data, False, "flexible") == message


def check_any_bytes(data: bytes) -> None:
    """What is accepted means the same after writing it; all else is one of the wire's errors."""
    for from_client in (True, False):
        for mode in ("partition", "flexible"):
            try:
                message = _core.decode_message(data, from_client, mode)
            except BadMessageError as error:
                assert error.protocol_code in (102, 103)
                continue
            if message.get("code") in LETHAL or message["type"] == "error":
                continue
            again = _core.encode_message(message, from_client, mode)
            assert _core.decode_message(again, from_client, mode) == message


@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    check_any_bytes(data)


@given(
    st.sampled_from([data for data, *_ in MESSAGES]),
    st.lists(st.tuples(st.integers(0, 80), st.binary(max_size=2)), min_size=1, max_size=3),
)
def test_damaged_messages(data: bytes, damage: list[tuple[int, bytes]]) -> None:
    for position, replacement in damage:
        data = data[:position] + replacement + data[position + 1 :]
    check_any_bytes(data)
