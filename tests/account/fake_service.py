"""A service of which every answer is the test's, and the tokens that it gives."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import jwt

from account.replies import reply
from realmsync.account.http import HttpRequest, HttpResponse

BASE = "/api/client/v2.0"


def token(lifetime: int = 1800, **claims: Any) -> str:
    now = int(time.time())
    return jwt.encode({"exp": now + lifetime, "iat": now, **claims}, "k" * 32, algorithm="HS256")


class FakeService:
    """A transport with its own answers. `answers` maps the end of the path to a reply or more."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.answers: dict[str, Any] = {
            "/location": reply({"hostname": "http://host:1", "ws_hostname": "ws://sync:2"}),
            "/login": reply(
                {
                    "user_id": "u1",
                    "device_id": "d1",
                    "access_token": token(),
                    "refresh_token": token(),
                }
            ),
            "/auth/profile": reply(
                {"identities": [{"id": "i", "provider_type": "anon-user"}], "data": {}}
            ),
            "/auth/session": reply({"access_token": token(n=2)}),
            "/auth/delete": HttpResponse(204),
        }

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        await asyncio.sleep(0)
        path = request.url.partition("?")[0]
        end = next(end for end in self.answers if path.endswith(end))
        answer = self.answers[end]
        if isinstance(answer, list):
            answer = answer.pop(0)
        assert isinstance(answer, HttpResponse)
        return answer

    def paths(self) -> list[str]:
        return [f"{r.method} {r.url.partition(BASE)[2]}" for r in self.requests]
