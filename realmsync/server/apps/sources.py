"""Where an application's configuration comes from, and what its operator says beside it.

Reading and checking is ../../apps' work; here are only the operator's own files and choices.
Specification: app-configuration.md 3.2, 4.3 and 9.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from realmsync.apps.diagnostics import Findings
from realmsync.apps.json_text import BadText
from realmsync.apps.load import Loaded, load_path
from realmsync.apps.model import App, SyncMode
from realmsync.apps.secrets import secrets_of_file
from realmsync.apps.toml import FILE_NAME
from realmsync.errors import InvalidArgumentError
from realmsync.server.accounts.provider_faults import with_provider_faults
from realmsync.server.apps.password_adoption import PasswordAdoption
from realmsync.server.functions.imported import NotImportable, import_functions
from realmsync.server.functions.registry import AppFunctions


class AppSource(Protocol):
    """Where the configuration of an application comes from."""

    @property
    def path(self) -> Path: ...
    @property
    def javascript(self) -> bool: ...
    @property
    def key_sets(self) -> Mapping[str, str]: ...
    @property
    def adopt_passwords(self) -> PasswordAdoption | None: ...
    @property
    def migrated_partition_key(self) -> str | None: ...
    @property
    def schema_versions(self) -> Set[int] | None: ...
    def load(self) -> Loaded: ...
    def implementations(self, app: App) -> AppFunctions: ...


@dataclass(frozen=True)
class AppFolder:
    """An application with its configuration."""

    # The exported folder, a zip of it, or a realmsync.toml.
    path: Path
    # Client app id, for folders that do not say it; it goes before the one that they say.
    app_id: str | None = None
    # JSON file with the contents of secrets, by name: exports hold their names alone.
    secrets: Path | None = None
    # Serves an app that was paused, or whose sync was off, when it was exported.
    enable_sync: bool = False
    # Its functions in Python. They go before JavaScript of the same name.
    functions: AppFunctions = field(default_factory=AppFunctions)
    # Runs exported JavaScript functions, which needs the extra `js`.
    javascript: bool = False
    # By provider, where the keys are that verify others' tokens (JWKS): a file, or an address with
    # https. Log-ins with Google, Apple and Facebook need one, such as {"oauth2-google":
    # "https://www.googleapis.com/oauth2/v3/certs"}; that of "custom-token" goes before its jwkURI.
    key_sets: Mapping[str, str] = field(default_factory=dict)
    # Gives imported accounts that have no password the first one that they are tried with. None:
    # their owners get one by a reset.
    adopt_passwords: PasswordAdoption | None = None
    # Of an app in flexible mode: the property that told its partitions apart before it went over.
    # Programs that know of partitions then follow with their files; None: they are refused.
    migrated_partition_key: str | None = None
    # In flexible sync, the schema versions of the programs that are served: others are told that
    # theirs is unknown (235). None: whatever version they have.
    schema_versions: Set[int] | None = None

    def load(self, promised: Set[str] = frozenset()) -> Loaded:
        """Reads and checks everything; nothing that runs is touched.

        `promised`: functions that count as implemented, though they are not yet.
        """
        try:
            secrets = {} if self.secrets is None else secrets_of_file(self.secrets)
        except (BadText, OSError) as error:
            findings = Findings()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            findings.error("config.bad_json", str(self.secrets), f"no file of secrets: {reason}")
            return Loaded(None, findings)
        loaded = load_path(
            self.path,
            secrets=secrets,
            app_id=self.app_id,
            callables=promised | frozenset(self.functions),
            javascript=self.javascript,
            verifiable=frozenset(self.key_sets),
            enable_sync=self.enable_sync,
        )
        adoption = self.adopt_passwords
        if adoption is not None and adoption.function not in loaded.callables:
            loaded.findings.error(
                "functions.missing",
                ".",
                f"first passwords need the function {adoption.function!r:.100}, which is not there "
                "or has no implementation on this server",
            )
            loaded = replace(loaded, app=None)
        if loaded.app is None:
            return loaded
        if self.migrated_partition_key and loaded.app.sync.mode is not SyncMode.FLEXIBLE:
            loaded.findings.error(
                "sync.migrated_partition_key",
                ".",
                "only an app in flexible mode can have come from partitions, and this one is not",
            )
            return replace(loaded, app=None)
        if any(version < 0 for version in self.schema_versions or ()):
            loaded.findings.error("sync.schema_versions", ".", "schema versions count from 0")
            return replace(loaded, app=None)
        app = with_provider_faults(loaded.app, loaded.bundle, self.key_sets, loaded.findings)
        return self._with_importable(replace(loaded, app=app), app)

    def implementations(self, app: App) -> AppFunctions:
        """The functions in Python: what realmsync.toml names, and `functions` before that.

        Raises NotImportable, or InvalidArgumentError for what takes no context; load() has seen to
        that.
        """
        return self.functions.over(import_functions(app.functions, self.path))

    def _with_importable(self, loaded: Loaded, app: App) -> Loaded:
        """The same, refused when a function that it names in Python is not there."""
        try:
            self.implementations(app)
        except (NotImportable, InvalidArgumentError) as error:
            text = str(error)
            file = FILE_NAME if self.path.is_dir() else self.path.name
            loaded.findings.error("functions.not_importable", file, text, "functions")
            return replace(loaded, app=None)
        return loaded
