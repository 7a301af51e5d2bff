"""What the file of users gives to its callers, and what it refuses; no statement is here.

Specification: app-configuration.md 8.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


@dataclass(frozen=True)
class Identity:
    """One way in which a user can log in."""

    id: str
    provider: str
    provider_id: str  # the provider's name for him
    data: Mapping[str, Any]  # what it adds to his profile

    @property
    def email(self) -> str | None:
        """Name of the account, if it is one with a password."""
        return self.provider_id if self.provider == "local-userpass" else None

    def document(self) -> dict[str, Any]:
        """As the former service listed it, and as imports read it."""
        return {
            "id": self.id,
            "provider_type": self.provider,
            "provider_id": self.provider_id,
            "provider_data": dict(self.data),
        }


@dataclass(frozen=True)
class UserRecord:
    """A user as stored."""

    id: str
    app_id: str
    disabled: bool
    type: str  # normal or server
    identities: tuple[Identity, ...]  # in the order in which they were added
    is_new: bool = False  # never logged in, and not imported

    @property
    def data(self) -> dict[str, Any]:
        """The profile: what all identities say; where they differ, the first (8.4)."""
        return {
            name: value
            for identity in reversed(self.identities)
            for name, value in identity.data.items()
        }


@dataclass(frozen=True)
class Account:
    """A name with a password. Its user is made at the first log-in."""

    app_id: str
    email: str
    password: bytes | None  # as ../credentials.py stores it; None: nobody can log in with it yet
    is_confirmed: bool


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret."""

    id: str
    app_id: str
    user_id: str  # whom it stands for
    name: str
    disabled: bool


@dataclass(frozen=True)
class UserSummary:
    """A user as an operator sees him. Times are seconds since 1970."""

    id: str | None  # None: an account that never logged in
    app_id: str
    disabled: bool
    created: int | None  # of the user, at the first log-in
    identities: tuple[tuple[str, str], ...]  # each as provider and the provider's name for him
    log_ins: int
    last_seen: int | None  # of the log-ins that he has, to the day
    is_pending: bool  # an account that waits for its confirmation

    @property
    def providers(self) -> tuple[str, ...]:
        """Those of his identities."""
        return tuple(provider for provider, _ in self.identities)

    @property
    def names(self) -> tuple[str, ...]:
        """Those of his accounts."""
        return tuple(name for provider, name in self.identities if provider == "local-userpass")


class LogInEnd(Enum):
    """Why nothing goes through a log-in any more."""

    LOGGED_OUT = "logged out"  # by its program, which may log in again on the websocket it has
    ENDED = "ended"  # with its user, by an operator, or for newer ones
    DISABLED = "disabled"  # with its user, until he is enabled


class NameInUse(Exception):
    """The account name is taken."""


class IdentityTaken(Exception):
    """The identity belongs to another user."""


class KeyInUse(Exception):
    """The log-in that wants to delete a key was made with it."""


class TooManyKeys(Exception):
    """A user has as many keys as he may."""


class Gone(Exception):
    """The user, account or key was deleted meanwhile."""
