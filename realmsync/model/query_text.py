"""The text of a query that Python expressions write, with the arguments that it stands on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from realmsync.errors import InvalidArgumentError, QueryLimitError
from realmsync.model.key_path import MEMBERS, Key, KeyPath

Writer = Callable[["QueryText"], str]


class QueryText:
    """A text being written. `model`: the class of the objects that are asked, None for any."""

    def __init__(self, model: type[Any] | None) -> None:
        self.arguments: list[Any] = []
        self._model = model
        self._depth = 0  # of subqueries

    @classmethod
    def of(cls, write: Writer, model: type[Any]) -> tuple[str, list[Any]]:
        """The text and its arguments. QueryLimitError for what is nested too deeply."""
        text = cls(model)
        try:
            return write(text), text.arguments
        except RecursionError:
            raise QueryLimitError("The query is nested too deeply") from None

    @classmethod
    def shown(cls, write: Writer) -> str:
        """For people: with the arguments in their places."""
        text = _ShownText(None)
        try:
            return write(text)
        except RecursionError:
            return "…"

    def argument(self, value: object) -> str:
        """A value; its place in the text."""
        self.arguments.append(value)
        return f"${len(self.arguments) - 1}"

    def path(self, path: KeyPath) -> str:
        """A path from the class that is asked. InvalidArgumentError for one of another class."""
        model = self._model
        if path.root is not None and model is not None and not issubclass(model, path.root):
            raise InvalidArgumentError(
                f"'{path}' is no property of '{model.__name__}', of whose objects this is asked:"
                f" begin with {model.__name__}, and follow links"
            )
        if path.has_words_of_the_language:
            return self._path_as_argument(path)
        parts = []
        for step in path.steps:
            if step is MEMBERS:
                parts.append("[*]")
            elif isinstance(step, Key):
                parts.append(f"[{self.argument(step.key)}]")
            elif isinstance(step, int):
                parts.append("[LAST]" if step < 0 else f"[{step}]")
            else:
                parts.append(f".{step}")
        return "".join(parts).removeprefix(".")

    def _path_as_argument(self, path: KeyPath) -> str:
        """What the grammar has no other spelling for."""
        names = [step for step in path.steps if isinstance(step, str)]
        if len(names) < len(path.steps):
            raise InvalidArgumentError(f"'{path}' has a name that queries cannot spell with [...]")
        return f"$K{self.argument('.'.join(names))[1:]}"

    def subquery(self, path: KeyPath, write: Writer) -> str:
        """How many of the objects at the end of a path fulfil a condition."""
        collection = self.path(path)
        outside, self._model = self._model, path.model
        self._depth += 1
        inside = write(self)
        self._depth -= 1
        self._model = outside
        return f"SUBQUERY({collection}, $x{self._depth}, {inside}).@count"


class _ShownText(QueryText):
    def argument(self, value: object) -> str:
        return repr(value)

    def _path_as_argument(self, path: KeyPath) -> str:
        return path.text()
