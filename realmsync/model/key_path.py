"""Paths through properties, as fields of classes lead along them.

A path knows what it leads to as far as the declared classes tell: those that the names in their
annotations find. Where they tell nothing, the core decides when the query is made.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from realmsync.errors import ArgumentTypeError, InvalidArgumentError, InvalidPropertyError
from realmsync.model.schema import ClassSchema, Property
from realmsync.naming import did_you_mean

# Names that the language's grammar takes for something else; see query-language.md 2.
_WORDS = re.compile(
    r"not|NOT|any|ANY|some|SOME|all|ALL|none|NONE|true|TRUE|false|FALSE|O\d+"
    r"|(?i:and|or|geowithin|truepredicate|falsepredicate|obj|subquery|geobox|geopolygon|geocircle"
    r"|inf|infinity|nan|null|nil)"
)
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a dictionary, or of one in a mixed value."""

    key: str


Step = str | int | Key  # a name, a position (-1 for the last) or a key
MEMBERS = Key("*")  # all of a collection; compared by identity, as a key may have that name


@dataclass(frozen=True, slots=True)
class KeyPath:
    """Steps from an object of the class `root`; None stands for any class.

    `owner` is the class that has the last property, None if that is not known.
    """

    root: type[Any] | None
    steps: tuple[Step, ...]
    owner: type[Any] | None
    schema_of: Callable[[type[Any]], ClassSchema]
    target: type[Any] | None = None  # what it leads to, where the last step does not tell
    is_in_mixed: bool = False  # whether a step before the last one led into a mixed value

    def __str__(self) -> str:
        return ".".join([self.root.__name__, self.text()] if self.root else [self.text()])

    @property
    def declared(self) -> Property | None:
        """The last step as declared, if that is known and the step a property."""
        if self.owner is None or not isinstance(self.steps[-1], str):
            return None
        return self.schema_of(self.owner).property(self.steps[-1])

    @property
    def is_collection(self) -> bool:
        """Whether it is known to lead to a collection."""
        last = self.declared
        return last is not None and last.collection is not None

    @property
    def is_dictionary(self) -> bool:
        """Whether it is known to lead to a dictionary."""
        last = self.declared
        return last is not None and last.collection == "dictionary"

    @property
    def is_short(self) -> bool:
        """Whether it is a property of the root itself."""
        return len(self.steps) == 1

    @property
    def may_lead_on(self) -> bool:
        """Whether names may follow."""
        last = self.declared
        if last is None or self.is_dictionary:
            return True
        return last.type in ("object", "linkingObjects", "mixed")

    def then(self, name: str, *, also: Iterable[str] = ()) -> KeyPath:
        """On to a property of what it leads to. InvalidPropertyError, with what was meant.

        `also`: names that would have been right in its place.
        """
        model = self.model
        if model is not None:
            known = [p.name for p in self.schema_of(model).properties]
            if name not in known:
                meant = did_you_mean(name, [*known, *also])
                raise InvalidPropertyError(f"'{model.__name__}' has no property {name!r}{meant}")
        return self._with(name, model)

    def at(self, at: int | str) -> KeyPath:
        """On to an element by its position, an entry by its key, or a property by its name."""
        if isinstance(at, int):
            if at < -1:
                raise InvalidArgumentError("positions count from the beginning; -1 is the last one")
            return replace(self._inside(at), target=self._target())
        last = self.declared
        leads_to_objects = last is not None and last.type in ("object", "linkingObjects")
        if self.target is not None or (leads_to_objects and not self.is_dictionary):
            return self.then(at)
        if last is None and is_name(at):
            return self._inside(at)
        return replace(self._inside(Key(at)), target=self._target())

    def members(self) -> KeyPath:
        """The same, or where it leads to a mixed value the elements of what that holds."""
        last = self.declared
        is_mixed = last is not None and last.type == "mixed" and last.collection is None
        if is_mixed or (self.is_in_mixed and last is None and self.steps[-1] is not MEMBERS):
            return replace(self._with(MEMBERS, None), is_in_mixed=True)
        return self

    def special(self, step: str) -> KeyPath:
        """On to @keys or @values of a dictionary."""
        return replace(self, steps=(*self.steps, step), owner=None)

    def backwards(self) -> KeyPath:
        """The objects that link by the property to one of another class."""
        if self.root is None or not self.is_short:
            raise ArgumentTypeError(f"Expected a property of a class, got '{self}'")
        steps = ("@links", self.root.__name__, *self.steps)
        return KeyPath(None, steps, None, self.schema_of, self.root)

    def split(self) -> tuple[KeyPath, str]:
        """The path to the objects that have the last property, and its name."""
        last = self.steps[-1]
        if not isinstance(last, str):
            raise InvalidArgumentError(f"'{self}' is no property of linked objects")
        return replace(self, steps=self.steps[:-1], owner=None), last

    def text(self) -> str:
        """Without arguments, as sorting takes it."""
        parts = []
        for step in self.steps:
            if isinstance(step, str):
                parts.append(f".{step}")
            elif step is MEMBERS:
                parts.append("[*]")
            else:
                parts.append(f"[{step.key!r}]" if isinstance(step, Key) else f"[{step}]")
        return "".join(parts).lstrip(".")

    @property
    def has_words_of_the_language(self) -> bool:
        """Whether a name means something else where it stands as it is."""
        return any(isinstance(s, str) and s[0] != "@" and not is_name(s) for s in self.steps)

    def next_names(self) -> list[str]:
        """The properties that may follow, as far as that is known."""
        model = None if self.is_dictionary else self.model
        return [] if model is None else [p.name for p in self.schema_of(model).properties]

    def _inside(self, step: Step) -> KeyPath:
        """On into a collection or a mixed value."""
        last = self.declared
        is_mixed = self.is_in_mixed if last is None else last.type == "mixed"
        return replace(self._with(step, None), is_in_mixed=is_mixed)

    def _with(self, step: Step, owner: type[Any] | None) -> KeyPath:
        return replace(self, steps=(*self.steps, step), owner=owner, target=None)

    @property
    def model(self) -> type[Any] | None:
        """The class of the objects that it leads to, if that is known."""
        return self.target or self._target()

    def _target(self) -> type[Any] | None:
        """The class of linked objects, if the module of the owner knows it."""
        last = self.declared
        if last is None or last.target is None or self.owner is None:
            return None
        module = sys.modules.get(self.owner.__module__)
        found = getattr(module, last.target, None)
        return found if isinstance(found, type) and hasattr(found, "__realm_schema__") else None


def is_name(text: str) -> bool:
    """Whether a name of Python's is one of the query language as it is."""
    return _NAME.fullmatch(text) is not None and _WORDS.fullmatch(text) is None
