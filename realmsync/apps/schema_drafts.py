"""Classes in the making: what one schema document says, before relationships make links of keys and
before it is known which other classes there are.

Two drafts are equal when they define the same class. Reading a document is schema_documents.py's,
links are relationships.py's, and what becomes of drafts is decided in schemas.py. Specification:
app-configuration.md section 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# (database, collection)
CollectionName = tuple[str, str]


@dataclass
class LinkDraft:
    """A relationship that fits its property."""

    target: CollectionName
    # Where it stands, for findings. Embedded classes are equal wherever they were declared.
    path: str = field(compare=False)
    key: str = field(compare=False)


@dataclass(eq=False)
class PropertyDraft:
    """A property. With `link` it is one, and the rest says what it is if the link falls away."""

    type: str
    nullable: bool
    collection: str | None = None
    embedded: ClassDraft | None = None
    link: LinkDraft | None = None

    def __eq__(self, other: object) -> bool:
        """Whether it defines the same; of links the type is enough."""
        if not isinstance(other, PropertyDraft):
            return NotImplemented
        if self.link and other.link:
            return self.link == other.link and self.collection == other.collection
        return self._definition() == other._definition()

    def _definition(self) -> tuple[object, ...]:
        return self.type, self.nullable, self.collection, self.embedded, self.link


@dataclass
class ClassDraft:
    """A class with its embedded ones inside."""

    name: str
    properties: dict[str, PropertyDraft] = field(default_factory=dict)

    def all(self) -> Iterator[ClassDraft]:
        """This class and every embedded one in it, as often as it stands there."""
        waiting = [self]
        while waiting:
            draft = waiting.pop()
            yield draft
            waiting.extend(p.embedded for p in draft.properties.values() if p.embedded)

    def links(self) -> Iterator[PropertyDraft]:
        """The properties that are links, also those of embedded classes."""
        for draft in self.all():
            yield from (p for p in draft.properties.values() if p.link)
