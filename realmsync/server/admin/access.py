"""Who may use the admin API: one account from the settings, and the tokens that it is given.

Admin tokens are a world of their own: a user's token is refused there, and the reverse.
Specification: app-configuration.md 10.1, node-sdk-surface.md 23.1.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field

import jwt

from realmsync.codes import AppCode
from realmsync.server.http.replies import HttpError

_LIFETIMES = {"admin-access": 30 * 60, "admin-refresh": 60 * 24 * 3600}  # seconds
# The group that all apps of this server are in.
GROUP = "5f00000000000000000000aa"
USER = "5f00000000000000000000bb"


@dataclass(frozen=True)
class AdminAccount:
    """The account that may read and change everything."""

    username: str
    password: str = field(repr=False)
    # Whether it may be used from other machines; put TLS in front of it.
    remote: bool = False

    def __post_init__(self) -> None:
        if not self.username or len(self.password) < 8:
            raise ValueError("the admin has a name, and a password of 8 characters at least")

    def matches(self, username: object, password: object) -> bool:
        """Whether these are its name and password; as fast in either case."""
        given = f"{username}\0{password}".encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, f"{self.username}\0{self.password}".encode())


class AdminTokens:
    """Signs and checks the tokens of one server."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, kind: str) -> str:
        """A token of this kind: admin-access or admin-refresh."""
        now = int(time.time())
        claims = {"exp": now + _LIFETIMES[kind], "iat": now, "sub": USER, "typ": kind}
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def check(self, token: str | None, kind: str) -> None:
        """Raises HttpError for anything but a token of this kind that is good."""
        if not token:
            raise HttpError(401, "must authenticate first", AppCode.MissingAuthReq)
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                options={"require": ["exp", "iat", "sub", "typ"], "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            text = "invalid session: access token expired"  # tools look for it, and refresh theirs
            raise HttpError(401, text, AppCode.InvalidSession) from None
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            claims = {}
        if claims.get("typ") != kind:
            raise HttpError(401, "invalid session: not an admin's token", AppCode.InvalidSession)
