"""The configuration of an app as the admin API sees it: parts with ids, one JSON document.

Editing checks names and ids alone; what a configuration means, and whether it can be served, is
found by loading its import body (../../apps). Specification: app-configuration.md 10.2 and 10.3.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Mapping
from typing import Any

from realmsync.codes import AppCode
from realmsync.server.http.replies import HttpError

# Lists of the document, with the key that tells their entries apart by name, and the code of what
# is answered when there is no entry with an id.
_NAMES = {
    "services": ("name", AppCode.ServiceNotFound),
    "functions": ("name", AppCode.FunctionNotFound),
    "auth_providers": ("type", AppCode.AuthProviderNotFound),
    "secrets": ("name", AppCode.ValueNotFound),
    "values": ("name", AppCode.ValueNotFound),
    "environment_values": ("name", AppCode.ValueNotFound),
    "schemas": ("_id", AppCode.ValueNotFound),
}
_ALL = {
    "name": "defaultRole",
    "apply_when": {},
    "document_filters": {"read": True, "write": True},
    "read": True,
    "write": True,
    "insert": True,
    "delete": True,
}


def new_id() -> str:
    """24 hexadecimal digits nobody else has."""
    return os.urandom(12).hex()


class AppDocument:
    """The document of one app. Methods raise HttpError as the API answers."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    @classmethod
    def new(cls, client_app_id: str, settings: Mapping[str, Any]) -> AppDocument:
        """That of a new app, with what was asked for at its creation."""
        sync = settings.get("sync")
        return cls(
            {
                "_id": new_id(),
                "client_app_id": client_app_id,
                "name": settings["name"],
                "location": settings.get("location") or "US-VA",
                "deployment_model": settings.get("deployment_model") or "GLOBAL",
                "environment": settings.get("environment") or "",
                "development_mode": bool(
                    isinstance(sync, dict) and sync.get("development_mode_enabled")
                ),
                # Tools expect to find it, to be switched on.
                "auth_providers": [
                    {"_id": new_id(), "name": "api-key", "type": "api-key", "disabled": True}
                ],
            }
        )

    def copy(self) -> AppDocument:
        """One that can be edited while this one is in force."""
        return AppDocument(copy.deepcopy(self.content))

    @property
    def id(self) -> str:
        """The internal id."""
        return str(self.content["_id"])

    @property
    def client_app_id(self) -> str:
        """The id that clients send."""
        return str(self.content["client_app_id"])

    def all(self, part: str) -> list[dict[str, Any]]:
        """The entries of a part."""
        found: list[dict[str, Any]] = self.content.setdefault(part, [])
        return found

    def find(self, part: str, entry_id: str) -> dict[str, Any]:
        """The entry with an id."""
        for entry in self.all(part):
            if entry["_id"] == entry_id:
                return entry
        raise HttpError(404, f"there is none with id '{entry_id}'", _NAMES[part][1])

    def add(self, part: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """A new entry."""
        key, _ = _NAMES[part]
        entry = {**given, "_id": new_id()}
        if key != "_id" and any(other.get(key) == entry.get(key) for other in self.all(part)):
            raise HttpError(409, f"the {key} '{entry.get(key)}' is in use", AppCode.BadRequest)
        self.all(part).append(entry)
        return entry

    def replace(self, part: str, entry_id: str, given: Mapping[str, Any]) -> None:
        """What is given goes before what the entry has."""
        entry = self.find(part, entry_id)
        key, _ = _NAMES[part]
        if key in given and any(
            other is not entry and other.get(key) == given[key] for other in self.all(part)
        ):
            raise HttpError(409, f"the {key} '{given[key]}' is in use", AppCode.BadRequest)
        entry.update({**given, "_id": entry_id})

    def remove(self, part: str, entry_id: str) -> None:
        """Removes an entry."""
        self.all(part).remove(self.find(part, entry_id))

    def add_service(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A new service, in which everybody may do everything until its rules come.

        Tools make rules without waiting for the reply, so that a client may be there before them.
        """
        service = self.add("services", given)
        service.update(version=1, last_modified=int(time.time()))
        service["default_rule"] = {"_id": new_id(), "roles": [dict(_ALL)], "is_assumed": True}
        return service

    def reset(self) -> None:
        """Takes out what tests of SDKs configure anew: services, rules, functions, providers."""
        for part in ("services", "schemas", "functions"):
            self.content[part] = []
        self.content["auth_providers"] = AppDocument.new("", {"name": ""}).all("auth_providers")

    def secrets(self) -> dict[str, str]:
        """The contents of secrets, by name."""
        return {entry["name"]: entry["value"] for entry in self.all("secrets")}

    def body(self) -> dict[str, Any]:
        """The import body, in the layout with services, which the admin API has kept."""
        content = self.content
        environments: dict[str, dict[str, Any]] = {}
        for value in self.all("environment_values"):
            for tag, said in (value.get("values") or {}).items():
                name = f"{tag or 'no-environment'}.json"
                environments.setdefault(name, {"values": {}})["values"][value["name"]] = said
        return {
            "config_version": 20200603,
            "app_id": self.client_app_id,
            "name": content["name"],
            "location": content["location"],
            "deployment_model": content["deployment_model"],
            "environment": content["environment"],
            "security": {"allowed_request_origins": content.get("allowed_request_origins", [])},
            "custom_user_data_config": content.get("custom_user_data", {}),
            "sync": {"development_mode_enabled": content["development_mode"]},
            "auth_providers": self.all("auth_providers"),
            "functions": [
                {
                    "config": {k: v for k, v in function.items() if k != "source"},
                    "source": function.get("source") or "",
                }
                for function in self.all("functions")
            ],
            "services": [self._service_body(service) for service in self.all("services")],
            "values": self.all("values"),
            "environments": environments,
        }

    def _service_body(self, service: Mapping[str, Any]) -> dict[str, Any]:
        rules: dict[tuple[str, str], dict[str, Any]] = {}
        for rule in service.get("rules", []):
            if "database" in rule and "collection" in rule:
                rules[rule["database"], rule["collection"]] = dict(rule)
        for schema in self.all("schemas"):
            metadata = schema.get("metadata") or {}
            if metadata.get("data_source") == service["name"]:
                place = (str(metadata.get("database")), str(metadata.get("collection")))
                rule = rules.setdefault(
                    place, {"database": place[0], "collection": place[1], "roles": []}
                )
                rule["schema"] = schema.get("schema") or {}
                rule["relationships"] = schema.get("relationships") or {}
        body = {
            "config": {
                "name": service["name"],
                "type": service["type"],
                "config": service.get("config") or {},
            },
            "rules": [*rules.values()],
        }
        if service.get("default_rule"):
            body["default_rule"] = service["default_rule"]
        return body
