"""Imports: a document says the same as what was imported, keeps ids by name, and loses nothing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from realmsync.apps.diagnostics import Findings
from realmsync.apps.import_body import body_of, read_body
from realmsync.apps.load import Loaded, load, load_path
from realmsync.apps.secrets import Secrets
from realmsync.server.admin.document import AppDocument
from realmsync.server.admin.replacement import replace_all

VECTORS = Path(__file__).parents[1] / "vectors" / "apps"
ACCEPTED = sorted(
    path.parent
    for path in VECTORS.rglob("expected.json")
    if json.loads(path.read_text())["accepted"]
)


def imported(document: AppDocument, body: Any) -> Loaded:
    """What `body` was loaded to; the document says it from now on."""
    bundle = read_body(json.loads(json.dumps(body)), Findings())
    assert bundle is not None
    loaded = load(bundle, secrets=Secrets(document.secrets(), {}), app_id=document.client_app_id)
    assert loaded.app is not None, [*map(str, loaded.findings)]
    replace_all(document, bundle, loaded.app)
    document.content = json.loads(json.dumps(document.content))
    return loaded


def loaded_again(document: AppDocument) -> Loaded:
    bundle = document.bundle(Findings())
    assert bundle is not None
    return load(bundle, secrets=Secrets(document.secrets(), {}))


def comparable(document: AppDocument) -> Any:
    """Without the order of entries, and how often services were replaced."""
    content = copy.deepcopy(document.content)
    for service in content["services"]:
        del service["version"], service["last_modified"]
    lists = {key: value for key, value in content.items() if isinstance(value, list)}
    return content | {
        key: sorted(json.dumps(entry, sort_keys=True) for entry in entries)
        for key, entries in lists.items()
    }


@pytest.mark.parametrize("folder", ACCEPTED, ids=lambda path: path.name)
def test_a_document_says_what_was_imported(folder: Path) -> None:
    found = load_path(folder / "app")
    assert found.app is not None and found.bundle is not None
    document = AppDocument.new(found.app.id, {"name": "other"})
    loaded = imported(document, body_of(found.bundle, found.app.id))
    again = loaded_again(document)
    assert again.app == loaded.app == found.app
    before = comparable(document)
    assert again.bundle is not None
    imported(document, body_of(again.bundle, found.app.id))
    assert comparable(document) == before, "all ids are kept"
