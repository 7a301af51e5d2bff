"""The layout with data_sources/ and sync/: realm_config.json and root_config.json.

Specification: app-configuration.md 3.3 and 4.2.
"""

from __future__ import annotations

from realmsync.apps.bundle import Bundle, CollectionBundle, FunctionBundle, ServiceBundle, Source
from realmsync.apps.file_names import decoded_name
from realmsync.apps.layout_parts import (
    check_one_synced,
    place_rules,
    read_common,
    read_mongodb_services,
)
from realmsync.apps.reader import Reader
from realmsync.apps.tree import joined

_SYNC = "sync/config.json"
_FUNCTIONS = "functions"


def read_current(reader: Reader, root: Source) -> Bundle:
    """The configuration; findings say what of it cannot be read."""
    bundle = Bundle(root)
    providers = reader.object("auth/providers.json")
    if providers is not None:
        bundle.providers = _providers(providers, reader)
    bundle.custom_user_data = reader.object("auth/custom_user_data.json")
    synced = read_mongodb_services(reader, bundle, "data_sources", _read_collections)
    bundle.sync = _sync(reader, synced)
    _read_functions(reader, bundle)
    for folder in reader.names("services").folders:
        config = reader.object(f"services/{folder}/config.json")
        if config is not None:
            bundle.ignored.append(("service", config))
    read_common(reader, bundle)
    return bundle


def _providers(document: Source, reader: Reader) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for name, provider in document.content.items():
        if isinstance(provider, dict):
            found[name] = Source(document.path, provider)
        elif provider is not None:
            reader.findings.error("config.bad_value", document.path, "must be an object", name)
    return found


def _read_collections(reader: Reader, service: ServiceBundle, place: str) -> None:
    for database in reader.names(place).folders:
        for collection in reader.names(f"{place}/{database}").folders:
            _read_collection(reader, service, place, (database, collection))


def _read_collection(
    reader: Reader, service: ServiceBundle, place: str, names: tuple[str, str]
) -> None:
    folder = f"{place}/{names[0]}/{names[1]}"
    rules = reader.object(f"{folder}/rules.json")
    schema = reader.object(f"{folder}/schema.json")
    relationships = reader.object(f"{folder}/relationships.json")
    if rules is not None:
        names = place_rules(service, rules, names, reader.findings)
    if schema is not None or relationships is not None:
        collection = service.collections.setdefault(names, CollectionBundle())
        collection.schema = schema
        collection.relationships = relationships


def _sync(reader: Reader, synced: dict[str, Source]) -> Source:
    """That of sync/config.json; of the data source where only that has one."""
    document = reader.object(_SYNC) or Source(_SYNC, {})
    if not synced or document.content.keys() - {"development_mode_enabled"}:
        return document
    check_one_synced(synced, reader.findings)
    of_service = next(iter(synced.values()))
    return Source(of_service.path, {**document.content, **of_service.content})


def _read_functions(reader: Reader, bundle: Bundle) -> None:
    path = f"{_FUNCTIONS}/config.json"
    entries = reader.array(path) or Source(path, [])
    for index, entry in enumerate(entries.content):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            reader.findings.error(
                "config.bad_value", path, "must be an object with a name", f"[{index}]"
            )
            continue
        bundle.functions[name] = FunctionBundle(Source(path, entry))
    declared = set(bundle.functions)
    for written, source in _sources(reader):
        name = decoded_name(written, declared)
        of_name = bundle.functions.setdefault(name, FunctionBundle(Source(path, {})))
        of_name.source = source


def _sources(reader: Reader) -> list[tuple[str, Source]]:
    """The sources below functions/, by name: the path without its ending."""
    found: list[tuple[str, Source]] = []
    folders = [_FUNCTIONS]
    while folders:
        folder = folders.pop()
        names = reader.names(folder)
        folders += [joined(folder, name) for name in names.folders]
        for file in names.files:
            if file.endswith(".js"):
                path = joined(folder, file)
                source = reader.text(path)
                if source is not None:
                    found.append((path[len(_FUNCTIONS) + 1 :].removesuffix(".js"), source))
    return sorted(found, key=lambda named: named[0])
