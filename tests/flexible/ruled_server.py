"""A server without sockets that answers what users may do."""

from __future__ import annotations

from typing import Any

from realmsync._core import SessionRoles
from server_driver import Server


class Ruled(Server):
    """Every question about a session is answered at once, with `roles`."""

    def __init__(self, tuning: dict[str, int] | None = None) -> None:
        super().__init__(asks_permission=True, tuning=tuning)
        self.roles = SessionRoles.everything()

    def roles_of(self, connection: int) -> SessionRoles:
        """For those whose users' roles differ."""
        return self.roles

    def run(self) -> list[tuple[Any, ...]]:
        """Until there is nothing more to do."""
        told: list[tuple[Any, ...]] = []
        while new := super().run():
            told += new
            for event in new:
                if event[0] == "authorize":
                    self._answer(*event[1:4])
        return told

    def _answer(self, connection: int, session: int, question: int) -> None:
        roles = self.roles_of(connection)
        self.runtime.authorize_roles(connection, session, question, roles, self.now)
