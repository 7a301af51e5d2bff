"""Functions of the app that its users call.

Arguments and results are extended JSON. SDKs take a result that is an object with a text under
`error` or `error_code` for an error (app-services-http.md 5.2), so functions should not use these
keys at the top. Specification: app-services-http.md section 13.1, app-configuration.md 9.1.
"""

from __future__ import annotations

from aiohttp import web

from realmsync import ejson
from realmsync.codes import AppCode
from realmsync.server.accounts.app_users import app_user
from realmsync.server.functions.port import (
    FunctionFailed,
    FunctionForbidden,
    FunctionNotCallable,
    FunctionNotFound,
)
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply_text


async def call_function(call: Call) -> web.Response:
    """Calls a function as the user; its result is the whole body."""
    name, service = call.body["name"], call.body.get("service")
    if service is not None:
        raise HttpError(404, f"service not found: '{service}'", AppCode.ServiceNotFound)
    try:
        arguments = ejson.decode(call.body.get("arguments", []))
    except ValueError as error:
        raise HttpError(400, str(error), AppCode.BadRequest) from None
    user = await app_user(call.services.auth.users, call.principal.app, call.principal.user)
    try:
        result = await call.app.functions.call(
            name, arguments, user, call.for_functions, from_client=True
        )
    except FunctionNotFound:
        raise HttpError(404, f"function not found: '{name}'", AppCode.FunctionNotFound) from None
    except FunctionForbidden as error:
        text = str(error) or f"no rule allows this user to call '{name}'"
        raise HttpError(403, text, AppCode.NoMatchingRuleFound) from None
    except (FunctionFailed, FunctionNotCallable) as error:
        raise HttpError(400, str(error), AppCode.FunctionExecutionError) from None
    try:
        return reply_text(ejson.dumps(result))
    except (TypeError, ValueError, RecursionError):
        text = f"the result of '{name}' is nothing that JSON could say"
        raise HttpError(400, text, AppCode.FunctionExecutionError) from None
