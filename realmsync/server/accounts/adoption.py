"""What clients hear that come with a refresh token of the service that their app has left.

The decision about a token is old_tokens.py's; here it is carried out, and users are left out who
may do more than others, whose tokens would be worth forging. Specification: app-configuration.md
12.3.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from bson import ObjectId

from realmsync.apps.model import Role
from realmsync.apps.permissions import Permissions
from realmsync.codes import AppCode
from realmsync.server.accounts.app_users import app_user
from realmsync.server.accounts.file.records import Gone, UserRecord
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.old_tokens import (
    KnownUser,
    OldToken,
    OldTokenPolicy,
    OldTokens,
    decide,
    not_adopted,
    read_old_token,
    token_hash,
)
from realmsync.server.accounts.refusals import AuthError, invalid_session
from realmsync.server.accounts.users import Users
from realmsync.server.apps.running import Apps, RunningApp

_logger = logging.getLogger("realmsync.server")


class Adoption:
    """Answers to tokens that are not this server's."""

    def __init__(
        self, users: Users, apps: Apps, settings: OldTokens, log_ins_per_user: int
    ) -> None:
        self._users = users
        self._apps = apps
        self._settings = settings
        self._log_ins_per_user = log_ins_per_user

    async def log_in(self, token: str) -> dict[str, Any]:
        """What a refresh token of this server would say in place of this one. Raises AuthError.

        One that was adopted stays the key of its device: clients never take another one.
        """
        old = read_old_token(token)
        if old is None:
            raise invalid_session("token is not valid")
        hashed = token_hash(token)
        known = await self._users.read(lambda file: file.adopted_tokens.log_in(hashed))
        if known is not None:
            return _claims(old, known)
        user, app = await self._find(old.user_id)
        described = None if user is None else await self._described(user)
        policy = decide(self._settings, old, described, time.time())
        if policy is OldTokenPolicy.ADOPT and user and app and described:
            log_in = await self._adopt(old, user, app)
            if log_in is not None:
                return _claims(old, log_in)
            policy = not_adopted(described)
        _logger.info("old token of user %s: %s", old.user_id, policy.value)
        if policy is OldTokenPolicy.HOLD:
            raise AuthError(
                "log-ins of the former service have to wait, try again later",
                AppCode.MaintenanceInProgress,
            )
        raise invalid_session("token is not valid")

    async def _find(self, user_id: str) -> tuple[UserRecord | None, RunningApp | None]:
        try:
            user = await self._users.user(user_id)
        except Gone:
            return None, None
        app = self._apps.of(user.app_id)
        return (None, None) if app is None else (user, app)

    async def _described(self, user: UserRecord) -> KnownUser:
        last = await self._users.read(lambda file: file.imports.last_authentication(user.id))
        return KnownUser(
            is_imported=last is not None,
            # Also one of whom only the id is known: what an anonymous user has can be lost.
            is_anonymous=all(i.provider == "anon-user" for i in user.identities),
            last_authentication=None if last is None else last[0],
        )

    async def _adopt(self, token: OldToken, user: UserRecord, app: RunningApp) -> str | None:
        """The new log-in; None for a user or device that cannot have one."""
        if user.disabled:
            raise AuthError("user disabled", AppCode.UserDisabled)
        if not self._settings.adopt_privileged and await self._is_privileged(user, app):
            _logger.warning("old token of user %s: his role may do too much", user.id)
            return None

        def adopt(file: UserFile) -> tuple[str, list[str]] | None:
            return file.adopted_tokens.adopt(
                token, self._settings.devices_per_user, self._log_ins_per_user
            )

        try:
            adopted = await self._users.open_log_in(adopt)
        except Gone:
            return None
        if adopted is None:
            _logger.warning("old token of user %s: his devices have theirs already", user.id)
        else:
            _logger.warning("old token of user %s: adopted, device %s", user.id, token.device_id)
        return adopted

    async def _is_privileged(self, record: UserRecord, app: RunningApp) -> bool:
        if record.type != "normal":
            return True
        if app.is_open:
            return False
        user = await app_user(self._users, app, record)

        async def call(name: str, arguments: Sequence[Any]) -> Any:
            return await app.functions.call(name, arguments, user)

        permissions, partition = Permissions(app.model), app.model.sync.partition
        if partition is not None:
            return (
                partition.write is not True
                and (await permissions.partition(user, _any_partition(partition.type), call)).write
            )
        session = await permissions.session(user, call)
        return any(
            _is_privilege(role)
            for cls, name in session.roles.items()
            for role in app.model.roles_of(cls)
            if role.name == name
        )


def _claims(token: OldToken, session_id: str) -> dict[str, Any]:
    return {
        "sub": token.user_id,
        "sid": session_id,
        "typ": "refresh",
        "baas_device_id": token.device_id,
    }


def _is_privilege(role: Role) -> bool:
    """Whether a role that only some have may write everything."""
    is_for_some = role.apply_when not in ({}, True)
    return is_for_some and role.write is True and role.write_filter in (None, True, {})


def _any_partition(type: str) -> Any:
    """A partition that is nobody's own: who may write it may write all."""
    match type:
        case "objectId":
            return ObjectId()
        case "uuid":
            return uuid4()
        case "long":
            return int.from_bytes(os.urandom(7), "big")
    return os.urandom(16).hex()
