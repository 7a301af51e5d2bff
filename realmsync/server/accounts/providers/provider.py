"""What a provider is: it is shown credentials, and says who has proved to be whom.

That somebody is logged in, and with which tokens, is ../auth.py's; a provider neither makes users
nor opens log-ins. Specification: app-services-http.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

from realmsync.server.apps.running import RunningApp
from realmsync.server.functions.port import FunctionRequest

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Attempt:
    """Somebody who wants to log in, or to link one more identity."""

    app: RunningApp
    body: Mapping[str, Any]  # as it came, `options` of the device included
    request: FunctionRequest | None = None  # for functions that decide


@dataclass(frozen=True)
class NewUser:
    """Anybody: each time a new user without a name."""


@dataclass(frozen=True)
class ProvenIdentity:
    """Who has this name at the provider; the first log-in makes the user, and it can be linked."""

    provider_id: str
    data: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)  # for the profile


@dataclass(frozen=True)
class KeyOwner:
    """A user that there is already, for whom an API key stands."""

    user_id: str
    api_key_id: str


Proof: TypeAlias = NewUser | ProvenIdentity | KeyOwner


class Provider(Protocol):
    """A way to log in, of all apps; an app's own settings are in its model."""

    async def prove(self, attempt: Attempt) -> Proof:
        """Who has sent this. Raises AuthError for credentials that are no good."""
        ...
