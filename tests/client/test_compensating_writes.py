"""Writes that the server has reverted: told when the file has the changeset that reverts them,
once, and not for a session that is not there (client-session.md 12.8)."""

from __future__ import annotations

import base64
import json
from typing import Any

from client_driver import ACTIVE, Client, File, download, online
from realmsync import _core


def reverted(client: Client, by: int, *keys: Any, session: int = 1) -> None:
    body = {
        "message": "Client attempted a write that is not allowed; it has been reverted",
        "logURL": "https://host/logs/1",
        "shouldClientReset": False,
        "isRecoveryModeDisabled": False,
        "tryAgain": True,
        "action": "Warning",
        "rejectedClientVersion": 3,
        "compensatingWriteServerVersion": by,
        "rejectedUpdates": [
            {
                "table": "Dog",
                "reason": "write to it is not allowed",
                "pk": base64.b64encode(_core.encode_primary_key(key)).decode(),
            }
            for key in keys
        ],
    }
    data = json.dumps(body)
    client.receive(f"json_error 231 {len(data)} {session}\n{data}")


def arrives(client: Client, version: int, session: int = 1) -> None:
    client.receive(download(session, dsv=version))
    client.run()


def writes(file: File) -> list[list[Any]]:
    return [[key for _, _, key in facts["writes"]] for (facts,) in file.of("error")]


def test_told_after_the_download_that_reverts() -> None:
    client, file = online()
    reverted(client, 5, 1, "two", None)
    arrives(client, 4)
    assert file.of("error") == []
    arrives(client, 5)
    ((facts,),) = file.of("error")
    assert facts["code"] == 1033 and not facts["is_fatal"]
    assert facts["log_url"] == "https://host/logs/1"
    assert facts["writes"] == [
        ("Dog", "write to it is not allowed", key) for key in (1, "two", None)
    ]
    assert client.runtime.snapshot(file.id)[:2] == (ACTIVE, "connected")


def test_several_in_the_order_of_their_versions() -> None:
    client, file = online()
    for version in (7, 5, 6):
        reverted(client, version, version)
    arrives(client, 6)
    assert writes(file) == [[5], [6]]
    arrives(client, 9)
    assert writes(file) == [[5], [6], [7]]


def test_of_a_version_that_is_here_already() -> None:
    client, file = online()
    arrives(client, 5)
    reverted(client, 5, 1)
    assert writes(file) == [[1]]


def test_once_across_a_reconnection() -> None:
    """The server says it again, as the download has not come."""
    client, file = online()
    reverted(client, 5, 1)
    client.runtime.closed(client.socket, None, "", client.now)
    client.run()
    client.sleep(2_000)
    client.connect()
    assert any(head.startswith("bind 1 ") for head in client.heads())
    client.heads()
    reverted(client, 5, 1)
    arrives(client, 5)
    assert writes(file) == [[1]]


def test_of_a_session_that_is_gone() -> None:
    client, file = online()
    reverted(client, 5, 1)
    client.runtime.pause(file.id)
    client.run()
    arrives(client, 5)
    assert file.of("error") == []
