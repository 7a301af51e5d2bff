"""One application written in every layout there was, for tests that compare what is read."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

MONGODB = {"name": "mongodb-atlas", "type": "mongodb-atlas", "config": {"clusterName": "Cluster0"}}
PROVIDERS = {
    "anon-user": {"name": "anon-user", "type": "anon-user", "disabled": True},
    "local-userpass": {
        "name": "local-userpass",
        "type": "local-userpass",
        "config": {"autoConfirm": True, "runResetFunction": True, "resetFunctionName": "reset"},
    },
    "custom-token": {
        "name": "custom-token",
        "type": "custom-token",
        "config": {"audience": "x", "signingAlgorithm": "HS256"},
        "secret_config": {"signingKeys": ["theKey"]},
        "metadata_fields": [{"required": True, "name": "sub"}],
    },
}
CUSTOM_USER_DATA = {
    "enabled": True,
    "mongo_service_name": "mongodb-atlas",
    "database_name": "shop",
    "collection_name": "people",
    "user_id_field": "user_id",
}
PARTITION = {
    "key": "_part",
    "type": "string",
    "required": False,
    "permissions": {
        "read": {"%%true": {"%function": {"name": "mayRead", "arguments": ["%%partition"]}}},
        "write": {"%%partition": "%%user.id"},
    },
}
SYNC = {
    "state": "enabled",
    "database_name": "shop",
    "partition": PARTITION,
    "client_max_offline_days": 14,
}
SCHEMA = {
    "title": "Item",
    "bsonType": "object",
    "required": ["_id"],
    "properties": {
        "_id": {"bsonType": "objectId"},
        "_part": {"bsonType": "string"},
        "next": {"bsonType": "objectId"},
    },
}
RELATIONSHIPS = {
    "next": {
        "ref": "#/relationship/mongodb-atlas/shop/items",
        "foreign_key": "_id",
        "is_list": False,
    }
}
RULES = {
    "database": "shop",
    "collection": "items",
    "roles": [{"name": "all", "apply_when": {}, "read": True, "write": True}],
}
FUNCTIONS = {
    "reset": {"name": "reset", "private": True},
    "mayRead": {"name": "mayRead", "private": True, "run_as_system": True},
}
SOURCES = {"reset": "exports = () => 1;", "mayRead": "exports = () => true;"}
VALUES = {
    "motd": {"name": "motd", "value": {"a": [1, None]}, "from_secret": False},
    "key": {"name": "key", "value": "theKey", "from_secret": True},
}
ENVIRONMENTS = {"qa": {"values": {"open": ["PUBLIC"]}}, "no-environment": {"values": {}}}
ROOT = {
    "app_id": "shop-abcde",
    "name": "shop",
    "location": "IE",
    "deployment_model": "LOCAL",
    "provider_region": "aws-eu-west-1",
    "environment": "qa",
}
ORIGINS = ["https://shop.example"]
TRIGGER = {"name": "nightly", "type": "SCHEDULED", "config": {}, "function_name": "reset"}


def current(root: str = "realm_config.json") -> dict[str, Any]:
    """The files of the layout with data_sources/."""
    service = "data_sources/mongodb-atlas"
    files: dict[str, Any] = {
        root: {**ROOT, "config_version": 20210101, "allowed_request_origins": ORIGINS},
        "auth/providers.json": PROVIDERS,
        "auth/custom_user_data.json": CUSTOM_USER_DATA,
        "sync/config.json": {
            **SYNC,
            "development_mode_enabled": False,
            "service_name": "mongodb-atlas",
        },
        f"{service}/config.json": MONGODB,
        f"{service}/shop/items/rules.json": RULES,
        f"{service}/shop/items/schema.json": SCHEMA,
        f"{service}/shop/items/relationships.json": RELATIONSHIPS,
        "functions/config.json": list(FUNCTIONS.values()),
    }
    files |= {f"functions/{name}.js": source for name, source in SOURCES.items()}
    return files | _common()


def services(root: str, version: int) -> dict[str, Any]:
    """The files of the layout with services/."""
    service = "services/mongodb-atlas"
    files: dict[str, Any] = {
        root: {
            **ROOT,
            "config_version": version,
            "security": {"allowed_request_origins": ORIGINS},
            "custom_user_data_config": CUSTOM_USER_DATA,
            "sync": {"development_mode_enabled": False},
        },
        f"{service}/config.json": {
            **MONGODB,
            "config": {"clusterName": "Cluster0", "sync": SYNC},
            "version": 1,
        },
        f"{service}/rules/shop.items.json": {
            **RULES,
            "schema": SCHEMA,
            "relationships": RELATIONSHIPS,
        },
    }
    files |= {f"auth_providers/{name}.json": p for name, p in PROVIDERS.items()}
    files |= {f"functions/{name}/config.json": f for name, f in FUNCTIONS.items()}
    files |= {f"functions/{name}/source.js": source for name, source in SOURCES.items()}
    return files | _common()


def import_body() -> dict[str, Any]:
    """The same as an import body of today."""
    return {
        **ROOT,
        "config_version": 20210101,
        "allowed_request_origins": ORIGINS,
        "auth": {"providers": PROVIDERS, "custom_user_data": CUSTOM_USER_DATA},
        "sync": {"config": {**SYNC, "service_name": "mongodb-atlas"}},
        "data_sources": [
            {
                "config": MONGODB,
                "rules": [{**RULES, "schema": SCHEMA, "relationships": RELATIONSHIPS}],
            }
        ],
        "functions": {
            "config": list(FUNCTIONS.values()),
            "sources": {f"{name}.js": source for name, source in SOURCES.items()},
        },
        "values": list(VALUES.values()),
        "environments": {f"{tag}.json": content for tag, content in ENVIRONMENTS.items()},
        "triggers": [TRIGGER],
    }


def old_import_body(version: int) -> dict[str, Any]:
    """The same as an import body of the past."""
    return {
        **ROOT,
        "config_version": version,
        "security": {"allowed_request_origins": ORIGINS},
        "custom_user_data_config": CUSTOM_USER_DATA,
        "sync": {"development_mode_enabled": False},
        "auth_providers": list(PROVIDERS.values()),
        "functions": [
            {"config": config, "source": SOURCES[name]} for name, config in FUNCTIONS.items()
        ],
        "services": [
            {
                "config": {**MONGODB, "config": {"clusterName": "Cluster0", "sync": SYNC}},
                "rules": [{**RULES, "schema": SCHEMA, "relationships": RELATIONSHIPS}],
            }
        ],
        "values": list(VALUES.values()),
        "environments": {f"{tag}.json": content for tag, content in ENVIRONMENTS.items()},
        "triggers": [TRIGGER],
    }


def _common() -> dict[str, Any]:
    files: dict[str, Any] = {f"values/{name}.json": value for name, value in VALUES.items()}
    files |= {f"environments/{tag}.json": content for tag, content in ENVIRONMENTS.items()}
    files["triggers/nightly.json"] = TRIGGER
    return files


def bytes_of(content: Any) -> bytes:
    """A file: bytes and text as they are, everything else as JSON."""
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def write(files: dict[str, Any], folder: Path) -> Path:
    """Writes the files into a folder."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes_of(content))
    return folder


def write_zip(files: dict[str, Any], path: Path) -> Path:
    """Writes the files into a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, bytes_of(content))
    return path
