"""What is answered to refresh tokens of the service that an app has left: the decision alone.

Specification: app-configuration.md 12.3.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from realmsync.server.accounts.old_tokens import (
    KnownUser,
    OldTokenPolicy,
    OldTokens,
    decide,
    read_old_token,
    token_hash,
    warnings_of_old_tokens,
)

ID = "65a000000000000000000c03"
NOW = 1_800_000_000.0
ANONYMOUS = KnownUser(True, True, None)
OTHER = KnownUser(True, False, None)
ADOPTING = OldTokens(anonymous="adopt", others="adopt", adopt_until=NOW + 1)


def old_token(**claims: Any) -> str:
    """A token that a key has signed which nobody has."""
    return jwt.encode({"sub": ID, "iat": 1_600_000_000, **claims}, "x" * 32)


def decided(
    settings: OldTokens, user: KnownUser | None, token: str | None = None, now: float = NOW
) -> OldTokenPolicy:
    read = read_old_token(old_token() if token is None else token)
    assert read is not None
    return decide(settings, read, user, now)


@pytest.mark.parametrize(
    "prefix", ["baas_device_id baas_domain_id", "stitch_devId stitch_domainId"]
)
def test_what_a_token_says(prefix: str) -> None:
    device, domain = prefix.split()
    token = old_token(**{device: "65a0000000000000000000d1", domain: "5f00000000000000000000aa"})
    read = read_old_token(token)
    assert read is not None
    assert (read.user_id, read.device_id) == (ID, "65a0000000000000000000d1")
    assert (read.domain_id, read.issued) == ("5f00000000000000000000aa", 1_600_000_000)
    assert read.hash == token_hash(token)


@pytest.mark.parametrize("device", [None, "", 5, ["a"], "x" * 65, "é"])
def test_a_token_that_names_no_device_is_one_of_its_own(device: Any) -> None:
    first = read_old_token(old_token(baas_device_id=device))
    second = read_old_token(old_token(baas_device_id=device, iat=5))
    assert first is not None
    assert second is not None
    assert len({first.device_id, second.device_id, device if isinstance(device, str) else ""}) == 3


def part(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c",
        "..",
        "\ud800.\ud800.\ud800",
        "é.é.é",
        old_token(sub=""),
        old_token(sub="../../etc"),
        old_token(sub=ID.upper()),
        f"{part(b'{}')}.{part(json.dumps({'sub': 5}).encode())}.x",
        f"{part(b'{}')}.{part(b'[]')}.x",
        f"{part(b'[]')}.{part(json.dumps({'sub': ID}).encode())}.x",
        f"{part(b'{}')}.{part(b'[' * 5000)}.x",
        f"{part(b'{}')}.{part(json.dumps({'sub': ID}).encode())}.",
        old_token(more="x" * 9000),
    ],
)
def test_what_is_no_old_token(token: str) -> None:
    assert read_old_token(token) is None
    assert len(token_hash(token)) == 32


def test_without_settings_nothing_is_lost() -> None:
    """A 401 makes the client of an anonymous user delete his files; others only log in again."""
    assert decided(OldTokens(), ANONYMOUS) is OldTokenPolicy.HOLD
    assert decided(OldTokens(), OTHER) is OldTokenPolicy.REFUSE


@pytest.mark.parametrize("user", [None, KnownUser(False, True, None), KnownUser(False, False, 5)])
def test_who_was_not_imported(user: KnownUser | None) -> None:
    assert decided(OldTokens(), user) is OldTokenPolicy.REFUSE
    assert decided(ADOPTING, user) is OldTokenPolicy.REFUSE
    assert decided(OldTokens(unknown="hold"), user) is OldTokenPolicy.HOLD


@pytest.mark.parametrize("policy", ["hold", "refuse", "adopt"])
def test_what_is_set(policy: str) -> None:
    anonymous = OldTokens(anonymous=policy, adopt_until=NOW + 1)
    assert decided(anonymous, ANONYMOUS).value == policy
    assert decided(anonymous, OTHER) is OldTokenPolicy.REFUSE
    others = OldTokens(others=policy, adopt_until=NOW + 1)
    assert decided(others, OTHER).value == policy
    assert decided(others, ANONYMOUS) is OldTokenPolicy.HOLD


def test_adopting_ends() -> None:
    assert decided(ADOPTING, OTHER) is OldTokenPolicy.ADOPT
    assert decided(ADOPTING, OTHER, now=NOW + 1) is OldTokenPolicy.REFUSE
    assert decided(ADOPTING, ANONYMOUS, now=NOW + 1) is OldTokenPolicy.HOLD


@pytest.mark.parametrize(
    ("issued", "policy"),
    [
        (1000, OldTokenPolicy.ADOPT),
        (999.5, OldTokenPolicy.ADOPT),
        (1060, OldTokenPolicy.ADOPT),
        (1061, OldTokenPolicy.REFUSE),
        (None, OldTokenPolicy.REFUSE),
        ("1", OldTokenPolicy.REFUSE),
        (True, OldTokenPolicy.REFUSE),
    ],
)
def test_a_token_is_no_younger_than_the_last_log_in(issued: Any, policy: OldTokenPolicy) -> None:
    payload = part(json.dumps({"sub": ID, "iat": issued}).encode())
    token = f"{part(b'{}')}.{payload}.x"
    assert decided(ADOPTING, KnownUser(True, False, 1000), token) is policy
    assert decided(ADOPTING, OTHER, token) is OldTokenPolicy.ADOPT


def test_a_token_is_of_the_old_domain() -> None:
    settings = OldTokens(others="adopt", adopt_until=NOW + 1, domain_ids=frozenset({"d1"}))
    assert decided(settings, OTHER, old_token(baas_domain_id="d1")) is OldTokenPolicy.ADOPT
    assert decided(settings, OTHER, old_token(baas_domain_id="d2")) is OldTokenPolicy.REFUSE
    assert decided(settings, OTHER) is OldTokenPolicy.REFUSE


@pytest.mark.parametrize(
    "settings",
    [
        {"anonymous": "adopt"},
        {"others": "adopt"},
        {"unknown": "adopt"},
        {"others": "believe"},
        {"devices_per_user": 0},
    ],
)
def test_settings_that_are_none(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        OldTokens(**settings)


@pytest.mark.parametrize(
    ("settings", "now", "text"),
    [
        (OldTokens(), NOW, None),
        (OldTokens(adopt_until=NOW - 1), NOW, None),
        (OldTokens(anonymous="adopt", adopt_until=NOW + 1), NOW, None),
        (
            OldTokens(others="adopt", adopt_until=NOW + 1),
            NOW,
            "WHOEVER KNOWS THE ID OF AN IMPORTED",
        ),
        (ADOPTING, NOW + 1, "2027-01-15 08:00 UTC, has passed: none is adopted"),
        (OldTokens(others="adopt", adopt_until=1e300), NOW, "until 9999-12-31 23:59 UTC"),
    ],
)
def test_what_an_operator_hears_at_a_start(
    settings: OldTokens, now: float, text: str | None
) -> None:
    told = [*warnings_of_old_tokens(settings, now)]
    assert len(told) == (0 if text is None else 1)
    assert all(str(text) in warning for warning in told)
