"""A client that was offline, and a server that has lost its trace: for tests of client resets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from instructions import (
    Instruction,
    add_column,
    add_table,
    changeset,
    create,
    insert,
    on,
    update,
    value,
)
from realmsync import _core, _testbed
from realmsync.inspect import decode_changeset

SALT = 77
MODES = {
    "recover": "recoverUnsyncedChanges",
    "discard": "discardUnsyncedChanges",
    "recover_or_discard": "recoverOrDiscardUnsyncedChanges",
}

SEED = (
    add_table("Dog"),
    add_column("Dog", "name", 3, nullable=True),
    add_column("Dog", "age"),
    add_column("Dog", "weight", 1, nullable=True),
    add_column("Dog", "any", 0, nullable=True),
    add_column("Dog", "friend", 9, nullable=True, target="Dog"),
    add_column("Dog", "list", 3, collection=1),
    add_column("Dog", "set", 3, collection=3),
    add_column("Dog", "dict", 3, collection=2, key_type=3),
    add_column("Dog", "friends", 9, collection=1, target="Dog"),
    create("Dog", 1),
    update("Dog", 1, "name", "Rex"),
    *(insert("Dog", 1, "list", n, text, n) for n, text in enumerate("abc")),
    on("SetInsert", "Dog", 1, "set") | {"value": value("s")},
    update("Dog", 1, "dict", "d", "key"),
    create("Dog", 2),
    create("Dog", 3),
)


class Story:
    """A client that was offline, and the server that has lost its trace."""

    def __init__(self, folder: Path, *more: Instruction) -> None:
        """`more`: what both have beside the seed."""
        self._folder = folder
        self._history = [changeset(*SEED, *more)]
        self._resets = 0
        self.file = self._file("local")
        _testbed.store_ident(self.file, 2, 22)
        self._receive(self.file)

    def _file(self, name: str) -> _core.RealmFile:
        return _core.RealmFile.open(str(self._folder / f"{name}.realm"))

    def _receive(self, file: _core.RealmFile, *more: bytes) -> None:
        entries = [(n, 0, n, 9, bytes) for n, bytes in enumerate([*self._history, *more], 1)]
        newest = len(entries)
        _testbed.integrate(file, entries, download=(newest, 0), latest=(newest, SALT))

    def server(self, *instructions: Instruction) -> None:
        self._history.append(changeset(*instructions))

    def offline(self, *instructions: Instruction) -> None:
        _testbed.commit_changeset(self.file, changeset(*instructions), 1_000_000)

    def catch_up(self) -> None:
        """Instead of a reset: all that the server has is merged."""
        entries = [(n, 0, n, 9, data) for n, data in enumerate(self._history, 1)][1:]
        newest = len(self._history)
        _testbed.integrate(self.file, entries, download=(newest, 0), latest=(newest, SALT))

    def fresh(self) -> _core.RealmFile:
        """What a new client downloads."""
        self._resets += 1
        fresh = self._file(f"fresh{self._resets}")
        _testbed.store_ident(fresh, 3, 33)
        self._receive(fresh)
        return fresh

    def reset(self, mode: str = "recover", **how: Any) -> dict[str, Any]:
        """The objects afterwards."""
        fresh = self.fresh()
        before = _testbed.objects(fresh)
        self.outcome = self.file.reset(fresh, MODES[mode], **how)
        assert _testbed.objects(fresh) == before, "it is only read"
        return _testbed.objects(self.file)

    def dog(self, key: int = 1, mode: str = "recover") -> dict[str, Any] | None:
        """One of them after a reset, with plain values."""
        for row in self.reset(mode)["Dog"]:
            if plain(row["_id"]) == key:
                return {name: plain(value) for name, value in row.items()}
        return None

    def _unsent(self) -> list[bytes]:
        entries, _ = _testbed.fetch_upload(self.file, 0, 0)
        return [data for *_, data in entries]

    def uploads(self) -> list[list[str]]:
        """The instructions that will be uploaded, by changeset."""
        return [[i["op"] for i in decode_changeset(data)] for data in self._unsent()]

    def elsewhere(self) -> dict[str, Any]:
        """The objects on another device, when all that is there after a reset is uploaded."""
        other = self._file(f"other{self._resets}")
        _testbed.store_ident(other, 4, 44)
        self._receive(other, *self._unsent())
        return _testbed.objects(other)


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        match kind:
            case "$numberLong":
                return int(content)
            case "$set":
                return {plain(element) for element in content}
            case "$dictionary":
                return {key: plain(element) for key, element in content.items()}
            case "$link":
                return plain(content["key"])
        return value
    return [plain(element) for element in value] if isinstance(value, list) else value


def set_insert(key: int, element: str) -> Instruction:
    return on("SetInsert", "Dog", key, "set") | {"value": value(element)}
