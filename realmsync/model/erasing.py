"""Deleting what an application names: an object, every object of an iterable, or a collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from realmsync.errors import InvalidArgumentError, ObjectTypeMismatchError
from realmsync.model.accessor import AccessedRealm
from realmsync.model.containers import Collection
from realmsync.model.objects import BaseObject


def erase(realm: AccessedRealm, subject: Any) -> None:
    """Deletes from a realm, in its transaction. InvalidArgumentError, ObjectTypeMismatchError."""
    if isinstance(subject, BaseObject):
        if subject._realm is not realm:
            raise ObjectTypeMismatchError("the object is of another realm")
        subject._place.erase()
        return
    if not isinstance(subject, Iterable) or isinstance(subject, str | bytes | Mapping):
        raise InvalidArgumentError("Can only delete objects, lists and results.")
    targets = list(subject)
    if isinstance(subject, Collection) and not all(isinstance(t, BaseObject) for t in targets):
        subject.clear()
        return
    for target in reversed(targets):  # positions of embedded elements stay right
        if not isinstance(target, BaseObject):
            raise InvalidArgumentError("Can only delete objects, lists and results.")
        if target.is_valid:  # an object may stand in a list twice
            erase(realm, target)
