"""Watches the two streams of one client file and says which promise breaks, at the message where.

What lives here: which message may come when, positions, query versions, MARKs and errors. What the
file holds is `content`'s, what becomes of its uploads is `uploads`'. Every check has the name of a
condition of 17.9 (K1 to K18), or of something else that is numbered: a section of flexible-sync.md,
a rule of its chapter 7 (B10), an ordering rule of wire-protocol.md 14 (O8). Messages are as
`realmsync.inspect.decode_message` gives them; those of the client are told when the server gets
them, those of the server when the client does.
Specification: flexible-sync.md 3.4, 5.4 to 5.8, 7.2, 9.3, 17.9; wire-protocol.md 6.4, 6.5, 14.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from flexible.naive.content import Batch, Content
from flexible.naive.history import Broken, History
from flexible.naive.objects import Named, State, touched
from flexible.naive.telling import spelled_event
from flexible.naive.uploads import Uploads
from flexible.naive.views import BadQuery, Permissions, Queries, View, differences, visible

Message = dict[str, Any]


@dataclass
class Point:
    """Where a file stood after a batch, to go back to when the client did not keep it."""

    progress: dict[str, int]
    version: int  # of the active query set
    view: View
    served: State
    left: set[Named]


@dataclass
class Asked:
    """A QUERY of this binding."""

    view: View
    is_answered: bool = False


@dataclass
class Mark:
    """A MARK: what has to be sent before its answer."""

    head: int
    queries: list[int]


@dataclass
class Binding:
    """What is forgotten when the session ends."""

    permissions: Permissions
    held: View | None = None  # at IDENT, and by other roles than it is served now
    has_ident: bool = False
    asked: dict[int, Asked] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)
    answered: int = 0
    parts: list[Message] = field(default_factory=list)  # of the bootstrap that is coming
    ended_by: str = ""  # an error of the server


_CURSORS = ("download_server_version", "download_client_version", "latest_server_version") + (
    "upload_client_version",
    "upload_server_version",
)


@dataclass(frozen=True)
class Event:
    """Something that happens to a client file. `kind`: "client" (the server gets a message),
    "server" (the client does), "lost" (the connection), "restarted" (the client's process died),
    "replaced" (by a client reset) or "server_crashed"; with the head of the history and the user's
    permissions at that moment."""

    kind: str
    message: Message
    head: int
    permissions: Permissions


class Observer:
    """Of one client file. `permissions`: those of its user when it begins; `is_judging`: the server
    is one that judges writes and queries by this model."""

    def __init__(
        self, history: History, permissions: Permissions, *, is_judging: bool = True
    ) -> None:
        self.history, self.is_judging = history, is_judging
        self._begin(permissions)

    def _begin(self, permissions: Permissions) -> None:
        self.permissions, self.head = permissions, 0
        self.file_ident = 0
        self.content = Content(self.history, 0)
        self.uploads = Uploads(self.history, self.content, is_judging=self.is_judging)
        self.binding: Binding | None = None
        self.states = {0: "pending"}  # of query versions: pending, complete, error
        start = View(Queries({}), permissions)
        self.points = [Point(dict.fromkeys(_CURSORS, 0), 0, start, State(), set())]
        self.brought: View | None = None  # by the last bootstrap that came whole
        self.prefix: tuple[int, list[Any]] = (0, [])  # of an interrupted bootstrap
        self.ahead: dict[Named, int] = {}  # by which query set its own change of an object counts
        self.lately: deque[Event] = deque(maxlen=12)

    # -- what happens ------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """One event. Raises Broken."""
        self.head, self.permissions = event.head, event.permissions
        self.lately.append(event)
        try:
            if event.kind in ("client", "server"):
                getattr(self, event.kind)(event.message)
            else:
                getattr(self, event.kind)()
        except Broken as error:
            raise Broken(error.name, f"{error.story}\n{self.story()}") from error

    def story(self) -> str:
        """What happened lately."""
        events = (spelled_event(each.kind, each.message, each.head) for each in self.lately)
        return "\n".join([f"file {self.file_ident}:", *events])

    def client(self, message: Message) -> None:
        """The server gets a message."""
        handler = getattr(self, "_client_" + message["type"], None)
        if handler is not None:
            handler(message)

    def server(self, message: Message) -> None:
        """The client gets a message."""
        if message["type"] in ("log_message", "pong"):
            return
        binding = self.binding
        if binding is None:
            raise Broken("O11", f"{message['type']} without a binding")
        if binding.ended_by:
            raise Broken("O11", f"{message['type']} after {binding.ended_by}")
        getattr(self, "_server_" + message["type"])(binding, message)

    def lost(self) -> None:
        """The connection is gone; the client keeps what it has of a bootstrap (7.5)."""
        if self.binding is not None and self.binding.parts:
            self._keep_prefix(self.binding)
        self.binding = None

    def restarted(self) -> None:
        """The client's process died; it forgets what it has of a bootstrap."""
        self.binding, self.prefix = None, (0, [])

    def replaced(self) -> None:
        """A client reset: from here on it is another file, of which nothing is known yet."""
        self._begin(self.permissions)

    def server_crashed(self) -> None:
        """What comes next shows whether the server kept what it needs."""
        self.content.is_after_crash = True

    def settled(self) -> None:
        """Everything was sent and delivered, and nobody does anything.

        Its position may be behind the head where nothing in between is for it (17.10, skipping):
        it has what it should at the head all the same.
        """
        point = self.points[-1]
        self.uploads.check_settled(point.progress["download_client_version"])
        if self.binding is not None:
            open_marks = [r for r in self.binding.marks if r > self.binding.answered]
            if open_marks:
                raise Broken("K12", f"MARK {open_marks} has no answer")
            newest = max(self.binding.asked, default=None)
            if newest is not None and not self.binding.asked[newest].is_answered:
                raise Broken("K12", f"QUERY {newest} has no answer")
        found = differences(
            self.content.served, visible(self.history.states[self.history.head], point.view)
        )
        if found:
            raise Broken("K4", "; ".join(map(str, found)))

    # -- from the client ---------------------------------------------------------------------------

    def _client_bind(self, message: Message) -> None:
        was_ended = self.binding is not None and self.binding.ended_by
        if was_ended:
            self.prefix = (0, [])  # resumed from suspension: as activation (7.5)
        self.binding = Binding(self.permissions)
        self.uploads.told = []

    def _client_ident(self, message: Message) -> None:
        assert self.binding is not None
        self.file_ident = self.content.file_ident = message["file_ident"]
        self.content.device.file_ident = message["file_ident"]
        self.binding.has_ident = True
        self.binding.permissions = self.permissions
        position = message["download_server_version"]
        while self.points[-1].progress["download_server_version"] > position:
            self.points.pop()
            self.content.waiting = [b for b in self.content.waiting if b.version <= position]
        point = self.points[-1]
        if point.progress["download_server_version"] != position:
            raise Broken("K11", f"IDENT at {position}, where no message led to: {point.progress}")
        self.content.resume(point.served, point.left)
        version = message["query_version"]
        if self.brought is None:
            self.brought = point.view
        self.binding.held = self.brought
        self.points[-1] = Point(
            point.progress,
            version,
            self._view(Queries.of_body(message["query"]), self.binding.permissions, point.view),
            self.content.served,
            self.content.left,
        )
        self.states[version] = "complete" if version else self.states[0]

    def _view(self, queries: Queries, permissions: Permissions, like: View | None) -> View:
        """A view; the one there is, if it is the same."""
        if (
            like is not None
            and like.permissions == permissions
            and like.queries.alternatives == queries.alternatives
        ):
            return like
        return View(queries, permissions)

    def _client_query(self, message: Message) -> None:
        binding = self._bound()
        version = message["query_version"]
        queries = Queries.of_body(message["query"])
        binding.asked[version] = Asked(View(queries, binding.permissions))
        self.states.setdefault(version, "pending")

    def _client_mark(self, message: Message) -> None:
        binding = self._bound()
        pending = [v for v, asked in binding.asked.items() if not asked.is_answered]
        binding.marks[message["request"]] = Mark(self.head, pending)

    def _client_upload(self, message: Message) -> None:
        binding = self._bound()
        view, judged_by = self.points[-1].view, self.points[-1].version
        for number, asked in binding.asked.items():  # the last one that was not rejected (K10)
            if self._is_valid(asked.view.queries):
                view, judged_by = asked.view, number
        for entry in message["entries"]:
            if entry["client_version"] > self.uploads.newest:
                self.content.written(entry)
                self.ahead |= dict.fromkeys(touched(entry["instructions"]), judged_by)
            self.uploads.take(entry, view, self._views_since(entry), self.head)
        self.uploads.newest = max(self.uploads.newest, message["upload_client_version"])
        self.content.integrated(message["upload_server_version"])

    def _views_since(self, entry: Message) -> list[View]:
        """The views that the file has had since an upload was made, or is to be brought to."""
        assert self.binding is not None
        base, points = entry["server_version"], self.points
        views = [
            point.view
            for point, after in zip(points, [*points[1:], None], strict=True)
            if after is None or after.progress["download_server_version"] > base
        ]
        asked = [each.view for each in self.binding.asked.values()]
        views += [each for each in asked if self._is_valid(each.queries)]
        return views if self.binding.held is None else [*views, self.binding.held]

    def _is_valid(self, queries: Queries) -> bool:
        try:
            queries.check(self.history.states[self.head])
        except BadQuery:
            return False
        return True

    def _client_unbind(self, message: Message) -> None:
        if self.binding is not None:
            self.binding.parts = []  # the client will begin anew (7.5)

    def _bound(self) -> Binding:
        assert self.binding is not None and self.binding.has_ident
        return self.binding

    def _keep_prefix(self, binding: Binding) -> None:
        version = binding.parts[0]["query_version"]
        earlier = self.prefix[1] if self.prefix[0] == version else []
        entries = [entry for part in binding.parts for entry in part["entries"]]
        self.prefix = (version, [*earlier, *entries])
        binding.parts = []

    # -- from the server ---------------------------------------------------------------------------

    def _server_ident(self, binding: Binding, message: Message) -> None:
        self.file_ident = self.content.file_ident = message["file_ident"]

    def _server_unbound(self, binding: Binding, message: Message) -> None:
        self.binding = None

    def _server_download(self, binding: Binding, message: Message) -> None:
        if not binding.has_ident:
            raise Broken("K11", "a DOWNLOAD before IDENT (C9)")
        state, progress = message["batch_state"], message["progress_estimate"]
        if state not in (0, 1, 2):
            raise Broken("5.5", f"batch state {state}")
        if not 0 <= progress <= 1:
            raise Broken("5.5", f"a progress estimate of {progress}")
        self._check_positions(message)
        if state == 2:
            self._steady(binding, message)
            return
        self._part(binding, message)
        if state == 1:
            self._bootstrapped(binding)

    def _check_positions(self, message: Message) -> None:
        """C1 to C8, and D1 to D8 of the wire protocol."""
        before, m = self.points[-1].progress, message
        dsv, dcv = m["download_server_version"], m["download_client_version"]
        for name in _CURSORS:
            if m[name] < before[name]:
                raise Broken("K11", f"{name} goes back from {before[name]} to {m[name]}")
        if m["upload_client_version"] > self.uploads.newest:
            raise Broken(
                "K11", f"it confirms {m['upload_client_version']}, which was not sent (C2)"
            )
        if dsv > m["latest_server_version"] or dcv > m["upload_client_version"]:
            raise Broken("K11", f"positions contradict each other (C3, C4): {_head(m)}")
        if dsv < m["upload_server_version"]:
            raise Broken("K11", f"positions contradict each other (C5): {_head(m)}")
        if dsv > self.history.head:
            raise Broken("K11", f"version {dsv} does not exist")
        version, own = before["download_server_version"], before["download_client_version"]
        for entry in m["entries"]:
            if not 0 < version <= entry["server_version"] <= dsv and not (
                version == 0 < entry["server_version"] <= dsv
            ):
                raise Broken("K11", f"version {entry['server_version']} after {version} (C6)")
            if not own <= entry["client_version"] <= dcv:
                raise Broken("K11", f"own version {entry['client_version']} after {own} (C7)")
            if entry["origin_file_ident"] in (0, self.file_ident):
                raise Broken("K11", f"origin {entry['origin_file_ident']} (C8)")
            version, own = entry["server_version"], entry["client_version"]

    def _steady(self, binding: Binding, message: Message) -> None:
        point = self.points[-1]
        if binding.parts:
            raise Broken("K13", "a steady message within a bootstrap (B4)")
        if message["query_version"] != point.version:
            raise Broken("K4", f"steady for {message['query_version']}, active: {point.version}")
        before = point.progress["download_server_version"]
        versions = [entry["server_version"] for entry in message["entries"]]
        if before in versions:
            raise Broken("K5", f"version {before} is streamed behind itself")
        self.uploads.check_delivered(message, before)
        self._deliver(binding, message, message["entries"], point.view, point.version)

    def _part(self, binding: Binding, message: Message) -> None:
        version = message["query_version"]
        self._check_version(binding, version)
        if binding.parts:
            first, last = binding.parts[0], binding.parts[-1]
            if first["query_version"] != version:
                if version < first["query_version"]:
                    raise Broken("O8", f"a bootstrap of {version} within a newer one")
                binding.parts = []  # the client drops what it stored
            elif message["progress_estimate"] < last["progress_estimate"]:
                raise Broken("B10", "the progress estimate falls")
        if self.prefix[0] != version:
            self.prefix = (version, [])
        binding.parts.append(message)

    def _check_version(self, binding: Binding, version: int) -> None:
        known = self.states.get(version)
        if known is None:
            raise Broken("3.4", f"a bootstrap for version {version}, which does not exist")
        if known == "error":
            raise Broken("3.4", f"a bootstrap for version {version}, which is in error")
        if version < self.points[-1].version:
            raise Broken("O8", f"a bootstrap of {version} after one of {self.points[-1].version}")
        if version != self.points[-1].version and version not in binding.asked:
            raise Broken("K4", f"a bootstrap of {version}, which this binding did not ask for")

    def _bootstrapped(self, binding: Binding) -> None:
        parts, binding.parts = binding.parts, []
        last, version = parts[-1], parts[-1]["query_version"]
        entries = [entry for part in parts for entry in part["entries"]]
        if not entries:
            raise Broken("K13", f"a bootstrap of {version} without any changeset (B3)")
        if last["progress_estimate"] != 1:
            raise Broken("B10", f"a bootstrap ends at {last['progress_estimate']}")
        asked = binding.asked.get(version)
        view = asked.view if asked is not None else self.points[-1].view
        if asked is not None:
            for older, each in binding.asked.items():
                each.is_answered = each.is_answered or older <= version
        self._deliver(binding, last, entries, view, version)
        self.states = {v: s for v, s in self.states.items() if v >= version}
        self.states[version] = "complete"

    def _deliver(
        self,
        binding: Binding,
        message: Message,
        entries: list[Any],
        view: View,
        version: int,
    ) -> None:
        before = self.points[-1]
        position = message["download_server_version"]
        is_bootstrap = message["batch_state"] != 2
        batch = Batch(position, message["download_client_version"], entries)
        if is_bootstrap:
            batch.is_bootstrap, batch.prefix = True, self.prefix[1]
            self.prefix = (0, [])
            self.brought = view
        others = [p.view for p in self.points if p.view is not view]
        asked = [each.view for each in binding.asked.values() if each.view is not view]
        others += [each for each in asked if self._is_valid(each.queries)]
        ahead = frozenset(about for about, judged_by in self.ahead.items() if judged_by > version)
        self.content.deliver(batch, before.progress["download_server_version"], view, others, ahead)
        progress = {name: message[name] for name in _CURSORS}
        content = self.content
        self.points.append(Point(progress, version, view, content.served, set(content.left)))
        self.uploads.check_confirmed(progress["download_client_version"])

    # -- the other messages ------------------------------------------------------------------------

    def _server_mark(self, binding: Binding, message: Message) -> None:
        request = message["request"]
        if request not in binding.marks or request <= binding.answered:
            raise Broken("K12", f"MARK {request} was not asked for, or is answered")
        for earlier in [r for r in binding.marks if r <= request]:
            mark = binding.marks.pop(earlier)
            self._must_have_what_there_was(request, mark.head)
            late = [v for v in mark.queries if not binding.asked[v].is_answered]
            if late:
                raise Broken("K12", f"MARK {request} comes before the answer to QUERY {late}")
        if binding.parts and binding.parts[0]["query_version"] not in binding.asked:
            raise Broken("K12", f"MARK {request} comes within a bootstrap")
        binding.answered = request

    def _must_have_what_there_was(self, request: int, head: int) -> None:
        """Its position may be behind where nothing in between is for it (17.10, skipping)."""
        point = self.points[-1]
        position = point.progress["download_server_version"]
        if position >= head:
            return
        then, now = (visible(self.history.states[v], point.view) for v in (head, position))
        if then != now:
            raise Broken("K12", f"MARK {request} at {position}, the head was {head}")

    def _server_query_error(self, binding: Binding, message: Message) -> None:
        version = message["query_version"]
        known = self.states.get(version)
        if known is None:
            raise Broken("3.4", f"QUERY_ERROR for version {version}, which does not exist")
        if known == "complete":
            raise Broken("3.4", f"QUERY_ERROR for version {version}, which is complete")
        if version not in binding.asked:
            raise Broken("3.4", f"QUERY_ERROR for {version}, which this binding did not ask for")
        if self.is_judging and self._is_valid(binding.asked[version].view.queries):
            raise Broken("5.4", f"QUERY_ERROR for version {version}, which is valid")
        self.states[version] = "error"
        binding.asked[version].is_answered = True

    def _server_json_error(self, binding: Binding, message: Message) -> None:
        body = json.loads(message["body"])
        if message["code"] == 231:
            self.uploads.hear_rejection(body, self.points[-1].progress["download_server_version"])
            return
        if message["code"] == 230:
            self.uploads.check_refused(body, self.head)
        binding.parts = []
        binding.ended_by = f"JSON_ERROR {message['code']}"


def _head(message: Message) -> dict[str, Any]:
    return {name: message[name] for name in _CURSORS}
