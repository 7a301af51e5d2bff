"""The engine's part in a client reset: the file is free when one is asked for, nothing uses it
until the answer, and waits, pauses and closes mean what they always mean (client-session.md 13.3).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from client_driver import ACTIVE, INACTIVE, PAUSED, Client, File, online
from realmsync import _core, _testbed


def required(
    client: Client, file: File, action: str = "ClientReset", *, session: int = 1, code: int = 217
) -> None:
    client.error(session, code, False, action)
    client.run()
    assert client.heads()[-1] == f"unbind {session}"
    client.run()


def binds(client: Client) -> list[str]:
    return [head for head in client.heads() if head.startswith("bind ")]


@pytest.mark.parametrize("action", ["ClientReset", "ClientResetNoRecovery"])
def test_asked_for_and_done(action: str) -> None:
    client, file = online()
    wait = client.wait(file, "download")
    required(client, file, action)
    told = (action == "ClientReset", 1032, "told so", action, "", False)
    assert file.of("reset_required") == [told]
    assert file.of("error") == [] and file.of("wait") == []
    assert client.runtime.snapshot(file.id)[:2] == (ACTIVE, "disconnected")
    client.sleep(20_000)
    assert binds(client) == [], "nobody uses the file"
    client.runtime.finish_reset(file.id)
    client.run()
    assert len(binds(client)) == 1
    assert wait not in [number for number, *_ in file.of("wait")], "it goes on"


@pytest.mark.parametrize("code", [208, 209, 210, 211, 217, 222])
def test_a_server_may_have_forgotten_what_it_had_acknowledged(code: int) -> None:
    """One that knows its history but not this file's, or this file's cursors."""
    client, file = online()
    required(client, file, code=code)
    assert file.of("reset_required")[0][-1] == (code in (208, 209, 210, 211))


def test_a_failure_is_told_as_such() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    required(client, file)
    client.runtime.fail_reset(file.id, "the disk is full")
    client.run()
    (facts,) = file.of("error")[0]
    assert facts["code"] == 1028 and facts["client_reset"] and facts["is_fatal"]
    assert facts["message"].startswith("A fatal error occurred during 'ClientReset' client reset")
    assert facts["message"].endswith(": 'the disk is full'")
    assert facts["file_action"] == "back_up_then_remove"
    assert [(number, code) for number, code, _ in file.of("wait")] == [(wait, 1028)]
    assert client.runtime.snapshot(file.id)[0] == INACTIVE


STOPS: dict[str, tuple[Callable[[Client, File], None], int]] = {
    "paused": (lambda client, file: client.runtime.pause(file.id), PAUSED),
    "force-closed": (lambda client, file: client.runtime.force_close(file.id), INACTIVE),
    "closed": (lambda client, file: client.runtime.close_session(file.id), INACTIVE),
}


@pytest.mark.parametrize("answer", ["finish_reset", "fail_reset"])
@pytest.mark.parametrize("stop", STOPS)
def test_stopped_meanwhile(stop: str, answer: str) -> None:
    """The file is released when the reset is over, and nobody hears of an error."""
    how, state = STOPS[stop]
    client, file = online()
    required(client, file)
    how(client, file)
    client.run()
    assert file.of("released") == []
    getattr(client.runtime, answer)(file.id, *(["stopped"] if answer == "fail_reset" else []))
    client.run()
    assert file.of("released") == [()] and file.of("error") == []
    assert client.runtime.snapshot(file.id)[0] == state
    assert binds(client) == []
    client.runtime.open_session(file.id)  # it may have been closed
    client.runtime.resume(file.id)
    client.run()
    assert len(binds(client)) == 1


@pytest.mark.parametrize("stop", STOPS)
def test_stopped_before_it_has_begun(stop: str) -> None:
    """The file is not free before UNBIND is sent: until then nobody is asked for anything."""
    how, state = STOPS[stop]
    client, file = online()
    client.error(1, 208, False, "ClientReset")
    how(client, file)
    client.run()
    assert file.of("reset_required") == file.of("released") == []
    assert client.heads() == ["unbind 1"]
    assert file.of("reset_required") == file.of("error") == []
    assert file.of("released") == [()]
    assert client.runtime.snapshot(file.id)[0] == state
    client.runtime.open_session(file.id)
    client.runtime.resume(file.id)
    client.run()
    client.take()
    required(client, file, session=2)  # the server says so again
    assert len(file.of("reset_required")) == 1


@pytest.mark.parametrize("start", ["resume", "revive", "reconnect", "token", "route"])
def test_nothing_starts_it_before_the_answer(start: str) -> None:
    client, file = online()
    required(client, file)
    if start == "token":
        client.runtime.set_access_token("u", "fresh")
    elif start == "route":
        client.runtime.set_route(file.id, "ws://elsewhere/sync", "fresh", True)
    else:
        getattr(client.runtime, start)(file.id)
    client.sleep(10_000)
    assert binds(client) == []
    client.runtime.pause(file.id)
    client.runtime.resume(file.id)
    client.run()
    assert binds(client) == []
    client.runtime.finish_reset(file.id)
    client.run()
    assert start == "route" or len(binds(client)) == 1


def test_answers_that_nobody_asked_for() -> None:
    client, file = online()
    client.runtime.finish_reset(file.id)
    client.runtime.fail_reset(file.id, "why")
    client.run()
    assert client.runtime.snapshot(file.id)[:2] == (ACTIVE, "connected")
    assert file.of("error") == []


def test_another_one_may_come() -> None:
    client, file = online()
    for session in range(1, 4):
        required(client, file, session=session)
        client.runtime.finish_reset(file.id)
        client.run()
        assert len(binds(client)) == 1
    assert len(file.of("reset_required")) == 3


def test_every_start_tells_of_one_that_the_server_does_not_know(tmp_path: Path) -> None:
    store, fresh = (_core.RealmFile.open(str(tmp_path / name)) for name in ("realm", "fresh"))
    for ident, realm in enumerate((store, fresh), 2):
        _testbed.store_ident(realm, ident, 22)
    store.reset(fresh, "discardUnsyncedChanges")
    client = Client()
    file = client.open(store=store)
    client.run()
    assert len(file.of("reset_pending")) == 1
    client.wait(file, "upload")  # reads the file again
    client.run()
    assert len(file.of("reset_pending")) == 1, "once is enough"
    for count in (2, 3):
        client.runtime.pause(file.id)
        client.runtime.resume(file.id)
        client.run()
        assert len(file.of("reset_pending")) == count
    store.forget_reset()
    client.runtime.pause(file.id)
    client.runtime.resume(file.id)
    client.run()
    assert len(file.of("reset_pending")) == 3
