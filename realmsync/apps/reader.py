"""Reading the files of a tree one by one, with a finding for each that is not what it should be.

Specification: app-configuration.md 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from realmsync.apps.bundle import Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.json_text import BadText
from realmsync.apps.tree import Names, Tree, joined

T = TypeVar("T")


class Reader:
    """What a tree holds. Whatever cannot be read is a finding, and counts as not there."""

    def __init__(self, tree: Tree, findings: Findings) -> None:
        self.tree = tree
        self.findings = findings

    def json(self, path: str) -> Source | None:
        """A document of any kind; null is none."""
        return self._source(path, self.tree.json)

    def object(self, path: str) -> Source | None:
        """A document that must be an object."""
        return self._of_kind(self.json(path), dict, "an object")

    def array(self, path: str) -> Source | None:
        """A document that must be an array."""
        return self._of_kind(self.json(path), list, "an array")

    def text(self, path: str) -> Source | None:
        """The source of a function."""
        return self._source(path, self.tree.text)

    def names(self, folder: str) -> Names:
        """What a folder holds; nothing where there is none."""
        return self._guarded(folder or ".", lambda: self.tree.names(folder)) or Names([], [])

    def documents(self, folder: str) -> Iterator[tuple[str, Source]]:
        """The objects in the JSON files of a folder, with the files' names without ending."""
        for name in self.names(folder).files:
            if name.endswith(".json"):
                document = self.object(joined(folder, name))
                if document is not None:
                    yield name.removesuffix(".json"), document

    def _source(self, path: str, read: Callable[[str], Any]) -> Source | None:
        content = self._guarded(path, lambda: read(path))
        return None if content is None else Source(path, content)

    def _guarded(self, path: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except BadText as error:
            self.findings.error(error.code, path, str(error))
            return None

    def _of_kind(self, source: Source | None, kind: type, what: str) -> Source | None:
        if source is None or isinstance(source.content, kind):
            return source
        self.findings.error("config.bad_value", source.path, f"the file must hold {what}")
        return None
