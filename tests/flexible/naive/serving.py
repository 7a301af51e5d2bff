"""A server of flexible sync, straight from its specification: one message at a time, no cache.

What lives here: what it keeps of each client file, how it takes uploads, steady streams,
bootstraps, MARKs and 231. It works out everything from the whole history again. Its methods are
small, so that `planted` can replace one by a wrong one.
Specification: flexible-sync.md 5 to 10, 17; server-behaviour.md 8, 17; merge-rules.md 8.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from flexible.naive.history import Commit, History, Undone
from flexible.naive.judging import Verdict, accepted, encoded_key, judge, spelled
from flexible.naive.merging import Change, encoded, rebased
from flexible.naive.objects import Instruction, Named, named, schema_only, touched
from flexible.naive.streams import as_seen, difference, erasure, renewal
from flexible.naive.views import BadQuery, Permissions, Queries, View

Message = dict[str, Any]
SERVER_IDENT = 1
REVERTED = "Client attempted a write that is not allowed; it has been reverted"


@dataclass(frozen=True)
class Sent:
    """One entry of a file's stream: as it is sent, and as later uploads have left it (W5)."""

    change: Change
    original: tuple[Instruction, ...]
    client_version: int

    def entry(self) -> dict[str, Any]:
        """As it travels."""
        return {
            "server_version": self.change.version,
            "client_version": self.client_version,
            "origin_timestamp": self.change.timestamp,
            "origin_file_ident": self.change.origin,
            "instructions": list(self.original),
            "changeset": encoded(self.original),
        }


@dataclass(frozen=True)
class Install:
    """From this version on a file is served this view."""

    version: int
    view: View
    sent: frozenset[Named]  # what its bootstrap was about


@dataclass
class File:
    """What is kept of a client file (K16); all of it survives a crash."""

    ident: int
    user: str
    confirmed: int = 0  # newest own version that is behind the head
    base: int = 0
    installs: list[Install] = field(default_factory=list)
    stream: list[Sent] = field(default_factory=list)
    generated: int = 0  # version up to which the stream goes
    owed: dict[int, Message] = field(default_factory=dict)  # 231 by version


@dataclass
class Session:
    """A binding."""

    file: File
    permissions: Permissions
    out: list[Message] = field(default_factory=list)
    view: View | None = None
    query_version: int = 0
    position: int = 0
    asked: list[tuple[int, View]] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    is_closing: bool = False
    is_started: bool = False


class Server:
    """`permissions` gives what a user may at the moment."""

    def __init__(self, schema: list[Instruction], permissions: dict[str, Permissions]) -> None:
        self.history = History()
        self.permissions = dict(permissions)
        self.files: dict[int, File] = {}
        self.now = 1000
        self.chunk = 1  # objects in one message of a bootstrap
        self.history.append(Commit(1, timestamp=self.now, instructions=schema))

    # -- sessions ----------------------------------------------------------------------------------

    def open(self, user: str, file_ident: int) -> Session:
        """A BIND. Without an ident, a file is made."""
        if not file_ident:
            file_ident = len(self.files) + 2
            self.files[file_ident] = File(file_ident, user)
        return Session(self.files[file_ident], self.permissions[user])

    def receive(self, session: Session, message: Message) -> None:
        """A message of a session."""
        self.now += 1
        if not session.is_closing:
            getattr(self, "_on_" + message["type"])(session, message)

    def change_permissions(self, user: str, permissions: Permissions, live: list[Session]) -> None:
        """Sessions whose rights are others now are ended (10.3)."""
        self.permissions[user] = permissions
        for session in live:
            if session.file.user == user and self._is_other(session, permissions):
                self._end(session, 200, "role change")

    def _is_other(self, session: Session, permissions: Permissions) -> bool:
        return not session.is_closing and session.permissions != permissions

    def crash(self) -> None:
        """Only what is durable remains; here that is all of it."""

    def _end(self, session: Session, code: int, text: str, **more: Any) -> None:
        session.is_closing = True
        body = {"message": text, "tryAgain": True, "action": "Transient"} | more
        session.out.append({"type": "json_error", "code": code, "body": json.dumps(body)})

    def _on_ident(self, session: Session, message: Message) -> None:
        file, position = session.file, message["download_server_version"]
        session.permissions = self.permissions[file.user]
        session.position = position
        session.query_version = message["query_version"]
        view = View(Queries.of_body(message["query"]), session.permissions)
        file.owed = {v: each for v, each in file.owed.items() if v > position}
        installed = [each for each in file.installs if each.version <= position]
        if installed and self._goes_on(file, installed[-1], view):
            session.view = installed[-1].view
            file.installs = installed[-1:]
        else:
            self._bootstrap_anew(session, view)

    def _goes_on(self, file: File, install: Install, view: View) -> bool:
        """Whether the view of a file that returns is the one it was served (10.3, 17.10)."""
        return (
            install is file.installs[-1]
            and install.view.permissions == view.permissions
            and install.view.queries.alternatives == view.queries.alternatives
        )

    def _on_query(self, session: Session, message: Message) -> None:
        queries = Queries.of_body(message["query"])
        try:
            queries.check(self.history.states[self.history.head])
        except BadQuery as error:
            session.out.append(
                {
                    "type": "query_error",
                    "code": 226,
                    "query_version": message["query_version"],
                    "message": f"Invalid query: {error}",
                }
            )
            return
        session.asked.append((message["query_version"], View(queries, session.permissions)))

    def _on_mark(self, session: Session, message: Message) -> None:
        session.marks.append(message["request"])

    def _on_unbind(self, session: Session, message: Message) -> None:
        session.is_closing = True
        session.out.append({"type": "unbound"})

    def turn(self, session: Session) -> None:
        """The server gets around to a session: what was asked, what is new, and MARKs."""
        if session.is_closing or session.view is None:
            return
        self._answer_queries(session)
        self.pump(session)
        for request in session.marks:
            session.out.append({"type": "mark", "request": request})
        session.marks = []

    def _answer_queries(self, session: Session) -> None:
        """Of several that wait only the last needs a bootstrap (B1)."""
        if session.asked:
            version, view = session.asked[-1]
            session.asked = []
            self.pump(session)
            self._bootstrap(session, version, view)

    # -- uploads -----------------------------------------------------------------------------------

    def _on_upload(self, session: Session, message: Message) -> None:
        self._answer_queries(session)  # an upload behind a QUERY is judged by it (6.2)
        refused: dict[Named, int] = {}
        for entry in message["entries"]:
            if entry["client_version"] > session.file.confirmed:
                self._generate(session)
                refused |= self._integrate(session, entry)
        session.file.confirmed = max(session.file.confirmed, message["upload_client_version"])
        session.file.base = max(session.file.base, message["upload_server_version"])
        if refused:
            self._refuse(session, refused)

    def _integrate(self, session: Session, entry: dict[str, Any]) -> dict[Named, int]:
        """Gives the objects that 230 is about, with the client version."""
        file, view = session.file, session.view
        assert view is not None
        merged = self._merged(file, entry)
        before = self.history.states[self.history.head]
        verdicts = self.judge(before, merged, view)
        rejected = {a: v for a, v in verdicts.items() if v.kind == "compensated"}
        file.confirmed, file.base = entry["client_version"], entry["server_version"]
        self.store(file, entry, accepted(merged, verdicts), rejected)
        refused = [a for a, verdict in verdicts.items() if verdict.kind == "refused"]
        return dict.fromkeys(refused, entry["client_version"])

    def _refuse(self, session: Session, refused: dict[Named, int]) -> None:
        """Asymmetric insertions are not undone; the client comes back after 230 (9.2, 11.2)."""
        self.pump(session)
        updates = [
            {"reason": f"write to {spelled(a[1])} not allowed", "table": a[0]}
            | {"pk": encoded_key(a[1])}
            for a in refused
        ]
        self._end(
            session,
            230,
            "write not allowed",
            action="Warning",
            rejectedUpdates=updates,
            rejectedClientVersion=max(refused.values()),
        )

    def store(
        self,
        file: File,
        entry: dict[str, Any],
        instructions: list[Instruction],
        rejected: dict[Named, Verdict],
    ) -> None:
        """What stands of an upload, and what undoes the rest."""
        self._commit(
            origin=file.ident,
            client_version=entry["client_version"],
            timestamp=entry["origin_timestamp"],
            instructions=instructions,
            rejected=frozenset(rejected),
        )
        if rejected:
            self._compensate(file, entry["client_version"], rejected)

    def judge(
        self, before: Any, instructions: list[Instruction], view: View
    ) -> dict[Named, Verdict]:
        """The verdicts on a merged changeset."""
        return judge(before, instructions, view)

    def _merged(self, file: File, entry: dict[str, Any]) -> list[Instruction]:
        """An upload over what its file was, or will be, sent (17.6)."""
        merged, changes = rebased(
            [each.change for each in file.stream],
            entry["server_version"],
            entry["origin_timestamp"],
            file.ident,
            list(entry["instructions"]),
        )
        file.stream = [
            replace(sent, change=change) for sent, change in zip(file.stream, changes, strict=True)
        ]
        return merged

    def _compensate(self, file: File, client_version: int, rejected: dict[Named, Verdict]) -> None:
        """A version that undoes it for this file alone, and the 231 that goes before it (9.3)."""
        commit = self._commit(
            timestamp=self.now,
            addressed_to=file.ident,
            undoes=(Undone(client_version, frozenset(rejected)),),
        )
        self.owe(file, commit.version, client_version, rejected)

    def owe(
        self, file: File, version: int, client_version: int, rejected: dict[Named, Verdict]
    ) -> None:
        """The 231 that goes before a version, until the file is past it."""
        file.owed[version] = {
            "rejectedUpdates": [
                {"reason": verdict.reasons[0], "table": about[0], "pk": encoded_key(about[1])}
                for about, verdict in rejected.items()
            ],
            "rejectedClientVersion": client_version,
            "compensatingWriteServerVersion": version,
            "tryAgain": True,
            "action": "Warning",
            "message": REVERTED,
        }

    def _commit(self, **what: Any) -> Commit:
        commit = Commit(self.history.head + 1, **what)
        self.history.append(commit)
        return commit

    # -- steady state ------------------------------------------------------------------------------

    def _generate(self, session: Session) -> None:
        """Takes the stream of a file to the head."""
        file, view = session.file, session.view
        assert view is not None
        for commit in self.history.between(file.generated, self.history.head):
            instructions = self.seen(file, commit, view)
            if instructions:
                own = self._own_before(file, commit.version)
                origin = SERVER_IDENT if commit.origin in (0, file.ident) else commit.origin
                change = Change(commit.version, commit.timestamp, origin, tuple(instructions))
                file.stream.append(Sent(change, change.instructions, own))
        file.generated = self.history.head

    def seen(self, file: File, commit: Commit, view: View) -> list[Instruction]:
        """What a file is sent of a version."""
        before = self.history.states[commit.version - 1]
        after = self.history.states[commit.version]
        if commit.addressed_to == file.ident:
            return self.undone(commit, after, view)
        own = commit.origin == file.ident
        return as_seen(before, after, commit.instructions, view, own=own)

    def undone(self, commit: Commit, state: Any, view: View) -> list[Instruction]:
        """What takes back rejected changes (9.3)."""
        out = []
        for about in sorted(commit.reverts, key=str):
            fields = view.sees(state, about)
            out += renewal(state, about, fields) if fields else erasure(about)
        return out

    def _own_before(self, file: File, version: int) -> int:
        """Newest own version that is behind a server version (W1)."""
        own = [
            commit.client_version
            for commit in self.history.between(0, version)
            if commit.origin == file.ident
        ]
        return max(own, default=0)

    def pump(self, session: Session) -> None:
        """Sends what is new, or confirms what came, in one message."""
        file = session.file
        self._generate(session)
        if session.is_started and session.position == self.history.head:
            return
        news = [each for each in file.stream if each.change.version > session.position]
        for version in sorted(file.owed):
            if session.position < version <= self.history.head:
                self._tell(session, file.owed[version])
        session.position = self.history.head
        self._download(session, self.entries(file, news), 2, 1.0)

    def entries(self, file: File, news: list[Sent]) -> list[dict[str, Any]]:
        """What of a stream a message brings."""
        return [each.entry() for each in news]

    def _tell(self, session: Session, body: Message) -> None:
        session.out.append({"type": "json_error", "code": 231, "body": json.dumps(body)})

    def _download(
        self, session: Session, entries: list[dict[str, Any]], state: int, progress: float
    ) -> None:
        file = session.file
        session.is_started = True
        session.out.append(
            {
                "type": "download",
                "download_server_version": session.position,
                "download_client_version": self._own_before(file, session.position),
                "latest_server_version": self.history.head,
                "upload_client_version": file.confirmed,
                "upload_server_version": file.base,
                "query_version": session.query_version,
                "batch_state": state,
                "progress_estimate": progress,
                "entries": entries,
            }
        )

    # -- bootstraps --------------------------------------------------------------------------------

    def _bootstrap(self, session: Session, version: int, view: View) -> None:
        """For a QUERY; the file is at the head under its old view (17.5)."""
        assert session.view is not None
        held = self._held(session.position, session.view)
        again = self._unfinished(session.file, session.file.base)
        self._send_bootstrap(session, version, view, held, again)

    def _bootstrap_anew(self, session: Session, view: View) -> None:
        """For a file that returns and whose view does not go on: whatever happened since its
        position, to its objects or by bootstraps it may have parts of, is said again."""
        file, position = session.file, session.position
        installed = [each for each in file.installs if each.version <= position]
        held = self._held(position, installed[-1].view) if installed else {}
        since = self.history.touched(position, self.history.head)
        again = self._unfinished(file, position) | since
        undone = [each for v, each in sorted(file.owed.items()) if v <= self.history.head]
        file.owed = {}
        file.installs = installed[-1:]
        file.stream = [each for each in file.stream if each.change.version <= position]
        self._send_bootstrap(session, session.query_version, view, held, again)
        for body in undone:  # their versions are behind the bootstrap: told with new ones
            self._repeat(file, body)

    def _repeat(self, file: File, body: Message) -> None:
        version = body["compensatingWriteServerVersion"]
        undoes = self.history.commits[version].undoes
        commit = self._commit(
            timestamp=self.now,
            addressed_to=file.ident,
            undoes=undoes,
        )
        file.owed[commit.version] = body | {"compensatingWriteServerVersion": commit.version}

    def _held(self, position: int, view: View) -> dict[Named, frozenset[str]]:
        """The objects that a file has, and which fields of them."""
        state = self.history.states[position]
        seen = {about: view.sees(state, about) for about in state.everything()}
        return {about: fields for about, fields in seen.items() if fields}

    def _unfinished(self, file: File, position: int) -> frozenset[Named]:
        """What bootstraps were about that a file at a position may have parts of (7.5, R1)."""
        return frozenset(
            about for each in file.installs if each.version > position for about in each.sent
        )

    def _send_bootstrap(
        self,
        session: Session,
        version: int,
        view: View,
        held: dict[Named, frozenset[str]],
        again: frozenset[Named],
    ) -> None:
        file = session.file
        after = session.position
        snapshot = self.snapshot(session)
        instructions = self.difference(held, again, snapshot, view)
        schema = [
            each
            for commit in self.history.between(after, snapshot)
            for each in schema_only(commit.instructions)
        ]
        own = self._own_before(file, snapshot)
        parts = self._parts([*schema, *instructions])
        sent = [
            Sent(Change(snapshot, self.now, SERVER_IDENT, tuple(part)), tuple(part), own)
            for part in parts
        ]
        file.stream += sent
        file.generated = snapshot
        file.installs.append(Install(snapshot, view, frozenset(touched(instructions))))
        session.position, session.query_version, session.view = snapshot, version, view
        for at, each in enumerate(sent):
            is_last = at + 1 == len(sent)
            self._download(session, [each.entry()], int(is_last), (at + 1) / len(sent))

    def snapshot(self, session: Session) -> int:
        """The version that a bootstrap is of: a new one, above all that the file may have. From
        IDENT one can tell then whether the file has it."""
        return self._commit(timestamp=self.now).version

    def difference(
        self,
        held: dict[Named, frozenset[str]],
        again: frozenset[Named],
        version: int,
        view: View,
    ) -> list[Instruction]:
        """What a bootstrap says of the objects as they are at a version."""
        return difference(held, again, self.history.states[version], view)

    def _parts(self, instructions: list[Instruction]) -> list[list[Instruction]]:
        """The changesets of a bootstrap: one at least (B3)."""
        parts: list[list[Instruction]] = [[each for each in instructions if named(each) is None]]
        for at, of_object in enumerate(touched(instructions).values()):
            if at % self.chunk == 0:
                parts.append([])
            parts[-1] += of_object
        return [part for part in parts if part] or [[]]
