"""What a session makes of 235 and 236, and which version of the schema it says (client-session.md
10.2, 14.5; flexible-sync.md 16)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client_driver import ACTIVE, CHANGESET, INACTIVE, File, entry
from flexible_client import LAST, FlexibleClient, SubscribedFile
from instructions import changeset, create


@pytest.fixture
def client() -> FlexibleClient:
    return FlexibleClient()


def opened(client: FlexibleClient, version: int = 2) -> SubscribedFile:
    """A file that is bound with this version, and complete at version 0 of its subscriptions."""
    file = client.subscribe_file(schema_version=version)
    client.connect()
    assert said(client) == version
    client.receive("ident 1 7 99\n")
    client.take()
    client.download(0, LAST, version=1, entries=[entry(1, 0, CHANGESET)])
    client.receive("mark 1 1\n")
    client.take()
    return file


def said(client: FlexibleClient) -> int:
    """The version that the BIND says that is to be sent now."""
    (bind,) = [message for message in client.take() if message.startswith(b"bind ")]
    version: int = json.loads(bind.partition(b"\n")[2])["schemaVersion"]
    return version


def tell(client: FlexibleClient, previous: int, session: int = 1, **more: Any) -> None:
    client.error(session, 236, True, "MigrateSchema", previousSchemaVersion=previous, **more)


def served(client: FlexibleClient, file: SubscribedFile) -> int | None:
    return client.runtime.served_schema_version(file.file.id)


def lifecycle(client: FlexibleClient, file: File) -> int:
    state: int = client.runtime.snapshot(file.id)[0]
    return state


def reconnect(client: FlexibleClient) -> int:
    client.cut()
    client.sleep(60_000)
    client.connect()
    return said(client)


@pytest.mark.parametrize("version", [0, 1, 2**63 - 1])
def test_bind_says_the_version_of_the_application(client: FlexibleClient, version: int) -> None:
    client.subscribe_file(schema_version=version)
    client.connect()
    assert said(client) == version


def test_236_tells_nobody_and_ends_nothing(client: FlexibleClient) -> None:
    file = opened(client)
    tell(client, 1)
    assert served(client, file) == 1
    assert file.file.of("error") == [] and lifecycle(client, file.file) == ACTIVE
    file.commit(changeset(create("A", 1)))
    assert b"upload" in [m.split()[0] for m in client.take()]


def test_it_goes_on_under_the_former_version(client: FlexibleClient) -> None:
    """Over connections, and sessions of the protocol."""
    file = opened(client)
    tell(client, 1)
    assert reconnect(client) == 1
    client.runtime.pause(file.file.id)
    client.run()
    assert client.heads() == ["unbind 1"]
    client.receive("unbound 1\n")
    client.runtime.resume(file.file.id, False)
    client.run()
    assert said(client) == 1


def test_the_version_that_it_has_is_nothing_new(client: FlexibleClient) -> None:
    file = opened(client)
    tell(client, 2)
    assert served(client, file) is None
    assert reconnect(client) == 2


def test_a_new_file_begins_with_the_version_of_the_application(client: FlexibleClient) -> None:
    file = opened(client)
    tell(client, 1)
    client.runtime.migrate_schema(file.file.id)
    client.run()
    assert [m.split()[0] for m in client.take()] == [b"unbind"]
    client.receive("unbound 1\n")
    (required,) = file.file.of("reset_required")
    assert "MigrateSchema" in required
    assert file.realm_file.begin_anew()
    client.runtime.finish_reset(file.file.id)
    client.run()
    (bind,) = client.take()
    head, _, body = bind.partition(b"\n")
    assert head.split()[:5] == [b"bind", b"2", str(len(body)).encode(), b"0", b"1"]  # a new ident
    assert json.loads(body) == {"schemaVersion": 2, "sessionReason": 0}
    assert served(client, file) is None
    assert file.states() == {0: 1}


def test_nothing_that_is_not_uploaded_is_lost(client: FlexibleClient) -> None:
    """The file stays as it is, and the session goes on as before."""
    file = opened(client)
    tell(client, 1)
    file.commit(changeset(create("A", 1)))
    client.runtime.migrate_schema(file.file.id)
    client.run()
    client.take()
    client.receive("unbound 1\n")
    version = file.version()
    assert not file.realm_file.begin_anew()
    assert file.version() == version
    client.runtime.finish_reset(file.file.id)
    client.run()
    assert said(client) == 1
    assert served(client, file) == 1


def test_there_is_nothing_to_migrate_without_236(client: FlexibleClient) -> None:
    file = opened(client)
    client.runtime.migrate_schema(file.file.id)
    client.run()
    assert client.take() == [] and file.file.of("reset_required") == []


def test_another_program_asks_anew(client: FlexibleClient) -> None:
    file = opened(client)
    tell(client, 1)
    client.runtime.set_schema_version(file.file.id, 3)
    client.run()
    assert served(client, file) is None
    assert said(client) == 3


def test_235_ends_the_session(client: FlexibleClient) -> None:
    file = client.subscribe_file(schema_version=9)
    client.connect()
    client.take()
    client.error(1, 235, False, "ApplicationBug", message="no such version")
    (error,) = file.file.of("error")
    assert error[0]["code"] == 1046
    assert lifecycle(client, file.file) == INACTIVE


def test_236_is_no_answer_to_a_partition(client: FlexibleClient) -> None:
    """It would end the process of an SDK (wire-protocol.md 10.4)."""
    file = client.open("p")
    client.runtime.connected(client.socket, "com.mongodb.realm-sync#14", client.now)
    client.run()
    client.take()
    tell(client, 1)
    assert lifecycle(client, file) == INACTIVE
    assert file.of("error")[0][0]["code"] == 1046
