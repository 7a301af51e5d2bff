"""A configuration as files of the current layout: what an export is made of.

The documents are those that were read, in their new places, so that loading them again gives an
equal model and the hosted service's own tools read them, too. Never a secret: a configuration holds
their names alone. Specification: app-configuration.md 3.3 and 10.3.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realmsync.apps.bundle import Bundle, CollectionBundle, ServiceBundle
from realmsync.apps.file_names import file_name

VERSION = 20210101
# The same content gives the same bytes.
_MOMENT = (1980, 1, 1, 0, 0, 0)

Files = dict[str, Any]  # by path: a JSON value, or the text of a function


def root_document(bundle: Bundle, app_id: str) -> dict[str, Any]:
    """realm_config.json. `app_id`: what the application is called, whoever said so."""
    said = bundle.root.content
    document = {
        "app_id": app_id,
        "config_version": VERSION,
        "name": said.get("name") or app_id,
        "location": said.get("location") or "US-VA",
        "provider_region": said.get("provider_region"),
        "deployment_model": said.get("deployment_model") or "GLOBAL",
        "environment": said.get("environment"),
        "allowed_request_origins": said.get("allowed_request_origins"),
    }
    return {key: value for key, value in document.items() if value is not None}


def files_of(bundle: Bundle, app_id: str) -> Files:
    """All files."""
    files: Files = {"realm_config.json": root_document(bundle, app_id)}
    files["auth/providers.json"] = {
        name: provider.content for name, provider in bundle.providers.items()
    }
    if bundle.custom_user_data is not None:
        files["auth/custom_user_data.json"] = bundle.custom_user_data.content
    if bundle.sync is not None:
        files["sync/config.json"] = bundle.sync.content
    for name, service in bundle.services.items():
        files |= _files_of_service(f"data_sources/{file_name(name)}", name, service)
    files |= _files_of_functions(bundle)
    for name, value in bundle.values.items():
        files[f"values/{file_name(name)}.json"] = {**value.content, "name": name}
    for tag, environment in bundle.environments.items():
        files[f"environments/{file_name(tag)}.json"] = environment.content
    for kind, source in bundle.ignored:
        # One that stood in another file has to go where it is looked for.
        path = "hosting/config.json" if kind == "hosting" else source.path
        files.setdefault(path, source.content)
    return files


def _files_of_service(place: str, name: str, service: ServiceBundle) -> Files:
    files: Files = {f"{place}/config.json": {**service.config.content, "name": name}}
    if service.default_rule is not None:
        files[f"{place}/default_rule.json"] = service.default_rule.content
    for names, collection in service.collections.items():
        files |= _files_of_collection(place, names, collection)
    return files


def _files_of_collection(place: str, names: tuple[str, str], collection: CollectionBundle) -> Files:
    database, name = names
    folder = f"{place}/{file_name(database)}/{file_name(name)}"
    files: Files = {}
    if collection.schema is not None:
        files[f"{folder}/schema.json"] = collection.schema.content
    if collection.relationships is not None:
        files[f"{folder}/relationships.json"] = collection.relationships.content
    # Only its keys tell what an escaped name stands for.
    if collection.rules is not None or folder != f"{place}/{database}/{name}":
        said = {"roles": []} if collection.rules is None else collection.rules.content
        files[f"{folder}/rules.json"] = {**said, "database": database, "collection": name}
    return files


def _files_of_functions(bundle: Bundle) -> Files:
    files: Files = {"functions/config.json": []}
    for name, function in bundle.functions.items():
        files["functions/config.json"].append({**function.config.content, "name": name})
        if function.source is not None:
            path = "/".join(map(file_name, name.split("/")))
            files[f"functions/{path}.js"] = function.source.content
    return files


def differences(before: Files, after: Files) -> list[str]:
    """What differs, a line for each file; [] when nothing does."""
    lines = [f"deleted: {path}" for path in before if path not in after]
    for path, content in after.items():
        if path not in before:
            lines.append(f"added: {path}")
        elif content != before[path]:
            lines.append(f"modified: {path}")
    return sorted(lines)


def text_of(content: Any) -> str:
    """A file's text."""
    if isinstance(content, str):
        return content
    return json.dumps(content, indent=4, ensure_ascii=False) + "\n"


def write_folder(files: Mapping[str, Any], folder: Path) -> None:
    """Writes files into a folder that is not there yet, or empty. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(17, "the folder is not empty", str(folder))
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text_of(content), encoding="utf-8", newline="")


def zip_of(files: Mapping[str, Any]) -> bytes:
    """A zip file of them; equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text_of(files[path]))
    return buffer.getvalue()
