"""What a session says of itself: each state that a wait may wait for (client-session.md 5)."""

from __future__ import annotations

from typing import Any

import pytest

from client_driver import CHANGESET, Client, File, download, online
from realmsync.sync.explanation import explain


def told(client: Client, file: File, *, is_logged_in: bool = True) -> str:
    end = client.runtime.end(file.id)
    facts = client.runtime.situation(file.id)
    return explain(facts, None if end is None else end[1], is_logged_in=is_logged_in)


def test_connected_and_paused() -> None:
    client, file = online()
    assert told(client, file) == "connected"
    client.runtime.pause(file.id)
    assert told(client, file) == "paused until resume()"
    client.runtime.resume(file.id)
    client.run()
    assert told(client, file) == "connected, not bound yet"


def test_offline_until_the_next_attempt() -> None:
    client, file = online()
    client.runtime.closed(client.socket, None, "", client.now)
    client.run()
    facts = client.runtime.situation(file.id)
    assert facts["connection"] == "disconnected"
    delay = facts["next_attempt_ms"]
    assert 0 < delay <= 1000
    when = f"the next attempt is in {delay / 1000:.1f} s"
    assert told(client, file) == f"offline (Connection closed), {when}"
    client.sleep(delay - 100)
    assert client.runtime.situation(file.id)["next_attempt_ms"] == 100
    client.sleep(200)
    assert told(client, file) == "connecting"


def test_the_last_attempt_says_why_it_failed() -> None:
    client = Client()
    file = client.open(verified=True)
    assert told(client, file) == "connecting"
    client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
    client.run()
    text = "offline (Failed to connect to sync: refused), the next attempt is in "
    assert told(client, file).startswith(text)
    client.sleep(1_000)
    client.connect()
    assert client.runtime.situation(file.id)["error"] == ""


@pytest.mark.parametrize("end", ["resume", "reconnect"])
def test_told_not_to_come_back(end: str) -> None:
    """Which only the application can change, so it is said."""
    client, file = online()
    client.error(0, 113, False, "Warning")
    client.sleep(400_000)
    assert told(client, file) == "offline (told so) until resume() or reconnect()"
    joined = client.open('"q"')
    assert told(client, joined) == "offline (told so) until resume() or reconnect()"
    getattr(client.runtime, end)(file.id)
    client.run()
    assert told(client, file) == told(client, joined) == "connecting"


def test_suspended_and_stopped() -> None:
    client, file = online()
    client.error(1, 200, True, "Transient")
    assert told(client, file) == "suspended by an error (told so), the next attempt is in 1.0 s"
    client, file = online()
    client.error(1, 206, False, "Warning")
    assert told(client, file) == "suspended by an error (told so) until resume() or reconnect()"
    client, file = online()
    client.error(1, 206, False, "ApplicationBug")
    assert told(client, file).startswith("stopped by an error until resume(): ")
    client, file = online()
    client.runtime.force_close(file.id)
    assert told(client, file) == "stopped"
    assert told(client, file, is_logged_in=False) == "stopped until its user logs in again"
    client, file = online()
    client.runtime.token_refresh_failed(file.id, True, 4346, "refused")
    text = "stopped by an error until its user logs in again: refused"
    assert told(client, file, is_logged_in=False) == text


def test_a_download_wait_is_for_the_mark_and_for_the_store() -> None:
    client, file = online()
    client.wait(file, "download")
    assert (
        told(client, file) == "connected, the server has not said yet that everything is downloaded"
    )
    client.take()
    client.receive("mark 1 2\n")
    assert told(client, file) == "connected"


def test_an_upload_wait_is_for_the_bytes() -> None:
    client, file = online()
    version = file.commit(CHANGESET, 1)
    client.wait(file, "upload")
    client.take()
    assert told(client, file) == f"connected, {len(CHANGESET)} bytes are to be uploaded"
    client.receive(download(1, ucv=version))
    assert told(client, file) == "connected"


def test_asked_for_a_token_and_reset() -> None:
    client, file = online()
    client.error(1, 206, False, "RefreshUser")
    assert told(client, file) == "waits for a new access token or location"
    client, file = online()
    client.error(1, 208, False, "ClientReset")
    assert told(client, file) == "the realm is being reset to what the server has"


FACTS: dict[str, Any] = {
    "lifecycle": 0,
    "connection": "connected",
    "is_resetting": False,
    "needs_refresh": False,
    "is_suspended": False,
    "awaits_reconnect": False,
    "is_bound": True,
    "uploads_later": False,
    "awaits_mark": False,
    "is_storing": False,
    "next_attempt_ms": None,
    "unanswered_ms": None,
    "unsent_bytes": 0,
    "downloadable_bytes": 0,
    "phase": "steady",
    "error": "",
}


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"unsent_bytes": 1234}, "connected, 1,234 bytes are to be uploaded"),
        (
            {"unsent_bytes": 5, "uploads_later": True, "downloadable_bytes": 9},
            "connected, 5 bytes are to be uploaded, which begins after the first download,"
            " 9 bytes are to be downloaded",
        ),
        ({"lifecycle": 1}, "ends after its upload, connected"),
        ({"lifecycle": 3}, "waits for a new access token"),
        ({"connection": "disconnected"}, "offline"),
        ({"unanswered_ms": 999}, "connected"),
        ({"unanswered_ms": 42_000}, "connected, the server has not answered for 42.0 s"),
        (
            {"unanswered_ms": 1_500, "is_bound": False},
            "connected, not bound yet, the server has not answered for 1.5 s",
        ),
        ({"is_storing": True}, "connected, what was downloaded is being stored"),
        ({"is_resetting": True}, "the realm is being reset to what the server has"),
    ],
)
def test_words(facts: dict[str, Any], text: str) -> None:
    assert explain(FACTS | facts, None, is_logged_in=True) == text


def test_every_fact_is_told() -> None:
    client, file = online()
    assert set(client.runtime.situation(file.id)) == set(FACTS)
