"""Custom user data, as a configuration says them, and what is said where they are a class, too.

The server keeps the documents apart from the class's objects: an object has its key in one
partition alone, so whoever may write any could make a document for somebody else. Reading and
keeping them is server/accounts'. Specification: app-configuration.md 8.3.
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
    """Finds a class whose objects were the documents, above all one that clients may write."""
    cls = None if app.custom_user_data is None else _class_of(app, app.custom_user_data)
    if cls is None or app.sync.mode is SyncMode.NONE:
        return
    findings.warning(
        "auth.custom_data_class",
        path,
        f"the collection of custom user data is class {cls.name}, too: this server keeps the "
        "documents of users apart from its objects. Rules and functions know the documents alone: "
        "take them over with 'realmsync user data import', and change them by functions",
        "collection_name",
    )
    if app.sync.mode is SyncMode.FLEXIBLE:
        roles = [role.name for role in app.roles_of(cls.name) if _may_write(role)]
        if roles:
            findings.warning(
                "auth.custom_data_writable",
                path,
                f"role {', '.join(roles)} may write class {cls.name}, whose objects were the "
                "users' custom data: clients changed their own rights there, and cannot here",
                "collection_name",
            )
    elif app.sync.partition is not None and app.sync.partition.write not in _NEVER:
        findings.notice(
            "auth.custom_data_writable",
            path,
            f"objects of class {cls.name} were the users' custom data: who may write a partition "
            "changed his own rights there, and cannot here",
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
