"""realmsync.toml: the same model as an exported folder gives, and clear words for mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import layouts
from realmsync.apps.diagnostics import Findings
from realmsync.apps.load import Loaded, load, load_path
from realmsync.apps.model import App, ClassKind, Property, SyncMode, SyncState
from realmsync.apps.toml import MOST_BYTES, read_toml

EXAMPLE = Path(__file__).parents[2] / "examples" / "app"

SHOP = """
name = "shop"
app_id = "shop-abcde"

[sync]
mode = "partition"

[sync.partition]
key = "_part"
type = "string"
permissions.read = { "%%true" = { "%function" = { name = "mayRead", arguments = [] } } }
permissions.write = false

[providers.anon-user]

[providers.local-userpass]
disabled = true

[classes.Item.properties]
_id = "objectId"
_part = "string?"
price = "decimal128?"
tags = "string[]"
marks = "int?<>"
extra = "mixed{}"
next = "Item"
more = "Item[]"
box = "Box"
boxes = "Box[]"

[embedded.Box]
size = "int"
inner = "Box2"

[embedded.Box2]
item = "Item"

[functions]
mayRead = { call = "shop.functions:may_read", private = true }

[values]
motd = ["a", 1, 1.5, { b = true }]
"""


NOTES = """
name = "notes"
app_id = "notes-abcde"

[sync]
mode = "flexible"
queryable = ["owner_id"]

[classes.Note]
queryable = ["shared_with"]

[classes.Note.properties]
_id = "objectId"
owner_id = "string"
shared_with = "string[]"

[classes.Visit]
asymmetric = true

[classes.Visit.properties]
_id = "objectId"

[[classes.Note.roles]]
name = "reader"
document_filters = { read = { shared_with = "%%user.id" }, write = false }

[[roles]]
name = "owner"
document_filters = { read = { owner_id = "%%user.id" }, write = { owner_id = "%%user.id" } }
"""


def app_of(found: Loaded) -> App:
    assert found.app is not None, [*map(str, found.findings)]
    return found.app


def read(text: str) -> Loaded:
    findings = Findings()
    bundle = read_toml(text.encode(), findings)
    assert bundle is not None, [*map(str, findings)]
    return load(bundle)


def errors(text: str | bytes) -> list[str]:
    findings = Findings()
    data = text if isinstance(text, bytes) else text.encode()
    assert read_toml(data, findings) is None
    return [f"{f.code} {f.key}".strip() for f in findings]


def test_the_example(tmp_path: Path) -> None:
    found = load_path(EXAMPLE, secrets={"token_key": "k" * 32, "mail_key": "m"})
    app = app_of(found)
    assert [*map(str, found.findings)] == []
    partition = app.sync.partition
    assert partition is not None and (partition.key, partition.required) == ("owner_id", True)
    assert [*app.classes] == ["Note", "Place"]
    assert app.functions["count_words"].implementation == "notes.functions:count_words"
    assert app.functions["reset_password"].private
    assert app.environment_values == {"longest_note": 10_000}
    assert app.custom_user_data is not None
    assert app.providers["custom-token"].secrets["signingKeys"] == ("k" * 32,)


def test_flexible_sync() -> None:
    app = app_of(read(NOTES))
    assert app.sync.mode is SyncMode.FLEXIBLE
    assert app.sync.asymmetric == ("Visit",)
    assert app.sync.queryable.of("Note") == {"_id", "owner_id", "shared_with"}
    assert app.classes["Visit"].kind is ClassKind.ASYMMETRIC
    assert [role.name for role in app.roles["Note"]] == ["reader"]
    assert [role.name for role in app.default_roles] == ["owner"]


def test_types_of_properties() -> None:
    app = app_of(read(SHOP))
    assert app.classes["Item"].properties == (
        Property("_id", "objectId", False),
        Property("_part", "string", True),
        Property("price", "decimal128", True),
        Property("tags", "string", False, "list"),
        Property("marks", "int", True, "set"),
        Property("extra", "mixed", True, "dictionary"),
        Property("next", "link", True, None, "Item"),
        Property("more", "link", False, "list", "Item"),
        Property("box", "embedded", True, None, "Box"),
        Property("boxes", "embedded", False, "list", "Box"),
    )
    assert app.classes["Box2"].properties == (Property("item", "link", True, None, "Item"),)
    assert app.classes["Box2"].kind is ClassKind.EMBEDDED


def test_the_rest_of_the_model() -> None:
    found = read(SHOP)
    app = app_of(found)
    assert [*map(str, found.findings)] == []
    assert (app.id, app.sync.state, app.sync.recovery) == ("shop-abcde", SyncState.ENABLED, True)
    assert app.sync.partition is not None
    assert app.sync.partition.write is False
    assert [name for name, p in app.providers.items() if not p.disabled] == ["anon-user"]
    assert app.values == {"motd": ["a", 1, 1.5, {"b": True}]}


def test_a_folder_with_both_is_ambiguous(tmp_path: Path) -> None:
    files: dict[str, Any] = {**layouts.current(), "realmsync.toml": SHOP}
    found = load_path(layouts.write(files, tmp_path))
    assert found.app is None
    assert "config.ambiguous_root" in [f.code for f in found.findings]


def test_a_file_of_another_name(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(SHOP)
    assert app_of(load_path(path)).id == "shop-abcde"
    path.write_text("nonsense")
    assert [f.path for f in load_path(path).findings] == ["shop.toml"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("quaryable = 1", "config.bad_value quaryable"),
        ("[sync]\nmodes = 1", "config.bad_value sync.modes"),
        (
            "[providers.anon-user]\nautoConfirm = true",
            "config.bad_value providers.anon-user.autoConfirm",
        ),
        ("[classes.A]\nname = 'int'", "config.bad_value classes.A.name"),
        ("[classes.A.properties]\n_id = 'objectid'", "config.bad_value classes.A.properties._id"),
        ("[classes.A.properties]\n_id = 'int[]?'", "config.bad_value classes.A.properties._id"),
        ("[classes.A.properties]\n_id = 'int'\nb = 1", "config.bad_value classes.A.properties.b"),
        (
            "[classes.A.properties]\n_id = 'int'\nb = 'A?[]'",
            "config.bad_value classes.A.properties.b",
        ),
        ("[classes.A.properties]\nb = 'A'", "config.bad_value classes"),
        ("[classes.A]\n[embedded.A]\na = 'int'", "config.bad_value classes.A.properties"),
        ("[embedded.A]\na = 'A'\n[classes.B.properties]\na = 'A'", "config.bad_value classes"),
        ("[[roles]]\nfilter = 1", "config.bad_value roles[0].filter"),
        ("roles = 1", "config.bad_value roles"),
        ("[functions]\nf = 'no attribute'", "config.bad_value functions.f"),
        ("[functions]\nf = 1", "config.bad_value functions.f"),
        ("[functions]\nf = { call = 'a:b', privat = true }", "config.bad_value functions.f.privat"),
        ("[secret_values]\na = 1", "config.bad_value secret_values.a"),
        ("[custom_user_data]\nfield = 'a'", "config.bad_value custom_user_data.field"),
        ("a = ", "config.bad_toml"),
        ("[values]\na = 1979-05-27", "config.bad_toml"),
        ("[values]\na = nan", "config.bad_toml"),
        ("values.a = " + "[" * 101 + "]" * 101, "config.bad_toml"),
        ("values." + "a." * 101 + "a = 1", "config.bad_toml"),
        ("values.a = " + "[" * 100_000, "config.bad_toml"),
        ("values.a = " + "1" * 5000, "config.bad_toml"),
        (b"a = '\xff'", "config.bad_toml"),
        (b"#" * (MOST_BYTES + 1), "config.bad_toml"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_mistakes(text: str | bytes, error: str) -> None:
    assert error in errors(text)
