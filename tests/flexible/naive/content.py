"""What a file has of the server's objects, followed message by message.

What lives here: the copy in the server's order (`served`: what was sent, and its own changes at
their versions) and in the client's (`device`: as merging leaves it), and what both have to equal.
Which message may come when is `observing`'s.
Specification: flexible-sync.md 7, 8, 17.9.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flexible.naive.history import Broken, History
from flexible.naive.merging import Copy
from flexible.naive.objects import (
    Inapplicable,
    Named,
    State,
    named,
    schema_only,
    touched,
)
from flexible.naive.views import Difference, View, differences, visible

Entry = dict[str, Any]


@dataclass
class Batch:
    """What a client integrates at once: a steady message, or a whole bootstrap."""

    version: int  # download position after it
    confirmed: int  # newest own version that is behind it
    entries: list[Entry]
    prefix: list[Entry] = field(default_factory=list)  # left over from an interrupted bootstrap
    is_bootstrap: bool = False

    def mentions(self) -> dict[Named, list[str]]:
        """What was said of each object."""
        said: dict[Named, list[str]] = {}
        for entry in self.entries:
            for about, instructions in touched(entry["instructions"]).items():
                said.setdefault(about, []).extend(each["op"] for each in instructions)
        return said


class Content:
    """Of one file."""

    def __init__(self, history: History, file_ident: int) -> None:
        self.history, self.file_ident = history, file_ident
        self.served = State()
        self.own_schema: list[Any] = []  # instructions of the client's own uploads
        self.left: set[Named] = set()  # objects of which the last word was their erasure
        self.erased_at: dict[Named, list[int]] = {}  # every erasure that was sent
        self.device = Copy(file_ident)
        self.waiting: list[Batch] = []  # sent, and not known to have been integrated
        self.is_after_crash = False  # of the server, and nothing has been proven since

    # -- the client's order ------------------------------------------------------------------------

    def written(self, entry: Entry) -> None:
        """A changeset was uploaded: its base tells between which messages it was made."""
        while self.waiting and self.waiting[0].version <= entry["server_version"]:
            self._integrate(self.device, self.waiting.pop(0))
        instructions = list(entry["instructions"])
        try:
            self.device.write(entry["client_version"], entry["origin_timestamp"], instructions)
        except Inapplicable as error:
            raise Broken("K9", f"the client could not have written {entry}: {error}") from error
        self.own_schema += schema_only(instructions)
        self._know_own_schema()

    def resume(self, served: State, left: set[Named]) -> None:
        """A session goes on where this was served; the client knows its own schema."""
        self.served, self.left = served, set(left)
        self._know_own_schema()

    def _know_own_schema(self) -> None:
        self.served = self.served.fork()
        self.served.apply(self.own_schema)

    def integrated(self, version: int) -> None:
        """The client says that it is at a position."""
        while self.waiting and self.waiting[0].version <= version:
            self._integrate(self.device, self.waiting.pop(0))

    def _integrate(self, copy: Copy, batch: Batch) -> None:
        name = "K15" if batch.prefix else "K9"
        try:
            copy.integrate([*batch.prefix, *batch.entries], batch.confirmed)
        except Inapplicable as error:
            raise Broken(name, f"the client cannot integrate {batch}: {error}") from error

    # -- the server's order ------------------------------------------------------------------------

    def deliver(
        self, batch: Batch, before: int, view: View, others: list[View], ahead: frozenset[Named]
    ) -> None:
        """A batch that takes the file from one position to the next. `others` are views that were
        in force, or are asked for: whose content it may be by mistake. `ahead`: objects that the
        file has written under a view that is to come; until then it may have them, or not."""
        torn = self._serve(batch, before, view)
        state = self.history.states[batch.version]
        must = visible(state, view)
        found = differences(self.served, must, ahead - set(must))
        if found:
            raise Broken(
                self._name(found[0], batch, view, others, before),
                f"at version {batch.version}: {'; '.join(map(str, found[:4]))}"
                + (f" (torn: {sorted(torn)})" if torn else ""),
            )
        self.is_after_crash = False
        self.waiting.append(batch)
        self._check_device(batch)

    def _serve(self, batch: Batch, before: int, view: View) -> set[Named]:
        torn: set[Named] = set()
        own = [
            commit
            for commit in self.history.between(before, batch.version)
            if commit.origin == self.file_ident
        ]
        entries = list(batch.entries)
        for commit in own:
            while (
                not batch.is_bootstrap
                and entries
                and (entries[0]["server_version"] < commit.version)
            ):
                self._serve_entry(entries.pop(0), batch, view, before)
            self._serve_own(commit.instructions, torn)
        for entry in entries:
            self._serve_entry(entry, batch, view, before)
        return torn

    def _serve_own(self, instructions: list[Any], torn: set[Named]) -> None:
        """Its own change, as the server took it, on what it was sent before. Something of others
        may be missing in between, if the object comes anew afterwards: what does not fit is torn
        out."""
        self.served = self.served.fork()
        self.served.apply(schema_only(instructions))
        for about, of_object in touched(instructions).items():
            if about in torn:
                continue
            trial = self.served.fork()
            try:
                trial.apply(of_object)
            except Inapplicable:
                torn.add(about)
                trial.apply([{"op": "EraseObject", "table": about[0], "pk": of_object[0]["pk"]}])
            self.served = trial
            if self.served.raw(about) is not None:
                self.left.discard(about)

    def _serve_entry(self, entry: Entry, batch: Batch, view: View, before: int) -> None:
        version = entry["server_version"]
        self.served = self.served.fork()
        if not batch.is_bootstrap:
            strangers = {*touched(entry["instructions"])} - self.history.touched(before, version)
            if strangers:
                raise Broken("K1", f"nothing up to version {version} touched {strangers}")
        for instruction in entry["instructions"]:
            self._check_instruction(instruction, version, view)
            if instruction["op"] == "EraseObject":  # a bootstrap is integrated at its end
                at = batch.version if batch.is_bootstrap else version
                self.erased_at.setdefault(named(instruction), []).append(at)
            try:
                self.served.apply([instruction])
            except Inapplicable as error:
                raise Broken("K7", f"{instruction} of version {version}: {error}") from error

    def _check_instruction(self, instruction: Any, version: int, view: View) -> None:
        about = named(instruction)
        if about is None:
            return
        table = self.served.tables.get(about[0])
        name = instruction.get("field")
        if table is None or (name is not None and name not in table.columns):
            raise Broken("K18", f"{instruction} comes before its schema")
        if instruction["op"] == "EraseObject":
            self.left.add(about)
        elif instruction["op"] == "CreateObject":
            self.left.discard(about)
        elif self.served.raw(about) is None:
            which = "K8" if about in self.left else "K7"
            raise Broken(which, f"{instruction}, of an object that the file does not have")
        if name is not None:
            readable = view.sees(self.history.states[version], about)
            says_nothing = instruction.get("value") == self.served.default(about[0], name)
            if readable and name not in readable and not says_nothing:
                raise Broken("K17", f"{instruction} of version {version} may not be read")

    def _name(
        self, first: Difference, batch: Batch, view: View, others: list[View], before: int
    ) -> str:
        """Which condition a difference speaks of."""
        about, said = first.about, batch.mentions()
        if first.what == "wrong" and first.field not in self.served.tables[about[0]].columns:
            return "K18"
        if first.what == "unreadable":
            return "K17"
        if self.is_after_crash:
            return "K16"
        if batch.is_bootstrap:
            if about not in said and first.what != "missing":
                return "K6"
            if self._is_of_another_version(first, view, before, batch.version):
                return "K5"
            return "K7" if first.what == "wrong" else "K2"
        state = self.history.states[batch.version]
        is_there = self.served.raw(about) is not None
        is_of_another = any(bool(other.sees(state, about)) == is_there for other in others)
        if first.what in ("extra", "missing") and is_of_another:
            return "K4"
        if first.what == "extra":
            return "K2"
        if about not in said:
            return "K5"
        return "K7" if "CreateObject" in said[about] else "K2"

    def _is_of_another_version(self, first: Difference, view: View, before: int, upto: int) -> bool:
        """Whether the file has an object as it was at another version than the bootstrap's."""
        has = self.served.image(first.about)
        for version in range(before, self.history.head + 1):
            state = self.history.states[version]
            fields = view.sees(state, first.about)
            image = state.image(first.about) if fields else None
            seen = {n: v for n, v in image.items() if n in fields} if image is not None else None
            mine = {n: v for n, v in has.items() if n in fields} if has is not None else None
            if version != upto and seen == mine and seen is not None:
                return True
        return False

    # -- both --------------------------------------------------------------------------------------

    def _check_device(self, batch: Batch) -> None:
        """If the client integrates all that was sent, it has what is served, and its own writes
        that the server has not answered."""
        device = self.device.fork()
        for each in self.waiting:
            self._integrate(device, each)
        expected = self.served.fork()
        name = "K15" if any(each.prefix for each in self.waiting) else "K9"
        outstanding = self.outstanding(batch)
        for change in device.unconfirmed:
            try:
                expected.apply(i for i in change.instructions if named(i) not in outstanding)
            except Inapplicable as error:
                raise Broken(name, f"{change} does not fit what is served: {error}") from error
        found = differences(device.state, expected.everything(), outstanding)
        if found:
            listed = "; ".join(map(str, found[:4]))
            raise Broken(name, f"the client's merge at version {batch.version} leaves: {listed}")

    def outstanding(self, batch: Batch) -> frozenset[Named]:
        """Objects of which the client still has changes that were rejected behind this position."""
        found: set[Named] = set()
        for commit in self.history.commits.values():
            if commit.addressed_to == self.file_ident and commit.version > batch.version:
                confirmed = [u for u in commit.undoes if u.client_version <= batch.confirmed]
                found |= {about for each in confirmed for about in each.objects}
        return frozenset(found)
