"""Takes each HTTP request to its row of the table, and words what goes wrong on the way.

What a row asks for is checked here, in one order: site, app, token, body. A request comes from
aiohttp's low-level server, which ../acceptor.py feeds. Specification: app-services-http.md sections
4 and 5.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import sqlite3
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, TypeVar

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.accounts.refusals import AuthError, invalid_session
from realmsync.server.addresses import is_loopback
from realmsync.server.apps.running import RunningApp
from realmsync.server.http import cross_origin
from realmsync.server.http.bodies import Body
from realmsync.server.http.call import Call, Services
from realmsync.server.http.replies import HttpError, app_not_found, error_reply, refusal
from realmsync.server.http.sites import Sites, host_of
from realmsync.server.http.table import Caller, Route, Table
from realmsync.server.logs import one_line

_logger = logging.getLogger("realmsync.server")

Json = TypeVar("Json", dict[str, Any], list[Any])


class HttpApi:
    """The HTTP API of one server."""

    def __init__(self, services: Services, sites: Sites, routes: Iterable[Route]) -> None:
        self._services = services
        self._sites = sites
        self._table = Table(routes)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request, whatever happens."""
        response = await self._answer(request)
        origin = request.headers.get("Origin")
        if origin is not None and self._services.apps.let_in(origin):
            cross_origin.let_read(response, origin)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._dispatch(request)
        except HttpError as error:
            return error_reply(error)
        except AuthError as error:
            try:
                self._count(Call(self._services, request, {}))
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
        # Which app it is for, and whom that lets in, is known later.
        self._check_site(request, self._services.apps)
        if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            # Nothing here is worth packing, and what a small body says may be endless.
            raise HttpError(415, "request bodies must not be compressed", AppCode.BadRequest)
        # Clients before core 14.10 double the slash when their base URL ends in one.
        path = re.sub("//+", "/", request.raw_path.partition("?")[0])
        if not path.isascii():
            raise HttpError(400, "a path is ASCII; use %XX", AppCode.BadRequest)
        found = self._table.find(request.method, path)
        if isinstance(found, set):
            self._count(Call(self._services, request, {}))
            if found and cross_origin.is_question(request):
                return cross_origin.answer(found)
            if found:
                text = f"method not allowed, use {' or '.join(sorted(found))}"
                raise HttpError(405, text, allow=found)
            raise HttpError(404, f"{request.method} {path} is not part of this server's API")
        route, parameters = found
        call = Call(self._services, request, parameters)
        # Those who must show a token are counted when theirs is no good.
        if route.caller is Caller.STRANGER and route.is_counted:
            self._count(call)
        failure: Exception | None = None
        try:
            with ExitStack() as held:
                await self._prepare(call, route, held)
                return await route.handler(call)
        except Exception as error:
            failure = error
            raise
        finally:
            self._note(call, route, failure)

    def _note(self, call: Call, route: Route, failure: Exception | None) -> None:
        """Tells the app's log, if there is somebody to read it."""
        app: RunningApp | None = vars(call).get("app")
        if self._services.admin is None or app is None:
            return
        entry = {
            "type": route.summary,
            "request_method": call.request.method,
            "request_url": call.request.path,
            "remote_ip_address": call.client,
            "completed": int(time.time()),
        }
        if "principal" in vars(call):
            entry["user_id"] = call.principal.user.id
        if isinstance(failure, (HttpError, AuthError)):
            entry["error"] = str(failure)
            entry |= {} if failure.code is None else {"error_code": failure.code.name}
        elif failure is not None:
            entry["error"] = "internal server error"
        self._services.admin.logs.add(app.key, entry)

    async def _prepare(self, call: Call, route: Route, held: ExitStack) -> None:
        """Gives a call all that its row promises; what it takes is held until it is answered."""
        app: RunningApp | None = None
        if "app" in call.parameters:
            app = self._services.apps.find(call.parameters["app"])
            if app is None:
                raise app_not_found(call.parameters["app"])
            call.app = app
        if route.is_for_admins:
            self._check_admin(call, route)
        if route.caller is Caller.OPERATOR:
            self._check_operator(call)
        elif route.caller not in (Caller.STRANGER, Caller.ADMIN):
            call.principal = await call.authenticate(route.caller.value)
            if app is None:
                call.app = app = call.principal.app
            elif call.principal.app is not app:
                raise invalid_session("token of another app")
        self._check_site(call.request, () if app is None else (app,))
        if route.body is not None and route.body.is_array:
            call.items = await self._read_body(call, list, route.body, held)
        elif route.body is not None:
            call.body = await self._read_body(call, dict, route.body, held)
            route.body.check(call.body)

    def _check_site(self, request: web.BaseRequest, apps: Iterable[RunningApp]) -> None:
        """Refuses requests of web sites that are not ours, nor let in by one of these apps."""
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        let_in = origin is not None and any(origin in app.model.allowed_origins for app in apps)
        self._sites.check(host, None if let_in else origin)

    def _count(self, call: Call) -> None:
        self._services.admission.request(call.client)

    def _check_admin(self, call: Call, route: Route) -> None:
        if not call.admin.account.remote and not self._is_here(call):
            raise HttpError(403, "the admin API is for clients on the server's machine")
        if route.caller is Caller.ADMIN:
            call.admin.tokens.check(call.bearer, "admin-access")

    def _is_here(self, call: Call) -> bool:
        # What a proxy on this machine passes on says so: by its client's address, or the name that
        # it was asked for.
        host = host_of(call.request.headers.get("Host", ""))
        return (host in ("", "localhost") or is_loopback(host)) and is_loopback(call.client)

    def _check_operator(self, call: Call) -> None:
        token = self._services.config.status_token
        if token is not None and call.bearer is not None:
            given = call.bearer.encode("utf-8", "surrogateescape")
            is_operator = hmac.compare_digest(given, token.encode())
        else:
            is_operator = self._is_here(call)
        if not is_operator:
            raise HttpError(403, "for clients on the server's machine, or with its status token")

    async def _read_body(self, call: Call, kind: type[Json], body: Body, held: ExitStack) -> Json:
        request, limits = call.request, self._services.config.http
        most = max(body.most_bytes, limits.body_bytes)
        is_long = False
        if (request.content_length or 0) > most:
            raise HttpError(413, "request body too large", AppCode.ReadSizeLimitExceeded)
        data = bytearray()
        deadline = asyncio.get_running_loop().time() + limits.body_timeout
        while True:
            left = deadline - asyncio.get_running_loop().time()
            chunk = await asyncio.wait_for(request.content.readany(), max(left, 0))
            if not chunk:
                break
            data += chunk
            if len(data) > most:
                raise HttpError(413, "request body too large", AppCode.ReadSizeLimitExceeded)
            if len(data) > limits.body_bytes and not is_long:
                is_long = True
                if "principal" in vars(call):  # operators are trusted
                    size = request.content_length or most
                    held.enter_context(self._services.admission.body(call.principal.user.id, size))
        return await asyncio.to_thread(_json, data, kind) if is_long else _json(data, kind)


def _json(data: bytearray, kind: type[Json]) -> Json:
    try:
        body = json.loads(data)
        # A lone surrogate is JSON, but no text: nothing could store or sign it.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, kind):
        what = "object" if kind is dict else "array"
        text = f"request body must be a JSON {what} in valid Unicode"
        raise HttpError(400, text, AppCode.BadRequest)
    return body
