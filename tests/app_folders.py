"""Folders of applications that tests write, in the current layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ANYBODY = {"anon-user": {"name": "anon-user", "type": "anon-user", "disabled": False}}
OWN = {"%%partition": "%%user.id"}
TASK = {
    "title": "Task",
    "bsonType": "object",
    "required": ["_id"],
    "properties": {"_id": {"bsonType": "objectId"}, "text": {"bsonType": "string"}},
}


def write_app(
    folder: Path,
    *,
    app_id: str | None = "tasks-abcde",
    read: Any = True,
    write: Any = OWN,
    providers: Any = ANYBODY,
    schema: Any = TASK,
    sync: dict[str, Any] | None = None,
    root: dict[str, Any] | None = None,
    functions: dict[str, str] | None = None,
    default_roles: Sequence[dict[str, Any]] | None = None,
) -> Path:
    """An app with partition-based sync and one class; what is there is replaced."""
    permissions = {"read": read, "write": write}
    partition = {"key": "owner", "type": "string", "permissions": permissions}
    _write(
        folder / "realm_config.json",
        {"name": "tasks", "config_version": 20210101, **(root or {})}
        | ({} if app_id is None else {"app_id": app_id}),
    )
    _write(folder / "auth" / "providers.json", providers)
    _write(
        folder / "sync" / "config.json",
        {"state": "enabled", "service_name": "cluster", "partition": partition, **(sync or {})},
    )
    cluster = folder / "data_sources" / "cluster"
    _write(cluster / "config.json", {"name": "cluster", "type": "mongodb-atlas", "config": {}})
    _write(cluster / "db" / "tasks" / "schema.json", schema)
    if default_roles is not None:
        _write(cluster / "default_rule.json", {"roles": [*default_roles]})
    for name, source in (functions or {}).items():
        path = folder / "functions" / f"{name}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4))
