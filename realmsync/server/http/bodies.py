"""What the body of a request has to be: the members that a row of the table names.

One description serves twice, to check what came and to tell readers of the API what may come.
Members that are not named are nobody's concern, as SDKs add theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from realmsync.codes import AppCode
from realmsync.server.http.replies import HttpError

# JSON's names of types, as they are in a JSON schema.
_TYPES: Mapping[str, type] = {"string": str, "array": list, "object": dict, "boolean": bool}


@dataclass(frozen=True)
class Member:
    """One member of a body."""

    name: str
    type: str | None = "string"  # None: any
    required: bool = True
    meaning: str = ""

    def check(self, body: Mapping[str, Any]) -> None:
        """Raises HttpError when it is missing, or something else."""
        if self.type is None or not self.required and self.name not in body:
            return
        if not isinstance(body.get(self.name), _TYPES[self.type]):
            article = "an" if self.type[0] in "ao" else "a"
            raise HttpError(400, f"'{self.name}' must be {article} {self.type}", AppCode.BadRequest)


@dataclass(frozen=True)
class Body:
    """An object with these members, or an array."""

    members: tuple[Member, ...] = ()
    is_array: bool = False
    # Where HttpLimits.body_bytes are too few; what a user's have beyond them is limited in all
    # (admission.py).
    most_bytes: int = 0

    def check(self, body: Mapping[str, Any]) -> None:
        """Raises HttpError for the first member that is not as it should be."""
        for member in self.members:
            member.check(body)

    def schema(self) -> dict[str, Any]:
        """The same as a JSON schema."""
        if self.is_array:
            return {"type": "array", "items": {}}
        properties = {}
        for member in self.members:
            schema = {} if member.type is None else {"type": member.type}
            properties[member.name] = schema | (
                {"description": member.meaning} if member.meaning else {}
            )
        return {
            "type": "object",
            "properties": properties,
            "required": [m.name for m in self.members if m.required and m.type is not None],
        }
