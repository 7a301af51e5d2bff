"""What `realmsync serve` says of wrong settings and folders: one line, no traceback."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app_folders import write_app
from devices import DOG, add
from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration
from realmsync.cli import main
from realmsync.errors import SyncError
from realmsync.server import process
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server


def serve(data: Path, *arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(
        main, ["serve", "--data", str(data), "--port", "0", *arguments], env=environment
    )


def assert_refused(result: Result, exit_code: int, text: str) -> None:
    assert result.exit_code == exit_code, result.output
    assert isinstance(result.exception, SystemExit)
    assert text in result.output
    assert "Traceback" not in result.output
    assert result.output.count("Error: ") == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--port", "99999"], "99999 is not in the range"),
        (["--port", "-1"], "-1 is not in the range"),
        (["--port", "http"], "is not a valid integer"),
        (["--public-url", "foo"], "a public URL is an origin"),
        (["--public-url", "ftp://a"], "a public URL is an origin"),
        (["--public-url", "https://a:b"], "a public URL is an origin"),
        (["--public-url", "https://a/path"], "a public URL is an origin"),
        (["--websockets-per-user", "0"], "0 is not in the range"),
        (["--log-ins-per-user", "0"], "0 is not in the range"),
        (["--log-level", "loud"], "loud"),
        (
            ["--providers", "anonymous"],
            "providers are some of anon-user, local-userpass, api-key, not",
        ),
        (["--migrated-partition-key", "owner"], "--migrated-partition-key is about apps that have"),
        (["--schema-version", "1", "--open-app", "x"], "--schema-version is about apps that have"),
        (["--smtp", "smtp://mail.org"], "--smtp and --mail-from go together"),
        (["--smtp", "x", "--mail-from", "a@b.c"], "a mail server is smtp://"),
        (["--providers", ""], "providers are some of anon-user, local-userpass, api-key, not none"),
        (["--bytes-per-user", "0"], "0 is not in the range"),
        (["--authorize", "rules"], "'rules' is not MODULE:NAME"),
        (["--app", "bakcend"], "no folder, zip or realmsync.toml 'bakcend'. An app without a"),
        (["--app", "tasks-abcde=bakcend/"], "no folder, zip or realmsync.toml 'bakcend/'"),
        (["--app", "bakcend.zip", "--app-id", "tasks-abcde"], "is --open-app ID"),
        (["--open-app", "a", "--app-id", "b"], "--app-id is for one --app FOLDER"),
        (["--key-set", "google=keys.json"], "'google' is none of custom-token, oauth2-google, "),
        (["--key-set", "oauth2-google"], "is not PROVIDER=PLACE"),
        (["--adopt-until", "2090-01-01"], "--adopt-until needs what it ends"),
        (
            ["--adopt-until", "2090-01-01", "--old-tokens", "others=hold"],
            "--adopt-until needs what it ends",
        ),
        (["--authorize", "no_such_module:may"], "cannot import 'no_such_module:may': No module"),
        (["--authorize", "os:no_such_function"], "module 'os' has no attribute"),
        (["--authorize", "os:sep"], "'os:sep' is no function"),
        (
            ["--authorize", "os.path:samefile"],
            "called with one AuthorizationRequest: samefile(f1, f2) cannot be: missing a required",
        ),
    ],
)
def test_wrong_settings(tmp_path: Path, arguments: list[str], text: str) -> None:
    assert_refused(serve(tmp_path / "data", *arguments), 2, text)
    assert not (tmp_path / "data").exists()


def nothing() -> str:
    return "read"


def keywords(*, request: object) -> str:
    return "read"


def several(request: object, *more: object, other: int = 1) -> str:
    return "read"


class Rules:
    def __call__(self, request: object) -> str:
        return "read"

    async def may(self, request: object) -> str:
        return "read"


@pytest.mark.parametrize("function", [nothing, keywords, Rules.may, "rules"])
def test_functions_that_cannot_be_asked(tmp_path: Path, function: Any) -> None:
    with pytest.raises(ValueError, match="authorize is called with one AuthorizationRequest"):
        ServerConfig(data=tmp_path, authorize=function)


@pytest.mark.parametrize(
    "function", [several, Rules(), Rules().may, functools.partial(Rules.may, Rules()), str, max]
)
def test_functions_that_can_be_asked(tmp_path: Path, function: Any) -> None:
    assert ServerConfig(data=tmp_path, authorize=function).authorize is function


async def test_a_function_of_the_working_directory_decides(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("def may(request):\n    return 'read'\n")
    served = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "realmsync", "serve", "--port", "0", "--authorize", "rules:may"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONSAFEPATH": "1"},  # as the installed command has it
        stdout=asyncio.subprocess.PIPE,
    )
    assert served.stdout is not None
    url = (await served.stdout.readline()).split()[2].rstrip(b",").decode()
    app = App("app", base_url=url, base_file_path=tmp_path / "device")
    try:
        user = await app.log_in(Credentials.anonymous())
        told: asyncio.Queue[SyncError] = asyncio.Queue()
        sync = SyncConfiguration(
            user=user, partition_value="p", on_error=lambda _, error: told.put_nowait(error)
        )
        async with Realm.open(Configuration(schema=[DOG], sync=sync)) as realm:
            add(realm, 1)
            assert (await asyncio.wait_for(told.get(), 20)).code == 1037
    finally:
        await app.close()
        served.terminate()
        await served.wait()


def started(monkeypatch: pytest.MonkeyPatch, data: Path, *arguments: str) -> ServerConfig:
    """What a server would have been started with."""
    given: list[ServerConfig] = []

    async def keep(config: ServerConfig) -> int:
        given.append(config)
        return 0

    monkeypatch.setattr(process, "serve", keep)
    assert serve(data, *arguments).exit_code == 0
    return given[0]


def test_apps_with_and_without_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only who says --open-app has an app that is open to everybody."""
    folder = write_app(tmp_path / "with=sign")
    more = ("--app", f"notes-fghij={folder}", "--open-app", "play")
    config = started(monkeypatch, tmp_path, "--app", str(folder), *more)
    assert config.apps == {"play"}
    assert [(f.path, f.app_id) for f in config.app_folders] == [
        (folder, None),
        (folder, "notes-fghij"),
    ]


def test_settings_of_the_environment(tmp_path: Path) -> None:
    result = serve(tmp_path / "data", REALMSYNC_SERVE_PUBLIC_URL="foo")
    assert_refused(result, 2, "a public URL is an origin")


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)], ids=["empty", "short", "long"])
def test_a_damaged_key_is_told_and_kept(tmp_path: Path, key: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(key)
    assert_refused(serve(tmp_path), 1, "secret.key is damaged: a key has 32 bytes")
    assert (tmp_path / "secret.key").read_bytes() == key


def test_a_key_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir()
    assert_refused(serve(tmp_path), 1, "cannot use the secret key")


def test_a_damaged_file_of_users(tmp_path: Path) -> None:
    (tmp_path / "users.sqlite").write_bytes(b"no database" * 100)
    assert_refused(serve(tmp_path), 1, "cannot use the users' file")


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    assert_refused(serve(tmp_path / "data" / "below"), 1, "cannot use data directory")


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = serve(tmp_path, "--host", "127.0.0.1", "--port", port)
    assert_refused(result, 1, f"cannot listen on 127.0.0.1:{port}")


async def test_a_signal_while_the_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a request to stop like any other, not the end of the process in the middle."""
    start = Server.start

    async def start_and_hear(server: Server) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await start(server)

    monkeypatch.setattr(Server, "start", start_and_hear)
    status = await asyncio.wait_for(
        process.serve(ServerConfig(data=tmp_path, host="127.0.0.1", port=0)), 20
    )
    assert status == 0
    assert "realmsync server: http://127.0.0.1:" in capsys.readouterr().out
