"""HTTP towards App Services: transport, addresses, tokens, and what a failed reply means.

Nothing here knows users or state; app.py and user.py do. Specification: app-services-http.md
sections 3 to 6 and 14.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from realmsync.errors import AppError, BadServerUrlError

DEFAULT_BASE_URL = "https://services.cloud.mongodb.com"
BASE_PATH = "/api/client/v2.0"


@dataclass(frozen=True)
class HttpRequest:
    """One request, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default="", repr=False)
    timeout: float = 60.0


@dataclass(frozen=True)
class HttpResponse:
    """What came back. `custom_status` is not 0 when there was no HTTP reply."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = field(default="", repr=False)
    custom_status: int = 0


class HttpTransport(Protocol):
    """Sends requests; replaceable in AppConfiguration. Must follow redirects, must not raise."""

    async def __call__(self, request: HttpRequest) -> HttpResponse: ...


async def aiohttp_transport(request: HttpRequest) -> HttpResponse:
    """The default transport.

    One connection per request: there are few, and nothing is left open when a program ends or goes
    on with another event loop.
    """
    timeout = aiohttp.ClientTimeout(total=request.timeout or None)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body.encode() or None,
            ) as response,
        ):
            text = await response.text(encoding="utf-8", errors="replace")
            return HttpResponse(response.status, response.headers, text)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
    except asyncio.TimeoutError:
        reason = f"no answer within {request.timeout:g} s"
    return HttpResponse(
        0, body=f"request to {request.url} failed, reason: {reason}", custom_status=-1
    )


# addresses


def normalised_base_url(url: str | None) -> str:
    """Scheme, host and path without a slash at the end. Raises BadServerUrlError."""
    url = (url or DEFAULT_BASE_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise BadServerUrlError(f"base URL {url!r} must have a scheme and a host")
    return url


def websocket_host(host_url: str) -> str:
    """The websocket origin that belongs to an HTTP origin, unless location names another."""
    if len(host_url) < 7 or not host_url.startswith("http"):
        return host_url
    scheme, separator, rest = host_url.partition("://")
    if separator and scheme in ("http", "https"):
        if "realm.mongodb.com" in rest:
            rest = f"ws.{rest}"
        elif "services.cloud.mongodb.com" in rest:
            rest = rest.replace("services.cloud.mongodb.com", "ws.services.cloud.mongodb.com", 1)
    return "ws" + scheme.removeprefix("http") + separator + rest


# tokens


@dataclass(frozen=True)
class Claims:
    """What a client reads in a token. It never checks the signature: that is the server's."""

    expires_at: int
    issued_at: int
    user_data: Mapping[str, Any]


def token_claims(token: str) -> Claims:
    """Reads a JSON web token. Raises AppError (BadToken)."""
    parts = token.split(".")
    claims: Any = None
    if len(parts) == 3 and all(parts):
        payload = parts[1].rstrip("=").replace("+", "-").replace("/", "_")
        try:
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (binascii.Error, ValueError, RecursionError):
            claims = None
    if not isinstance(claims, dict):
        raise app_error("BadToken", "received malformed JWT")
    expires_at, issued_at = claims.get("exp"), claims.get("iat")
    user_data = claims.get("user_data", {})
    if type(expires_at) is not int or type(issued_at) is not int:
        raise app_error("BadToken", "received malformed JWT: 'exp' and 'iat' must be integers")
    if not isinstance(user_data, dict):
        raise app_error("BadToken", "received malformed JWT: 'user_data' must be an object")
    return Claims(expires_at, issued_at, user_data)


# replies


def check(response: HttpResponse) -> None:
    """Raises the AppError that a reply stands for, if it does (section 5.2, first match)."""
    content_type = next(
        (value for name, value in response.headers.items() if name.lower() == "content-type"), ""
    )
    if content_type == "application/json" and response.body:
        _check_body(response)
    if response.custom_status != 0:
        message = response.body or "non-zero custom status code considered fatal"
        raise app_error("CustomError", message, status=response.status)
    if response.status != 0 and not 200 <= response.status < 300:
        detail = f": {response.body}" if response.body else ""
        raise app_error(
            "HTTPError",
            f"http error code considered fatal{detail}. {_status_class(response.status)}",
            status=response.status,
        )


def _check_body(response: HttpResponse) -> None:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        return
    if not isinstance(body, dict):
        return
    members = [body.get(name, "") for name in ("error", "error_code", "link")]
    if not all(isinstance(member, str) for member in members):
        return
    message, name, link = members
    if name:
        raise app_error(
            name if name in APP_ERROR_CODES else "AppServerError",
            message or "no error message",
            status=response.status,
            server_error=name,
            link=link or None,
        )
    if "error" in body:
        raise app_error("AppUnknownError", message, status=response.status, link=link or None)


def _status_class(status: int) -> str:
    names = {1: "Informational", 3: "Redirection", 4: "Client Error", 5: "Server Error"}
    return f"{names.get(status // 100, 'Unknown HTTP Error')}: {status}"


def json_object(response: HttpResponse) -> dict[str, Any]:
    """The body of a successful reply. Raises AppError."""
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise app_error("MalformedJson", f"reply is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise app_error("MalformedJson", "reply is no JSON object")
    return body


def text_member(body: Mapping[str, Any], name: str) -> str:
    """A required string of a reply. Raises AppError."""
    if name not in body:
        raise app_error("MissingJsonKey", name)
    if not isinstance(body[name], str):
        raise app_error("MalformedJson", f"'{name}' is no string")
    return str(body[name])


def app_error(
    name: str,
    message: str,
    *,
    status: int | None = None,
    server_error: str | None = None,
    link: str | None = None,
) -> AppError:
    """An AppError of this name."""
    error = AppError(message)
    error.name = name
    error.code = APP_ERROR_CODES[name]
    error.status = status
    error.server_error = server_error
    error.link = link
    return error


_CLIENT_CODES = {
    "CustomError": 4000,
    "ClientUserNotFound": 4100,
    "ClientUserNotLoggedIn": 4101,
    "ClientRedirectError": 4103,
    "ClientTooManyRedirects": 4104,
    "ClientUserAlreadyNamed": 4105,
    "BadToken": 4200,
    "MalformedJson": 4201,
    "MissingJsonKey": 4202,
    "BadBsonParse": 4203,
}

# In the order of their numbers, which start at 4300 and have no gap.
_SERVICE_NAMES = [
    "MissingAuthReq",
    "InvalidSession",
    "UserAppDomainMismatch",
    "DomainNotAllowed",
    "ReadSizeLimitExceeded",
    "InvalidParameter",
    "MissingParameter",
    "TwilioError",
    "GCMError",
    "HTTPError",
    "AWSError",
    "MongoDBError",
    "ArgumentsNotAllowed",
    "FunctionExecutionError",
    "NoMatchingRuleFound",
    "InternalServerError",
    "AuthProviderNotFound",
    "AuthProviderAlreadyExists",
    "ServiceNotFound",
    "ServiceTypeNotFound",
    "ServiceAlreadyExists",
    "ServiceCommandNotFound",
    "ValueNotFound",
    "ValueAlreadyExists",
    "ValueDuplicateName",
    "FunctionNotFound",
    "FunctionAlreadyExists",
    "FunctionDuplicateName",
    "FunctionSyntaxError",
    "FunctionInvalid",
    "IncomingWebhookNotFound",
    "IncomingWebhookAlreadyExists",
    "IncomingWebhookDuplicateName",
    "RuleNotFound",
    "APIKeyNotFound",
    "RuleAlreadyExists",
    "RuleDuplicateName",
    "AuthProviderDuplicateName",
    "RestrictedHost",
    "APIKeyAlreadyExists",
    "IncomingWebhookAuthFailed",
    "ExecutionTimeLimitExceeded",
    "NotCallable",
    "UserAlreadyConfirmed",
    "UserNotFound",
    "UserDisabled",
    "AuthError",
    "BadRequest",
    "AccountNameInUse",
    "InvalidPassword",
    "SchemaValidationFailedWrite",
    "AppUnknownError",
    "MaintenanceInProgress",
    "UserpassTokenInvalid",
    "InvalidServerResponse",
    "AppServerError",
]

# What a server's `error_code` may say.
APP_ERROR_CODES = {
    **_CLIENT_CODES,
    **{name: 4300 + index for index, name in enumerate(_SERVICE_NAMES)},
}
