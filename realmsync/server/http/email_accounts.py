"""Accounts with e-mail and password: made, confirmed, given a new password.

Specification: app-services-http.md section 11.
"""

from __future__ import annotations

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply

_PROVIDER = "local-userpass"


async def register(call: Call) -> web.Response:
    """Makes an account."""
    auth, app = call.services.auth, call.app
    auth.check_provider(app, _PROVIDER)
    email, password = call.body["email"], call.body["password"]
    call.services.admission.log_in(call.client)
    await call.in_turn(lambda: auth.register(app, email, password))
    return reply({}, 201)


async def use_mailed_token(call: Call) -> web.Response:
    """This server sends no mail, so nobody has such a token."""
    call.services.auth.check_provider(call.app, _PROVIDER)
    raise HttpError(400, "invalid token data", AppCode.BadRequest)


# Accounts are confirmed at registration and this server sends no mail. Nobody looks whether there
# is such an account, as strangers must not learn it.


async def send_confirmation(call: Call) -> web.Response:
    """Sends the mail with which an account is confirmed once more."""
    call.services.auth.check_provider(call.app, _PROVIDER)
    raise HttpError(400, "already confirmed", AppCode.UserAlreadyConfirmed)


async def call_confirmation(call: Call) -> web.Response:
    """Runs the confirmation function once more."""
    call.services.auth.check_provider(call.app, _PROVIDER)
    email = call.body["email"]
    raise HttpError(
        400,
        f"cannot run confirmation for {email}: automatic confirmation is enabled",
        AppCode.BadRequest,
    )


async def send_reset(call: Call) -> web.Response:
    """Sends a mail with which the owner may set a new password."""
    call.services.auth.check_provider(call.app, _PROVIDER)
    raise HttpError(400, "error processing request", AppCode.BadRequest)


async def call_reset(call: Call) -> web.Response:
    """Asks the reset function for a new password."""
    call.services.auth.check_provider(call.app, _PROVIDER)
    email = call.body["email"]
    raise HttpError(400, f'failed to reset password for user "{email}"', AppCode.BadRequest)
