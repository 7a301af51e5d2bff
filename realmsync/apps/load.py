"""Loading an application: from what was read to the model, with all that is wrong on the way.

Pure: nothing of what runs is touched, so that a configuration with an error leaves the running one
in force. Specification: app-configuration.md section 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from realmsync.apps import queryable, rules, schemas
from realmsync.apps.auth import FunctionUse, functions_used, read_providers
from realmsync.apps.bundle import Bundle
from realmsync.apps.custom_data import check_custom_user_data, read_custom_user_data
from realmsync.apps.diagnostics import Findings
from realmsync.apps.folder import read_folder
from realmsync.apps.function_entries import (
    check_uses,
    implemented,
    of_expression,
    of_partition,
    of_roles,
    path_of,
    read_functions,
)
from realmsync.apps.ignored import note_ignored
from realmsync.apps.keys import Keys
from realmsync.apps.model import App, CustomUserData, Role
from realmsync.apps.secrets import Secrets
from realmsync.apps.sync import read_sync
from realmsync.apps.values import NO_ENVIRONMENT, read_environment, read_values

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_ENVIRONMENTS = (NO_ENVIRONMENT, "development", "testing", "qa", "production")


@dataclass(frozen=True)
class Loaded:
    """What loading gave: a model, unless there are errors among the findings."""

    app: App | None
    findings: Findings
    bundle: Bundle | None = None  # what it was made of; None if it could not be read
    needed: frozenset[str] = frozenset()  # the functions that something depends on
    callables: frozenset[str] = frozenset()  # those that this server has an implementation of


def load_path(
    path: Path | str,
    *,
    secrets: Mapping[str, Any] | None = None,
    app_id: str | None = None,
    callables: Set[str] = frozenset(),
    javascript: bool = False,
    verifiable: Set[str] = frozenset(),
    enable_sync: bool = False,
) -> Loaded:
    """Loads an exported folder, a zip of one, or a realmsync.toml.

    Nothing that is wrong raises: the findings say it, with file and key. `secrets` is what the
    operator's JSON file of secrets holds: names with texts. They are looked for in the process's
    environment, too, as REALMSYNC_SECRET_NAME. `app_id` goes before the one that the configuration
    says. `callables` are the functions that have an implementation on this server, `verifiable` the
    providers of OpenID tokens whose keys it has. `enable_sync` serves an application that was
    paused when it was exported.
    """
    findings = Findings()
    bundle = read_folder(Path(path), findings)
    if bundle is None:
        return Loaded(None, findings)
    loaded = load(
        bundle,
        secrets=Secrets(secrets or {}, os.environ),
        app_id=app_id,
        callables=callables,
        javascript=javascript,
        verifiable=verifiable,
        enable_sync=enable_sync,
    )
    findings.all += loaded.findings.all
    return replace(loaded, findings=findings)


def load(
    bundle: Bundle,
    *,
    secrets: Secrets | None = None,
    app_id: str | None = None,
    callables: Set[str] = frozenset(),
    javascript: bool = False,
    verifiable: Set[str] = frozenset(),
    enable_sync: bool = False,
) -> Loaded:
    """The model of a configuration.

    `app_id` goes before the one that the configuration says. `callables` are the functions that
    have an implementation in Python on this server; with `javascript` those with a source are
    callable, too. `verifiable` are the providers of OpenID tokens whose keys it has. `enable_sync`
    serves an application that was paused when it was exported.
    """
    findings = Findings()
    of_folder = {} if bundle.secrets is None else bundle.secrets.content
    places = secrets or Secrets()
    places = Secrets(places.given, places.environment, of_folder)
    root = _read_root(bundle, app_id, findings)
    sync = read_sync(bundle, findings, enable_sync)
    providers = read_providers(bundle, places, verifiable, findings)
    custom_user_data = read_custom_user_data(bundle, findings)
    functions = read_functions(bundle, findings)
    callable_ones = frozenset(callables) | implemented(functions.values(), javascript)
    values = read_values(bundle, places, findings)
    schema = schemas.read(bundle, sync, findings)
    sync = queryable.resolve(sync, schema.classes, path_of(bundle.sync), findings)
    permitted = rules.read(bundle, sync, schema.classes, findings)
    app = App(
        id=root.id,
        name=root.name,
        sync=sync,
        classes=schema.classes,
        not_synced=schema.not_synced,
        roles=permitted.roles,
        default_roles=permitted.default_roles,
        service_roles=permitted.service_roles,
        service_default_roles=permitted.service_default_roles,
        providers=providers,
        custom_user_data=custom_user_data,
        functions=functions,
        values=values.all,
        secret_values=values.from_secrets,
        environment=root.environment,
        environment_values=read_environment(bundle, root.environment, findings),
        location=root.location,
        deployment_model=root.deployment_model,
        provider_region=root.provider_region,
        allowed_origins=root.allowed_origins,
    )
    uses = [*_uses(bundle, app, permitted.sources)]
    check_uses(functions, uses, callable_ones, findings)
    check_custom_user_data(app, path_of(bundle.custom_user_data), findings)
    note_ignored(bundle, findings)
    needed = frozenset(use.name for use in uses)
    return Loaded(None if findings.is_refused else app, findings, bundle, needed, callable_ones)


class _Root(NamedTuple):
    id: str
    name: str
    environment: str
    location: str
    deployment_model: str
    provider_region: str
    allowed_origins: tuple[str, ...]


def _read_root(bundle: Bundle, app_id: str | None, findings: Findings) -> _Root:
    keys = Keys.of(bundle.root, findings)
    said = app_id or keys.text("app_id")
    name = keys.text("name") or said
    for key, value in (("name", name), ("app_id", said or name)):
        if not _NAME.fullmatch(value):
            keys.bad(
                key,
                f"{value!r:.100} does not begin with a letter, or holds others than "
                "letters, digits, _ and -",
            )
    if not said:
        findings.notice(
            "config.no_app_id",
            keys.path,
            f"no app id is said, so it is the name, {name!r:.100}: apps that were shipped send "
            "theirs, which ends in five letters; give it with --app-id",
            "app_id",
        )
    environment = keys.choice("environment", _ENVIRONMENTS)
    return _Root(
        said or name,
        name,
        "" if environment == NO_ENVIRONMENT else environment,
        keys.text("location") or "US-VA",
        keys.text("deployment_model") or "GLOBAL",
        keys.text("provider_region"),
        keys.texts("allowed_request_origins"),
    )


def _uses(bundle: Bundle, app: App, roles: Mapping[str, tuple[Role, ...]]) -> Iterator[FunctionUse]:
    """The functions that permissions, log-ins and custom user data depend on.

    `roles`: those of sync, by file.
    """
    for path, of_file in roles.items():
        yield from of_roles(of_file, path)
    if app.sync.partition is not None:
        yield from of_partition(app.sync.partition, path_of(bundle.sync))
    yield from functions_used(bundle, dict(app.providers))
    data: CustomUserData | None = app.custom_user_data
    if data is not None and data.on_user_creation is not None:
        yield FunctionUse(
            data.on_user_creation,
            path_of(bundle.custom_user_data),
            "on_user_creation_function_name",
            "the creation of users",
        )
    for function in app.functions.values():
        config = bundle.functions[function.name].config
        yield from of_expression(
            function.can_evaluate, config.path, "can_evaluate", f"calling {function.name!r:.100}"
        )
