"""Accounts with e-mail and password: made, confirmed, given a new password.

What an app does for it is decided in ../accounts/email_accounts.py; here is what strangers may ask
for, and how often. Specification: app-services-http.md section 11.
"""

from __future__ import annotations

from aiohttp import web

from realmsync import ejson
from realmsync.codes import AppCode
from realmsync.server.accounts.email_accounts import PROVIDER
from realmsync.server.accounts.refusals import AuthError
from realmsync.server.http.call import Call, account_key
from realmsync.server.http.replies import HttpError, reply


async def register(call: Call) -> web.Response:
    """Makes an account."""
    _admit(call)
    await call.services.email_accounts.register(
        call.app, call.body["email"], call.body["password"], call.in_turn, call.for_functions
    )
    return reply({}, 201)


async def confirm(call: Call) -> web.Response:
    """Confirms an account with the token from a mail."""
    _admit(call)
    await call.services.email_accounts.confirm(call.app, call.body["token"], call.body["tokenId"])
    return reply({})


async def send_confirmation(call: Call) -> web.Response:
    """Sends the mail with which an account is confirmed once more."""
    _admit(call, call.body["email"])
    await call.services.email_accounts.send_confirmation(call.app, call.body["email"])
    return reply({})


async def call_confirmation(call: Call) -> web.Response:
    """Runs the confirmation function once more."""
    _admit(call, call.body["email"])
    await call.services.email_accounts.call_confirmation(
        call.app, call.body["email"], call.for_functions
    )
    return reply({})


async def reset(call: Call) -> web.Response:
    """Sets a new password with the token from a mail."""
    _admit(call)
    await call.services.email_accounts.reset(
        call.app,
        call.body["token"],
        call.body["tokenId"],
        call.body["password"],
        call.in_turn,
    )
    return reply({})


async def send_reset(call: Call) -> web.Response:
    """Sends a mail with which the owner may set a new password."""
    _admit(call, call.body["email"])
    await call.services.email_accounts.send_reset(call.app, call.body["email"])
    return reply({})


async def call_reset(call: Call) -> web.Response:
    """Asks the reset function for a new password.

    It hears whether the password is the one that the account has, so a refusal counts as a wrong
    one.
    """
    email, admission = call.body["email"], call.services.admission
    account = account_key(call.app, email)
    _admit(call)
    admission.attempt(account, call.client)
    try:
        arguments = ejson.decode(call.body.get("arguments", []))
    except ValueError as error:
        raise HttpError(400, str(error), AppCode.BadRequest) from None
    try:
        await call.services.email_accounts.call_reset(
            call.app, email, call.body["password"], arguments, call.in_turn, call.for_functions
        )
    except AuthError:
        admission.attempted(account, call.client, is_right=False)
        raise
    return reply({})


def _admit(call: Call, email: str | None = None) -> None:
    """Raises AuthError in apps without accounts, HttpError for too many calls."""
    call.services.auth.check_provider(call.app, PROVIDER)
    call.services.admission.log_in(call.client)
    if email is not None and not call.app.is_open:  # those send nothing
        call.services.admission.mail(account_key(call.app, email))
