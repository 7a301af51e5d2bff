"""What the server asks of an application's functions, whatever language they are written in.

Log-ins, permissions and HTTP call through this door alone; behind it are Python callables and
JavaScript. Specification: app-configuration.md 6.6 and 9.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class AppUser:
    """A user as rules and functions see him (section 8.4)."""

    id: str
    type: str = "normal"  # or server
    data: Mapping[str, Any] = field(default_factory=dict)
    custom_data: Mapping[str, Any] = field(default_factory=dict)
    # [{id, provider_type}], in the order in which they were added
    identities: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class FunctionRequest:
    """The HTTP request behind a call: `%%request` and `context.request`."""

    method: str = ""
    path: str = ""
    remote_address: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class FunctionNotFound(Exception):
    """There is no function of this name, or none that this caller may see."""

    def __init__(self, name: str) -> None:
        super().__init__(f"function not found: '{name}'")


class FunctionNotCallable(Exception):
    """It is known, but has no implementation on this server."""

    def __init__(self, name: str) -> None:
        super().__init__(f"function '{name}' has no implementation on this server")


class FunctionFailed(Exception):
    """It raised, took too long or too much memory. The text is for the caller.

    `place` is where in its source that was, which is for operators alone.
    """

    def __init__(self, text: str, place: str = "") -> None:
        super().__init__(text)
        self.place = place


class FunctionForbidden(Exception):
    """Its can_evaluate does not allow this call."""


class Functions(Protocol):
    """The functions of one application."""

    def is_callable(self, name: str) -> bool:
        """Whether a call of it would reach an implementation."""
        ...

    async def call(
        self,
        name: str,
        arguments: Sequence[Any],
        user: AppUser | None,
        request: FunctionRequest | None = None,
        *,
        from_client: bool = False,
        for_rule: bool = False,
    ) -> Any:
        """Calls it as this user; None is the system.

        Arguments and result are what realmsync.ejson decodes to and encodes. From a client private
        functions are not found, and can_evaluate is asked. For a rule they run apart, so that
        whatever clients call keeps no rule waiting. Raises FunctionNotFound, FunctionNotCallable,
        FunctionForbidden, FunctionFailed.
        """
        ...
