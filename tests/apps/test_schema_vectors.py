"""The schemas of the exported applications in tests/vectors/apps: classes, classes that are left
out, and what is said about schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realmsync.apps.load import load_path
from realmsync.apps.model import Class, Property
from realmsync.apps.schema_writing import write
from test_schema_writing import again

VECTORS = Path(__file__).parent.parent / "vectors" / "apps"
APPS = sorted(p.parent for p in VECTORS.rglob("expected.json"))


def expectation(app: Path) -> dict[str, Any]:
    return json.loads((app / "expected.json").read_text())


def property_as_expected(made: Property) -> dict[str, Any]:
    optional = {"collection": made.collection, "target": made.target}
    shown = {"type": made.type, "nullable": made.nullable}
    return shown | {key: value for key, value in optional.items() if value is not None}


def class_as_expected(cls: Class) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": cls.kind.value}
    if cls.primary_key is not None:
        shown |= {"primary_key": cls.primary_key, "collection": cls.collection}
    return shown | {"properties": {p.name: property_as_expected(p) for p in cls.properties}}


def test_vectors_are_there() -> None:
    assert len(APPS) > 30


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_findings_about_schemas(app: Path) -> None:
    expected = expectation(app)
    wanted = {
        (d["severity"], d["code"], d["path"])
        for d in expected.get("diagnostics", [])
        if d["code"].startswith("schema.")
    }
    findings = {
        (f.severity.value, f.code, f.path)
        for f in load_path(app / "app").findings
        if f.code.startswith("schema.")
    }
    assert findings >= wanted
    assert {f for f in findings - wanted if f[0] != "notice"} == set()


@pytest.mark.parametrize(
    "app", [a for a in APPS if expectation(a)["accepted"]], ids=lambda app: app.name
)
def test_classes(app: Path) -> None:
    expected = expectation(app)
    loaded = load_path(app / "app").app
    assert loaded is not None
    assert sorted(loaded.not_synced) == expected.get("not_synced", [])
    if "schema" in expected:
        shown = {name: class_as_expected(cls) for name, cls in loaded.classes.items()}
        assert shown == expected["schema"]
    if loaded.classes:
        assert write(loaded.classes, loaded.sync.service or "")
        assert again(loaded.classes) == loaded.classes
