"""A client engine in flexible sync without sockets: its subscription sets, a server's messages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bson import ObjectId

from client_driver import Client, File, entry, words
from realmsync import _core, _testbed

FLEXIBLE = "com.mongodb.realm-query-sync#"
PENDING, BOOTSTRAPPING, COMPLETE, ERROR, AWAITING_MARK = 1, 2, 3, 4, 6
MORE, LAST, STEADY = 0, 1, 2
Texts = Iterable[tuple[str | None, str, str]]  # name, class, query


class _Accessors:
    """What a handle wants of a realm; there are no objects here."""

    def _make_object(self, *_: Any) -> None: ...
    def _make_collection(self, *_: Any) -> None: ...


class SubscribedFile:
    """A file in memory with subscription sets, and the session of it."""

    def __init__(self, client: FlexibleClient, store: Any) -> None:
        self.client = client
        self.store = store
        self.file: File

    @property
    def realm_file(self) -> _core.RealmFile:
        return self.store if isinstance(self.store, _core.RealmFile) else self.store.file

    def subscribe(self, texts: Texts) -> int:
        """Commits a new set; its version."""
        handle = _core.RealmHandle(self.realm_file, _Accessors())
        handle.begin()
        edited = handle.edit_subscriptions()
        edited.clear()
        for name, cls, query in texts:
            edited.insert_or_assign(ObjectId().binary, 1, name, cls, query)
        version = handle.add_subscriptions(edited)
        handle.commit(1, False)
        handle.close()
        self.client.run()
        return version

    def sets(self) -> dict[int, tuple[int, str]]:
        """State and error of each set that is not superseded."""
        found = {}
        for version in range(40):
            row = _core.subscription_set(self.realm_file, version)
            if row is not None:
                found[version] = (row[1], row[2])
        return found

    def states(self) -> dict[int, int]:
        return {version: state for version, (state, _) in self.sets().items()}

    def commit(self, changeset: bytes, timestamp: int = 1) -> int:
        version = _testbed.commit_changeset(self.realm_file, changeset, timestamp)
        self.client.run()
        return version

    def wait(self, version: int) -> int:
        wait = self.client.runtime.wait_for_set(self.file.id, version)
        self.client.run()
        return wait

    def resolved(self) -> list[tuple[Any, ...]]:
        """The waits that are over: number, status, message."""
        return self.file.of("wait")

    def version(self) -> int:
        return int(_testbed.state(self.realm_file)["version"])


class FlexibleClient(Client):
    """A client engine whose files are all flexible."""

    protocol = 14

    def subscribe_file(self, store: Any = None, **settings: Any) -> SubscribedFile:
        store = _testbed.ClientStorage() if store is None else store
        opened = SubscribedFile(self, store)
        _core.claim_flexible(opened.realm_file)
        opened.file = self.open(None, store=store, **settings)
        return opened

    def connect(self, protocol: int | None = None) -> None:
        self.protocol = protocol or self.protocol
        self.runtime.connected(self.socket, f"{FLEXIBLE}{self.protocol}", self.now)
        self.run()

    def download(
        self,
        query: int,
        batch: int,
        *,
        version: int,
        entries: Iterable[bytes] = (),
        estimate: float = 1,
        acknowledged: tuple[int, int] = (0, 0),
        base: int | None = None,
        session: int = 1,
        latest: int | None = None,
    ) -> None:
        """A DOWNLOAD in the layout of the protocol version."""
        body = b"".join(entries)
        upload, integrated = acknowledged
        cursor = f"{version} {upload if base is None else base}"
        head = f"download {session} {cursor} {latest or version} 5 {upload} {integrated} {query}"
        if self.protocol >= 12:
            head += f" {batch} {estimate}"
        else:
            head += f" {batch} 0"
        self.receive(f"{head} 0 {len(body)} 0\n".encode() + body)

    def query_error(self, version: int, message: str, session: int = 1) -> None:
        self.receive(f"query_error 226 {len(message)} {session} {version}\n{message}")

    def bind_flexible(self, subscribed: SubscribedFile, changeset: bytes) -> None:
        """Plays the server up to the first MARK's echo: version 0 is complete then."""
        assert self.heads() == ["bind 1 37 0 1 0"]
        self.receive("ident 1 7 99\n")
        assert self.heads() == ["ident 1 7 99 0 0 0 0 0 2", "mark 1 1"]
        self.download(0, LAST, version=1, entries=[entry(1, 0, changeset)])
        self.receive("mark 1 1\n")
        assert subscribed.states()[0] == COMPLETE

    def news(self) -> list[str]:
        """Heads of what is to be sent now, without UPLOADs that only tell what has come."""
        return [head for head in self.heads() if not head.startswith("upload 1 0 0 ")]

    def queries(self) -> list[tuple[int, Any]]:
        """Version and body of the QUERYs that are to be sent now; nothing but MARKs beside them."""
        sent = []
        for message in self.take():
            kind, _, *rest = words(message)
            if kind == "query":
                sent.append((int(rest[0]), json.loads(message.partition(b"\n")[2])))
            else:
                assert kind == "mark" or message.startswith(b"upload 1 0 0 "), message
        return sent
