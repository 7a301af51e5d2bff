"""The command `realmsync query`: what it prints and writes, and what it says when it cannot."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from bson import Decimal128, ObjectId
from click.testing import CliRunner, Result

from realmsync import Realm
from realmsync.cli import main
from realmsync.cli_query import arrow, columns, table
from realmsync.values import Timestamp

OID = ObjectId("64c236637a71e28b00000001")
SCHEMA: list[dict[str, Any]] = [
    {
        "name": "Place",
        "embedded": True,
        "properties": {"type": "string", "coordinates": "double[]"},
    },
    {
        "name": "Dog",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "name": "string",
            "age": "int?",
            "born": "date?",
            "any": "mixed",
            "home": "Place",
            "tags": "string[]",
            "counts": "int{}",
            "photo": "data?",
            "chip": "objectId?",
            "price": "decimal128?",
            "score": "double?",
        },
    },
    {
        "name": "Person",
        "primaryKey": "_id",
        "properties": {"_id": "string", "dogs": "Dog[]", "best": "Dog"},
    },
]
REX = {
    "_id": 1,
    "name": "Rex",
    "age": 4,
    "born": datetime(2020, 1, 1, 12, tzinfo=timezone.utc),
    "any": [1, "x", {"a": None}],
    "home": {"type": "Point", "coordinates": [1.5, 2]},
    "tags": ["good", "loud"],
    "counts": {"a": 1},
    "photo": b"\0\1",
    "chip": OID,
    "price": Decimal128("1.50"),
    "score": math.nan,
}
PLAIN = {
    **REX,
    "born": "2020-01-01T12:00:00Z",
    "photo": "AAE=",
    "chip": str(OID),
    "price": "1.50",
    "score": "nan",
}


@pytest.fixture
def kennel(tmp_path: Path) -> Iterator[Path]:
    """A file that a realm of this process has open."""
    path = tmp_path / "kennel.realm"
    with Realm(path=path, schema=SCHEMA) as realm:
        with realm.write():
            rex = realm.create("Dog", REX)
            bella = realm.create("Dog", {"_id": 2, "name": "Bella 李明\x1b[2J", "any": rex})
            realm.create("Person", {"_id": "ada", "dogs": [rex, bella], "best": rex})
            realm.create("Person", {"_id": "bob"})
        yield path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["query", *map(str, arguments)])


def lines(*arguments: str | Path) -> list[Any]:
    result = run(*arguments, "-f", "json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def names(*arguments: str | Path) -> list[str]:
    return [line["name"].split()[0] for line in lines(*arguments, "-p", "name")]


def test_json(kennel: Path) -> None:
    rex, bella = lines(kennel, "Dog")
    assert rex == PLAIN
    empty = {"tags": [], "counts": {}}
    assert bella == {
        **dict.fromkeys(PLAIN),
        **empty,
        "_id": 2,
        "name": "Bella 李明\x1b[2J",
        "any": {"$link": {"table": "Dog", "key": 1}},
    }
    assert lines(kennel, "Person") == [
        {"_id": "ada", "dogs": [1, 2], "best": 1},
        {"_id": "bob", "dogs": [], "best": None},
    ]


def test_queries_and_arguments(kennel: Path) -> None:
    assert names(kennel, "Dog", "age > 3") == ["Rex"]
    assert names(kennel, "Dog", "TRUEPREDICATE SORT(name ASC)") == ["Bella", "Rex"]
    assert names(kennel, "Dog", "TRUEPREDICATE", "--limit", "1") == ["Rex"]
    assert names(kennel, "Dog", "name == $0 OR age == $1", "-a", '"Rex"', "-a", "9") == ["Rex"]
    assert names(kennel, "Dog", "chip == $0", "-a", json.dumps({"$oid": str(OID)})) == ["Rex"]
    assert names(kennel, "Dog", "_id IN $0", "-a", "[2, 3]") == ["Bella"]
    date = json.dumps({"$date": "2019-01-01T00:00:00Z"})
    assert names(kennel, "Dog", "born > $0", "-a", date) == ["Rex"]


def test_csv(kennel: Path) -> None:
    result = run(kennel, "Person", "-f", "csv", "-p", "_id, best.name,best.home.type,dogs")
    assert list(csv.reader(io.StringIO(result.output))) == [
        ["_id", "best.name", "best.home.type", "dogs"],
        ["ada", "Rex", "Point", "[1, 2]"],
        ["bob", "", "", "[]"],
    ]


def test_table(kennel: Path) -> None:
    assert run(kennel, "Dog", "-p", "name,age").output.splitlines() == [
        "name               age",
        "─────────────────  ───",
        "Rex                  4",
        r"Bella 李明\x1b[2J",
        "2 objects",
    ]
    assert run(kennel, "Dog", "age == 4", "-p", "_id").output.splitlines()[-1] == "1 object"


def shown(width: int, *rows: tuple[str, ...]) -> str:
    stream = io.StringIO()
    widths = [max(map(table.letters, column)) for column in zip(*rows, strict=True)]
    widths, left_out = table.fitted(widths, width)
    for row in rows:
        table.print_row(stream, list(row), widths, [False] * len(row))
    return f"{stream.getvalue()}{left_out}"


def test_tables_fit() -> None:
    rows = ("a", "long " * 4, "longer " * 6), ("b", "李明李明李明李明", "c")
    for width in range(20, 80):
        text = shown(width, *rows)
        assert max(map(table.letters, text.splitlines())) <= width
    assert shown(24, *rows) == "a  long lon…  longer l…\nb  李明李明…  c\n0"
    assert shown(12, *rows) == "a  long lon…\nb  李明李明…\n1"
    assert table.fitted([30] * 20, 60) == ([6] * 7, 13)
    assert table.fitted([100], 20) == ([20], 0)


def test_arrow_and_parquet(kennel: Path, tmp_path: Path) -> None:
    for name in ("dogs.parquet", "dogs.arrow"):
        assert run(kennel, "Dog", "-o", tmp_path / name).exit_code == 0
    stored = pyarrow.parquet.read_table(tmp_path / "dogs.parquet")
    streamed = pyarrow.ipc.open_file(tmp_path / "dogs.arrow").read_all()
    assert repr(stored.to_pylist()) == repr(streamed.to_pylist())  # NaN is not equal to itself
    rex, bella = stored.to_pylist()
    assert math.isnan(rex.pop("score"))
    assert rex == {
        **{name: value for name, value in PLAIN.items() if name != "score"},
        "born": REX["born"],
        "photo": REX["photo"],
        "any": '[1, "x", {"a": null}]',
        "home": '{"type": "Point", "coordinates": [1.5, 2.0]}',
        "counts": [("a", 1)],
    }
    assert bella["age"] is None and bella["tags"] == []
    assert run(kennel, "Person", "-o", tmp_path / "people.parquet").exit_code == 0
    people = pyarrow.parquet.read_table(tmp_path / "people.parquet")
    assert people.schema.field("dogs").type == pyarrow.list_(pyarrow.int64())
    assert people["best"].to_pylist() == [1, None]


def test_other_formats_by_name(kennel: Path, tmp_path: Path) -> None:
    run(kennel, "Dog", "-o", tmp_path / "dogs.jsonl")
    assert json.loads((tmp_path / "dogs.jsonl").read_text().splitlines()[0]) == PLAIN
    run(kennel, "Dog", "-p", "name", "-o", tmp_path / "dogs.txt", "-f", "csv")
    assert (tmp_path / "dogs.txt").read_text() == "name\nRex\nBella 李明\x1b[2J\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Dog", "age > 3 AND nmae == 'x'"], "'Dog' has no property 'nmae'"),
        (["Dog", "age >"], "Invalid predicate: 'age >'"),
        (["Dog", "age > $0"], "no arguments are provided"),
        (["Dgo"], "Did you mean 'Dog'?"),
        (["age > 3"], "It has Dog, "),
        (["Dog", "-p", "nmae"], "'Dog' has no property 'nmae'. Did you mean 'name'?"),
        (["Person", "-p", "dogs.name"], "'Person.dogs' is no single link: dogs.name"),
        (["Dog", "name == $0", "-a", "Rex"], "$0 is no JSON"),
        (["Dog", "chip == $0", "-a", '{"$oid": "6"}'], "$0: '6' is not a valid ObjectId"),
    ],
)
def test_what_the_user_has_to_mend(kennel: Path, arguments: list[str], message: str) -> None:
    result = run(kennel, *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_faults_are_marked_in_the_text(kennel: Path) -> None:
    text, mark = run(kennel, "Dog", "age > 3 AND nmae == 'x'").output.splitlines()[1:3]
    assert text[mark.index("^") :].startswith("nmae")


def test_files_that_are_no_realm(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no realm, " * 100)
    assert run(tmp_path / "text", "Dog").exit_code == 2
    missing = run(tmp_path / "missing.realm", "Dog")
    assert missing.exit_code == 2 and "does not exist" in missing.output
    assert not (tmp_path / "missing.realm").exists()


def test_without_pyarrow(kennel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run(kennel, "Dog", "-o", kennel.with_name("dogs.parquet"))
    assert result.exit_code == 1
    assert "pip install pyarrow" in result.output
    assert [path.name for path in kennel.parent.iterdir() if "parquet" in path.name] == []


def test_interrupted(kennel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of an earlier run stays as it was, and nothing lies beside it."""
    output = kennel.with_name("dogs.csv")
    output.write_text("earlier")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(columns.Column, "raw", interrupt)
    assert run(kennel, "Dog", "-o", output).exit_code == 130
    assert output.read_text() == "earlier"
    assert not list(kennel.parent.glob("*.part"))


def test_beside_another_process(kennel: Path) -> None:
    """The realm is open in this process, and has written; the file stays as it is."""
    command = [sys.executable, "-m", "realmsync", "query", str(kennel), "Dog", "-f", "csv"]
    command += ["-p", "_id,name"]
    with Realm(path=kennel) as realm, realm.write():
        realm.create("Dog", {"_id": 3, "name": "written, not committed"})
        before = subprocess.run(command, capture_output=True, text=True, check=True)
    after = subprocess.run(command, capture_output=True, text=True, check=True)
    assert before.stdout.splitlines()[1:] == ["1,Rex", "2,Bella 李明\x1b[2J"]
    assert after.stdout.splitlines()[3:] == ['3,"written, not committed"']


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Timestamp(0), "1970-01-01T00:00:00Z"),
        (Timestamp(0, 1), "1970-01-01T00:00:00.000000001Z"),
        (Timestamp(-1, -500_000_000), "1969-12-31T23:59:58.5Z"),
        (Timestamp(-62135596800), "0001-01-01T00:00:00Z"),
        (Timestamp(2**62), f"T{2**62}:0"),
    ],
)
def test_dates(value: Timestamp, text: str) -> None:
    assert columns.iso(value) == text


def test_dates_of_arrow() -> None:
    date = columns.Column("d", ("d",), columns.Property("d", "date"), "date")
    micro = [
        arrow._element(value, date)
        for value in (Timestamp(1, 5_999), Timestamp(-1, -1), Timestamp(2**62), None)
    ]
    assert micro == [1_000_005, -1_000_001, None, None]
