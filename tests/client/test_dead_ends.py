"""After no error does a wait stay open for ever: it fails, or the session goes on by itself, or a
token, a place or a log-in was asked for, whose failure fails it (client-session.md 5.4, 12.4)."""

from __future__ import annotations

import pytest

from client_driver import ACTIVE, Client, File, online

ACTIONS = [
    "Warning",
    "Transient",
    "ApplicationBug",
    "ProtocolViolation",
    "DeleteRealm",
    "ClientReset",
    "ClientResetNoRecovery",
    "MigrateToFLX",
    "RevertToPBS",
    "RefreshUser",
    "RefreshLocation",
    "LogOutUser",
    "MigrateSchema",
    "NeverHeardOf",
    "NoAction",  # the name of there being none, which no server sends
    "",
]
ASKED = {
    "RefreshUser": "refresh_token",
    "RefreshLocation": "refresh_location",
    "ClientReset": "reset_required",
    "ClientResetNoRecovery": "reset_required",
}


def waits(client: Client, file: File) -> list[int]:
    """Both kinds, from now on."""
    return [client.wait(file, direction) for direction in ("upload", "download")]


def failed(file: File) -> dict[int, tuple[int, str]]:
    return {number: (status, text) for number, status, text in file.of("wait") if status}


@pytest.mark.parametrize("session", [0, 1])
@pytest.mark.parametrize("action", ACTIONS)
def test_errors_for_good(action: str, session: int) -> None:
    client, file = online()
    before = [client.wait(file, "download")]  # an upload wait has nothing to wait for
    code = 113 if session == 0 else 206
    client.error(session, code, False, action)
    asked = ASKED.get(action)
    if asked is not None:
        client.heads()  # the session has left its connection
        client.run()
        assert asked in [event[0] for event in file.events]
        before += [client.wait(file, "download")]
        assert failed(file) == {}  # it may become well
        if asked == "reset_required":
            client.runtime.fail_reset(file.id, "no answer")
        else:
            client.runtime.token_refresh_failed(file.id, False, 4309, "no answer")
        client.run()
    after = waits(client, file)
    outcome = failed(file)
    told = file.of("error")[-1][0]
    assert told["is_fatal"]
    assert set(outcome) == {*before, *after}
    assert set(outcome.values()) == {(told["code"], told["message"])}
    assert client.runtime.end(file.id) == (told["code"], told["message"])

    if action == "LogOutUser":
        return  # it is for the log-in to go on
    client.runtime.resume(file.id)
    client.run()
    again = waits(client, file)
    assert client.runtime.snapshot(file.id)[0] == ACTIVE
    assert client.runtime.end(file.id) is None
    assert not set(again) & set(failed(file))


@pytest.mark.parametrize("action", ["RefreshUser", "RefreshLocation"])
def test_what_a_refresh_has_mended(action: str) -> None:
    client, file = online()
    wait = client.wait(file, "download")
    client.error(1, 206, False, action)
    client.runtime.set_access_token("u", "fresh")
    client.run()
    client.runtime.token_refresh_failed(file.id, False, 4309, "no answer")  # a later one
    client.run()
    assert file.of("error") == [] and wait not in failed(file)
    assert any(head.startswith("bind ") for head in client.heads())


@pytest.mark.parametrize("action", ACTIONS)
def test_errors_that_pass(action: str) -> None:
    """Whatever the server calls it, tryAgain counts: the session ends, or binds again."""
    client, file = online()
    wait = client.wait(file, "download")
    client.error(1, 206, True, action)
    client.sleep(1_000)
    if ASKED.get(action) == "reset_required":
        client.runtime.finish_reset(file.id)
        client.run()
    bound = any(head.startswith("bind ") for head in client.heads())
    assert bound != (wait in failed(file))


def test_what_passes_by_itself_cancels_nothing() -> None:
    """Not even where non-fatal errors are to cancel waits (client-session.md 5.6, 12.4)."""
    client = Client()
    file = client.open(cancel_waits=True, verified=True)
    client.connect()
    client.bind(file)
    client.take()
    wait = client.wait(file, "download")
    client.error(1, 200, True, "Transient")
    client.sleep(1_500)
    assert file.of("wait") == [] and file.of("error") == []
    assert any(head.startswith("bind ") for head in client.heads())
    client.runtime.pause(file.id)
    client.run()
    assert [number for number, *_ in file.of("wait")] == [wait]
