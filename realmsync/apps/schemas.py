"""The classes of an application, from the schemas and relationships of its collections.

A fault leaves out the class that has it and nothing else: a link to a class that is left out stays
what its type says. Documents are read in schema_documents.py, and written in schema_writing.py.
Specification: app-configuration.md section 7 and 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from realmsync.apps import relationships
from realmsync.apps.bundle import Bundle, CollectionBundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import Class, ClassKind, Property, SyncConfiguration, SyncMode
from realmsync.apps.schema_documents import PRIMARY_KEY, ClassFault, SchemaDocument
from realmsync.apps.schema_drafts import ClassDraft, CollectionName, PropertyDraft

# Types of a partition key, as properties have them.
PARTITION_TYPES = {"string": "string", "objectId": "objectId", "long": "int", "uuid": "uuid"}


@dataclass(frozen=True)
class Schema:
    """What an application's clients may declare."""

    classes: Mapping[str, Class] = field(default_factory=dict)
    not_synced: Mapping[str, str] = field(default_factory=dict)  # class: why


@dataclass
class _Collected:
    """The class of one collection, while it is being made."""

    service: str
    collection: CollectionName
    schema: Source
    relationships: Source | None
    document: SchemaDocument
    draft: ClassDraft


def read(bundle: Bundle, sync: SyncConfiguration, findings: Findings) -> Schema:
    """The classes of the service that synchronises; without sync those of every service.

    Collections are read in the order of their names, so that the layout of the files does not
    matter.
    """
    reading = _Reading(sync, findings)
    services = [sync.service] if sync.service in bundle.services else sorted(bundle.services)
    for service in services:
        collections = bundle.services[service].collections
        for name in sorted(collections):
            reading.collect(service, name, collections[name])
    reading.link()
    reading.check()
    return reading.finish()


class _Reading:
    """The steps of read(), over all collections each."""

    def __init__(self, sync: SyncConfiguration, findings: Findings) -> None:
        self._sync = sync
        self._findings = findings
        self._collected: dict[str, _Collected] = {}  # by class
        self._not_synced: dict[str, str] = {}

    def collect(self, service: str, name: CollectionName, files: CollectionBundle) -> None:
        """Reads one schema, without relationships."""
        source = files.schema
        if source is None:
            return
        if not isinstance(source.content, dict):
            self._findings.error("config.bad_value", source.path, "a schema must be an object")
            return
        if not source.content:
            text = "an empty schema: the collection is not synchronised"
            self._findings.warning("schema.empty", source.path, text)
            return
        document = SchemaDocument(source, self._findings)
        title = document.title(name[1])
        if title in self._collected:
            self._report_duplicate(title, source)
            return
        draft = document.read(title)
        self._collected[title] = _Collected(
            service, name, source, files.relationships, document, draft
        )

    def _report_duplicate(self, title: str, source: Source) -> None:
        other = self._collected[title].schema.path
        text = f"the title {title!r} is also that of {other}: class names are unique"
        if self._sync.mode is SyncMode.NONE:
            self._findings.notice("schema.duplicate_title", source.path, text, "title")
        else:
            self._findings.error("schema.duplicate_title", source.path, text, "title")

    def link(self) -> None:
        """Makes links of what relationships name."""
        asymmetric = self._asymmetric()
        for service in {one.service for one in self._collected.values()}:
            targets = {
                one.collection: one.draft
                for name, one in self._collected.items()
                if one.service == service and not one.document.is_faulty and name not in asymmetric
            }
            for one in self._collected.values():
                if one.service == service and one.relationships and not one.document.is_faulty:
                    relationships.link(
                        one.draft, one.relationships, service, targets, self._findings
                    )

    def check(self) -> None:
        """Leaves out what does not go together, then the links that lead to what was left out."""
        names: dict[str, ClassDraft] = {}
        for one in self._collected.values():
            try:
                if not one.document.is_faulty:
                    self._check_partition_key(one.draft)
                    names.update(_names(one.draft, names))
            except ClassFault as fault:
                one.document.fault(fault)
        for title, one in self._collected.items():
            if one.document.is_faulty:
                self._not_synced[title] = one.document.why
        for title in self._not_synced:
            del self._collected[title]
        there = {(one.service, one.collection) for one in self._collected.values()}
        for one in self._collected.values():
            for found in one.draft.links():
                self._check_link(found, one.service, there)

    def _check_partition_key(self, draft: ClassDraft) -> None:
        partition = self._sync.partition
        if self._sync.mode is not SyncMode.PARTITION or partition is None:
            return
        found = draft.properties.get(partition.key)
        if found is None:
            return
        wanted = PARTITION_TYPES.get(partition.type, partition.type)
        if found.type != wanted or found.collection or found.link:
            text = f"{partition.key} is the partition key: it must be a single {partition.type}"
            raise ClassFault("schema.partition_key", text, f"properties.{partition.key}")

    def _check_link(
        self, found: PropertyDraft, service: str, there: set[tuple[str, CollectionName]]
    ) -> None:
        link = found.link
        if link is None or (service, link.target) in there:
            return
        text = "the class that the link leads to is not synchronised; the relationship is ignored"
        self._findings.warning("schema.link_target", link.path, text, link.key)
        found.link = None

    def _asymmetric(self) -> set[str]:
        """The asymmetric classes, which the configuration names by class or by collection."""
        named = set(self._sync.asymmetric)
        by_collection = named - self._collected.keys()
        return {
            title
            for title, one in self._collected.items()
            if title in named or one.collection[1] in by_collection
        }

    def finish(self) -> Schema:
        """The classes: those of the collections first, each followed by its embedded ones."""
        asymmetric = self._asymmetric()
        names = {(one.service, one.collection): n for n, one in self._collected.items()}
        classes: dict[str, Class] = {}
        for title, one in self._collected.items():
            kind = ClassKind.ASYMMETRIC if title in asymmetric else ClassKind.TOP
            for draft in one.draft.all():
                properties = tuple(
                    _property(name, found, one.service, names)
                    for name, found in draft.properties.items()
                )
                if draft is one.draft:
                    classes[title] = Class(title, kind, properties, PRIMARY_KEY, *one.collection)
                elif draft.name not in classes:
                    classes[draft.name] = Class(draft.name, ClassKind.EMBEDDED, properties)
        return Schema(classes, self._not_synced)


def _names(draft: ClassDraft, taken: Mapping[str, ClassDraft]) -> dict[str, ClassDraft]:
    """The names of a class and its embedded ones, none of which may mean two things."""
    own: dict[str, ClassDraft] = {}
    for cls in draft.all():
        other = own.get(cls.name) or taken.get(cls.name)
        if other is not None and (cls is draft or other != cls):
            text = f"{cls.name!r} is the name of two different classes"
            raise ClassFault("schema.embedded_conflict", text, "")
        own[cls.name] = cls
    return own


def _property(
    name: str,
    draft: PropertyDraft,
    service: str,
    names: Mapping[tuple[str, CollectionName], str],
) -> Property:
    if draft.link:
        target = names[(service, draft.link.target)]
        is_nullable = draft.collection in (None, "dictionary")
        return Property(name, "link", is_nullable, draft.collection, target)
    target_class = draft.embedded.name if draft.embedded else None
    return Property(name, draft.type, draft.nullable, draft.collection, target_class)
