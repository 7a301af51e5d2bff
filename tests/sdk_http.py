"""Requests to a server as an SDK makes them."""

from __future__ import annotations

import json
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
                method, self.base + path, data=text.encode() or None, headers=sent | (headers or {})
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
