"""What a session does about each action of an error in each of its states: the tables of
client-session.md 12.4 and 12.5. That no wait stays open for ever is in test_dead_ends.py."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from client_driver import (
    ACTIVE,
    CHANGESET,
    DYING,
    INACTIVE,
    PAUSED,
    WAITING,
    Client,
    File,
)
from realmsync import _testbed


class Outcome(NamedTuple):
    goes_on: bool  # the state stays what it was
    is_told: bool
    asked: str = ""  # of whoever else can mend it
    file_action: str = "none"


WARNS, ENDS = Outcome(True, True), Outcome(False, True)
# By action: of a fatal error, and of one that may be tried again.
TABLE: dict[str, tuple[Outcome, Outcome]] = {
    "": (WARNS, WARNS),
    "Warning": (WARNS, WARNS),
    "Transient": (WARNS, Outcome(True, False)),  # fatal ones are told: see decisions.md
    **dict.fromkeys(
        (
            "ApplicationBug",
            "ProtocolViolation",
            "NeverHeardOf",
            "MigrateToFLX",  # there is no other mode to go to
            "RevertToPBS",
            "MigrateSchema",
        ),
        (ENDS, ENDS),
    ),
    "DeleteRealm": (ENDS._replace(file_action="remove"),) * 2,
    "ClientReset": (Outcome(True, False, "reset_required"),) * 2,
    "ClientResetNoRecovery": (Outcome(True, False, "reset_required"),) * 2,
    "RefreshUser": (Outcome(True, False, "refresh_token"),) * 2,
    "RefreshLocation": (Outcome(True, False, "refresh_location"),) * 2,
    "LogOutUser": (ENDS._replace(asked="log_out"),) * 2,
}
MANUAL_RESET = ENDS._replace(file_action="back_up_then_remove")
UNKNOWN = (199, 299)
LETHAL = (202, 203, 205, 207, 214, 215, 218, 219, 220, 221, 224)  # to SDKs: 12.5


def expected(action: str, fatal: bool, manual: bool) -> Outcome:
    if manual and action.startswith("ClientReset"):
        return MANUAL_RESET
    return TABLE[action][not fatal]


def open_file(manual: bool) -> tuple[Client, File]:
    client = Client()
    file = client.open(manual_reset=manual)
    client.connect()
    client.bind(file)
    client.take()
    return client, file


def say(client: Client, code: int, action: str, *, fatal: bool) -> None:
    if action:
        client.error(1, code, not fatal, action)
    else:  # the plain form, which has none
        client.receive(f"error {code} 7 {int(not fatal)} 1\ntold so")
    client.take()
    client.run()


def happened(file: File, since: int) -> list[str]:
    """Kinds of events, without those that only say what the state shows."""
    kinds = [event[0] for event in file.events[since:]]
    return [kind for kind in kinds if kind not in ("lifecycle", "connection", "released")]


def state(client: Client, file: File) -> int:
    return int(client.runtime.snapshot(file.id)[0])


def check(client: Client, file: File, since: int, wait: int, fatal: bool, out: Outcome) -> None:
    """All but the state."""
    failed = not out.goes_on or (out.is_told and fatal)
    # The application is told last: after waits were failed, and the user logged out.
    order = ["wait"] * failed + [out.asked] * bool(out.asked) + ["error"] * out.is_told
    assert happened(file, since) == order
    assert not failed or file.of("wait")[-1][0] == wait
    if out.is_told:
        facts = file.of("error")[-1][0]
        assert facts["is_fatal"] == fatal and facts["file_action"] == out.file_action
        assert facts["client_reset"] == (out.file_action == "back_up_then_remove")


@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize("fatal", [True, False])
@pytest.mark.parametrize("code", [206, *UNKNOWN])
@pytest.mark.parametrize("action", TABLE)
def test_of_an_active_session(action: str, code: int, fatal: bool, manual: bool) -> None:
    client, file = open_file(manual)
    wait = client.wait(file, "download")
    since = len(file.events)
    say(client, code, action, fatal=fatal)
    out = expected(action, fatal, manual)
    check(client, file, since, wait, fatal, out)
    assert state(client, file) == (ACTIVE if out.goes_on else INACTIVE)
    if out.is_told:
        facts = file.of("error")[-1][0]
        known = code not in UNKNOWN
        assert facts["code"] == (1037 if known else 2_000_000)
        prefix = "" if known else f"Unknown sync protocol error code {code}: "
        assert facts["message"] == f"{prefix}told so"


@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize("fatal", [True, False])
@pytest.mark.parametrize("action", TABLE)
def test_of_a_dying_session(action: str, fatal: bool, manual: bool) -> None:
    """What is fatal ends it in silence."""
    client, file = open_file(manual)
    wait = client.wait(file, "download")
    file.commit(CHANGESET, 1_000)
    client.run()
    client.runtime.close_session(file.id)
    client.run()
    assert state(client, file) == DYING
    since = len(file.events)
    say(client, 206, action, fatal=fatal)
    out = expected(action, fatal, manual)
    if not fatal:
        check(client, file, since, wait, fatal, out)
        assert state(client, file) == (DYING if out.goes_on else INACTIVE)
        return
    assert happened(file, since) == ["file_action"] * (out.file_action != "none") + ["wait"]
    assert file.of("file_action") == [(out.file_action,)] * (out.file_action != "none")
    assert state(client, file) == INACTIVE and file.of("released")


STOPPED = {INACTIVE: "force_close", PAUSED: "pause", WAITING: "revive"}


@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize("where", STOPPED)
@pytest.mark.parametrize("action", [action for action in TABLE if action])
def test_of_a_session_that_has_stopped(action: str, where: int, manual: bool) -> None:
    """Nobody hears of it, nothing changes; but the file is the server's to condemn."""
    client, file = open_file(manual)
    wait = client.wait(file, "download")
    if where == WAITING:
        client.runtime.force_close(file.id)
        client.runtime.revive(file.id, True)
    else:
        getattr(client.runtime, STOPPED[where])(file.id)
    client.run()
    assert [number for number, *_ in file.of("wait")] == [wait]
    since = len(file.events)
    _testbed.simulate_error(client.runtime, file.id, 1037, "told so", True, action)
    client.run()
    due = expected(action, True, manual).file_action
    assert happened(file, since) == ["file_action"] * (due != "none")
    assert state(client, file) == where


@pytest.mark.parametrize("action", ["ApplicationBug", "Transient", "ClientReset", "Warning"])
@pytest.mark.parametrize("code", LETHAL)
def test_codes_that_end_the_process_of_an_sdk(code: int, action: str) -> None:
    """They are errors like others here."""
    client, file = open_file(True)
    wait = client.wait(file, "download")
    since = len(file.events)
    say(client, code, action, fatal=True)
    out = expected(action, True, True)
    check(client, file, since, wait, True, out)
    facts = file.of("error")[-1][0]
    assert (facts["code"], facts["message"]) == (2_000_000, "told so")


def test_the_address_of_the_log_is_no_part_of_the_message() -> None:
    client, file = open_file(False)
    client.error(1, 206, False, "ApplicationBug", logURL="http://log/7")
    facts: dict[str, Any] = file.of("error")[-1][0]
    assert (facts["message"], facts["log_url"]) == ("told so", "http://log/7")


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("action", ["Warning", "Transient", ""])
def test_errors_that_pass_and_waits(action: str, cancels: bool) -> None:
    """Waits end if that was wanted, and never by what is transient."""
    client = Client()
    file = client.open(cancel_waits=cancels)
    client.connect()
    client.bind(file)
    client.take()
    client.wait(file, "download")
    say(client, 206, action, fatal=False)
    assert len(file.of("wait")) == (cancels and action != "Transient")
