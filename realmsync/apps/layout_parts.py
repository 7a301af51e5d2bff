"""What both layouts of exported folders hold alike, and the names of collections.

Specification: app-configuration.md 3.3 and 3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from realmsync.apps.bundle import Bundle, CollectionBundle, ServiceBundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.file_names import decoded_name
from realmsync.apps.reader import Reader
from realmsync.apps.tree import joined

# What stood for a MongoDB cluster; "mongodb" in set-ups of tests.
MONGODB_TYPES = ("mongodb-atlas", "mongodb")

# Files that only cause a notice, by what they are: folder, kind.
_IGNORED_FOLDERS = (
    ("triggers", "trigger"),
    ("log_forwarders", "log_forwarder"),
    ("graphql/custom_resolvers", "graphql"),
)
_IGNORED_FILES = (
    ("graphql/config.json", "graphql"),
    ("hosting/config.json", "hosting"),
    ("http_endpoints/config.json", "http_endpoint"),
    ("http_endpoints/data_api_config.json", "http_endpoint"),
)


def read_common(reader: Reader, bundle: Bundle) -> None:
    """Values, environments, secrets, and what no part of this server uses."""
    for name, document in reader.documents("values"):
        bundle.values[name_of(document, name, reader.findings)] = document
    bundle.environments.update(reader.documents("environments"))
    bundle.secrets = reader.object("secrets.json")
    for folder, kind in _IGNORED_FOLDERS:
        bundle.ignored += [(kind, document) for _, document in reader.documents(folder)]
    for path, kind in _IGNORED_FILES:
        found = reader.json(path)
        if found is not None:
            bundle.ignored.append((kind, found))


def name_of(document: Source, otherwise: str, findings: Findings) -> str:
    """The key "name" of an object; that of its file or folder when it has none."""
    name = document.content.get("name")
    if name is None or name == "":
        return otherwise
    if isinstance(name, str):
        return name
    findings.error("config.bad_value", document.path, "must be text", "name")
    return otherwise


def read_service(reader: Reader, place: str) -> Source | None:
    """What a service is. One that does not say it must not lose its rules in silence."""
    path = f"{place}/config.json"
    config = reader.object(path)
    names = reader.names(place)
    if config is None and not reader.findings.is_refused and (names.folders or names.files):
        reader.findings.error("config.bad_value", path, "the service has no such file")
    return config


def is_mongodb(config: Source) -> bool:
    """Whether a service holds collections."""
    return config.content.get("type") in MONGODB_TYPES


def read_mongodb_services(
    reader: Reader,
    bundle: Bundle,
    folder: str,
    read_collections: Callable[[Reader, ServiceBundle, str], None],
) -> dict[str, Source]:
    """Reads the services in a folder; gives the sync configurations that stand in them, by service.

    Where the collections of a service stand is the layout's matter.
    """
    synced: dict[str, Source] = {}
    for name_of_folder in reader.names(folder).folders:
        place = joined(folder, name_of_folder)
        config = read_service(reader, place)
        if config is None:
            continue
        if not is_mongodb(config):
            bundle.ignored.append(("service", config))
            continue
        name = name_of(config, name_of_folder, reader.findings)
        config, sync = take_sync(config)
        if sync:
            synced[name] = Source(config.path, {**sync, "service_name": name})
        service = ServiceBundle(config, reader.object(f"{place}/default_rule.json"))
        read_collections(reader, service, place)
        bundle.services[name] = service
    return synced


def place_rules(
    service: ServiceBundle, rules: Source, names: tuple[str, str], findings: Findings
) -> tuple[str, str]:
    """Puts the rules of a collection where their keys say, and gives the collection's names.

    Names of files may be written with %XX where the system forbids a character. Where file and
    keys contradict each other the keys have the rules; the rest stays with the file's names.
    """
    keys = (
        _key(rules, "database", names[0], findings),
        _key(rules, "collection", names[1], findings),
    )
    agree = all(decoded_name(name, (key,)) == key for key, name in zip(keys, names, strict=True))
    if not agree:
        said, meant = ".".join(names), ".".join(keys)
        findings.warning(
            "config.name_mismatch",
            rules.path,
            f"the file belongs to {said!r:.200}, its keys say {meant!r:.200}; its roles are taken "
            "for the latter",
            "collection" if keys[0] == names[0] else "database",
        )
    collection = service.collections.setdefault(keys, CollectionBundle())
    # Of two files for one collection that counts which stands in its place.
    if collection.rules is None or agree:
        collection.rules = rules
    return keys if agree else names


def _key(rules: Source, key: str, otherwise: str, findings: Findings) -> str:
    value = rules.content.get(key)
    if isinstance(value, str) and value:
        return value
    if value is not None and value != "":
        findings.error("config.bad_value", rules.path, "must be text", key)
    return otherwise


def take_sync(config: Source) -> tuple[Source, dict[str, Any]]:
    """A service's configuration without that of sync, and the latter in the current form."""
    settings = config.content.get("config")
    if not isinstance(settings, dict):
        return config, {}
    kept = {key: value for key, value in settings.items() if key not in _SYNC_KEYS}
    said = {key: settings[key] for key in _SYNC_KEYS if _has_content(settings.get(key))}
    sync: dict[str, Any] = {}
    for key in said:
        sync |= said[key]
    if [*said] == ["flexible_sync"]:  # of both, the keys in them tell which it is
        sync.setdefault("type", "flexible")
    return Source(config.path, {**config.content, "config": kept}), sync


def check_one_synced(synced: Mapping[str, Source], findings: Findings) -> None:
    """Finds a second service with a configuration of sync."""
    if len(synced) > 1:
        findings.error(
            "sync.several_services",
            [*synced.values()][1].path,
            f"sync of {', '.join(synced)}: only one service can have it",
        )


_SYNC_KEYS = ("flexible_sync", "sync")


def _has_content(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)
