"""The layout with services/ and auth_providers/: config.json of 2020 and stitch.json.

Specification: app-configuration.md 3.4 and 4.2.
"""

from __future__ import annotations

from typing import Any

from realmsync.apps.bundle import Bundle, CollectionBundle, FunctionBundle, ServiceBundle, Source
from realmsync.apps.layout_parts import (
    check_one_synced,
    name_of,
    place_rules,
    read_common,
    read_mongodb_services,
)
from realmsync.apps.reader import Reader
from realmsync.apps.tree import joined

_OF_COLLECTIONS = ("schema", "relationships")


def read_services(reader: Reader, root: Source) -> Bundle:
    """The configuration, in the current form; findings say what of it cannot be read."""
    bundle = Bundle(_root(root, reader))
    for name, provider in reader.documents("auth_providers"):
        bundle.providers[name_of(provider, name, reader.findings)] = provider
    custom_user_data = _part(root, "custom_user_data_config", reader)
    if custom_user_data:
        bundle.custom_user_data = Source(root.path, custom_user_data)
    hosting = root.content.get("hosting")
    if hosting:
        bundle.ignored.append(("hosting", Source(root.path, hosting)))
    bundle.sync = _sync(
        reader, bundle, read_mongodb_services(reader, bundle, "services", _read_collections)
    )
    _read_functions(reader, bundle)
    read_common(reader, bundle)
    return bundle


def _root(root: Source, reader: Reader) -> Source:
    """The root's keys where the current layout has them."""
    content = dict(root.content)
    origins = _part(root, "security", reader).get("allowed_request_origins")
    if origins is not None:
        content.setdefault("allowed_request_origins", origins)
    return Source(root.path, content)


def _part(root: Source, key: str, reader: Reader) -> dict[str, Any]:
    part = root.content.get(key)
    if part is None:
        return {}
    if not isinstance(part, dict):
        reader.findings.error("config.bad_value", root.path, "must be an object", key)
        return {}
    return part


def _read_collections(reader: Reader, service: ServiceBundle, place: str) -> None:
    for file, rules in reader.documents(f"{place}/rules"):
        _read_collection(reader, service, file, rules)


def _read_collection(reader: Reader, service: ServiceBundle, file: str, rules: Source) -> None:
    """One file holds rules, schema and relationships; databases have no dot in their names."""
    database, _, collection = file.partition(".")
    roles = {key: value for key, value in rules.content.items() if key not in _OF_COLLECTIONS}
    names = place_rules(service, Source(rules.path, roles), (database, collection), reader.findings)
    schema, relationships = (_document(rules, key, reader) for key in _OF_COLLECTIONS)
    if schema is not None or relationships is not None:
        of_names = service.collections.setdefault(names, CollectionBundle())
        of_names.schema = schema
        of_names.relationships = relationships


def _document(rules: Source, key: str, reader: Reader) -> Source | None:
    content = rules.content.get(key)
    if content is None:
        return None
    if not isinstance(content, dict):
        reader.findings.error("config.bad_value", rules.path, "must be an object", key)
        return None
    return Source(rules.path, content)


def _sync(reader: Reader, bundle: Bundle, synced: dict[str, Source]) -> Source:
    development = _part(bundle.root, "sync", reader)
    check_one_synced(synced, reader.findings)
    paths = [service.config.path for service in bundle.services.values()]
    nowhere = Source(paths[0] if len(paths) == 1 else bundle.root.path, {})
    of_service = next(iter(synced.values()), nowhere)
    return Source(of_service.path, {**of_service.content, **development})


def _read_functions(reader: Reader, bundle: Bundle) -> None:
    for folder in reader.names("functions").folders:
        place = joined("functions", folder)
        config = reader.object(f"{place}/config.json")
        source = reader.text(f"{place}/source.js")
        if config is None and source is None:
            continue
        config = config or Source(f"{place}/config.json", {})
        name = name_of(config, folder, reader.findings)
        bundle.functions[name] = FunctionBundle(config, source)
