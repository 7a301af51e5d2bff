"""Ways to the server: through proxies, over TLS, with headers of one's own; what is told when one
does not lead there (node-sdk-surface.md 6.1 and 6.4, client-session.md 8.1 and 9.9)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.server import ServerConnection, serve

from devices import add, session_of
from engine_double import EngineDouble
from eventually import eventually
from offer import OFFER
from proxies import IN_URL, Proxy, http_proxy, rude_proxy, socks_proxy
from realmsync import App, Configuration, Credentials, Realm, SSLConfiguration, SyncConfiguration
from realmsync.account.http import HttpRequest, HttpResponse
from realmsync.errors import ArgumentTypeError, IllegalOperationError, InvalidArgumentError
from realmsync.events import Close
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from realmsync.sync import SyncSession
from realmsync.transport import loop
from realmsync.transport.loop import ClientDriver

DOG = {"name": "Dog", "primaryKey": "_id", "properties": {"_id": "int", "name": "string"}}
TLS = Path(__file__).parents[1] / "server" / "tls"  # a certificate for localhost and 127.0.0.1


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    return context


def trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=TLS / "cert.pem")


async def trusting_transport(request: HttpRequest) -> HttpResponse:
    """HTTP to the server with the certificate above."""
    connector = aiohttp.TCPConnector(ssl=trust(), force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.request(
            request.method, request.url, headers=request.headers, data=request.body or None
        ) as reply,
    ):
        return HttpResponse(reply.status, dict(reply.headers), await reply.text())


class Place:
    """A server and programs that synchronise with it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self._folder = server, folder
        self.apps: list[App] = []
        self.realms: list[Realm] = []
        self.errors: list[Any] = []

    async def app(self) -> App:
        app = App(
            "app",
            base_url=self.server.url,
            base_file_path=self._folder / f"app{len(self.apps)}",
            http_transport=trusting_transport,
        )
        self.apps.append(app)
        await app.log_in(Credentials.anonymous())
        return app

    async def open(self, app: App, partition: str = "p", **settings: Any) -> Realm:
        """Without waiting for a connection."""
        assert app.current_user is not None
        sync = SyncConfiguration(
            user=app.current_user,
            partition_value=partition,
            on_error=lambda session, error: self.errors.append(error),
            **settings,
        )
        realm = Realm(Configuration(schema=[DOG], sync=sync))
        self.realms.append(realm)
        return realm


@contextlib.asynccontextmanager
async def place(folder: Path, **settings: Any) -> AsyncIterator[Place]:
    async with Server(ServerConfig(data=folder / "server", port=0, **settings)) as server:
        place = Place(server, folder)
        try:
            yield place
        finally:
            for realm in place.realms:
                realm.close()
            for app in place.apps:
                await app.close()


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path) as made:
        yield made


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path, ssl_context=server_context()) as made:
        yield made


async def synchronises(realm: Realm, key: int = 1) -> None:
    add(realm, key)
    assert await session_of(realm).upload_all_local_changes(20)
    assert await session_of(realm).download_all_server_changes(20)


PROXIES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "http": (http_proxy, "http", ""),
    "http with a password": (lambda: http_proxy(with_password=True), "http", IN_URL),
    "https": (lambda: http_proxy(context=server_context()), "https", ""),
    "socks5": (socks_proxy, "socks5", ""),
    "socks5 with a password": (lambda: socks_proxy(with_password=True), "socks5", IN_URL),
}


TUNNELS: dict[str, Callable[[], Any]] = {
    scheme: make for make, scheme, credentials in PROXIES.values() if not credentials
}


@pytest.mark.parametrize("over_tls", [False, True])
@pytest.mark.parametrize("kind", PROXIES)
async def test_through_a_proxy(
    tmp_path: Path, kind: str, over_tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))  # the system's, for the proxy's
    make, scheme, credentials = PROXIES[kind]
    settings: dict[str, Any] = {"ssl_context": server_context()} if over_tls else {}
    async with make() as proxy, place(tmp_path, **settings) as server:
        realm = await server.open(
            await server.app(),
            proxy=proxy.url(scheme, credentials),
            ssl=SSLConfiguration(certificate_path=TLS / "cert.pem"),
        )
        await synchronises(realm)
        assert proxy.targets == [("localhost", server.server.port)]
        assert b"".join(proxy.passed).startswith(b"\x16" if over_tls else b"GET ")
        assert server.errors == []


# What a proxy does, and what is told of it.
FAILURES: dict[str, tuple[Callable[[], Any], str, str, str]] = {
    "no password": (lambda: http_proxy(with_password=True), "http", "", "status 407"),
    "wrong password": (
        lambda: http_proxy(with_password=True),
        *("http", "kim:wrong@", "status 407"),
    ),
    "socks without a password": (
        lambda: socks_proxy(with_password=True),
        *("socks5", "", "No acceptable authentication methods"),
    ),
    "socks with a wrong password": (
        lambda: socks_proxy(with_password=True),
        *("socks5", "kim:wrong@", "authentication failure"),
    ),
    "socks that is not allowed": (
        lambda: socks_proxy(reply=2),
        *("socks5", "", "not allowed by ruleset"),
    ),
    "socks without a route": (
        lambda: socks_proxy(reply=5),
        *("socks5", "", "Connection refused"),
    ),
    "http that refuses": (
        lambda: rude_proxy(b"HTTP/1.1 503 Busy\r\n\r\n"),
        *("http", "", "status 503"),
    ),
    "http that closes": (lambda: rude_proxy(b""), "http", "", "closed the connection before"),
    "http that resets": (lambda: rude_proxy(None), "http", "", ""),
    "no http": (lambda: rude_proxy(b"SSH-2.0-OpenSSH\r\n\r\n"), "http", "", "invalid response"),
    "no socks": (lambda: rude_proxy(b"HTTP/1.1 400 Bad\r\n\r\n"), "socks5", "", ""),
    "socks that closes": (lambda: rude_proxy(b""), "socks5", "", ""),
    "socks that wants a password unasked": (lambda: rude_proxy(b"\x05\x02"), "socks5", "", ""),
}


@pytest.fixture
def engine() -> EngineDouble:
    return EngineDouble()


@pytest.fixture
async def driver(engine: EngineDouble) -> AsyncIterator[ClientDriver]:
    driver = ClientDriver(engine, print, on_connect=print)
    yield driver
    driver.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize("name", FAILURES)
async def test_a_proxy_that_fails(engine: EngineDouble, driver: ClientDriver, name: str) -> None:
    make, scheme, credentials, text = FAILURES[name]
    async with make() as proxy:
        driver.connect(1, "ws://127.0.0.1:9/", OFFER, {}, proxy=proxy.url(scheme, credentials))
        await eventually(lambda: engine.calls)
    ((*call, message),) = engine.calls
    assert call == ["connect_failed", 1, "tcp", 0]
    assert message.startswith(f"proxy {proxy.url(scheme)}: ") and text in message
    assert not message.endswith(": ")


async def test_a_proxy_that_is_not_there(engine: EngineDouble, driver: ClientDriver) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        places = [f"127.0.0.1:{unused.getsockname()[1]}", "does-not-exist.invalid:3128"]
        for number, place in enumerate(places):
            driver.connect(number, "ws://127.0.0.1:9/", OFFER, {}, proxy=f"http://{place}")
            await eventually(lambda n=number: len(engine.calls) > n)
            assert engine.calls[number][:4] == ("connect_failed", number, "tcp", 0)
            assert engine.calls[number][4].startswith(f"proxy http://{place}: ")


async def test_a_failing_proxy_is_told(plain: Place) -> None:
    """To the application, as an attempt that did not get through; waits go on."""
    async with rude_proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n") as proxy:
        realm = await plain.open(await plain.app(), proxy=proxy.url("http", IN_URL))
        await eventually(lambda: plain.errors)
    assert plain.errors[0].code == 1034 and not plain.errors[0].is_fatal
    assert plain.errors[0].message == (
        f"Failed to connect to sync: proxy http://127.0.0.1:{proxy.port}:"
        " HTTP proxy rejected connection with status 403"
    )
    delay = session_of(realm).next_attempt_in
    assert delay is not None and 0 <= delay <= 300


BAD_PROXIES = [
    "proxy:3128",
    "ftp://proxy:21",
    "http://",
    "http://proxy",
    "http://:3128",
    "http://kim:secret@proxy",
    "http://kim:secret@proxy:66000",
    "http://kim:secret@proxy:x",
    "http://kim:sec/secret@proxy:80",
    "http://kim:secret@pro xy:80",
    "http://kim:secret\n@proxy:80",
    "http://kim:secréet@proxy:80",
    "http://[::1:80",
    "http://proxy:3128/path",
    "http://proxy:3128?a=b",
    "",
]


async def test_settings_that_are_wrong_in_themselves(plain: Place) -> None:
    user = (await plain.app()).current_user
    assert user is not None

    def make(**settings: Any) -> SyncConfiguration:
        return SyncConfiguration(user=user, partition_value="p", **settings)

    for url in BAD_PROXIES:
        with pytest.raises(InvalidArgumentError, match="'proxy'") as told:
            make(proxy=url)
        assert "secret" not in str(told.value)
    with pytest.raises(ArgumentTypeError, match="'proxy'"):
        make(proxy=("proxy", 3128))
    for name in ("", "a b", "a:b", "X\r\nY", "Größe", "Host", "upgrade", "Sec-WebSocket-Protocol"):
        with pytest.raises(InvalidArgumentError, match="header"):
            make(custom_http_headers={name: "x"})
    for value in ("secret\r\nX-Other: b", "secret\n", "\0", "Größe"):
        with pytest.raises(InvalidArgumentError, match="header 'X-Mine'") as told:
            make(custom_http_headers={"X-Mine": value})
        assert "secret" not in str(told.value)
    for pair in ({"X-Mine": 1}, {1: "x"}):
        with pytest.raises(ArgumentTypeError, match="header"):
            make(custom_http_headers=pair)
    with pytest.raises(InvalidArgumentError, match="user agent"):
        (await plain.app()).sync.set_user_agent("a\nb")
    with pytest.raises(ArgumentTypeError, match="'validate'"):
        SSLConfiguration(validate=None)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="'certificate_path'"):
        SSLConfiguration(validate_certificates=print)  # type: ignore[arg-type]
    shown = repr(make(proxy="http://kim:secret@proxy:3128"))
    assert "secret" not in shown


async def test_headers_of_ones_own(plain: Place) -> None:
    async with http_proxy() as proxy:
        app = await plain.app()
        app.sync.set_user_agent("walker/3")
        headers = {"X-Mine": "1", "X-Empty": "", "Authorization": "Basic a2lt"}
        realm = await plain.open(app, proxy=proxy.url("http"), custom_http_headers=headers)
        await synchronises(realm)
        head = b"".join(proxy.passed).partition(b"\r\n\r\n")[0].decode().split("\r\n")
    for name, value in headers.items():
        assert f"{name}: {value}" in head
    (agent,) = [line for line in head if line.startswith("User-Agent: ")]
    assert agent.startswith("User-Agent: realmsync/") and agent.endswith(" walker/3")
    assert session_of(realm).config.custom_http_headers == headers


async def test_a_user_agent_of_ones_own(plain: Place) -> None:
    async with http_proxy() as proxy:
        headers = {"user-agent": "walker/3"}
        realm = await plain.open(
            await plain.app(), proxy=proxy.url("http"), custom_http_headers=headers
        )
        await synchronises(realm)
        head = b"".join(proxy.passed).partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line for line in head if line.lower().startswith("user-agent")] == [
        "user-agent: walker/3"
    ]


@pytest.mark.parametrize(
    "url",
    ["ws://", "http://host/", "ws://host:x/", "ws://host:70000/", "ws://\xfc@host/", "ws://[/"],
)
async def test_an_address_that_is_none(
    engine: EngineDouble, driver: ClientDriver, url: str
) -> None:
    """From a location service that is wrong. The token is not shown."""
    driver.connect(1, f"{url}?baas_at=secret", OFFER, {})
    await eventually(lambda: engine.calls)
    assert engine.calls == [("connect_failed", 1, "tcp", 0, f"{url!r} is no address of a server")]


async def test_a_socket_that_gives_up_by_itself(
    engine: EngineDouble, driver: ClientDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's time-out is a failed attempt, not the one that is ours to measure."""

    async def connect(*_: object) -> socket.socket:
        raise OSError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(loop._Attempt, "_open_socket", connect)
    driver.connect(1, "ws://127.0.0.1:9/", OFFER, {})
    await eventually(lambda: engine.calls)
    assert engine.calls[0][:4] == ("connect_failed", 1, "tcp", 0)
    assert "timed out" in engine.calls[0][4]


async def test_each_connection_has_the_settings_of_its_own_sessions(plain: Place) -> None:
    """Not those of another user, or of whoever came last."""
    async with http_proxy() as one, socks_proxy() as other:
        app = await plain.app()
        await synchronises(await plain.open(app, "a", proxy=one.url("http")))
        await synchronises(await plain.open(app, "b", proxy=other.url("socks5")))
        await synchronises(await plain.open(app, "c", proxy=one.url("http")))
        await app.log_in(Credentials.anonymous())  # another user
        await synchronises(await plain.open(app, "d"))
        assert (len(one.targets), len(other.targets)) == (1, 1)
        app.sync.reconnect()  # checks the links, and changes nothing
        for realm in plain.realms:
            await synchronises(realm, 2)
        assert (len(one.targets), len(other.targets)) == (1, 1)


async def test_without_multiplexing_each_realm_has_its_own_settings(
    plain: Place, tmp_path: Path
) -> None:
    async with http_proxy() as one, http_proxy() as other:
        app = App(
            "app",
            base_url=plain.server.url,
            base_file_path=tmp_path / "single",
            multiplex_sessions=False,
        )
        plain.apps.append(app)
        await app.log_in(Credentials.anonymous())
        for partition, proxy in (("a", one), ("b", other)):
            await synchronises(await plain.open(app, partition, proxy=proxy.url("http")))
        assert (len(one.targets), len(other.targets)) == (1, 1)
        with pytest.raises(IllegalOperationError, match="multiplexing after creating the sync"):
            app.sync.enable_session_multiplexing()
    late = await plain.app()
    await synchronises(await plain.open(late))
    late.sync.enable_session_multiplexing()  # it is on: nothing to do, at any time


# TLS


async def test_own_certificate(secure: Place) -> None:
    app = await secure.app()
    realm = await secure.open(app, ssl=SSLConfiguration(certificate_path=TLS / "cert.pem"))
    await synchronises(realm)
    assert session_of(realm).url.startswith("wss://")
    assert secure.errors == []


PROGRAM = """
import asyncio, sys
from realmsync import App, Credentials, Realm, SyncConfiguration

async def main(url, folder):
    async with App("app", base_url=url, base_file_path=folder) as app:
        user = await app.log_in(Credentials.anonymous())
        sync = SyncConfiguration(user=user, partition_value="p")
        with await Realm.open(schema=[], sync=sync) as realm:
            print(realm.sync_session.url)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.no_asan
async def test_certificates_of_the_environment(secure: Place, tmp_path: Path) -> None:
    """`SSL_CERT_FILE` is for all of a program: its log-in, too."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, secure.server.url, str(tmp_path / "other")),
        env=os.environ | {"SSL_CERT_FILE": str(TLS / "cert.pem")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await program.communicate()
    assert errors == b""
    assert output.startswith(b"wss://localhost:")


async def test_unchecked_certificate(secure: Place) -> None:
    realm = await secure.open(await secure.app(), ssl=SSLConfiguration(validate=False))
    await synchronises(realm)


async def refused(server: Place, **settings: Any) -> tuple[SyncSession, Any]:
    realm = await server.open(await server.app(), **settings)
    await eventually(lambda: server.errors)
    return session_of(realm), server.errors[0]


async def test_a_certificate_that_nobody_vouches_for(secure: Place) -> None:
    """It is told as what it is, and is no reason to give up: it may become valid."""
    session, error = await refused(secure)
    assert error.code == 1042 and not error.is_fatal
    host = f"localhost:{secure.server.port}"
    assert error.message.startswith(f"TLS handshake failed: the certificate of {host} is not valid")
    assert "self-signed certificate" in error.message.replace("self signed", "self-signed")
    assert session.explain().startswith(("offline (", "connecting"))


async def test_a_file_of_certificates_that_has_gone(secure: Place, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    shutil.copy(TLS / "cert.pem", path)
    settings = SSLConfiguration(certificate_path=path)
    path.unlink()
    _, error = await refused(secure, ssl=settings)
    assert error.code == 1042 and "certificate_path" in error.message


async def test_a_certificate_for_another_host(engine: EngineDouble, driver: ClientDriver) -> None:
    async with await asyncio.start_server(print, "127.0.0.2", 0, ssl=server_context()) as server:
        place = f"127.0.0.2:{server.sockets[0].getsockname()[1]}"
        driver.connect(1, f"wss://{place}/", OFFER, {}, ssl_context=trust())
        await eventually(lambda: engine.calls)
    ((*call, message),) = engine.calls
    assert call == ["connect_failed", 1, "tls", 0]
    assert message.startswith(f"the certificate of {place} is not valid: IP address mismatch")


@pytest.mark.parametrize("scheme", TUNNELS)
async def test_tls_through_a_tunnel(
    engine: EngineDouble,
    driver: ClientDriver,
    scheme: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the loop of the test, asyncio's too; an https proxy has TLS around that of the server."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    offered: Any = OFFER
    async with (
        TUNNELS[scheme]() as proxy,
        serve(echo, "127.0.0.1", 0, ssl=server_context(), subprotocols=offered) as server,
    ):
        port = list(server.sockets)[0].getsockname()[1]
        url = f"wss://127.0.0.1:{port}/"
        driver.connect(1, url, OFFER, {}, ssl_context=trust(), proxy=proxy.url(scheme))
        await eventually(lambda: engine.calls)
        assert engine.calls[0][:2] == ("connected", 1)
        messages = [os.urandom(size) for size in (1, 100, 1_000_000, 1)]
        for message in messages:
            engine.send(1, message)
        await eventually(lambda: len(engine.received) == len(messages))
        assert engine.messages() == messages
        engine.emit(Close(1, 1000))
        await eventually(lambda: len(engine.calls) > 1)
    assert engine.calls[1][:2] == ("closed", 1)


@pytest.mark.parametrize("scheme", TUNNELS)
async def test_a_bad_certificate_behind_a_proxy(
    engine: EngineDouble, driver: ClientDriver, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's, not the proxy's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with (
        TUNNELS[scheme]() as proxy,
        await asyncio.start_server(print, "127.0.0.1", 0, ssl=server_context()) as server,
    ):
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        url = f"wss://{place}/"
        driver.connect(1, url, OFFER, {}, ssl_context=nobody, proxy=proxy.url(scheme))
        await eventually(lambda: engine.calls)
    assert engine.calls[0][:4] == ("connect_failed", 1, "tls", 0)
    assert f"the certificate of {place} is not valid" in engine.calls[0][4]


async def test_a_proxy_with_a_bad_certificate(engine: EngineDouble, driver: ClientDriver) -> None:
    async with http_proxy(context=server_context()) as proxy:
        driver.connect(1, "ws://127.0.0.1:9/", OFFER, {}, proxy=proxy.url("https"))
        await eventually(lambda: engine.calls)
    assert engine.calls[0][:4] == ("connect_failed", 1, "tcp", 0)
    assert f"proxy {proxy.url('https')}: " in engine.calls[0][4]


# A stream that is lost once there is one: a read error, which nobody is told of (9.9).


@contextlib.asynccontextmanager
async def losing(after: bytes, *, by_reset: bool) -> AsyncIterator[int]:
    """A server that ends each connection as soon as it has read something. Gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(after)
        if by_reset:
            opened = writer.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 101"])
@pytest.mark.parametrize("tunnel", ["", *TUNNELS])
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_lost_in_the_handshake(
    engine: EngineDouble,
    driver: ClientDriver,
    scheme: str,
    tunnel: str,
    after: bytes,
    by_reset: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))
    if scheme == "wss":
        after = after and b"\x16\x03\x03"  # a record that begins
    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(losing(after, by_reset=by_reset))
        proxy = None
        if tunnel:
            through: Proxy = await stack.enter_async_context(TUNNELS[tunnel]())
            proxy = through.url(tunnel)
        url = f"{scheme}://127.0.0.1:{port}/"
        driver.connect(1, url, OFFER, {}, ssl_context=trust(), proxy=proxy)
        await eventually(lambda: engine.calls)
    assert engine.calls == [("closed", 1, None, "stream ended during the handshake")]
