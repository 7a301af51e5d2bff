"""What all replies have in common: JSON bodies, and how the API words a refusal.

Specification: app-services-http.md section 5.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.accounts.refusals import AuthError

# Refusals of log-ins and tokens that are no 401.
_AUTH_STATUS = {
    AppCode.BadRequest: 400,
    AppCode.AuthProviderNotFound: 404,
    AppCode.AccountNameInUse: 409,
    AppCode.MaintenanceInProgress: 503,
    AppCode.APIKeyNotFound: 404,
    AppCode.UserAlreadyConfirmed: 400,
    AppCode.UserNotFound: 404,
}


class HttpError(Exception):
    """A refusal with its HTTP status.

    `retry_after`: seconds after which to come again. `allow`: the methods that the path has.
    `members`: what the body has besides.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: AppCode | None = None,
        *,
        retry_after: int | None = None,
        allow: Collection[str] = (),
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.allow = allow
        self.members = members or {}


def refusal(error: AuthError) -> HttpError:
    """How the API words what accounts refuse."""
    return HttpError(error.status or _AUTH_STATUS.get(error.code, 401), str(error), error.code)


def app_not_found(app_id: str) -> HttpError:
    """What clients of an app hear that is not served here."""
    return HttpError(404, f"cannot find app using Client App ID '{app_id}'")


def reply(body: object, status: int = 200) -> web.Response:
    """A JSON reply."""
    return reply_text(json.dumps(body, separators=(",", ":")), status)


def reply_nothing() -> web.Response:
    """A success that has no body."""
    return web.Response(status=204)


def reply_text(text: str, status: int = 200) -> web.Response:
    """A reply that is JSON already. SDKs compare the content type as a whole: no charset."""
    return web.Response(body=text.encode(), status=status, content_type="application/json")


def error_reply(error: HttpError) -> web.Response:
    """An error reply; absent members are left out, since a null hides the error from SDKs."""
    body: dict[str, object] = {"error": str(error), **error.members}
    if error.code is not None:
        body["error_code"] = error.code.name
    response = reply(body, error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.allow:
        response.headers["Allow"] = ", ".join(sorted(error.allow))
    return response
