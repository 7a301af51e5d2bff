"""The whole of a configuration as one JSON object: what the admin API imports, and gives out.

It mirrors the folder, so that reading it means laying out its parts as the files that they stand
for; of the layouts of the past, too. Specification: app-configuration.md 10.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from realmsync.apps.bundle import Bundle, ServiceBundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.file_names import file_name
from realmsync.apps.files import Files, root_document
from realmsync.apps.keys import Keys
from realmsync.apps.layout import read
from realmsync.apps.tree import MemoryTree

_BODY = "."  # what findings name when no file stands for the place
_ROOT_KEYS = (
    *("config_version", "app_id", "name", "location", "provider_region", "deployment_model"),
    *("environment", "allowed_request_origins"),
)
_ROOT_KEYS_OF_SERVICES = (*_ROOT_KEYS, "security", "custom_user_data_config", "sync", "hosting")
_ROOTS_OF_SERVICES = {20200603: "config.json", 20180301: "stitch.json"}
_ROOT = "realm_config.json"


def read_body(body: Any, findings: Findings) -> Bundle | None:
    """The configuration in an import body; None when findings say why there is none."""
    if not isinstance(body, dict):
        findings.error("config.bad_value", _BODY, "must be an object")
        return None
    version = body.get("config_version")
    root = _ROOTS_OF_SERVICES.get(version) if isinstance(version, int) else None
    lay_out = _current_files if root is None else _services_files
    files = lay_out(Keys(_BODY, body, findings), root or _ROOT)
    return None if findings.is_refused else read(MemoryTree(files), findings)


def body_of(bundle: Bundle, app_id: str) -> dict[str, Any]:
    """The import body of a configuration, in the form of today."""
    functions = bundle.functions
    ignored: dict[str, list[Any]] = {}
    for kind, source in bundle.ignored:
        ignored.setdefault(kind, []).append(source.content)
    return {
        **root_document(bundle, app_id),
        "environments": {f"{tag}.json": e.content for tag, e in bundle.environments.items()},
        "values": [{**v.content, "name": name} for name, v in bundle.values.items()],
        "auth": {
            "custom_user_data": {}
            if bundle.custom_user_data is None
            else bundle.custom_user_data.content,
            "providers": {name: p.content for name, p in bundle.providers.items()},
        },
        "functions": {
            "config": [{**f.config.content, "name": name} for name, f in functions.items()],
            "sources": {
                f"{name}.js": f.source.content
                for name, f in functions.items()
                if f.source is not None
            },
        },
        "data_sources": [_service_of(name, s) for name, s in bundle.services.items()],
        "sync": {"config": {} if bundle.sync is None else bundle.sync.content},
        "triggers": ignored.get("trigger", []),
        "log_forwarders": ignored.get("log_forwarder", []),
        "services": [{"config": content} for content in ignored.get("service", [])],
    }


def _service_of(name: str, service: ServiceBundle) -> dict[str, Any]:
    rules = []
    for (database, collection), parts in service.collections.items():
        said = {} if parts.rules is None else parts.rules.content
        rule = {**said, "database": database, "collection": collection}
        if parts.schema is not None:
            rule["schema"] = parts.schema.content
        if parts.relationships is not None:
            rule["relationships"] = parts.relationships.content
        rules.append(rule)
    made = {"config": {**service.config.content, "name": name}, "rules": rules}
    if service.default_rule is not None:
        made["default_rule"] = service.default_rule.content
    return made


def _current_files(body: Keys, root: str) -> Files:
    files: Files = {root: {key: body.said(key) for key in _ROOT_KEYS if key in body.content}}
    auth = body.object("auth")
    files["auth/providers.json"] = auth.said("providers")
    files["auth/custom_user_data.json"] = auth.said("custom_user_data")
    files["sync/config.json"] = body.object("sync").said("config")
    for name, service in _named(body, "data_sources", "config"):
        place = f"data_sources/{file_name(name)}"
        files[f"{place}/config.json"] = service.said("config")
        files[f"{place}/default_rule.json"] = service.said("default_rule")
        for database, collection, rule in _rules(service):
            folder = f"{place}/{file_name(database)}/{file_name(collection)}"
            parts = dict(rule)
            files[f"{folder}/schema.json"] = parts.pop("schema", None)
            files[f"{folder}/relationships.json"] = parts.pop("relationships", None)
            files[f"{folder}/rules.json"] = {"roles": [], **parts}
    functions = body.object("functions")
    files["functions/config.json"] = functions.said("config")
    sources = functions.object("sources")
    for name in sources.content:
        path = "/".join(map(file_name, name.split("/")))
        files[f"functions/{path}"] = sources.text(name)
    return files | _common_files(body)


def _services_files(body: Keys, root: str) -> Files:
    files: Files = {
        root: {key: body.said(key) for key in _ROOT_KEYS_OF_SERVICES if key in body.content}
    }
    for name, provider in _named(body, "auth_providers"):
        files[f"auth_providers/{file_name(name)}.json"] = provider.content
    for name, function in _named(body, "functions", "config"):
        place = f"functions/{file_name(name)}"
        files[f"{place}/config.json"] = function.said("config")
        files[f"{place}/source.js"] = function.text("source") or None
    for name, service in _named(body, "services", "config"):
        place = f"services/{file_name(name)}"
        files[f"{place}/config.json"] = service.said("config")
        files[f"{place}/default_rule.json"] = service.said("default_rule")
        for database, collection, rule in _rules(service):
            files[f"{place}/rules/{file_name(database)}.{file_name(collection)}.json"] = rule
    return files | _common_files(body)


def _common_files(body: Keys) -> Files:
    files: Files = {}
    for folder in ("values", "triggers", "log_forwarders"):
        for name, document in _named(body, folder):
            files[f"{folder}/{file_name(name)}.json"] = document.content
    environments = body.object("environments")
    for name in environments.content:
        files[f"environments/{file_name(name)}"] = environments.said(name)
    for key, path in (
        ("graphql", "graphql/config.json"),
        ("hosting", "hosting/config.json"),
        ("data_api_config", "http_endpoints/data_api_config.json"),
        ("endpoints", "http_endpoints/config.json"),
        ("http_endpoints", "http_endpoints/config.json"),
        ("secrets", "secrets.json"),
    ):
        said = body.said(key)
        said = said.get("config", said) if isinstance(said, dict) else said
        if said:
            files[path] = said
    if isinstance(body.said("data_sources"), list):  # elsewhere they hold the collections
        for name, service in _named(body, "services", "config"):
            files[f"services/{file_name(name)}/config.json"] = service.said("config")
    return files


def _named(body: Keys, key: str, within: str = "") -> Iterator[tuple[str, Keys]]:
    """The objects of an array, each with the name that stands in it, or in a part of it."""
    for index, item in enumerate(body.objects(key)):
        part: Any = item.get(within) if within else item
        name = part.get("name") if isinstance(part, dict) else None
        if isinstance(name, str) and name:
            yield name, Keys(body.path, item, body.findings, f"{body.where(key)}[{index}].")
        else:
            body.bad(f"{key}[{index}]", "must have a name")


def _rules(service: Keys) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for index, rule in enumerate(service.objects("rules")):
        database, collection = rule.get("database"), rule.get("collection")
        if isinstance(database, str) and isinstance(collection, str) and database and collection:
            yield database, collection, rule
        else:
            service.bad(f"rules[{index}]", "must have a database and a collection")
