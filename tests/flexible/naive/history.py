"""The history of a server as an observer is told it, and what a broken promise is.

Specification: flexible-sync.md 17.1, 17.9 (K3); server-behaviour.md 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flexible.naive.objects import Inapplicable, Instruction, Named, State, Versions, touched


class Broken(Exception):
    """A promise that did not hold. `name` is a condition of flexible-sync.md 17.9, as "K7", or a
    section of it."""

    def __init__(self, name: str, story: str) -> None:
        super().__init__(f"{name}: {story}")
        self.name, self.story = name, story


@dataclass(frozen=True)
class Undone:
    """Changes of an upload that do not stand. Of those that the client has lost in its own merge,
    too, it need not be told."""

    client_version: int
    objects: frozenset[Named]
    is_told: bool = True


@dataclass
class Commit:
    """One version. Without instructions it changed nothing for anybody."""

    version: int
    origin: int = 0  # client file that uploaded it; 0: the server
    client_version: int = 0  # of the upload
    timestamp: int = 0
    instructions: list[Instruction] = field(default_factory=list)  # what stands of it, as merged
    rejected: frozenset[Named] = frozenset()  # objects whose changes do not
    addressed_to: int = 0  # the only file that is sent it: it undoes what was rejected there
    undoes: tuple[Undone, ...] = ()

    @property
    def reverts(self) -> frozenset[Named]:
        """All objects that it undoes changes of, and that the client is told of."""
        return frozenset(about for each in self.undoes if each.is_told for about in each.objects)

    @property
    def renews(self) -> frozenset[Named]:
        """The others."""
        untold = (each for each in self.undoes if not each.is_told)
        return frozenset(about for each in untold for about in each.objects)


class History:
    """All versions and the states after them."""

    def __init__(self) -> None:
        self.commits: dict[int, Commit] = {}
        self.states = Versions()

    @property
    def head(self) -> int:
        """The newest version."""
        return self.states.head

    def append(self, commit: Commit) -> State:
        """The state after one more version. Raises Broken (K3)."""
        if commit.version != self.head + 1:
            raise Broken("K3", f"version {commit.version} follows {self.head}")
        try:
            state = self.states.commit(commit.version, commit.instructions)
        except Inapplicable as error:
            raise Broken("K3", f"version {commit.version} does not fit: {error}") from error
        self.commits[commit.version] = commit
        return state

    def between(self, after: int, upto: int) -> Iterator[Commit]:
        """The versions of (after, upto], in order."""
        for version in range(after + 1, upto + 1):
            yield self.commits[version]

    def of_upload(self, file_ident: int, client_version: int) -> Commit | None:
        """What a changeset of a file became."""
        for commit in self.commits.values():
            if commit.origin == file_ident and commit.client_version == client_version:
                return commit
        return None

    def touched(self, after: int, upto: int) -> frozenset[Named]:
        """The objects that the versions of (after, upto] are about, undone changes too."""
        found: set[Named] = set()
        for commit in self.between(after, upto):
            found |= {*touched(commit.instructions), *commit.rejected}
            found |= {*commit.reverts, *commit.renews}
        return frozenset(found)
