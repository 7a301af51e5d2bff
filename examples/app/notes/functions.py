"""Each takes a context first (who calls, values, other functions), then what the call gives."""

from __future__ import annotations

from typing import Any


def count_words(context: Any, text: str) -> int:
    """Clients call it: `user.functions.count_words("two words")`."""
    return len(text.split())


def reset_password(context: Any, request: dict[str, Any], *arguments: Any) -> dict[str, str]:
    """Called when somebody wants a new password; here, who knows the old one may have it."""
    return {"status": "success" if request.get("currentPasswordValid") else "fail"}
