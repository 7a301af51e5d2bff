"""An application's configuration as an export: the files of the current layout.

Loaded again they give an equal model. Permissions of the old form go out as the roles that they
were converted to; the roles of rule files beside them, which governed the MongoDB service alone,
have no place then. What clients have added in development mode goes out, too. Specification:
app-configuration.md 4.5, 5.7, 7.6 and 10.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from realmsync.apps import schema_writing
from realmsync.apps.bundle import Bundle, CollectionBundle, ServiceBundle, Source
from realmsync.apps.files import Files, files_of
from realmsync.apps.model import App, Role, SyncConfiguration
from realmsync.apps.roles import document_of, has_old_roles

_NO_OLD_ROLES: dict[str, Any] = {"rules": {}, "defaultRoles": []}


def exported_files(bundle: Bundle, app: App, running: App | None = None) -> Files:
    """The files of what was loaded to this model; `running` as below. Raises SchemaNotWritable."""
    return files_of(exported(bundle, app, running), app.id)


def exported(bundle: Bundle, app: App, running: App | None = None) -> Bundle:
    """What goes out of what was loaded to this model.

    `running`: the same with what clients have added, where it is known. Raises SchemaNotWritable
    for classes that no folder can hold.
    """
    bundle = with_roles_of_today(bundle, app)
    return bundle if running is None else with_additions(bundle, app, running)


def with_additions(bundle: Bundle, app: App, running: App) -> Bundle:
    """The same configuration, with the classes and queryable fields that `running` has more.

    Documents of classes that have not changed stay as they were written.
    """
    name = app.sync.service or ""
    sync, service = bundle.sync, bundle.services.get(name)
    if sync is None or service is None:
        return bundle
    before = schema_writing.write(app.classes, name)
    collections = dict(service.collections)
    for names, documents in schema_writing.write(running.classes, name).items():
        if before.get(names) != documents:
            collections[names] = replace(
                collections.get(names, CollectionBundle()),
                schema=Source(service.config.path, documents.schema),
                relationships=Source(service.config.path, documents.relationships),
            )
    content = {**sync.content, **_added_fields(app.sync, running.sync)}
    return replace(
        bundle,
        sync=Source(sync.path, content),
        services={**bundle.services, name: replace(service, collections=collections)},
    )


def _added_fields(before: SyncConfiguration, after: SyncConfiguration) -> dict[str, Any]:
    """The keys of sync that clients may add to, where they have."""
    added: dict[str, Any] = {}
    if after.asymmetric != before.asymmetric:
        added["asymmetric_tables"] = [*after.asymmetric]
    if after.queryable.by_class != before.queryable.by_class:
        added["collection_queryable_fields_names"] = {
            cls: [*fields] for cls, fields in after.queryable.by_class.items()
        }
    return added


def with_roles_of_today(bundle: Bundle, app: App) -> Bundle:
    """The same configuration, with permissions of the old form converted."""
    sync, service = bundle.sync, bundle.services.get(app.sync.service or "")
    if sync is None or service is None or not has_old_roles(sync.content.get("permissions")):
        return bundle
    return replace(
        bundle,
        sync=Source(sync.path, {**sync.content, "permissions": _NO_OLD_ROLES}),
        services={**bundle.services, app.sync.service or "": _converted(service, app)},
    )


def _converted(service: ServiceBundle, app: App) -> ServiceBundle:
    path = service.config.path
    collections = {
        names: replace(collection, rules=None) for names, collection in service.collections.items()
    }
    for name, roles in app.roles.items():
        cls = app.classes.get(name)
        # Of a class that is not there yet: as development mode will make it.
        database = cls.database if cls is not None else app.sync.database
        collection = cls.collection if cls is not None else name
        if database is not None and collection is not None:
            of_names = collections.setdefault((database, collection), CollectionBundle())
            rules = {"database": database, "collection": collection, **_documents(roles)}
            of_names.rules = Source(path, rules)
    return replace(
        service,
        default_rule=Source(path, _documents(app.default_roles)),
        collections=collections,
    )


def _documents(roles: tuple[Role, ...]) -> dict[str, Any]:
    return {"roles": [document_of(role) for role in roles], "filters": []}
