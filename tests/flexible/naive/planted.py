"""Servers with one fault each, and what an observer is to say of them.

What lives here: only what is wrong; everything else is `serving`'s. That each is found shows that
the generator reaches it and that the observer sees it.
Specification: flexible-sync.md 17.9, 18 (38); merge-rules.md 8.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flexible.naive.history import Commit
from flexible.naive.judging import ACCEPTED, Verdict
from flexible.naive.merging import Change
from flexible.naive.objects import Instruction, Named, schema_only, touched
from flexible.naive.serving import File, Install, Message, Sent, Server, Session
from flexible.naive.views import Permissions, Queries, View


class StreamsUnseen(Server):
    """Changes of objects outside the view are sent as they are."""

    def seen(self, file: File, commit: Commit, view: View) -> list[Instruction]:
        if commit.addressed_to or commit.origin == file.ident:
            return super().seen(file, commit, view)
        return list(commit.instructions)


class ForgetsLeaving(Server):
    """An object that leaves the view is not erased."""

    def seen(self, file: File, commit: Commit, view: View) -> list[Instruction]:
        after = self.history.states[commit.version]
        said = super().seen(file, commit, view)
        return [
            each
            for each in said
            if each["op"] != "EraseObject"
            or commit.addressed_to
            or after.raw((each["table"], (each["pk"]["t"], each["pk"]["v"]))) is None
            or any(other["op"] == "CreateObject" for other in said)
        ]


class EntersInPart(Server):
    """An object that enters comes with what the change says of it, and no more."""

    def seen(self, file: File, commit: Commit, view: View) -> list[Instruction]:
        said = super().seen(file, commit, view)
        if commit.addressed_to or commit.origin == file.ident:
            return said
        changed = {each.get("field") for each in commit.instructions}
        return [each for each in said if each["op"] != "Update" or each["field"] in changed]


class ShowsEveryField(Server):
    """Fields that may not be read are sent with the others."""

    def seen(self, file: File, commit: Commit, view: View) -> list[Instruction]:
        said = super().seen(file, commit, view)
        if not commit.addressed_to and commit.origin != file.ident:
            stays = {a for a in touched(said) if all("field" in i for i in touched(said)[a])}
            seen = touched(said)
            full = touched(commit.instructions)
            objects = [i for a in seen for i in (full[a] if a in stays else seen[a])]
            return [*schema_only(said), *objects]
        return said


class AcceptsEverything(Server):
    """Nothing that is uploaded is judged."""

    def judge(
        self, before: Any, instructions: list[Instruction], view: View
    ) -> dict[Named, Verdict]:
        verdicts = super().judge(before, instructions, view)
        return {a: ACCEPTED if before.raw(a) else verdict for a, verdict in verdicts.items()}


class RejectsTooMuch(Server):
    """One rejected object takes the others of its changeset with it."""

    def judge(
        self, before: Any, instructions: list[Instruction], view: View
    ) -> dict[Named, Verdict]:
        verdicts = super().judge(before, instructions, view)
        rejected = [each for each in verdicts.values() if each.kind == "compensated"]
        return dict.fromkeys(verdicts, rejected[0]) if rejected else verdicts


class TellsNothing(Server):
    """What is rejected is undone without a word."""

    def _tell(self, session: Session, body: Message) -> None:
        pass


class UndoesNothing(Server):
    """What is rejected is told, and stays on the client."""

    def undone(self, commit: Commit, state: Any, view: View) -> list[Instruction]:
        return []


class MarksAtOnce(Server):
    """A MARK is answered when it comes."""

    def _on_mark(self, session: Session, message: Message) -> None:
        session.out.append({"type": "mark", "request": message["request"]})


class ConfirmsTooMuch(Server):
    """Every entry is said to be behind all uploads of the moment at which it is sent."""

    def entries(self, file: File, news: list[Sent]) -> list[dict[str, Any]]:
        own = self._own_before(file, self.history.head)
        return [each.entry() | {"client_version": own} for each in news]


class LosesRoles(Server):
    """A file that returns is served on, whatever has become of its user's rights."""

    def _goes_on(self, file: File, install: Install, view: View) -> bool:
        same = replace(view, permissions=install.view.permissions)
        if super()._goes_on(file, install, same):
            file.installs[-1] = replace(install, view=view)
            return True
        return False

    def _on_ident(self, session: Session, message: Message) -> None:
        super()._on_ident(session, message)
        session.view = View(Queries.of_body(message["query"]), session.permissions)


class ForgetsParts(Server):
    """A file that returns from an interrupted bootstrap goes on under its old view, and what it has
    of the bootstrap is not remembered (7.5, without R1)."""

    def _on_ident(self, session: Session, message: Message) -> None:
        file, position = session.file, message["download_server_version"]
        if file.installs and file.installs[-1].version > position:
            file.installs = [each for each in file.installs if each.version <= position]
            file.stream = [each for each in file.stream if each.change.version <= position]
            file.generated = position
        super()._on_ident(session, message)


class Forgets231InCrash(Server):
    """Which rejections have to be told is not stored."""

    def crash(self) -> None:
        for file in self.files.values():
            file.owed = {}


class ForgetsMerges(Server):
    """What an upload makes of the entries that the file is still to get is not kept (W5)."""

    def _merged(self, file: File, entry: dict[str, Any]) -> list[Instruction]:
        stream = file.stream
        merged = super()._merged(file, entry)
        file.stream = stream
        return merged


class ForgetsViewsInCrash(Server):
    """Which view a file was served is not stored: it is taken for the one that is asked for."""

    def __init__(self, schema: list[Instruction], permissions: dict[str, Permissions]) -> None:
        super().__init__(schema, permissions)
        self.forgotten: set[int] = set()  # by file

    def crash(self) -> None:
        for file in self.files.values():
            if file.installs:
                file.installs = file.installs[:1]
                self.forgotten.add(file.ident)

    def _goes_on(self, file: File, install: Install, view: View) -> bool:
        if file.ident in self.forgotten:
            file.installs = [replace(file.installs[0], view=view)]
            self.forgotten.discard(file.ident)
            return True
        return super()._goes_on(file, install, view)


class MergesWithHistory(Server):
    """Uploads are merged with the history that everybody shares, not with what the file is sent."""

    def _merged(self, file: File, entry: dict[str, Any]) -> list[Instruction]:
        stream = file.stream
        file.stream = [
            Sent(
                Change(
                    commit.version, commit.timestamp, commit.origin or 1, tuple(commit.instructions)
                ),
                (),
                0,
            )
            for commit in self.history.between(0, self.history.head)
            if commit.origin != file.ident
        ]
        merged = super()._merged(file, entry)
        file.stream = stream
        return merged


class JudgesByTheOldQuery(Server):
    """An upload behind a QUERY is judged by the query before it."""

    def _on_upload(self, session: Session, message: Message) -> None:
        asked, session.asked = session.asked, []
        super()._on_upload(session, message)
        session.asked = asked


class StreamsTwice(Server):
    """After a bootstrap, the stream goes on where it was before it."""

    def _send_bootstrap(
        self, session: Session, version: int, view: View, held: Any, again: frozenset[Named]
    ) -> None:
        position = session.position
        super()._send_bootstrap(session, version, view, held, again)
        session.file.generated = position
        self._generate(session)
        session.position = position


class SendsNoEmptyOne(Server):
    """A bootstrap of nothing has no changeset."""

    def _download(
        self, session: Session, entries: list[dict[str, Any]], state: int, progress: float
    ) -> None:
        kept = [each for each in entries if each["instructions"]]
        super()._download(session, kept, state, progress)


class AnswersOldQueries(Server):
    """Rejected sets are bootstrapped nevertheless, as empty ones."""

    def _on_query(self, session: Session, message: Message) -> None:
        before = len(session.out)
        super()._on_query(session, message)
        if len(session.out) > before:
            view = View(Queries({}), session.permissions)
            session.asked.append((message["query_version"], view))


class RepeatsNo231(Server):
    """A 231 is told once, whether or not the client got what it is about."""

    def _tell(self, session: Session, body: Message) -> None:
        version = body["compensatingWriteServerVersion"]
        if version not in self.told:
            self.told.add(version)
            super()._tell(session, body)

    def __init__(self, schema: list[Instruction], permissions: dict[str, Permissions]) -> None:
        super().__init__(schema, permissions)
        self.told: set[int] = set()


class LeavesOutSchema(Server):
    """New properties are not sent."""

    def seen(self, file: File, commit: Commit, view: View) -> list[Instruction]:
        return [each for each in super().seen(file, commit, view) if "pk" in each]


class TearsSnapshots(Server):
    """One class of a bootstrap is read from an older version."""

    def difference(
        self, held: Any, again: frozenset[Named], version: int, view: View
    ) -> list[Instruction]:
        new = super().difference(held, again, version, view)
        old = super().difference(held, again, max(1, version - 2), view)
        return [i for i in new if i["table"] == "A"] + [i for i in old if i["table"] == "B"]


class KeepsOldFields(Server):
    """A bootstrap says nothing of objects that the file has, whichever fields it may read now."""

    def difference(
        self, held: Any, again: frozenset[Named], version: int, view: View
    ) -> list[Instruction]:
        state = self.history.states[version]
        now = {about: view.sees(state, about) for about in held}
        return super().difference(
            {about: now[about] or fields for about, fields in held.items()}, again, version, view
        )


class ForgetsOrphans(Server):
    """A bootstrap brings what is new, and does not erase what has gone."""

    def difference(
        self, held: Any, again: frozenset[Named], version: int, view: View
    ) -> list[Instruction]:
        state = self.history.states[version]
        said = touched(super().difference(held, again, version, view))
        return [i for a, each in said.items() if view.sees(state, a) for i in each]


class StaysSilent(Server):
    """Users whose rights change are not told, and go on under the old ones."""

    def _end(self, session: Session, code: int, text: str, **more: Any) -> None:
        if code != 200:
            super()._end(session, code, text, **more)


# What the first finding may be called: a fault shows where it is first seen, and a crash of the
# server in between makes K16 of it. "device": only what the application sees at rest shows it.
_CONTENT = {"K2", "K4", "K16", "K17", "device"}
PLANTED: dict[type[Server], set[str]] = {
    StreamsUnseen: _CONTENT,
    ForgetsLeaving: _CONTENT,
    EntersInPart: {"K7", "K16"},
    ShowsEveryField: {"K17", "K16"},
    AcceptsEverything: _CONTENT | {"K3", "K10"},
    RejectsTooMuch: {"K10", "K14"},
    TellsNothing: {"K14"},
    UndoesNothing: {"K14", "device"},
    MarksAtOnce: {"K12"},
    ConfirmsTooMuch: {"K9", "device"},
    LosesRoles: _CONTENT | {"K5", "K7", "K8"},
    ForgetsParts: {"K2", "K9", "K10", "K15", "K16"},
    Forgets231InCrash: {"K14"},
    ForgetsMerges: {"K9"},
    ForgetsViewsInCrash: _CONTENT | {"K1", "K6", "K10", "K14"},
    MergesWithHistory: {"K9", "device"},
    JudgesByTheOldQuery: {"K10", "K14"},
    StreamsTwice: {"K11"},
    SendsNoEmptyOne: {"K13"},
    AnswersOldQueries: {"3.4"},
    RepeatsNo231: {"K14"},
    LeavesOutSchema: {"K18", "device"},
    TearsSnapshots: {"K2", "K5", "K6", "K7", "K16", "device"},
    KeepsOldFields: {"K17", "K16"},
    ForgetsOrphans: {"K6", "K9", "K16"},
    StaysSilent: {"device"},
}
