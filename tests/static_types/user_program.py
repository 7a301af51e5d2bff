"""A program as a user with a strict type checker writes it. Never run: its types are the test.

Every name comes from where the documentation imports it. `assert_type` states what an editor shows.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from typing_extensions import assert_type

import realmsync
from realmsync import (
    App,
    Condition,
    ConnectionState,
    Credentials,
    Expression,
    Field,
    ProgressDirection,
    ProgressMode,
    Realm,
    Results,
    SessionState,
    SyncConfiguration,
    SyncError,
    User,
    backlinks,
)
from realmsync.sync import (
    ClientResetConfiguration,
    OpenRealmBehaviorConfiguration,
    OpenRealmTask,
    Progress,
    SyncSession,
)
from realmsync.testing import run_server

FILE = "tasks.realm"


class Owner(realmsync.EmbeddedObject):
    name: str


class Task(realmsync.Object):
    _id: int = realmsync.primary_key()
    title: str
    done: bool = False
    due: datetime | None
    tags: list[str]
    owner: Owner | None


def in_words(user: User) -> SyncConfiguration:
    """Realm's strings, with which editors complete."""
    at_once = OpenRealmBehaviorConfiguration(type="openImmediately")
    reset = ClientResetConfiguration(mode="discardUnsyncedChanges")
    configuration = SyncConfiguration(user=user, partition_value=1, session_stop_policy="never")
    return replace(configuration, new_realm_file_behavior=at_once, client_reset=reset)


def on_progress(progress: Progress) -> None:
    assert_type(progress.transferred, int)
    assert_type(progress.estimate, float)


async def log_in(url: str, folder: Path) -> tuple[App, User]:
    app = App("tasks", base_url=url, base_file_path=folder)
    user = await app.log_in(Credentials.anonymous())
    assert_type(user, User)
    return app, user


async def work(user: User) -> None:
    configuration = SyncConfiguration(user=user, partition_value="home")
    opening = Realm.open(schema=[Task, Owner], sync=configuration)
    assert_type(opening.progress(on_progress), OpenRealmTask)
    opening.cancel()
    one = asyncio.create_task(Realm.open(schema=[Task, Owner], sync=configuration))
    assert_type(await asyncio.wait_for(one, 10), Realm)
    async with Realm.open(schema=[Task, Owner], sync=configuration) as realm:
        assert_type(realm, Realm)
        async with realm.write():
            task = realm.create(Task, {"_id": 1, "title": "Water the plants"}, "modified")
        assert_type(task, Task)
        assert_type(task.title, str)
        assert_type(task.due, datetime | None)
        found = realm.object_for_primary_key(Task, 1)
        assert_type(found, Task | None)
        assert_type([t.done for t in realm.objects(Task)], list[bool])

        session = realm.sync_session
        assert_type(session, SyncSession | None)
        assert session is not None, "it synchronises"
        assert_type(session.state, SessionState)
        assert_type(session.connection_state, ConnectionState)
        assert_type(await session.upload_all_local_changes(timeout=10), bool)
        session.add_progress_notification(
            ProgressDirection.UPLOAD, ProgressMode.REPORT_INDEFINITELY, on_progress
        )
        with session.paused(), realm.write():
            finish(task)
            realm.delete(task)
        show(realm, realm.objects(Task))
        session.pause()
        await user.log_out()


def finish(task: Task) -> None:
    task.done = True
    task.title = task.title.upper()
    print(task.tags)


def show(realm: Realm, tasks: Results[Task]) -> Results[Task]:
    print(len(tasks), realm.is_empty)
    return realm.objects(Task)


class Step(realmsync.Object):
    """Its attributes are fields of queries to type checkers, too."""

    _id: Field[int] = realmsync.primary_key()
    title: Field[str]
    done: Field[bool | None]
    rank: int
    weight: Field[float | None]
    tags: Field[list[str]]
    marks: Field[dict[str, int]]
    parts: Field[list[Step]]
    next: Field[Step | None]


def ask(realm: Realm, step: Step) -> Results[Step]:
    assert_type(step.title, str)
    assert_type(step.next, Step | None)
    assert_type(Step.title, Field[str])
    assert_type(Step.title == "x", Condition)
    assert_type(Step.tags.any(), Field[str])
    assert_type(Step.marks.all(), Field[int])
    assert_type(Step.parts.count(Step.done | (Step.weight < 1)), Expression[int])
    step.weight = 2.5
    steps = realm.objects(Step)
    assert_type(steps.filtered("title == $0", "x"), Results[Step])
    print(steps.where(Step.done), steps.where(Step.rank > 3), steps.sum(Step.weight))
    found = steps.where(
        Step.title.begins_with("a", ignore_case=True) & ~Step.done,
        Step.weight > 3,
        Step.weight.between(1, 2) | Step.title.contains("x"),
        Step.next.title == "x",
        Step.next == step,
        Step.parts.weight.max() + 1 > Step.weight,
        Step.parts.any().title.in_(["a", "b"]),
        backlinks(Step.parts).count() == 0,
    )
    return found.sorted(Step.weight, (Step.title, True)).distinct("title").limit(5)


def look(folder: Path) -> bool:
    with Realm(path=FILE, schema=[Task, Owner], durability="process") as realm:
        assert_type(realm, Realm)
    return Realm.exists(path=folder / FILE)


async def main() -> None:
    with run_server() as server:
        app, user = await log_in(server.url, Path())
        try:
            await work(user)
        except SyncError as error:
            assert_type(error.code, int | None)
        await app.close()


if __name__ == "__main__":
    asyncio.run(main())
