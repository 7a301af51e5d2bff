"""The table of routes: every path of the HTTP API, one row each.

Read a row as a sentence: who (caller) may send what (body) where, who handles it, and what is
answered. To add one, write a handler in the module of its audience and a row here; table.py says
what the columns mean, and `realmsync openapi` prints the table for tools. Specification:
app-services-http.md section 1.
"""

from __future__ import annotations

from typing import Any

from realmsync.codes import AppCode
from realmsync.server.http import api_keys, email_accounts, functions, log_ins, operators, sessions
from realmsync.server.http.bodies import Body, Member
from realmsync.server.http.table import Caller, Refusal, Route

_CLIENT = "/api/client/v2.0"
_APP = f"{_CLIENT}/app/{{app}}"
_USERPASS = f"{_APP}/auth/providers/local-userpass"

_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}


def _object(**members: Any) -> dict[str, Any]:
    """A schema: an object with these members, all of which are there."""
    return {"type": "object", "properties": members, "required": list(members)}


_NO_PROVIDER = Refusal(404, AppCode.AuthProviderNotFound)
_BAD_REQUEST = Refusal(400, AppCode.BadRequest)
_NOBODY = (_NO_PROVIDER, Refusal(404, AppCode.UserNotFound))
_EMAIL = Member("email")
_PASSWORD = Member("password", meaning="6 to 128 characters")
_MAILED_TOKEN = (Member("token"), Member("tokenId"))

_LOG_INS = (
    Route(
        "GET",
        f"{_APP}/location",
        log_ins.location,
        Caller.STRANGER,
        "Where this app is served",
        reply=_object(hostname=_TEXT, ws_hostname=_TEXT, deployment_model=_TEXT, location=_TEXT),
    ),
    Route(
        "POST",
        f"{_APP}/auth/providers/{{provider}}/login",
        log_ins.log_in,
        Caller.STRANGER,
        "Log in with the credentials of a provider, or link them to a user",
        # What else is in it is the provider's.
        body=Body((Member("options", None, required=False, meaning="of the device"),)),
        query={"link": "'true': they become an identity of the user with this access token"},
        reply={
            "anyOf": [
                _object(access_token=_TEXT, refresh_token=_TEXT, user_id=_TEXT, device_id=_TEXT),
                _object(access_token=_TEXT, user_id=_TEXT, device_id=_TEXT),
            ]
        },
        refusals=(
            Refusal(401, AppCode.InvalidPassword),
            Refusal(401, AppCode.AuthError),
            Refusal(401, AppCode.UserDisabled),
            _NO_PROVIDER,
            Refusal(409, AppCode.AccountNameInUse),
        ),
    ),
)

_EMAIL_ACCOUNTS = (
    Route(
        "POST",
        f"{_USERPASS}/register",
        email_accounts.register,
        Caller.STRANGER,
        "Make an account",
        body=Body((_EMAIL, _PASSWORD)),
        status=201,
        reply=_OBJECT,
        refusals=(_BAD_REQUEST, _NO_PROVIDER, Refusal(409, AppCode.AccountNameInUse)),
    ),
    Route(
        "POST",
        f"{_USERPASS}/confirm",
        email_accounts.confirm,
        Caller.STRANGER,
        "Confirm an account with the token from a mail",
        body=Body(_MAILED_TOKEN),
        reply=_OBJECT,
        refusals=(_BAD_REQUEST, _NO_PROVIDER),
    ),
    Route(
        "POST",
        f"{_USERPASS}/confirm/send",
        email_accounts.send_confirmation,
        Caller.STRANGER,
        "Send the mail for confirmation once more",
        body=Body((_EMAIL,)),
        reply=_OBJECT,
        refusals=(Refusal(400, AppCode.UserAlreadyConfirmed), _BAD_REQUEST, *_NOBODY),
    ),
    Route(
        "POST",
        f"{_USERPASS}/confirm/call",
        email_accounts.call_confirmation,
        Caller.STRANGER,
        "Run the confirmation function once more",
        body=Body((_EMAIL,)),
        reply=_OBJECT,
        refusals=(_BAD_REQUEST, Refusal(400, AppCode.UserAlreadyConfirmed), *_NOBODY),
    ),
    Route(
        "POST",
        f"{_USERPASS}/reset",
        email_accounts.reset,
        Caller.STRANGER,
        "Set a new password with the token from a mail",
        body=Body((*_MAILED_TOKEN, _PASSWORD)),
        reply=_OBJECT,
        refusals=(_BAD_REQUEST, _NO_PROVIDER),
    ),
    Route(
        "POST",
        f"{_USERPASS}/reset/send",
        email_accounts.send_reset,
        Caller.STRANGER,
        "Send a mail for setting a new password",
        body=Body((_EMAIL,)),
        reply=_OBJECT,
        refusals=(_BAD_REQUEST, *_NOBODY),
    ),
    Route(
        "POST",
        f"{_USERPASS}/reset/call",
        email_accounts.call_reset,
        Caller.STRANGER,
        "Ask the reset function for a new password",
        body=Body((_EMAIL, _PASSWORD, Member("arguments", "array", required=False))),
        reply=_OBJECT,
        refusals=(_BAD_REQUEST, *_NOBODY),
    ),
)

_KEYS = f"{_CLIENT}/auth/api_keys"
_KEY = {
    "type": "object",
    "properties": {"_id": _TEXT, "name": _TEXT, "disabled": {"type": "boolean"}, "key": _TEXT},
    "required": ["_id", "name", "disabled"],
}
_NO_KEY = (_NO_PROVIDER, Refusal(404, AppCode.APIKeyNotFound))

_API_KEYS = (
    Route(
        "POST",
        _KEYS,
        api_keys.create_key,
        Caller.REFRESH_TOKEN,
        "Make an API key; the reply alone has its text",
        body=Body((Member("name"),)),
        status=201,
        reply=_KEY,
        refusals=(_BAD_REQUEST, _NO_PROVIDER),
    ),
    Route(
        "GET",
        _KEYS,
        api_keys.list_keys,
        Caller.REFRESH_TOKEN,
        "The API keys of the user",
        reply={"type": "array", "items": _KEY},
        refusals=(_NO_PROVIDER,),
    ),
    Route(
        "GET",
        f"{_KEYS}/{{key}}",
        api_keys.fetch_key,
        Caller.REFRESH_TOKEN,
        "One API key of the user",
        reply=_KEY,
        refusals=_NO_KEY,
    ),
    Route(
        "DELETE",
        f"{_KEYS}/{{key}}",
        api_keys.delete_key,
        Caller.REFRESH_TOKEN,
        "Delete an API key, but not the one of this log-in",
        status=204,
        refusals=(*_NO_KEY, Refusal(403, AppCode.BadRequest)),
    ),
    Route(
        "PUT",
        f"{_KEYS}/{{key}}/enable",
        api_keys.enable_key,
        Caller.REFRESH_TOKEN,
        "Make an API key good again",
        status=204,
        refusals=_NO_KEY,
    ),
    Route(
        "PUT",
        f"{_KEYS}/{{key}}/disable",
        api_keys.disable_key,
        Caller.REFRESH_TOKEN,
        "Make an API key useless, and end its log-ins",
        status=204,
        refusals=_NO_KEY,
    ),
)

_SESSIONS = (
    Route(
        "GET",
        f"{_CLIENT}/auth/profile",
        sessions.profile,
        Caller.ACCESS_TOKEN,
        "Identities and data of the user",
        reply=_object(
            user_id=_TEXT,
            type=_TEXT,
            identities={"type": "array", "items": _object(id=_TEXT, provider_type=_TEXT)},
            data=_OBJECT,
        ),
    ),
    Route(
        "POST",
        f"{_CLIENT}/auth/session",
        sessions.refresh,
        Caller.REFRESH_TOKEN,
        "A new access token",
        status=201,
        reply=_object(access_token=_TEXT),
    ),
    Route(
        "DELETE",
        f"{_CLIENT}/auth/session",
        sessions.log_out,
        Caller.REFRESH_TOKEN,
        "Log out",
        status=204,
    ),
    Route(
        "DELETE",
        f"{_CLIENT}/auth/delete",
        sessions.delete_user,
        Caller.ACCESS_TOKEN,
        "Delete the user",
        status=204,
    ),
)

_FUNCTIONS = (
    Route(
        "POST",
        f"{_APP}/functions/call",
        functions.call_function,
        Caller.ACCESS_TOKEN,
        "Call a function of the app; arguments and result are extended JSON",
        body=Body(
            (
                Member("name"),
                Member("arguments", "array", required=False),
                Member("service", None, required=False, meaning="there are none"),
            ),
            most_bytes=functions.MOST_BYTES,
        ),
        reply={},
        refusals=(
            Refusal(400, AppCode.FunctionExecutionError),
            Refusal(403, AppCode.NoMatchingRuleFound),
            Refusal(404, AppCode.FunctionNotFound),
            Refusal(404, AppCode.ServiceNotFound),
        ),
    ),
)

_OPERATORS = (
    Route(
        "GET",
        "/health",
        operators.health,
        Caller.STRANGER,
        "Whether the server serves",
        reply=_object(status=_TEXT),
        is_counted=False,
    ),
    Route(
        "GET",
        "/status",
        operators.server_status,
        Caller.OPERATOR,
        "Figures of the server",
        reply=_object(version=_TEXT, status=_TEXT),
    ),
    Route(
        "GET",
        "/api/openapi.json",
        operators.openapi,
        Caller.OPERATOR,
        "This description",
        reply=_object(openapi=_TEXT, paths=_OBJECT),
    ),
)

ROUTES = (*_LOG_INS, *_EMAIL_ACCOUNTS, *_API_KEYS, *_SESSIONS, *_FUNCTIONS, *_OPERATORS)
