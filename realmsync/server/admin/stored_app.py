"""An app that was made over the admin API: its document on disk, and what a server makes of it.

The file has the contents of secrets: nobody else may read it. Specification: app-configuration.md
section 10.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from realmsync.apps.diagnostics import Findings
from realmsync.apps.import_body import read_body
from realmsync.apps.load import Loaded, load
from realmsync.apps.model import App
from realmsync.apps.secrets import Secrets
from realmsync.errors import ServerStartError
from realmsync.folders import make_private_folder, private
from realmsync.server.admin.document import AppDocument
from realmsync.server.functions.registry import AppFunctions


@dataclass
class StoredApp:
    """One such app; `document` is what is obeyed, and stored at `path`."""

    path: Path
    document: AppDocument
    javascript: bool = False
    key_sets: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> Loaded:
        """Checks the document; nothing that runs is touched."""
        findings = Findings()
        bundle = read_body(self.document.body(), findings)
        if bundle is None:
            return Loaded(None, findings)
        secrets = Secrets(self.document.secrets(), {})
        loaded = load(bundle, secrets=secrets, javascript=self.javascript)
        loaded.findings.all[:0] = findings.all
        return loaded

    def implementations(self, app: App) -> AppFunctions:
        """None in Python: what comes over HTTP is never imported."""
        return AppFunctions()

    def save(self) -> None:
        """Stores the document; afterwards it is on disk. Raises OSError."""
        make_private_folder(self.path.parent)
        temporary = self.path.with_suffix(".new")
        with open(temporary, "w", encoding="utf-8", opener=private) as file:
            json.dump(self.document.content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)


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
