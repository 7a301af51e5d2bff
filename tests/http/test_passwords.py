"""How passwords are stored and checked, and that answers do not tell which accounts exist."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from realmsync.server.accounts import credentials, users
from realmsync.server.process import Server
from sdk_http import APP_PATH, SdkHttp

USERPASS = f"{APP_PATH}/auth/providers/local-userpass"
EMAIL = "ada@example.org"


@pytest.fixture(autouse=True)
def as_in_the_product(product_hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_HASHER", product_hasher)


async def register(http: SdkHttp, email: str = EMAIL, password: str = "correct horse") -> Any:
    return await http("POST", f"{USERPASS}/register", {"email": email, "password": password})


async def log_in(http: SdkHttp, email: str = EMAIL, password: str = "correct horse") -> Any:
    return await http("POST", f"{USERPASS}/login", {"username": email, "password": password})


def stored_password(server: Server) -> bytes:
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database:
        ((stored,),) = database.execute("SELECT password FROM accounts")
        return bytes(stored)


def store_password(server: Server, stored: bytes) -> None:
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database, database:
        database.execute("UPDATE accounts SET password = ?", (stored,))


def as_before_argon2(password: str) -> bytes:
    """Salt and key of scrypt, as older files hold them."""
    salt = os.urandom(16)
    return salt + hashlib.scrypt(password.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)


async def test_new_passwords_are_phc_strings(http: SdkHttp, server: Server) -> None:
    await register(http)
    assert stored_password(server).startswith(b"$argon2id$v=19$m=19456,t=4,p=1$")
    assert (await log_in(http)).status == 200
    assert (await log_in(http, password="wrong horse")).json["error_code"] == "InvalidPassword"


@pytest.mark.parametrize("kind", ["scrypt", "weaker"])
async def test_outdated_passwords_are_good_and_stored_anew(
    http: SdkHttp, server: Server, kind: str
) -> None:
    await register(http)
    weaker = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    old = as_before_argon2("old horse") if kind == "scrypt" else weaker.hash("old horse").encode()
    store_password(server, old)
    assert (await log_in(http)).status == 401
    assert (await log_in(http, password="wrong horse")).status == 401
    assert stored_password(server) == old, "only who has the password can renew its form"
    assert (await log_in(http, password="old horse")).status == 200
    renewed = stored_password(server)
    assert renewed.startswith(b"$argon2id$v=19$m=19456,t=4,p=1$")
    assert (await log_in(http, password="old horse")).status == 200
    assert stored_password(server) == renewed


async def test_a_password_that_changes_during_a_log_in_stays_changed(
    http: SdkHttp, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(http)
    store_password(server, as_before_argon2("old horse"))
    changed = credentials.hash_password("new horse")

    def hash_while_somebody_changes_it(password: str) -> bytes:
        store_password(server, changed)
        return credentials.hash_password(password)

    monkeypatch.setattr(users, "hash_password", hash_while_somebody_changes_it)
    assert (await log_in(http, password="old horse")).status == 200
    assert stored_password(server) == changed


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("", "email is required"),
        ("a" * 321, "email must not be longer than 320 bytes"),
        ("ä" * 161, "email must not be longer than 320 bytes"),
        ("a\n@example.org", "email must not contain control characters"),
        ("a\0", "email must not contain control characters"),
        ("\x7f", "email must not contain control characters"),
    ],
)
async def test_names_that_cannot_be_registered(http: SdkHttp, email: str, told: str) -> None:
    reply = await register(http, email)
    assert (reply.status, reply.json) == (400, {"error": told, "error_code": "BadRequest"})


@pytest.mark.parametrize(
    "email", ["a" * 320, "ä" * 160, "no address", "\U0001f469\u200d\U0001f52c"]
)
async def test_names_that_can_be_registered(http: SdkHttp, email: str) -> None:
    assert (await register(http, email)).status == 201
    assert (await log_in(http, email)).status == 200


async def test_names_of_older_files_are_still_good(http: SdkHttp, server: Server) -> None:
    """They were registered before names had limits."""
    await register(http)
    name = "line\n" * 100
    with closing(sqlite3.connect(server.config.data / "users.sqlite")) as database, database:
        database.execute("UPDATE accounts SET email = ?", (name,))
    assert (await log_in(http, name)).status == 200


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The stored passwords that something was compared with."""
    seen: list[bytes] = []

    def matches(password: str, stored: bytes) -> bool:
        seen.append(stored)
        return credentials.password_matches(password, stored)

    monkeypatch.setattr(users, "password_matches", matches)
    return seen


async def test_log_in_does_not_tell_whether_an_account_exists(
    http: SdkHttp, checked: list[bytes]
) -> None:
    await register(http)
    wrong = await log_in(http, password="wrong horse")
    unknown = await log_in(http, "nobody@example.org", "wrong horse")
    assert (wrong.status, wrong.text) == (unknown.status, unknown.text)
    known, dummy = checked
    assert known != dummy
    assert known.split(b"$")[:4] == dummy.split(b"$")[:4], "the same work"
    # Nor is there a password that lets everybody in.
    assert (await log_in(http, "nobody@example.org", "")).status == 401


async def test_registration_hashes_before_it_tells_that_a_name_is_in_use(
    http: SdkHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def hash_and_note(password: str) -> bytes:
        hashed.append(password)
        return credentials.hash_password(password)

    monkeypatch.setattr(users, "hash_password", hash_and_note)
    assert (await register(http, password="password 1")).status == 201
    assert (await register(http, password="password 2")).json == {
        "error": "name already in use",
        "error_code": "AccountNameInUse",
    }
    assert hashed == ["password 1", "password 2"]


@pytest.mark.parametrize("call", ["confirm/send", "confirm/call", "reset/send", "reset/call"])
async def test_mails_do_not_tell_whether_an_account_exists(http: SdkHttp, call: str) -> None:
    await register(http)
    told = []
    for email in (EMAIL, "nobody@example.org"):
        body = {"email": email, "password": "new horse", "arguments": []}
        reply = await http("POST", f"{USERPASS}/{call}", body)
        told.append((reply.status, json.dumps(reply.json).replace(email, "…")))
    assert told[0] == told[1]


def test_the_form_of_a_stored_password() -> None:
    stored = credentials.hash_password("correct horse")
    assert credentials.password_matches("correct horse", stored)
    assert not credentials.password_matches("wrong horse", stored)
    assert not credentials.is_outdated(stored)
    assert credentials.is_outdated(as_before_argon2("correct horse"))
    assert stored != credentials.hash_password("correct horse"), "salted"


def test_the_form_of_a_password_that_nobody_has() -> None:
    """It is compared with in earnest, as one of an account would be."""
    stored = credentials.unguessable()
    assert stored != credentials.unguessable()
    made = credentials.hash_password("horses")
    assert len(stored) == len(made) and stored.split(b"$")[:4] == made.split(b"$")[:4]
    assert not credentials.is_outdated(stored)
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(stored, "horses")
