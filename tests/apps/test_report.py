"""What operators are shown: findings in order, tables, and who can read and write what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import layouts
from realmsync.apps import role_groups
from realmsync.apps.diagnostics import Diagnostic, Severity, printable
from realmsync.apps.expression_text import expression_text
from realmsync.apps.load import load_path
from realmsync.apps.report import page, report
from realmsync.cli import main

VECTORS = Path(__file__).parents[1] / "vectors" / "apps"
EXAMPLE = Path(__file__).parents[2] / "examples" / "app"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def shown(name: str) -> str:
    result = run("check", VECTORS / name / "app")
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (True, "TRUEPREDICATE"),
        ({}, "TRUEPREDICATE"),
        ("%%true", "TRUEPREDICATE"),
        (False, "FALSEPREDICATE"),
        ("%%false", "FALSEPREDICATE"),
        (None, "not said"),
        ([1], "[1]"),
        (1, "1"),
        ({"a": 1}, "a == 1"),
        ({"a": None}, "a == NULL"),
        ({"a": "%%user.id"}, "a == %%user.id"),
        ({"a": "x", "b": True}, '(a == "x" AND b == true)'),
        ({"a": {"$gt": 1, "%lte": 2}}, "(a > 1 AND a <= 2)"),
        ({"a": {"%eq": 1}}, "a == 1"),
        ({"a": {"%in": [1, 2]}}, "a IN {1, 2}"),
        ({"a": {"%nin": "%%values.x"}}, "NOT a IN %%values.x"),
        ({"a": {"%all": [1]}}, "ALL OF {1} IN a"),
        ({"a": {"%exists": True}}, "a != NULL"),
        ({"a": {"%exists": False}}, "a == NULL"),
        ({"a": {"$regex": "x"}}, 'a regex? "x"'),
        ({"$or": [{"a": 1}, {"b": 2}]}, "(a == 1 OR b == 2)"),
        ({"%nor": [{"a": 1}, {"b": 2}]}, "NOT (a == 1 OR b == 2)"),
        ({"not": 1}, "not == 1"),
        ({"%not": {"a": 1}}, "NOT a == 1"),
        ({"a": {"%not": {"%gt": 1}}}, "NOT a > 1"),
        ({"a": {"%or": [{"%gt": 1}, {"%lt": 0}]}}, "(a > 1 OR a < 0)"),
        ({"a": {"$oid": "65b000000000000000000001"}}, "a == oid(65b000000000000000000001)"),
        ({"a": {"%stringToOid": "%%user.id"}}, "a == stringToOid(%%user.id)"),
        ({"a": {"%in": {"%stringToUuid": "x"}}}, 'a IN stringToUuid("x")'),
        ({"a": {"x": 1, "y": 2}}, 'a == {"x": 1, "y": 2}'),
        (
            {"%%true": {"%function": {"name": "f", "arguments": ["%%partition", 1]}}},
            "f(%%partition, 1)",
        ),
        ({"%%true": {"%function": 1}}, '%%true == {"%function": 1}'),
        ({"%or": []}, "()"),
    ],
)
def test_expressions_as_text(expression: Any, text: str) -> None:
    assert expression_text(expression) == text


def test_long_expressions_are_cut() -> None:
    assert len(expression_text({"a": {"%in": ["x" * 100] * 1000}})) < 600
    deep: Any = True
    for _ in range(98):
        deep = {"%not": deep}
    assert expression_text(deep).endswith("TRUEPREDICATE")


def test_lines_hold_nothing_that_a_terminal_obeys() -> None:
    assert printable("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    assert len(printable("x" * 10_000)) < 3000
    finding = Diagnostic("a.b", Severity.ERROR, "x\ny", "z", "k")
    assert str(finding) == "error a.b x\\ny: k: z"


def test_roles_are_told_in_order() -> None:
    text = shown("clinic-roles")
    expected = [
        "Patient (roles of its own)",
        '1. doctor, when %%user.custom_data.role == "doctor"',
        "read    ward IN %%user.custom_data.wards",
        "write   doctor == %%user.id",
        "delete  no objects",
        "(fields: all but notes)",
        "(fields: phone)",
        "NO ACCESS: ",
        "6. never, for nobody",
    ]
    places = [text.index(line) for line in expected]
    assert places == sorted(places)
    assert "(default roles)" in shown("harbour-flexible")
    assert "nobody: there is no role" in run("check", VECTORS / "broken/no-roles/app").output


def test_partitions_are_told() -> None:
    text = shown("ferry-2020-functions")
    assert "_route: string or null" in text
    assert "read       mayRead(%%partition)" in text
    assert "Who can read" not in text


def test_every_class_and_log_in_and_function_is_told() -> None:
    text = shown("guild-auth")
    assert "oauth2-google    unusable" in text
    assert "anon-user        off" in text
    assert "welcome        needed  clients, too" in text
    assert "long, or a" not in text
    broken = run("check", VECTORS / "broken/no-primary-key/app").output
    assert "no: " in broken


def test_findings_are_ordered_by_severity() -> None:
    data = report(load_path(VECTORS / "guild-auth/app"))
    severities = [finding["severity"] for finding in data["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "notice"].index)
    assert "Accepted: 0 errors, 9 warnings, 4 notices" in page(data)


def test_functions_that_are_said_to_be_there() -> None:
    folder = VECTORS / "ferry-2020-functions/app"
    result = run("check", folder, "--function", "mayRead", "--json")
    states = {f["function"]: f["state"] for f in json.loads(result.output)["functions"]}
    assert states == {"mayRead": "callable", "mayWrite": "needed"}


def test_check_refuses(tmp_path: Path) -> None:
    result = run("check", VECTORS / "broken/two-roots/app")
    assert result.exit_code == 1
    assert "Refused: 1 error, 0 warnings, 0 notices" in result.output
    assert "config.ambiguous_root" in result.output
    data = json.loads(run("check", VECTORS / "broken/two-roots/app", "--json").output)
    assert data["accepted"] is False
    assert run("check", tmp_path / "nothing").exit_code == 2


def test_check_with_secrets(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"token_key": "k" * 32, "mail_key": "kkkkkkkkkk"}))
    result = run("check", EXAMPLE, "--secrets", secrets)
    assert "0 warnings" in result.output
    assert "kkkk" not in result.output
    assert "kkkk" not in run("check", EXAMPLE, "--secrets", secrets, "--json").output
    secrets.write_text("[]")
    assert run("check", EXAMPLE, "--secrets", secrets).exit_code == 1
    secrets.write_text("{")
    refused = run("check", EXAMPLE, "--secrets", secrets)
    assert refused.exit_code == 1
    assert "line 1" in refused.output


def test_check_of_a_paused_app() -> None:
    folder = VECTORS / "broken/paused/app"
    assert "flexible sync, paused" in run("check", folder).output
    enabled = run("check", folder, "--enable-sync").output
    assert "flexible sync, served" in enabled
    assert "partition-based sync, served\n  partition" in shown("ferry-2020-functions")


def test_check_is_given_what_the_server_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions in Python and places of keys, by the same options as `serve`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ferries.py").write_text(
        "from realmsync.server.functions.registry import AppFunctions\n\n"
        "functions = AppFunctions()\n\n\n"
        "@functions.function()\ndef mayRead(context, partition):\n    return True\n"
    )
    folder = VECTORS / "ferry-2020-functions/app"
    options = ("--functions", "ferries:functions", "--key-set", "oauth2-google=keys.json")
    result = run("check", folder, *options, "--json")
    states = {f["function"]: f["state"] for f in json.loads(result.output)["functions"]}
    assert states == {"mayRead": "callable", "mayWrite": "needed"}
    assert "auth.key_set_unused" in result.output
    needed = [f for f in json.loads(result.output)["findings"] if f["code"] == "functions.needed"]
    assert "--functions MODULE:NAME, or run what was exported: --javascript" in needed[0]["text"]
    assert run("check", folder, "--functions", "ferries").exit_code == 2


def test_export(tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = VECTORS / "ferry-2020-functions/app"
    assert run("export", folder, "-o", out).exit_code == 0
    assert load_path(out).app == load_path(folder).app
    again = run("export", folder, "-o", out)
    assert again.exit_code == 1
    assert "not empty" in again.output
    archive = tmp_path / "out.zip"
    assert run("export", folder, "-o", archive, "--zip", "--app-id", "ferry-xyzzy").exit_code == 0
    app = load_path(archive).app
    assert app is not None
    assert app.id == "ferry-xyzzy"
    assert run("export", folder, "-o", archive, "--zip").exit_code == 1


def test_what_is_refused_is_not_exported(tmp_path: Path) -> None:
    result = run("export", VECTORS / "broken/bad-json/app", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert not (tmp_path / "out").exists()


WRITING = {
    "name": "w",
    "apply_when": {},
    "document_filters": {"read": True, "write": {"_id": "%%user.id"}},
    "read": True,
    "write": True,
}


@pytest.mark.parametrize(
    ("role", "is_told"),
    [
        (WRITING, True),
        (WRITING | {"write": False}, False),
        (WRITING | {"write": False, "fields": {"a": {"write": True}}}, True),
        (WRITING | {"write": None, "additional_fields": {"write": True}}, True),
        (WRITING | {"document_filters": {"read": True, "write": False}}, False),
        (WRITING | {"document_filters": {"read": True}}, False),  # unusable
        (WRITING | {"apply_when": False}, False),
    ],
)
def test_custom_data_that_clients_write(
    role: dict[str, Any], is_told: bool, tmp_path: Path
) -> None:
    files = layouts.current()
    files["auth/custom_user_data.json"] = {**layouts.CUSTOM_USER_DATA, "collection_name": "items"}
    files["sync/config.json"] = {"type": "flexible", "state": "enabled"}
    rules = "data_sources/mongodb-atlas/shop/items/rules.json"
    files[rules] = {**layouts.RULES, "roles": [role]}
    found = load_path(layouts.write(files, tmp_path))
    told = [f for f in found.findings if f.code == "auth.custom_data_writable"]
    assert [f.severity.value for f in told] == (["warning"] if is_told else [])
    assert all(f.path == "auth/custom_user_data.json" for f in told)
    apart = [f for f in found.findings if f.code == "auth.custom_data_class"]
    assert [f.severity.value for f in apart] == ["warning"]


def test_custom_data_in_partitions(tmp_path: Path) -> None:
    files = layouts.current()
    files["auth/custom_user_data.json"] = {**layouts.CUSTOM_USER_DATA, "collection_name": "items"}
    found = load_path(layouts.write(files, tmp_path))
    told = [f for f in found.findings if f.code == "auth.custom_data_writable"]
    assert [f.severity.value for f in told] == ["notice"]
    apart = [f for f in found.findings if f.code == "auth.custom_data_class"]
    assert [f.severity.value for f in apart] == ["warning"]
    assert "apart from its objects" in apart[0].text


def test_custom_data_that_are_no_class(tmp_path: Path) -> None:
    files = layouts.current()
    files["auth/custom_user_data.json"] = layouts.CUSTOM_USER_DATA
    found = load_path(layouts.write(files, tmp_path))
    assert not [f for f in found.findings if f.code.startswith("auth.custom_data")]


def test_many_roles_and_classes_are_looked_at_in_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Default roles count in each class: the product of both must not be what it costs."""
    files = layouts.current()
    place = "data_sources/mongodb-atlas"
    del files[f"{place}/shop/items/rules.json"]
    files["sync/config.json"] = {
        "type": "flexible",
        "state": "enabled",
        "queryable_fields_names": [f"f{number}" for number in range(50_000)],
    }
    roles = [{**WRITING, "name": f"r{number}"} for number in range(500)]
    files[f"{place}/default_rule.json"] = {"roles": roles}
    for number in range(30):
        schema = {**layouts.SCHEMA, "title": f"C{number}"}
        files[f"{place}/shop/c{number}/schema.json"] = schema
    found = load_path(layouts.write(files, tmp_path))
    data = report(found)
    assert len(data["access"]) == 1
    assert len(data["access"][0]["roles"]) == 500
    assert len(page(data)) < 500 * 300
    monkeypatch.setattr(role_groups, "MOST_STEPS", 20_000)
    refused = load_path(tmp_path)
    assert refused.app is None
    assert [f.code for f in refused.findings if f.severity.value == "error"] == ["config.too_large"]
