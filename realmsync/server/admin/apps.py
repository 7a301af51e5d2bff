"""The apps that the admin API knows: those of folders, which it only shows, and its own.

A change is made on a copy of the document, which is then loaded: what has an error is refused and
changes nothing; otherwise it is stored, and obeyed from then on. While a draft is open changes
gather in it until it is deployed. Specification: app-configuration.md 10.1 and 10.2.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import string
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.import_body import read_body
from realmsync.apps.load import Loaded, load
from realmsync.apps.model import App
from realmsync.apps.secrets import Secrets
from realmsync.codes import AppCode
from realmsync.errors import StorageError
from realmsync.server.admin.document import AppDocument, new_id
from realmsync.server.admin.stored_app import StoredApp
from realmsync.server.apps.hosting import AppHost
from realmsync.server.apps.running import Apps, RunningApp
from realmsync.server.apps.sources import AppSource
from realmsync.server.engine_tasks import EngineTaskError
from realmsync.server.http.replies import HttpError

Result = TypeVar("Result")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class EngineWithApps(Protocol):
    """The part of the engine that is told which apps there are."""

    def add_app(self, app_id: str) -> None: ...
    def remove_app(self, app_id: str, now_ms: int) -> None: ...


@dataclass
class Draft:
    """Changes that are not in force yet."""

    id: str
    document: AppDocument


class Accepted(NamedTuple):
    """A configuration without errors, as it was read, and what it means."""

    bundle: Bundle
    app: App


class AdminApp:
    """One app; without a stored document it is one of a folder, and its configuration is there."""

    def __init__(self, running: RunningApp, stored: StoredApp | None) -> None:
        self.running = running
        self.stored = stored
        self.draft: Draft | None = None
        self.changing = asyncio.Lock()

    @property
    def id(self) -> str:
        """The internal id: 24 hexadecimal digits."""
        if self.stored is not None:
            return self.stored.document.id
        return hashlib.sha256(self.running.key.encode()).hexdigest()[:24]

    @property
    def document(self) -> AppDocument:
        """What callers see: the draft, if any. Raises HttpError where there is a folder."""
        if self.stored is None:
            raise HttpError(
                403,
                f"the configuration of app '{self.running.model.id}' is in its folder: change it "
                "there, and have the server load it again",
                AppCode.BadRequest,
            )
        return self.stored.document if self.draft is None else self.draft.document


class AdminApps:
    """All apps of one server."""

    def __init__(
        self,
        folder: Path,
        host: AppHost,
        apps: Apps,
        engine: EngineWithApps,
        javascript: bool,
    ) -> None:
        self._folder = folder
        self._host = host
        self._apps = apps
        self._engine = engine
        self._javascript = javascript
        self._known: dict[str, AdminApp] = {}  # by the app's key

    def all(self) -> list[AdminApp]:
        """Every app that is served."""
        for app in self._apps:
            stored = self._host.source_of(app.key)
            self._known.setdefault(
                app.key, AdminApp(app, stored if isinstance(stored, StoredApp) else None)
            )
        return [*self._known.values()]

    def get(self, app_id: str) -> AdminApp:
        """The app with an internal id. Raises HttpError."""
        for app in self.all():
            if app.id == app_id:
                return app
        raise HttpError(404, f"there is no app with id '{app_id}'", AppCode.BadRequest)

    async def create(self, settings: Mapping[str, Any]) -> AdminApp:
        """A new app with a name, and a data source if one is asked for. Raises HttpError."""
        name = settings["name"]
        if settings.get("template_id"):
            text = "there are no templates: make the app without one, and import a configuration"
            raise HttpError(400, text, AppCode.InvalidParameter)
        if not _NAME.fullmatch(name):
            text = "a name begins with a letter; letters, digits, - and _ follow, 64 at most"
            raise HttpError(400, text, AppCode.InvalidParameter)
        client_app_id = self._free_id(name)
        document = AppDocument.new(client_app_id, settings)
        source = settings.get("data_source")
        if source is not None:
            if not all(isinstance(source.get(key), str) for key in ("name", "type")):
                text = "'data_source' must have a name and a type"
                raise HttpError(400, text, AppCode.BadRequest)
            document.add_service(source)
        stored = StoredApp(self._folder / f"{document.id}.json", document, self._javascript)
        model = _accepted(await asyncio.to_thread(stored.load)).app
        with _on_disk():
            async with stored.stored():
                await asyncio.to_thread(self._engine.add_app, client_app_id)
        self._host.add(self._apps, stored, model)
        return self.get(document.id)

    async def delete(self, app: AdminApp, now_ms: int) -> None:
        """Forgets an app's configuration; what its users have stays on disk."""
        stored = app.stored
        if stored is None:
            raise HttpError(403, "the app has a folder: take it from the server's settings")
        async with app.changing:
            self._engine.remove_app(app.running.key, now_ms)
            await self._host.remove(self._apps, app.running.key)
            del self._known[app.running.key]
            await asyncio.to_thread(stored.path.unlink)

    async def change(self, app: AdminApp, edit: Callable[[AppDocument], Result]) -> Result:
        """What `edit` gives, when the document that it has edited is in force, or in the draft."""
        async with app.changing:
            document = app.document.copy()
            result = edit(document)
            if app.draft is not None:
                app.draft.document = document
            else:
                await self._obey(app, document)
            return result

    async def open_draft(self, app: AdminApp) -> Draft:
        """From now on changes gather. Raises HttpError when they do already."""
        if app.draft is not None:
            raise HttpError(
                409, "a draft already exists", members={"error_code": "DraftAlreadyExists"}
            )
        app.draft = Draft(new_id(), app.document.copy())
        return app.draft

    async def deploy(self, app: AdminApp, draft_id: str) -> str:
        """A draft comes into force in one step; the id of the deployment."""
        async with app.changing:
            draft = self.draft_of(app, draft_id)
            deployment = {"_id": new_id(), "deployed_at": int(time.time()), "status": "successful"}
            document = draft.document.copy()
            document.content.setdefault("deployments", []).insert(0, deployment)
            await self._obey(app, document)
            app.draft = None
            return str(deployment["_id"])

    async def load(self, app: AdminApp) -> Accepted:
        """What callers see of an app, checked. Raises HttpError for what has errors, or nothing."""
        source: AppSource | None = self._host.source_of(app.running.key)
        if app.stored is not None:
            source = StoredApp(app.stored.path, app.document, app.stored.javascript)
        if source is None:
            raise HttpError(403, f"app '{app.running.model.id}' has no configuration")
        return _accepted(await asyncio.to_thread(source.load))

    async def load_body(self, app: AdminApp, body: Mapping[str, Any]) -> Accepted:
        """An import body as the configuration of an app. Raises HttpError for what has errors."""
        document = app.document

        def check() -> Loaded:
            findings = Findings()
            bundle = read_body(body, findings)
            if bundle is None:
                return Loaded(None, findings)
            return load(
                bundle,
                secrets=Secrets(document.secrets(), {}),
                app_id=document.client_app_id,
                javascript=self._javascript,
            )

        return _accepted(await asyncio.to_thread(check))

    async def with_added(self, app: AdminApp, model: App) -> App:
        """The model with what clients have added until now. Raises HttpError."""
        try:
            return await self._host.with_added(app.running.key, model)
        except (EngineTaskError, StorageError) as error:
            raise HttpError(503, str(error), retry_after=5) from None

    def draft_of(self, app: AdminApp, draft_id: str) -> Draft:
        """The draft with an id. Raises HttpError."""
        if app.draft is None or app.draft.id != draft_id:
            raise HttpError(404, f"there is no draft '{draft_id}'", AppCode.BadRequest)
        return app.draft

    async def _obey(self, app: AdminApp, document: AppDocument) -> None:
        stored = app.stored
        assert stored is not None, "only documents are changed"
        document.content["last_modified"] = int(time.time())
        newer = StoredApp(stored.path, document, stored.javascript)
        with _on_disk():
            report = await self._host.obey(self._apps, app.running.key, newer, newer.stored())
        if not report.is_served:
            raise refused(report.loaded.findings)
        app.stored = newer

    def _free_id(self, name: str) -> str:
        while True:
            letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(5))
            if self._apps.find(f"{name}-{letters}") is None:
                return f"{name}-{letters}"


@contextmanager
def _on_disk() -> Iterator[None]:
    """Says that nothing has changed when the disk does not take it."""
    try:
        yield
    except OSError as error:
        raise HttpError(503, f"cannot be stored: {error.strerror}", retry_after=5) from error


def _accepted(loaded: Loaded) -> Accepted:
    if loaded.app is None or loaded.bundle is None:
        raise refused(loaded.findings)
    return Accepted(loaded.bundle, loaded.app)


def refused(findings: Findings) -> HttpError:
    """The answer to a configuration with errors."""
    found = [
        {
            "code": finding.code,
            "severity": finding.severity.value,
            "path": finding.path,
            "key": finding.key,
            "text": finding.text,
        }
        for finding in findings
    ]
    errors = [finding for finding in findings if finding.severity.value == "error"]
    text = "; ".join(map(str, errors[:3])) or "the configuration is refused"
    return HttpError(400, text, AppCode.InvalidParameter, members={"diagnostics": found})
