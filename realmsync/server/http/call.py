"""What a handler of the HTTP API is given: one request, and what all requests share.

A handler finds here what its row of the table asks for, checked: the application, the user, the
body. Reading and checking is done by dispatcher.py.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.accounts.api_keys import ApiKeys
from realmsync.server.accounts.auth import Auth, Principal
from realmsync.server.accounts.email_accounts import EmailAccounts
from realmsync.server.addresses import Proxies, neighbourhood
from realmsync.server.admin.admin import Admin
from realmsync.server.apps.running import Apps, RunningApp
from realmsync.server.config import ServerConfig
from realmsync.server.functions.port import FunctionRequest
from realmsync.server.http.admission import Admission
from realmsync.server.http.gate import gate_of
from realmsync.server.http.replies import HttpError

Result = TypeVar("Result")

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")


# Characters of the longest name of an account.
_NAME = 320


def account_key(app: RunningApp, email: str) -> tuple[str, str]:
    """What is limited per account goes by this, whatever long text strangers send as a name."""
    return app.key, email[:_NAME]


class LogInObserver(Protocol):
    """Who has to know of log-ins that begin: the keeper of the websockets."""

    def logged_in(self, user_id: str, session_id: str, address: str) -> None: ...


@dataclass(frozen=True)
class Services:
    """What all requests share."""

    config: ServerConfig
    apps: Apps
    auth: Auth
    email_accounts: EmailAccounts
    api_keys: ApiKeys
    admission: Admission
    proxies: Proxies
    observer: LogInObserver
    status: Callable[[], dict[str, Any]]  # of the server, for operators
    describe: Callable[[], dict[str, Any]]  # the API, as OpenAPI
    admin: Admin | None = None  # of the admin API, where it is switched on


class Call:
    """One request for one row of the table."""

    app: RunningApp  # that of {app} in the path, or of the user
    principal: Principal  # where a token is asked for
    body: dict[str, Any]  # where the row has a body
    items: list[Any]  # where the body is an array

    def __init__(
        self, services: Services, request: web.BaseRequest, parameters: Mapping[str, str]
    ) -> None:
        self.services = services
        self.request = request
        self.parameters = parameters  # of the path

    @property
    def admin(self) -> Admin:
        """What the admin API works with; its rows are served only where there is one."""
        assert self.services.admin is not None
        return self.services.admin

    @property
    def client(self) -> str:
        """The client's address."""
        forwarded = ",".join(self.request.headers.getall("X-Forwarded-For", ()))
        return self.services.proxies.client_of(gate_of(self.request).peer, forwarded)

    @property
    def bearer(self) -> str | None:
        """The token in its head."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    @property
    def origin(self) -> str:
        """The origin that this client should use. Raises HttpError."""
        if self.services.config.public_url is not None:
            return self.services.config.public_url.rstrip("/")
        host = self.request.headers.get("Host", "")
        if not _HOST.fullmatch(host):
            raise HttpError(400, "Host header is missing or malformed", AppCode.BadRequest)
        transport = self.request.transport
        secure = transport is not None and transport.get_extra_info("ssl_object")
        return f"{'https' if secure else 'http'}://{host}"

    @property
    def for_functions(self) -> FunctionRequest:
        """What a function may know of it; not the token, with which it could be the user."""
        headers = {k: v for k, v in self.request.headers.items() if k.lower() != "authorization"}
        return FunctionRequest(self.request.method, self.request.path, self.client, headers)

    async def authenticate(self, kind: str) -> Principal:
        """Who the token stands for, which must be of this kind. Raises AuthError."""
        return await self.services.auth.authenticate(self.bearer, kind)

    async def in_turn(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """What hashes a password, when it is its turn. Raises HttpError."""
        place = neighbourhood(self.client)
        return await self.services.admission.passwords.run(gate_of(self.request), place, work)
