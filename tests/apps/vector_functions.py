"""Functions of the folders of vectors, as Python callables of the same meaning.

A Python callable stands for one known source text. Where a folder's function is none of these, what
it decides cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vector_case import Case

# Given the folder, the id of the user and the arguments.
Equivalent = Callable[[Case, str, Sequence[Any]], Any]


def _may_read(case: Case, user: str, arguments: Sequence[Any]) -> bool:
    if arguments[0] is None:
        return True
    people = case.documents.get(("ferry", "people"), [])
    return any(p["_id"] == user and arguments[0] in p.get("mayRead", []) for p in people)


def _may_write(case: Case, user: str, arguments: Sequence[Any]) -> bool:
    return bool(arguments[0] == f"user={user}")


# By what their sources are, without blanks.
EQUIVALENTS: dict[str, Equivalent] = {
    'exports=asyncfunction(route){if(route===null)returntrue;constpeople=context.services.get("'
    'mongodb-atlas").db("ferry").collection("people");constme=awaitpeople.findOne({_id:context.'
    "user.id});return!!me&&(me.mayRead||[]).indexOf(route)>=0;};": _may_read,
    'exports=function(route){returnroute==="user="+context.user.id;};': _may_write,
}


class VectorFunctions:
    """Calls the functions of a folder as one user."""

    def __init__(self, case: Case, user: str, *, there: bool) -> None:
        self._case = case
        self._user = case.users[user].id
        sources = {name: f.source or "" for name, f in case.app.functions.items()}
        known = {name: EQUIVALENTS.get("".join(text.split())) for name, text in sources.items()}
        self._callables = {n: f for n, f in known.items() if f is not None and there}
        # What permissions may call and cannot be compared.
        self.missing = {name for name, function in known.items() if function is None}

    async def __call__(self, name: str, arguments: Sequence[Any]) -> Any:
        return self._callables[name](self._case, self._user, arguments)


def callables_of(case: Case, user: str, *, there: bool = True) -> VectorFunctions:
    """The functions of a folder for one user; without `there` none can be called."""
    return VectorFunctions(case, user, there=there)
