"""What QueryLab and the naive model make of one text, and where they disagree."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from lab import KINDS, Lab
from query.naive.dataset import Dataset
from query.recorded_queries import Outcome, outcome
from realmsync import RealmError


class Difference(NamedTuple):
    """One disagreement: `about` is objects, outcome, kind, message or description."""

    about: str
    model: Any
    product: Any


def product_outcome(lab: Lab, query: dict[str, Any]) -> Outcome:
    """What the product makes of a query, with the kinds of the vectors."""
    try:
        bound = lab.bind_recorded(query)
        return Outcome(lab.keys(bound, query["class"]), bound.text)
    except RealmError as error:
        names = [name for name, cls in KINDS.items() if isinstance(error, cls)]
        message = getattr(error, "message", str(error))
        return Outcome([], "", names[0] if names else "other", message)


def differences(data: Dataset, lab: Lab, query: dict[str, Any]) -> list[Difference]:
    """Where the two disagree about a query."""
    model, product = outcome(data, query), product_outcome(lab, query)
    if bool(model.kind) != bool(product.kind):
        return [Difference("outcome", model, product)]
    found = []
    if model.kind:
        if model.kind != product.kind and model.kind in KINDS:
            found.append(Difference("kind", model, product))
        elif not same_words(model.message, product.message) and model.kind in KINDS:
            found.append(Difference("message", model.message, product.message))
        return found
    if model.keys != product.keys:
        found.append(Difference("objects", model.keys, product.keys))
    if members(model.description) != members(product.description):
        found.append(Difference("description", model.description, product.description))
    return found


def same_words(model: str, product: str) -> bool:
    """Whether messages agree; those of the grammar only need the same beginning."""
    detail = "': syntax error"
    if model.startswith("Invalid predicate: ") and detail in model:
        return product.startswith(model[: model.index(detail)])
    return model == product


def members(text: str) -> list[str]:
    """A description without the order of the members of IN, which says nothing."""
    return sorted(re.split("[{},]+ ?", text)) if " IN {" in text else [text]
