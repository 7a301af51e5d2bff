"""Functions of the app of this folder that need Python: they keep what tests ask for later."""

from __future__ import annotations

from typing import Any

from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.registry import AppFunctions

functions = AppFunctions()
_offered: dict[str, dict[str, Any]] = {}


def _decide(offer: dict[str, Any]) -> dict[str, str]:
    _offered[offer["username"]] = offer
    first = offer["username"].partition("-")[0]
    return {"status": {"sure": "success", "never": "fail"}.get(first, "pending")}


@functions.function(private=True)
def confirm(_: FunctionContext, offer: dict[str, Any]) -> dict[str, str]:
    """Confirms sure-…, refuses never-…, and has all others wait."""
    return _decide(offer)


@functions.function(private=True)
def reset(_: FunctionContext, offer: dict[str, Any], *more: Any) -> dict[str, str]:
    """As `confirm`; `more` is what the program sent."""
    return _decide({**offer, "arguments": list(more)})


@functions.function
def offered(_: FunctionContext, username: str) -> dict[str, Any]:
    """What `confirm` or `reset` got last for this account."""
    return _offered[username]
