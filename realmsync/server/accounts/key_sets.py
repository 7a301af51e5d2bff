"""Published keys (JWKS) with which others' tokens are verified: read, kept and read again.

A set is read when a token first needs it, again when a token names a key that is not in it, and
once it is old; never more often than once a minute, whatever strangers send. Which keys may verify
what is decided in foreign_tokens.py. Specification: app-configuration.md 8.2.
"""

from __future__ import annotations

import asyncio
import json
import logging
import stat
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiohttp
import jwt

from realmsync.server.accounts.foreign_tokens import Key, usable_key
from realmsync.server.logs import one_line

_logger = logging.getLogger("realmsync.server")

_LIMIT = 256 << 10  # bytes of a set; those of the large providers have some 3 KiB
_MOST = 100  # keys of a set that are looked at
_MODULUS_CHARACTERS = 1400  # base64 of 8192 bits
_EXPONENT_CHARACTERS = 8
_TIMEOUT = 5.0  # seconds; somebody waits for his log-in
_PAUSE = 60.0  # seconds between two readings
_OLD = 3600.0  # seconds after which a key may have been withdrawn


class KeysUnavailable(Exception):
    """The set cannot be read now, and was never read before."""


class Keys(Protocol):
    """Where the keys of a provider are."""

    async def find(self, kid: str | None) -> list[Key]:
        """Those that may have signed a token that names this key, or none.

        Raises KeysUnavailable.
        """
        ...


class FixedKeys:
    """Keys that a configuration holds; which one signed a token is found by trying."""

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys

    async def find(self, kid: str | None) -> list[Key]:
        """All of them: what they are called is not known."""
        return self._keys


class KeySet:
    """The keys at one place, a file or an address."""

    def __init__(
        self,
        place: str,
        read: Callable[[str], Awaitable[bytes]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` gives what is at the place, or raises OSError; `clock` is in seconds."""
        self._place = place
        self._read = read or read_place
        self._clock = clock
        self._keys: Mapping[str | None, list[Key]] | None = None
        self._tried = self._succeeded = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> list[Key]:
        """The key with this name; all keys for a token that names none. Raises KeysUnavailable."""
        found = self._known(kid)
        if not found or self._clock() - self._succeeded >= _OLD:
            await self._read_again()
            found = self._known(kid)
        if self._keys is None:
            raise KeysUnavailable
        return found

    def _known(self, kid: str | None) -> list[Key]:
        keys = self._keys or {}
        if kid is None:
            return [key for named in keys.values() for key in named]
        # An issuer with one key may not have named it.
        return keys.get(kid) or keys.get(None, [])

    async def _read_again(self) -> None:
        """Reads, unless that was done a short while ago; who comes meanwhile waits for the same."""
        if self._reading is None:
            if self._clock() - self._tried < _PAUSE:
                return
            self._tried = self._clock()
            self._reading = asyncio.ensure_future(self._read_now())
            self._reading.add_done_callback(self._ended)
        # Who gives up takes the reading from nobody else.
        await asyncio.shield(self._reading)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._reading = None

    async def _read_now(self) -> None:
        try:
            self._keys = parse_key_set(await self._read(self._place))
            self._succeeded = self._tried
        except (OSError, ValueError) as error:
            _logger.warning(
                "cannot read the keys at %s: %s", one_line(self._place), one_line(str(error))
            )


class KeySets:
    """The sets of a server, each read once for all who use it."""

    def __init__(self) -> None:
        self._sets: dict[str, KeySet] = {}

    def at(self, place: str) -> KeySet:
        """The set at a file or an address."""
        return self._sets.setdefault(place, KeySet(place))


def parse_key_set(text: bytes) -> dict[str | None, list[Key]]:
    """The RS256 keys of a set by their names. Raises ValueError when it is none or has none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError("it is no JSON web key set: it has no list of keys")
    found: dict[str | None, list[Key]] = {}
    for entry in entries[:_MOST]:
        key = _key(entry)
        if key is not None:
            kid = entry.get("kid")
            found.setdefault(kid if isinstance(kid, str) else None, []).append(key)
    if not found:
        raise ValueError("no key in it is for RS256")
    return found


def _key(entry: Any) -> Key | None:
    """The public key of an entry; None for one of another kind or use."""
    if not isinstance(entry, dict) or entry.get("kty") != "RSA":
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    modulus, exponent = entry.get("n"), entry.get("e")
    if not isinstance(modulus, str) or len(modulus) > _MODULUS_CHARACTERS:
        return None
    if not isinstance(exponent, str) or len(exponent) > _EXPONENT_CHARACTERS:
        return None
    try:
        read = jwt.PyJWK({"kty": "RSA", "alg": "RS256", "n": modulus, "e": exponent}).key
    except (jwt.PyJWTError, ValueError):
        return None
    return usable_key(read, "RS256")


def fault_of_file(place: str) -> str | None:
    """Why no keys can be read at a place now; None for an address, which nobody asks here."""
    try:
        path = _file(place)
        if path is not None:
            parse_key_set(_read_file(path))
    except (OSError, ValueError) as error:
        return (error.strerror if isinstance(error, OSError) else None) or str(error)
    return None


async def read_place(place: str) -> bytes:
    """What is in a file (a path or file: URL) or at an http(s) address. Raises OSError."""
    try:
        path = _file(place)
        if path is None:
            # Redirections are not followed: they might lead to what the operator did not mean.
            return await _read_address(place)
        return await asyncio.to_thread(_read_file, path)
    except (asyncio.TimeoutError, TimeoutError):
        raise OSError(f"no answer in {_TIMEOUT:.0f} s") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _file(place: str) -> Path | None:
    """The file at a place; None for an address. Raises ValueError for a malformed one."""
    parts = urlsplit(place)
    if parts.scheme in ("http", "https"):
        return None
    return Path(unquote(parts.path) if parts.scheme == "file" else place)


async def _read_address(address: str) -> bytes:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
        session.get(address, allow_redirects=False, headers=headers) as response,
    ):
        if response.status != 200:
            raise OSError(f"status {response.status}")
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > _LIMIT:
                raise OSError(f"it has more than {_LIMIT} bytes")
        return bytes(data)


def _read_file(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no file")
    with path.open("rb") as file:
        data = file.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise OSError(f"it has more than {_LIMIT} bytes")
    return data
