"""Handlers of the admin API: users, accounts that wait for their confirmation, keys of servers.

Specification: app-configuration.md 8.4 and 10.2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import jwt
from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.accounts.credentials import (
    BadCredential,
    check_key_name,
    check_name,
    check_password,
    new_secret,
    secret_hash,
)
from realmsync.server.accounts.file.listing import UserFilter
from realmsync.server.accounts.file.records import (
    ApiKey,
    Gone,
    LogInEnd,
    NameInUse,
    UserRecord,
    UserSummary,
)
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.refusals import AuthError
from realmsync.server.admin.configuration import app_of
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply, reply_nothing

Handler = Callable[[Call], Awaitable[web.Response]]

# Users in one reply, as tools expect.
_USERS = 50
_STATUSES = {"": None, "enabled": False, "disabled": True}
_ORDERS = ("", "_id", "creation_date")


# users


def _user(user: UserRecord, summary: UserSummary) -> dict[str, Any]:
    return {
        "_id": user.id,
        "identities": [identity.document() for identity in user.identities],
        "type": user.type,
        "data": user.data,
        "disabled": user.disabled,
        "creation_date": summary.created or 0,
        "last_authentication_date": summary.last_seen or 0,
    }


def _filter(call: Call) -> UserFilter:
    query = call.request.query
    status, order = query.get("status", ""), query.get("sort", "")
    if status not in _STATUSES:
        raise HttpError(400, "status is enabled or disabled", AppCode.InvalidParameter)
    if order not in _ORDERS:
        text = "users are sorted by creation_date, and by nothing else"
        raise HttpError(400, text, AppCode.InvalidParameter)
    providers = query.get("provider_types", "")
    return UserFilter(
        disabled=_STATUSES[status],
        providers=tuple(providers.split(",")) if providers else None,
        newest_first=query.get("desc") == "true",
    )


async def list_users(call: Call) -> web.Response:
    """Users, oldest first, behind the one that `after` names."""
    key, after = app_of(call).running.key, call.request.query.get("after")
    wanted = _filter(call)

    def read(file: UserFile) -> list[dict[str, Any]]:
        found = file.listing.after(key, after, _USERS, wanted)
        return [_user(file.users.load(user.id), user) for user in found if user.id is not None]

    return reply(await call.admin.users.read(read))


async def create_user(call: Call) -> web.Response:
    """An account with e-mail and password that is confirmed, and its user."""
    key, users = app_of(call).running.key, call.admin.users
    email, password = call.body["email"], call.body["password"]
    try:
        check_name(email)
        check_password(password)
    except BadCredential as error:
        raise HttpError(400, str(error), AppCode.BadRequest) from None
    hashed = await call.in_turn(lambda: users.hash(password))
    try:
        await users.change(lambda file: file.accounts.add(key, email, hashed))
    except NameInUse:
        raise HttpError(409, "name already in use", AppCode.AccountNameInUse) from None
    user = await users.user_of_identity(key, "local-userpass", email, {"email": email})
    return reply(await _described(call, user.id), 201)


async def get_user(call: Call) -> web.Response:
    """One user."""
    return reply(await _described(call, call.parameters["user"]))


async def delete_user(call: Call) -> web.Response:
    """A user is forgotten, with all ways to log in."""
    await call.admin.users.delete_user((await _found(call)).id)
    return reply_nothing()


async def log_out_user(call: Call) -> web.Response:
    """All log-ins of a user end."""
    user = await _found(call)
    await call.admin.users.end(LogInEnd.ENDED, lambda file: file.log_ins.end_all(user.id))
    return reply_nothing()


def switch_user(disabled: bool) -> Handler:
    """A user is locked out, or let in again."""

    async def handler(call: Call) -> web.Response:
        await call.admin.users.set_disabled((await _found(call)).id, disabled)
        return reply_nothing()

    return handler


async def list_devices(call: Call) -> web.Response:
    """No devices: which one a log-in came from is not kept."""
    await _found(call)
    return reply([])


async def _described(call: Call, user_id: str) -> dict[str, Any]:
    key = app_of(call).running.key

    def read(file: UserFile) -> dict[str, Any] | None:
        for summary in file.listing.called(user_id, key):
            if summary.id == user_id:
                return _user(file.users.load(user_id), summary)
        return None

    found = await call.admin.users.read(read)
    if found is None:
        raise _no_user()
    return found


async def _found(call: Call) -> UserRecord:
    try:
        user = await call.admin.users.user(call.parameters["user"])
    except Gone:
        user = None
    if user is None or user.app_id != app_of(call).running.key:
        raise _no_user()
    return user


def _no_user() -> HttpError:
    return HttpError(404, "user not found", AppCode.UserNotFound)


async def verify_token(call: Call) -> web.Response:
    """What a user's access token says."""
    app = app_of(call).running
    try:
        principal = await call.services.auth.authenticate(call.body["token"], "access")
    except AuthError as error:
        if "expired" in str(error):
            return reply("token expired")
        raise HttpError(401, str(error), error.code) from None
    if principal.app is not app:
        raise HttpError(401, "invalid session: token of another app", AppCode.InvalidSession)
    claims = jwt.decode(call.body["token"], options={"verify_signature": False})
    return reply(claims)  # it is good, as was checked


# accounts that wait for their confirmation


async def list_pending(call: Call) -> web.Response:
    """Accounts that wait, by name, behind the one that `after` names."""
    key, after = app_of(call).running.key, call.request.query.get("after", "")
    names = await call.admin.users.read(lambda file: file.accounts.pending(key, after, _USERS))
    return reply([{"login_ids": [{"id_type": "email", "id": name}]} for name in names])


async def confirm_account(call: Call) -> web.Response:
    """An account is confirmed, without asking its owner."""
    key, email = await _account(call)
    await call.admin.users.change(lambda file: file.accounts.confirm(key, email))
    return reply_nothing()


async def send_confirmation(call: Call) -> web.Response:
    """The mail for confirmation is sent once more."""
    _, email = await _account(call)
    await call.services.email_accounts.send_confirmation(app_of(call).running, email)
    return reply_nothing()


async def run_confirmation(call: Call) -> web.Response:
    """The confirmation function is run once more."""
    _, email = await _account(call)
    app = app_of(call).running
    await call.services.email_accounts.call_confirmation(app, email, call.for_functions)
    return reply_nothing()


async def delete_account(call: Call) -> web.Response:
    """An account that never logged in is forgotten."""
    key, email = await _account(call)
    try:
        await call.admin.users.change(lambda file: file.accounts.delete(key, email))
    except Gone:
        raise HttpError(404, "it has a user: delete that", AppCode.UserNotFound) from None
    return reply_nothing()


async def _account(call: Call) -> tuple[str, str]:
    """The app's key and the name of an account that waits. Raises HttpError."""
    key, email = app_of(call).running.key, call.parameters["email"]
    account = await call.admin.users.read(lambda file: file.accounts.find(key, email))
    if account is None:
        raise _no_user()
    if account.is_confirmed:
        raise HttpError(400, "already confirmed", AppCode.UserAlreadyConfirmed)
    return key, email


# keys of servers


def _described_key(key: ApiKey) -> dict[str, Any]:
    return {"_id": key.id, "name": key.name, "disabled": key.disabled}


async def list_keys(call: Call) -> web.Response:
    """The keys of servers."""
    key = app_of(call).running.key
    found = await call.admin.users.read(lambda file: file.api_keys.of_servers(key))
    return reply([_described_key(key) for key in found])


async def create_key(call: Call) -> web.Response:
    """A key with which a program logs in as a user of type server; only the reply has it."""
    key, name, text = app_of(call).running.key, call.body["name"], new_secret()
    try:
        check_key_name(name)
    except BadCredential as error:
        raise HttpError(400, str(error), AppCode.BadRequest) from None
    made = await call.admin.users.change(
        lambda file: file.api_keys.add_for_server(key, name, secret_hash(text))
    )
    return reply({**_described_key(made), "key": text}, 201)


async def get_key(call: Call) -> web.Response:
    """One key, without its text."""
    return reply(_described_key(await _key(call)))


def switch_key(disabled: bool) -> Handler:
    """A key is made useless, and its log-ins end; or it is good again."""

    async def handler(call: Call) -> web.Response:
        key = await _key(call)
        await call.admin.users.end(
            LogInEnd.ENDED, lambda file: file.api_keys.set_disabled(key.user_id, key.id, disabled)
        )
        return reply_nothing()

    return handler


async def delete_key(call: Call) -> web.Response:
    """A key of a server is deleted, and its log-ins end."""
    key = await _key(call)
    await call.admin.users.end(
        LogInEnd.ENDED, lambda file: file.api_keys.delete(key.user_id, key.id)
    )
    return reply_nothing()


async def _key(call: Call) -> ApiKey:
    app, entry = app_of(call).running, call.parameters["entry"]
    for key in await call.admin.users.read(lambda file: file.api_keys.of_servers(app.key)):
        if key.id == entry:
            return key
    raise HttpError(404, "API key not found", AppCode.APIKeyNotFound)
