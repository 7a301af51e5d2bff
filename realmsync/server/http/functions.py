"""Functions of the app that its users call.

Arguments and results are extended JSON. SDKs take a result that is an object with a text under
`error` or `error_code` for an error (app-services-http.md 5.2), so functions should not use these
keys at the top. Specification: app-services-http.md section 13.1, app-configuration.md 9.1.
"""

from __future__ import annotations

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server import conversion
from realmsync.server.accounts.app_users import app_user
from realmsync.server.functions.port import (
    FunctionFailed,
    FunctionForbidden,
    FunctionNotCallable,
    FunctionNotFound,
)
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply_text

# Of a request: what documents that functions write may have (../documents/values.py).
MOST_BYTES = 1 << 20


async def call_function(call: Call) -> web.Response:
    """Calls a function as the user; its result is the whole body."""
    name, service = call.body["name"], call.body.get("service")
    if service is not None:
        raise HttpError(404, f"service not found: '{service}'", AppCode.ServiceNotFound)
    with call.services.admission.function(call.principal.user.id):
        return reply_text(await _called(call, name))


async def _called(call: Call, name: str) -> str:
    """The result as extended JSON. Raises HttpError."""
    try:
        arguments = await conversion.decode(call.body.get("arguments", []), "'arguments'")
    except ValueError as error:
        raise HttpError(400, str(error), AppCode.BadRequest) from None
    user = await app_user(call.services.auth.users, call.principal.app, call.principal.user)
    try:
        result = await call.app.functions.call(
            name, arguments, user, call.for_functions, from_client=True
        )
    except FunctionNotFound as error:
        raise HttpError(404, str(error), AppCode.FunctionNotFound) from None
    except FunctionForbidden as error:
        text = str(error) or f"no rule allows this user to call '{name}'"
        raise HttpError(403, text, AppCode.NoMatchingRuleFound) from None
    except (FunctionFailed, FunctionNotCallable) as error:
        raise HttpError(400, str(error), AppCode.FunctionExecutionError) from None
    try:
        return await conversion.dumps(result, "the result")
    except (TypeError, ValueError, RecursionError) as error:
        text = f"the result of '{name}' is nothing that JSON could say: {error}"
        raise HttpError(400, text, AppCode.FunctionExecutionError) from None
