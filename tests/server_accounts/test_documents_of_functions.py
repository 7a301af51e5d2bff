"""Custom user data as functions read and write them: by filters, with their effect on users.

Specification: app-configuration.md 6.6 and 8.3.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from configured_app import ConfiguredApp
from realmsync.server.accounts.custom_data import (
    CustomData,
    CustomDataCollection,
    collection_of,
    inserting,
)
from realmsync.server.accounts.documents import CustomDocuments
from realmsync.server.accounts.file.custom_data import CollectionName
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.users import Users
from realmsync.server.documents import search
from realmsync.server.documents.filter import Filter
from realmsync.server.documents.values import Work
from realmsync.server.functions.context import Updated
from realmsync.server.process import Server
from sdk_http import SdkHttp

PLACE = "guild", "members"
COLLECTION = CollectionName("app", *PLACE)


@pytest.fixture
async def users(tmp_path: Path) -> AsyncIterator[Users]:
    users = Users(tmp_path / "users.sqlite")
    await users.open()
    yield users
    await users.close()


@pytest.fixture
def documents(users: Users) -> CustomDocuments:
    return CustomDocuments(lambda: CustomDataCollection(users, COLLECTION, "user"))


async def all_of(documents: CustomDocuments) -> list[dict[str, Any]]:
    return await documents.find(*PLACE, {})


async def test_documents_are_kept(documents: CustomDocuments) -> None:
    assert await documents.insert(*PLACE, {"_id": 1, "user": "ada", "n": 1}) == 1
    made = await documents.insert(*PLACE, {"user": "bo"})
    assert isinstance(made, ObjectId)
    assert await documents.find(*PLACE, {"user": "bo"}) == [{"_id": made, "user": "bo"}]
    assert await documents.update(*PLACE, {"n": 1}, {"$inc": {"n": 1}}, False) == Updated(1, 1)
    assert await documents.update(*PLACE, {"n": 2}, {"$set": {"n": 2}}, False) == Updated(1, 0)
    assert await documents.update(*PLACE, {"n": 7}, {"$set": {"n": 8}}, False) == Updated(0, 0)
    assert await documents.delete(*PLACE, {"user": "bo"}) == 1
    assert await documents.delete(*PLACE, {"user": "bo"}) == 0
    assert await documents.delete(*PLACE, {"n": {"$gt": 5}}) == 0
    assert await all_of(documents) == [{"_id": 1, "user": "ada", "n": 2}]


@pytest.mark.parametrize("filter", [{"_id": "x"}, {"user": "ada"}, {"n": 1}, {"_id": 5.0}])
async def test_an_upsert_makes_one_document(
    documents: CustomDocuments, filter: dict[str, Any]
) -> None:
    many = [documents.update(*PLACE, filter, {"$inc": {"count": 1}}, True) for _ in range(20)]
    done = await asyncio.gather(*many)
    (document,) = await all_of(documents)
    assert document["count"] == 20
    assert {key: document[key] for key in filter} == filter
    assert sorted(each.matched for each in done) == [0] + [1] * 19
    assert [each.upserted_id for each in done if not each.matched] == [document["_id"]]


async def test_an_id_is_there_once(documents: CustomDocuments) -> None:
    await documents.insert(*PLACE, {"_id": "x", "n": 1})
    with pytest.raises(ValueError, match='_id "x" already'):
        await documents.insert(*PLACE, {"_id": "x"})
    with pytest.raises(ValueError, match='_id "x" already'):
        await documents.update(*PLACE, {"_id": "x", "n": 2}, {"$set": {"n": 2}}, True)
    assert await all_of(documents) == [{"_id": "x", "n": 1}]


async def test_other_collections_are_not_kept(documents: CustomDocuments) -> None:
    for place in (("guild", "others"), ("other", "members")):
        text = rf"keeps no documents of {'.'.join(place)}: .* of custom user data, guild.members"
        for asked in (
            documents.find(*place, {}),
            documents.insert(*place, {}),
            documents.update(*place, {}, {}, False),
            documents.delete(*place, {}),
        ):
            with pytest.raises(LookupError, match=text):
                await asked
    none = CustomDocuments(lambda: None)
    with pytest.raises(LookupError, match="which this app has not"):
        await none.find(*PLACE, {})


@pytest.mark.parametrize(
    "change",
    [
        {"$set": {"deep": {"a": [[[1]]] * 2}, "_id": 9}},
        {"$set": {"a": 2**70}},
        {"$set": {"a\x00": 1}},
        {"$inc": {"user": 1}},
        {"$push": {"a": "x" * (1 << 20)}},
    ],
)
async def test_what_cannot_be_changed_changes_nothing(
    documents: CustomDocuments, change: dict[str, Any]
) -> None:
    await documents.insert(*PLACE, {"_id": 1, "user": "ada"})
    for filter in ({"user": "ada"}, {"_id": 1}):
        with pytest.raises(ValueError):
            await documents.update(*PLACE, filter, change, False)
    assert await all_of(documents) == [{"_id": 1, "user": "ada"}]


async def test_limits(documents: CustomDocuments) -> None:
    for n in range(5):
        await documents.insert(*PLACE, {"_id": n})
    assert await documents.find(*PLACE, {}, 2) == [{"_id": 0}, {"_id": 1}]
    with pytest.raises(ValueError, match="a limit"):
        await documents.find(*PLACE, {}, 0)


@pytest.fixture
async def crowd(users: Users) -> list[dict[str, Any]]:
    """Many documents that name their users in each way, or none."""
    chance = random.Random(7)
    names = [f"{n:024x}" for n in range(20)]
    documents: list[dict[str, Any]] = []
    for n in range(400):
        name = chance.choice(names)
        user = chance.choice([name, ObjectId(name), None, 5])
        id = chance.choice([n, str(n), ObjectId(f"{n:024x}")])
        team = chance.choice(["north", "south", ["north"], ObjectId(name)])
        documents.append(
            {"_id": id, "user": user, "team": team, "text": "x" * chance.choice([1, 99])}
        )
    collection = CustomDataCollection(users, COLLECTION, "user")
    await collection.change(inserting(COLLECTION, iter(documents)))
    return documents


FILTERS: list[dict[str, Any]] = [
    {"user": f"{3:024x}"},
    {"user": ObjectId(f"{3:024x}")},
    {"user": {"$in": [f"{3:024x}", ObjectId(f"{4:024x}")]}, "team": "north"},
    {"user": {"$in": []}},
    {"user": None},
    {"user": {"$ne": 5}},
    {"_id": "17"},
    {"_id": 17},
    {"_id": 17.0},
    {"_id": {"$in": ["1", "2", ObjectId(f"{3:024x}")]}},
    {"_id": {"$in": ["1", 2]}},
    {"$and": [{"_id": "1"}, {"user": f"{3:024x}"}]},
    {"$or": [{"_id": "1"}, {"user": f"{3:024x}"}]},
    {"team": "north"},
    {"team": ObjectId(f"{5:024x}")},
    {"team": {"$not": {"$in": ["north", "south"]}}},
    {},
]


@pytest.mark.parametrize("filter", FILTERS, ids=range(len(FILTERS)))
async def test_looking_up_and_looking_through_find_the_same(
    documents: CustomDocuments, crowd: list[dict[str, Any]], filter: dict[str, Any]
) -> None:
    work = Work(10**9)
    asked = Filter(filter, work)
    expected = [document for document in crowd if asked.matches(document, work)]
    assert await documents.find(*PLACE, filter) == expected


def test_what_is_looked_up_is_not_looked_for(tmp_path: Path) -> None:
    """Each statement is answered by the index that was made for it."""
    file = UserFile(tmp_path / "users.sqlite")
    table = file.custom_data
    asked: list[str] = []
    file.database._connection.set_trace_callback(asked.append)
    with table.texts_with_ids(COLLECTION, ["x"]) as texts:
        assert list(texts) == []
    with table.texts_of_users(COLLECTION, ["x"]) as texts:
        assert list(texts) == []
    with table.texts(COLLECTION, after=5) as texts:
        assert list(texts) == []
    assert table.of_user(COLLECTION, "x") is None
    file.database._connection.set_trace_callback(None)
    plans = [
        next(row[3] for row in file.database.execute(f"EXPLAIN QUERY PLAN {statement}"))
        for statement in asked
    ]
    file.close()
    indexes = ["autoindex_custom_data_1", "data_by_user", "data_in_order", "data_by_user"]
    assert len(plans) == len(indexes)
    for plan, index in zip(plans, indexes, strict=True):
        assert plan.startswith("SEARCH") and index in plan
    last = ["id=?)", "user_id=?)", "rowid>?)", "user_id=?)"]
    assert [plan.rpartition(" AND ")[2] for plan in plans] == last


@pytest.mark.parametrize(("limit", "size"), [("PAGE", 1000), ("PAGE_STEPS", 20)])
async def test_a_search_lets_others_have_their_turn(
    users: Users,
    documents: CustomDocuments,
    crowd: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    size: int,
) -> None:
    monkeypatch.setattr(search, limit, size)
    reads = 0
    read = users.read

    async def counted(work: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(work)

    monkeypatch.setattr(users, "read", counted)
    assert await documents.find(*PLACE, {"text": {"$gt": ""}}) == crowd
    assert reads > 20


async def test_a_search_that_costs_too_much(
    documents: CustomDocuments, crowd: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "COST", 20_000)
    for asked in (
        documents.find(*PLACE, {"text": {"$gt": ""}}),
        documents.update(*PLACE, {"n": {"$gt": 1}}, {"$set": {"n": 1}}, True),
        documents.delete(*PLACE, {"n": {"$gt": 1}}),
    ):
        with pytest.raises(ValueError, match="too many documents: ask for an _id"):
            await asked
    last = next(d for d in reversed(crowd) if isinstance(d["team"], ObjectId))
    found = await documents.find(*PLACE, {"team": last["team"]})
    assert last in found, "texts that do not hold it are not decoded"
    assert len(await documents.find(*PLACE, {"_id": "1"})) <= 1


async def test_a_document_that_has_moved_on_is_not_changed(
    users: Users, documents: CustomDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked through is looked at again in the transaction that changes it."""
    for n in (1, 2):
        await documents.insert(*PLACE, {"_id": n, "state": "free"})
    collection = CustomDataCollection(users, COLLECTION, "user")
    change_data = users.change_data
    moved = [1]

    async def first_somebody_else(work: Any) -> None:
        if moved:
            row = {"_id": moved.pop(), "state": "taken"}
            await change_data(lambda file: file.custom_data.put(COLLECTION, row))
        await change_data(work)

    await collection.prepare()
    monkeypatch.setattr(users, "change_data", first_somebody_else)
    done = await documents.update(*PLACE, {"state": "free"}, {"$set": {"state": "mine"}}, False)
    assert done == Updated(1, 1)
    assert [d["state"] for d in await all_of(documents)] == ["taken", "mine"]


async def test_a_change_is_in_force_at_once(
    server: Server, http: SdkHttp, app: ConfiguredApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.keep_custom_data()
    told: list[str | None] = []
    monkeypatch.setattr(server._acceptor, "reauthorize", lambda user_id: told.append(user_id))
    documents = CustomDocuments(lambda: collection_of(server.users, app.running))
    data: CustomData = server.custom_data("app")
    user_id = (await http.anonymous())["user_id"]
    await documents.update(*PLACE, {"user": user_id}, {"$set": {"rank": "smith"}}, True)
    assert told == [user_id]
    found = await data.find_one(user_id)
    assert found is not None and found["rank"] == "smith"
    await documents.update(*PLACE, {"rank": "smith"}, {"$set": {"rank": "smith"}}, True)
    assert told == [user_id], "nothing has changed"
    other = (await http.anonymous())["user_id"]
    await documents.update(*PLACE, {"rank": "smith"}, {"$set": {"user": other}}, False)
    assert sorted(map(str, told[1:])) == sorted([user_id, other])
    await documents.delete(*PLACE, {"user": other})
    assert await data.find_one(other) is None


async def test_the_collection_is_the_one_of_the_model_that_is_in_force(
    server: Server, app: ConfiguredApp
) -> None:
    documents = CustomDocuments(lambda: collection_of(server.users, app.running))
    with pytest.raises(LookupError):
        await documents.find(*PLACE, {})
    app.keep_custom_data()
    await documents.insert(*PLACE, {"_id": 1, "user": "ada", "owner": "bo"})
    app.keep_custom_data(field="owner")
    assert [d["_id"] for d in await documents.find(*PLACE, {"owner": "bo"})] == [1]
    assert [d["_id"] for d in await documents.find(*PLACE, {"user": "ada"})] == [1]
