"""Codes and JSON bodies: what is sent, what is demanded, what can never be sent
(wire-protocol.md 10, server-behaviour.md 10.3 to 10.5, client-session.md 12.3 to 12.7)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync import _core
from realmsync.errors import BadMessageError

CODES = {c["code"]: c for c in _core.error_codes()}
LETHAL = {104, 202, 203, 205, 207, 214, 215, 218, 219, 220, 221, 224}
COMPANIONS = {231, 232, 236}

# status, its number, tryAgain, action
TABLE = {
    100: ("ConnectionClosed", 1030, True, "Transient"),
    101: ("RuntimeError", 1000, True, "Transient"),
    102: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    103: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    105: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    106: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    107: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    108: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    109: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    110: ("RuntimeError", 1000, False, "ProtocolViolation"),
    111: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    112: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    113: ("WrongSyncType", 1043, False, "ApplicationBug"),
    114: ("WrongSyncType", 1043, False, "ApplicationBug"),
    200: ("ConnectionClosed", 1030, True, "Transient"),
    201: ("RuntimeError", 1000, True, "Transient"),
    204: ("BadSyncPartitionValue", 1029, False, "ApplicationBug"),
    206: ("SyncPermissionDenied", 1037, False, "ApplicationBug"),
    208: ("SyncClientResetRequired", 1032, False, "ClientReset"),
    209: ("SyncClientResetRequired", 1032, False, "ClientReset"),
    210: ("SyncClientResetRequired", 1032, False, "ClientReset"),
    211: ("SyncClientResetRequired", 1032, False, "ClientReset"),
    212: ("BadChangeset", 1015, False, "ClientReset"),
    216: ("SyncProtocolInvariantFailed", 1038, False, "ProtocolViolation"),
    217: ("SyncClientResetRequired", 1032, False, "ClientReset"),
    222: ("SyncClientResetRequired", 1032, False, "ClientReset"),
    223: ("SyncUserMismatch", 1041, False, "ClientResetNoRecovery"),
    225: ("InvalidSchemaChange", 2019, False, "ApplicationBug"),
    226: ("InvalidSubscriptionQuery", 1031, False, "ApplicationBug"),
    227: ("ObjectAlreadyExists", 1013, False, "ClientReset"),
    228: ("SyncServerPermissionsChanged", 1040, False, "ClientReset"),
    229: ("ConnectionClosed", 1030, True, "Transient"),
    230: ("SyncWriteNotAllowed", 1044, False, "ClientReset"),
    231: ("SyncCompensatingWrite", 1033, True, "Warning"),
    232: ("WrongSyncType", 1043, True, "MigrateToFLX"),
    233: ("SyncProtocolInvariantFailed", 1038, False, "ClientReset"),
    234: ("WrongSyncType", 1043, True, "RevertToPBS"),
    235: ("SyncSchemaMigrationError", 1046, False, "ApplicationBug"),
    236: ("SyncSchemaMigrationError", 1046, True, "MigrateSchema"),
}


def test_every_code_of_the_specification() -> None:
    assert set(CODES) == set(TABLE) | LETHAL
    assert {code for code, c in CODES.items() if c["lethal"]} == LETHAL
    for code, (status, number, try_again, action) in TABLE.items():
        c = CODES[code]
        assert (c["status"], c["status_code"]) == (status, number)
        assert (c["try_again"], c["action"]) == (try_again, action)
        assert c["connection"] == (code < 200)


def json_error(code: int, session: int = 1) -> dict[str, Any]:
    return {"type": "json_error", "code": code, "session": session, "body": b"{}"}


@pytest.mark.parametrize("code", sorted(LETHAL))
def test_no_path_writes_a_lethal_code(code: int) -> None:
    """They terminate a real client's process, in whatever form they come."""
    error = {"type": "error", "code": code, "session": 1, "try_again": True, "message": b""}
    query_error = {"type": "query_error", "code": code, "session": 1, "query_version": 1}
    for message in (json_error(code), error, query_error | {"message": b""}):
        with pytest.raises(RuntimeError, match="never be sent"):
            _core.encode_message(message, False, "flexible")
    with pytest.raises(RuntimeError, match="never be sent"):
        _core.encode_message(json_error(code), True)
    with pytest.raises(RuntimeError, match="may be sent"):
        _core.error_body(code, "no")
    with pytest.raises(RuntimeError, match="may be sent"):
        _core.encode_error_body(INFO, code)
    # nobody on our side dies of them either
    data = f"json_error {code} 2 1\n{{}}".encode()
    assert _core.decode_message(data, False)["code"] == code


@pytest.mark.parametrize("code", [231, 236])
def test_no_plain_error_without_its_companions(code: int) -> None:
    error = {"type": "error", "code": code, "session": 1, "try_again": True, "message": b""}
    with pytest.raises(RuntimeError, match="plain form"):
        _core.encode_message(error, False)


@pytest.mark.parametrize("code", sorted(set(TABLE) - COMPANIONS))
def test_error_bodies_have_all_keys(code: int) -> None:
    body = json.loads(_core.error_body(code, 'why "so"'))
    reset = TABLE[code][3].startswith("ClientReset")
    assert body == {
        "message": 'why "so"',
        "logURL": "",
        "shouldClientReset": reset,
        "isRecoveryModeDisabled": False,
        "tryAgain": TABLE[code][2],
        "action": TABLE[code][3],
    }
    assert _core.decode_error_body(json.dumps(body).encode(), code)["message"] == 'why "so"'


@pytest.mark.parametrize("code", sorted(COMPANIONS))
def test_bodies_without_their_companions_are_impossible(code: int) -> None:
    with pytest.raises(RuntimeError, match="needs"):
        _core.error_body(code, "")


def test_minimum_body_of_the_specification() -> None:
    text = (
        b'{"action":"Transient","isRecoveryModeDisabled":false,"logURL":"","message":"",'
        b'"shouldClientReset":false,"tryAgain":true}'
    )
    assert _core.error_body(100, "") == text


def test_any_text_in_a_message() -> None:
    body = _core.encode_error_body(INFO | {"message": "a\x00b\u20ac"}, 100)
    assert json.loads(body)["message"] == "a\x00b\u20ac"


INFO: dict[str, Any] = {
    "message": "m",
    "log_url": "",
    "should_client_reset": False,
    "is_recovery_mode_disabled": False,
    "try_again": True,
    "action": "Warning",
    "backoff": None,
    "rejected_updates": None,
    "rejected_client_version": 0,
    "compensating_write_server_version": None,
    "partition_query": "",
    "previous_schema_version": None,
}
FULL: dict[int, dict[str, Any]] = {
    100: {"backoff": (1, 300, 2)},
    231: {
        "rejected_updates": [{"table": "Dog", "reason": "r", "key": b"\x01\x09"}],
        "rejected_client_version": 18,
        "compensating_write_server_version": 6,
    },
    232: {"partition_query": "x == 1"},
    236: {"previous_schema_version": 0},
}


@pytest.mark.parametrize("code", sorted(FULL))
def test_companion_keys_round_trip(code: int) -> None:
    info = INFO | FULL[code]
    assert _core.decode_error_body(_core.encode_error_body(info, code), code) == info


@pytest.mark.parametrize("code", sorted(FULL))
def test_each_key_missing_or_of_a_wrong_type(code: int) -> None:
    body = json.loads(_core.encode_error_body(INFO | FULL[code], code))
    for key, value in body.items():
        wrong: list[Any] = [None, {}, 1.5, "1" if not isinstance(value, str) else 1]
        if isinstance(value, int) and not isinstance(value, bool):
            wrong += [2**63, True]
        bodies = [body | {key: w} for w in wrong]
        if key != "backoffIntervalSec":
            bodies.append({k: v for k, v in body.items() if k != key})
        for damaged in bodies:
            with pytest.raises(BadMessageError, match=key) as caught:
                _core.decode_error_body(json.dumps(damaged).encode(), code)
            assert caught.value.protocol_code == 103


@pytest.mark.parametrize(
    "update",
    [
        {"reason": "r", "table": "Dog"},
        {"reason": "r", "pk": "AA=="},
        {"table": "Dog", "pk": "AA=="},
        {"reason": 1, "table": "Dog", "pk": "AA=="},
        {"reason": "r", "table": "Dog", "pk": "AA="},
        {"reason": "r", "table": "Dog", "pk": "Bw=="},
        {"reason": "r", "table": "Dog", "pk": ""},
        "AA==",
    ],
)
def test_damaged_rejected_updates(update: Any) -> None:
    body = json.loads(_core.encode_error_body(INFO | FULL[231], 231))
    with pytest.raises(BadMessageError):
        _core.decode_error_body(json.dumps(body | {"rejectedUpdates": [update]}).encode(), 231)


def test_partition_query_and_schema_version_have_ranges() -> None:
    body = json.loads(_core.encode_error_body(INFO | FULL[232], 232))
    with pytest.raises(BadMessageError, match="partitionQuery"):
        _core.decode_error_body(json.dumps(body | {"partitionQuery": ""}).encode(), 232)
    body = json.loads(_core.encode_error_body(INFO | FULL[236], 236))
    with pytest.raises(BadMessageError, match="previousSchemaVersion"):
        _core.decode_error_body(json.dumps(body | {"previousSchemaVersion": -1}).encode(), 236)


def test_keys_of_other_codes_and_unknown_keys_are_no_matter() -> None:
    body = json.loads(_core.error_body(208, ""))
    body |= {"previousSchemaVersion": "x", "partitionQuery": 5, "later": [1]}
    assert _core.decode_error_body(json.dumps(body).encode(), 208)["action"] == "ClientReset"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"{} x",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"message":"\xff"}',
        b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"message":"' + b"x" * (5 << 20) + b'"}',
    ],
)
def test_malformed_bodies(text: bytes) -> None:
    for decode in (
        lambda: _core.decode_error_body(text, 100),
        lambda: _core.decode_log_body(text),
        lambda: _core.decode_client_error_body(text),
    ):
        with pytest.raises(BadMessageError):
            decode()


def test_levels() -> None:
    for code, c in CODES.items():
        assert _core.is_legal_level(code, 0) == c["connection"]
        assert _core.is_legal_level(code, 7) != c["connection"]
    for undefined in (199, 213, 237, 239, 299, -1, 0, 2**31 - 1):
        assert not _core.is_legal_level(undefined, 0)
        assert _core.is_legal_level(undefined, 7)


def test_client_error_body() -> None:
    text = "BadChangeset: Unknown instruction type: 99"
    body = _core.encode_client_error_body(text)
    assert body == b'{"message":"' + text.encode() + b'"}'
    assert _core.decode_client_error_body(body) == text
    for damaged in (b"{}", b'{"message":5}'):
        with pytest.raises(BadMessageError, match="message"):
            _core.decode_client_error_body(damaged)


@pytest.mark.parametrize(
    ("body", "info"),
    [
        (b"{}", ("", "debug", "")),
        (b'{"co_id":"ab","level":"info","msg":"hi"}', ("ab", "info", "hi")),
        (b'{"level":"","msg":"hi"}', ("", "debug", "hi")),
        (b'{"level":5,"msg":7,"co_id":null}', ("", "debug", "")),
        (b'{"level":"loud"}', ("", "loud", "")),
        (b'{"level":"fatal","msg":""}', ("", "fatal", "")),
    ],
)
def test_log_bodies(body: bytes, info: tuple[str, str, str]) -> None:
    keys = ("connection_id", "level", "message")
    assert _core.decode_log_body(body) == dict(zip(keys, info, strict=True))


def test_log_body_round_trip_and_unknown_level() -> None:
    body = _core.encode_log_body("65f0", "info", "hello")
    assert json.loads(body) == {"co_id": "65f0", "level": "info", "msg": "hello"}
    with pytest.raises(BadMessageError, match="loud"):
        _core.decode_log_body(b'{"level":"loud","msg":"hi"}')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "AA=="),
        (42, "ASo="),
        (-1, "AUA="),
        (64, "AcAA"),
        ("abc", "AwNhYmM="),
        (bytes(12), base64.b64encode(b"\x0a" + bytes(12)).decode()),
        (bytes(16), base64.b64encode(b"\x0b" + bytes(16)).decode()),
    ],
)
def test_primary_key_vectors(value: Any, text: str) -> None:
    key = base64.b64decode(text)
    assert _core.encode_primary_key(value) == key
    assert _core.decode_primary_key(key) == value
    info = INFO | FULL[231]
    info["rejected_updates"] = [{"table": "T", "reason": "", "key": key}]
    assert json.loads(_core.encode_error_body(info, 231))["rejectedUpdates"][0]["pk"] == text


@pytest.mark.parametrize(
    "key",
    [b"", b"\x01", b"\x01\x80", b"\x00\x00", b"\x03\x05ab", b"\x0a\x00", b"\x02\x01", b"\xff"],
)
def test_damaged_primary_keys(key: bytes) -> None:
    with pytest.raises(BadMessageError, match="Primary key"):
        _core.decode_primary_key(key)
    info = INFO | FULL[231]
    info["rejected_updates"] = [{"table": "T", "reason": "", "key": key}]
    with pytest.raises(RuntimeError, match="pk"):
        _core.encode_error_body(info, 231)


@given(st.integers(-(2**63), 2**63 - 1) | st.text(max_size=300))
def test_primary_keys_round_trip(value: int | str) -> None:
    assert _core.decode_primary_key(_core.encode_primary_key(value)) == value


@given(st.binary(max_size=60), st.sampled_from(sorted(TABLE)))
def test_random_bodies(data: bytes, code: int) -> None:
    for decode in (
        lambda: _core.decode_error_body(data, code),
        lambda: _core.decode_client_error_body(data),
    ):
        with pytest.raises(BadMessageError):
            decode()
