"""A user's API keys: with one of them a program of his logs in as him.

Requests carry the refresh token; how they are sent is the app's (app.py). Specification:
app-services-http.md section 12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from realmsync.account.bodies import encoded
from realmsync.account.credentials import require_text
from realmsync.account.http import HttpResponse, json_object, json_objects, text_member
from realmsync.codes import AppCode
from realmsync.errors import AppError, InvalidArgumentError
from realmsync.naming import Explained

_PATH = "/auth/api_keys"


@dataclass(frozen=True)
class ApiKey:
    """An API key, as the server lists it: without its text."""

    id: str
    name: str
    disabled: bool


@dataclass(frozen=True)
class SecretApiKey(ApiKey):
    """A key that was just made. `key` is what logs in, and said this one time only."""

    key: str = field(repr=False)


class _Request(Protocol):
    async def __call__(self, method: str, path: str, body: str = "") -> HttpResponse: ...


class ApiKeyAuth(Explained):
    """The API keys of a user.

    Every method raises AppError: `APIKeyNotFound` for an id that is not one of the user's keys. A
    refused log-in ends it: the user is logged out.
    """

    def __init__(self, request: _Request) -> None:
        self._request = request

    async def create(self, name: str) -> SecretApiKey:
        """Makes a key. Keep its `key`: nobody can ask for it again."""
        body = encoded({"name": require_text("name", name)})
        reply = json_object(await self._request("POST", _PATH, body))
        return SecretApiKey(**_members(reply), key=text_member(reply, "key"))

    async def fetch(self, id: str) -> ApiKey:
        """One key."""
        return ApiKey(**_members(json_object(await self._request("GET", _path(id)))))

    async def fetch_all(self) -> list[ApiKey]:
        """All keys, disabled ones included."""
        reply = json_objects(await self._request("GET", _PATH))
        return [ApiKey(**_members(key)) for key in reply]

    async def enable(self, id: str) -> None:
        """Makes a key good again."""
        await self._request("PUT", f"{_path(id)}/enable")

    async def disable(self, id: str) -> None:
        """Makes a key useless, until it is enabled; log-ins that were made with it end."""
        await self._request("PUT", f"{_path(id)}/disable")

    async def delete(self, id: str) -> None:
        """Deletes a key; log-ins that were made with it end."""
        await self._request("DELETE", _path(id))


def _path(id: str) -> str:
    if require_text("id", id) in ("", ".", ".."):  # a path of its own
        raise InvalidArgumentError(f"{id!r} is not the id of an API key")
    return f"{_PATH}/{quote(id, safe='')}"


def _members(reply: Mapping[str, Any]) -> dict[str, Any]:
    if "disabled" not in reply:
        raise AppError("disabled", AppCode.MissingJsonKey)
    if not isinstance(reply["disabled"], bool):
        raise AppError("'disabled' is no boolean", AppCode.MalformedJson)
    return {
        "id": text_member(reply, "_id"),
        "name": text_member(reply, "name"),
        "disabled": reply["disabled"],
    }
