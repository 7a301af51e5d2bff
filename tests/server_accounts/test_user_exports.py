"""Users go from one server to another with their ids, and those whom only documents name get theirs
(app-configuration.md 11.7)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from realmsync import ejson
from realmsync.cli import main
from realmsync.server.accounts.administration import administration
from realmsync.server.accounts.credentials import hash_password
from realmsync.server.accounts.file.custom_data import CollectionName
from realmsync.server.accounts.file.records import UserRecord
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.user_export import exported_users
from realmsync.server.accounts.user_import import BadImport, ids_in, read_users

ADA, BO = "65a000000000000000000a01", "65a000000000000000000b02"
PLACE = CollectionName("guild", "db", "members")
HASH = hash_password("correct horse")


@contextmanager
def user_file(path: Path) -> Iterator[UserFile]:
    file = UserFile(path)
    try:
        file.custom_data.set_field(PLACE, "user")
        yield file
    finally:
        file.close()


def everything(file: UserFile) -> dict[str, Any]:
    """What is known of all users with an id, but when an identity was added to which."""
    found = {}
    for page in file.listing.summaries("guild"):
        for user in page:
            if user.id is not None:
                record: UserRecord = file.users.load(user.id)
                names = [i.email for i in record.identities if i.email is not None]
                identities = [
                    (i.provider, i.provider_id if i.provider != "anon-user" else i.id)
                    for i in record.identities
                ]
                found[user.id] = (
                    record.disabled,
                    record.type,
                    record.data,
                    identities,
                    file.users.times(user.id),
                    [file.accounts.find("guild", name) for name in names],
                    file.custom_data.of_user(PLACE, user.id),
                )
    return found


names = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1)
identities = st.one_of(
    st.just({"provider_type": "anon-user"}),
    st.builds(lambda n: {"provider_type": "custom-token", "provider_id": n}, names),
    st.builds(lambda n: {"provider_type": "oauth2-google", "provider_id": n}, names),
)
users = st.fixed_dictionaries(
    {
        "_id": st.integers(0, 2**96 - 1).map(lambda n: f"{n:024x}"),
        "disabled": st.booleans(),
        "type": st.sampled_from(["normal", "server"]),
        "identities": st.lists(identities, max_size=2, unique_by=json.dumps),
        "data": st.dictionaries(names, st.integers() | names | st.none(), max_size=2),
    },
    optional={
        "email": names.filter(lambda n: len(n.encode()) <= 320),
        "password_hash": st.just(HASH.decode()),
        "creation_date": st.integers(0, 10**10),
        "last_authentication_date": st.integers(0, 10**10),
        "custom_data": st.dictionaries(
            st.sampled_from("ab"), st.integers(-(2**63), 2**63 - 1) | names, max_size=2
        ),
    },
)


def readable(entries: list[dict[str, Any]]) -> str | None:
    for entry in entries:
        if "email" not in entry:
            entry.pop("password_hash", None)
    text = "\n".join(json.dumps(entry) for entry in entries)
    try:
        read_users(text)
    except BadImport:
        return None  # two with one identity, or a name that none can have
    return text


@settings(max_examples=40, deadline=None)
@given(st.lists(users, max_size=5).map(readable))
def test_what_is_imported_is_exported_and_imported_as_it_was(text: str | None) -> None:
    if text is None:
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        user_file(Path(folder) / "a.sqlite") as one,
        user_file(Path(folder) / "b.sqlite") as two,
    ):
        one_by_one = read_users(text)
        one.imports.add("guild", one_by_one)
        for user in one_by_one:
            if user.custom_data is not None:
                one.custom_data.put(PLACE, {"_id": user.id, "user": user.id, **user.custom_data})
        exported = [*exported_users(one, "guild")]
        assert all(user.lost == () for user in exported)
        again = read_users("\n".join(json.dumps(user.entry) for user in exported))
        two.imports.add("guild", again)
        for user in again:
            if user.custom_data is not None:
                two.custom_data.put(PLACE, ejson.decode(dict(user.custom_data)))
        assert everything(two) == everything(one)


def run(data: Path, *arguments: str) -> Result:
    options = [*arguments, "--data", str(data), "--app", "guild"]
    return CliRunner().invoke(main, ["user", *options])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    UserFile(data / "users.sqlite").close()
    return data


def test_the_commands(data: Path, tmp_path: Path) -> None:
    with administration(data) as admin:
        admin.add("guild", "ada@guild.example", "correct horse")
        admin.add("other", "else@guild.example", "correct horse")
        admin._file.accounts.add("guild", "pending@guild.example", b"x", is_confirmed=False)
        admin.add_server_key("guild", "report")
    output = tmp_path / "users.json"
    told = run(data, "export", str(output)).output.splitlines()
    assert told[0].endswith(": the API key is left out") and told[1:] == ["exported 2 users"]
    assert output.stat().st_mode & 0o077 == 0
    again = run(data, "export", str(output))
    assert again.exit_code == 1 and "cannot write" in again.output
    other = tmp_path / "other"
    other.mkdir()
    UserFile(other / "users.sqlite").close()
    assert run(other, "import", str(output)).output == "imported 2 users\n"
    with administration(other) as admin:
        found = admin.find("ada@guild.example", "guild")
        assert found.id is not None, "who has never logged in has an id by now"
        account = admin._file.accounts.find("guild", "ada@guild.example")
        assert account is not None and account.password is not None
        assert account.password.startswith(b"$argon2id$") and account.is_confirmed
        assert admin._file.accounts.find("guild", "pending@guild.example") is None


def test_passwords_that_no_file_holds_are_told(data: Path, tmp_path: Path) -> None:
    with administration(data) as admin:
        file = admin._file
        file.accounts.add("guild", "old", b"s" * 48)
        file.accounts.user("guild", "old")
        for name in ("one", "two"):
            file.accounts.add("guild", name, HASH)
        user = file.accounts.user("guild", "one")
        file.users.link("guild", "local-userpass", "two", {"email": "two"}, user.id)
    result = run(data, "export", str(tmp_path / "users.json"))
    for name in ("old", "one", "two"):
        assert f"{name}: the password is left out" in result.output
    assert result.output.endswith("exported 2 users\n")


def test_users_whom_only_documents_name(data: Path, tmp_path: Path) -> None:
    with administration(data) as admin:
        admin.data("guild").import_users(json.dumps({"_id": ADA}))
    dump = tmp_path / "tasks.json"
    dump.write_text(f'{{"owner": "{ADA}"}}\n{{"owner": {{"$oid": "{BO}"}}}}\n{{"owner": "{BO}"}}')
    told = run(data, "import", str(dump), "--users-from", "owner")
    assert told.output == "imported 1 users; 1 were there\n"
    with administration(data) as admin:
        assert admin._file.imports.last_authentication(BO) == (None,)
        assert admin._file.users.load(BO).identities == ()
        admin.data("other")
    foreign = CliRunner().invoke(
        main,
        ["user", "import", str(dump), "--users-from", "owner", "--data", str(data)]
        + ["--app", "other"],
    )
    assert foreign.exit_code == 1 and "is one of app guild" in foreign.output


@pytest.mark.parametrize(
    ("document", "ids"),
    [
        ({"a": {"b": ADA}}, {ADA}),
        ({"a": {"b": [ADA, {"$oid": BO}, "x", 5, None]}}, {ADA, BO}),
        ({"a": ADA}, set()),
        ({"a": {"b": {"c": ADA}}}, set()),
        ({"a": {"b": ADA.upper()}}, set()),
        ({"b": ADA}, set()),
        ({}, set()),
    ],
)
def test_ids_in_a_field(document: dict[str, Any], ids: set[str]) -> None:
    assert ids_in(json.dumps(document), "a.b") == ids


@pytest.mark.parametrize("text", ["5", "{", '{"a": {"$oid": 5}}'])
def test_documents_that_cannot_be_read(text: str) -> None:
    with pytest.raises(BadImport, match="line 1: "):
        ids_in(text, "a")
