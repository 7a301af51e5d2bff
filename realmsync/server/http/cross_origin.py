"""Web pages of other sites that an app lets in: what browsers want to read before they pass on a
request or an answer (CORS).

Which sites an app lets in is said by its configuration, `allowed_request_origins`; all others are
refused in sites.py. Specification: app-configuration.md 3.2.
"""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web

# Seconds for which a browser need not ask again.
_REMEMBERED = 600


def is_question(request: web.BaseRequest) -> bool:
    """Whether a browser asks if a page may send something."""
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def answer(methods: Collection[str]) -> web.Response:
    """What the browser is told of a path with these methods."""
    headers = {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept",
        "Access-Control-Max-Age": str(_REMEMBERED),
    }
    return web.Response(status=204, headers=headers)


def let_read(response: web.StreamResponse, origin: str) -> None:
    """Lets pages of this origin read an answer."""
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Vary"] = "Origin"
