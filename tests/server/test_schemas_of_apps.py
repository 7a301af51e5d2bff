"""The classes of configured apps, between a folder, an engine and what clients add to it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from realmsync.apps.bundle import Bundle, ServiceBundle, Source
from realmsync.apps.diagnostics import Findings, Severity
from realmsync.apps.model import (
    App,
    Class,
    ClassKind,
    PartitionConfiguration,
    Property,
    QueryableFields,
    SyncConfiguration,
    SyncMode,
)
from realmsync.apps.plain_schemas import PlainClass, to_plain
from realmsync.apps.schema_changes import SchemaChanges
from realmsync.errors import StorageError
from realmsync.server.apps.app_record import AppRecord, AppRecords
from realmsync.server.apps.schema import AppSchemas, Step, refuse_breaking, warn_of_narrowed
from realmsync.server.apps.sync_terms import SyncTerms

TEXT = Property("text", "string", True)
ADDED = Property("added", "int", True)
ROOT = Source("realm_config.json", {})
BUNDLE = Bundle(ROOT, sync=Source("sync/config.json", {}))


class Engine:
    """An engine that keeps classes and notes what it is told."""

    def __init__(self) -> None:
        self.classes: dict[str, Class] = {}
        self.told: list[str] = []
        self.files = True

    def has_client_files(self, app_id: str) -> bool:
        return self.files

    def terminate(self, app_id: str) -> None:
        self.told.append(f"terminate {app_id}")

    def schema(self, app_id: str) -> list[PlainClass]:
        assert app_id == "app"
        return to_plain(self.classes)

    def install_schema(self, app_id: str, classes: list[PlainClass]) -> None:
        self.told.append(f"install {app_id} {[c[0] for c in classes]}")

    def replace_schema(self, app_id: str, classes: list[PlainClass]) -> None:
        self.told.append(f"replace {app_id} {[c[0] for c in classes]}")


def top(name: str, *properties: Property, kind: ClassKind = ClassKind.TOP) -> Class:
    key = Property("_id", "objectId", False)
    return Class(name, kind, (key, *properties), "_id", "db", f"{name}s")


OWNER = SyncConfiguration(
    SyncMode.PARTITION, database="made", partition=PartitionConfiguration("owner", "string")
)


def model(*classes: Class, sync: SyncConfiguration = OWNER) -> App:
    return App(id="app", name="app", sync=sync, classes={c.name: c for c in classes})


class Lab:
    """Schemas of one app over an engine."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine()
        self.folder = folder / "schemas"
        self.records = AppRecords(folder)
        self.schemas = AppSchemas(self.engine, self.records)

    def take(self, *classes: Class, sync: SyncConfiguration = OWNER) -> Step:
        step = self.schemas.step_to("app", model(*classes, sync=sync))
        self.schemas.take("app", step)
        self.engine.classes = dict(step.model.classes)
        return step


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_start_and_start_again(lab: Lab) -> None:
    step = lab.take(top("A", TEXT))
    assert step.changes == SchemaChanges(("class A is new",), ())
    assert step.model == model(top("A", TEXT))
    assert lab.take(top("A", TEXT)).changes == SchemaChanges((), ())
    assert lab.engine.told == ["install app ['A']"] * 2


def test_what_clients_have_added_stays_and_is_exported(lab: Lab) -> None:
    lab.take(top("A", TEXT))
    reading = top("Reading", kind=ClassKind.ASYMMETRIC)
    lab.engine.classes = {"A": top("A", TEXT, ADDED), "Reading": reading}
    exported = lab.schemas.with_added("app", model(top("A", TEXT)))
    assert exported.classes["A"] == top("A", TEXT, ADDED)
    assert exported.classes["Reading"].database == "made"
    assert exported.classes["Reading"].collection == "Reading"
    assert exported.sync.asymmetric == ("Reading",)
    assert lab.take(top("A", TEXT)).model == exported
    assert lab.take(*exported.classes.values()).changes == SchemaChanges((), ())


def test_what_clients_cannot_follow(lab: Lab) -> None:
    lab.take(top("A", TEXT), top("B"))
    findings = Findings()
    refuse_breaking(lab.schemas.step_to("app", model(top("A"))), findings, BUNDLE)
    (finding,) = findings
    assert (finding.code, finding.path) == ("schema.breaking", "realm_config.json")
    assert finding.text.startswith("A.text is gone; class B is gone: no client can follow")
    assert lab.take(top("A")).model == model(top("A"))
    assert lab.engine.told[1:] == ["replace app ['A']"]


@pytest.mark.parametrize(
    ("config", "path"),
    [("data_sources/s/config.json", "data_sources/s"), ("realmsync.toml", "realmsync.toml")],
)
def test_findings_name_the_folder_of_the_schemas(config: str, path: str) -> None:
    findings = Findings()
    bundle = Bundle(ROOT, services={"s": ServiceBundle(Source(config, {}))})
    step = step_of(SchemaChanges((), ("class A is gone",)))
    sync = SyncConfiguration(SyncMode.FLEXIBLE, service="s")
    refuse_breaking(replace(step, model=model(sync=sync)), findings, bundle)
    assert [finding.path for finding in findings] == [path]


def step_of(changes: SchemaChanges) -> Step:
    return Step(model(), AppRecord(), changes)


def test_what_clients_can_follow_is_no_finding() -> None:
    findings = Findings()
    refuse_breaking(step_of(SchemaChanges(("class A is new",), ())), findings, BUNDLE)
    assert list(findings) == []


def test_a_long_list_is_cut() -> None:
    findings = Findings()
    gone = tuple(f"class C{n} is gone" for n in range(23))
    refuse_breaking(step_of(SchemaChanges((), gone)), findings, BUNDLE)
    (finding,) = findings
    assert "class C19 is gone; and 3 more: " in finding.text


def flexible(**settings: Any) -> SyncConfiguration:
    """In which `owner` of all classes and `text` of A are queryable, unless something else is
    said."""
    queryable = QueryableFields(("owner",), (), {"A": ("text",)})
    return SyncConfiguration(SyncMode.FLEXIBLE, **{"queryable": queryable, **settings})


@pytest.mark.parametrize(
    ("sync", "told"),
    [
        (flexible(), []),
        (flexible(queryable=QueryableFields(("owner", "text", "more"))), []),
        (
            flexible(queryable=QueryableFields((), (), {"A": ("owner",)})),
            ["owner is queryable no more", "text of A is queryable no more"],
        ),
        (flexible(queryable=QueryableFields(), development_mode=True), []),
        (
            flexible(queryable=QueryableFields(("owner", "text"), ("owner",))),
            ["every subscription must name values of owner, the indexed queryable field"],
        ),
        (SyncConfiguration(), []),
        (
            SyncConfiguration(SyncMode.PARTITION, partition=PartitionConfiguration("o", "string")),
            [],
        ),
    ],
)
def test_what_subscriptions_may_not_ask_any_more_is_told(
    lab: Lab, sync: SyncConfiguration, told: list[str]
) -> None:
    lab.take(top("A", TEXT), sync=flexible())
    step = lab.schemas.step_to("app", model(top("A", TEXT), sync=sync))
    findings = Findings()
    warn_of_narrowed(step, findings, BUNDLE)
    assert list(step.narrowed) == told
    found = [(f.severity, f.code, f.path, f.text.split(": ")[0]) for f in findings]
    assert found == [
        (Severity.WARNING, "sync.queryable", "sync/config.json", text) for text in told
    ]


OTHER_SYNC = [
    (
        SyncConfiguration(
            SyncMode.PARTITION, partition=PartitionConfiguration("team", "objectId", required=True)
        ),
        "the partition key was owner and is team; "
        "the partition key was of type string and is of objectId",
    ),
    (
        SyncConfiguration(SyncMode.FLEXIBLE),
        "sync was partition and is flexible, where the objects of partitions are out of reach "
        "until somebody brings them over",
    ),
]


@pytest.mark.parametrize(("sync", "told"), OTHER_SYNC)
@pytest.mark.parametrize("between", [False, True])
def test_another_way_to_synchronise(
    lab: Lab, sync: SyncConfiguration, told: str, between: bool
) -> None:
    """It is found also where there was none for a time, and when it was taken nothing is left."""
    lab.take(top("A"))
    if between:
        off = lab.take(top("A"), sync=SyncConfiguration())
        assert off.breaking == () and off.record.terms == SyncTerms(
            SyncMode.PARTITION, "owner", "string"
        )
    findings = Findings()
    step = lab.schemas.step_to("app", model(top("A"), sync=sync))
    refuse_breaking(step, findings, BUNDLE)
    (finding,) = findings
    assert (finding.code, finding.path) == ("sync.breaking", "sync/config.json")
    assert finding.text.startswith(f"{told}: no client can follow; ")
    assert "; ".join(step.breaking) == told
    lab.engine.told.clear()
    lab.take(top("A"), sync=sync)
    assert lab.engine.told[0] == "terminate app"
    assert lab.take(top("A"), sync=sync).breaking == ()
    assert "terminate app" not in lab.engine.told[1:]


def test_what_no_client_has_to_follow(lab: Lab) -> None:
    lab.take(top("A"))
    lab.engine.files = False
    flexible = SyncConfiguration(SyncMode.FLEXIBLE)
    assert lab.take(top("A"), sync=flexible).breaking == ()
    lab.engine.files = True
    assert lab.take(top("A")).breaking == ("sync was flexible and is partition",)


def test_a_requirement_is_nothing_to_follow(lab: Lab) -> None:
    """Who has the partition null is refused, and is served again when that is undone."""
    lab.take(top("A"))
    key = PartitionConfiguration("owner", "string", required=True)
    assert lab.take(top("A"), sync=SyncConfiguration(SyncMode.PARTITION, partition=key)).terms == ()


def test_fields_that_subscriptions_have_made_queryable_stay_so(lab: Lab) -> None:
    queryable = QueryableFields(("text",), by_class={"B": ("own",)})
    sync = SyncConfiguration(SyncMode.FLEXIBLE, queryable=queryable)
    lab.take(top("A"), top("B"), sync=sync)
    lab.schemas.keep_discovered("app", {"A": ("size", "text"), "B": ("own",)})
    lab.schemas.keep_discovered("app", {"A": ("size", "more"), "B": ("size",)})
    found = {"A": ("size", "more"), "B": ("own", "size")}
    for _ in range(2):  # another start, too
        step = lab.take(top("A"), top("B"), sync=sync)
        assert step.model.sync.queryable == replace(queryable, by_class=found)
    exported = lab.schemas.with_added("app", model(top("A"), top("B"), sync=sync))
    assert exported.sync.queryable.of("A") == {"_id", "text", "size", "more"}


def test_what_is_discovered_while_a_model_is_taken_is_kept(lab: Lab) -> None:
    sync = SyncConfiguration(SyncMode.FLEXIBLE)
    step = lab.schemas.step_to("app", model(top("A"), sync=sync))
    lab.schemas.keep_discovered("app", {"A": ("text",)})
    lab.schemas.take("app", step)
    assert lab.records.read("app").discovered == {"A": ("text",)}


def test_classes_of_flexible_sync_are_made_as_those_of_partitions(lab: Lab) -> None:
    sync = SyncConfiguration(SyncMode.FLEXIBLE)
    lab.take(top("A", TEXT), sync=sync)
    assert lab.engine.told == ["install app ['A']"]
    lab.take(top("A"), sync=sync)
    assert lab.engine.told[1:] == ["replace app ['A']"]


def test_a_record_from_before_there_were_terms(lab: Lab) -> None:
    lab.take(top("A"))
    (path,) = lab.folder.iterdir()
    content = json.loads(path.read_text())
    del content["sync"]
    path.write_text(json.dumps(content))
    assert lab.take(top("A"), sync=SyncConfiguration(SyncMode.FLEXIBLE)).breaking == ()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"classes": 1}',
        '{"classes": [[1]]}',
        '{"classes": [], "sync": 1}',
        '{"classes": [], "sync": {}}',
        '{"classes": [], "discovered": 1}',
        '{"classes": [], "discovered": {"A": 1}}',
        '{"classes": [], "sync": {"mode": "x", "key": "k", "type": "t"}}',
    ],
)
def test_a_damaged_record(lab: Lab, content: str) -> None:
    """It is told, and not taken for a folder without classes."""
    lab.take(top("A"))
    (path,) = lab.folder.iterdir()
    path.write_text(content)
    with pytest.raises(StorageError, match="is damaged: restore it"):
        lab.schemas.step_to("app", model(top("A")))


def test_records_are_private_and_replaced_at_once(lab: Lab) -> None:
    lab.take(top("A"))
    (path,) = lab.folder.iterdir()
    assert path.name == "app.json"
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        lab.records.write("app", AppRecord())
    with pytest.raises(StorageError, match="cannot read"):
        lab.records.read("app")
