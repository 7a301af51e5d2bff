"""Exported applications with something in them replaced: findings, and never an exception."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from realmsync.apps.diagnostics import Findings
from realmsync.apps.import_body import body_of, read_body
from realmsync.apps.layout import read
from realmsync.apps.load import Loaded, load
from realmsync.apps.report import page, report
from realmsync.apps.tree import MemoryTree

VECTORS = Path(__file__).parents[1] / "vectors" / "apps"
APPS = sorted(VECTORS.glob("*/app"))
ROUNDS = 150

ODD: list[Any] = [
    *(None, True, False, 0, -1, 2**63, 1.5, "", "%%user.id", "x" * 200, "\0", "é", "%%"),
    *([], {}, [[]], [None], [{}], {"": {}}, {"a": None}, ["a", "a"], [1, "a"], {"$oid": "x"}),
    {"%function": {"name": ["x"], "arguments": {}}},
    {"%%true": {"%function": {"name": "nobody"}}},
    {"$ref": "#/relationship/a/b/c"},
    {"bsonType": "object", "properties": {"a": {"bsonType": "array", "items": {}}}},
]


def files_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            text = path.read_text()
            found[name] = json.loads(text) if name.endswith(".json") else text
    return found


def damage(value: Any, rng: random.Random) -> Any:
    """A copy with something in it replaced, removed, added or moved."""
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.15:
        return deepcopy(rng.choice(ODD))
    copy = value.copy()
    keys = [*copy] if isinstance(copy, dict) else [*range(len(copy))]
    key = rng.choice(keys)
    what = rng.random()
    if what < 0.15:
        del copy[key]
    elif what < 0.25 and isinstance(copy, dict):
        copy[rng.choice(["", "_id", "a.b", "properties", "title", "roles", "%or"])] = copy[key]
    elif what < 0.3:
        copy[key] = copy[rng.choice(keys)]
    else:
        copy[key] = damage(copy[key], rng)
    return copy


def check(loaded: Loaded) -> None:
    assert (loaded.app is None) == loaded.findings.is_refused
    shown = page(report(loaded))
    assert all(line.isprintable() for line in shown.split("\n"))
    json.dumps(report(loaded))


@pytest.mark.parametrize("folder", APPS, ids=lambda path: path.parent.name)
def test_damaged_files(folder: Path) -> None:
    whole = files_of(folder)
    rng = random.Random(folder.parent.name)
    for _ in range(ROUNDS):
        files = dict(whole)
        for _ in range(rng.randint(1, 3)):
            name = rng.choice([*files])
            files[name] = damage(files[name], rng)
        findings = Findings()
        bundle = read(MemoryTree(files), findings)
        if bundle is None:
            assert findings.is_refused
        else:
            check(load(bundle))


@pytest.mark.parametrize("folder", APPS, ids=lambda path: path.parent.name)
def test_damaged_import_bodies(folder: Path) -> None:
    bundle = read(MemoryTree(files_of(folder)), Findings())
    assert bundle is not None
    body = body_of(bundle, "x-abcde")
    rng = random.Random(folder.parent.name)
    for _ in range(ROUNDS):
        findings = Findings()
        damaged = read_body(damage(damage(body, rng), rng), findings)
        if damaged is None:
            assert findings.is_refused
        else:
            check(load(damaged))
