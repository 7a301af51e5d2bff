"""Starts and reloads the applications of a server.

A configuration with an error is not served; at a reload the model that runs stays in force. What
is wrong with one is found in ../../apps, what runs is running.py's. Specification:
app-configuration.md sections 1 and 7.7.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from realmsync.apps.diagnostics import Diagnostic, Findings, Severity
from realmsync.apps.load import Loaded
from realmsync.apps.model import App, Function, SyncMode, SyncState
from realmsync.apps.permissions import Permissions
from realmsync.apps.report import page, report
from realmsync.errors import ServerStartError, StorageError
from realmsync.server.accounts.custom_data import CustomDataCollection
from realmsync.server.accounts.documents import CustomDocuments
from realmsync.server.accounts.old_tokens import warnings_of_old_tokens
from realmsync.server.apps.open_app import open_app
from realmsync.server.apps.running import ONLY_APP, Apps, RunningApp
from realmsync.server.apps.schema import (
    AppSchemas,
    refuse_breaking,
    warn_of_narrowed,
    with_discovered,
)
from realmsync.server.apps.sources import AppSource
from realmsync.server.config import ServerConfig
from realmsync.server.engine_tasks import EngineTaskError
from realmsync.server.functions.call import Languages
from realmsync.server.functions.caller import FunctionCaller
from realmsync.server.functions.javascript import JavaScript
from realmsync.server.functions.port import AppUser, FunctionRequest
from realmsync.server.logs import one_line

_logger = logging.getLogger("realmsync.server")

# A user of the app with this key and this id, as he is now; None when he has been deleted.
FindUser = Callable[[str, str], Awaitable[AppUser | None]]
# Keeps a configuration for the next start, unless what is done within fails. Folders are there.
Storing = AbstractAsyncContextManager[None]
_STORED: Storing = nullcontext()
# Where the documents of an app's users are, by its model of now.
FindCollection = Callable[[RunningApp], CustomDataCollection | None]


@dataclass(frozen=True)
class _Manner:
    """How a model may replace what is served."""

    accept_breaking: bool = False
    storing: Storing = _STORED
    # Whether one by which sync has not started ends it: no client is known any more (4.3). With
    # folders, which were exported so, it is paused.
    may_end: bool = False


@dataclass(frozen=True)
class AppReport:
    """What loading an application gave."""

    folder: AppSource
    loaded: Loaded
    is_served: bool  # as it was loaded; if not, what was served before still is
    is_changed: bool = True  # whether another model is served now

    @property
    def app_id(self) -> str | None:
        """The client app id; None: it was refused."""
        return None if self.loaded.app is None else self.loaded.app.id

    @property
    def data(self) -> dict[str, Any]:
        """All that was found, as JSON values."""
        return report(self.loaded)

    def __str__(self) -> str:
        """The same as a page for operators, and what became of the app."""
        name = one_line(str(self.folder.path))
        if self.is_served:
            return f"{page(self.data)}app {self.app_id} is served from {name}"
        return f"{page(self.data)}{name} is refused, see the errors"


def what_changed(reports: Sequence[AppReport]) -> str:
    """What a reload did, for operators: short of what stayed, and refusals last."""
    served = [report for report in reports if report.is_served]
    lines = [str(report) for report in served if report.is_changed]
    lines += [f"app {report.app_id} stays as it was" for report in served if not report.is_changed]
    lines += [_refused(r.folder, r.loaded.findings) for r in reports if not r.is_served]
    return "\n".join(lines)


class AppHost:
    """The applications of one server.

    `changed` hears which model has been replaced, `function_failed` what is for an app's log.
    """

    def __init__(
        self, config: ServerConfig, find_user: FindUser, find_collection: FindCollection
    ) -> None:
        self._config = config
        self._find_user = find_user
        self._find_collection = find_collection
        self._functions: dict[str, FunctionCaller] = {}  # by the app's key
        self._folders: dict[str, AppSource] = {}  # by the app's key
        self._schemas: AppSchemas  # from the moment at which there is an engine
        self._reloading = asyncio.Lock()
        self._discovering: set[asyncio.Task[None]] = set()
        self.reports: list[AppReport] = []  # of the last start or reload
        self.changed: Callable[[RunningApp], None] = lambda app: None
        self.function_failed: Callable[[RunningApp, dict[str, Any]], None] = lambda app, entry: None

    async def open(self, stored: Sequence[AppSource] = ()) -> Apps:
        """Loads all applications, with those that are `stored`.

        Raises ServerStartError when one of them is refused.
        """
        config = self._config
        names = sorted(config.apps)
        if not names and not config.app_folders and config.admin is None:
            return self._opened(Apps(only=open_app(ONLY_APP, config)))
        apps = Apps(open_app(name, config) for name in names)
        for folder in (*config.app_folders, *stored):
            model = await self._load(folder)
            if apps.find(model.id) is not None:
                raise ServerStartError(f"{folder.path}: there are two apps with id '{model.id}'")
            apps.add(self._run(folder, model))
            self._folders[model.id] = folder
        return self._opened(apps)

    async def install(self, apps: Apps, schemas: AppSchemas) -> None:
        """Gives all apps their classes. Raises ServerStartError for what clients cannot follow."""
        self._schemas = schemas
        for number, (key, folder) in enumerate(self._folders.items()):
            running, loaded = apps.of(key), self.reports[number].loaded
            assert running is not None, "apps with a folder are served until the server stops"
            manner = _Manner(self._config.accept_breaking)
            model = await self._take(key, running.model, loaded, manner)
            if model is None:
                self.reports[number] = AppReport(folder, replace(loaded, app=None), is_served=False)
                raise ServerStartError(_refused(folder, loaded.findings))
            running.replace(model)

    async def reload(self, apps: Apps, *, accept_breaking: bool = False) -> list[AppReport]:
        """Loads all folders again; each that is in order replaces what is served."""
        async with self._reloading:
            self.reports = [
                await self._reload_one(apps, key, folder, _Manner(accept_breaking))
                for key, folder in self._folders.items()
            ]
        return self.reports

    def source_of(self, key: str) -> AppSource | None:
        """Where the configuration of an app comes from; None: it has none."""
        return self._folders.get(key)

    async def with_added(self, key: str, model: App) -> App:
        """The model with what clients have added. Raises EngineTaskError, StorageError."""
        if model.sync.mode is SyncMode.NONE:
            return model
        return await asyncio.to_thread(self._schemas.with_added, key, model)

    def take_discovered(self, apps: Apps, key: str, cls: str, fields: Sequence[str]) -> None:
        """Subscriptions ask about fields of a class, in development mode: they are queryable from
        now on, in the app and at the next start."""
        if key in self._folders:  # else everything is queryable in the app
            task = asyncio.ensure_future(self._take_discovered(apps, key, {cls: tuple(fields)}))
            self._discovering.add(task)
            task.add_done_callback(self._discovering.discard)

    async def _take_discovered(
        self, apps: Apps, key: str, discovered: Mapping[str, tuple[str, ...]]
    ) -> None:
        async with self._reloading:
            running = apps.of(key)
            if running is None:  # removed meanwhile
                return
            model = with_discovered(running.model, discovered)
            if model.sync.queryable == running.model.sync.queryable:
                return
            try:
                await asyncio.to_thread(self._schemas.keep_discovered, key, discovered)
            except StorageError as error:
                _logger.error("app %s: what is queryable cannot be kept: %s", key, error)
                return
            names = one_line(str({cls: list(names) for cls, names in discovered.items()}))
            _logger.info("app %s: queryable from now on: %s", key, names)
            running.replace(model)
            self.changed(running)

    def add(self, apps: Apps, source: AppSource, model: App) -> None:
        """One more app, whose id nobody has, and of which the engine knows."""
        running = self._run(source, model)
        self._folders[running.key] = source
        apps.add(running)
        self.changed(running)

    async def remove(self, apps: Apps, key: str) -> None:
        """An app is served no more."""
        apps.remove(key)
        del self._folders[key]
        await self._functions.pop(key).close()

    async def obey(self, apps: Apps, key: str, source: AppSource, storing: Storing) -> AppReport:
        """An app has another source from now on, unless that has errors.

        What has none is obeyed within `storing`, which keeps it for the next start.
        """
        async with self._reloading:
            manner = _Manner(storing=storing, may_end=True)
            report = await self._reload_one(apps, key, source, manner)
            if report.is_served:
                self._folders[key] = source
        return report

    async def close(self) -> None:
        """Ends the functions that run, and waits for what is to be kept."""
        await asyncio.gather(*self._discovering)
        for functions in self._functions.values():
            await functions.close()

    def _run(self, folder: AppSource, model: App) -> RunningApp:
        """A configured application, ready to be served."""

        async def may_call(
            function: Function, user: AppUser, request: FunctionRequest | None
        ) -> bool:
            async def call(name: str, arguments: Sequence[Any]) -> Any:
                return await functions.call(name, arguments, user, for_rule=True)

            permissions = app.permissions
            return permissions is not None and await permissions.may_call(
                function, user, request or FunctionRequest(), call
            )

        javascript = JavaScript() if folder.javascript else None
        documents = CustomDocuments(lambda: self._find_collection(app))
        languages = Languages(folder.implementations(model), javascript, documents)
        functions = FunctionCaller(
            lambda: app.model,
            languages,
            may_call,
            partial(self._find_user, model.id),
            lambda entry: self.function_failed(app, entry),
        )
        self._functions[model.id] = functions
        app = RunningApp(
            model.id,
            model,
            functions,
            Permissions(model),
            key_sets=folder.key_sets,
            adopt_passwords=folder.adopt_passwords,
            migrated_partition_key=folder.migrated_partition_key,
            schema_versions=folder.schema_versions,
        )
        return app

    async def _load(self, folder: AppSource) -> App:
        loaded = await asyncio.to_thread(folder.load)
        self.reports.append(AppReport(folder, loaded, loaded.app is not None))
        if loaded.app is None:
            raise ServerStartError(_refused(folder, loaded.findings))
        return loaded.app

    async def _take(
        self, key: str, model: App, loaded: Loaded, manner: _Manner, *, ends: bool = False
    ) -> App | None:
        """The model with all classes that the app has from now on; None when findings say why not.

        Classes that only clients have made so far are among them. What follows `storing` is what
        a start with the same model would do again, but that `ends` terminates sync.
        """
        findings, bundle = loaded.findings, loaded.bundle
        assert bundle is not None, "what has a model was read"
        try:
            step = await asyncio.to_thread(self._schemas.step_to, key, model)
            if ends:
                step = replace(step, terms=(), ends=True)
            if not manner.accept_breaking:
                refuse_breaking(step, findings, bundle)
            warn_of_narrowed(step, findings, bundle)
            if findings.is_refused:
                return None
            if step.breaking:
                changes = one_line("; ".join(step.breaking))
                _logger.warning("app %s: all clients start afresh: %s", key, changes)
            async with manner.storing:
                await asyncio.to_thread(self._schemas.take, key, step)
        except (EngineTaskError, StorageError) as error:
            findings.error("schema.breaking", ".", f"the classes cannot be made: {error}")
            return None
        return step.model

    async def _reload_one(
        self, apps: Apps, key: str, folder: AppSource, manner: _Manner
    ) -> AppReport:
        running = apps.of(key)
        assert running is not None, "apps with a folder are served until the server stops"
        loaded = await asyncio.to_thread(folder.load)
        model, findings = loaded.app, loaded.findings
        if model is not None:
            _refuse_another_id(running.model, model, findings)
        if model is not None and not findings.is_refused:
            ends = manner.may_end and _has_started(running.model) and not _has_started(model)
            model = await self._take(key, model, loaded, manner, ends=ends)
        if model is None or findings.is_refused:
            _logger.error("app %s stays as it was: %s has errors", key, folder.path)
            return AppReport(folder, replace(loaded, app=None), is_served=False)
        is_changed = model != running.model
        running.replace(model)
        self._functions[key].languages.python = folder.implementations(model)
        _logger.info("app %s was loaded again from %s", key, folder.path)
        self.changed(running)
        return AppReport(folder, loaded, is_served=True, is_changed=is_changed)

    def _opened(self, apps: Apps) -> Apps:
        """Says what is served, and refuses what must not be. Raises ServerStartError."""
        for text in warnings_of_old_tokens(self._config.old_tokens, time.time()):
            _logger.warning("%s", text)
        for app in apps:
            if app.adopt_passwords is not None:
                text = app.adopt_passwords.warning(time.time())
                _logger.warning("app %s: %s", app.key, one_line(text))
            if not app.is_open:
                _logger.info("app %s: %s", app.key, _description(app.model))
            elif self._config.production and not self._is_guarded(app):
                raise ServerStartError(
                    "in production each app has a configuration, given by --app FOLDER: without "
                    "one everybody may read and write everything and change the schema. With "
                    "--authorize and --no-development-mode an app can do without"
                )
            elif self._config.authorize is None:
                _logger.warning(
                    "app %s has no configuration: EVERYBODY MAY READ AND WRITE EVERYTHING; give "
                    "one with --app FOLDER before others can reach this server",
                    one_line(app.key),
                )
        return apps

    def _is_guarded(self, app: RunningApp) -> bool:
        return self._config.authorize is not None and not app.model.sync.development_mode


def _refuse_another_id(old: App, new: App, findings: Findings) -> None:
    """Finds an id that is not the one that clients know."""
    if new.id != old.id:
        findings.error(
            "config.bad_value",
            ".",
            f"the app id was '{old.id}' and is '{new.id}' now: its users and data belong to the "
            "former; another app needs a restart",
            "app_id",
        )


def _has_started(app: App) -> bool:
    """Whether clients may know the app, if only paused."""
    return app.sync.mode is not SyncMode.NONE and app.sync.state is not SyncState.TERMINATED


def _refused(folder: AppSource, findings: Findings) -> str:
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    shown: list[Diagnostic | str] = [*errors[:10]]
    if len(errors) > len(shown):
        shown.append(f"and {len(errors) - len(shown)} more")
    lines = [f"the configuration in {folder.path} is refused:", *map(str, shown)]
    return "\n".join(map(one_line, lines))


def _description(model: App) -> str:
    state = "" if model.sync.state is SyncState.ENABLED else ", paused"
    return f"{model.sync.mode.value} sync{state}, {len(model.classes)} classes"
