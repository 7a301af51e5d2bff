"""Handlers of the admin API: what is done to a running app: sync, drafts, users, keys.

Specification: app-configuration.md 10.2, node-sdk-surface.md 23.4, 23.5 and 24.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
from aiohttp import web

from realmsync.apps.files import differences
from realmsync.codes import AppCode
from realmsync.server.accounts.credentials import (
    BadCredential,
    check_key_name,
    check_name,
    check_password,
    new_secret,
    secret_hash,
)
from realmsync.server.accounts.file.records import (
    Gone,
    LogInEnd,
    NameInUse,
    UserRecord,
    UserSummary,
)
from realmsync.server.accounts.refusals import AuthError
from realmsync.server.admin.apps import AdminApp
from realmsync.server.admin.configuration import app_of
from realmsync.server.admin.document import new_id
from realmsync.server.admin.whole import document_files
from realmsync.server.engine_tasks import EngineTaskError
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply

Handler = Callable[[Call], Awaitable[web.Response]]

# Users in one reply, as tools expect.
_USERS = 50


def _done() -> web.Response:
    return web.Response(status=204)


def answer(body: Any, status: int = 200) -> Handler:
    """A handler that always says the same, of what this server has none of."""

    async def handler(call: Call) -> web.Response:
        if "id" in call.parameters:
            app_of(call)
        return reply(body, status)

    return handler


# sync


async def force_reset(call: Call) -> web.Response:
    """A client file is reset, now or when it comes."""
    ident = call.body["file_ident"]
    if isinstance(ident, dict):
        ident = ident.get("$numberLong", ident.get("$numberInt"))
    try:
        number = int(ident)
    except (TypeError, ValueError):
        number = 0
    if not 1 < number < 2**63 or isinstance(ident, bool):
        raise HttpError(400, "file_ident is the ident of a client file", AppCode.InvalidParameter)
    try:
        await call.admin.tasks.force_reset(app_of(call).running.key, number)
    except EngineTaskError as error:
        raise HttpError(404, str(error), AppCode.InvalidParameter) from None
    return _done()


async def sync_state(call: Call) -> web.Response:
    """Whether clients are served."""
    return reply({"state": app_of(call).running.model.sync.state.value})


async def sync_progress(call: Call) -> web.Response:
    """There is no copying from a database to wait for."""
    app = app_of(call).running.model
    if app.sync.partition is None:
        return reply({"accepting_clients": True, "progress": {}})
    now = int(time.time())
    places = {f"{c.database}.{c.collection}" for c in app.classes.values() if c.collection}
    return reply({"progress": {place: {"complete": True, "started": now} for place in places}})


async def sync_data(call: Call) -> web.Response:
    """The partition key."""
    partition = app_of(call).running.model.sync.partition
    fields = [] if partition is None else [{"key": partition.key, "type": partition.type}]
    service = call.request.query.get("service_id", "")
    return reply({"service_id": service, "partition_fields": fields})


# drafts and deployments


async def open_draft(call: Call) -> web.Response:
    """From now on changes gather."""
    draft = await call.admin.apps.open_draft(app_of(call))
    return reply({"_id": draft.id}, 201)


async def list_drafts(call: Call) -> web.Response:
    """The draft, if there is one."""
    draft = app_of(call).draft
    return reply([] if draft is None else [{"_id": draft.id}])


async def delete_draft(call: Call) -> web.Response:
    """What has gathered is forgotten."""
    app = app_of(call)
    call.admin.apps.draft_of(app, call.parameters["draft"])
    app.draft = None
    return _done()


async def diff_draft(call: Call) -> web.Response:
    """The files that the draft changes."""
    app = app_of(call)
    draft = call.admin.apps.draft_of(app, call.parameters["draft"])
    assert app.stored is not None, "only documents have drafts"
    before = document_files(app.stored.document)
    return reply({"diffs": differences(before, document_files(draft.document))})


async def deploy_draft(call: Call) -> web.Response:
    """What has gathered comes into force."""
    deployment = await call.admin.apps.deploy(app_of(call), call.parameters["draft"])
    return reply(_deployment(app_of(call), deployment), 201)


async def list_deployments(call: Call) -> web.Response:
    """The deployments, newest first; of an app without a draft its creation is the one."""
    return reply(_deployments(app_of(call)))


async def get_deployment(call: Call) -> web.Response:
    """One deployment."""
    return reply(_deployment(app_of(call), call.parameters["deployment"]))


async def redeploy(call: Call) -> web.Response:
    """Back to an app without services, functions and providers, for tools that use one again."""
    app = app_of(call)
    _deployment(app, call.parameters["deployment"])
    await call.admin.apps.change(app, lambda document: document.reset())
    made = {"_id": new_id(), "deployed_at": int(time.time()), "status": "successful"}
    await call.admin.apps.change(app, lambda document: document.content.update(deployments=[made]))
    return reply(made, 201)


def _deployments(app: AdminApp) -> list[dict[str, Any]]:
    content = app.document.content
    first = {"_id": app.id, "deployed_at": content.get("last_modified", 0), "status": "successful"}
    return content.get("deployments") or [first]


def _deployment(app: AdminApp, deployment_id: str) -> dict[str, Any]:
    for deployment in _deployments(app):
        if deployment["_id"] == deployment_id:
            return deployment
    raise HttpError(404, f"there is no deployment '{deployment_id}'", AppCode.BadRequest)


# users


def _user(user: UserSummary) -> dict[str, Any]:
    return {
        "_id": user.id,
        "identities": [{"provider_type": provider} for provider in user.providers],
        "type": "normal",
        "data": {"email": user.names[0]} if user.names else {},
        "disabled": user.disabled,
        "creation_date": user.created or 0,
        "last_authentication_date": user.last_seen or 0,
    }


def _record(user: UserRecord) -> dict[str, Any]:
    return {
        "_id": user.id,
        "identities": [
            {"id": i.id, "provider_type": i.provider, "provider_id": i.provider_id}
            for i in user.identities
        ],
        "type": user.type,
        "data": user.data,
        "disabled": user.disabled,
    }


async def list_users(call: Call) -> web.Response:
    """Users, oldest first, behind the one that `after` names."""
    key, after = app_of(call).running.key, call.request.query.get("after")
    users = await call.admin.users.read(lambda file: file.listing.after(key, after, _USERS))
    return reply([_user(user) for user in users])


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
    return reply(_record(user), 201)


async def get_user(call: Call) -> web.Response:
    """One user."""
    return reply(_record(await _found(call)))


async def delete_user(call: Call) -> web.Response:
    """A user is forgotten, with all ways to log in."""
    await call.admin.users.delete_user((await _found(call)).id)
    return _done()


async def log_out_user(call: Call) -> web.Response:
    """All log-ins of a user end."""
    user = await _found(call)
    await call.admin.users.end(LogInEnd.ENDED, lambda file: file.log_ins.end_all(user.id))
    return _done()


def switch_user(disabled: bool) -> Handler:
    """A user is locked out, or let in again."""

    async def handler(call: Call) -> web.Response:
        await call.admin.users.set_disabled((await _found(call)).id, disabled)
        return _done()

    return handler


async def _found(call: Call) -> UserRecord:
    try:
        user = await call.admin.users.user(call.parameters["user"])
    except Gone:
        user = None
    if user is None or user.app_id != app_of(call).running.key:
        raise HttpError(404, "user not found", AppCode.UserNotFound)
    return user


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


# keys of servers


async def list_keys(call: Call) -> web.Response:
    """The keys of servers."""
    key = app_of(call).running.key
    found = await call.admin.users.read(lambda file: file.api_keys.of_servers(key))
    return reply([{"_id": k.id, "name": k.name, "disabled": k.disabled} for k in found])


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
    return reply({"_id": made.id, "name": made.name, "key": text, "disabled": False}, 201)


async def delete_key(call: Call) -> web.Response:
    """A key of a server is deleted, and its log-ins end."""
    app, entry = app_of(call).running, call.parameters["entry"]
    found = await call.admin.users.read(lambda file: file.api_keys.of_servers(app.key))
    owner = next((key.user_id for key in found if key.id == entry), None)
    if owner is None:
        raise HttpError(404, "API key not found", AppCode.APIKeyNotFound)
    await call.admin.users.end(LogInEnd.ENDED, lambda file: file.api_keys.delete(owner, entry))
    return _done()
