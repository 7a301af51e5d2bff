"""A client as a program of its own, and the handle by which a test gives it orders.

As a program it reads one JSON order per line from stdin, `[method, *arguments]`, carries it out and
answers with one JSON line; it ends with its stdin. Orders are the methods of `Client`. The test's
side is `ClientProgram`; `tables` reads typed tables in a process of its own, since a second copy of
SQLite has no business in a process with open realms.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import realmsync
from realmsync import App, AppConfiguration, Configuration, Credentials, Realm, SyncConfiguration

APP_ID = "tests"
ROOT = Path(__file__).parent.parent
# Seconds for anything that a loaded machine may delay; never reached when all is well.
PATIENCE = 60.0


class Person(realmsync.Object):
    """Of every kind that sync treats differently: scalars, a link, lists of values and of links."""

    _id: int = realmsync.primary_key()
    name: str = ""
    age: int = 0
    best: Person | None
    tags: list[str]
    friends: list[Person]


def as_dict(person: Person) -> dict[str, Any]:
    """A person as JSON; links as keys."""
    return {
        "_id": person._id,
        "name": person.name,
        "age": person.age,
        "best": person.best._id if person.best is not None else None,
        "tags": list(person.tags),
        "friends": [friend._id for friend in person.friends],
    }


def people(realm: Realm) -> dict[int, dict[str, Any]]:
    """All persons by key."""
    return {person._id: as_dict(person) for person in realm.objects(Person)}


def make_app(url: str, folder: Path | str, **settings: Any) -> App:
    """An app with its files in `folder`."""
    return App(AppConfiguration(id=APP_ID, base_url=url, base_file_path=folder, **settings))


async def open_realm(app: App, partition: Any, **settings: Any) -> Realm:
    """A realm of `partition`; opened at once unless the settings say otherwise."""
    user = app.current_user or await app.log_in(Credentials.anonymous())
    at_once = realmsync.OpenRealmBehaviorConfiguration(
        type=realmsync.OpenRealmBehaviorType.OPEN_IMMEDIATELY
    )
    settings.setdefault("new_realm_file_behavior", at_once)
    settings.setdefault("existing_realm_file_behavior", at_once)
    sync = SyncConfiguration(user=user, partition_value=partition, **settings)
    return await Realm.open(Configuration(schema=[Person], sync=sync))


async def settle(*realms: Realm) -> None:
    """Waits until what is written in each is uploaded and then downloaded by all."""
    for realm in realms:
        assert await realm.sync_session.upload_all_local_changes(PATIENCE)
    for realm in realms:
        assert await realm.sync_session.download_all_server_changes(PATIENCE)


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what is bound to happen."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.01)


class Client:
    """What the program can be told to do, with one realm."""

    realm: Realm

    async def open(self, url: str, folder: str, partition: Any) -> str:
        self.app = make_app(url, folder)
        self.realm = await open_realm(self.app, partition)
        self.changes: list[str] = []
        self.realm.sync_session.add_connection_notification(
            lambda new, old: self.changes.append(new.value)
        )
        return str(self.realm.path)

    async def write(self, changes: list[dict[str, Any]], deletes: list[int]) -> None:
        """Makes or updates persons, links given by key, and deletes others; one transaction."""
        realm = self.realm
        with realm.write():
            for values in changes:
                plain = {k: v for k, v in values.items() if k not in ("best", "friends")}
                realm.create(Person, plain, "modified")
            for values in changes:
                person = realm.object_for_primary_key(Person, values["_id"])
                if "best" in values:
                    key = values["best"]
                    person.best = None if key is None else self.find(key)
                if "friends" in values:
                    person.friends = [self.find(key) for key in values["friends"]]
            for key in deletes:
                realm.delete(self.find(key))

    def find(self, key: int) -> Person:
        person = self.realm.object_for_primary_key(Person, key)
        assert person is not None, f"no person {key}"
        return person

    async def upload(self) -> bool:
        return await self.realm.sync_session.upload_all_local_changes(PATIENCE)

    async def download(self) -> bool:
        return await self.realm.sync_session.download_all_server_changes(PATIENCE)

    async def connection_changes(self) -> list[str]:
        """States of the connection since the realm was opened."""
        return self.changes

    async def people(self) -> dict[int, dict[str, Any]]:
        return people(self.realm)

    async def close(self) -> None:
        self.realm.close()
        await self.app.close()

    # Bulk work, with a line of its own after each step.

    async def fill(self, name: int, transactions: int, objects: int) -> None:
        """Adds transactions until there are `transactions`, each with `objects` persons and one
        token appended to the list of person `name`; goes on where an earlier run was stopped."""
        realm, session = self.realm, self.realm.sync_session
        for number in range(await self.filled(name, objects), transactions):
            with realm.write():
                writer = realm.create(Person, {"_id": name}, "modified")
                first = name + 1 + number * objects
                rows = [{"_id": first + i, "name": f"{number}" * 100} for i in range(objects)]
                realm.create_many(Person, rows)
                writer.tags.append(f"{name}-{number}")
            report({"written": number + 1})
            if number % 10 == 9:
                assert await session.upload_all_local_changes(PATIENCE)
                report({"acknowledged": number + 1})
            else:
                await asyncio.sleep(0)

    async def filled(self, name: int, objects: int) -> int:
        """How many transactions of `fill` the file has; they are there entirely or not at all."""
        writer = self.realm.object_for_primary_key(Person, name)
        if writer is None:
            return 0
        tags = list(writer.tags)
        assert tags == [f"{name}-{i}" for i in range(len(tags))], tags
        mine = range(name + 1, name + 1 + 1_000_000)
        count = sum(person._id in mine for person in self.realm.objects(Person))
        assert count == len(tags) * objects, (count, len(tags))
        return len(tags)

    async def follow(self, name: int, transactions: int) -> None:
        """Downloads until `transactions` of `fill` are here, with a line after each change."""
        seen = -1
        while seen < transactions:
            writer = self.realm.object_for_primary_key(Person, name)
            count = 0 if writer is None else len(writer.tags)
            if count != seen:
                seen = count
                report({"seen": seen})
            await asyncio.sleep(0.005)


def report(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


async def serve() -> None:
    client = Client()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        method, *arguments = json.loads(line)
        report({"answer": await getattr(client, method)(*arguments)})


class ClientProgram:
    """A running client program. `tell` gives an order, `answer` waits, `ask` does both."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        )

    def __enter__(self) -> ClientProgram:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def tell(self, method: str, *arguments: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self.process.stdin.flush()

    def reports(self) -> Iterator[dict[str, Any]]:
        """What the program says, until it has answered or is dead."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            yield message
            if "answer" in message:
                return

    def answer(self) -> Any:
        for message in self.reports():
            if "answer" in message:
                return message["answer"]
        raise AssertionError(f"the client program ended with {self.process.wait(PATIENCE)}")

    def ask(self, method: str, *arguments: Any) -> Any:
        self.tell(method, *arguments)
        return self.answer()

    def people(self) -> dict[int, dict[str, Any]]:
        return {int(key): person for key, person in self.ask("people").items()}

    def kill(self) -> None:
        """Ends the program as a crash would, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


QUERY = """
import json, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(json.dumps([db.execute(query).fetchall() for query in sys.argv[2:]]))
"""


def query(path: Path | str, *queries: str) -> list[list[list[Any]]]:
    """Rows of an SQLite database, read by a process of its own."""
    command = [sys.executable, "-c", QUERY, str(path), *queries]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    asyncio.run(serve())
