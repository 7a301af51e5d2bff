"""An application's configuration as it was read: JSON documents, each with the file it came from.

All entrances lead here, a folder of any generation, a zip, the admin API's import body and
realmsync.toml (folder.py, import_body.py, toml.py), and everything behind reads nothing else, so
that one normaliser serves all. Documents stand in the form of the current layout; nothing in them
is checked yet beyond being JSON. Specification: app-configuration.md sections 3 and 10.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Source:
    """One JSON document, or the text of a function."""

    path: str  # for diagnostics: relative to the folder, with "/"
    content: Any  # as json.loads gives it: extended JSON is not decoded


@dataclass
class CollectionBundle:
    """What belongs to one MongoDB collection, known by (database, collection)."""

    rules: Source | None = None  # {database, collection, roles, filters}
    schema: Source | None = None
    relationships: Source | None = None


@dataclass
class ServiceBundle:
    """A data source: what stood for a MongoDB cluster."""

    config: Source  # {name, type, config}, without a sync configuration
    default_rule: Source | None = None  # {roles, filters}
    collections: dict[tuple[str, str], CollectionBundle] = field(default_factory=dict)


@dataclass
class FunctionBundle:
    """A function by its entry in functions/config.json and its source."""

    config: Source  # {name, private, …}; of a function without an entry {}
    source: Source | None = None  # text
    implementation: str | None = None  # module:attribute; only realmsync.toml can say it


@dataclass
class Bundle:
    """The whole configuration."""

    root: Source  # {name, app_id?, config_version?, environment?, …}
    providers: dict[str, Source] = field(default_factory=dict)  # by name
    custom_user_data: Source | None = None
    sync: Source | None = None  # sync/config.json in the current form, whatever the layout
    services: dict[str, ServiceBundle] = field(default_factory=dict)  # of MongoDB, by name
    functions: dict[str, FunctionBundle] = field(default_factory=dict)
    values: dict[str, Source] = field(default_factory=dict)
    environments: dict[str, Source] = field(default_factory=dict)  # by tag: "no-environment", …
    secrets: Source | None = None  # secrets.json of old templates
    # What no part of this server uses, with what kind it is: trigger, http_endpoint, graphql,
    # hosting, log_forwarder, service.
    ignored: list[tuple[str, Source]] = field(default_factory=list)
