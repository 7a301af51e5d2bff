"""What roles do to client files: what they see, what counts of what they write, and what becomes of
both when the roles change (app-configuration.md 5.5; flexible-sync.md 10)."""

from __future__ import annotations

from typing import Any

import pytest

import people
from flexible_peer import FlexibleClient
from realmsync import _core
from realmsync._core import ExpressionContext, Role, SessionRoles
from ruled_server import Ruled
from server_driver import APP

ALL = {"Person": "TRUEPREDICATE"}
VALUES = ["age", "name", "owner"]
OWN = {"owner": "%%user.id"}


@pytest.fixture
def server() -> Ruled:
    return Ruled()


def roles(seen_by: Any, written_by: Any = False, user: str = "ann", **fields: Any) -> SessionRoles:
    rights: dict[str, Any] = fields or {"read": True, "write": True}
    role = Role(read_filter=seen_by, write_filter=written_by, **rights)
    return SessionRoles({"Person": role}, None, ExpressionContext(user={"id": user}))


def opened(server: Ruled, given: SessionRoles, user: str) -> FlexibleClient:
    server.roles = given
    client = FlexibleClient(server, user)
    client.connect()
    client.mark()
    client.run()
    return client


def client_of(server: Ruled, given: SessionRoles, user: str = "ann") -> FlexibleClient:
    """Behind the bootstrap of all persons that it may see."""
    client = opened(server, given, user)
    client.query(1, ALL)
    client.mark()
    client.run()
    assert client.completed[-1] == 1
    return client


def admin_with_people(server: Ruled) -> FlexibleClient:
    admin = opened(server, SessionRoles.everything(), "admin")
    admin.write(*people.schema())
    admin.upload()
    admin.query(1, ALL)
    admin.run()
    admin.write(*people.create(1, age=20, name="a", owner="ann"))
    admin.write(*people.create(2, age=30, name="b", owner="bob"))
    admin.upload()
    admin.run()
    return admin


def seen(client: FlexibleClient) -> dict[int, dict[str, Any]]:
    return {one["_id"]: one for one in people.read(client)}


def test_a_file_is_shown_what_its_user_may_read(server: Ruled) -> None:
    admin = admin_with_people(server)
    ann = client_of(server, roles(OWN, OWN))
    assert set(seen(ann)) == {1}
    admin.write(*people.change(2, owner="ann"), *people.change(1, owner="bob"))
    admin.upload()
    admin.run()
    ann.run()
    assert set(seen(ann)) == {2}


def test_what_a_user_may_not_write_is_taken_back(server: Ruled) -> None:
    admin = admin_with_people(server)
    ann = client_of(server, roles(True, OWN))
    ann.write(*people.change(1, age=21))
    ann.write(*people.change(2, age=31))
    ann.write(*people.create(3, age=5, owner="bob"))
    ann.upload()
    ann.run()
    admin.run()
    assert {key: one["age"] for key, one in seen(admin).items()} == {1: 21, 2: 30}
    assert {key: one["age"] for key, one in seen(ann).items()} == {1: 21, 2: 30}
    assert ann.rejections


def test_whoever_may_only_read_has_all_of_his_writes_taken_back(server: Ruled) -> None:
    admin = admin_with_people(server)
    ann = client_of(server, SessionRoles.everything(can_write=False))
    ann.write(*people.change(1, age=21))
    ann.upload()
    ann.run()
    admin.run()
    assert seen(admin)[1]["age"] == seen(ann)[1]["age"] == 20
    assert ann.rejections and not ann.errors


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"fields": {"age": (True, None)}}, ["age"]),
        ({"fields": {"age": (None, True)}}, ["age"]),  # write implies read
        ({"write": True}, VALUES),
        # The object is his, so that both count.
        ({"fields": {"name": (True, None)}, "additional_fields": (None, True)}, VALUES),
    ],
    ids=str,
)
def test_fields_that_are_not_readable_are_not_sent(
    server: Ruled, given: dict[str, Any], shown: list[str]
) -> None:
    admin = admin_with_people(server)
    ann = client_of(server, roles(True, OWN, **given))
    admin.write(*people.change(1, age=41, name="c"))
    admin.upload()
    admin.run()
    ann.run()
    values = {"age": 41, "name": "c", "owner": "ann"}
    assert [name for name in sorted(values) if seen(ann)[1][name] == values[name]] == shown


def test_fields_are_shown_object_by_object(server: Ruled) -> None:
    admin = admin_with_people(server)
    fields = {"fields": {"name": (True, None)}, "additional_fields": (None, True)}
    ann = client_of(server, roles(True, OWN, **fields))
    theirs = {"_id": 2, "age": 0, "name": "b", "owner": None}
    assert seen(ann) == {1: {"_id": 1, "age": 20, "name": "a", "owner": "ann"}, 2: theirs}
    admin.write(*people.change(1, owner="bob"), *people.change(2, owner="ann"))
    admin.upload()
    admin.run()
    ann.run()
    assert seen(ann)[2] == {"_id": 2, "age": 30, "name": "b", "owner": "ann"}
    assert seen(ann)[1] == theirs | {"_id": 1, "name": "a"}
    admin.write(*people.change(1, age=22, name="c"), *people.change(2, age=32))
    admin.upload()
    admin.run()
    ann.run()
    assert seen(ann)[1] == theirs | {"_id": 1, "name": "c"}
    assert seen(ann)[2]["age"] == 32


def test_other_roles_bring_another_view(server: Ruled) -> None:
    admin_with_people(server)
    ann = client_of(server, roles(OWN, OWN))
    server.roles = roles(True, OWN)
    assert ann.connection is not None
    server.runtime.reauthorize(ann.connection, server.now)
    server.run()
    ann.run()
    ((code, info),) = ann.errors
    assert code == 200 and info["try_again"]
    ann.cut()
    ann.connect()
    mark = ann.mark()
    ann.run()
    assert ann.marks[-1] == mark and set(seen(ann)) == {1, 2}
    assert ann.completed == [0, 1, 1]


def test_what_subscriptions_make_queryable_is_told(server: Ruled) -> None:
    admin = admin_with_people(server)
    settings: dict[str, Any] = {
        "sync_mode": "flexible",
        "queryable": ["name"],
        "now_ms": server.now,
    }
    server.runtime.configure_app(APP, development_mode=True, **settings)
    server.events.clear()
    admin.query(3, {"Person": 'age > 5 and owner == "x" and name == "y"'})
    admin.run()
    told = [event for event in server.events if event[0] == "fields_discovered"]
    assert told == [("fields_discovered", APP, "Person", ["age", "owner"])]
    server.runtime.configure_app(APP, queryable_by_class={"Person": ["age", "owner"]}, **settings)
    server.events.clear()
    admin.query(4, {"Person": "age > 6"})
    admin.run()
    assert 4 in admin.completed
    assert not [event for event in server.events if event[0] == "fields_discovered"]


def test_a_query_set_may_come_before_the_roles_are_known(server: Ruled) -> None:
    """A client that comes again sends IDENT and all that it has to ask at once (5.8)."""
    admin_with_people(server)
    ann = client_of(server, roles(OWN, OWN))
    ann.cut()
    ann.connect()
    ann.query(2, {"Person": "age > 25"})
    ann.query(3, {"Person": "age > 5"})
    mark = ann.mark()
    ann.run()
    assert ann.marks[-1] == mark and ann.active[0] == 3
    assert set(seen(ann)) == {1}


METER = {
    "op": "AddTable",
    "table": "Meter",
    "pk_field": "_id",
    "pk_type": people.INT,
    "pk_nullable": False,
    "asymmetric": True,
}


@pytest.mark.parametrize("version", [9, 10, 11, 14])
def test_a_refused_asymmetric_object_is_told_by_230(server: Ruled, version: int) -> None:
    """It resets nobody, undoes nothing, and is told once (9.2)."""
    admin = opened(server, SessionRoles.everything(), "admin")
    admin.write(METER)
    admin.upload()
    admin.run()
    server.roles = SessionRoles({"Meter": None}, None, ExpressionContext())
    ann = FlexibleClient(server, "ann", version)
    ann.connect()
    ann.mark()
    ann.run()
    ann.write({"op": "CreateObject", "table": "Meter", "pk": people.key(7)})
    ann.upload()
    ann.run()
    ((code, info),) = ann.errors
    assert code == 230 and info["action"] == "Warning"
    assert info["try_again"] and not info["should_client_reset"]
    ((update),) = info["rejected_updates"]
    assert (update["table"], update["key"]) == ("Meter", b"\x01\x07")
    assert info["rejected_client_version"] == ann.local[-1][0]
    ann.cut()
    ann.connect()
    ann.upload()
    mark = ann.mark()
    ann.run()
    assert ann.marks[-1] == mark and len(ann.errors) == 1


@pytest.mark.parametrize("version", [9, 13])
@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "away"])
def test_before_protocol_14_other_roles_reset_the_client(
    server: Ruled, version: int, is_connected: bool
) -> None:
    """Now, or when it comes again; its next file has what the roles of now show (10.2)."""
    admin_with_people(server)
    server.roles = roles(OWN, OWN)
    ann = subscribed_at(server, version)
    assert set(seen(ann)) == {1}
    if not is_connected:
        ann.cut()
    server.roles = roles(True, OWN)
    if is_connected:
        assert ann.connection is not None
        server.runtime.reauthorize(ann.connection, server.now)
    else:
        ann.connect()
    ann.run()
    ((code, info),) = ann.errors
    assert (code, info["action"], info["should_client_reset"]) == (228, "ClientReset", True)
    assert set(seen(subscribed_at(server, version))) == {1, 2}


def subscribed_at(server: Ruled, version: int) -> FlexibleClient:
    """A new file of this protocol, which has all persons that it may see."""
    client = FlexibleClient(server, "ann", version)
    client.connect()
    client.mark()
    client.run()
    client.query(1, ALL)
    client.mark()
    client.run()
    assert client.active[0] == 1
    return client


def keys_named(client: FlexibleClient, since: int) -> set[int]:
    """Of objects in what the client was sent, from a message on."""
    named = set()
    for message in client.log[since:]:
        if message["type"] != "download":
            continue
        plain = _core.unpack_body(
            message["body"], message["compressed"], message["uncompressed_size"], 1 << 30
        )
        for entry in _core.decode_entries(plain, False):
            for one in _core.Changeset.parse(entry["changeset"]).instructions():
                if "pk" in one:
                    named.add(one["pk"]["v"])
    return named


@pytest.mark.parametrize("takes", range(1, 5))
def test_no_object_is_named_that_came_after_a_cut_and_narrower_roles(takes: int) -> None:
    server = Ruled(tuning={"page_bytes": 200, "shared_page_bytes": 200})
    admin = admin_with_people(server)
    for person in range(3, 30):
        admin.write(*people.create(person, age=1, owner="bob" if person % 2 else "ann"))
    admin.upload()
    admin.run()
    ann = opened(server, roles(True), "ann")
    ann.query(1, ALL)
    ann.run(most=takes)
    assert ann.completed == [0]
    ann.cut()
    for person in range(100, 130):  # nothing of which anybody tells her
        admin.write(*people.create(person, age=2, owner="bob"))
    admin.write(*people.change(3, age=7), *people.erase(5), *people.change(4, owner="bob"))
    admin.write(*people.erase(100), *people.change(101, age=3))
    admin.upload()
    admin.run()
    server.roles = roles(OWN)
    told = len(ann.log)
    ann.connect()
    ann.query(1, ALL)
    ann.mark()
    ann.run()
    assert ann.completed[-1] == 1
    assert set(seen(ann)) == {key for key, one in seen(admin).items() if one["owner"] == "ann"}
    assert not {key for key in keys_named(ann, told) if key >= 100}
