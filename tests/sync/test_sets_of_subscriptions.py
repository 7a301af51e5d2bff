"""Subscriptions through the public API, as far as no server is needed: nobody answers here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from devices import Device, session_of, world
from realmsync import (
    DownloadPhase,
    Realm,
    SubscriptionSetState,
    SyncConfiguration,
    SyncOperationAborted,
    SyncTimeoutError,
    WaitForSync,
)
from realmsync.errors import (
    ArgumentTypeError,
    IllegalOperationError,
    InvalidArgumentError,
    MismatchedConfigError,
    NoSubscriptionForWriteError,
    NoSuchTableError,
    ObjectAlreadyExistsError,
    SchemaValidationError,
    WrongTransactionStateError,
)
from realmsync.sync import OpenRealmBehaviorConfiguration, OpenRealmBehaviorType

AT_ONCE = OpenRealmBehaviorConfiguration(type=OpenRealmBehaviorType.OPEN_IMMEDIATELY)
PENDING = SubscriptionSetState.PENDING


class Dog(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str = ""
    friend: Dog | None = None


class Cat(realmsync.Object):
    _id: int = realmsync.primary_key()
    prey: Dog | None = None


MEASURED = {
    "name": "Measured",
    "asymmetric": True,
    "primaryKey": "_id",
    "properties": {"_id": "int", "value": "double?"},
}


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Device]:
    """A user's device whose server cannot be reached any more."""
    async with world(tmp_path) as at:
        device = await at.device()
        async with at.server_unreachable():
            yield device


def settings(device: Device, **more: Any) -> SyncConfiguration:
    return SyncConfiguration(
        user=device.user,
        flexible=True,
        new_realm_file_behavior=AT_ONCE,
        existing_realm_file_behavior=AT_ONCE,
        **more,
    )


@pytest.fixture
async def realm(device: Device) -> AsyncIterator[Realm]:
    async with Realm(schema=[Dog, Cat, MEASURED], sync=settings(device)) as realm:
        yield realm


def shown(realm: Realm) -> list[tuple[str | None, str, str]]:
    return [(s.name, s.object_type, s.query_string) for s in realm.subscriptions]


def subscribe_to_dogs(subscriptions: Any, realm: Realm) -> None:
    subscriptions.add(realm.objects(Dog), name="dogs")


async def test_a_fresh_realm(realm: Realm, device: Device) -> None:
    subscriptions = realm.subscriptions
    assert subscriptions.version == 0 and subscriptions.is_empty and len(subscriptions) == 0
    assert session_of(realm).download_phase is DownloadPhase.WAITING
    assert subscriptions.state is PENDING and subscriptions.error is None
    assert realm.path.endswith("flx_sync_default.realm")


async def test_an_update_makes_a_version(realm: Realm) -> None:
    subscriptions = realm.subscriptions
    with subscriptions.update() as updated:
        first = updated.add(realm.objects(Dog).filtered("name == 'Rex'"))
        named = updated.add(realm.objects(Dog).sorted("name").limit(3), name="all")
        assert updated.add(realm.objects(Dog).filtered("name == 'Rex'")).id == first.id
        assert len(updated) == 2
    assert subscriptions.version == 1 and subscriptions.state is PENDING
    assert shown(realm) == [(None, "Dog", 'name == "Rex"'), ("all", "Dog", "TRUEPREDICATE")]
    assert subscriptions.find_by_name("all") == named
    assert subscriptions.find_by_query(realm.objects(Dog)) == named
    assert subscriptions.find_by_name("none") is None
    assert named.created_at == named.updated_at and named.created_at.tzinfo is not None


async def test_every_way_to_remove(realm: Realm) -> None:
    dogs, cats = realm.objects(Dog), realm.objects(Cat)
    subscriptions = realm.subscriptions

    def fill(updated: Any) -> None:
        updated.remove_all()
        updated.add(dogs)
        updated.add(dogs, name="")
        updated.add(cats, name="cats")

    assert subscriptions.update_no_wait(fill) is subscriptions
    with subscriptions.update() as updated:
        assert updated.remove(dogs) and updated.remove(dogs) and not updated.remove(dogs)
    assert shown(realm) == [("cats", "Cat", "TRUEPREDICATE")]
    subscriptions.update_no_wait(fill)
    with subscriptions.update() as updated:
        assert updated.remove_unnamed() == 1
        assert updated.remove_by_name("") and not updated.remove_by_name("")
        (last,) = updated
        assert updated.remove_subscription(last) and not updated.remove_subscription(last)
    subscriptions.update_no_wait(fill)
    with subscriptions.update() as updated:
        assert updated.remove_by_object_type(Dog) == 2
        assert updated.remove_by_object_type("Cat") == 1
        assert updated.remove_all() == 0
    assert realm.subscriptions.is_empty


async def test_an_exception_undoes_and_lets_others_write(realm: Realm) -> None:
    """The Node SDK keeps its lock (facts 25)."""
    subscriptions = realm.subscriptions
    with pytest.raises(ZeroDivisionError), subscriptions.update() as updated:
        updated.add(realm.objects(Dog))
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        await subscriptions.update(lambda updated: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        async with subscriptions.update():
            raise ZeroDivisionError
    assert realm.subscriptions.version == 0
    with realm.write():
        realm.delete_all()
    subscriptions.update_no_wait(lambda updated: updated.add(realm.objects(Dog)))
    assert subscriptions.version == 1


async def test_names_that_shall_not_change(realm: Realm) -> None:
    subscriptions = realm.subscriptions
    subscriptions.update_no_wait(lambda updated: subscribe_to_dogs(updated, realm))
    with (
        pytest.raises(InvalidArgumentError, match="'dogs' already exists but has a different"),
        subscriptions.update() as updated,
    ):
        updated.add(realm.objects(Dog), name="dogs", throw_on_update=True)  # the same
        updated.add(realm.objects(Cat), name="dogs", throw_on_update=True)
    assert realm.subscriptions.version == 1


async def test_a_set_that_was_made_is_of_no_use(realm: Realm) -> None:
    with realm.subscriptions.update() as updated:
        pass
    with pytest.raises(WrongTransactionStateError, match="Not a write transaction"):
        updated.add(realm.objects(Dog))
    with pytest.raises(WrongTransactionStateError):
        len(updated)


async def test_an_update_writes_no_objects(realm: Realm) -> None:
    realm.subscriptions.update_no_wait(lambda updated: subscribe_to_dogs(updated, realm))
    with realm.subscriptions.update():
        for write in (
            lambda: realm.create(Dog, {"_id": 1}),
            lambda: realm.create_many(Dog, [{"_id": 1}]),
            lambda: realm.begin_transaction(),
        ):
            with pytest.raises(WrongTransactionStateError):
                write()
    assert realm.subscriptions.version == 2 and len(realm.objects(Dog)) == 0


async def test_what_cannot_be_subscribed_to(realm: Realm) -> None:
    realm.subscriptions.update_no_wait(lambda updated: subscribe_to_dogs(updated, realm))
    with realm.write():
        dog = realm.create(Dog, {"_id": 1})
    with realm.subscriptions.update() as updated:
        for results, error in (
            (Dog, ArgumentTypeError),
            ("Dog", ArgumentTypeError),
            (dog, ArgumentTypeError),
            (realm.objects(Dog).limit(1).filtered("name == 'x'"), IllegalOperationError),
        ):
            with pytest.raises(error):
                updated.add(results)
        with pytest.raises(ArgumentTypeError):
            updated.add(realm.objects(Dog), name=3)  # type: ignore[arg-type]


async def test_updates_of_many_realms(realm: Realm, device: Device) -> None:
    """Each is made of the latest set, whoever made that."""
    with Realm(schema=[Dog, Cat], sync=settings(device)) as other:
        mine, theirs = realm.subscriptions, other.subscriptions
        mine.update_no_wait(lambda updated: updated.add(realm.objects(Dog), name="a"))
        theirs.update_no_wait(lambda updated: updated.add(other.objects(Dog), name="b"))
        assert [name for name, *_ in shown(realm)] == ["a", "b"]
        assert mine.version == 1 and theirs.version == 2
        assert mine.state is PENDING


async def test_offline_it_stays_pending(realm: Realm) -> None:
    subscriptions = realm.subscriptions
    update = asyncio.create_task(
        subscriptions.update(lambda updated: subscribe_to_dogs(updated, realm))
    )
    with pytest.raises(SyncTimeoutError):
        await subscriptions.wait_for_synchronization(timeout=0.1)
    assert subscriptions.state is PENDING and subscriptions.version == 1
    assert not update.done()
    session_of(realm).pause()
    with pytest.raises(SyncOperationAborted, match="Sync session became inactive"):
        await update
    assert subscriptions.state is PENDING


async def test_subscribe_and_unsubscribe(realm: Realm) -> None:
    named = await realm.objects(Dog).subscribe("dogs", behavior="never")
    assert named.subscription_name == "dogs" and realm.subscriptions.version == 1
    again = realm.objects(Dog)
    assert await again.subscribe() is again  # the query is there: nothing to wait for
    await realm.objects(Cat).subscribe(timeout=0.05)
    await realm.objects(Cat).subscribe(behavior=WaitForSync.ALWAYS, timeout=0.05)
    assert shown(realm) == [
        ("dogs", "Dog", "TRUEPREDICATE"),
        (None, "Dog", "TRUEPREDICATE"),
        (None, "Cat", "TRUEPREDICATE"),
    ]
    named.unsubscribe()
    realm.objects(Dog).unsubscribe()
    assert shown(realm) == [(None, "Cat", "TRUEPREDICATE")]
    realm.objects(Dog).unsubscribe()  # which makes a version, too
    assert realm.subscriptions.version == 7
    with pytest.raises(InvalidArgumentError):
        await realm.objects(Dog).subscribe(behavior="sometimes")  # type: ignore[arg-type]


async def test_the_guard(realm: Realm) -> None:
    text = "Cannot write to class Dog when no flexible sync subscription has been created."
    with realm.write():
        with pytest.raises(NoSubscriptionForWriteError) as caught:
            realm.create(Dog, {"_id": 1})
        assert str(caught.value) == text
        with pytest.raises(NoSubscriptionForWriteError):
            realm.create_many(Dog, [{"_id": 1}])
    realm.subscriptions.update_no_wait(lambda updated: updated.add(realm.objects(Cat)))
    with realm.write():
        realm.create(Cat, {"_id": 1})
        with pytest.raises(NoSubscriptionForWriteError, match=text):
            realm.create(Cat, {"_id": 2, "prey": {"_id": 1}})  # through a link
    assert [cat._id for cat in realm.objects(Cat)] == [1] and not realm.objects(Dog)
    realm.subscriptions.update_no_wait(lambda updated: updated.remove_all())
    with realm.write():
        (cat,) = realm.objects(Cat)
        cat.prey = None
        realm.delete(cat)
        with pytest.raises(NoSubscriptionForWriteError):
            realm.create_many(Cat, {"_id": [7]})


async def test_asymmetric_objects_are_sent_and_gone(realm: Realm) -> None:
    with realm.write():
        assert realm.create("Measured", {"_id": 1, "value": 2.0}) is None
        with pytest.raises(ObjectAlreadyExistsError, match="existing primary key value '1'"):
            realm.create("Measured", {"_id": 1})
        assert realm.create_many("Measured", {"_id": [2, 3], "value": [1.0, 2.0]}) == 2
    assert realm.create_many("Measured", [{"_id": 1}, {"_id": 9}]) == 2  # again
    assert session_of(realm).has_unsynced_changes
    for read in (
        lambda: realm.objects("Measured"),
        lambda: realm.object_for_primary_key("Measured", 1),
    ):
        with pytest.raises(IllegalOperationError, match="You cannot query an asymmetric object"):
            read()
    assert realm.is_empty
    with realm.write():
        realm.delete_all()


@pytest.mark.parametrize("flexible", [None, False])
async def test_asymmetric_classes_need_flexible_sync(
    device: Device, flexible: bool | None, tmp_path: Path
) -> None:
    sync = None if flexible is None else SyncConfiguration(user=device.user, partition_value="p")
    with pytest.raises(SchemaValidationError, match="Asymmetric class 'Measured' needs flexible"):
        Realm(path=tmp_path / "other.realm", schema=[MEASURED], sync=sync)


async def test_initial_subscriptions(device: Device) -> None:
    calls: list[int] = []

    def begin(subscriptions: Any, realm: Realm) -> None:
        calls.append(len(subscriptions))
        subscriptions.add(realm.objects(Dog), name="dogs")

    sync = settings(device, initial_subscriptions=begin)
    with Realm(schema=[Dog, Cat], sync=sync) as realm:
        assert calls == [0] and realm.subscriptions.version == 1
        with Realm(schema=[Dog, Cat], sync=sync):
            assert calls == [0]
        realm.subscriptions.update_no_wait(lambda updated: updated.remove_all())
    async with Realm.open(schema=[Dog, Cat], sync=sync) as realm:
        assert calls == [0] and realm.subscriptions.version == 2
        await session_of(realm).shut_down_and_wait()
    again = settings(device, initial_subscriptions=begin, rerun_on_open=True)
    async with Realm.open(schema=[Dog, Cat], sync=again) as realm:
        assert calls == [0, 0] and realm.subscriptions.version == 3
        async with Realm.open(schema=[Dog, Cat], sync=again):
            assert calls == [0, 0]


async def test_initial_subscriptions_that_raise(device: Device) -> None:
    sync = settings(device, initial_subscriptions=lambda subscriptions: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Realm(schema=[Dog], sync=sync)
    with pytest.raises(ZeroDivisionError):
        await Realm.open(schema=[Dog], sync=sync)
    with Realm(schema=[Dog, Cat], sync=settings(device)) as realm:
        assert realm.subscriptions.version == 0


async def test_an_opening_waits_for_them(device: Device) -> None:
    late = OpenRealmBehaviorConfiguration(
        type="downloadBeforeOpen", time_out=0.1, time_out_behavior="throwException"
    )
    sync = SyncConfiguration(user=device.user, flexible=True, new_realm_file_behavior=late)
    with pytest.raises(SyncTimeoutError, match="could not be downloaded in the allocated time"):
        await Realm.open(schema=[Dog], sync=sync)


@pytest.mark.parametrize(
    ("fields", "error", "text"),
    [
        ({"flexible": True, "partition_value": 1}, InvalidArgumentError, "remove 'flexible' and"),
        ({}, ArgumentTypeError, "'partition_value' is required"),
        (
            {"partition_value": 1, "initial_subscriptions": print},
            InvalidArgumentError,
            "'initial_subscriptions' can only be specified when flexible sync is enabled",
        ),
        ({"flexible": 1}, ArgumentTypeError, "flexible"),
        ({"flexible": True, "initial_subscriptions": 3}, ArgumentTypeError, "initial_subs"),
    ],
)
async def test_configurations(
    device: Device, fields: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        SyncConfiguration(user=device.user, **fields)


async def test_realms_without_subscriptions(device: Device, tmp_path: Path) -> None:
    with (
        Realm(path=tmp_path / "local.realm", schema=[Dog]) as local,
        pytest.raises(IllegalOperationError, match="not synchronised"),
    ):
        _ = local.subscriptions
    partition = SyncConfiguration(user=device.user, partition_value="p")
    with (
        Realm(schema=[Dog], sync=partition) as synced,
        pytest.raises(IllegalOperationError, match="partition based sync is currently enabled"),
    ):
        _ = synced.subscriptions


@pytest.mark.parametrize("flexible_first", [True, False])
async def test_one_file_has_one_mode(device: Device, tmp_path: Path, flexible_first: bool) -> None:
    path = tmp_path / "one.realm"
    modes = [settings(device), SyncConfiguration(user=device.user, partition_value="p")]
    first, second = modes if flexible_first else modes[::-1]
    with (
        Realm(path=path, schema=[Dog], sync=first),
        pytest.raises(MismatchedConfigError, match="different synchronization mode"),
    ):
        Realm(path=path, schema=[Dog], sync=second)


async def test_copies(realm: Realm, device: Device, tmp_path: Path) -> None:
    """Flexible realms are copied to flexible and to local ones, and nothing becomes flexible."""
    realm.subscriptions.update_no_wait(lambda updated: subscribe_to_dogs(updated, realm))
    schema = [Dog, Cat]
    realm.write_copy_to(path=tmp_path / "local.realm", schema=schema)
    with Realm(path=tmp_path / "local.realm", schema=schema) as local:
        text = "unless flexible sync is already enabled"
        with pytest.raises(MismatchedConfigError, match=text):
            local.write_copy_to(path=tmp_path / "c.realm", schema=schema, sync=settings(device))
    partition = SyncConfiguration(user=device.user, partition_value="p")
    with pytest.raises(MismatchedConfigError, match="from a flexible sync realm to a partition"):
        realm.write_copy_to(path=tmp_path / "c.realm", schema=schema, sync=partition)


async def test_what_is_no_name_or_class_or_subscription(device: Device) -> None:
    with Realm(schema=[Dog, Cat], sync=settings(device)) as realm:
        with pytest.raises(ArgumentTypeError, match="'name' to be a str, got 5"):
            realm.subscriptions.find_by_name(5)  # type: ignore[arg-type]
        with realm.subscriptions.update_no_wait() as updated:
            updated.add(realm.objects(Dog), name="dogs")
            with pytest.raises(ArgumentTypeError, match="'name' to be a str, got 5"):
                updated.remove_by_name(5)  # type: ignore[arg-type]
            with pytest.raises(ArgumentTypeError, match="Expected a Subscription, got None"):
                updated.remove_subscription(None)  # type: ignore[arg-type]
            with pytest.raises(ArgumentTypeError, match="one of type 'int'"):
                updated.remove_by_object_type(5)  # type: ignore[arg-type]
            with pytest.raises(NoSuchTableError, match="Object type 'Dgo' not found"):
                updated.remove_by_object_type("Dgo")
            assert updated.remove_by_object_type("Cat") == 0
            assert updated.remove_by_object_type(Dog) == 1


async def test_how_sets_show_themselves(device: Device) -> None:
    def begin(subscriptions: realmsync.MutableSubscriptionSet, realm: Realm) -> None:
        assert repr(subscriptions) == "<MutableSubscriptionSet: 0 subscriptions>"
        subscriptions.add(realm.objects(Dog))
        assert repr(subscriptions) == "<MutableSubscriptionSet: 1 subscription>"
        kept.append(subscriptions)

    kept: list[realmsync.MutableSubscriptionSet] = []
    with Realm(schema=[Dog], sync=settings(device, initial_subscriptions=begin)) as realm:
        subscriptions = realm.subscriptions
        assert repr(subscriptions) == "<SubscriptionSet 1: 1 subscription, pending>"
    assert repr(subscriptions) == "<SubscriptionSet 1: 1 subscription, of a closed realm>"
    assert repr(kept[0]) == "<MutableSubscriptionSet, committed or undone>"


async def test_times_of_waits(device: Device) -> None:
    with Realm(schema=[Dog], sync=settings(device)) as realm:
        subscriptions = realm.subscriptions
        subscriptions.update_no_wait(lambda updated: updated.add(realm.objects(Dog)))
        with pytest.raises(SyncTimeoutError, match="Synchronising subscriptions 1 did not comp"):
            await subscriptions.wait_for_synchronization(0.01)
        with pytest.raises(InvalidArgumentError, match="timeout must not be negative, got -1"):
            await subscriptions.wait_for_synchronization(-1)
