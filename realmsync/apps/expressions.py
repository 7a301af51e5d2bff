"""Expressions of rules, from JSON to what the core evaluates.

Specification: app-configuration.md section 6; what an expression means is decided in csrc/rules.
"""

from __future__ import annotations

from typing import Any

from realmsync import _core, ejson
from realmsync.errors import ExpressionError


def compiled(expression: Any, use: str) -> _core.Expression:
    """An expression as it was written, ready to be evaluated. ExpressionError says why not."""
    try:
        meant = ejson.decode(expression)
    except ValueError as error:
        raise ExpressionError(str(error)) from error
    return _core.Expression(meant, use)
