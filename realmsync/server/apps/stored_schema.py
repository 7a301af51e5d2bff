"""What a data directory holds of an app's classes while no server runs on it, for exports and for
checks of what comes next.

A running server has it in schema.py. Specification: app-configuration.md 7.6.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from realmsync import _core
from realmsync.apps.load import Loaded
from realmsync.apps.model import App
from realmsync.apps.plain_schemas import from_plain
from realmsync.errors import StorageError
from realmsync.events import Administered
from realmsync.server.apps.app_record import AppRecords
from realmsync.server.apps.schema import Step, refuse_breaking, step, warn_of_narrowed


def with_stored(data: Path, model: App) -> App:
    """The model with what clients have added, as the data directory has it.

    Raises StorageError: a server runs on it, it has no such app, or it is damaged.
    """
    return _step_to(data, model).model


def compared_with_stored(data: Path, loaded: Loaded) -> Loaded:
    """The same, with what a server on the data directory would find, or refuse, beside.

    Raises StorageError like with_stored().
    """
    if loaded.app is None or loaded.bundle is None:
        return loaded
    made = _step_to(data, loaded.app)
    refuse_breaking(made, loaded.findings, loaded.bundle)
    warn_of_narrowed(made, loaded.findings, loaded.bundle)
    return replace(loaded, app=None) if loaded.findings.is_refused else loaded


def _step_to(data: Path, model: App) -> Step:
    database = data / "sync" / "apps" / model.id / "partitions.sqlite"
    if not database.is_file():
        raise StorageError(f"there is no app '{model.id}' in {data}")
    stored = _stored(data, model.id)
    made = step(model, AppRecords(data).read(model.id), from_plain(stored.classes or []))
    return made if stored.has_client_files else replace(made, terms=())


def _stored(data: Path, app_id: str) -> Administered:
    """What the engine answers; without workers it does so at once."""
    engine = _core.ServerRuntime(str(data / "sync"), workers=0, apps=[app_id])
    try:
        engine.schema(app_id, 0)
        for event in engine.drain(0):
            if isinstance(event, Administered):
                if event.error is not None:
                    raise StorageError(f"the classes of '{app_id}' cannot be read: {event.error}")
                return event
    finally:
        engine.close()
    raise StorageError(f"the classes of '{app_id}' cannot be read")
