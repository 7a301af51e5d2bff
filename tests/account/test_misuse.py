"""Typical mistakes at log-in: each is told at once, with what to do."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from engine_double import EngineDouble
from realmsync import App, AppError, ArgumentTypeError, Credentials, SyncConfiguration
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server

TLS = Path(__file__).parent.parent / "server" / "tls"


@pytest.mark.parametrize("given", ["a@b.c", None, {"provider": "anon-user"}])
async def test_something_else_than_credentials(tmp_path: Path, given: Any) -> None:
    app = App("demo", base_url="http://localhost:1", base_file_path=tmp_path)
    with pytest.raises(ArgumentTypeError, match=r"expected Credentials, such as .*anonymous\(\)"):
        await app.log_in(given)


async def test_a_forgotten_await(tmp_path: Path) -> None:
    app = App("demo", base_url="http://localhost:1", base_file_path=tmp_path)
    forgotten: Any = app.log_in(Credentials.anonymous())
    with pytest.raises(TypeError, match="is an .await. missing"):
        SyncConfiguration(user=forgotten, partition_value="p")
    forgotten.close()


async def test_https_to_a_plain_server(server: Server, tmp_path: Path) -> None:
    url = server.url.replace("http:", "https:")
    app = App("demo", base_url=url, base_file_path=tmp_path)
    with pytest.raises(AppError, match="use an http:// base URL"):
        await app.log_in(Credentials.anonymous())


async def test_http_to_a_server_with_tls(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    config = ServerConfig(data=tmp_path / "s", host="127.0.0.1", port=0, ssl_context=context)
    async with Server(config, runtime=EngineDouble()) as server:
        url = server.url.replace("https:", "http:")
        app = App("demo", base_url=url, base_file_path=tmp_path)
        with pytest.raises(AppError, match="use an https:// base URL"):
            await app.log_in(Credentials.anonymous())
