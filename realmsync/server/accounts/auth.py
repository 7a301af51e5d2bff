"""Tokens and log-ins: who a bearer token stands for, and what a new one holds.

Signing and checking of JSON web tokens live here; who has proved to be whom is said by providers/,
storage is in file/, HTTP in ../http. Specification: app-services-http.md sections 8, 10 and 14.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jwt

from realmsync.codes import AppCode
from realmsync.errors import ServerStartError
from realmsync.server.accounts.adoption import Adoption
from realmsync.server.accounts.creation import Creations
from realmsync.server.accounts.custom_data import custom_data_of, token_claims
from realmsync.server.accounts.file.database import new_id
from realmsync.server.accounts.file.records import Gone, IdentityTaken, UserRecord
from realmsync.server.accounts.key_sets import KeySets
from realmsync.server.accounts.providers.provider import (
    Attempt,
    KeyOwner,
    NewUser,
    Proof,
    ProvenIdentity,
)
from realmsync.server.accounts.providers.table import all_providers
from realmsync.server.accounts.refusals import (
    AuthError,
    invalid_session,
    no_provider,
    unauthorized,
)
from realmsync.server.accounts.users import Users
from realmsync.server.apps.running import Apps, RunningApp
from realmsync.server.config import ServerConfig
from realmsync.server.functions.port import FunctionRequest


@dataclass(frozen=True)
class Principal:
    """Who is behind a valid token."""

    user: UserRecord
    app: RunningApp
    session_id: str
    device_id: str


@dataclass(frozen=True)
class LogIn:
    """What a client gets at log-in."""

    user_id: str
    session_id: str
    device_id: str
    access_token: str
    refresh_token: str


_SECRET_BYTES = 32


def load_secret(path: Path) -> bytes:
    """The key that signs tokens, made at the first start. Keep it: a new one logs everybody out.

    Raises ServerStartError when it cannot be read or written or is damaged; it is never replaced.
    """
    try:
        secret = _read_or_make(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServerStartError(f"cannot use the secret key {path}: {reason}") from error
    if len(secret) != _SECRET_BYTES:
        raise ServerStartError(
            f"{path} is damaged: a key has {_SECRET_BYTES} bytes, this one {len(secret)}. "
            "Restore it from a backup, or delete it: then everybody must log in again"
        )
    return secret


def _read_or_make(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        secret = os.urandom(_SECRET_BYTES)
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(descriptor)
        temporary.rename(path)
        return secret


class Auth:
    """Log-ins and tokens of one server."""

    def __init__(self, users: Users, secret: bytes, config: ServerConfig, apps: Apps) -> None:
        self.users = users
        self._secret = secret
        self._config = config
        self._apps = apps
        self._creations = Creations(users)
        self._adoption = Adoption(users, apps, config.old_tokens, config.log_ins_per_user)
        self._providers = all_providers(users, KeySets())

    def check_provider(self, app: RunningApp, provider: str) -> None:
        """Raises AuthError for a provider that this app does not have or was told not to use."""
        configured = app.model.providers.get(provider)
        if (
            configured is None
            or configured.disabled
            or configured.unusable
            or provider not in self._providers
        ):
            raise no_provider(provider)

    async def log_in(
        self,
        app: RunningApp,
        provider: str,
        body: Mapping[str, Any],
        request: FunctionRequest | None = None,
    ) -> LogIn:
        """Logs in with a provider's credentials. Raises AuthError."""
        proof = await self._prove(app, provider, body, request)
        api_key_id = proof.api_key_id if isinstance(proof, KeyOwner) else None
        try:
            user = await self._user(app, provider, proof)
            if user.disabled:
                raise AuthError("user disabled", AppCode.UserDisabled)
            await self._creations.run(app, user)
            device_id = new_id()
            session_id = await self.users.open_session(
                user.id, device_id, self._config.log_ins_per_user, api_key_id
            )
        except Gone:
            raise unauthorized() from None
        return LogIn(
            user_id=user.id,
            session_id=session_id,
            device_id=device_id,
            access_token=await self._access_token(app, user, session_id, device_id),
            refresh_token=self._token("refresh", user, session_id, device_id),
        )

    async def link(
        self,
        principal: Principal,
        provider: str,
        body: Mapping[str, Any],
        request: FunctionRequest | None = None,
    ) -> str:
        """Adds an identity to a user; gives a new access token. Raises AuthError."""
        app = principal.app
        proof = await self._prove(app, provider, body, request)
        if not isinstance(proof, ProvenIdentity):  # what they stand for is nobody's alone
            raise no_provider(provider)
        try:
            await self.users.link_identity(
                app.key, provider, proof.provider_id, proof.data, principal.user.id
            )
        except IdentityTaken:
            raise AuthError(
                "a user already exists with the specified provider", AppCode.AccountNameInUse
            ) from None
        except Gone:
            raise invalid_session("the user or the account was deleted") from None
        return await self.new_access_token(principal)

    async def _prove(
        self,
        app: RunningApp,
        provider: str,
        body: Mapping[str, Any],
        request: FunctionRequest | None,
    ) -> Proof:
        self.check_provider(app, provider)
        return await self._providers[provider].prove(Attempt(app, body, request))

    async def _user(self, app: RunningApp, provider: str, proof: Proof) -> UserRecord:
        match proof:
            case NewUser():
                return await self.users.create_anonymous(app.key)
            case KeyOwner(user_id):
                return await self.users.user(user_id)
            case ProvenIdentity(provider_id, data):
                return await self.users.user_of_identity(app.key, provider, provider_id, data)

    async def new_access_token(self, principal: Principal) -> str:
        """An access token of the same log-in, with the user's custom data as they are now."""
        return await self._access_token(
            principal.app, principal.user, principal.session_id, principal.device_id
        )

    async def _access_token(
        self, app: RunningApp, user: UserRecord, session_id: str, device_id: str
    ) -> str:
        data = custom_data_of(self.users, app)
        text = None if data is None else await data.text(user.id)
        claims = {} if text is None else token_claims(user.id, text)
        return self._token("access", user, session_id, device_id, claims)

    async def authenticate(self, token: str | None, kind: str) -> Principal:
        """Who a token of this kind (access, refresh) stands for. Raises AuthError."""
        if not token:
            raise AuthError("must authenticate first", AppCode.MissingAuthReq)
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                options={"require": ["exp", "iat", "sub", "sid", "typ"], "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            raise invalid_session("token has expired") from None
        # Strangers' tokens may be no text at all, or nested deeper than Python reads.
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            if kind != "refresh":
                raise invalid_session("token is not valid") from None
            claims = await self._adoption.log_in(token)
        if claims["typ"] != kind:
            raise invalid_session(f"not an {kind} token")
        user = await self.users.user_of_session(str(claims["sid"]))
        app = self._apps.of(user.app_id) if user is not None else None
        if user is None or app is None or user.id != claims["sub"]:
            raise invalid_session("failed to find refresh token")
        if user.disabled:
            raise AuthError("user disabled", AppCode.UserDisabled)
        return Principal(user, app, claims["sid"], str(claims.get("baas_device_id", "")))

    def _token(
        self,
        kind: str,
        user: UserRecord,
        session_id: str,
        device_id: str,
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        config = self._config
        lifetime = (
            config.access_token_lifetime if kind == "access" else config.refresh_token_lifetime
        )
        now = int(time.time())  # whole seconds: SDKs crash on fractions
        return jwt.encode(
            {
                "exp": now + lifetime,
                "iat": now,
                "sub": user.id,
                "sid": session_id,
                "typ": kind,
                "app_id": user.app_id,
                "baas_device_id": device_id,
                **more,
            },
            self._secret,
            algorithm="HS256",
        )
