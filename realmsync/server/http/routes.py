"""The HTTP endpoints that SDKs call before and beside sync.

Routing and request bodies live here; replies.py words the errors, accounts/ decides who may do
what. A request comes from aiohttp's low-level server, which ../acceptor.py feeds. Specification:
app-services-http.md sections 4 to 11.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.accounts.auth import Auth, AuthError, Principal
from realmsync.server.addresses import Proxies, is_loopback, neighbourhood
from realmsync.server.config import ServerConfig
from realmsync.server.http.admission import Admission
from realmsync.server.http.gate import gate_of
from realmsync.server.http.replies import (
    HttpError,
    app_not_found,
    error_reply,
    refusal,
    reply,
)
from realmsync.server.http.sites import Sites, host_of
from realmsync.server.logs import one_line
from realmsync.version import __version__

_logger = logging.getLogger("realmsync.server")

_CLIENT = "/api/client/v2.0"
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")

# What is answered to calls for mail, the same for every e-mail address (section 11).
_MAIL_REFUSALS = {
    "confirm/send": ("already confirmed", AppCode.UserAlreadyConfirmed),
    "confirm/call": (
        "cannot run confirmation for {email}: automatic confirmation is enabled",
        AppCode.BadRequest,
    ),
    "reset/send": ("error processing request", AppCode.BadRequest),
    "reset/call": ('failed to reset password for user "{email}"', AppCode.BadRequest),
}

Handler = Callable[..., Awaitable[web.Response]]
Result = TypeVar("Result")


class LogInObserver(Protocol):
    """Who has to know of log-ins that begin: the keeper of the websockets."""

    def logged_in(self, user_id: str, session_id: str, address: str) -> None: ...


class HttpApi:
    """All endpoints."""

    def __init__(
        self,
        config: ServerConfig,
        auth: Auth,
        status: Callable[[], dict[str, Any]],
        observer: LogInObserver,
        sites: Sites,
        proxies: Proxies,
    ) -> None:
        self._config = config
        self._auth = auth
        self._status = status
        self._observer = observer
        self._sites = sites
        self._proxies = proxies
        self._admission = Admission(config.http)
        app = f"{_CLIENT}/app/([^/]+)"
        userpass = f"{app}/auth/providers/local-userpass"
        routes: list[tuple[str, str, Handler]] = [
            ("GET", f"{app}/location", self._location),
            ("POST", f"{userpass}/register", self._register),
            ("POST", f"{userpass}/(confirm|reset)", self._use_mailed_token),
            ("POST", f"{userpass}/((?:confirm|reset)/(?:send|call))", self._mail),
            ("POST", f"{app}/auth/providers/([^/]+)/login", self._log_in),
            ("GET", f"{_CLIENT}/auth/profile", self._profile),
            ("POST", f"{_CLIENT}/auth/session", self._refresh),
            ("DELETE", f"{_CLIENT}/auth/session", self._log_out),
            ("DELETE", f"{_CLIENT}/auth/delete", self._delete_user),
            ("GET", "/health", self._health),
            ("GET", "/status", self._server_status),
        ]
        self._routes = [(method, re.compile(path), handler) for method, path, handler in routes]
        # Those who must show a token, and those who only look, are not counted as strangers.
        self._uncounted: set[Handler] = {
            self._profile,
            self._refresh,
            self._log_out,
            self._delete_user,
            self._health,
            self._server_status,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request, whatever happens."""
        try:
            return await self._dispatch(request)
        except HttpError as error:
            return error_reply(error)
        except AuthError as error:
            try:
                self._admission.request(self._client(request))
            except HttpError as too_many:
                return error_reply(too_many)
            return error_reply(refusal(error))
        except (asyncio.TimeoutError, web.RequestPayloadError, ConnectionError):
            return error_reply(HttpError(408, "request body did not arrive", AppCode.BadRequest))
        except web.HTTPException as error:
            return error_reply(HttpError(error.status, error.reason, AppCode.BadRequest))
        except sqlite3.OperationalError as error:  # the users' file: its disk is full, or fails
            _logger.error("%s failed: %s", one_line(request.path), error)
            return error_reply(
                HttpError(503, "storage is not available, try again later", retry_after=5)
            )
        except Exception:
            _logger.exception("%s failed", one_line(request.path))
            return error_reply(HttpError(500, "internal server error", AppCode.InternalServerError))

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        self._sites.check(request.headers.get("Host", ""), request.headers.get("Origin"))
        if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            # Nothing here is worth packing, and what a small body says may be endless.
            raise HttpError(415, "request bodies must not be compressed", AppCode.BadRequest)
        # Clients before core 14.10 double the slash when their base URL ends in one.
        path = re.sub("//+", "/", request.raw_path.partition("?")[0])
        if not path.isascii():
            raise HttpError(400, "a path is ASCII; use %XX", AppCode.BadRequest)
        allowed = set()
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if method == request.method:
                if handler not in self._uncounted:
                    self._admission.request(self._client(request))
                return await handler(request, *map(unquote, match.groups()))
            allowed.add(method)
        self._admission.request(self._client(request))
        if allowed:
            raise HttpError(405, f"method not allowed, use {' or '.join(sorted(allowed))}")
        raise HttpError(404, f"{request.method} {path} is not part of this server's API")

    # without a token

    async def _location(self, request: web.BaseRequest, app_id: str) -> web.Response:
        self._served_app(app_id)
        origin = self._config.public_url or self._origin(request)
        origin = origin.rstrip("/")
        return reply(
            {
                "deployment_model": "GLOBAL",
                "location": "US-VA",
                "hostname": origin,
                "ws_hostname": re.sub("^http", "ws", origin),
            }
        )

    async def _register(self, request: web.BaseRequest, app_id: str) -> web.Response:
        app = self._userpass_app(app_id)
        body = await self._body(request)
        email, password = _text(body, "email"), _text(body, "password")
        self._admission.log_in(self._client(request))
        await self._in_turn(request, lambda: self._auth.register(app, email, password))
        return reply({}, 201)

    async def _use_mailed_token(
        self, request: web.BaseRequest, app_id: str, purpose: str
    ) -> web.Response:
        self._userpass_app(app_id)
        raise HttpError(400, "invalid token data", AppCode.BadRequest)

    async def _mail(self, request: web.BaseRequest, app_id: str, call: str) -> web.Response:
        """Accounts are confirmed at registration and this server sends no mail.

        Nobody looks whether there is such an account, as strangers must not learn it.
        """
        self._userpass_app(app_id)
        message, code = _MAIL_REFUSALS[call]
        email = _text(await self._body(request), "email")
        raise HttpError(400, message.format(email=email), code)

    async def _log_in(self, request: web.BaseRequest, app_id: str, provider: str) -> web.Response:
        app = self._served_app(app_id)
        body = await self._body(request)
        client = self._client(request)
        if request.query.get("link") == "true":
            principal = await self._principal(request, "access")
            token = await self._try_password(
                request,
                app,
                provider,
                body,
                lambda: self._auth.link(principal, app, provider, body),
            )
            return reply({"access_token": token})
        self._admission.log_in(client)
        login = await self._try_password(
            request, app, provider, body, lambda: self._auth.log_in(app, provider, body)
        )
        self._observer.logged_in(login.user_id, login.session_id, client)
        return reply(
            {
                "access_token": login.access_token,
                "refresh_token": login.refresh_token,
                "user_id": login.user_id,
                "device_id": login.device_id,
            }
        )

    # with a token

    async def _profile(self, request: web.BaseRequest) -> web.Response:
        user = (await self._principal(request, "access")).user
        emails = [identity.email for identity in user.identities if identity.email is not None]
        return reply(
            {
                "user_id": user.id,
                "type": "normal",
                "identities": [
                    {"id": identity.id, "provider_type": identity.provider}
                    for identity in user.identities
                ],
                "data": {"email": emails[0]} if emails else {},
            }
        )

    async def _refresh(self, request: web.BaseRequest) -> web.Response:
        principal = await self._principal(request, "refresh")
        return reply({"access_token": self._auth.new_access_token(principal)}, 201)

    async def _log_out(self, request: web.BaseRequest) -> web.Response:
        principal = await self._principal(request, "refresh")
        await self._auth.users.close_session(principal.session_id)
        return web.Response(status=204)

    async def _delete_user(self, request: web.BaseRequest) -> web.Response:
        user = (await self._principal(request, "access")).user
        await self._auth.users.delete_user(user.id)
        return web.Response(status=204)

    # for operators

    async def _health(self, request: web.BaseRequest) -> web.Response:
        status = self._status()
        return reply({"status": status["status"]}, 200 if status["status"] == "ok" else 503)

    async def _server_status(self, request: web.BaseRequest) -> web.Response:
        if not self._is_operator(request):
            raise HttpError(403, "for clients on the server's machine, or with its status token")
        return reply({"version": __version__, **self._status()})

    def _is_operator(self, request: web.BaseRequest) -> bool:
        token = self._config.status_token
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if token is not None and scheme.lower() == "bearer":
            given_bytes = given.strip().encode("utf-8", "surrogateescape")
            return hmac.compare_digest(given_bytes, token.encode())
        # What a proxy on this machine passes on says so: by its client's address, or the name that
        # it was asked for.
        host = host_of(request.headers.get("Host", ""))
        return is_loopback(self._client(request)) and (
            host in ("", "localhost") or is_loopback(host)
        )

    # helpers

    def _client(self, request: web.BaseRequest) -> str:
        """The client's address."""
        return self._proxies.client_of(
            gate_of(request).peer, ",".join(request.headers.getall("X-Forwarded-For", ()))
        )

    async def _in_turn(
        self, request: web.BaseRequest, work: Callable[[], Awaitable[Result]]
    ) -> Result:
        """What hashes a password, when it is its turn."""
        place = neighbourhood(self._client(request))
        return await self._admission.passwords.run(gate_of(request), place, work)

    async def _try_password(
        self,
        request: web.BaseRequest,
        app: str,
        provider: str,
        body: dict[str, Any],
        work: Callable[[], Awaitable[Result]],
    ) -> Result:
        """A log-in, which may need the password of an account."""
        email = body.get("username")
        if provider != "local-userpass" or not isinstance(email, str):
            return await work()
        client, account = self._client(request), (app, email)
        self._admission.attempt(account, client)
        try:
            result = await self._in_turn(request, work)
        except AuthError as error:
            if error.code is AppCode.InvalidPassword:
                self._admission.attempted(account, client, is_right=False)
            raise
        self._admission.attempted(account, client, is_right=True)
        return result

    def _served_app(self, app_id: str) -> str:
        app = self._auth.served_app(app_id)
        if app is None:
            raise app_not_found(app_id)
        return app

    def _userpass_app(self, app_id: str) -> str:
        app = self._served_app(app_id)
        self._auth.check_provider("local-userpass")
        return app

    def _origin(self, request: web.BaseRequest) -> str:
        host = request.headers.get("Host", "")
        if not _HOST.fullmatch(host):
            raise HttpError(400, "Host header is missing or malformed", AppCode.BadRequest)
        secure = request.transport is not None and request.transport.get_extra_info("ssl_object")
        return f"{'https' if secure else 'http'}://{host}"

    async def _principal(self, request: web.BaseRequest, kind: str) -> Principal:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return await self._auth.authenticate(
            token.strip() if scheme.lower() == "bearer" else None, kind
        )

    async def _body(self, request: web.BaseRequest) -> dict[str, Any]:
        limits = self._config.http
        if (request.content_length or 0) > limits.body_bytes:
            raise HttpError(413, "request body too large", AppCode.ReadSizeLimitExceeded)
        data = bytearray()
        deadline = asyncio.get_running_loop().time() + limits.body_timeout
        while True:
            left = deadline - asyncio.get_running_loop().time()
            chunk = await asyncio.wait_for(request.content.readany(), max(left, 0))
            if not chunk:
                break
            data += chunk
            if len(data) > limits.body_bytes:
                raise HttpError(413, "request body too large", AppCode.ReadSizeLimitExceeded)
        try:
            body = json.loads(data)
            # A lone surrogate is JSON, but no text: nothing could store or sign it.
            json.dumps(body, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise HttpError(
                400, "request body must be a JSON object in valid Unicode", AppCode.BadRequest
            )
        return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise HttpError(400, f"'{name}' must be a string", AppCode.BadRequest)
    return value
