"""An app that was made over the admin API: its document on disk, and what a server makes of it.

The file has the contents of secrets: nobody else may read it. Specification: app-configuration.md
section 10.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from realmsync.apps.diagnostics import Findings
from realmsync.apps.load import Loaded, load
from realmsync.apps.model import App
from realmsync.apps.secrets import Secrets
from realmsync.errors import ServerStartError
from realmsync.folders import replace_private
from realmsync.server.admin.document import AppDocument
from realmsync.server.functions.registry import AppFunctions


@dataclass
class StoredApp:
    """One such app; `document` is what is obeyed, and stored at `path`."""

    path: Path
    document: AppDocument
    javascript: bool = False
    key_sets: Mapping[str, str] = field(default_factory=dict)
    adopt_passwords: None = None
    migrated_partition_key: None = None
    schema_versions: None = None

    def load(self) -> Loaded:
        """Checks the document; nothing that runs is touched."""
        findings = Findings()
        bundle = self.document.bundle(findings)
        if bundle is None:
            return Loaded(None, findings)
        secrets = Secrets(self.document.secrets(), {})
        loaded = load(bundle, secrets=secrets, javascript=self.javascript)
        loaded.findings.all[:0] = findings.all
        return loaded

    def implementations(self, app: App) -> AppFunctions:
        """None in Python: what comes over HTTP is never imported."""
        return AppFunctions()

    @asynccontextmanager
    async def stored(self) -> AsyncIterator[None]:
        """The document is on disk before the block begins, and is not when the block fails.

        What is obeyed is what a restart finds, whenever the process ends: the block makes the
        app obey a document that nothing can refuse any more. Raises OSError.
        """
        await asyncio.to_thread(self._save)
        try:
            yield
        except BaseException:
            self._undo()  # at once, and without needing space
            raise
        self._old.unlink(missing_ok=True)

    @property
    def _old(self) -> Path:
        return self.path.with_suffix(".old")

    def _save(self) -> None:
        self._old.unlink(missing_ok=True)
        if self.path.exists():
            os.link(self.path, self._old)
        replace_private(self.path, json.dumps(self.document.content))

    def _undo(self) -> None:
        if self._old.exists():
            self._old.replace(self.path)
        else:  # it was new
            self.path.unlink(missing_ok=True)


def stored_apps(folder: Path, javascript: bool) -> list[StoredApp]:
    """Those in a folder. Raises ServerStartError for a file that is damaged."""
    apps = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_bytes())
            document = AppDocument(content)
            if not document.id or not document.client_app_id:
                raise ValueError("it has no ids")
        except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise ServerStartError(
                f"{path} cannot be used: {error}. Restore it from a backup, or delete it with the "
                "app that it configures"
            ) from error
        apps.append(StoredApp(path, document, javascript))
    return apps
