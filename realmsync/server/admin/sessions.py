"""Handlers of the admin API: the admin's own log-in, and who he is."""

from __future__ import annotations

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.admin.access import GROUP, USER
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply, reply_nothing


async def log_in(call: Call) -> web.Response:
    """With the name and password of the settings, or as a key pair of the same two texts."""
    admin = call.admin
    password = call.body.get("password", call.body.get("apiKey"))
    call.services.admission.log_in(call.client)
    account = ("admin", "")
    call.services.admission.attempt(account, call.client)
    is_right = admin.account.matches(call.body.get("username"), password)
    call.services.admission.attempted(account, call.client, is_right=is_right)
    if not is_right:
        raise HttpError(401, "unauthorized", AppCode.InvalidPassword)
    return reply(
        {
            "access_token": admin.tokens.issue("admin-access"),
            "refresh_token": admin.tokens.issue("admin-refresh"),
            "user_id": USER,
            "device_id": "0" * 24,
        }
    )


async def refresh(call: Call) -> web.Response:
    """A new access token."""
    call.admin.tokens.check(call.bearer, "admin-refresh")
    return reply({"access_token": call.admin.tokens.issue("admin-access")}, 201)


async def log_out(call: Call) -> web.Response:
    """Tokens of admins end by themselves."""
    call.admin.tokens.check(call.bearer, "admin-refresh")
    return reply_nothing()


async def profile(call: Call) -> web.Response:
    """The one group that all apps are in."""
    return reply({"user_id": USER, "roles": [{"role_name": "GROUP_OWNER", "group_id": GROUP}]})


async def version(call: Call) -> web.Response:
    """Tools ask for it to see whether the server is up."""
    return reply({"version": "realmsync"})
