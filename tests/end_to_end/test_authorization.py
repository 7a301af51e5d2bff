"""The operator's function decides who may use which partition: through the public API, with the
clients of this package (server-behaviour.md section 13)."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from devices import LIMIT, Device, add, session_of, world
from realmsync import IllegalOperationError, Realm, SyncSession
from realmsync.errors import SyncError
from realmsync.server.authorization import AuthorizationRequest, Permission


class Rules:
    """Everybody reads and writes his own partition; what is in `shared` is said there."""

    def __init__(self) -> None:
        self.shared: dict[object, Permission | str] = {}
        self.asked: Counter[object] = Counter()

    def __call__(self, request: AuthorizationRequest) -> Permission | str:
        self.asked[request.partition] += 1
        if request.partition == request.user_id:
            return Permission.WRITE
        return self.shared.get(request.partition, Permission.NONE)


class Told:
    """The errors of a realm's session."""

    def __init__(self) -> None:
        self.errors: asyncio.Queue[SyncError] = asyncio.Queue()

    def __call__(self, _: SyncSession, error: SyncError) -> None:
        self.errors.put_nowait(error)

    async def next(self) -> SyncError:
        return await asyncio.wait_for(self.errors.get(), LIMIT)


async def uploaded(realm: Realm) -> None:
    assert await session_of(realm).upload_all_local_changes(LIMIT)


async def downloaded(realm: Realm) -> None:
    assert await session_of(realm).download_all_server_changes(LIMIT)


async def opened_local(device: Device, partition: str, told: Told) -> Realm:
    """Without waiting for the server."""
    return Realm(device.config(partition, on_error=told))


async def test_users_reach_their_own_partitions_alone(tmp_path: Path) -> None:
    async with world(tmp_path, authorize=Rules()) as at:
        ada, eve = await at.device(), await at.device()
        async with ada.open(ada.user.id) as realm:
            add(realm, 1)
            await uploaded(realm)
        told = Told()
        with await opened_local(eve, ada.user.id, told) as realm:
            error = await told.next()
            assert error.code == 1037 and error.is_fatal
            assert "may not read" in str(error)
            assert len(realm.objects("Dog")) == 0
        async with eve.open(eve.user.id) as realm:
            add(realm, 2)
            await uploaded(realm)


async def test_a_reader_reads_and_keeps_what_he_wrote_in_vain(tmp_path: Path) -> None:
    rules = Rules()
    async with world(tmp_path, authorize=rules) as at:
        ada, eve = await at.device(), await at.device()
        rules.shared["news"] = "write"
        async with ada.open("news") as writer:
            add(writer, 1)
            await uploaded(writer)
            rules.shared["news"] = "read"
            told = Told()
            async with eve.open("news", on_error=told) as reader:
                assert len(reader.objects("Dog")) == 1
                add(reader, 2)
                error = await told.next()
                assert error.code == 1037 and "only read" in str(error)
                assert len(reader.objects("Dog")) == 2
            add(writer, 3)  # his session keeps what it was allowed
            await uploaded(writer)
            assert len(writer.objects("Dog")) == 2


async def test_reauthorize_ends_the_sessions_of_a_user(tmp_path: Path) -> None:
    rules = Rules()
    rules.shared["news"] = "write"
    async with world(tmp_path, authorize=rules) as at:
        ada, eve = await at.device(), await at.device()
        told_ada, told_eve = Told(), Told()
        async with (
            ada.open("news", on_error=told_ada) as one,
            eve.open("news", on_error=told_eve) as other,
        ):
            rules.shared["news"] = "none"
            at.server.reauthorize(eve.user.id)
            assert (await told_eve.next()).code == 1037
            add(one, 1)
            await uploaded(one)
            assert len(other.objects("Dog")) == 0
            at.server.reauthorize()
            assert (await told_ada.next()).code == 1037


async def test_a_coroutine_may_decide_and_questions_of_others_overtake_it(tmp_path: Path) -> None:
    slow = asyncio.Event()

    async def decide(request: AuthorizationRequest) -> str:
        if request.partition == "slow":
            await slow.wait()
        return "write"

    async with world(tmp_path, authorize=decide, authorize_timeout=LIMIT) as at:
        ada, eve = await at.device(), await at.device()
        waiting = [asyncio.ensure_future(_open(ada, "slow")) for _ in range(3)]
        async with eve.open("fast") as realm:
            add(realm, 1)
            await uploaded(realm)
        assert not any(task.done() for task in waiting)
        slow.set()
        await asyncio.gather(*waiting)


async def _open(device: Device, partition: str) -> None:
    async with device.open(partition):
        pass


async def never(_: AuthorizationRequest) -> str:
    await asyncio.Event().wait()
    return "write"


def raises(_: AuthorizationRequest) -> str:
    raise LookupError("the table of rules\nis empty")


def misspells(_: AuthorizationRequest) -> str:
    return "wirte"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (never, "no answer in 0.2 s"),
        (raises, r"LookupError: the table of rules\nis empty"),
        (misspells, "'wirte' is not a valid Permission"),
    ],
)
async def test_who_cannot_be_decided_about_tries_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, function: object, reason: str
) -> None:
    rules = {"decide": function}
    asked = asyncio.Event()

    def decide(request: AuthorizationRequest) -> object:
        asked.set()
        return rules["decide"](request)  # type: ignore[operator]

    async with world(tmp_path, authorize=decide, authorize_timeout=0.2) as at:
        device = await at.device()
        told = Told()
        with await opened_local(device, "p", told) as realm:
            add(realm, 1)
            await asyncio.wait_for(asked.wait(), LIMIT)
            rules["decide"] = lambda _: "write"
            await uploaded(realm)
        assert told.errors.empty(), "an app hears nothing of what will pass"
        assert reason in caplog.text


async def test_a_server_without_a_function_has_nobody_to_ask(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        with pytest.raises(IllegalOperationError):
            at.server.reauthorize()


async def test_a_flood_of_questions_delays_nobody_else(tmp_path: Path) -> None:
    rules = Rules()
    async with world(tmp_path, authorize=rules) as at:
        eve, ada = await at.device(), await at.device()
        realms = [await opened_local(eve, f"foreign {n}", Told()) for n in range(200)]
        async with ada.open(ada.user.id) as realm:
            add(realm, 1)
            await uploaded(realm)
        for realm in realms:
            realm.close()
    assert at.server.config.authorize is rules and rules.asked[ada.user.id] >= 1
