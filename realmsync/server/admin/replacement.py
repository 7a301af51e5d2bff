"""A whole configuration takes the place of a document's: imports replace by name.

What has the name of something that is there keeps its id, as tools remember ids; what is absent is
deleted, but for secrets, which no configuration holds. Specification: app-configuration.md 10.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from realmsync.apps.bundle import Bundle, ServiceBundle
from realmsync.apps.model import App, SyncMode
from realmsync.server.admin.document import NAMES, ROOT, AppDocument, new_id

Entry = dict[str, Any]


def replace_all(document: AppDocument, bundle: Bundle, app: App) -> None:
    """The document says what `bundle` does from now on, which was loaded to `app`."""
    content, root, sync = document.content, bundle.root.content, _sync(bundle)
    content.update({key: root.get(key) or value for key, value in ROOT.items()})
    content["name"] = app.name
    content["allowed_request_origins"] = [*app.allowed_origins]
    content["development_mode"] = app.sync.development_mode
    data = bundle.custom_user_data
    content["custom_user_data"] = {} if data is None else dict(data.content)
    services = [
        _service(document, name, service, sync if name == app.sync.service else {}, app.sync.mode)
        for name, service in bundle.services.items()
    ]
    services += [
        _stamped(document, dict(source.content))
        for kind, source in bundle.ignored
        if kind == "service"
    ]
    _replace(document, "services", services)
    content["schemas"] = _same_ids(_schemas(bundle), document.all("schemas"), _place_of_schema)
    _replace(
        document,
        "auth_providers",
        (
            {**p.content, "name": name, "type": p.content.get("type") or name}
            for name, p in bundle.providers.items()
        ),
    )
    _replace(document, "functions", _functions(bundle))
    _replace(document, "values", ({**v.content, "name": n} for n, v in bundle.values.items()))
    _replace(document, "environment_values", _environment_values(bundle))
    content["unused"] = [
        {"kind": kind, "path": source.path, "content": source.content}
        for kind, source in bundle.ignored
        if kind != "service"
    ]
    _add_secrets(document, bundle)


def _sync(bundle: Bundle) -> Entry:
    """The configuration of sync without what the document has elsewhere."""
    content = {} if bundle.sync is None else dict(bundle.sync.content)
    for key in ("development_mode_enabled", "service_name"):
        content.pop(key, None)
    return content


def _service(
    document: AppDocument, name: str, service: ServiceBundle, sync: Entry, mode: SyncMode
) -> Entry:
    before = _named(document.all("services"), name)
    config = dict(service.config.content.get("config") or {})
    if sync:
        config["flexible_sync" if mode is SyncMode.FLEXIBLE else "sync"] = sync
    rules = (
        {**parts.rules.content, "database": database, "collection": collection}
        for (database, collection), parts in service.collections.items()
        if parts.rules is not None
    )
    entry = {
        **service.config.content,
        "name": name,
        "config": config,
        "rules": _same_ids(rules, before.get("rules", ()), _place_of_rule),
    }
    if service.default_rule is not None:
        rule_id = (before.get("default_rule") or {}).get("_id") or new_id()
        entry["default_rule"] = {**service.default_rule.content, "_id": rule_id}
    return _stamped(document, entry)


def _stamped(document: AppDocument, service: Entry) -> Entry:
    version = _named(document.all("services"), service["name"]).get("version", 0) + 1
    return {**service, "version": version, "last_modified": int(time.time())}


def _schemas(bundle: Bundle) -> Iterable[Entry]:
    for name, service in bundle.services.items():
        for (database, collection), parts in service.collections.items():
            if parts.schema is None and parts.relationships is None:
                continue
            place = {"data_source": name, "database": database, "collection": collection}
            entry: Entry = {"metadata": place}
            for key, source in (("schema", parts.schema), ("relationships", parts.relationships)):
                if source is not None:
                    entry[key] = source.content
            yield entry


def _functions(bundle: Bundle) -> Iterable[Entry]:
    for name, function in bundle.functions.items():
        entry = {**function.config.content, "name": name}
        if function.source is not None:
            entry["source"] = function.source.content
        yield entry


def _environment_values(bundle: Bundle) -> Iterable[Entry]:
    by_name: dict[str, Entry] = {}
    for tag, source in bundle.environments.items():
        values = source.content.get("values")
        for name, value in values.items() if isinstance(values, dict) else ():
            entry = by_name.setdefault(name, {"name": name, "values": {}})
            entry["values"]["" if tag == "no-environment" else tag] = value
    return by_name.values()


def _add_secrets(document: AppDocument, bundle: Bundle) -> None:
    given = {} if bundle.secrets is None else bundle.secrets.content
    texts = {name: text for name, text in given.items() if isinstance(text, str)}
    kept = [entry for entry in document.all("secrets") if entry["name"] not in texts]
    _replace(document, "secrets", (*kept, *({"name": n, "value": t} for n, t in texts.items())))
    others = {name: value for name, value in given.items() if name not in texts}
    if others:
        document.content["old_secrets"] = others


def _replace(document: AppDocument, part: str, entries: Iterable[Entry]) -> None:
    key, _ = NAMES[part]
    document.content[part] = _same_ids(entries, document.all(part), lambda entry: entry.get(key))


def _same_ids(
    entries: Iterable[Entry], before: Iterable[Entry], key: Callable[[Entry], Any]
) -> list[Entry]:
    """The entries, each with the id of the one that it replaces."""
    known = {key(entry): entry["_id"] for entry in before}
    return [{**entry, "_id": known.get(key(entry)) or new_id()} for entry in entries]


def _named(entries: Iterable[Entry], name: str) -> Mapping[str, Any]:
    return next((entry for entry in entries if entry.get("name") == name), {})


def _place_of_rule(rule: Entry) -> tuple[Any, Any]:
    return rule.get("database"), rule.get("collection")


def _place_of_schema(schema: Entry) -> tuple[Any, ...]:
    place = schema.get("metadata") or {}
    return tuple(str(place.get(key)) for key in ("data_source", "database", "collection"))
