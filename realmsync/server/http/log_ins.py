"""Where a client finds its app, and how its users log in.

What a provider asks for is decided in ../accounts. Specification: app-services-http.md sections 7
and 8.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.accounts.refusals import AuthError, invalid_session
from realmsync.server.http.call import Call, Result, account_key
from realmsync.server.http.replies import reply


async def location(call: Call) -> web.Response:
    """The origins that clients of this app should use."""
    return reply(
        {
            "deployment_model": call.app.model.deployment_model,
            "location": call.app.model.location,
            "hostname": call.origin,
            "ws_hostname": re.sub("^http", "ws", call.origin),
        }
    )


async def log_in(call: Call) -> web.Response:
    """Logs a user in, or gives the one with an access token one more identity."""
    auth, app, provider = call.services.auth, call.app, call.parameters["provider"]
    if call.request.query.get("link") == "true":
        principal = await call.authenticate("access")
        if principal.app is not app:
            raise invalid_session("token of another app")
        token = await _try_password(
            call,
            lambda: auth.link(principal, provider, call.body, call.for_functions),
            may_adopt=False,
        )
        # The Web SDK asks for the ids, which are as they were; native SDKs do without.
        user_id, device_id = principal.user.id, principal.device_id
        return reply({"access_token": token, "user_id": user_id, "device_id": device_id})
    call.services.admission.log_in(call.client)
    login = await _try_password(
        call,
        lambda: auth.log_in(app, provider, call.body, call.for_functions),
        may_adopt=True,
    )
    call.services.observer.logged_in(login.user_id, login.session_id, call.client)
    return reply(
        {
            "access_token": login.access_token,
            "refresh_token": login.refresh_token,
            "user_id": login.user_id,
            "device_id": login.device_id,
        }
    )


async def _try_password(
    call: Call, work: Callable[[], Awaitable[Result]], *, may_adopt: bool
) -> Result:
    """A log-in, which may need the password of an account, or give it its first one."""
    email = call.body.get("username")
    if call.parameters["provider"] != "local-userpass" or not isinstance(email, str):
        return await work()
    admission, account = call.services.admission, account_key(call.app, email)
    admission.attempt(account, call.client)
    try:
        result = await _in_turn(call, work, email, may_adopt)
    except AuthError as error:
        if error.code is AppCode.InvalidPassword:
            admission.attempted(account, call.client, is_right=False)
        raise
    admission.attempted(account, call.client, is_right=True)
    return result


async def _in_turn(
    call: Call, work: Callable[[], Awaitable[Result]], email: str, may_adopt: bool
) -> Result:
    try:
        return await call.in_turn(work)
    except AuthError as error:
        password = call.body.get("password")
        if not may_adopt or error.code is not AppCode.InvalidPassword:
            raise
        # Functions may take their time: it is nobody else's turn that they take.
        if not isinstance(password, str) or not await call.services.email_accounts.adopt_password(
            call.app, email, password, call.in_turn, call.for_functions
        ):
            raise
        return await call.in_turn(work)
