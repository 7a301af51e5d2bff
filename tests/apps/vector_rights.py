"""Rights on an object as the tables of the vectors write them: rwid, r(a,b)w(a), -."""

from __future__ import annotations

from typing import Any

from realmsync.apps.model import Class


def rights_text(cls: Class, rights: Any) -> str:
    """`rights`: what ClassRights.rights_on() gives; `_id` is left out of the lists."""
    names = {p.name for p in cls.properties} - {"_id"}
    text = _letter("r", names, set(rights.readable)) + _letter("w", names, set(rights.writable))
    text += ("i" if rights.insert else "") + ("d" if rights.delete else "")
    return text or "-"


def _letter(letter: str, names: set[str], having: set[str]) -> str:
    some = names & having
    if not some:
        return ""
    return letter if some == names else f"{letter}({','.join(sorted(some))})"
