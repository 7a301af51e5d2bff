"""Where the contents of secrets come from: an export holds their names alone.

They are looked up while an application is loaded and kept in its model; nothing shows, logs or
exports one. Specification: app-configuration.md 9.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realmsync.apps.json_text import MOST_BYTES, BadText, read_json

_PREFIX = "REALMSYNC_SECRET_"
_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9_]")


def secrets_of_file(path: Path) -> dict[str, Any]:
    """The operator's file: an object of texts by name. Raises BadText and OSError."""
    with path.open("rb") as file:
        content = read_json(file.read(MOST_BYTES + 1))
    if not isinstance(content, dict):
        raise BadText("must hold an object: names of secrets with their contents")
    return content


@dataclass(frozen=True)
class Secrets:
    """The places, in the order in which they are asked."""

    given: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the operator's JSON file
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    of_folder: Mapping[str, Any] = field(default_factory=dict, repr=False)  # its secrets.json

    def find(self, name: str) -> str | None:
        """The content of a secret, or None."""
        for found in (
            self.given.get(name),
            self.environment.get(_PREFIX + _NOT_IN_A_NAME.sub("_", name.upper())),
            self.of_folder.get(name),
        ):
            if isinstance(found, str) and found:
                return found
        return None

    def of_provider(self, provider: str, key: str) -> tuple[str, ...]:
        """What older files hold for a key of a provider's secret_config, whatever its name."""
        for place in (self.given, self.of_folder):
            providers = place.get("auth_providers")
            of_keys = providers.get(provider) if isinstance(providers, dict) else None
            found = of_keys.get(key) if isinstance(of_keys, dict) else None
            texts = found if isinstance(found, list) else [found]
            if all(isinstance(text, str) and text for text in texts):
                return tuple(texts)
        return ()
