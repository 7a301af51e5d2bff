"""Tries an installed wheel: server in a process, two clients, one object there and back.

Run away from the checkout, in an environment that holds nothing but the wheel and its dependencies.
"""

from __future__ import annotations

import asyncio
import importlib.util
import tempfile
from pathlib import Path

import realmsync
from realmsync import App, AppConfiguration, Configuration, Credentials, Realm, SyncConfiguration
from realmsync.testing import ServerProcess


class Dog(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str


async def open_realm(url: str, folder: Path) -> tuple[App, Realm]:
    app = App(AppConfiguration(id="smoke", base_url=url, base_file_path=folder))
    user = await app.log_in(Credentials.anonymous())
    sync = SyncConfiguration(user=user, partition_value="dogs")
    return app, await Realm.open(Configuration(schema=[Dog], sync=sync))


async def main(folder: Path) -> None:
    with ServerProcess(data=folder / "server") as server:
        app, realm = await open_realm(server.url, folder / "one")
        with realm.write():
            realm.create(Dog, {"_id": 1, "name": "Rex"})
        await realm.sync_session.upload_all_local_changes(timeout=30)
        realm.close()
        await app.close()
        app, realm = await open_realm(server.url, folder / "two")
        names = [dog.name for dog in realm.objects(Dog)]
        realm.close()
        await app.close()
    if names != ["Rex"]:
        raise SystemExit(f"expected one dog, found {names}")
    print(f"realmsync {realmsync.__version__} from {Path(realmsync.__file__).parent}: works")


if importlib.util.find_spec("realmsync._testbed") is not None:
    raise SystemExit("the wheel holds the module for tests")
with tempfile.TemporaryDirectory() as temporary:
    asyncio.run(main(Path(temporary)))
