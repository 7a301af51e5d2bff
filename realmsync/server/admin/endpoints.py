"""The rows of the admin API, for ../http/table.py: one for each call that tools and tests make.

Specification: app-configuration.md 10.2, node-sdk-surface.md section 23.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from realmsync.codes import AppCode
from realmsync.server.admin import accounts, configuration, operations, sessions, whole
from realmsync.server.http.bodies import Body, Member
from realmsync.server.http.table import Caller, Handler, Refusal, Route

_API = "/api/admin/v3.0"
_PRIVATE = "/api/private/v1.0"
_APPS = f"{_API}/groups/{{group}}/apps"
_APP = f"{_APPS}/{{id}}"
_SERVICE = f"{_APP}/services/{{entry}}"
_OBJECT: dict[str, Any] = {"type": "object"}
_LIST: dict[str, Any] = {"type": "array", "items": {}}
# Of imports: the largest public app takes a tenth of it. Reading it takes 40 ms.
_MOST_BYTES = 4 << 20
_ANY = Body()
_NAME = Member("name")
# What any row with an app may say: there is none, or it has a folder; a change has errors.
_OF_APPS = (Refusal(404, AppCode.BadRequest), Refusal(403, AppCode.BadRequest))
_OF_CHANGES = (Refusal(400, AppCode.InvalidParameter), Refusal(409, AppCode.BadRequest))


def _row(
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    *,
    body: Body | None = None,
    status: int = 200,
    reply: dict[str, Any] | None = None,
    reply_type: str = "application/json",
    also: Mapping[int, dict[str, Any]] | None = None,
    query: Mapping[str, str] | None = None,
    caller: Caller = Caller.ADMIN,
) -> Route:
    refusals: tuple[Refusal, ...] = _OF_APPS if "{id}" in path else ()
    if method != "GET":
        refusals += _OF_CHANGES
    if caller is Caller.STRANGER:  # who shows a password, or a token for a new one
        refusals += (Refusal(401, AppCode.InvalidPassword), Refusal(401, AppCode.InvalidSession))
    if reply is None and status != 204:
        reply = _OBJECT
    return Route(
        method,
        path,
        handler,
        caller,
        summary,
        status,
        reply,
        reply_type,
        also or {},
        body,
        query or {},
        refusals,
        is_for_admins=True,
    )


def _part(part: str, what: str, body: Body, *, updates: str = "PUT") -> Iterator[Route]:
    """The rows of a list of the configuration."""
    path = f"{_APP}/{part}"
    entry = f"{path}/{{entry}}"
    handlers = configuration
    yield _row("GET", path, handlers.list_part(part), f"All {what}s", reply=_LIST)
    yield _row("POST", path, handlers.create_entry(part), f"A new {what}", body=body, status=201)
    yield _row("GET", entry, handlers.get_entry(part), f"One {what}")
    yield _row(
        updates, entry, handlers.change_entry(part), f"Change a {what}", body=_ANY, status=204
    )
    yield _row("DELETE", entry, handlers.delete_entry(part), f"Delete a {what}", status=204)


def _log_ins() -> Iterator[Route]:
    stranger = Caller.STRANGER
    for provider in ("local-userpass", "mongodb-cloud"):
        yield _row(
            "POST",
            f"{_API}/auth/providers/{provider}/login",
            sessions.log_in,
            "Log in as the admin",
            body=Body((Member("username"),)),
            caller=stranger,
        )
    yield _row(
        "POST",
        f"{_API}/auth/session",
        sessions.refresh,
        "A new access token",
        status=201,
        caller=stranger,
    )
    yield _row(
        "DELETE", f"{_API}/auth/session", sessions.log_out, "Log out", status=204, caller=stranger
    )
    yield _row("GET", f"{_API}/auth/profile", sessions.profile, "Who the admin is")
    yield _row("GET", f"{_PRIVATE}/version", sessions.version, "The version", caller=stranger)


def _apps() -> Iterator[Route]:
    of = configuration
    flag = Body((Member("development_mode_enabled", "boolean"),))
    yield _row("GET", _APPS, of.list_apps, "All apps", reply=_LIST)
    made = Body((_NAME, Member("data_source", "object", required=False)))
    yield _row("POST", _APPS, of.create_app, "A new app", body=made, status=201)
    yield _row("GET", _APP, of.get_app, "One app")
    yield _row("DELETE", _APP, of.delete_app, "Delete an app", status=204)
    environment = Body((Member("environment"),))
    yield _row(
        "PUT", f"{_APP}/environment", of.set_environment, "Choose", body=environment, status=204
    )
    origins = f"{_APP}/security/allowed_request_origins"
    yield _row("POST", origins, of.set_origins, "Web sites", body=Body(is_array=True), status=204)
    custom = f"{_APP}/custom_user_data"
    yield _row("GET", custom, of.get_custom_user_data, "Where custom user data is")
    yield _row(
        "PATCH", custom, of.set_custom_user_data, "Where custom user data is", body=_ANY, status=204
    )
    yield _row("PUT", f"{_APP}/sync/config", of.set_sync, "Development mode", body=flag, status=204)


def _configuration() -> Iterator[Route]:
    of = configuration
    named = Body((_NAME,))
    yield from _part("services", "service", Body((_NAME, Member("type"))), updates="PATCH")
    yield _row("GET", f"{_SERVICE}/config", of.get_service_config, "A service's configuration")
    yield _row(
        "PATCH",
        f"{_SERVICE}/config",
        of.change_service_config,
        "Change a service's configuration",
        body=_ANY,
        status=204,
    )
    rule, roles = f"{_SERVICE}/default_rule", Body((Member("roles", "array"),))
    yield _row("GET", rule, of.get_default_rule, "The default roles")
    yield _row("POST", rule, of.create_default_rule, "Default roles", body=roles, status=201)
    yield _row("PUT", rule, of.replace_default_rule, "Default roles", body=roles, status=204)
    yield _row("DELETE", rule, of.delete_default_rule, "No default roles", status=204)
    rules = f"{_SERVICE}/rules"
    yield _row("GET", rules, of.list_rules, "The roles of collections", reply=_LIST)
    yield _row("POST", rules, of.create_rule, "Roles of a collection", body=_ANY, status=201)
    one = f"{rules}/{{rule}}"
    yield _row("GET", one, of.get_rule, "Roles of a collection")
    yield _row("PUT", one, of.replace_rule, "Roles of a collection", body=_ANY, status=204)
    yield _row("DELETE", one, of.delete_rule, "No roles of its own", status=204)
    yield from _part("schemas", "schema", Body((Member("metadata", "object"),)))
    yield from _part("functions", "function", named)
    yield from _part("auth_providers", "provider", Body((Member("type"),)), updates="PATCH")
    provider = f"{_APP}/auth_providers/{{entry}}"
    for word, disabled in (("enable", False), ("disable", True)):
        handler = of.switch_provider(disabled)
        yield _row("PUT", f"{provider}/{word}", handler, f"{word.title()} a provider", status=204)
    yield from _part("secrets", "secret", Body((_NAME, Member("value"))))
    yield from _part("values", "value", named)
    yield from _part("environment_values", "value of environments", named)


def _whole() -> Iterator[Route]:
    body = Body(most_bytes=_MOST_BYTES)
    summary = "Replace the whole configuration"
    diff = {"strategy": "replace-by-name, and nothing else", "diff": "true: tell what would change"}
    yield _row(
        "POST",
        f"{_APP}/import",
        whole.import_app,
        summary,
        body=body,
        status=204,
        also={200: _LIST},
        query=diff,
    )
    yield _row("PATCH", f"{_APP}/push", whole.import_app, summary, body=body, status=204)
    versions = {"version": "20210101, and nothing else", "template": "true: without the app's id"}
    summary = "The whole configuration, as files"
    yield _row(
        "GET",
        f"{_APP}/export",
        whole.export_app,
        summary,
        reply={"type": "string", "format": "binary"},
        reply_type="application/zip",
        query=versions,
    )
    yield _row("GET", f"{_APP}/pull", whole.pull_app, "The whole configuration")


def _operations() -> Iterator[Route]:
    of = operations
    sync = f"{_APP}/sync"
    reset = Body((Member("file_ident", None),))
    yield _row(
        "PUT", f"{sync}/force_reset", of.force_reset, "Reset a client", body=reset, status=204
    )
    yield _row("GET", f"{sync}/state", of.sync_state, "Whether clients are served")
    yield _row("GET", f"{sync}/progress", of.sync_progress, "What there is to wait for")
    yield _row("GET", f"{sync}/data", of.sync_data, "The partition key")
    versions = of.answer({"versions": [{"version_major": 0}]})
    yield _row("GET", f"{sync}/schemas/versions", versions, "Versions of the schema")
    yield _row("GET", f"{sync}/migration", of.migration, "No app is on its way")
    yield _row("PUT", f"{sync}/migration", of.migrate, "Refused", body=_ANY, status=204)
    drafts, draft = f"{_APP}/drafts", f"{_APP}/drafts/{{draft}}"
    yield _row("POST", drafts, of.open_draft, "Let changes gather", status=201)
    yield _row("GET", drafts, of.list_drafts, "The draft", reply=_LIST)
    yield _row("DELETE", draft, of.delete_draft, "Forget a draft", status=204)
    yield _row("GET", f"{draft}/diff", of.diff_draft, "What a draft changes")
    yield _row("POST", f"{draft}/deployment", of.deploy_draft, "Deploy a draft", status=201)
    deployments = f"{_APP}/deployments"
    one = f"{deployments}/{{deployment}}"
    yield _row("GET", deployments, of.list_deployments, "The deployments", reply=_LIST)
    yield _row("GET", one, of.get_deployment, "One deployment")
    yield _row("POST", f"{one}/redeploy", of.redeploy, "Begin anew", status=201)
    for path, body, schema in (
        ("dependencies", {"dependencies_list": []}, _OBJECT),
        ("dependencies/status", {"status": "successful"}, _OBJECT),
        ("hosting/assets", [], _LIST),
        ("triggers", [], _LIST),
        ("endpoints", [], _LIST),
    ):
        yield _row("GET", f"{_APP}/{path}", of.answer(body), f"No {path}", reply=schema)
    deploy = f"{_APP}/deploy/config"
    yield _row("GET", deploy, of.deployment_settings, "How changes are deployed")
    yield _row(
        "PATCH", deploy, of.set_deployment, "How changes are deployed", body=_ANY, status=204
    )
    errors = {"errors_only": "true: what was refused"}
    yield _row("GET", f"{_APP}/logs", of.logs, "What clients have asked", query=errors)
    private = f"{_PRIVATE}/groups/{{group}}/apps/{{id}}"
    yield _row("GET", f"{private}/features", of.answer({"enabled": []}), "No features")
    yield _row("GET", f"{private}/settings", of.answer({}), "No settings")
    taken = of.take_settings
    yield _row("POST", f"{private}/features", taken, "No features", body=_ANY, status=204)
    yield _row("PATCH", f"{private}/settings", taken, "No settings", body=_ANY, status=204)


def _users() -> Iterator[Route]:
    of = accounts
    users, user = f"{_APP}/users", f"{_APP}/users/{{user}}"
    account = Body((Member("email"), Member("password")))
    choice = {
        "after": "the id of the last user of the page before",
        "status": "enabled or disabled",
        "provider_types": "with commas between: who can log in with one of them",
        "desc": "true: newest first",
        "sort": "creation_date, and nothing else",
    }
    yield _row("GET", users, of.list_users, "Users, 50 at a time", reply=_LIST, query=choice)
    yield _row("POST", users, of.create_user, "A new user", body=account, status=201)
    yield _row("GET", user, of.get_user, "One user")
    yield _row("DELETE", user, of.delete_user, "Delete a user", status=204)
    yield _row("PUT", f"{user}/logout", of.log_out_user, "End a user's log-ins", status=204)
    yield _row("PUT", f"{user}/disable", of.switch_user(True), "Lock a user out", status=204)
    yield _row("PUT", f"{user}/enable", of.switch_user(False), "Let a user in", status=204)
    yield _row("GET", f"{user}/devices", of.list_devices, "No devices", reply=_LIST)
    token = Body((Member("token"),))
    verify = f"{users}/verify_token"
    yield _row("POST", verify, of.verify_token, "What a token says", body=token, reply={})


def _accounts() -> Iterator[Route]:
    of = accounts
    waiting = f"{_APP}/user_registrations"
    after = {"after": "the name of the last account of the page before"}
    listed = f"{waiting}/pending_users"
    yield _row("GET", listed, of.list_pending, "Who waits", reply=_LIST, query=after)
    one = f"{waiting}/by_email/{{email}}"
    yield _row("DELETE", one, of.delete_account, "Forget an account that waits", status=204)
    for word, handler in (
        ("confirm", of.confirm_account),
        ("send_confirm", of.send_confirmation),
        ("run_confirm", of.run_confirmation),
    ):
        yield _row("POST", f"{one}/{word}", handler, "Confirm an account", status=204)
    keys = f"{_APP}/api_keys"
    yield _row("GET", keys, of.list_keys, "Keys of servers", reply=_LIST)
    yield _row("POST", keys, of.create_key, "A key", body=Body((_NAME,)), status=201)
    key = f"{keys}/{{entry}}"
    yield _row("GET", key, of.get_key, "One key, without its text")
    yield _row("PUT", f"{key}/enable", of.switch_key(False), "A key is good again", status=204)
    yield _row("PUT", f"{key}/disable", of.switch_key(True), "A key is useless", status=204)
    yield _row("DELETE", key, of.delete_key, "Delete a key", status=204)


ADMIN_ROUTES = (
    *_log_ins(),
    *_apps(),
    *_configuration(),
    *_whole(),
    *_operations(),
    *_users(),
    *_accounts(),
)
