"""Flexible realms through the public API, with a server that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import realmsync
from devices import LIMIT, Device, session_of
from flexible_server import STRING, FlexibleServer, error
from realmsync import (
    ClientResetConfiguration,
    Progress,
    Realm,
    SubscriptionError,
    SubscriptionSetState,
    SyncConfiguration,
    SyncTimeoutError,
)

COMPLETE = SubscriptionSetState.COMPLETE


class Dog(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str = ""


class Cat(realmsync.Object):
    _id: int = realmsync.primary_key()


@pytest.fixture
def server() -> Iterator[FlexibleServer]:
    server = FlexibleServer({"Dog": {"name": STRING}, "Cat": {}})
    server.objects = {("Dog", 1): {"name": "Rex"}, ("Dog", 2): {"name": "Ike"}, ("Cat", 1): {}}
    yield server
    server.close()


def subscribe(subscriptions: Any, realm: Realm) -> None:
    subscriptions.add(realm.objects(Dog), name="dogs")


def config(device: Device, initial: Any = subscribe, **more: Any) -> dict[str, Any]:
    sync = SyncConfiguration(user=device.user, flexible=True, initial_subscriptions=initial, **more)
    return {"schema": [Dog, Cat], "sync": sync}


def dogs(realm: Realm) -> list[tuple[int, str]]:
    return [(dog._id, dog.name) for dog in realm.objects("Dog")]


async def test_opened_with_what_it_subscribes_to(device: Device) -> None:
    async with Realm.open(config(device)) as realm:
        assert realm.subscriptions.state is COMPLETE and realm.subscriptions.version == 1
        assert dogs(realm) == [(1, "Rex"), (2, "Ike")]
        assert not realm.objects(Cat)


async def test_updates_bring_and_take_objects(device: Device) -> None:
    async with Realm.open(config(device)) as realm:
        subscriptions = realm.subscriptions
        async with subscriptions.update() as updated:
            updated.add(realm.objects(Cat))
            updated.remove_by_name("dogs")
        assert subscriptions.state is COMPLETE and subscriptions.version == 2
        assert not dogs(realm) and [cat._id for cat in realm.objects(Cat)] == [1]
        again = await subscriptions.update(subscribe)
        assert again is subscriptions and len(dogs(realm)) == 2


async def test_a_set_that_is_overtaken(device: Device) -> None:
    async with Realm.open(config(device)) as realm:
        first, second = realm.subscriptions, realm.subscriptions
        first.update_no_wait(lambda updated: updated.add(realm.objects(Cat)))
        second.update_no_wait(lambda updated: updated.remove_by_name("dogs"))
        assert (first.version, second.version) == (2, 3)
        assert await second.wait_for_synchronization(LIMIT) is COMPLETE
        state = await first.wait_for_synchronization(LIMIT)
        assert state is first.state is SubscriptionSetState.SUPERSEDED


async def test_refused(device: Device, server: FlexibleServer) -> None:
    server.refusals["Bad"] = "no such thing"
    async with Realm.open(config(device)) as realm:
        subscriptions = realm.subscriptions
        with pytest.raises(SubscriptionError, match="no such thing") as caught:
            async with subscriptions.update() as updated:
                updated.add(realm.objects(Dog).filtered("name == 'Bad'"))
        assert caught.value.version == 2 and caught.value.code == 1016
        assert subscriptions.state is SubscriptionSetState.ERROR
        assert subscriptions.error == "no such thing"
        with pytest.raises(SubscriptionError):
            await subscriptions.wait_for_synchronization()
        assert await session_of(realm).download_all_server_changes(LIMIT)
        assert len(dogs(realm)) == 2
        await subscriptions.update(lambda updated: updated.remove_all())
        assert subscriptions.state is COMPLETE and not dogs(realm)


async def test_an_opening_whose_subscriptions_are_refused(
    device: Device, server: FlexibleServer
) -> None:
    """The Node SDK leaves it pending (facts 5)."""
    server.refusals["Dog"] = "no dogs here"
    with pytest.raises(SubscriptionError, match="no dogs here"):
        await Realm.open(config(device))
    with pytest.raises(SubscriptionError, match="no dogs here") as caught:
        await Realm.open(config(device))  # asks again, as nothing is in force
    assert caught.value.version == 2

    def corrected(subscriptions: Any, realm: Realm) -> None:
        assert not subscriptions, "nothing of what was refused is left"
        subscriptions.add(realm.objects(Cat))

    async with Realm.open(config(device, corrected)) as realm:
        assert realm.subscriptions.state is COMPLETE and len(realm.objects(Cat)) == 1


async def test_an_opening_after_a_refused_update(
    device: Device, server: FlexibleServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It has not asked for that set, and goes on with the one in force."""
    server.refusals["Cat"] = "no cats here"
    async with Realm.open(config(device)) as realm:
        with pytest.raises(SubscriptionError, match="no cats here"):
            await realm.subscriptions.update(lambda updated: updated.add(realm.objects(Cat)))
        await session_of(realm).shut_down_and_wait(LIMIT)
    async with Realm.open(config(device)) as realm:
        assert realm.subscriptions.state is SubscriptionSetState.ERROR and len(dogs(realm)) == 2
        assert "no cats here" in caplog.text
        await session_of(realm).shut_down_and_wait(LIMIT)
    async with Realm.open(config(device, rerun_on_open=True)) as realm:
        assert realm.subscriptions.state is COMPLETE, "made of the set in force"
        assert [each.name for each in realm.subscriptions] == ["dogs"]


async def test_subscribe_waits_for_a_new_query(device: Device) -> None:
    async with Realm.open(config(device, None)) as realm:
        found = await realm.objects(Dog).subscribe("all")
        assert len(found) == 2
        await realm.objects(Cat).subscribe(behavior="always", timeout=LIMIT)
        assert len(realm.objects(Cat)) == 1
        found.unsubscribe()
        await realm.subscriptions.wait_for_synchronization(LIMIT)
        assert not dogs(realm)


async def test_writes_go_up_and_asymmetric_ones_are_gone(
    device: Device, server: FlexibleServer
) -> None:
    server.asymmetric.add("Sent")
    sent = {"name": "Sent", "asymmetric": True, "primaryKey": "_id", "properties": {"_id": "int"}}
    opened = config(device)
    opened["schema"].append(sent)
    async with Realm.open(opened) as realm:
        with realm.write():
            realm.create(Dog, {"_id": 3, "name": "Max"})
            assert realm.create_many("Sent", {"_id": list(range(5))}) == 5
        assert await session_of(realm).upload_all_local_changes(LIMIT)
        assert ("Dog", 3) in server.objects
        assert {("Sent", key) for key in range(5)} <= set(server.objects)
        assert len(dogs(realm)) == 3


async def test_progress_ends_with_what_can_be_read(device: Device) -> None:
    seen: list[tuple[float, int]] = []
    async with Realm.open(config(device, None)) as realm:

        def report(progress: Progress) -> None:
            seen.append((progress.estimate, len(realm.objects(Dog))))

        session_of(realm).add_progress_notification("download", "reportIndefinitely", report)
        await realm.objects(Dog).subscribe(timeout=LIMIT)
        await asyncio.sleep(0)
        assert seen and seen[-1] == (1.0, 2)


async def test_a_late_server(device: Device, server: FlexibleServer) -> None:
    server.on_bind = lambda session: []  # it says nothing
    opening = {"type": "downloadBeforeOpen", "time_out": 0.2}
    behavior = realmsync.OpenRealmBehaviorConfiguration(
        **opening,  # type: ignore[arg-type]
        time_out_behavior="openLocalRealm",
    )
    async with Realm.open(config(device, new_realm_file_behavior=behavior)) as realm:
        with pytest.raises(SyncTimeoutError):
            await realm.subscriptions.wait_for_synchronization(0.1)
        assert realm.subscriptions.state is SubscriptionSetState.PENDING


@pytest.mark.parametrize("recovers", [True, False])
async def test_a_client_reset(device: Device, server: FlexibleServer, recovers: bool) -> None:
    """The set in force comes along; what was pending is sent afterwards, or dropped (14)."""
    mode = "recoverUnsyncedChanges" if recovers else "discardUnsyncedChanges"
    done: asyncio.Future[list[tuple[int, str]]] = asyncio.get_running_loop().create_future()
    reset = ClientResetConfiguration(
        mode=mode,  # type: ignore[arg-type]
        on_after=lambda before, after: done.set_result(dogs(after)),
    )
    async with Realm.open(config(device, client_reset=reset)) as realm:
        subscriptions = realm.subscriptions
        session = session_of(realm)
        session.pause()
        with realm.write():
            realm.create(Dog, {"_id": 9, "name": "mine"})
        subscriptions.update_no_wait(lambda updated: updated.add(realm.objects(Cat)))
        server.objects["Dog", 1] = {"name": "theirs"}
        server.on_bind = lambda session: [error(session, 208, "ClientReset")]
        session.resume()
        kept = await asyncio.wait_for(done, LIMIT)
        assert sorted(kept)[:2] == [(1, "theirs"), (2, "Ike")]
        assert ((9, "mine") in kept) == recovers
        state = await subscriptions.wait_for_synchronization(LIMIT)
        assert state is (COMPLETE if recovers else SubscriptionSetState.SUPERSEDED)
        assert realm.subscriptions.version == (2 if recovers else 1)
        await session.upload_all_local_changes(LIMIT)
        await session.download_all_server_changes(LIMIT)
        assert (("Dog", 9) in server.objects) == recovers
        assert [bind["sessionReason"] for bind in server.binds] == [0, 0, 1, 1]
