"""Custom user data, as a configuration says them, and the hole that they may make in its rules.

Reading and keeping the documents is server/accounts'. Specification: app-configuration.md 8.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.keys import Keys
from realmsync.apps.model import App, Class, ClassKind, CustomUserData, FieldRights, Role, SyncMode

_NEVER = (None, False, "%%false")


def read_custom_user_data(bundle: Bundle, findings: Findings) -> CustomUserData | None:
    """The collection of custom user data; None when there is none, or it is switched off."""
    keys = Keys.of(bundle.custom_user_data, findings)
    if not keys.flag("enabled"):
        return None
    for key in ("database_name", "collection_name", "user_id_field"):
        if not keys.text(key):
            keys.bad(key, "must not be empty when custom user data are enabled")
    return CustomUserData(
        database=keys.text("database_name"),
        collection=keys.text("collection_name"),
        user_id_field=keys.text("user_id_field"),
        service=keys.text("mongo_service_name") or None,
        on_user_creation=keys.text("on_user_creation_function_name") or None,
    )


def check_custom_user_data(app: App, path: str, findings: Findings) -> None:
    """Finds documents of users that clients may write: whoever does changes his own rights."""
    cls = None if app.custom_user_data is None else _class_of(app, app.custom_user_data)
    if cls is None:
        return
    if app.sync.mode is SyncMode.FLEXIBLE:
        roles = [role.name for role in app.roles_of(cls.name) if _may_write(role)]
        if roles:
            findings.warning(
                "auth.custom_data_writable",
                path,
                f"class {cls.name} has the users' custom data, and role {', '.join(roles)} may "
                "write it: rules that ask for custom data are then in the hands of clients",
                "collection_name",
            )
    elif app.sync.partition is not None and app.sync.partition.write not in _NEVER:
        findings.notice(
            "auth.custom_data_writable",
            path,
            f"class {cls.name} has the users' custom data: who may write the partition of his "
            "document changes his own rights, if permissions ask for custom data",
            "collection_name",
        )


def _class_of(app: App, data: CustomUserData) -> Class | None:
    """The class whose objects are the documents of users."""
    for cls in app.classes.values():
        is_there = (cls.database, cls.collection) == (data.database, data.collection)
        if cls.kind is not ClassKind.EMBEDDED and is_there:
            return cls
    return None


def _may_write(role: Role) -> bool:
    """Whether a role gives anybody a right to write any field."""
    if role.unusable is not None or role.apply_when in (False, "%%false"):
        return False
    return role.write_filter not in _NEVER and any(right is True for right in _writes(role))


def _writes(role: Role) -> Iterator[object]:
    yield role.write
    for rights in (*role.fields.values(), role.additional_fields or FieldRights()):
        yield rights.write
