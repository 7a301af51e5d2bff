"""One folder of an exported application: what is in it, loaded once, and who its users are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bson import ObjectId

from realmsync import ejson
from realmsync.apps.load import Loaded, load_path
from realmsync.apps.model import App
from realmsync.apps.permissions import Permissions
from realmsync.server.functions.port import AppUser

Json = Any


@dataclass(frozen=True)
class Disagreement:
    """Something that came out otherwise than expected."""

    what: str
    expected: object
    got: object

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected!r}, got {self.got!r}"


class Case:
    """A folder with app/ and expected.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected: dict[str, Json] = json.loads((folder / "expected.json").read_text("utf-8"))
        self.not_compared: list[str] = []  # told at the end

    @cached_property
    def loaded(self) -> Loaded:
        """What loading the folder gives."""
        return load_path(self.folder / "app")

    @property
    def app(self) -> App:
        """The application; it must have been accepted."""
        assert self.loaded.app is not None, [str(finding) for finding in self.loaded.findings]
        return self.loaded.app

    @cached_property
    def permissions(self) -> Permissions:
        """Those of the application."""
        return Permissions(self.app)

    @cached_property
    def users(self) -> dict[str, AppUser]:
        """Users by the names by which the expectations call them.

        A name is an id, the first part of an e-mail address, or begins one text of one user alone,
        such as "doc" where a role is "doctor". The users left over bear the names left over, in the
        order in which both are first mentioned. An id without a user is one without any data.
        """
        there = [_user(record) for record in self._json("users.json", [])]
        named: dict[str, AppUser] = {}
        for user in there:
            named[user.id] = user
            email = user.data.get("email")
            if isinstance(email, str):
                named.setdefault(email.partition("@")[0], user)
        for name in _mentioned(self.expected):
            begun = [user for user in there if _has_text_that_begins(user, name)]
            if name not in named and len(begun) == 1 and len(name) > 2:
                named[name] = begun[0]
            elif name not in named and ObjectId.is_valid(name):
                named[name] = AppUser(name)
        names = [name for name in _mentioned(self.expected) if name not in named]
        taken = {id(named[name]) for name in _mentioned(self.expected) if name in named}
        left = [user for user in there if id(user) not in taken]
        return named | dict(zip(names, left, strict=False))

    @cached_property
    def objects(self) -> dict[str, list[dict[str, Any]]]:
        """Objects by class, as realmsync.ejson decodes them."""
        return {
            cls: [ejson.decode(document) for document in documents]
            for cls, documents in self._json("objects.json", {}).items()
        }

    def object(self, cls: str, key: Json) -> dict[str, Any]:
        """The object of a class with a key in the form of the expectations."""
        return next(o for o in self.objects[cls] if key_text(o["_id"]) == key_text(key))

    @cached_property
    def documents(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Dumped documents by database and collection, for functions that look for some."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for path in sorted((self.folder / "dump").glob("*.jsonl")):
            database, collection = path.stem.split(".", 1)
            lines = path.read_text("utf-8").splitlines()
            found[database, collection] = [ejson.loads(line) for line in lines if line.strip()]
        return found

    def _json(self, name: str, absent: Json) -> Json:
        path = self.folder / name
        return json.loads(path.read_text("utf-8")) if path.exists() else absent


def key_text(key: Json) -> str:
    """How a primary key is written where it names a row of a table."""
    if isinstance(key, dict):
        key = ejson.decode(key)
    return str(key)


def _user(record: Json) -> AppUser:
    user = ejson.decode(record)
    return AppUser(
        id=str(user["_id"]),
        type=user.get("type", "normal"),
        data=user.get("data") or {},
        custom_data=user.get("custom_data") or {},
        identities=tuple(user.get("identities") or ()),
    )


def _has_text_that_begins(user: AppUser, name: str) -> bool:
    values = [*user.data.values(), *user.custom_data.values()]
    return any(isinstance(value, str) and value.startswith(name) for value in values)


def _mentioned(expected: Json) -> list[str]:
    """Names of users in the order in which the expectations mention them."""
    names: dict[str, None] = {}
    waiting = [expected]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            if isinstance(value.get("user"), str):
                names.setdefault(value["user"])
            waiting += reversed(list(value.values()))
    for place in expected.get("read_filters_rql", {}):
        names.setdefault(place.partition("/")[0])
    return list(names)
