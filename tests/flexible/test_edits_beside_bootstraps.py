"""What a client file has edited while a bootstrap sends the object anew: server and file end alike,
and nothing is lost that nobody has contradicted (flexible-sync.md 7.6, 17.6, "rescue")."""

from __future__ import annotations

from typing import Any

import pytest

import people
from flexible_peer import FlexibleClient
from realmsync._core import SessionRoles
from ruled_server import Ruled
from test_roles_of_files import admin_with_people, client_of, keys_named, opened, roles, seen

AGE_HIDDEN = {"fields": {"age": (False, False)}, "additional_fields": (True, True)}


@pytest.fixture
def server() -> Ruled:
    return Ruled()


def values(client: FlexibleClient, key: int, *names: str) -> list[Any]:
    return [seen(client)[key][name] for name in names]


def come_again(server: Ruled, client: FlexibleClient, given: SessionRoles) -> None:
    client.cut()
    server.roles = given
    client.connect()


def end_alike(client: FlexibleClient, admin: FlexibleClient) -> None:
    """After everything that was written has been uploaded."""
    client.upload()
    client.mark()
    client.run()
    admin.run()
    assert not client.errors


@pytest.mark.parametrize("is_applied", [False, True])
@pytest.mark.parametrize("given", [roles(True, True, **AGE_HIDDEN), roles(True, True)])
def test_an_edit_outlives_other_fields(
    server: Ruled, given: SessionRoles, is_applied: bool
) -> None:
    """`is_applied`: the bootstrap of the new role comes before the edit is uploaded."""
    admin = admin_with_people(server)
    hidden = roles(True, True, fields={"owner": (False, False)}, additional_fields=(True, True))
    client = client_of(server, hidden)
    client.write(*people.change(1, name="edited offline"))
    client.write(*people.change(1, name="and once more"))
    come_again(server, client, given)
    if is_applied:
        client.run()
        assert values(client, 1, "name") == ["a"]  # by its own merge
    end_alike(client, admin)
    assert values(client, 1, "name") == values(admin, 1, "name") == ["and once more"]
    assert not client.rejections


def test_an_erasure_outlives_other_fields(server: Ruled) -> None:
    admin = admin_with_people(server)
    client = client_of(server, roles(True, True, **AGE_HIDDEN))
    client.write(*people.erase(1))
    come_again(server, client, roles(True, True))
    client.run()
    end_alike(client, admin)
    assert set(seen(client)) == set(seen(admin)) == {2}


def test_what_has_become_illegal_is_told(server: Ruled) -> None:
    admin = admin_with_people(server)
    client = client_of(server, roles(True, True))
    client.write(*people.change(1, age=99, name="edited offline"))
    client.write(*people.change(2, name="edited offline"))
    come_again(server, client, roles(True, True, **AGE_HIDDEN))
    end_alike(client, admin)
    assert values(admin, 1, "age", "name") == [20, "a"]
    assert values(client, 1, "name") == ["a"]
    assert values(client, 2, "name") == values(admin, 2, "name") == ["edited offline"]
    assert client.rejections


def test_what_others_have_changed_meanwhile_wins(server: Ruled) -> None:
    admin = admin_with_people(server)
    client = client_of(server, roles(True, True, **AGE_HIDDEN))
    client.write(*people.change(1, name="edited offline"))
    admin.write(*people.change(1, name="by another"))
    admin.upload()
    admin.run()
    come_again(server, client, roles(True, True))
    end_alike(client, admin)
    assert values(client, 1, "name") == values(admin, 1, "name") == ["by another"]


def test_an_edit_between_the_bootstrap_and_what_follows_ends_alike(server: Ruled) -> None:
    """It is made on the object as the bootstrap has sent it, without the edit before."""
    admin = admin_with_people(server)
    client = client_of(server, roles(True, True, **AGE_HIDDEN))
    client.write(*people.change(1, name="edited offline"))
    come_again(server, client, roles(True, True))
    while client.completed[-1] != 1 or values(client, 1, "age") != [20]:
        client.run(most=1)
    client.upload()
    client.write(*people.change(1, name="on what was sent"))
    end_alike(client, admin)
    assert values(client, 1, "name") == values(admin, 1, "name")


@pytest.mark.parametrize("asks", ["_id >= 1", "_id >= 1 AND _id >= 0"])
def test_a_query_set_that_is_asked_for_again(asks: str) -> None:
    """Parts of it have come before, and another user's change with the history since."""
    server = Ruled(tuning={"page_bytes": 200, "shared_page_bytes": 200})
    admin = admin_with_people(server)
    for key in range(3, 30):
        admin.write(*people.create(key, age=20, owner="bob"))
    admin.upload()
    admin.run()
    client = opened(server, SessionRoles.everything(), "ann")
    client.query(1, {"Person": "_id == 1"})
    client.run()
    client.query(2, {"Person": "_id >= 1"})
    client.run(most=2)
    assert client.completed == [0, 1] and client.pending
    client.cut()
    admin.write(*people.change(1, name="by another"))
    admin.upload()
    admin.run()
    client.connect()
    client.mark()
    client.run()
    client.write(*people.change(1, age=99))
    client.query(2, {"Person": asks})
    client.run()
    end_alike(client, admin)
    assert values(client, 1, "age", "name") == values(admin, 1, "age", "name")
    assert values(client, 1, "age", "name") == [99, "by another"]


def test_a_file_that_says_it_holds_an_older_query_set_is_told_nothing_new(server: Ruled) -> None:
    admin = admin_with_people(server)
    client = client_of(server, roles(True))
    client.cut()
    version, wide = client.active
    client.active = (version, b'{"Person":"_id >= 0"}')
    server.roles = roles({"owner": "%%user.id"})
    client.connect()
    client.run()
    admin.write(*people.create(777, age=1, owner="bob"), *people.create(3, age=1, owner="ann"))
    admin.upload()
    admin.run()
    client.run()
    client.cut()
    told = len(client.log)
    client.active = (version, wide)
    client.connect()
    client.run()
    assert set(seen(client)) == {1, 3}
    assert 777 not in keys_named(client, told)


def test_large_query_sets_are_kept_in_mind(server: Ruled) -> None:
    """The one before counts while uploads may come that were made under it."""
    admin = admin_with_people(server)
    client = client_of(server, SessionRoles.everything())
    client.write(*people.change(1, age=21))
    for version in range(2, 4):
        terms = " or ".join(f'name == "{version}{term:060d}"' for term in range(3_000))
        client.query(version, {"Person": f"_id >= 0 or {terms}"})
        client.run()
    end_alike(client, admin)
    assert values(client, 1, "age") == values(admin, 1, "age") == [21]
