"""What loading makes of sync, log-ins, functions, values and the rest, and every finding on the
way that no vector has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import layouts
from realmsync.apps.load import Loaded, load_path
from realmsync.apps.model import App, SyncMode, SyncState

ROOT = {"app_id": "x-abcde", "name": "x"}
SERVICE = "data_sources/mongodb-atlas/config.json"
FLEXIBLE = {"type": "flexible", "state": "enabled", "service_name": "mongodb-atlas"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def loaded(folder: Path, files: dict[str, Any], **settings: Any) -> Loaded:
    files = {"realm_config.json": ROOT, SERVICE: layouts.MONGODB, **files}
    return load_path(layouts.write(files, folder), **settings)


def synced(folder: Path, keys: dict[str, Any], **settings: Any) -> Loaded:
    return loaded(folder, {"sync/config.json": keys}, **settings)


def app_of(found: Loaded) -> App:
    assert found.app is not None, [*map(str, found.findings)]
    return found.app


def told(found: Loaded) -> set[str]:
    """Severity, code and key of what is worth more than a notice."""
    return {
        f"{f.severity.value} {f.code} {f.key}".strip()
        for f in found.findings
        if f.severity.value != "notice"
    }


def notices(found: Loaded) -> set[str]:
    return {f"{f.code} {f.path}" for f in found.findings if f.severity.value == "notice"}


# Sync


@pytest.mark.parametrize(
    ("keys", "mode"),
    [
        ({"partition": layouts.PARTITION}, SyncMode.PARTITION),
        ({"type": "partition", "partition": layouts.PARTITION}, SyncMode.PARTITION),
        ({"queryable_fields_names": []}, SyncMode.FLEXIBLE),
        ({"collection_queryable_fields_names": {}}, SyncMode.FLEXIBLE),
        ({"permissions": {"rules": {}, "defaultRoles": []}}, SyncMode.FLEXIBLE),
        ({"type": "flexible"}, SyncMode.FLEXIBLE),
        ({"state": "enabled"}, SyncMode.NONE),
        ({"development_mode_enabled": True}, SyncMode.NONE),
        ({"partition": None, "queryable_fields_names": None}, SyncMode.NONE),
        (
            {
                "partition": layouts.PARTITION,
                "permissions": {"rules": {}, "defaultRoles": []},
                "queryable_fields_names": [],
            },
            SyncMode.PARTITION,
        ),
    ],
)
def test_the_mode_is_told_by_the_keys(folder: Path, keys: dict[str, Any], mode: SyncMode) -> None:
    assert app_of(synced(folder, {"state": "enabled", **keys})).sync.mode is mode


@pytest.mark.parametrize(
    ("keys", "errors"),
    [
        ({"partition": layouts.PARTITION, "type": "flexible"}, {"error sync.both_modes"}),
        (
            {"partition": layouts.PARTITION, "queryable_fields_names": ["a"]},
            {"error sync.both_modes"},
        ),
        ({"type": "partition", "queryable_fields_names": ["a"]}, {"error sync.both_modes"}),
        (
            {"partition": layouts.PARTITION, "permissions": {"defaultRoles": [{}]}},
            {"error sync.both_modes"},
        ),
        ({"type": "both"}, {"error config.bad_value type"}),
        ({"type": "flexible", "state": "on"}, {"error config.bad_value state"}),
        ({"type": "flexible", "state": 1}, {"error config.bad_value state"}),
        (
            {"type": "flexible", "client_max_offline_days": -1},
            {"error config.bad_value client_max_offline_days"},
        ),
        (
            {"type": "flexible", "queryable_fields_names": [1]},
            {"error config.bad_value queryable_fields_names"},
        ),
        (
            {"type": "flexible", "queryable_fields_names": "a"},
            {"error config.bad_value queryable_fields_names"},
        ),
        (
            {"type": "flexible", "collection_queryable_fields_names": {"A": "b"}},
            {"error config.bad_value collection_queryable_fields_names.A"},
        ),
        (
            {"type": "flexible", "is_recovery_mode_disabled": "no"},
            {"error config.bad_value is_recovery_mode_disabled"},
        ),
        (
            {"partition": {**layouts.PARTITION, "key": ""}},
            {"error config.bad_value partition.key"},
        ),
        (
            {"partition": {**layouts.PARTITION, "type": "double"}},
            {"error sync.partition_type partition.type"},
        ),
        (
            {"partition": {**layouts.PARTITION, "type": ["string"]}},
            {"error sync.partition_type partition.type"},
        ),
        (
            {"partition": layouts.PARTITION, "asymmetric_tables": ["A"]},
            {"error sync.asymmetric_partition asymmetric_tables"},
        ),
        (
            {
                "type": "flexible",
                "queryable_fields_names": ["a", "b"],
                "indexed_queryable_fields_names": ["a", "b"],
            },
            {"error sync.indexed_field indexed_queryable_fields_names"},
        ),
        ({"type": "flexible", "service_name": "x"}, {"error sync.service_missing service_name"}),
    ],
)
def test_sync_that_is_refused(folder: Path, keys: dict[str, Any], errors: set[str]) -> None:
    found = synced(folder, {"state": "enabled", **keys})
    assert found.app is None
    assert {text for text in told(found) if text.startswith("error")} >= errors


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        ({"state": "enabled"}, SyncState.ENABLED),
        ({"state": "disabled"}, SyncState.DISABLED),
        ({"state": ""}, SyncState.TERMINATED),
        ({}, SyncState.DISABLED),
    ],
)
def test_the_state_of_sync(folder: Path, keys: dict[str, Any], state: SyncState) -> None:
    keys = {"queryable_fields_names": [], **keys}
    found = synced(folder, keys)
    assert app_of(found).sync.state is state
    assert ("warning sync.paused state" in told(found)) == (state is not SyncState.ENABLED)
    served = load_path(folder, enable_sync=True)
    assert app_of(served).sync.state is SyncState.ENABLED
    assert told(served) == set()


def test_partitions(folder: Path) -> None:
    partition = {"key": "_p", "type": "int", "permissions": {"read": {}, "write": None}}
    found = synced(folder, {"state": "enabled", "partition": partition})
    read = app_of(found).sync.partition
    assert read is not None
    assert (read.type, read.required, read.read, read.write) == ("long", False, {}, None)
    assert told(found) == {
        "warning sync.partition_permissions partition.permissions.write",
    }


def test_without_a_limit_devices_may_stay_away(folder: Path) -> None:
    assert app_of(synced(folder, FLEXIBLE)).sync.max_offline_days == 0
    limited = synced(folder, {**FLEXIBLE, "client_max_offline_days": 30.0})
    assert app_of(limited).sync.max_offline_days == 30


def test_the_service_that_has_the_classes(folder: Path) -> None:
    second = {**layouts.MONGODB, "name": "second"}
    files = {"data_sources/second/config.json": second}
    flexible = {"type": "flexible", "state": "enabled"}
    found = loaded(folder, {**files, "sync/config.json": flexible})
    assert told(found) == {"error sync.service_missing service_name"}
    named = loaded(folder, {"sync/config.json": {**flexible, "service_name": "second"}})
    assert app_of(named).sync.service == "second"


def test_development_mode_is_warned_of_where_it_is_said(tmp_path: Path) -> None:
    found = synced(tmp_path / "current", {**FLEXIBLE, "development_mode_enabled": True})
    assert told(found) == {"warning sync.development_mode development_mode_enabled"}
    files = layouts.services("config.json", 20200603)
    files["config.json"]["sync"] = {"development_mode_enabled": True}
    older = load_path(layouts.write(files, tmp_path / "older"))
    assert app_of(older).sync.development_mode
    assert ("sync.development_mode", "config.json") in {(f.code, f.path) for f in older.findings}


# Log-ins


def test_every_secret_has_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = {
        "type": "custom-token",
        "secret_config": {"signingKeys": ["my key"]},
        "config": {"signingAlgorithm": "HS256"},
    }
    files: dict[str, Any] = {"auth/providers.json": {"custom-token": provider}}
    missing = loaded(tmp_path, files)
    assert "warning auth.secret_missing custom-token.secret_config.signingKeys" in told(missing)
    assert app_of(missing).providers["custom-token"].unusable
    files["secrets.json"] = {"auth_providers": {"custom-token": {"signingKeys": ["of folder"]}}}
    assert keys_of(loaded(tmp_path, files)) == ("of folder",)
    files["secrets.json"] = {"my key": "by name"}
    assert keys_of(loaded(tmp_path, files)) == ("by name",)
    monkeypatch.setenv("REALMSYNC_SECRET_MY_KEY", "of process")
    assert keys_of(loaded(tmp_path, files)) == ("of process",)
    found = loaded(tmp_path, files, secrets={"my key": "of operator"})
    assert keys_of(found) == ("of operator",)
    assert "of operator" not in repr(found)


def keys_of(found: Loaded) -> tuple[str, ...]:
    provider = app_of(found).providers["custom-token"]
    assert provider.unusable is None
    return provider.secrets["signingKeys"]


@pytest.mark.parametrize(
    ("provider", "findings", "why"),
    [
        ({"type": "custom-token"}, {"auth.secret_missing"}, "no signing key is known"),
        ({"type": "custom-token", "config": {"useJWKURI": True}}, set(), None),
        ({"type": "custom-token", "disabled": True}, set(), None),
        ({"type": "oauth2-apple"}, {"auth.provider_unsupported"}, "the keys that verify"),
        ({"type": "oauth2-facebook"}, {"auth.provider_unsupported"}, "the keys that verify"),
        ({"type": "oauth2-google"}, set(), None),
        ({"type": "oauth2-google", "disabled": True}, set(), None),
        ({"type": "oauth2-other"}, {"auth.provider_unsupported"}, "does not know it"),
        ({"type": "api-key"}, set(), None),
    ],
)
def test_providers(
    folder: Path, provider: dict[str, Any], findings: set[str], why: str | None
) -> None:
    files = {"auth/providers.json": {provider["type"]: provider}}
    found = loaded(folder, files, verifiable={"oauth2-google"})
    read = app_of(found).providers[provider["type"]]
    assert {f.code for f in found.findings if f.path == "auth/providers.json"} == findings
    assert (read.unusable is None) == (why is None)
    assert (why or "") in (read.unusable or "")


@pytest.mark.parametrize(
    ("kind", "keys", "key"),
    [
        ("custom-token", {"config": {"signingAlgorithm": "none"}}, "config.signingAlgorithm"),
        ("custom-token", {"config": {"audience": 1}}, "config.audience"),
        (
            "custom-token",
            {"secret_config": {"signingKeys": [*"abcd"]}},
            "secret_config.signingKeys",
        ),
        ("custom-token", {"metadata_fields": [1]}, "metadata_fields"),
        ("local-userpass", {"config": {"autoConfirm": "yes"}}, "config.autoConfirm"),
        ("local-userpass", {"config": []}, "config"),
        ("anon-user", {"disabled": 1}, "disabled"),
    ],
)
def test_providers_with_a_wrong_value(
    folder: Path, kind: str, keys: dict[str, Any], key: str
) -> None:
    found = loaded(folder, {"auth/providers.json": {kind: {"type": kind, **keys}}})
    assert f"error config.bad_value {kind}.{key}" in told(found)


def test_accounts_that_nobody_confirms(folder: Path) -> None:
    provider = {"local-userpass": {"type": "local-userpass", "config": {"runResetFunction": ""}}}
    found = loaded(folder, {"auth/providers.json": provider})
    assert "auth.no_confirmation auth/providers.json" in notices(found)


def test_custom_user_data(folder: Path) -> None:
    path = "auth/custom_user_data.json"
    assert app_of(loaded(folder, {path: {"enabled": False, "user_id_field": ""}})).sync
    found = loaded(folder, {path: {"enabled": True, "database_name": "d"}})
    assert told(found) >= {
        "error config.bad_value collection_name",
        "error config.bad_value user_id_field",
    }


# Functions


def functions(folder: Path, callables: frozenset[str] = frozenset()) -> Loaded:
    partition = {
        **layouts.PARTITION,
        "permissions": {
            "read": {"$or": [{"%%true": {"$function": {"name": "mayRead", "arguments": []}}}]},
            "write": {"%%true": {"%function": {"name": "gone", "arguments": []}}},
        },
    }
    email = {
        "autoConfirm": True,
        "runConfirmationFunction": True,
        "confirmationFunctionName": "needless",
        "runResetFunction": True,
        "resetFunctionName": "reset",
    }
    files = {
        "sync/config.json": {"state": "enabled", "partition": partition},
        "auth/providers.json": {
            "local-userpass": {"type": "local-userpass", "config": email},
            "custom-function": {"type": "custom-function", "disabled": False},
        },
        "auth/custom_user_data.json": {
            **layouts.CUSTOM_USER_DATA,
            "on_user_creation_function_name": "hello",
        },
        "functions/config.json": [
            {"name": name, "private": True} for name in ("mayRead", "needless", "reset", "unused")
        ],
        "functions/mayRead.js": "exports = () => true",
    }
    return loaded(folder, files, callables=callables)


def test_what_depends_on_functions(folder: Path) -> None:
    found = functions(folder)
    assert found.app is not None
    assert found.needed == {"mayRead", "gone", "reset", "hello", ""}
    by_code: dict[str, list[str]] = {}
    for finding in found.findings:
        by_code.setdefault(finding.code, []).append(finding.path)
    assert sorted(by_code["functions.missing"]) == [
        "auth/custom_user_data.json",
        "auth/providers.json",
        "sync/config.json",
    ]
    assert sorted(by_code["functions.needed"]) == ["functions/config.json", "functions/mayRead.js"]
    assert by_code["functions.not_available"] == ["functions/config.json"] * 2


def test_functions_that_are_there(folder: Path) -> None:
    found = functions(folder, frozenset({"mayRead", "gone", "reset", "hello", "unused"}))
    codes = [f.code for f in found.findings]
    assert "functions.needed" not in codes
    assert codes.count("functions.not_available") == 1


@pytest.mark.parametrize("entry", [{"private": 1}, {"run_as_system": "yes"}, {"run_as_user_id": 1}])
def test_functions_with_a_wrong_value(folder: Path, entry: dict[str, Any]) -> None:
    found = loaded(folder, {"functions/config.json": [{"name": "f", **entry}]})
    assert told(found) >= {f"error config.bad_value {next(iter(entry))}"}


# Values and environments


def test_values(folder: Path) -> None:
    files = {
        "values/a.json": {"name": "b", "value": [1]},
        "values/nothing.json": {"value": None},
        "values/old.json": {"name": "old", "value": "the secret", "private": True},
        "values/new.json": {"name": "new", "value": "other", "from_secret": True},
    }
    found = loaded(folder, files, secrets={"the secret": "!"})
    assert app_of(found).values == {"b": [1], "nothing": None, "old": "!"}
    assert app_of(found).secret_values == {"old": "the secret", "new": "other"}
    assert "warning values.secret_missing value" in told(found)


def test_the_environment_that_counts(folder: Path) -> None:
    files = {
        "realm_config.json": {**ROOT, "environment": "no-environment"},
        "environments/no-environment.json": {"values": {"a": 1}},
        "environments/qa.json": {"values": {"a": 2}},
    }
    app = app_of(loaded(folder, files))
    assert (app.environment, app.environment_values) == ("", {"a": 1})
    qa = app_of(loaded(folder, {"realm_config.json": {**ROOT, "environment": "qa"}}))
    assert (qa.environment, qa.environment_values) == ("qa", {"a": 2})


def test_without_an_app_id_the_name_counts(folder: Path) -> None:
    found = loaded(folder, {"realm_config.json": {"name": "shop"}})
    assert app_of(found).id == "shop"
    assert "config.no_app_id realm_config.json" in notices(found)
    told_it = load_path(folder, app_id="shop-vwxyz")
    assert app_of(told_it).id == "shop-vwxyz"
    assert "config.no_app_id realm_config.json" not in notices(told_it)


# What is ignored


def test_what_is_ignored_is_told_once_each(folder: Path) -> None:
    files = {
        "triggers/a.json": {"name": "a", "type": "DATABASE", "function_name": "f"},
        "triggers/b.json": {"event_processors": {"FUNCTION": {"config": {"function_name": "g"}}}},
        "http_endpoints/config.json": [{"route": "/a"}, {"route": "/b"}],
        "http_endpoints/data_api_config.json": {"disabled": False},
        "graphql/config.json": {"use_natural_pluralization": True},
        "graphql/custom_resolvers/r.json": {"on_type": "Query"},
        "hosting/config.json": {"enabled": True},
        "log_forwarders/l.json": {"name": "l"},
        "services/mail/config.json": {"name": "mail", "type": "aws"},
        "data_sources/lake/config.json": {"name": "lake", "type": "datalake"},
        "data_sources/mongodb-atlas/d/a/rules.json": {
            "database": "d",
            "collection": "a",
            "roles": [],
            "filters": [{"name": "f", "query": {}}],
        },
    }
    assert notices(loaded(folder, files)) == {
        "ignored.trigger triggers/a.json",
        "ignored.trigger triggers/b.json",
        "ignored.http_endpoint http_endpoints/config.json",
        "ignored.http_endpoint http_endpoints/data_api_config.json",
        "ignored.graphql graphql/custom_resolvers/r.json",
        "ignored.hosting hosting/config.json",
        "ignored.log_forwarder log_forwarders/l.json",
        "ignored.service services/mail/config.json",
        "ignored.service data_sources/lake/config.json",
        "ignored.query_filter data_sources/mongodb-atlas/d/a/rules.json",
    }


def test_what_is_empty_is_not_told(folder: Path) -> None:
    files = {
        "http_endpoints/config.json": [],
        "http_endpoints/data_api_config.json": {"disabled": True, "versions": []},
        "graphql/config.json": {},
        "hosting/config.json": {"enabled": False},
        "hosting/metadata.json": [],
        "data_sources/mongodb-atlas/default_rule.json": {"roles": [], "filters": []},
    }
    assert notices(loaded(folder, files)) == set()


def test_loading_changes_nothing_that_was_read(folder: Path) -> None:
    files = layouts.services("config.json", 20200603)
    found = load_path(layouts.write(files, folder))
    assert found.bundle is not None
    for path, content in files.items():
        if path.endswith(".json"):
            assert json.loads((folder / path).read_text()) == content
