"""Log-in by a function of the app, which gives the name of whoever its arguments stand for.

Specification: app-configuration.md 8.1, app-services-http.md 8.3.
"""

from __future__ import annotations

from typing import Any

from realmsync import ejson
from realmsync.codes import AppCode
from realmsync.server.accounts.foreign_tokens import BadToken, checked_subject
from realmsync.server.accounts.providers.custom_token import unusable
from realmsync.server.accounts.providers.provider import Attempt, ProvenIdentity
from realmsync.server.accounts.refusals import AuthError, no_provider
from realmsync.server.functions.port import (
    FunctionFailed,
    FunctionForbidden,
    FunctionNotCallable,
    FunctionNotFound,
)

NAME = "custom-function"


class CustomFunction:
    """Who convinces the app's function is whom it says."""

    async def prove(self, attempt: Attempt) -> ProvenIdentity:
        """Whom the function names for the payload of a log-in. Raises AuthError."""
        app, body = attempt.app, attempt.body
        name = app.model.providers[NAME].config.get("authFunctionName")
        if not isinstance(name, str) or not name:
            raise no_provider(NAME)
        try:
            # What the SDK adds about the device is not the app's.
            payload = ejson.decode({key: body[key] for key in body if key != "options"})
        except ValueError as error:
            raise AuthError(str(error), AppCode.BadRequest) from None
        try:
            result = await app.functions.call(name, [payload], None, attempt.request)
        except (FunctionFailed, FunctionForbidden, FunctionNotCallable) as error:
            # Its text is for the app: why somebody is refused.
            raise AuthError(str(error) or "the log-in was refused", AppCode.AuthError) from None
        except FunctionNotFound:
            raise unusable(app, NAME, f"there is no function {name}") from None
        return _identity(result)


def _identity(result: Any) -> ProvenIdentity:
    """Whom a result names: a text, or an object with `id` and perhaps `name`."""
    id, name = (
        (result.get("id"), result.get("name")) if isinstance(result, dict) else (result, None)
    )
    if not isinstance(id, str):
        raise _refused("its function names nobody")
    try:
        return ProvenIdentity(checked_subject(id), {"name": _text(name)} if name else {})
    except BadToken as error:
        raise _refused(str(error)) from None


def _refused(reason: str) -> AuthError:
    return AuthError(f"the log-in was refused: {reason}", AppCode.AuthError)


def _text(name: Any) -> str:
    # SDKs take nothing else for a name.
    if not isinstance(name, str):
        raise BadToken("the name is no text")
    return name
