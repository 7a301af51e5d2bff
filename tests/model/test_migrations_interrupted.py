"""A process that migrates a file is killed: the file is as it was, or it is migrated."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from realmsync import Realm
from test_migrations import cls, dump, fill

COUNT = 400
BEFORE = [
    cls("Node", "_id", _id="int", name="string", next="Node", any="mixed", part="Part", gone="int"),
    cls("Part", embedded=True, x="int", node="Node"),
    cls("Leaf", "_id", _id="int", n="int"),
    cls("Tree", "_id", _id="int", leaves="Leaf[]"),
]
AFTER = [
    cls("Node", "name", _id="string", name="string", next="Node", any="mixed", part="Part"),
    cls("Part", embedded=True, x="int?", node="Node"),
    cls("Leaf", embedded=True, n="int"),
    cls("Tree", "_id", _id="int", leaves="Leaf[]", new="int"),
]
PROGRAM = """
import json, sys, time
from realmsync import Realm
path, schema, pause = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]

def callback(old, new):
    for was, now in zip(old.objects("Node"), new.objects("Node")):
        now._id = f"id {was._id}"
    print("called", flush=True)
    if pause == "callback":
        time.sleep(60)

print("ready", flush=True)
Realm(path=path, schema=schema, schema_version=1, on_migration=callback).close()
print("done", flush=True)
"""


def begin(path: Path, pause: str = "") -> subprocess.Popen[str]:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), json.dumps(AFTER), pause],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None and program.stdout.readline() == "ready\n"
    return program


def kill(program: subprocess.Popen[str]) -> None:
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "r.realm"
    fill(path, BEFORE, Leaf=[{"_id": i, "n": i} for i in range(COUNT)])
    with Realm(path=path, schema=BEFORE, schema_version=0) as realm, realm.write():
        nodes = [
            realm.create("Node", {"_id": i, "name": f"n{i}", "gone": i, "part": {"x": i}})
            for i in range(COUNT)
        ]
        for i, node in enumerate(nodes):
            node.next = node.any = node.part.node = nodes[i - 1]
        realm.create("Tree", {"_id": 1, "leaves": list(realm.objects("Leaf"))})
    return path


def require_migrated(path: Path) -> None:
    with Realm(path=path, schema=AFTER, schema_version=1) as realm:
        nodes = {n.name: n for n in realm.objects("Node")}
        assert len(nodes) == COUNT
        for i in range(COUNT):
            node, before = nodes[f"n{i}"], nodes[f"n{(i - 1) % COUNT}"]
            assert node._id == f"id {i}" and node.part.x == i
            assert node.next == node.any == node.part.node == before
        assert [leaf.n for leaf in realm.objects("Tree")[0].leaves] == list(range(COUNT))
    with closing(sqlite3.connect(path)) as db:
        left = db.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'rs$%'").fetchall()
        assert left == [] and db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_killed_in_the_callback(path: Path) -> None:
    before = dump(path)
    program = begin(path, "callback")
    assert program.stdout is not None and program.stdout.readline() == "called\n"
    with Realm(path=path) as realm:  # others read what there was
        assert realm.schema_version == 0 and len(realm.objects("Node")) == COUNT
    kill(program)
    assert dump(path) == before
    program = begin(path)
    assert program.wait(timeout=60) == 0
    program.communicate()
    require_migrated(path)


def test_killed_at_any_moment(path: Path) -> None:
    """Those that come through take about as long as the longest of these delays."""
    before, chance = dump(path), random.Random(5)
    copy = path.read_bytes()
    assert not path.with_name("r.realm-wal").exists()  # all of it
    begun = time.monotonic()
    program = begin(path)
    program.communicate(timeout=60)
    took = time.monotonic() - begun
    require_migrated(path)
    outcomes = set()
    for _ in range(12):
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        path.write_bytes(copy)
        program = begin(path)
        time.sleep(chance.random() * took)
        kill(program)
        version = Realm.get_schema_version(path)
        outcomes.add(version)
        if version == 1:
            require_migrated(path)
        else:
            assert dump(path) == before
    assert outcomes <= {0, 1}
