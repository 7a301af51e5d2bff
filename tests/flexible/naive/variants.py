"""Other servers that keep their promises: an observer must have nothing against any of them.

What lives here: what the specification leaves open, decided otherwise than in `serving`.
Specification: flexible-sync.md 7.1, 7.2, 9.3, 17.5, 17.10.
"""

from __future__ import annotations

from typing import Any

from flexible.naive.history import Commit, Undone
from flexible.naive.judging import Verdict
from flexible.naive.objects import Instruction, Named, touched
from flexible.naive.serving import File, Server, Session
from flexible.naive.streams import as_seen, erasure, on, renewal
from flexible.naive.views import View


class OneByOne(Server):
    """Every version is a message of its own."""

    def pump(self, session: Session) -> None:
        file, head = session.file, self.history.head
        self._generate(session)
        if session.is_started and session.position == head:
            return
        before = session.position
        for version in range(before + 1, head + 1) or [head]:
            news = [each for each in file.stream if before < each.change.version == version]
            if before < version and version in file.owed:
                self._tell(session, file.owed[version])
            session.position = version
            self._download(session, self.entries(file, news), 2, 1.0)


class OneMessage(Server):
    """A bootstrap is one changeset."""

    def _parts(self, instructions: list[Instruction]) -> list[list[Instruction]]:
        return [instructions]


class InFull(Server):
    """A bootstrap brings all objects of the view, also those that the file has (7.1)."""

    def difference(
        self, held: Any, again: frozenset[Named], version: int, view: View
    ) -> list[Instruction]:
        state = self.history.states[version]
        gone = [a for a in sorted({*held, *again}, key=str) if not view.sees(state, a)]
        there = [a for a in sorted(state.everything(), key=str) if view.sees(state, a)]
        out = [each for about in gone for each in erasure(about)]
        return out + [i for a in there for i in renewal(state, a, view.sees(state, a))]


class EveryQuery(Server):
    """Each of several queries that wait gets its bootstrap."""

    def _answer_queries(self, session: Session) -> None:
        asked, session.asked = session.asked, []
        for version, view in asked:
            self.pump(session)
            self._bootstrap(session, version, view)


class FromItsPosition(Server):
    """A bootstrap starts from where the file is; nothing is streamed under the old view before."""

    def _answer_queries(self, session: Session) -> None:
        if session.asked:
            version, view = session.asked[-1]
            session.asked, session.query_version = [], version
            self._bootstrap_anew(session, view)


class FromTheHistory(Server):
    """A bootstrap for a file that returns is of a version that there was (B4a), if the file has
    written nothing since: its own writes after it would not survive."""

    def snapshot(self, session: Session) -> int:
        own = [
            commit
            for commit in self.history.between(session.position, self.history.head)
            if commit.origin == session.file.ident or commit.addressed_to == session.file.ident
        ]
        if session.position < self.history.head and not own:
            return session.position + 1
        return super().snapshot(session)


class OneRejectionEach(Server):
    """Each rejected object has a version and a 231 of its own."""

    def _compensate(self, file: File, client_version: int, rejected: dict[Named, Verdict]) -> None:
        for about, verdict in rejected.items():
            super()._compensate(file, client_version, {about: verdict})


class AtOnce(Server):
    """What undoes the rejected part of an upload has the version of the rest."""

    def store(
        self,
        file: File,
        entry: dict[str, Any],
        instructions: list[Instruction],
        rejected: dict[Named, Verdict],
    ) -> None:
        commit = self._commit(
            origin=file.ident,
            client_version=entry["client_version"],
            timestamp=entry["origin_timestamp"],
            instructions=instructions,
            rejected=frozenset(rejected),
            addressed_to=file.ident if rejected else 0,
            undoes=(Undone(entry["client_version"], frozenset(rejected)),) if rejected else (),
        )
        if rejected:
            self.owe(file, commit.version, entry["client_version"], rejected)

    def seen(self, file: File, commit: Commit, view: View) -> list[Instruction]:
        if commit.origin != file.ident:
            return super().seen(file, commit, view)
        before = self.history.states[commit.version - 1]
        after = self.history.states[commit.version]
        own = as_seen(before, after, commit.instructions, view, own=True)
        return own + self.undone(commit, after, view)


class FieldByField(Server):
    """What only set properties is undone by setting them again (9.3)."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.uploaded: list[Instruction] = []
        self.fields: dict[int, dict[Named, set[str]]] = {}  # by the version that undoes them

    def judge(
        self, before: Any, instructions: list[Instruction], view: View
    ) -> dict[Named, Verdict]:
        self.uploaded = instructions
        return super().judge(before, instructions, view)

    def owe(
        self, file: File, version: int, client_version: int, rejected: dict[Named, Verdict]
    ) -> None:
        super().owe(file, version, client_version, rejected)
        by_object = touched(self.uploaded)
        self.fields[version] = {
            about: {each["field"] for each in by_object[about]}
            for about in rejected
            if all(
                each["op"] == "Update" and not each["path"] and each["value"]["t"] != "object_value"
                for each in by_object[about]
            )
        }

    def undone(self, commit: Commit, state: Any, view: View) -> list[Instruction]:
        out = []
        for about in sorted(commit.reverts, key=str):
            seen = view.sees(state, about)
            names = self.fields.get(commit.version, {}).get(about)
            image = state.image(about)
            if not seen or not names or any("t" not in image[name] for name in names):
                out += renewal(state, about, seen) if seen else erasure(about)
                continue
            values = {n: image[n] if n in seen else state.default(about[0], n) for n in names}
            out += [
                on("Update", about, name, value=value, is_default=False)
                for name, value in sorted(values.items())
            ]
        return out


VARIANTS: list[type[Server]] = [
    OneByOne,
    OneMessage,
    InFull,
    EveryQuery,
    FromItsPosition,
    FromTheHistory,
    OneRejectionEach,
    AtOnce,
    FieldByField,
]
