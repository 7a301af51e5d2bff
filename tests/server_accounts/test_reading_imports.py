"""Files of users to be imported: forms, identities, and what is refused with which line.

Specification: app-configuration.md 11.7.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync.server.accounts.credentials import hash_password
from realmsync.server.accounts.user_import import (
    BadImport,
    ImportedIdentity,
    read_users,
    unknown_members,
)

ADA, BO = "65a000000000000000000a01", "65a000000000000000000b02"
OWN = "65a0000000000000000000ff"


def one(**entry: Any) -> Any:
    (user,) = read_users(json.dumps([{"_id": ADA, **entry}]))
    return user


def refusal(*entries: Any) -> str:
    with pytest.raises(BadImport) as caught:
        read_users("\n".join(map(json.dumps, entries)))
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f'[{{"_id": "{ADA}"}},\n {{"_id": "{BO}"}}]',
        f'{{"_id": "{ADA}"}}\n{{"_id": "{BO}"}}\n',
        f'\ufeff{{\n"_id": {{"$oid": "{ADA}"}}\n}}\n\n{{"id": "{BO}"}}',
        f' [\n{{"_id": "{ADA}"}} , {{"_id": "{BO}"}} ] \n',
    ],
)
def test_forms_of_the_file(text: str) -> None:
    assert [user.id for user in read_users(text)] == [ADA, BO]


@pytest.mark.parametrize("text", ["", "[]", " \n", "[ ]\n"])
def test_files_without_users(text: str) -> None:
    assert read_users(text) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", 1),
        ("[", 1),
        ('{"_id": 1}\n{', 2),
        ("[5]", 1),
        ('[\n{"_id": 1}\n{"_id": 2}]', 2),
        ('[{"_id": 1}] x', 1),
        ("[" * 100_000, 1),
        ('{"_id":' * 100_000, 1),
        ('{"a":' + "[" * 200 + "]" * 200 + "}", 1),
        ("\x00", 1),
        ("NaN", 1),
    ],
)
def test_files_that_are_none(text: str, line: int) -> None:
    with pytest.raises(BadImport, match=rf"^line {line}: "):
        read_users(text)


@given(st.text())
def test_any_text(text: str) -> None:
    try:
        read_users(text)
    except BadImport as error:
        assert str(error).startswith("line ")


def test_what_a_user_has() -> None:
    user = one(
        type="server",
        disabled=True,
        creation_date=1_600_000_000,
        last_authentication_date={"$date": {"$numberLong": "1650000000500"}},
        custom_data={"rank": "smith"},
    )
    assert (user.id, user.type, user.disabled) == (ADA, "server", True)
    assert (user.created, user.last_authentication) == (1_600_000_000, 1_650_000_000)
    assert user.custom_data == {"rank": "smith"}
    plain = one()
    assert (plain.type, plain.disabled, plain.created) == ("normal", False, None)
    assert (plain.identities, plain.custom_data, plain.password_hash) == ((), None, None)


@pytest.mark.parametrize(
    "moment",
    [
        1_600_000_000,
        1_600_000_000_000,
        1_600_000_000.0,
        "2020-09-13T12:26:40Z",
        "2020-09-13T12:26:40",
        {"$date": "2020-09-13T12:26:40Z"},
        {"$numberLong": "1600000000"},
    ],
)
def test_forms_of_times(moment: Any) -> None:
    assert one(creation_date=moment).created == 1_600_000_000


@pytest.mark.parametrize("email", [{"data": {"email": "a@b"}}, {"email": "a@b"}])
def test_an_account_is_known_by_its_address(email: dict[str, Any]) -> None:
    user = one(identities=[{"id": OWN, "provider_type": "local-userpass"}], **email)
    assert user.identities == (ImportedIdentity("local-userpass", "a@b", OWN, {"email": "a@b"}),)


@pytest.mark.parametrize("member", ["provider_id", "id"])
def test_an_address_as_the_name_of_an_identity(member: str) -> None:
    user = one(identities=[{"provider_type": "local-userpass", member: "dan@b"}])
    assert user.identities == (
        ImportedIdentity("local-userpass", "dan@b", None, {"email": "dan@b"}),
    )
    assert user.lost == ()


def test_an_address_of_the_provider_goes_first() -> None:
    identity = {"provider_type": "local-userpass", "provider_data": {"email": "b@c"}}
    user = one(identities=[identity], data={"email": "a@b", "name": "Ada"})
    assert user.identities == (
        ImportedIdentity("local-userpass", "b@c", None, {"email": "b@c", "name": "Ada"}),
    )


def test_the_short_form() -> None:
    stored = hash_password("correct horse")
    user = one(email="a@b", password_hash=stored.decode())
    assert user.identities == (ImportedIdentity("local-userpass", "a@b", None, {"email": "a@b"}),)
    assert user.password_hash == stored


def test_identities_that_cannot_be_kept_are_told() -> None:
    user = one(
        identities=[
            {"id": OWN, "provider_type": "local-userpass"},
            {"id": OWN, "provider_type": "api-key"},
            {"id": OWN, "provider_type": "anon-user"},
        ]
    )
    assert user.identities == (ImportedIdentity("anon-user", "", OWN),)
    assert [text.partition(":")[0] for text in user.lost] == ["local-userpass", "api-key"]


NAMED = ["custom-token", "custom-function", "oauth2-google", "oauth2-apple", "oauth2-facebook"]


@pytest.mark.parametrize("provider", NAMED)
def test_names_at_other_providers(provider: str) -> None:
    def subject(**identity: Any) -> str:
        user = one(identities=[{"provider_type": provider, **identity}], data={"name": "Ada"})
        (read,) = user.identities
        assert read.data == {"name": "Ada"}
        return read.provider_id

    assert subject(id="M7") == "M7"
    assert subject(id=OWN, provider_id="M7") == "M7"
    assert subject(id=OWN, provider_id=BO) == BO, "a name that looks like an id"
    assert subject(id="M7", provider_id=BO) == "M7", "the service's form"


def test_the_id_of_a_provider_is_nobodys_name() -> None:
    """Lists of the hosted service have the provider's own id with each user."""
    entries = [
        {
            "_id": user,
            "identities": [{"id": name, "provider_type": "custom-token", "provider_id": OWN}],
        }
        for user, name in ((ADA, "65a0000000000000000000e1"), (BO, "65a0000000000000000000e2"))
    ]
    users = read_users(json.dumps(entries))
    assert [user.identities[0].provider_id for user in users] == [
        "65a0000000000000000000e1",
        "65a0000000000000000000e2",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"_id": None},
        {"_id": "ada"},
        {"_id": ADA.upper()},
        {"_id": {"$oid": "x"}},
        {"_id": "../" + ADA},
        {"_id": ADA, "type": "admin"},
        {"_id": ADA, "disabled": "no"},
        {"_id": ADA, "creation_date": "soon"},
        {"_id": ADA, "creation_date": True},
        {"_id": ADA, "creation_date": -1},
        {"_id": ADA, "creation_date": 1e300},
        {"_id": ADA, "creation_date": [1]},
        {"_id": ADA, "identities": {}},
        {"_id": ADA, "identities": ["a"]},
        {"_id": ADA, "identities": [{"provider_type": "custom-token"}]},
        {"_id": ADA, "identities": [{"provider_type": "custom-token", "id": ""}]},
        {"_id": ADA, "identities": [{"provider_type": "custom-token", "id": "a\u0000"}]},
        {"_id": ADA, "identities": [{"provider_type": "local-userpass"}], "data": {"email": 5}},
        {"_id": ADA, "email": ""},
        {"_id": ADA, "email": "a\nb"},
        {"_id": ADA, "email": 5},
        {"_id": ADA, "data": []},
        {"_id": ADA, "data": {"name": "\ud800"}},
        {"_id": ADA, "custom_data": "x"},
        {"_id": ADA, "password_hash": "x"},
        {"_id": ADA, "password_hash": hash_password("x").decode()},
        {"_id": ADA, "email": "a@b", "password_hash": "secret"},
        {"_id": ADA, "email": "a@b", "password_hash": "$2b$12$" + "a" * 53},
        {
            "_id": ADA,
            "email": "a@b",
            "password_hash": "$argon2id$v=19$m=4194304,t=3,p=4$" + "a" * 22 + "$" + "a" * 43,
        },
    ],
)
def test_entries_that_are_refused(entry: dict[str, Any]) -> None:
    assert refusal({"_id": BO}, entry).startswith("line 2: ")


def test_duplicates_are_refused() -> None:
    assert refusal({"_id": ADA}, {"_id": BO}, {"_id": ADA}) == (
        f"line 3: {ADA} is that of line 1 already"
    )
    assert refusal({"_id": ADA, "email": "a@b"}, {"_id": BO, "email": "a@b"}) == (
        "line 2: local-userpass a@b is that of line 1 already"
    )
    token = {"provider_type": "custom-token", "id": "M7"}
    assert refusal({"_id": ADA, "identities": [token]}, {"_id": BO, "identities": [token]}) == (
        "line 2: custom-token M7 is that of line 1 already"
    )


def test_anonymous_identities_are_never_duplicates() -> None:
    entries = [
        {"_id": user, "identities": [{"id": OWN, "provider_type": "anon-user"}]}
        for user in (ADA, BO)
    ]
    assert len(read_users(json.dumps(entries))) == 2


@pytest.mark.parametrize("provider", ["custom-tokn", "", None, 5, ["api-key"]])
def test_providers_that_there_never_were(provider: Any) -> None:
    identity = {"id": "M7", "provider_type": provider}
    text = refusal({"_id": ADA}, {"_id": BO, "identities": [identity]})
    assert text.startswith("line 2: the provider_type of an identity is one of anon-user, ")
    assert text.endswith(f"not {provider!r}")


def test_members_that_nobody_reads() -> None:
    """One line for each, however many users have it: lists of the service hold what they hold."""
    identity = {"id": OWN, "provider_type": "anon-user", "provider_typ": "x"}
    entries = [
        {"_id": ADA, "data": {"emial": "free"}},
        {"_id": BO, "emial": "bo@b", "domain_id": "d", "identities": [identity]},
        {"_id": OWN, "domain_id": "d"},
    ]
    users = read_users("\n".join(map(json.dumps, entries)))
    assert sorted(unknown_members(users)) == [
        "line 2: member 'domain_id' is not known, and left out of 2 users",
        "line 2: member 'emial' is not known, and left out of 1 users",
        "line 2: member 'identities.provider_typ' is not known, and left out of 1 users",
    ]
    assert [*unknown_members(users[:1])] == []
