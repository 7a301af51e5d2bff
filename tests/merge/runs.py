"""Random runs of a star: which actions, topics and profiles a seed stands for."""

from __future__ import annotations

import random

from instructions import Instruction
from merge.generator import Generator, Topic
from merge.places import SCHEMA
from merge.star import Action, Client, MakePeer, Star
from realmsync.inspect import decode_changeset

# The defects that do no harm where all peers have this profile.
CURED = {
    "strict": frozenset[str](),
    "safe": frozenset({"R1", "R3", "R5"}),
    "full": frozenset({"R1", "R2", "R3", "R5"}),
}
COLLECTIONS = ("list", "dictionary")
EVERY_DEFECT = frozenset({"R1", "R2", "R3", "R4", "R5", "R6", "R8", "R9"})


class RandomRun:
    """A star under random actions: commit, upload, download one to all. In some runs one is as
    likely as the other, in others clients are seldom connected and windows grow long.

    Clocks step forward, now and then back; with `equal_clocks` the file ident alone decides.
    """

    def __init__(
        self,
        make: MakePeer,
        seed: int,
        *,
        clients: int = 3,
        profiles: tuple[str, str] = ("strict", "strict"),
        reach: frozenset[str] = frozenset(),
        equal_clocks: bool = False,
    ) -> None:
        self.rng = random.Random(seed)
        self.profiles = profiles
        self.star = Star(make, clients, profiles)
        self.commits = self.rng.choice((1, 1, 1, 4, 12))  # for each upload and each download
        topic = Topic.random(self.rng, reach)
        self.generators = {n: Generator(self.rng, n, topic) for n in self.star.clients}
        self.equal_clocks = equal_clocks
        self.operations = 0  # instructions committed
        self.script: list[Action] = []  # what was done so far
        self.star.seed(SCHEMA)

    def tick(self, client: Client) -> None:
        if not self.equal_clocks:
            back = self.rng.random() < 1 / 16
            client.clock += self.rng.randint(-16, -1) if back else self.rng.randint(1, 5)
            client.clock = max(client.clock, 1)

    def next_action(self) -> Action:
        client = self.rng.choice(list(self.star.clients.values()))
        kind = self.rng.choices(("commit", "upload", "download"), (self.commits, 1, 1))[0]
        instructions: list[Instruction] = []
        count: int | None = None
        match kind:
            case "commit":
                instructions = self.generators[client.ident].transaction(client.peer.state())
                self.tick(client)
            case "upload":
                count = self.rng.randint(1, self.commits)
            case "download":
                count = self.rng.choice((1, 1, 2, 3, None))
        return Action(kind, client.ident, instructions, client.clock, count)

    def step(self) -> None:
        action = self.next_action()
        self.script.append(action)
        self.operations += len(action.instructions)
        action.play(self.star)

    def run(self, steps: int) -> None:
        """So many steps, then everything to everybody."""
        for _ in range(steps):
            self.step()
        self.star.settle()


def run_of(
    make: MakePeer, seed: int, profiles: tuple[str, str], reach: frozenset[str]
) -> RandomRun:
    return RandomRun(
        make,
        seed,
        clients=2 + seed % 4,
        profiles=profiles,
        reach=reach,
        equal_clocks=seed % 5 == 4,
    )


def has_bare_creation(star: Star) -> bool:
    """Whether the server stored a new collection without the Clear that its author sent along: one
    that was older than the Clear of somebody else. What follows is defect R4 of merge-rules.md,
    whatever the SDK, if a third peer has set the value with a clock that is behind both."""
    return any(creates_barely(decode_changeset(sent.changeset)) for sent in star.history)


def creates_barely(instructions: list[Instruction]) -> bool:
    """Whether a collection is created without being cleared at once."""
    following: list[Instruction] = [*instructions[1:], {"op": "nothing"}]
    return any(
        made["op"] in ("Update", "ArrayInsert")
        and made["value"]["t"] in COLLECTIONS
        and (after["op"] != "Clear" or after["path"] != made["path"])
        for made, after in zip(instructions, following, strict=False)
    )
