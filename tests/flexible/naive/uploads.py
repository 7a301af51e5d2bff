"""The uploads of one client file, and what the server makes of them: rejections and verdicts.

What lives here: whether 230 and 231 tell what was undone, when it is, and whether what stands and
what does not is as `judging` has it. The messages around them are `observing`'s.
Specification: flexible-sync.md 9.2, 9.3, 13, 17.6, 17.9 (K10, K14).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flexible.naive.content import Content
from flexible.naive.history import Broken, Commit, History, Undone
from flexible.naive.judging import decoded_key, judge
from flexible.naive.objects import Named, schema_only, touched
from flexible.naive.views import View

Message = dict[str, Any]


class Uploads:
    """`is_judging`: as in Observer."""

    def __init__(self, history: History, content: Content, *, is_judging: bool) -> None:
        self.history, self.content, self.is_judging = history, content, is_judging
        self.newest = 0  # own version that the server was told of
        # Those whose verdicts are to be seen: by which view, and which others there are.
        self.judged: dict[int, tuple[Message, View, list[View]]] = {}
        self.told: list[Message] = []  # 231 of what has not come yet, in this binding
        self.rejections_told: set[tuple[int, Named]] = set()

    def take(self, entry: Message, view: View, views: list[View], head: int) -> None:
        """A changeset of an UPLOAD. `views`: all that the file may have been brought to."""
        version = entry["client_version"]
        commit = self.history.of_upload(self.content.file_ident, version)
        is_known = commit is not None and commit.version <= head
        if version > self.newest or (version in self.judged and not is_known):
            self.judged[version] = (entry, view, views)
        self.newest = max(self.newest, version)

    def check_settled(self, confirmed: int) -> None:
        """Everything was sent and delivered."""
        if confirmed < max(self.judged, default=0):
            raise Broken("K12", f"uploads up to {max(self.judged)} are not confirmed")
        for commit in self.history.commits.values():
            if commit.origin == self.content.file_ident:
                untold = {
                    about
                    for about in commit.rejected
                    if (commit.client_version, about) not in self.rejections_told
                }
                if untold:
                    raise Broken("K14", f"{untold} of {commit.client_version}: no 231 came")

    def hear_rejection(self, body: Message, position: int) -> None:
        """231, while the client is at a position (9.3)."""
        if not body.get("rejectedUpdates") or "rejectedClientVersion" not in body:
            raise Broken("K14", f"231 without what was rejected: {body}")
        version = body.get("compensatingWriteServerVersion")
        if version is None or version <= position:
            raise Broken("K14", f"231 of version {version}, and the client is at {position}")
        if self.told and version < _undone_at(self.told[-1]):
            raise Broken("K14", f"231 of {version} after one of {_undone_at(self.told[-1])}")
        if body["tryAgain"] is not True or body["action"] != "Warning":
            raise Broken("9.3", f"231 with {body['action']}, tryAgain {body['tryAgain']}")
        if body in self.told:
            raise Broken("K14", f"231 of {version} twice")
        self.told.append(body)

    def check_delivered(self, message: Message, before: int) -> None:
        """What undoes a rejected write comes at its version or, with what came later, at a later
        one; 231 names that one."""
        versions = {entry["server_version"] for entry in message["entries"]}
        position = message["download_server_version"]
        told = [each for each in self.told if _undone_at(each) <= position]
        self.told = [each for each in self.told if _undone_at(each) > position]
        stale = [each for each in told if _undone_at(each) not in versions]
        if stale:
            raise Broken("K14", f"231 spoke of what was not delivered: {stale}")
        due = [
            commit
            for commit in self.history.between(before, position)
            if commit.addressed_to == self.content.file_ident and commit.reverts
        ]
        for commit in due:
            if commit.version > max(versions, default=0):
                raise Broken("K14", f"what undoes {commit.reverts} at {commit.version} is missing")
            later = [t for t in told if _undone_at(t) >= commit.version]
            for undone in commit.undoes:
                if undone.is_told:
                    self._check_told(undone, commit.version, later)
        known = {about for commit in due for about in commit.reverts}
        for each in told:
            for update in each["rejectedUpdates"]:
                self._named(update, known)

    @staticmethod
    def _named(update: dict[str, Any], known: Iterable[Named]) -> Named:
        key = decoded_key(update["pk"], [key for table, key in known if table == update["table"]])
        if key is None:
            raise Broken("K14", f"{update} is none of {known}")
        return update["table"], key

    def _check_told(self, undone: Undone, version: int, told: list[Message]) -> None:
        if self.is_judging:
            told = [t for t in told if t["rejectedClientVersion"] == undone.client_version]
        reasons = {}
        for each in told:
            for update in each["rejectedUpdates"]:
                key = decoded_key(
                    update["pk"], [k for table, k in undone.objects if table == update["table"]]
                )
                if key is not None:
                    reasons[update["table"], key] = update["reason"]
        if set(reasons) != undone.objects:
            missing = undone.objects - set(reasons)
            raise Broken("K14", f"no 231 came before version {version} about {missing}")
        if self.is_judging:
            self._check_reasons(undone.client_version, reasons)
        self.rejections_told |= {(undone.client_version, about) for about in reasons}

    def _check_reasons(self, client_version: int, told: dict[Named, str]) -> None:
        source = self.history.of_upload(self.content.file_ident, client_version)
        if source is None or client_version not in self.judged:
            return
        entry, view, _ = self.judged[client_version]
        state = self.history.states[source.version - 1]
        since = self.history.touched(entry["server_version"], source.version - 1)
        schema = schema_only(entry["instructions"])
        for about, instructions in touched(entry["instructions"]).items():
            if about not in told or about in since:
                continue  # where others wrote, what was judged is not what was uploaded
            verdict = judge(state, [*schema, *instructions], view)[about]
            if verdict.kind not in ("compensated",):
                raise Broken("K10", f"{about} was rejected, and is {verdict}")
            if told[about] not in verdict.reasons:
                raise Broken("K14", f"{told[about]!r} is none of {verdict.reasons}")

    def check_confirmed(self, confirmed: int) -> None:
        """The verdicts on what the client now knows to be behind it (K10)."""
        if not self.is_judging:
            return
        for version in [v for v in self.judged if v <= confirmed]:
            entry, view, views = self.judged[version]
            commit = self.history.of_upload(self.content.file_ident, version)
            if commit is None:
                raise Broken("K3", f"upload {version} is confirmed and is no version")
            uploaded = set(touched(entry["instructions"]))
            stands = touched(commit.instructions)
            if not {*stands, *commit.rejected} <= uploaded:
                raise Broken("K10", f"version {commit.version} has more than was uploaded")
            verdicts = judge(self.history.states[commit.version - 1], commit.instructions, view)
            for about, verdict in verdicts.items():
                if verdict.kind != "accepted" and not self._is_nothing(commit.version, about):
                    raise Broken("K10", f"{about} of upload {version} stands, and is {verdict}")
            self._check_missing(commit, entry, view, views)
            if not commit.rejected:
                del self.judged[version]

    def _is_nothing(self, version: int, about: Named) -> bool:
        """Whether a version has made an object and erased it: whoever might have, nothing came."""
        before, after = self.history.states[version - 1], self.history.states[version]
        return before.raw(about) is None and after.raw(about) is None

    def _check_missing(self, commit: Commit, entry: Message, view: View, views: list[View]) -> None:
        """Nothing vanishes that nobody contradicted, and that was allowed."""
        state = self.history.states[commit.version - 1]
        since = self.history.touched(entry["server_version"], commit.version - 1)
        schema = schema_only(entry["instructions"])
        for about, instructions in touched(entry["instructions"]).items():
            if about in commit.rejected or about in touched(commit.instructions) or about in since:
                continue
            if self._was_renewed(about, entry["server_version"]):
                continue
            if self._is_lost(commit, about, entry["server_version"], views):
                continue
            verdict = judge(state, [*schema, *instructions], view)[about]
            if verdict.kind in ("accepted", "compensated"):
                raise Broken("K10", f"{about} of upload {commit.client_version} is gone: {verdict}")

    def _was_renewed(self, about: Named, base: int) -> bool:
        """Whether the file was sent an erasure of an object at a version above a base (17.6)."""
        return any(version > base for version in self.content.erased_at.get(about, ()))

    def _is_lost(self, commit: Commit, about: Named, base: int, views: list[View]) -> bool:
        """Whether the file will be sent an erasure of the object, since it entered or left one of
        the views that the file has, or is to be brought to (17.6)."""
        renewed = any(
            about in each.renews and each.addressed_to == self.content.file_ident
            for each in self.history.between(commit.version - 1, self.history.head)
        )
        seen = {
            bool(view.sees(self.history.states[version], about))
            for view in views
            for version in range(base, commit.version)
        }
        return renewed and len(seen) == 2

    def check_refused(self, body: Message, head: int) -> None:
        """230 is about asymmetric insertions that the user may not make, and undoes nothing."""
        if not body.get("rejectedUpdates") or "compensatingWriteServerVersion" in body:
            raise Broken("9.2", f"230 of {body}")
        told = self.judged.get(body["rejectedClientVersion"])
        if not self.is_judging or told is None:
            return
        entry, view, _ = told
        state = self.history.states[head]
        by_object = touched(entry["instructions"])
        for update in body["rejectedUpdates"]:
            known = [key for table, key in by_object if table == update["table"]]
            key = decoded_key(update["pk"], known)
            if key is not None:  # else it is of an earlier changeset of the same upload
                about = (update["table"], key)
                verdict = judge(state, by_object[about], view)[about]
                if verdict.kind not in ("refused", "dropped"):
                    raise Broken("9.2", f"230 names {about}, which is {verdict}")


def _undone_at(told: Message) -> int:
    version: int = told["compensatingWriteServerVersion"]
    return version
