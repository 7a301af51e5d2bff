"""Classes of configured apps: from the folder to the engine, and back with what clients have added.

A change that clients cannot follow is refused unless the operator has confirmed it. What changes,
and whether clients can follow, is found in ../../apps/schema_changes.py; storing classes and
telling clients is the engine's. Specification: app-configuration.md 7.4, 7.6 and 7.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import App, Class, ClassKind
from realmsync.apps.plain_schemas import PlainClass, from_plain, to_plain
from realmsync.apps.schema_changes import SchemaChanges, plan
from realmsync.server.apps.schema_record import SchemaRecords

# Database of classes that clients have made, where the configuration names none.
_DATABASE = "realm"
# Changes that a finding lists.
_SHOWN = 20


class SchemaEngine(Protocol):
    """The part of the engine that has the classes of apps."""

    def schema(self, app_id: str) -> list[PlainClass]:
        """The classes that the app has by now."""

    def install_schema(self, app_id: str, classes: list[PlainClass]) -> None:
        """Adds what the app has not; its clients hear of it."""

    def replace_schema(self, app_id: str, classes: list[PlainClass]) -> None:
        """Drops what is not among the classes; all clients of the app start afresh."""


@dataclass(frozen=True)
class SchemaStep:
    """What becomes of an app's classes when a model is obeyed."""

    model: App  # with the classes that there will be
    configured: Mapping[str, Class]  # those of the folder
    changes: SchemaChanges


class AppSchemas:
    """The classes of all apps of one server. Every method waits for the disk."""

    def __init__(self, engine: SchemaEngine, records: SchemaRecords) -> None:
        self._engine = engine
        self._records = records

    def step_to(self, app_key: str, model: App) -> SchemaStep:
        """What obeying `model` would change; nothing is touched. Raises StorageError."""
        running = from_plain(self._engine.schema(app_key))
        return step(model, self._records.read(app_key), running)

    def take(self, app_key: str, step: SchemaStep) -> None:
        """Makes it so. Raises StorageError."""
        classes = to_plain(step.model.classes)
        if step.changes.breaking:
            self._engine.replace_schema(app_key, classes)
        else:
            self._engine.install_schema(app_key, classes)
        self._records.write(app_key, step.configured)

    def with_added(self, app_key: str, model: App) -> App:
        """The model with what clients have added until now, for exports. Raises StorageError."""
        return self.step_to(app_key, model).model


def step(model: App, before: Mapping[str, Class], running: Mapping[str, Class]) -> SchemaStep:
    """What obeying `model` would change: the folder had `before`, the app has `running`."""
    classes, changes = plan(before, model.classes, running, model.sync.database or _DATABASE)
    return SchemaStep(_with_classes(model, classes), model.classes, changes)


def refuse_breaking(changes: SchemaChanges, findings: Findings) -> None:
    """Finds changes that clients cannot follow, all in one finding."""
    if not changes.breaking:
        return
    shown = list(changes.breaking[:_SHOWN])
    if len(changes.breaking) > _SHOWN:
        shown.append(f"and {len(changes.breaking) - _SHOWN} more")
    findings.error(
        "schema.breaking",
        ".",
        f"{'; '.join(shown)}: no client can follow; undo it, or confirm that all clients start "
        "afresh and lose what they have not uploaded",
    )


def _with_classes(model: App, classes: Mapping[str, Class]) -> App:
    asymmetric = [c.name for c in classes.values() if c.kind is ClassKind.ASYMMETRIC]
    named = tuple(dict.fromkeys((*model.sync.asymmetric, *asymmetric)))
    return replace(model, classes=classes, sync=replace(model.sync, asymmetric=named))
