"""Taking the keys of an object that was read, each with its type, and a finding where it has
another. null counts as absent: exports write it for what is empty.

Specification: app-configuration.md 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from realmsync.apps.bundle import Source
from realmsync.apps.diagnostics import Findings

T = TypeVar("T")


class Keys:
    """An object of a document."""

    def __init__(
        self, path: str, content: Mapping[str, Any], findings: Findings, prefix: str = ""
    ) -> None:
        self.path = path
        self.content = content
        self.findings = findings
        self._prefix = prefix

    @staticmethod
    def of(source: Source | None, findings: Findings, otherwise: str = ".") -> Keys:
        """The outermost object of a document; nothing where there is none."""
        return (
            Keys(otherwise, {}, findings)
            if source is None
            else Keys(source.path, source.content, findings)
        )

    def said(self, key: str) -> Any:
        """The value as it was written, or None."""
        return self.content.get(key)

    def text(self, key: str, otherwise: str = "") -> str:
        """A text."""
        value = self.content.get(key)
        return value if isinstance(value, str) else self._other(key, value, "text", otherwise)

    def flag(self, key: str, otherwise: bool = False) -> bool:
        """true or false; the empty text is written for the latter."""
        value = self.content.get(key)
        if value == "":
            return False
        if isinstance(value, bool):
            return value
        return self._other(key, value, "true or false", otherwise)

    def count(self, key: str, otherwise: int = 0) -> int:
        """A whole number that is not negative."""
        value = self.content.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            return value
        return self._other(key, value, "a number that is not negative", otherwise)

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of texts."""
        value = self.content.get(key)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        return self._other(key, value, "an array of texts", ())

    def choice(self, key: str, choices: tuple[str, ...], otherwise: str = "") -> str:
        """One of a few texts."""
        value = self.text(key, otherwise)
        if value in choices or value == otherwise:
            return value
        self.bad(key, f"{value!r:.60} is none of {', '.join(map(repr, choices))}")
        return otherwise

    def object(self, key: str) -> Keys:
        """An object within."""
        value = self.content.get(key)
        content = value if isinstance(value, dict) else self._other(key, value, "an object", {})
        return Keys(self.path, content, self.findings, f"{self._prefix}{key}.")

    def objects(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """An array of objects."""
        value = self.content.get(key)
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return tuple(value)
        return self._other(key, value, "an array of objects", ())

    def where(self, key: str) -> str:
        """The key with those around it."""
        return self._prefix + key

    def bad(self, key: str, text: str) -> None:
        """Finds a value that cannot be."""
        self.findings.error("config.bad_value", self.path, text, self.where(key))

    def _other(self, key: str, value: Any, wanted: str, otherwise: T) -> T:
        if value is not None:
            self.bad(key, f"must be {wanted}")
        return otherwise
