"""Users without a name. Specification: app-services-http.md 8.3."""

from __future__ import annotations

from realmsync.server.accounts.providers.provider import Attempt, NewUser


class Anonymous:
    """Everybody may, and is somebody new each time."""

    async def prove(self, attempt: Attempt) -> NewUser:
        """Nothing needs a proof."""
        return NewUser()
