"""Which names this server answers to, and which web sites may talk to it.

A web page can make a browser send requests to any server that the browser reaches: under the page's
own Origin, or, once the page's name has been pointed at the server's address (DNS rebinding), under
the page's Host. No SDK needs a browser, so both are refused but for origins that an app lets in. IP
addresses and names without a dot cannot be pointed anywhere by strangers.
"""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

from realmsync.server.addresses import parse_address
from realmsync.server.config import ServerConfig
from realmsync.server.http.replies import HttpError

_NAME = re.compile(r"[a-z0-9_-]+")


def host_of(header: str) -> str:
    """The name or address in a Host header, without port, in lower case."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


class Sites:
    """The names of one server."""

    def __init__(self, config: ServerConfig) -> None:
        named = {*config.allowed_hosts, config.host}
        if config.public_url is not None:
            named.add(urlsplit(config.public_url).hostname or "")
        self._all = "*" in named
        self._named = {host_of(name) for name in named if not name.startswith(".")} - {""}
        self._domains = tuple(name.lower() for name in named if name.startswith("."))
        self._own = {host_of(socket.gethostname())}

    def check(self, host: str, origin: str | None) -> None:
        """Refuses a request by its Host ("" without one) and Origin. Raises HttpError.

        Origin None: it has none, or one that an app lets in.
        """
        if self._all:
            return
        name = host_of(host)
        if host and not self._is_mine(name):
            raise HttpError(403, "this server does not answer to that host; see --allowed-host")
        if origin is None:
            return
        try:
            site = urlsplit(origin).hostname or ""
        except ValueError:
            site = ""
        if not site or not (site == name or self._is_named(site)):
            raise HttpError(403, "requests of other web sites are refused")

    def _is_mine(self, name: str) -> bool:
        return (
            self._is_named(name)
            or name in self._own
            or _NAME.fullmatch(name) is not None
            or name.endswith((".localhost", ".local"))
            or parse_address(name) is not None
        )

    def _is_named(self, name: str) -> bool:
        return name in self._named or name.endswith(self._domains)
