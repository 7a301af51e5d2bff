"""`realmsync user`, a process of its own, while clients of the server synchronise."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from devices import LIMIT, Device, World, add, session_of, world
from realmsync import AppError, Credentials, SyncSession
from realmsync.errors import SyncError

pytestmark = pytest.mark.no_asan

ADA = ("ada@example.org", "correct horse")


async def command(at: World, *arguments: str, input: str = "") -> None:
    name, *rest = arguments
    data = str(at.server.config.data)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "realmsync", "user", name, "--data", data, *rest),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate(input.encode())
    assert process.returncode == 0, told


async def device_of_ada(at: World) -> Device:
    """Where registration is closed the operator makes accounts."""
    await command(at, "add", ADA[0], "--app", "app", "--password-stdin", input=ADA[1])
    return await at.device(Credentials.email_password(*ADA))


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (("disable", ADA[0]), "UserDisabled"),
        (("delete", ADA[0], "--yes"), "InvalidPassword"),
        (("log-out", ADA[0]), None),
        (("reset-password", ADA[0], "--password-stdin"), "InvalidPassword"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
async def test_a_user_who_synchronises_is_logged_out(
    tmp_path: Path, arguments: tuple[str, ...], refused: str | None
) -> None:
    async with world(tmp_path, registration=False) as at:
        device = await device_of_ada(at)
        bystander = await at.device()
        told: asyncio.Queue[SyncError] = asyncio.Queue()

        def keep(_: SyncSession, error: SyncError) -> None:
            told.put_nowait(error)

        async with device.open(on_error=keep) as realm, bystander.open() as other:
            add(realm, 1)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            await command(at, *arguments, input="new horse")
            await asyncio.wait_for(told.get(), LIMIT)
            assert not device.user.is_logged_in
            add(other, 2)
            assert await session_of(other).upload_all_local_changes(LIMIT)
        again = device.app.log_in(Credentials.email_password(*ADA))
        if refused is None:
            assert (await again).is_logged_in
        else:
            with pytest.raises(AppError) as error:
                await again
            assert error.value.name == refused
