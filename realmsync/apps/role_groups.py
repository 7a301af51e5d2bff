"""In which classes a role means the same: default roles are looked at in each class, and there may
be thousands of both.

What decides is, of each name that the role's filters hold, whether it is queryable and what it can
be compared with. Specification: app-configuration.md 5.4 and 6.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from realmsync.apps.model import QueryableFields, Role
from realmsync.apps.usability import filters_of

# Of one configuration: names of roles times classes.
MOST_STEPS = 10_000_000


class RoleGroup(NamedTuple):
    """Classes in which a role means the same."""

    classes: list[str]
    queryable: frozenset[str]  # of the names in the role


class RoleGroups:
    """The classes of one configuration, with what constants can equal their properties."""

    def __init__(self, fields: QueryableFields, kinds: Mapping[str, Mapping[str, str]]) -> None:
        self._everywhere = frozenset(fields.everywhere) | {"_id"}
        self._by_class = {cls: frozenset(own) for cls, own in fields.by_class.items()}
        self._kinds = kinds
        self._steps = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether no more can be looked at."""
        return self._steps > MOST_STEPS

    def of(self, role: Role, classes: Sequence[str]) -> list[RoleGroup]:
        """The groups, in the order of their first classes; none when exhausted.

        Without classes the role is looked at once, as in a class that has no property.
        """
        names = sorted(_names(role))
        self._steps += (len(names) + 1) * max(len(classes), 1)
        groups: dict[Any, RoleGroup] = {}
        if self.is_exhausted:
            return []
        for cls in classes or [""]:
            own, kinds = self._by_class.get(cls, frozenset()), self._kinds.get(cls, {})
            queryable = frozenset(n for n in names if n in self._everywhere or n in own)
            key = (queryable, tuple(map(kinds.get, names)))
            groups.setdefault(key, RoleGroup([], queryable)).classes.append(cls)
        return [*groups.values()]


def _names(role: Role) -> set[str]:
    """Whatever may name a field in a role's filters."""
    names: set[str] = set()
    waiting = [expression for _, expression in filters_of(role)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            names |= value.keys()
            waiting += value.values()
    return names
