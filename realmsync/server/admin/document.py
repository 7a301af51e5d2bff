"""The configuration of an app as the admin API sees it: parts with ids, one JSON document.

Editing checks names and ids alone; what a configuration means, and whether it can be served, is
found by loading its bundle (../../apps); the way back, from a bundle to a document, is
replacement.py's. Specification: app-configuration.md 10.2 and 10.3.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Mapping
from typing import Any

from realmsync.apps.bundle import Bundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.import_body import read_body
from realmsync.codes import AppCode
from realmsync.server.http.replies import HttpError

# Lists of the document, with the key that tells their entries apart by name, and the code of what
# is answered when there is no entry with an id.
NAMES = {
    "services": ("name", AppCode.ServiceNotFound),
    "functions": ("name", AppCode.FunctionNotFound),
    "auth_providers": ("type", AppCode.AuthProviderNotFound),
    "secrets": ("name", AppCode.ValueNotFound),
    "values": ("name", AppCode.ValueNotFound),
    "environment_values": ("name", AppCode.ValueNotFound),
    "schemas": ("_id", AppCode.ValueNotFound),
}
# What the root says beside names, with what counts where it does not.
ROOT = {
    "location": "US-VA",
    "provider_region": "",
    "deployment_model": "GLOBAL",
    "environment": "",
}
EVERYTHING = {  # of a role that may do so
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
                **{key: settings.get(key) or value for key, value in ROOT.items()},
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
        raise HttpError(404, f"there is none with id '{entry_id}'", NAMES[part][1])

    def add(self, part: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """A new entry."""
        key, _ = NAMES[part]
        entry = {**given, "_id": new_id()}
        if key != "_id" and any(other.get(key) == entry.get(key) for other in self.all(part)):
            raise HttpError(409, f"the {key} '{entry.get(key)}' is in use", AppCode.BadRequest)
        self.all(part).append(entry)
        return entry

    def replace(self, part: str, entry_id: str, given: Mapping[str, Any]) -> None:
        """What is given goes before what the entry has."""
        entry = self.find(part, entry_id)
        key, _ = NAMES[part]
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
        service["default_rule"] = {"_id": new_id(), "roles": [dict(EVERYTHING)], "is_assumed": True}
        return service

    def reset(self) -> None:
        """Takes out what tests of SDKs configure anew: services, rules, functions, providers."""
        for part in ("services", "schemas", "functions"):
            self.content[part] = []
        self.content["auth_providers"] = AppDocument.new("", {"name": ""}).all("auth_providers")

    def secrets(self) -> dict[str, Any]:
        """The contents of secrets, by name; those of old files in their own form, too."""
        named = {entry["name"]: entry["value"] for entry in self.all("secrets")}
        return {**self.content.get("old_secrets", {}), **named}

    def bundle(self, findings: Findings) -> Bundle | None:
        """The same as other entrances give it; None when findings say what cannot be read."""
        bundle = read_body(self.body(), findings)
        if bundle is not None:
            unused = self.content.get("unused", [])
            bundle.ignored += [(u["kind"], Source(u["path"], u["content"])) for u in unused]
        return bundle

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
            **{key: content.get(key, value) for key, value in ROOT.items()},
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
                parts = ("schema", "relationships")
                rule |= {key: schema[key] for key in parts if schema.get(key) is not None}
        body = {
            "config": {
                "name": service["name"],
                "type": service.get("type"),
                "config": service.get("config") or {},
            },
            "rules": [*rules.values()],
        }
        if service.get("default_rule"):
            body["default_rule"] = service["default_rule"]
        return body
