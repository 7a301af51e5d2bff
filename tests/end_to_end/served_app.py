"""An app with everything that App Services had for users, in a folder, and its server: a process
of `realmsync serve --app FOLDER`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest

from app_folders import OWN, write_app
from realmsync.testing import ServerProcess

APP_ID = "guild-abcde"
PASSWORD = "correct horse"
_SECRET = "a secret of 32 characters or more"
_FUNCTIONS = """
from realmsync.server.functions.registry import AppFunctions

functions = AppFunctions()


@functions.function
def sumFunc(context, *numbers):
    return sum(numbers)


@functions.function
def echo(context, *values):
    return list(values)


@functions.function
async def whoAmI(context):
    user = context.user
    return {"id": user.id, "type": user.type, "data": user.data, "custom_data": user.custom_data}


@functions.function
def fail(context):
    raise ValueError("no such thing")


@functions.function(private=True)
def hidden(context):
    return True


@functions.function
def forServers(context):
    return True


@functions.function(private=True)
def byBadge(context, body):
    if not isinstance(body.get("badge"), str):
        raise ValueError("no badge")
    return {"id": body["badge"], "name": body.get("called")}


@functions.function(private=True)
def confirm(context, request):
    return {"status": "pending" if "waits" in request["username"] else "success"}


@functions.function(private=True)
def reset(context, request, *arguments):
    return {"status": "success" if arguments == ("please",) else "fail"}


@functions.function(private=True)
async def canRead(context, partition):
    return partition in ("news", f"guest of {context.user.id}")
"""

_PROVIDERS: dict[str, dict[str, Any]] = {
    "anon-user": {},
    "api-key": {},
    "local-userpass": {
        "config": {
            "autoConfirm": False,
            "runConfirmationFunction": True,
            "confirmationFunctionName": "confirm",
            "runResetFunction": True,
            "resetFunctionName": "reset",
        }
    },
    "custom-token": {
        "config": {"audience": "portal", "signingAlgorithm": "HS256"},
        "secret_config": {"signingKeys": ["portalKey"]},
        "metadata_fields": [{"required": True, "name": "nick", "field_name": "name"}],
    },
    "custom-function": {"config": {"authFunctionName": "byBadge"}},
    "oauth2-google": {
        "config": {"clientId": "1.apps.example"},
        "metadata_fields": [{"required": False, "name": "email"}],
    },
}


def custom_token(subject: str, **claims: Any) -> str:
    """A token of the app's own service."""
    said = {"aud": "portal", "sub": subject, "nick": "Finch", "exp": int(time.time()) + 3600}
    return jwt.encode(said | claims, _SECRET, algorithm="HS256")


def google_token(subject: str, key: str) -> str:
    """An ID token of Google, signed with this private key."""
    claims = {
        "iss": "https://accounts.google.com",
        "aud": "1.apps.example",
        "sub": subject,
        "email": f"{subject}@example.org",
        "email_verified": True,
        "exp": int(time.time()) + 3600,
    }
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "g"})


@contextmanager
def serving(folder: Path, google_keys: bytes) -> Iterator[ServerProcess]:
    """Its server; the keys are those that Google's tokens are signed with."""
    options = _write(folder, google_keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)  # of the functions
        with ServerProcess(folder / "data", *options, durability="process") as server:
            yield server


async def operate(server: ServerProcess, *arguments: str) -> str:
    """`realmsync user`, in a process of its own; gives what it prints."""
    command = [sys.executable, "-m", "realmsync", "user", *arguments, "--data", str(server.data)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    told, trouble = await process.communicate()
    assert process.returncode == 0, trouble
    return told.decode()


def _write(folder: Path, google_keys: bytes) -> tuple[str, ...]:
    """Writes the app, and gives the options with which the server finds all of it."""
    write = [OWN, {"%%user.custom_data.team": "%%partition"}]
    by_function = {"name": "canRead", "arguments": ["%%partition"]}
    app = write_app(
        folder / "guild",
        app_id=APP_ID,
        read={"%or": [*write, {"%%true": {"%function": by_function}}]},
        write={"%or": write},
        providers={n: {"name": n, "type": n, **p} for n, p in _PROVIDERS.items()},
        sync={"development_mode_enabled": True},
    )
    data = {
        "enabled": True,
        "mongo_service_name": "cluster",
        "database_name": "db",
        "collection_name": "members",
        "user_id_field": "user",
    }
    (app / "auth" / "custom_user_data.json").write_text(json.dumps(data))
    servers = [{"name": "forServers", "can_evaluate": {"%%user.type": "server"}}]
    (app / "functions").mkdir(exist_ok=True)
    (app / "functions" / "config.json").write_text(json.dumps(servers))
    (folder / "guild_functions.py").write_text(_FUNCTIONS)
    (folder / "secrets.json").write_text(json.dumps({"portalKey": _SECRET}))
    (folder / "google.json").write_bytes(google_keys)
    return (
        f"--app={app}",
        f"--secrets={folder / 'secrets.json'}",
        f"--key-set=oauth2-google={folder / 'google.json'}",
        "--functions=guild_functions:functions",
        "--production",
    )
