"""What is stored of configured apps follows their folders: classes, which come back with what
clients have added, fields that these have made queryable, and the way in which they synchronise.

A change that clients cannot follow is refused unless the operator has confirmed it. What changes,
and whether clients can follow, is found in ../../apps/schema_changes.py and sync_terms.py; storing
classes and telling clients is the engine's.

Specification: app-configuration.md 4.3, 4.5, 7.4, 7.6, 7.7.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Protocol

from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import App, Class, ClassKind, SyncMode
from realmsync.apps.plain_schemas import PlainClass, from_plain, to_plain
from realmsync.apps.queryable import narrowed
from realmsync.apps.schema_changes import SchemaChanges, plan
from realmsync.server.apps import sync_terms
from realmsync.server.apps.app_record import AppRecord, AppRecords

# Database of classes that clients have made, where the configuration names none.
_DATABASE = "realm"
# Changes that a finding lists.
_SHOWN = 20


class SchemaEngine(Protocol):
    """The part of the engine that has the classes and client files of apps."""

    def schema(self, app_id: str) -> list[PlainClass]:
        """The classes that the app has by now."""

    def has_client_files(self, app_id: str) -> bool:
        """Whether any client would have to follow a change."""

    def install_schema(self, app_id: str, classes: list[PlainClass]) -> None:
        """Adds what the app has not; its clients hear of it."""

    def replace_schema(self, app_id: str, classes: list[PlainClass]) -> None:
        """Drops what is not among the classes; all clients of the app start afresh."""

    def terminate(self, app_id: str) -> None:
        """Histories begin anew, and no client file is known."""


@dataclass(frozen=True)
class Step:
    """What becomes of what is stored of an app when a model is obeyed."""

    model: App  # with the classes that there will be
    record: AppRecord  # what is to be compared with next time
    changes: SchemaChanges
    # What clients know otherwise of how the app synchronises, a text for each.
    terms: tuple[str, ...] = ()
    # What subscriptions that were served may not do any more, a text for each.
    narrowed: tuple[str, ...] = ()
    # The operator has ended sync; when it starts again no client is known.
    ends: bool = False

    @property
    def breaking(self) -> tuple[str, ...]:
        """What clients cannot follow."""
        return (*self.terms, *self.changes.breaking)


class AppSchemas:
    """What is stored of all apps of one server. Every method waits for the disk."""

    def __init__(self, engine: SchemaEngine, records: AppRecords) -> None:
        self._engine = engine
        self._records = records
        self._recording = threading.Lock()

    def step_to(self, app_key: str, model: App) -> Step:
        """What obeying `model` would change; nothing is touched. Raises StorageError."""
        record = self._records.read(app_key)
        made = step(model, record, from_plain(self._engine.schema(app_key)))
        if made.terms and not self._engine.has_client_files(app_key):
            return replace(made, terms=())
        return made

    def take(self, app_key: str, step: Step) -> None:
        """Makes it so. Raises StorageError."""
        classes = to_plain(step.model.classes)
        if step.terms or step.ends:
            self._engine.terminate(app_key)
        if step.changes.breaking:
            self._engine.replace_schema(app_key, classes)
        elif step.model.sync.mode is not SyncMode.NONE:
            self._engine.install_schema(app_key, classes)
        with self._recording:
            discovered = self._records.read(app_key).discovered  # some since the step was found
            self._records.write(app_key, replace(step.record, discovered=discovered))

    def keep_discovered(self, app_key: str, discovered: Mapping[str, tuple[str, ...]]) -> None:
        """Subscriptions have made fields queryable, by class. Raises StorageError."""
        with self._recording:
            record = self._records.read(app_key)
            kept = dict(record.discovered)
            for cls, names in discovered.items():
                kept[cls] = tuple(dict.fromkeys((*kept.get(cls, ()), *names)))
            self._records.write(app_key, replace(record, discovered=kept))

    def with_added(self, app_key: str, model: App) -> App:
        """The model with what clients have added until now, for exports. Raises StorageError."""
        return self.step_to(app_key, model).model


def step(model: App, record: AppRecord, running: Mapping[str, Class]) -> Step:
    """What obeying `model` would change: there was `record`, and the app has `running`."""
    model = with_discovered(model, record.discovered)
    terms = sync_terms.terms_of(model)
    differences = sync_terms.changes(record.terms, terms)
    terms = terms or record.terms
    if model.sync.mode is SyncMode.NONE:
        return Step(model, replace(record, terms=terms), SchemaChanges((), ()), differences)
    classes, changes = plan(
        record.classes, model.classes, running, model.sync.database or _DATABASE
    )
    is_flexible = model.sync.mode is SyncMode.FLEXIBLE
    had = record.queryable if is_flexible and not differences else None
    return Step(
        _with_classes(model, classes),
        AppRecord(
            model.classes,
            terms,
            model.sync.queryable if is_flexible else None,
            record.discovered,
        ),
        changes,
        differences,
        () if had is None else narrowed(had, model.sync),
    )


def warn_of_narrowed(step: Step, findings: Findings, bundle: Bundle) -> None:
    """Finds what devices cannot ask for any more."""
    for change in step.narrowed:
        findings.warning(
            "sync.queryable",
            _sync_path(bundle),
            f"{change}: a device that subscribes otherwise is refused its subscriptions when it "
            "starts, and synchronises nothing unless this is undone or its file deleted",
        )


def refuse_breaking(step: Step, findings: Findings, bundle: Bundle) -> None:
    """Finds changes that clients cannot follow, all of a kind in one finding."""
    if step.terms:
        findings.error(
            "sync.breaking",
            _sync_path(bundle),
            f"{'; '.join(step.terms)}: no client can follow; undo it, serve it as another app, or "
            "say --accept-breaking: sync begins anew for all clients",
        )
    breaking = step.changes.breaking
    if not breaking:
        return
    shown = list(breaking[:_SHOWN])
    if len(breaking) > _SHOWN:
        shown.append(f"and {len(breaking) - _SHOWN} more")
    findings.error(
        "schema.breaking",
        _classes_path(bundle, step.model),
        f"{'; '.join(shown)}: no client can follow; undo it, or say --accept-breaking: all "
        "clients start afresh and lose what they have not uploaded",
    )


def _sync_path(bundle: Bundle) -> str:
    return (bundle.sync or bundle.root).path


def _classes_path(bundle: Bundle, model: App) -> str:
    """The folder with the schemas, or the file with everything."""
    service = bundle.services.get(model.sync.service or "")
    if service is None:
        return bundle.root.path
    config = PurePosixPath(service.config.path)
    return str(config if config.suffix == ".toml" else config.parent)


def with_discovered(model: App, discovered: Mapping[str, tuple[str, ...]]) -> App:
    """The model in which these fields are queryable, too, by class."""
    queryable = model.sync.queryable
    by_class = dict(queryable.by_class)
    for cls, names in discovered.items():
        new = [name for name in names if name not in queryable.of(cls)]
        if new:
            by_class[cls] = (*by_class.get(cls, ()), *new)
    return replace(model, sync=replace(model.sync, queryable=replace(queryable, by_class=by_class)))


def _with_classes(model: App, classes: Mapping[str, Class]) -> App:
    asymmetric = [c.name for c in classes.values() if c.kind is ClassKind.ASYMMETRIC]
    named = tuple(dict.fromkeys((*model.sync.asymmetric, *asymmetric)))
    return replace(model, classes=classes, sync=replace(model.sync, asymmetric=named))
