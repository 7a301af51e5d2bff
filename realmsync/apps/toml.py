"""realmsync.toml: the configuration of an application in one readable file, for who starts fresh.

It becomes the same documents as an exported folder has, and so obeys the same rules; only its
functions are Python's. A key that is not known is an error: whoever mistypes a permission must
learn of it. An example is in examples/app/realmsync.toml. Specification of what the keys mean:
app-configuration.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from realmsync.apps import schema_writing
from realmsync.apps.bundle import Bundle, CollectionBundle, FunctionBundle, ServiceBundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.json_text import MOST_LEVELS, BadText, read_text
from realmsync.apps.keys import Keys
from realmsync.apps.model import Class, ClassKind
from realmsync.apps.schema_writing import SchemaNotWritable
from realmsync.apps.toml_classes import Names, read_class

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME = "realmsync.toml"
MOST_BYTES = 1024 * 1024
_SERVICE = "realmsync"
_KEYS = {
    *("name", "app_id", "environment", "location", "allowed_request_origins", "sync", "providers"),
    *("custom_user_data", "classes", "embedded", "roles", "functions", "values", "secret_values"),
    "environment_values",
}
_ROOT_KEYS = ("name", "app_id", "environment", "location", "allowed_request_origins")
# What they are called in the documents.
_SYNC_KEYS = {
    "mode": "type",
    "state": "state",
    "development_mode": "development_mode_enabled",
    "max_offline_days": "client_max_offline_days",
    "queryable": "queryable_fields_names",
    "indexed": "indexed_queryable_fields_names",
    "partition": "partition",
}
_CLASS_KEYS = {"properties", "roles", "queryable", "asymmetric"}
_ROLE_KEYS = {
    *("name", "apply_when", "document_filters", "read", "write", "insert", "delete", "fields"),
    "additional_fields",
}
_PROVIDER_KEYS = {"disabled", "config", "secret_config", "metadata_fields"}
_USER_DATA_KEYS = {"collection", "user_id_field", "on_user_creation"}
_FUNCTION_KEYS = {"call", "private", "run_as_system", "can_evaluate"}


def read_toml(data: bytes, findings: Findings, path: str = FILE_NAME) -> Bundle | None:
    """The configuration in a file's bytes; None when findings say why there is none."""
    try:
        content = _parse(data)
    except BadText as error:
        findings.error("config.bad_toml", path, str(error))
        return None
    keys = Keys(path, content, findings)
    _check_keys(keys, _KEYS)
    bundle = Bundle(Source(path, {k: content[k] for k in _ROOT_KEYS if k in content}))
    database = keys.text("name") or keys.text("app_id") or "app"
    service = ServiceBundle(Source(path, {"name": _SERVICE, "type": "mongodb-atlas", "config": {}}))
    bundle.services[_SERVICE] = service
    _read_providers(keys, bundle)
    _read_custom_user_data(keys, bundle, database)
    _read_values(keys, bundle)
    _read_functions(keys, bundle)
    _read_classes(keys, service, database)
    if "roles" in content:
        service.default_rule = Source(path, {"roles": [*_roles(keys)]})
    bundle.sync = Source(path, _sync(keys, database))
    return None if findings.is_refused else bundle


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_BYTES:
        raise BadText(f"larger than {MOST_BYTES // 1024 // 1024} MiB")
    try:
        content = tomllib.loads(read_text(data))
    except tomllib.TOMLDecodeError as error:
        raise BadText(str(error)) from None
    except (ValueError, RecursionError) as error:  # a number of too many digits, too many levels
        raise BadText(f"cannot be read: {error}") from None
    _check_values(content)
    return content


def _check_values(content: dict[str, Any]) -> None:
    """Refuses what JSON could not say: everything behind reads JSON."""
    waiting: list[tuple[Any, int]] = [(content, 1)]
    while waiting:
        value, level = waiting.pop()
        if level > MOST_LEVELS:
            raise BadText(f"nested over {MOST_LEVELS} levels")
        if isinstance(value, (dict, list)):
            inner = value.values() if isinstance(value, dict) else value
            waiting += ((item, level + 1) for item in inner)
        elif isinstance(value, float) and not math.isfinite(value):
            raise BadText("inf and nan are no values here")
        elif not isinstance(value, (str, int, float)):
            raise BadText(f"{value} has a type that is no value here: write it as text")


def _check_keys(keys: Keys, known: set[str]) -> None:
    for key in keys.content:
        if key not in known:
            keys.bad(key, f"is no key here: those are {', '.join(sorted(known))}")


def _tables(keys: Keys, key: str) -> Iterator[tuple[str, Keys]]:
    """The tables within a table, by name."""
    of_names = keys.object(key)
    for name in of_names.content:
        yield name, of_names.object(name)


def _read_providers(keys: Keys, bundle: Bundle) -> None:
    for name, provider in _tables(keys, "providers"):
        _check_keys(provider, _PROVIDER_KEYS)
        content = {**provider.content, "name": name, "type": name}
        bundle.providers[name] = Source(keys.path, content)


def _read_custom_user_data(keys: Keys, bundle: Bundle, database: str) -> None:
    said = keys.object("custom_user_data")
    if said.content:
        _check_keys(said, _USER_DATA_KEYS)
        content = {
            "enabled": True,
            "mongo_service_name": _SERVICE,
            "database_name": database,
            "collection_name": said.said("collection"),
            "user_id_field": said.said("user_id_field"),
            "on_user_creation_function_name": said.said("on_user_creation"),
        }
        bundle.custom_user_data = Source(keys.path, content)


def _read_values(keys: Keys, bundle: Bundle) -> None:
    for name, value in keys.object("values").content.items():
        bundle.values[name] = Source(keys.path, {"name": name, "value": value})
    secret = keys.object("secret_values")
    for name in secret.content:
        content = {"name": name, "value": secret.text(name), "from_secret": True}
        bundle.values[name] = Source(keys.path, content)
    for tag, environment in _tables(keys, "environment_values"):
        bundle.environments[tag] = Source(keys.path, {"values": environment.content})


def _read_functions(keys: Keys, bundle: Bundle) -> None:
    functions = keys.object("functions")
    for name, said in functions.content.items():
        if isinstance(said, dict):
            table = functions.object(name)
            _check_keys(table, _FUNCTION_KEYS)
            call = table.text("call")
        else:
            table, call = Keys(keys.path, {}, keys.findings), functions.text(name)
        if ":" not in call:
            functions.bad(name, "must name what is called, as module:attribute")
        entry = {key: value for key, value in table.content.items() if key != "call"}
        bundle.functions[name] = FunctionBundle(
            Source(keys.path, {**entry, "name": name}), implementation=call
        )


def _read_classes(keys: Keys, service: ServiceBundle, database: str) -> None:
    tops, embedded = dict(_tables(keys, "classes")), dict(_tables(keys, "embedded"))
    names = Names(set(tops), set(embedded))
    classes: dict[str, Class] = {
        name: read_class(properties, name, ClassKind.EMBEDDED, database, names)
        for name, properties in embedded.items()
    }
    for name, table in tops.items():
        _check_keys(table, _CLASS_KEYS)
        if name in embedded:
            table.bad("properties", f"{name} is an embedded class, too")
        classes[name] = read_class(table.object("properties"), name, ClassKind.TOP, database, names)
    if keys.findings.is_refused:
        return
    try:
        documents = schema_writing.write(classes, _SERVICE)
    except SchemaNotWritable as error:
        keys.bad("classes", str(error))
        return
    for (_, name), written in documents.items():
        collection = CollectionBundle(
            schema=Source(keys.path, written.schema),
            relationships=Source(keys.path, written.relationships),
        )
        if "roles" in tops[name].content:
            rules = {"database": database, "collection": name, "roles": [*_roles(tops[name])]}
            collection.rules = Source(keys.path, rules)
        service.collections[database, name] = collection


def _roles(keys: Keys) -> Iterator[Mapping[str, Any]]:
    for index, role in enumerate(keys.objects("roles")):
        of_role = Keys(keys.path, role, keys.findings, f"{keys.where('roles')}[{index}].")
        _check_keys(of_role, _ROLE_KEYS)
        yield {"read": True, "write": True, **role} if _is_of_filters(role) else role


def _is_of_filters(role: Mapping[str, Any]) -> bool:
    """Whether a role says for which objects it is, and not for which fields: then for all."""
    return "document_filters" in role and not role.keys() & {"fields", "additional_fields"}


def _sync(keys: Keys, database: str) -> dict[str, Any]:
    said = keys.object("sync")
    _check_keys(said, {*_SYNC_KEYS, "recovery"})
    if not said.content:
        return {}
    sync = {_SYNC_KEYS[key]: value for key, value in said.content.items() if key in _SYNC_KEYS}
    if isinstance(sync.get("indexed_queryable_fields_names"), str):
        sync["indexed_queryable_fields_names"] = [sync["indexed_queryable_fields_names"]]
    sync.setdefault("state", "enabled")
    sync["is_recovery_mode_disabled"] = not said.flag("recovery", True)
    sync["service_name"], sync["database_name"] = _SERVICE, database
    tables = dict(_tables(keys, "classes"))
    by_class = {name: t.said("queryable") for name, t in tables.items() if "queryable" in t.content}
    if by_class:
        sync["collection_queryable_fields_names"] = by_class
    asymmetric = [name for name, table in tables.items() if table.flag("asymmetric")]
    if asymmetric:
        sync["asymmetric_tables"] = asymmetric
    return sync
