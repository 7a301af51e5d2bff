"""How long a token is good, whatever the clocks of the device say (client-session.md 2.5, 11.3)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from realmsync import App
from realmsync.account import validity
from realmsync.account.stored_users import StoredUser
from realmsync.account.user import User
from realmsync.enums import UserState

NOW = 1_700_000_000
HOUR = 3600.0


class Clocks:
    """Of a device; `wrong` is by how much its time of day is ahead of the server's."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.wrong = 0.0

    def steady(self) -> float:
        return 5.0 + self.passed

    def time_of_day(self) -> float:
        return NOW + self.passed + self.wrong


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(validity, "time_of_day", clocks.time_of_day)
    monkeypatch.setattr(validity, "steady", clocks.steady)
    monkeypatch.setattr("realmsync.account.user.steady", clocks.steady)
    return clocks


def token(issued_at: float, expires_at: float) -> str:
    claims = {"iat": int(issued_at), "exp": int(expires_at)}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{payload}.signature"


def restored(tmp_path: Path, access_token: str) -> User:
    """A user of an earlier run."""
    app = App("app", base_url="http://localhost:1", base_file_path=tmp_path)
    return User(app, StoredUser("u", UserState.LOGGED_IN, access_token, token(NOW, NOW + 9)))


def received(tmp_path: Path, access_token: str) -> User:
    user = restored(tmp_path, token(0, 1))
    user._update(access_token=access_token)
    return user


def left(user: User) -> float:
    now = user._token_validity
    assert now is not None
    return now.left


@pytest.mark.parametrize("make", [restored, received])
@pytest.mark.parametrize(("ago", "expired"), [(-60, False), (4, False), (5, False), (6, True)])
def test_the_gate_is_five_seconds_behind_the_end(
    make: Any, ago: float, expired: bool, clocks: Clocks, tmp_path: Path
) -> None:
    user = make(tmp_path, token(NOW, NOW + HOUR))
    clocks.passed = HOUR + ago
    assert left(user) == -ago and user._token_expired is expired


@pytest.mark.parametrize("wrong", [-24 * HOUR, -HOUR, 0.0, HOUR, 24 * HOUR])
def test_one_that_was_received_here_is_judged_by_no_time_of_day(
    wrong: float, clocks: Clocks, tmp_path: Path
) -> None:
    clocks.wrong = wrong
    user = received(tmp_path, token(NOW, NOW + HOUR))
    assert left(user) == HOUR and not user._token_expired
    clocks.wrong = -wrong  # somebody sets the clock
    clocks.passed = HOUR + 6
    assert left(user) == -6 and user._token_expired


@pytest.mark.parametrize(("wrong", "expired"), [(HOUR + 6, True), (-9 * HOUR, False)])
def test_one_of_an_earlier_run_by_the_time_of_day(
    wrong: float, expired: bool, clocks: Clocks, tmp_path: Path
) -> None:
    """Ahead: renewed once without need. Behind: it is for the server to say that it has ended."""
    clocks.wrong = wrong
    user = restored(tmp_path, token(NOW, NOW + HOUR))
    assert user._token_expired is expired
    user._update(access_token=token(NOW, NOW + HOUR))
    assert not user._token_expired and left(user) == HOUR


@pytest.mark.parametrize("issued_at", [NOW + HOUR, NOW + 2 * HOUR])
def test_one_without_a_length_by_the_time_of_day(
    issued_at: float, clocks: Clocks, tmp_path: Path
) -> None:
    user = received(tmp_path, token(issued_at, NOW + HOUR))
    assert left(user) == HOUR
    assert user._token_validity == (0, HOUR)


def test_who_is_logged_out_has_none(tmp_path: Path) -> None:
    user = restored(tmp_path, token(NOW, NOW + HOUR))
    user.log_out_locally()
    assert user._token_validity is None and not user._token_expired


def test_the_clock_goes_on_while_the_machine_sleeps() -> None:
    assert validity.steady() >= 0 and validity.time_of_day() > NOW
