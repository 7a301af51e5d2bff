"""Where an application's configuration comes from, and what its operator says beside it.

Reading and checking is ../../apps' work; here are only the operator's own files and choices.
Specification: app-configuration.md 3.2, 4.3 and 9.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realmsync.apps.diagnostics import Findings
from realmsync.apps.load import Loaded, load_path

_SECRETS_BYTES = 1 << 20


@dataclass(frozen=True)
class AppFolder:
    """An application with its configuration."""

    # The exported folder, or a zip of it.
    path: Path
    # Client app id, for folders that do not say it; it goes before the one that they say.
    app_id: str | None = None
    # JSON file with the contents of secrets, by name: exports hold their names alone.
    secrets: Path | None = None
    # Serves an app that was paused, or whose sync was off, when it was exported.
    enable_sync: bool = False
    # Implementations of its functions, by name.
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    def load(self) -> Loaded:
        """Reads and checks everything; nothing that runs is touched."""
        findings = Findings()
        secrets = {} if self.secrets is None else _read_secrets(self.secrets, findings)
        if findings.is_refused:
            return Loaded(None, findings)
        return load_path(
            self.path,
            secrets=secrets,
            app_id=self.app_id,
            callables=frozenset(self.functions),
            enable_sync=self.enable_sync,
        )


def _read_secrets(path: Path, findings: Findings) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_SECRETS_BYTES + 1)
        if len(data) > _SECRETS_BYTES:
            raise ValueError(f"it is larger than {_SECRETS_BYTES} bytes")
        secrets = json.loads(data)
    except OSError as error:
        findings.error("config.bad_json", str(path), f"cannot be read: {error.strerror}")
        return {}
    except (ValueError, RecursionError) as error:
        # What the parser says names a position, and nothing of what stands there.
        findings.error("config.bad_json", str(path), f"is no JSON file of secrets: {error}")
        return {}
    if not isinstance(secrets, dict):
        findings.error("config.bad_json", str(path), "a file of secrets is an object: names, texts")
        return {}
    return secrets
