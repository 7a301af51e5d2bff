"""Folders and zips that are not what they should be: an error with its place, never a crash."""

from __future__ import annotations

import os
import random
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

import layouts
from realmsync.apps import tree
from realmsync.apps.json_text import MOST_BYTES, BadText, read_json
from realmsync.apps.load import load_path

ROOT = {"realm_config.json": {"name": "x", "app_id": "x-abcde"}}


def errors(path: Path) -> list[tuple[str, str]]:
    found = load_path(path)
    assert found.app is None
    return [(f.code, f.path) for f in found.findings if f.severity.value == "error"]


def errors_of(files: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    return errors(layouts.write({**ROOT, **files}, folder))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a": [1,\n  }', "Expecting value: line 2, column 3"),
        (b"\n \xff", "not UTF-8: line 2, column 2"),
        (b"\n" + b"[" * 101 + b"]" * 101, "nested over 100 levels: line 2, column 101"),
        (b'["\\"[", ' + b'{"a":' * 100 + b"1", "nested over 100 levels: line 1, column 504"),
        (b"[NaN]", "NaN is no JSON"),
        (b"[-Infinity]", "-Infinity is no JSON"),
        (b"[1e999]", "1e999 is larger than any number can be"),
        (b"[" + b"1" * 5000 + b"]", "a number of 5,000 digits"),
        (b'["\\ud800"]', "half a character"),
        (b'["\\udc00\\ud800"]', "half a character"),
        (b"// no\n{}", "Expecting value: line 1, column 1"),
        (b"", "Expecting value: line 1, column 1"),
        (b" " * (MOST_BYTES + 1), "larger than 16 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_json(text: bytes, why: str) -> None:
    with pytest.raises(BadText, match=f"^{why}"):
        read_json(text)


def test_what_is_json() -> None:
    assert read_json(b"\xef\xbb\xbf[]") == []
    assert read_json(b"[" * 100 + b"]" * 100)
    assert read_json(b'["\\ud83d\\ude00", "\\\\ud800", "[[[["]')[0] == "\N{GRINNING FACE}"
    assert len(read_json(b"[" + b"[]," * 200 + b"[]]")) == 201


def test_no_text_takes_long() -> None:
    """Each would, to a reader that goes back, or that recurs."""
    for text in (b'"' + b'\\"' * 4_000_000, b"[" * 8_000_000, b'{"":' * 3_000_000):
        with pytest.raises(BadText):
            read_json(text)


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"sync/config.json": b"["}, ("config.bad_json", "sync/config.json")),
        ({"sync/config.json": []}, ("config.bad_value", "sync/config.json")),
        ({"functions/config.json": {}}, ("config.bad_value", "functions/config.json")),
        ({"functions/config.json": [{}]}, ("config.bad_value", "functions/config.json")),
        ({"functions/a.js": b"\xff"}, ("config.bad_json", "functions/a.js")),
        ({"auth/providers.json": {"a": 1}}, ("config.bad_value", "auth/providers.json")),
        (
            {"data_sources/m/d/c/rules.json": {"roles": []}},
            ("config.bad_value", "data_sources/m/config.json"),
        ),
        ({"values/a.json": {"name": 1}}, ("config.bad_value", "values/a.json")),
        ({"values/a.json": "[" * 4000}, ("config.bad_json", "values/a.json")),
        ({"root_config.json": {}}, ("config.ambiguous_root", ".")),
        ({"realm_config.json": []}, ("config.bad_value", "realm_config.json")),
        ({"realm_config.json": {"name": "1x"}}, ("config.bad_value", "realm_config.json")),
        ({"realm_config.json": {"name": "a/b"}}, ("config.bad_value", "realm_config.json")),
        ({"realm_config.json": {"name": ["x"]}}, ("config.bad_value", "realm_config.json")),
        (
            {"realm_config.json": {"name": "x", "config_version": 20180301}},
            ("config.unknown_version", "realm_config.json"),
        ),
        (
            {"realm_config.json": {"name": "x", "environment": "moon"}},
            ("config.bad_value", "realm_config.json"),
        ),
    ],
)
def test_faults_name_their_file(
    files: dict[str, Any], error: tuple[str, str], tmp_path: Path
) -> None:
    assert error in errors_of(files, tmp_path)


def test_a_file_over_the_limit(tmp_path: Path) -> None:
    size = b" " * (MOST_BYTES - 2) + b"{}"
    assert load_path(layouts.write({**ROOT, "sync/config.json": size}, tmp_path)).app is not None
    assert errors_of({"sync/config.json": size + b" "}, tmp_path) == [
        ("config.bad_json", "sync/config.json")
    ]


def test_several_faults_are_told_at_once(tmp_path: Path) -> None:
    found = errors_of({"sync/config.json": b"[", "auth/providers.json": b"}"}, tmp_path)
    assert len(found) == 2


def test_nothing_there(tmp_path: Path) -> None:
    assert errors(tmp_path / "missing") == [("config.not_found", ".")]
    assert errors(tmp_path) == [("config.not_found", ".")]
    assert "and no realmsync.toml" in load_path(tmp_path).findings.all[0].text
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert errors(file) == [("config.unreadable", ".")]


def test_a_folder_above_the_application_is_told(tmp_path: Path) -> None:
    layouts.write(layouts.services("config.json", 20200603), tmp_path / "backend")
    layouts.write({"config.json": {"a": 1}}, tmp_path / "web")
    found = load_path(tmp_path)
    assert [f.code for f in found.findings] == ["config.not_found"]
    assert "backend/" in found.findings.all[0].text


def test_any_config_json_is_no_root_file(tmp_path: Path) -> None:
    files = {**layouts.current(), "config.json": {"compilerOptions": {}}}
    assert load_path(layouts.write(files, tmp_path)).app is not None


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = layouts.write({"secret.json": {"type": "flexible"}}, tmp_path / "outside")
    folder = layouts.write(ROOT, tmp_path / "app")
    (folder / "sync").mkdir()
    (folder / "sync" / "config.json").symlink_to(outside / "secret.json")
    (folder / "values").symlink_to(outside)
    assert errors(folder) == [
        ("config.unreadable", "sync/config.json"),
        ("config.unreadable", "values"),
    ]


def test_links_in_circles_and_to_nothing(tmp_path: Path) -> None:
    folder = layouts.write(ROOT, tmp_path / "app")
    (folder / "functions").mkdir()
    (folder / "functions" / "a.js").symlink_to("b.js")
    (folder / "functions" / "b.js").symlink_to("a.js")
    (folder / "auth").symlink_to("nowhere")
    (folder / "functions" / "deep").symlink_to(folder / "functions")
    found = errors(folder)
    assert ("config.unreadable", "functions/a.js") in found
    assert ("config.unreadable", "auth/providers.json") in found
    assert any(code == "config.too_large" for code, _ in found)


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    folder = layouts.write({**ROOT, "shared/x.json": {"name": "x", "value": 1}}, tmp_path / "app")
    (folder / "values").symlink_to(folder / "shared")
    app = load_path(folder).app
    assert app is not None
    assert app.values == {"x": 1}


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_ENTRIES", 50)
    files = {f"values/v{i}.json": {"value": i} for i in range(51)}
    assert errors_of(files, tmp_path / "app") == [("config.too_large", "values")]
    path = layouts.write_zip({**ROOT, **files}, tmp_path / "app.zip")
    assert errors(path) == [("config.too_large", ".")]


def test_ten_thousand_and_one_entries(tmp_path: Path) -> None:
    files = {f"values/v{i}.json": b"{}" for i in range(10_001)}
    path = layouts.write_zip({**ROOT, **files}, tmp_path / "app.zip")
    assert errors(path) == [("config.too_large", ".")]


def test_too_much_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_BYTES_IN_ALL", 1000)
    files = {f"values/v{i}.json": {"value": "x" * 100} for i in range(20)}
    found = errors_of(files, tmp_path)
    assert {code for code, _ in found} == {"config.too_large"}


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = layouts.write(ROOT, tmp_path)
    (folder / "sync").mkdir()
    os.mkfifo(folder / "sync" / "config.json")
    assert errors(folder) == [("config.unreadable", "sync/config.json")]
    (folder / "sync" / "config.json").unlink()
    (folder / "sync" / "config.json").mkdir()
    assert errors(folder) == [("config.unreadable", "sync/config.json")]


def test_odd_names(tmp_path: Path) -> None:
    folder = layouts.write(ROOT, tmp_path)
    place = folder / "data_sources" / "m" / "CON"
    odd = "new\nline \x1b[31m"
    (place / odd).mkdir(parents=True)
    (place / odd / "schema.json").write_text("{}")
    (folder / "data_sources" / "m" / "config.json").write_text('{"type": "mongodb"}')
    found = load_path(folder)
    assert found.app is not None
    assert ("schema.empty", f"data_sources/m/CON/{odd}/schema.json") in [
        (f.code, f.path) for f in found.findings
    ]
    assert all("\n" not in str(f) and "\x1b" not in str(f) for f in found.findings)
    (place / os.fsdecode(b"\xff\xfe")).mkdir()
    assert errors(folder) == [("config.unreadable", "data_sources/m/CON")]


def zip_entry(path: Path, name: str, attributes: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("realm_config.json", '{"name": "x"}')
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name  # unlike the constructor, keeps what a system would change
        entry.external_attr = attributes << 16
        archive.writestr(entry, "{}")
    return path


@pytest.mark.parametrize(
    "name", ["../x.json", "/etc/passwd", "a/../../b", "a\\..\\..\\x", "a//b", "sync/./config.json"]
)
def test_zip_entries_outside(name: str, tmp_path: Path) -> None:
    assert errors(zip_entry(tmp_path / "a.zip", name)) == [("config.unreadable", ".")]


def test_zip_entries_that_are_links(tmp_path: Path) -> None:
    path = zip_entry(tmp_path / "a.zip", "sync/config.json", stat.S_IFLNK | 0o777)
    assert errors(path) == [("config.unreadable", ".")]


def test_zip_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = b'"' + b"x" * (MOST_BYTES + 10) + b'"'
    path = layouts.write_zip({**ROOT, "sync/config.json": bomb}, tmp_path / "a.zip")
    assert path.stat().st_size < 100_000
    assert errors(path) == [("config.bad_json", "sync/config.json")]
    # One that lies about its size.
    data = bytearray(path.read_bytes())
    size = struct.pack("<L", len(bomb))
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = struct.pack("<L", 2)
    path.write_bytes(data)
    assert {code for code, _ in errors(path)} <= {"config.unreadable", "config.bad_json"}


def test_damaged_zips(tmp_path: Path) -> None:
    """Whatever is damaged: findings, and no other exception."""
    path = layouts.write_zip(layouts.current(), tmp_path / "a.zip")
    whole = path.read_bytes()
    rng = random.Random(7)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.randint(1, len(data))] if rng.random() < 0.2 else data)
        found = load_path(path)
        assert (found.app is None) == found.findings.is_refused


def test_zips_with_a_password(tmp_path: Path) -> None:
    path = layouts.write_zip(ROOT, tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + offset] |= 1
    path.write_bytes(data)
    assert errors(path) == [("config.unreadable", "realm_config.json")]
