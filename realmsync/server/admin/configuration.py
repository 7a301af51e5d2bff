"""Handlers of the admin API: apps and the parts of their configuration.

Specification: app-configuration.md 10.2, node-sdk-surface.md 23.2 to 23.5.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from realmsync.codes import AppCode
from realmsync.server.admin.access import GROUP
from realmsync.server.admin.apps import AdminApp
from realmsync.server.admin.document import AppDocument, new_id
from realmsync.server.http.call import Call
from realmsync.server.http.replies import HttpError, reply, reply_nothing
from realmsync.transport.websocket import monotonic_ms

Handler = Callable[[Call], Awaitable[web.Response]]

# What a list shows of an entry, and the reply to a new one; of secrets never their content.
_SHOWN = {
    "services": ("_id", "name", "type", "version", "last_modified"),
    "functions": ("_id", "name", "last_modified"),
    "auth_providers": ("_id", "name", "type", "disabled"),
    "secrets": ("_id", "name"),
    "values": ("_id", "name", "value", "from_secret", "private"),
    "environment_values": ("_id", "name", "values"),
    "schemas": ("_id", "metadata"),
}


def _shown(part: str, entry: Mapping[str, Any], whole: bool = False) -> dict[str, Any]:
    if whole and part != "secrets":
        return {k: v for k, v in entry.items() if k not in ("secret_config", "default_rule")}
    return {key: entry[key] for key in _SHOWN[part] if key in entry}


def app_of(call: Call) -> AdminApp:
    """The app of the path."""
    return call.admin.apps.get(call.parameters["id"])


def _summary(app: AdminApp) -> dict[str, Any]:
    content = app.stored.document.content if app.stored is not None else {}
    model = app.running.model
    return {
        "_id": app.id,
        "client_app_id": model.id,
        "name": model.name,
        "location": model.location,
        "provider_region": model.provider_region,
        "deployment_model": model.deployment_model,
        "environment": model.environment,
        "domain_id": app.id,
        "group_id": GROUP,
        "last_used": 0,
        "last_modified": content.get("last_modified", 0),
        "product": "standard",
    }


async def list_apps(call: Call) -> web.Response:
    """Tools ask for four products and join the answers; all apps are of one."""
    if call.request.query.get("product", "standard") != "standard":
        return reply([])
    return reply([_summary(app) for app in call.admin.apps.all()])


async def create_app(call: Call) -> web.Response:
    """An app that has a name, and nothing else yet."""
    return reply(_summary(await call.admin.apps.create(call.body)), 201)


async def get_app(call: Call) -> web.Response:
    """One app."""
    return reply(_summary(app_of(call)))


async def delete_app(call: Call) -> web.Response:
    """Its configuration is deleted; data stays on disk."""
    await call.admin.apps.delete(app_of(call), monotonic_ms())
    return reply_nothing()


async def _change(call: Call, edit: Callable[[AppDocument], Any]) -> Any:
    return await call.admin.apps.change(app_of(call), edit)


async def set_environment(call: Call) -> web.Response:
    """Which environment's values count."""
    await _change(call, lambda d: d.content.update(environment=call.body["environment"]))
    return reply_nothing()


async def set_origins(call: Call) -> web.Response:
    """The web sites that may call."""
    await _change(call, lambda d: d.content.update(allowed_request_origins=call.items))
    return reply_nothing()


async def set_sync(call: Call) -> web.Response:
    """Whether clients may add to the schema."""
    is_on = call.body["development_mode_enabled"]
    await _change(call, lambda d: d.content.update(development_mode=is_on))
    return reply_nothing()


async def get_custom_user_data(call: Call) -> web.Response:
    """Where custom user data is."""
    return reply(app_of(call).document.content.get("custom_user_data", {}))


async def set_custom_user_data(call: Call) -> web.Response:
    """Where custom user data is; services and functions are named by their ids."""

    def edit(document: AppDocument) -> None:
        said = dict(call.body)
        service, function = (
            said.pop("mongo_service_id", None),
            said.pop("on_user_creation_function_id", None),
        )
        if service:
            said["mongo_service_name"] = document.find("services", service)["name"]
        if function:
            name = document.find("functions", function)["name"]
            said["on_user_creation_function_name"] = name
        document.content.setdefault("custom_user_data", {}).update(said)

    await _change(call, edit)
    return reply_nothing()


# parts with lists of entries


def list_part(part: str) -> Handler:
    """The entries of a part."""

    async def handler(call: Call) -> web.Response:
        return reply([_shown(part, entry) for entry in app_of(call).document.all(part)])

    return handler


def create_entry(part: str) -> Handler:
    """A new entry."""

    async def handler(call: Call) -> web.Response:
        def edit(document: AppDocument) -> dict[str, Any]:
            if part == "auth_providers":
                return _add_provider(document, call.body)
            if part == "services":
                return document.add_service(call.body)
            return document.add(part, call.body)

        return reply(_shown(part, await _change(call, edit)), 201)

    return handler


def _add_provider(document: AppDocument, given: Mapping[str, Any]) -> dict[str, Any]:
    """One of a type that is there is changed, as tools post what they want to have."""
    entry = {"name": given["type"], "disabled": False, **_with_functions(document, given)}
    for other in document.all("auth_providers"):
        if other["type"] == given["type"]:
            other.update(entry)
            return other
    return document.add("auth_providers", entry)


def _with_functions(document: AppDocument, given: Mapping[str, Any]) -> dict[str, Any]:
    """A provider whose functions are named by their ids gets their names, too."""
    config = dict(given.get("config") or {})
    for key, value in [*config.items()]:
        name = key.removesuffix("Id") + "Name"
        if key.endswith("FunctionId") and value and not config.get(name):
            config[name] = document.find("functions", value)["name"]
    return {**given, "config": config} if config else dict(given)


def get_entry(part: str) -> Handler:
    """One entry."""

    async def handler(call: Call) -> web.Response:
        entry = app_of(call).document.find(part, call.parameters["entry"])
        return reply(_shown(part, entry, whole=True))

    return handler


def change_entry(part: str) -> Handler:
    """What is given replaces what an entry has."""

    async def handler(call: Call) -> web.Response:
        def edit(document: AppDocument) -> None:
            given = _with_functions(document, call.body) if part == "auth_providers" else call.body
            document.replace(part, call.parameters["entry"], given)

        await _change(call, edit)
        return reply_nothing()

    return handler


def delete_entry(part: str) -> Handler:
    """An entry is deleted."""

    async def handler(call: Call) -> web.Response:
        await _change(call, lambda d: d.remove(part, call.parameters["entry"]))
        return reply_nothing()

    return handler


def switch_provider(disabled: bool) -> Handler:
    """A way to log in is switched on or off."""

    async def handler(call: Call) -> web.Response:
        given = {"disabled": disabled}
        await _change(call, lambda d: d.replace("auth_providers", call.parameters["entry"], given))
        return reply_nothing()

    return handler


# services


async def get_service_config(call: Call) -> web.Response:
    """A service's configuration, that of sync in it."""
    config = app_of(call).document.find("services", call.parameters["entry"]).get("config") or {}
    flexible = config.get("flexible_sync")
    if isinstance(flexible, dict):
        defaults = {
            "state": "",
            "database_name": "",
            "permissions": {},
            "queryable_fields_names": [],
            "is_recovery_mode_disabled": False,
        }
        config = {**config, "flexible_sync": {**defaults, **flexible}}
    return reply(config)


async def change_service_config(call: Call) -> web.Response:
    """The keys that are given replace those of a service; a new kind of sync ends the other."""

    def edit(document: AppDocument) -> None:
        service = document.find("services", call.parameters["entry"])
        config = dict(service.get("config") or {})
        for kind, other in (("sync", "flexible_sync"), ("flexible_sync", "sync")):
            if call.body.get(kind):
                config.pop(other, None)
        service["config"] = {**config, **call.body}
        service["version"] = service.get("version", 0) + 1
        service["last_modified"] = int(time.time())

    await _change(call, edit)
    return reply_nothing()


async def get_default_rule(call: Call) -> web.Response:
    """The default roles of a service."""
    rule = app_of(call).document.find("services", call.parameters["entry"]).get("default_rule")
    if not rule or rule.get("is_assumed"):
        raise HttpError(404, "there is no default rule", AppCode.RuleNotFound)
    return reply({"filters": [], **rule})


async def create_default_rule(call: Call) -> web.Response:
    """The default roles of a service, which has none but those that were assumed."""

    def edit(document: AppDocument) -> dict[str, Any]:
        service = document.find("services", call.parameters["entry"])
        rule = service.get("default_rule")
        if rule and not rule.get("is_assumed"):
            raise HttpError(400, "there is a default rule already", AppCode.RuleAlreadyExists)
        service["default_rule"] = {**call.body, "_id": new_id()}
        return dict(service["default_rule"])

    return reply(await _change(call, edit), 201)


async def replace_default_rule(call: Call) -> web.Response:
    """The default roles of a service."""

    def edit(document: AppDocument) -> None:
        service = document.find("services", call.parameters["entry"])
        rule = service.get("default_rule")
        if not rule or rule["_id"] != call.body.get("_id"):
            raise HttpError(404, "there is no default rule with this _id", AppCode.RuleNotFound)
        service["default_rule"] = dict(call.body)

    await _change(call, edit)
    return reply_nothing()


async def delete_default_rule(call: Call) -> web.Response:
    """A service without default roles: who has no other role may do nothing."""

    def edit(document: AppDocument) -> None:
        if document.find("services", call.parameters["entry"]).pop("default_rule", None) is None:
            raise HttpError(404, "there is no default rule", AppCode.RuleNotFound)

    await _change(call, edit)
    return reply_nothing()


async def list_rules(call: Call) -> web.Response:
    """The rules of a service's collections."""
    return reply(app_of(call).document.find("services", call.parameters["entry"]).get("rules", []))


async def create_rule(call: Call) -> web.Response:
    """The roles of one collection."""

    def edit(document: AppDocument) -> dict[str, Any]:
        service = document.find("services", call.parameters["entry"])
        rule = {**call.body, "_id": new_id()}
        if "database" not in rule:  # of a service that is no MongoDB: kept, and of no use
            rule.setdefault("name", "")
        service.setdefault("rules", []).append(rule)
        return rule

    return reply(await _change(call, edit), 201)


async def get_rule(call: Call) -> web.Response:
    """The roles of one collection."""
    return reply(_rule_of(app_of(call).document, call)[1])


async def replace_rule(call: Call) -> web.Response:
    """The roles of one collection."""

    def edit(document: AppDocument) -> None:
        rules, rule = _rule_of(document, call)
        rules[rules.index(rule)] = {**call.body, "_id": rule["_id"]}

    await _change(call, edit)
    return reply_nothing()


async def delete_rule(call: Call) -> web.Response:
    """A collection without roles of its own: the default ones count."""

    def edit(document: AppDocument) -> None:
        rules, rule = _rule_of(document, call)
        rules.remove(rule)

    await _change(call, edit)
    return reply_nothing()


def _rule_of(document: AppDocument, call: Call) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rules = document.find("services", call.parameters["entry"]).get("rules", [])
    for rule in rules:
        if rule["_id"] == call.parameters["rule"]:
            return rules, rule
    raise HttpError(404, "there is no such rule", AppCode.RuleNotFound)
