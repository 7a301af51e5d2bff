"""How accounts refuse: log-ins, accounts and tokens that are no good, with the code for the client.

Which HTTP status a code has is said in ../http/replies.py. Specification: app-services-http.md
section 6.
"""

from __future__ import annotations

from realmsync.codes import AppCode


class AuthError(Exception):
    """A log-in, an account or a token that is refused."""

    def __init__(self, message: str, code: AppCode, *, status: int | None = None) -> None:
        """`status`: of HTTP, where it does not follow from the code."""
        super().__init__(message)
        self.code = code
        self.status = status


def invalid_session(reason: str) -> AuthError:
    """A token that is no good (any more)."""
    return AuthError(f"invalid session: {reason}", AppCode.InvalidSession)


def bad_request(message: str) -> AuthError:
    """A call that cannot be what was meant."""
    return AuthError(message, AppCode.BadRequest)


def unauthorized() -> AuthError:
    """A wrong password, or nobody of that name: strangers must not learn which."""
    return AuthError("unauthorized", AppCode.InvalidPassword)


def no_provider(provider: str) -> AuthError:
    """A provider that the app does not have, or was told not to use."""
    return AuthError(
        f"authentication provider not found: '{provider}'", AppCode.AuthProviderNotFound
    )
