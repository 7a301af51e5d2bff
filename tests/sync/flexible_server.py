"""A server of flexible sync as small as can be: it keeps objects, and sends all of a class that
somebody subscribes to, whatever the query says; `refusals` holds what it says to others. A file of
another schema version than its BIND says is told so. Errors and other misfortunes are the test's to
send."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from websockets.sync.server import ServerConnection

from instructions import add_column, add_table, changeset, create, erase, update
from scripted_server import Message, ScriptedServer

SERVER_FILE = 1
STEADY, LAST = 2, 1
STRING = 3  # a type of properties
Objects = dict[tuple[str, int], dict[str, Any]]


class _Session:
    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.query = 0
        self.classes: set[str] = set()
        self.uploaded = (0, 0)


class FlexibleServer(ScriptedServer):
    """All connections share the objects."""

    def __init__(self, schema: dict[str, dict[str, int]]) -> None:
        self.schema = schema  # types of properties beside the key, by class
        self.asymmetric: set[str] = set()  # classes with nothing but a key
        self.objects: Objects = {}
        self.version = 1
        self.refusals: dict[str, str] = {}  # texts of QUERY_ERRORs, by a part of the body
        self.binds: list[dict[str, Any]] = []  # the JSON of BINDs
        self.uploads: list[dict[str, Any]] = []  # instructions
        self.on_bind: Callable[[int], list[bytes]] | None = None  # answers in place of ours, once
        self.answers_uploads = True
        self._files = 1
        self._bound: dict[int, int] = {}  # schema versions, by session
        self._served: dict[int, int] = {}  # the same, by file
        self._uploaded: dict[int, tuple[int, int]] = {}  # by file
        self._sessions: dict[ServerConnection, dict[int, _Session]] = defaultdict(dict)
        super().__init__("com.mongodb.realm-query-sync#14")

    def _answers(self, socket: ServerConnection, message: Message) -> list[bytes]:
        kind, at, sessions = message["type"], message["session"], self._sessions[socket]
        if kind == "bind":
            self.binds.append(json.loads(message["data"]))
            self._bound[at] = self.binds[-1]["schemaVersion"]
            if self.on_bind is not None:
                answer, self.on_bind = self.on_bind, None
                return answer(at)
            if not message["need_ident"]:
                return []
            self._files += 1
            return [b"ident %d %d %d\n" % (at, self._files, 99)]
        if kind == "unbind":
            return [b"unbound %d\n" % at] if sessions.pop(at, None) else []
        if kind == "ident":
            session = sessions[at] = _Session(message["file_ident"])
            session.query = message["query_version"]
            session.classes = set(json.loads(message["query"]))
            session.uploaded = self._uploaded.get(session.ident, (0, 0))
            served = self._served.setdefault(session.ident, self._bound[at])
            told = [] if served == self._bound[at] else [changed(at, served)]
            if session.query == 0:
                return [*told, self._download(at, session, self._schema(), LAST)]
            return told
        session = sessions[at]
        if kind == "query":
            return self._query(at, session, message)
        if kind == "upload":
            return self._upload(at, session, message) if self.answers_uploads else []
        assert kind == "mark", message
        return [b"mark %d %d\n" % (at, message["request"])]

    def _query(self, at: int, session: _Session, message: dict[str, Any]) -> list[bytes]:
        for part, text in self.refusals.items():
            if part in message["query"]:
                head = b"query_error 226 %d %d %d\n" % (len(text), at, message["query_version"])
                return [head + text.encode()]
        before, session.classes = session.classes, set(json.loads(message["query"]))
        session.query = message["query_version"]
        instructions: list[Any] = []
        for (cls, key), values in self.objects.items():
            if cls in before | session.classes:
                instructions.append(erase(cls, key))
            if cls in session.classes:
                instructions.append(create(cls, key))
                instructions += [update(cls, key, name, v) for name, v in values.items()]
        return [self._download(at, session, changeset(*instructions), LAST)]

    def _upload(self, at: int, session: _Session, message: dict[str, Any]) -> list[bytes]:
        for entry in message["entries"]:
            self.version += 1
            self.uploads += entry["instructions"]
            for one in entry["instructions"]:
                self._apply(one)
        cursor = (message["upload_client_version"], message["upload_server_version"])
        session.uploaded = self._uploaded[session.ident] = max(session.uploaded, cursor)
        return [self._download(at, session, None, STEADY)]

    def _apply(self, one: dict[str, Any]) -> None:
        if one["op"] == "CreateObject":
            self.objects.setdefault((one["table"], one["pk"]["v"]), {})
        elif one["op"] == "EraseObject":
            self.objects.pop((one["table"], one["pk"]["v"]), None)
        elif one["op"] == "Update":
            self.objects[one["table"], one["pk"]["v"]][one["field"]] = one["value"]

    def _schema(self) -> bytes:
        tables = [add_table(cls) for cls in self.schema]
        tables += [add_table(cls, asymmetric=True) for cls in self.asymmetric]
        columns = [
            add_column(cls, name, kind)
            for cls, properties in self.schema.items()
            for name, kind in properties.items()
        ]
        return changeset(*tables, *columns)

    def _download(self, at: int, session: _Session, data: bytes | None, batch: int) -> bytes:
        version = self.version
        client, server = session.uploaded
        body = b""
        if data is not None:
            head = (version, client, 1, SERVER_FILE, len(data), len(data))
            body = b"%d %d %d %d %d %d " % head + data
        fields = (at, version, client, version, 5, client, server, session.query, batch, 1)
        return b"download %s 0 %d 0\n" % (" ".join(map(str, fields)).encode(), len(body)) + body


def changed(session: int, previous: int) -> bytes:
    """236, of a file that was served under another version of the schema."""
    return error(session, 236, "MigrateSchema", again=True, previousSchemaVersion=previous)


def error(session: int, code: int, action: str, *, again: bool = False, **more: object) -> bytes:
    """An ERROR for a session; `more`: further keys of its JSON."""
    keys = {"shouldClientReset": False, "isRecoveryModeDisabled": False, "logURL": "", **more}
    body = json.dumps({"message": "told so", "action": action, "tryAgain": again} | keys).encode()
    return b"json_error %d %d %d\n" % (code, len(body), session) + body
