"""What operators and their tools ask of a running server."""

from __future__ import annotations

from aiohttp import web

from realmsync.server.http.call import Call
from realmsync.server.http.replies import reply
from realmsync.version import __version__


async def health(call: Call) -> web.Response:
    """Whether the server serves."""
    status = call.services.status()["status"]
    return reply({"status": status}, 200 if status == "ok" else 503)


async def server_status(call: Call) -> web.Response:
    """Figures of the server."""
    return reply({"version": __version__, **call.services.status()})


async def openapi(call: Call) -> web.Response:
    """The API's description."""
    return reply(call.services.describe())
