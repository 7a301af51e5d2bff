"""Values that can be told apart in bytes, and a world that looks for them in all that is sent.

What lives here: `planted`, a story whose writes have such values, and `Watching`, the real server
whose every message is searched: what is found must be readable, by the roles of the session, of
that object at one of the versions that the message is about. Keys and names of fields are no
secrets. Specification: app-configuration.md 5.5; flexible-sync.md 17.9 (K17).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from flexible.naive.histories import Step, Story
from flexible.naive.intents import Intent
from flexible.naive.objects import Named, text_of
from flexible.naive.views import Permissions, Queries, View
from real_world import RealWorld
from realmsync.inspect import decode_message


class Leak(Exception):
    """A session was sent what its user may not read."""


@dataclass(frozen=True)
class Secret:
    """Where a value was written, and how it is found."""

    about: Named
    field: str
    text: str  # in values as the model has them
    data: bytes  # in changesets


class Planting:
    """Makes the values of one story."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.secrets: list[Secret] = []

    def story(self, story: Story) -> Story:
        return replace(story, steps=tuple(map(self.step, story.steps)))

    def step(self, step: Step) -> Step:
        if step.what != "upload":
            return step
        client, intents = step.arguments
        return Step("upload", (client, list(map(self.intent, intents))))

    def intent(self, intent: Intent) -> Intent:
        values = dict(intent.values)
        for name in values:
            is_value = intent.what == "put" and name in ("secret", "text", "free")
            if is_value or (intent.what == "append" and self.chance.random() < 0.5):
                values[name] = self.value(intent, name)
        return replace(intent, values=values)

    def value(self, intent: Intent, field: str) -> Any:
        """A number has nine bytes that nothing else has, a text a word."""
        number = self.chance.randrange(2**61, 2**62)
        value: Any = number if field == "secret" else f"hidden {number}"
        data = _signed(number) if field == "secret" else value.encode()
        self.secrets.append(Secret(intent.about, field, str(number), data))
        return value


def _signed(number: int) -> bytes:
    """As a changeset has it: groups of seven bits, lowest first; the last one of six."""
    head = bytearray()
    while number >= 0x40:
        head.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*head, number])


class Watching(RealWorld):
    """Raises Leak. `found`: how often something secret was sent to somebody who may read it."""

    def __init__(self, story: Story, secrets: list[Secret], **more: Any) -> None:
        self.secrets, self.found = secrets, 0
        self.served: dict[tuple[int, int], Permissions] = {}  # by connection and its session
        super().__init__(story, **more)

    def _give_roles(self, number: int, session: int, question: int, user: str) -> None:
        self.served[number, session] = self.permissions[user]
        super()._give_roles(number, session, question, user)

    def _next(self, number: int) -> bytes | None:
        data = super()._next(number)
        if data is not None:
            self._read()
            self._search(number, data)
        return data

    def _search(self, number: int, data: bytes) -> None:
        message = decode_message(data, from_client=False)
        entries = message.get("entries", ())
        said = b"\0".join([data, *(entry["changeset"] for entry in entries)])
        told = [secret for secret in self.secrets if secret.data in said]
        if not told:
            return
        links = [link.number if link is not None else 0 for link in self.links]
        cursor = self.devices[links.index(number)].progress["download_server_version"]
        last = max(entry["server_version"] for entry in entries)
        view = View(Queries({}), self.served[number, message["session"]])
        for secret in told:
            if not any(self._is_readable(secret, view, v) for v in range(cursor, last + 1)):
                raise Leak(f"{secret} of {cursor} to {last}: {message}")
            self.found += 1

    def _is_readable(self, secret: Secret, view: View, version: int) -> bool:
        """At a version, or in the change that led to the next one."""
        state = self.history.states[version]
        if secret.field not in view.readable(state, secret.about):
            return False
        commits = (self.history.commits.get(v) for v in (version, version + 1))
        changes = [commit.instructions for commit in commits if commit is not None]
        return secret.text in text_of([state.image(secret.about), *changes])

    def hidden(self) -> int:
        """How many secrets there are that some user may not read now."""
        state = self.history.states[self.history.head]
        views = [View(Queries({}), self.permissions[user]) for user in set(self.users)]
        return sum(
            secret.text in text_of(state.image(secret.about) or {})
            and secret.field not in view.readable(state, secret.about)
            for secret in self.secrets
            for view in views
        )
