"""Requests to a server as an SDK makes them, and a user of one, as strict with answers as an SDK.

Nothing here shares code with the client in realmsync/ (app-services-http.md 8 to 16).
"""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import dataclass
from typing import Any

import aiohttp

APP_ID = "test-app-0"
CLIENT = "/api/client/v2.0"
APP_PATH = f"{CLIENT}/app/{APP_ID}"
LOGIN = {"provider": "anon-user", "options": {"device": {"appId": APP_ID, "sdk": "JS", "new": 1}}}


@dataclass
class Reply:
    status: int
    reason: str | None
    content_type: str | None
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class SdkHttp:
    """Sends requests with the headers of realm-core's transport."""

    def __init__(self, base: str) -> None:
        self.base = base

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = "",
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        sent = {
            "Content-Type": "application/json;charset=utf-8",
            "Accept": "application/json",
        }
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        text = body if isinstance(body, str) else json.dumps(body)
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method,
                self.base + path,
                data=io.BytesIO(text.encode()) if text else None,
                headers=sent | (headers or {}),
            ) as response,
        ):
            return Reply(
                response.status,
                response.reason,
                response.headers.get("Content-Type"),
                await response.text(),
            )

    async def anonymous(self) -> dict[str, str]:
        reply = await self("POST", f"{APP_PATH}/auth/providers/anon-user/login", LOGIN)
        assert reply.status == 200, reply
        return reply.json


class SdkUser:
    """A user as an SDK has him: tokens, and the requests that carry them."""

    def __init__(self, http: SdkHttp, app_id: str) -> None:
        self._http = http
        self.app_id = app_id
        self._app = f"{CLIENT}/app/{app_id}"
        self.id = self.access_token = self.refresh_token = ""
        self.identities: list[str] = []  # their providers
        self.data: dict[str, Any] = {}

    async def log_in(self, provider: str, **payload: Any) -> Reply:
        """Tokens, then the profile: without both it has failed (8.2)."""
        reply = await self._http("POST", self._log_in(provider), self._body(provider, payload))
        if reply.status == 200:
            self.id = reply.json["user_id"]
            assert re.fullmatch("[0-9a-f]{24}", self.id), "becomes the name of a folder"
            assert re.fullmatch("(?!0{24})[0-9a-f]{24}", reply.json["device_id"])
            self.access_token = reply.json["access_token"]
            self.refresh_token = reply.json["refresh_token"]
            claims(self.refresh_token)
            await self.read_profile()
        return reply

    async def link(self, provider: str, **payload: Any) -> Reply:
        """One more way to log in; after a 401 nothing is tried again (8.1)."""
        path = self._log_in(provider) + "?link=true"
        body = self._body(provider, payload)
        reply = await self._http("POST", path, body, token=self.access_token)
        if reply.status == 200:
            self.access_token = reply.json["access_token"]
            await self.read_profile()
        return reply

    async def read_profile(self) -> None:
        reply = await self.access("GET", f"{CLIENT}/auth/profile")
        assert reply.status == 200, reply
        assert all(type(i["id"]) is str for i in reply.json["identities"])
        self.identities = [i["provider_type"] for i in reply.json["identities"]]
        self.data = reply.json["data"]
        assert isinstance(self.data, dict)
        texts = "name email picture_url first_name last_name gender birthday min_age max_age"
        assert all(isinstance(self.data.get(name, ""), str) for name in texts.split())

    async def refresh(self) -> bool:
        """A new access token; where it is refused the user is logged out (16.4)."""
        reply = await self._http("POST", f"{CLIENT}/auth/session", token=self.refresh_token)
        if reply.status in (401, 403):
            self.access_token = self.refresh_token = ""
            return False
        assert reply.status in (200, 201), reply
        self.access_token = reply.json["access_token"]
        return True

    async def access(self, method: str, path: str, body: Any = "") -> Reply:
        """With the access token; after a 401 once more with a new one (16.1)."""
        reply = await self._http(method, path, body, token=self.access_token)
        if reply.status == 401:
            fresh = await self._http("POST", f"{CLIENT}/auth/session", token=self.refresh_token)
            if fresh.status in (200, 201):
                self.access_token = fresh.json["access_token"]
                reply = await self._http(method, path, body, token=self.access_token)
        return _checked(reply)

    async def keys(self, method: str, path: str = "", body: Any = "") -> Reply:
        """API keys: with the refresh token (12)."""
        url = f"{CLIENT}/auth/api_keys{path}"
        return _checked(await self._http(method, url, body, token=self.refresh_token))

    async def call(self, name: str, *arguments: Any, **more: Any) -> Reply:
        """A function; arguments are extended JSON already (13.1)."""
        body = {"arguments": list(arguments), "name": name, **more}
        return await self.access("POST", f"{self._app}/functions/call", body)

    async def account(self, path: str, **body: Any) -> Reply:
        """Registration and passwords (11)."""
        url = f"{self._app}/auth/providers/local-userpass/{path}"
        return await self._http("POST", url, body)

    async def log_out(self) -> Reply:
        return await self._http("DELETE", f"{CLIENT}/auth/session", token=self.refresh_token)

    async def delete(self) -> Reply:
        return await self.access("DELETE", f"{CLIENT}/auth/delete")

    @property
    def custom_data(self) -> Any:
        """What the access token says of him (14.1)."""
        return claims(self.access_token).get("user_data", {})

    def _log_in(self, provider: str) -> str:
        return f"{self._app}/auth/providers/{provider}/login"

    def _body(self, provider: str, payload: dict[str, Any]) -> dict[str, Any]:
        named = {} if provider == "custom-function" else {"provider": provider}
        device = {"appId": self.app_id, "platform": "Linux", "sdk": "JS", "sdkVersion": "12.14.2"}
        return {**named, **payload, "options": {"device": device}}


def claims(token: str) -> dict[str, Any]:
    """What an SDK reads in a token, which it would crash on otherwise (14.1)."""
    head, payload, signature = token.split(".")
    assert head and signature
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert type(said["exp"]) is int and type(said["iat"]) is int
    assert isinstance(said.get("user_data", {}), dict)
    assert isinstance(said, dict)
    return said


def _checked(reply: Reply) -> Reply:
    """Without exactly this type an SDK reads neither results nor errors (5.1)."""
    if reply.text:
        assert reply.content_type == "application/json"
    if reply.status >= 300:
        assert set(map(type, reply.json.values())) == {str}, "anything else hides the error"
    return reply
