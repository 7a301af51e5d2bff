"""Clients of the benchmarks: log in anonymously, open one partition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import realmsync
from realmsync import App, AppConfiguration, Configuration, Credentials, Realm, User


async def connect(url: str, app_id: str, folder: Path) -> tuple[App, User]:
    app = App(AppConfiguration(id=app_id, base_url=url, base_file_path=folder))
    return app, await app.log_in(Credentials.anonymous())


def configuration(
    user: User, partition: str, schema: dict[str, Any], durability: str = "full", **sync: Any
) -> Configuration:
    """`sync`: further members of SyncConfiguration."""
    return Configuration(
        schema=[schema],
        durability=durability,
        sync=realmsync.SyncConfiguration(user=user, partition_value=partition, **sync),
    )


async def synced_realm(
    user: User, partition: str, schema: dict[str, Any], durability: str = "full"
) -> Realm:
    return await Realm.open(configuration(user, partition, schema, durability))
