"""HTTP towards App Services: transport, addresses, tokens, and what a failed reply means.

Nothing here knows users or state; app.py and user.py do. Specification: app-services-http.md
sections 3 to 6 and 14.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from realmsync.account.bodies import decoded_members
from realmsync.codes import APP_ERROR_CODES, AppCode
from realmsync.errors import AppError, BadServerUrlError
from realmsync.naming import shown

if TYPE_CHECKING:
    import aiohttp

DEFAULT_BASE_URL = "https://services.cloud.mongodb.com"
BASE_PATH = "/api/client/v2.0"
# Bytes of a reply: real ones have some thousand, most of them tokens. Functions give more.
MAX_REPLY = 1 << 20
MAX_RESULT = 4 << 20
_MAX_REDIRECTS = 10
_ENDED_HOST = "services.cloud.mongodb.com"
_ENDED = (
    "MongoDB has ended the service that an app without base_url belongs to. Give the address of "
    'your server, as in App("my-app", base_url="http://localhost:9090"); `realmsync serve` runs one'
)


@dataclass(frozen=True)
class HttpRequest:
    """One request, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default="", repr=False)
    timeout: float = 60.0
    max_reply: int = MAX_REPLY  # bytes of the body that may come back


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
    on with another event loop. Whatever a server answers costs at most `request.max_reply` bytes
    (aiohttp takes 128 header lines of 8 KiB beside them), ten redirects and `request.timeout`
    seconds altogether.
    """
    if (urlsplit(request.url).hostname or "").endswith(_ENDED_HOST):
        return HttpResponse(0, body=_ENDED, custom_status=-1)
    import aiohttp  # half of the time that `import realmsync` would take

    timeout = aiohttp.ClientTimeout(total=request.timeout or None)
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=timeout,
                auto_decompress=False,
            ) as session,
            session.request(
                request.method,
                request.url,
                headers={**request.headers, "Accept-Encoding": "identity"},
                data=BytesIO(body) if (body := request.body.encode()) else None,  # it may be long
                max_redirects=_MAX_REDIRECTS + 1,  # raised at the last of them
            ) as response,
        ):
            return HttpResponse(
                response.status, response.headers, await _text(response, request.max_reply)
            )
    except asyncio.TimeoutError:
        reason = f"no complete answer within {request.timeout:g} s"
    except aiohttp.TooManyRedirects as error:
        host = error.history[-1].url.host
        reason = f"{host} redirects more than {_MAX_REDIRECTS} times"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = (str(error) or type(error).__name__) + _scheme_hint(request.url, error)
    return HttpResponse(
        0, body=f"request to {request.url} failed, reason: {reason}", custom_status=-1
    )


async def _text(response: aiohttp.ClientResponse, limit: int) -> str:
    """The body, as long as it may be. Raises aiohttp.ClientPayloadError.

    Nothing is inflated: a few KiB can stand for gigabytes, and nobody was asked to compress.
    """
    import aiohttp

    host = response.url.host
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise aiohttp.ClientPayloadError(f"{host} compresses its answer ({shown(encoding)})")
    body = bytearray()
    too_long = (response.content_length or 0) > limit
    while not too_long and (part := await response.content.readany()):
        body += part
        too_long = len(body) > limit
    if too_long:
        raise aiohttp.ClientPayloadError(f"{host} answers with more than {limit} bytes")
    return body.decode("utf-8", "replace")


def _scheme_hint(url: str, error: Exception) -> str:
    """What to do when the two ends seem not to agree on TLS."""
    import aiohttp  # loaded already: it raised the error

    # OpenSSL's words when the answer to its greeting is no TLS.
    if isinstance(error, aiohttp.ClientConnectorSSLError) and any(
        words in str(error) for words in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
    ):
        return ". The server does not speak https on this port: use an http:// base URL"
    closed = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
    if (
        url.startswith("http:")
        and isinstance(error, closed)
        and not isinstance(error, aiohttp.ClientConnectorError)
    ):
        return ". If the server speaks https on this port, use an https:// base URL"
    return ""


# addresses


def normalised_base_url(url: str | None) -> str:
    """Scheme, host and path without a slash at the end. Raises BadServerUrlError."""
    url = (url or DEFAULT_BASE_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise BadServerUrlError(
            f"base URL {url!r} must have a scheme and a host, and a port that exists"
        )
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
    user_data: Mapping[str, Any]  # in extended JSON


@functools.lru_cache(64)  # each session asks whether its user's has expired
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
        raise AppError("received malformed JWT", AppCode.BadToken)
    expires_at, issued_at = claims.get("exp"), claims.get("iat")
    user_data = claims.get("user_data", {})
    if type(expires_at) is not int or type(issued_at) is not int:
        raise AppError("received malformed JWT: 'exp' and 'iat' must be integers", AppCode.BadToken)
    if not isinstance(user_data, dict):
        raise AppError("received malformed JWT: 'user_data' must be an object", AppCode.BadToken)
    try:
        decoded_members(user_data)
    except ValueError as error:
        raise AppError(f"received malformed JWT: 'user_data': {error}", AppCode.BadToken) from None
    return Claims(expires_at, issued_at, user_data)


# replies


def check(response: HttpResponse) -> None:
    """Raises the AppError that a reply stands for, if it does (section 5.2, first match)."""
    if _content_type(response) == "application/json" and response.body:
        _check_body(response)
    if response.custom_status != 0:
        message = response.body or "non-zero custom status code considered fatal"
        raise AppError(message, AppCode.CustomError, status=response.status)
    if response.status != 0 and not 200 <= response.status < 300:
        detail = f": {response.body}" if response.body else ""
        raise AppError(
            f"http error code considered fatal{detail}. {_status_class(response.status)}",
            AppCode.HTTPError,
            status=response.status,
        )


def _content_type(response: HttpResponse) -> str:
    headers = response.headers.items()
    return next((value for name, value in headers if name.lower() == "content-type"), "")


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
        raise AppError(
            message or "no error message",
            APP_ERROR_CODES.get(name, AppCode.AppServerError),
            status=response.status,
            server_error=name,
            link=link or None,
        )
    if "error" in body:
        raise AppError(message, AppCode.AppUnknownError, status=response.status, link=link or None)


def _status_class(status: int) -> str:
    names = {1: "Informational", 3: "Redirection", 4: "Client Error", 5: "Server Error"}
    return f"{names.get(status // 100, 'Unknown HTTP Error')}: {status}"


def json_object(response: HttpResponse) -> dict[str, Any]:
    """The body of a successful reply. Raises AppError."""
    body = _json(response)
    if not isinstance(body, dict):
        raise AppError(f"reply is no JSON object: {shown(body)}", AppCode.MalformedJson)
    return body


def json_objects(response: HttpResponse) -> list[dict[str, Any]]:
    """The objects that the body of a successful reply lists. Raises AppError."""
    body = _json(response)
    if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
        raise AppError("reply is no JSON array of objects", AppCode.MalformedJson)
    return body


def _json(response: HttpResponse) -> Any:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise AppError(
            f"reply is no JSON but {_content_type(response) or 'of no type'}, "
            f"{shown(response.body[:60])}: is this the address of a Realm server? ({error})",
            AppCode.MalformedJson,
        ) from None


def text_member(body: Mapping[str, Any], name: str) -> str:
    """A required string of a reply. Raises AppError."""
    if name not in body:
        raise AppError(name, AppCode.MissingJsonKey)
    if not isinstance(body[name], str):
        raise AppError(f"'{name}' is no string", AppCode.MalformedJson)
    if not is_unicode(body[name]):
        raise AppError(f"'{name}' has lone surrogates", AppCode.MalformedJson)
    return str(body[name])


def is_unicode(text: str) -> bool:
    """Whether a text can be sent and stored: lone surrogates, which JSON can name, cannot."""
    return not any("\ud800" <= c <= "\udfff" for c in text)
