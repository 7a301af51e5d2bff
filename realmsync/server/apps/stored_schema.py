"""What a data directory holds of an app's classes while no server runs on it, for exports.

A running server has it in schema.py. Specification: app-configuration.md 7.6.
"""

from __future__ import annotations

from pathlib import Path

from realmsync import _core
from realmsync.apps.model import App
from realmsync.apps.plain_schemas import PlainClass, from_plain
from realmsync.errors import StorageError
from realmsync.events import Administered
from realmsync.server.apps.app_record import AppRecords
from realmsync.server.apps.schema import step


def with_stored(data: Path, model: App) -> App:
    """The model with what clients have added, as the data directory has it.

    Raises StorageError: a server runs on it, it has no such app, or it is damaged.
    """
    database = data / "sync" / "apps" / model.id / "partitions.sqlite"
    if not database.is_file():
        raise StorageError(f"there is no app '{model.id}' in {data}")
    running = from_plain(_stored(data, model.id))
    return step(model, AppRecords(data).read(model.id), running).model


def _stored(data: Path, app_id: str) -> list[PlainClass]:
    """What the engine answers; without workers it does so at once."""
    engine = _core.ServerRuntime(str(data / "sync"), workers=0, apps=[app_id])
    try:
        engine.schema(app_id, 0)
        for event in engine.drain(0):
            if isinstance(event, Administered):
                if event.error is not None:
                    raise StorageError(f"the classes of '{app_id}' cannot be read: {event.error}")
                return event.classes or []
    finally:
        engine.close()
    raise StorageError(f"the classes of '{app_id}' cannot be read")
