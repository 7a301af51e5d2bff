"""Handlers of the admin API: what is done to a running app: sync, drafts, deployments; its logs.

Users and keys are accounts.py's. Specification: app-configuration.md 10.2, node-sdk-surface.md
23.4, 23.5 and 24.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from realmsync.apps.files import differences
from realmsync.codes import AppCode
from realmsync.server.admin.apps import AdminApp
from realmsync.server.admin.configuration import app_of
from realmsync.server.admin.document import new_id
from realmsync.server.admin.whole import document_files
from realmsync.server.engine_tasks import EngineTaskError
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply, reply_nothing

Handler = Callable[[Call], Awaitable[web.Response]]

_BY_HAND = {"enabled": False}


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
    ident = call.body.get("file_ident")
    if isinstance(ident, dict):
        ident = ident.get("$numberLong", ident.get("$numberInt"))
    try:
        number = 0 if ident is None or isinstance(ident, bool) else int(ident)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if not 1 < number < 2**63:
        raise HttpError(400, "file_ident is the ident of a client file", AppCode.InvalidParameter)
    try:
        await call.admin.tasks.force_reset(app_of(call).running.key, number)
    except EngineTaskError as error:
        raise HttpError(404, str(error), AppCode.InvalidParameter) from None
    return reply_nothing()


async def sync_state(call: Call) -> web.Response:
    """Whether clients are served."""
    return reply({"state": app_of(call).running.model.sync.state.value})


async def sync_progress(call: Call) -> web.Response:
    """There is no copying from a database to wait for."""
    found = app_of(call)
    app = await call.admin.apps.with_added(found, found.running.model)
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


async def migration(call: Call) -> web.Response:
    """No app is on its way from partition-based to flexible sync."""
    app_of(call)
    flags = dict.fromkeys(("isMigrated", "isCancelable", "isRevertible"), False)
    return reply({"statusMessage": "", **flags})


async def migrate(call: Call) -> web.Response:
    """Says that it cannot be done."""
    app_of(call)
    text = "an app cannot be moved from partition-based to flexible sync: import it as another app"
    raise HttpError(400, text, AppCode.BadRequest)


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
    return reply_nothing()


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


async def deployment_settings(call: Call) -> web.Response:
    """How changes are deployed: never from a repository."""
    said = app_of(call).document.content.get("deployment", {})
    return reply({"ui_drafts_disabled": False, **said, "automatic_deployment": _BY_HAND})


async def set_deployment(call: Call) -> web.Response:
    """What tools want to find again. Raises HttpError for deployments from a repository."""
    automatic = call.body.get("automatic_deployment")
    if isinstance(automatic, dict) and automatic.get("enabled"):
        text = "nothing is deployed from a repository: import its folder"
        raise HttpError(400, text, AppCode.InvalidParameter)
    drafts = {key: call.body[key] for key in ("ui_drafts_disabled",) if key in call.body}
    await call.admin.apps.change(app_of(call), lambda d: d.content.update(deployment=drafts))
    return reply_nothing()


async def take_settings(call: Call) -> web.Response:
    """Switches of the former service: there is nothing that they would change."""
    app_of(call)
    return reply_nothing()


# logs


async def logs(call: Call) -> web.Response:
    """What clients have lately asked, newest first."""
    app, errors = app_of(call).running, call.request.query.get("errors_only") == "true"
    return reply({"logs": call.admin.logs.of(app.key, errors_only=errors)})
