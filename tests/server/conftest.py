"""Fixtures of the server engine's tests."""

from __future__ import annotations

import pytest

from server_driver import Connection, Server


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def connection(server: Server) -> Connection:
    return server.connect()
