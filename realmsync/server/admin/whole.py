"""Handlers of the admin API: an app's configuration as a whole, in and out.

Import bodies of both forms are read by ../../apps; the document that follows is replacement.py's.
Specification: app-configuration.md 10.3.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from aiohttp import web

from realmsync.apps import export
from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.files import Files, differences, files_of, zip_of
from realmsync.apps.import_body import body_of
from realmsync.apps.schema_writing import SchemaNotWritable
from realmsync.codes import AppCode
from realmsync.server.admin.configuration import app_of
from realmsync.server.admin.document import AppDocument
from realmsync.server.admin.replacement import replace_all
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply, reply_nothing

_STRATEGY = "replace-by-name"
_VERSION = "20210101"


async def import_app(call: Call) -> web.Response:
    """The whole configuration is replaced; with `diff` it is told what that would change."""
    if call.request.query.get("strategy", _STRATEGY) != _STRATEGY:
        raise HttpError(400, f"the strategy is {_STRATEGY}", AppCode.InvalidParameter)
    app = app_of(call)
    accepted = await call.admin.apps.load_body(app, call.body)

    def edit(document: AppDocument) -> None:
        replace_all(document, *accepted)

    if call.request.query.get("diff") == "true":
        after = app.document.copy()
        edit(after)
        return reply(differences(document_files(app.document), document_files(after)))
    await call.admin.apps.change(app, edit)
    return reply_nothing()


async def export_app(call: Call) -> web.Response:
    """The configuration as a zip of the layout of today, without secrets."""
    query = call.request.query
    if query.get("version", _VERSION) != _VERSION:
        raise HttpError(400, f"exports are of version {_VERSION}", AppCode.InvalidParameter)
    return _zip(await _exported(call), is_template=query.get("template") == "true")


async def pull_app(call: Call) -> web.Response:
    """The configuration as an import body, or as a zip for those who accept nothing else."""
    exported = await _exported(call)
    accepted = call.request.headers.get("Accept", "")
    if "application/zip" in accepted and "application/json" not in accepted:
        return _zip(exported)
    return reply(body_of(exported.bundle, exported.app_id))


class _Exported(NamedTuple):
    bundle: Bundle
    app_id: str
    name: str


async def _exported(call: Call) -> _Exported:
    app = app_of(call)
    bundle, model = await call.admin.apps.load(app)
    running = await call.admin.apps.with_added(app, model)
    try:
        return _Exported(export.exported(bundle, model, running), model.id, model.name)
    except SchemaNotWritable as error:
        raise HttpError(400, str(error), AppCode.BadRequest) from None


def _zip(exported: _Exported, *, is_template: bool = False) -> web.Response:
    files = files_of(exported.bundle, exported.app_id)
    if is_template:
        del files["realm_config.json"]["app_id"]
    # Tools take the file's name from here, and fail without one.
    name = f"{exported.name}_{time.strftime('%Y%m%d%H%M%S', time.gmtime())}.zip"
    return web.Response(
        body=zip_of(files),
        content_type="application/zip",
        headers={"Content-Disposition": f"attachment; filename={name}"},
    )


def document_files(document: AppDocument) -> Files:
    """What a document says, as files; nothing where it cannot be read."""
    bundle = document.bundle(Findings())
    return {} if bundle is None else files_of(bundle, document.client_app_id)
