"""API keys that users make for their programs. Specification: app-services-http.md section 12."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from realmsync.server.accounts.file.api_keys import PROVIDER
from realmsync.server.accounts.file.records import ApiKey
from realmsync.server.http.call import Call
from realmsync.server.http.replies import reply, reply_nothing


async def create_key(call: Call) -> web.Response:
    """Makes a key; the reply alone says it."""
    _check(call)
    key, text = await call.services.api_keys.create(call.principal, call.body["name"])
    return reply({**_described(key), "key": text}, 201)


async def list_keys(call: Call) -> web.Response:
    """All keys of the user."""
    _check(call)
    keys = await call.services.api_keys.all(call.principal)
    return reply([_described(key) for key in keys])


async def fetch_key(call: Call) -> web.Response:
    """One key."""
    _check(call)
    return reply(_described(await call.services.api_keys.fetch(call.principal, _id(call))))


async def delete_key(call: Call) -> web.Response:
    """Forgets a key."""
    _check(call)
    await call.services.api_keys.delete(call.principal, _id(call))
    return reply_nothing()


async def enable_key(call: Call) -> web.Response:
    """Makes a key good again."""
    _check(call)
    await call.services.api_keys.set_disabled(call.principal, _id(call), False)
    return reply_nothing()


async def disable_key(call: Call) -> web.Response:
    """Makes a key useless."""
    _check(call)
    await call.services.api_keys.set_disabled(call.principal, _id(call), True)
    return reply_nothing()


def _check(call: Call) -> None:
    call.services.auth.check_provider(call.app, PROVIDER)


def _id(call: Call) -> str:
    return call.parameters["key"]


def _described(key: ApiKey) -> dict[str, Any]:
    return {"_id": key.id, "name": key.name, "disabled": key.disabled}
