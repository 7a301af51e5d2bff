"""Functions of the folders of vectors: their own JavaScript, and Python of the same meaning.

A Python callable stands for one known source text. A folder whose functions are none of these is
compared with the JavaScript engine alone, where that is installed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from realmsync.apps.model import Function
from realmsync.server.functions.call import Languages
from realmsync.server.functions.caller import FunctionCaller
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.javascript import JavaScript, is_available
from realmsync.server.functions.port import AppUser, FunctionRequest
from realmsync.server.functions.registry import AppFunctions
from vector_case import Case


async def may_read(context: FunctionContext, route: Any) -> bool:
    if route is None:
        return True
    me = await context.store.find_one("ferry", "people", {"_id": context.user.id})
    return me is not None and route in me.get("mayRead", [])


def may_write(context: FunctionContext, route: Any) -> bool:
    return bool(route == f"user={context.user.id}")


# By what their sources are, without blanks.
EQUIVALENTS: dict[str, Callable[..., Any]] = {
    'exports=asyncfunction(route){if(route===null)returntrue;constpeople=context.services.get("'
    'mongodb-atlas").db("ferry").collection("people");constme=awaitpeople.findOne({_id:context.'
    "user.id});return!!me&&(me.mayRead||[]).indexOf(route)>=0;};": may_read,
    'exports=function(route){returnroute==="user="+context.user.id;};': may_write,
}


def languages_of(case: Case) -> list[str]:
    """The languages in which all functions of a folder can be called here."""
    javascript = ["javascript"] if is_available() else []
    known = len(_equivalents(case)) == len(case.app.functions)
    return [*javascript, *(["python"] if known else [])]


@asynccontextmanager
async def functions_of(
    case: Case, user: AppUser, language: str | None
) -> AsyncIterator[Callable[[str, Sequence[Any]], Any]]:
    """Calls the functions of a folder as a user; without a language there are none."""
    languages = Languages(
        _equivalents(case) if language == "python" else None,
        JavaScript() if language == "javascript" else None,
        Dumped(case),
    )
    caller = FunctionCaller(lambda: case.app, languages, _may_call, _user_of)
    try:
        yield lambda name, arguments: caller.call(name, arguments, user)
    finally:
        await caller.close()


def _equivalents(case: Case) -> AppFunctions:
    functions = AppFunctions()
    for name, exported in case.app.functions.items():
        equivalent = EQUIVALENTS.get("".join((exported.source or "").split()))
        if equivalent is not None:
            functions.add(name, equivalent)
    return functions


class Dumped:
    """The documents of a folder's dump, by equality alone; nothing is written."""

    def __init__(self, case: Case) -> None:
        self._documents = case.documents

    async def find(
        self, database: str, collection: str, filter: Mapping[str, Any], limit: int | None = None
    ) -> list[dict[str, Any]]:
        documents = self._documents.get((database, collection), [])
        found = [d for d in documents if all(d.get(k) == v for k, v in filter.items())]
        return found[:limit]


async def _may_call(function: Function, user: AppUser, request: FunctionRequest | None) -> bool:
    return True


async def _user_of(user_id: str) -> AppUser | None:
    return None
