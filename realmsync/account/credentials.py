"""What a user shows at log-in. Specification: app-services-http.md section 8.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from realmsync.account.http import is_unicode
from realmsync.errors import ArgumentTypeError, InvalidArgumentError


@dataclass(frozen=True)
class Credentials:
    """Credentials of one provider; made by the static methods.

    Which of them work is up to the app's configuration on the server.
    """

    provider: str
    # Members of the log-in request beside `options`. Never shown: passwords are among them.
    payload: Mapping[str, Any] = field(repr=False)
    reuse: bool = True

    @staticmethod
    def anonymous(reuse: bool = True) -> Credentials:
        """A user without a name. With `reuse`, one that is logged in already is taken."""
        if not isinstance(reuse, bool):
            raise ArgumentTypeError(f"Expected 'reuse' to be a bool, got {reuse!r}")
        return Credentials("anon-user", {"provider": "anon-user"}, reuse)

    @staticmethod
    def email_password(email: str, password: str) -> Credentials:
        """An account made with `app.email_password_auth.register_user`."""
        payload = {
            "provider": "local-userpass",
            "username": require_text("email", email),
            "password": require_text("password", password),
        }
        return Credentials("local-userpass", payload)

    @staticmethod
    def api_key(key: str) -> Credentials:
        """A user's or a server's API key."""
        return Credentials("api-key", {"provider": "api-key", "key": require_text("key", key)})

    @staticmethod
    def jwt(token: str) -> Credentials:
        """A JSON web token of another issuer."""
        payload = {"provider": "custom-token", "token": require_text("token", token)}
        return Credentials("custom-token", payload)

    @staticmethod
    def function(payload: Mapping[str, Any]) -> Credentials:
        """Arguments of the app's own log-in function."""
        if not isinstance(payload, Mapping):
            raise ArgumentTypeError(f"Expected 'payload' to be a mapping, got {payload!r}")
        return Credentials("custom-function", dict(payload))

    @staticmethod
    def google(*, auth_code: str | None = None, id_token: str | None = None) -> Credentials:
        """Google's authorisation code or OpenID token: exactly one of them."""
        if auth_code is not None and id_token is not None:
            raise InvalidArgumentError("Must not supply both an auth_code or id_token field")
        if auth_code is not None:
            member = {"authCode": require_text("auth_code", auth_code)}
        elif id_token is not None:
            member = {"id_token": require_text("id_token", id_token)}
        else:
            raise InvalidArgumentError("Must supply either an auth_code or id_token field")
        return Credentials("oauth2-google", {"provider": "oauth2-google", **member})

    @staticmethod
    def facebook(access_token: str) -> Credentials:
        """Facebook's access token."""
        payload = {
            "provider": "oauth2-facebook",
            "accessToken": require_text("access_token", access_token),
        }
        return Credentials("oauth2-facebook", payload)

    @staticmethod
    def apple(id_token: str) -> Credentials:
        """Apple's identity token."""
        payload = {"provider": "oauth2-apple", "id_token": require_text("id_token", id_token)}
        return Credentials("oauth2-apple", payload)


def require_text(name: str, value: object) -> str:
    """A text that can be sent. ArgumentTypeError, InvalidArgumentError; neither shows it."""
    if not isinstance(value, str):
        raise ArgumentTypeError(f"Expected '{name}' to be a string, got {type(value).__name__}")
    if not is_unicode(value):
        raise InvalidArgumentError(f"'{name}' has lone surrogates, which no text may have")
    return value
