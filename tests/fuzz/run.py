"""Builds every libFuzzer target of csrc/fuzz and runs it for FUZZ_SECONDS (default 20).

A target NAME is csrc/fuzz/NAME_fuzz.cpp with an entry in TARGETS below. Each is linked with what
it uses of the core, without Python, under AddressSanitizer and UBSan, and starts from seeds taken
out of tests/vectors. Exits with 1 when a target finds something; the
input that does it is kept in build/fuzz/NAME/. Arguments select targets by name.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors"
BUILD = ROOT / "build" / "fuzz"
SECONDS = int(os.environ.get("FUZZ_SECONDS", "20"))
CXX = os.environ.get("FUZZ_CXX", "clang++").split()  # may be "ccache clang++"
FLAGS = [
    "-std=c++20",
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fno-strict-aliasing",
    "-fsanitize=fuzzer-no-link,address,undefined",
    "-fno-sanitize-recover=undefined",
    "-Icsrc",
]
SQLITE = "-isystemthird_party/sqlite"


@dataclass(frozen=True)
class Target:
    """Where the seeds of one target come from, how long an input may be."""

    seeds: Callable[[], Iterator[bytes]]
    max_size: int = 4096


def changeset_seeds() -> Iterator[bytes]:
    """Well-formed changesets, and damaged ones that are nearly so."""
    for name in ("valid.jsonl", "malformed.jsonl"):
        text = (VECTORS / "changesets" / name).read_text(encoding="utf-8")
        for line in filter(None, text.split("\n")):
            yield bytes.fromhex(json.loads(line)["hex"])


def wire_seeds() -> Iterator[bytes]:
    """Recorded messages and worked exchanges behind the byte that chooses direction and mode."""
    for path in (*sorted((VECTORS / "wire").glob("*.jsonl")), ROOT / "tests/wire/exchanges.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            message = json.loads(line)
            if "hex" in message:
                from_client = "c2s" in message.values() or "client" in message.values()
                choice = from_client | ("flexible" in message.values()) << 1 | 5 << 2
                yield bytes([choice]) + bytes.fromhex(message["hex"])


def server_seeds() -> Iterator[bytes]:
    """Whole conversations: every message behind a byte for connection and work, and its length.
    IDENT is left to the target, which knows the salts."""
    for path in sorted((VECTORS / "wire").glob("*.jsonl")):
        lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        sent = [bytes.fromhex(line["hex"]) for line in lines if line["t"] == "c2s"]
        sent = [data for data in sent if not data.startswith(b"ident ")]
        yield b"".join(b"\x04" + len(data).to_bytes(2, "little") + data for data in sent)


def client_seeds() -> Iterator[bytes]:
    """What a server sent in whole conversations, behind the byte for what happens before.

    The length says which sync mode it is.
    """
    for folder, what_before, is_odd in (("wire", 0, 0), ("wire-flx", 5 << 1, 1)):
        for path in sorted((VECTORS / folder).glob("*.jsonl")):
            lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            sent = [bytes.fromhex(line["hex"]) for line in lines if line["t"] == "s2c"]
            head = bytes([what_before])
            seed = b"".join(head + len(data).to_bytes(2, "big") + data for data in sent)
            yield seed + b"\0" * (len(seed) % 2 != is_odd)


def merge_seeds() -> Iterator[bytes]:
    """One peer's part of each recorded history."""
    for path in sorted((VECTORS / "merges").rglob("*.gz")):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            seed, version = b"\x00", 1
            for event in json.loads(line)["events"]:
                if event.get("peer") == 2:
                    seed += _step(0, 0, event["timestamp"], event["hex"])
                    version += 1
                for c in event["changesets"] if event.get("at") == 2 else ():
                    back = version - c["last_integrated_local_version"]
                    seed += _step(1, back, c["origin_timestamp"], c["hex"])
                    version += 1
            yield seed


def query_seeds() -> Iterator[bytes]:
    """The recorded texts and what they were printed as, behind the byte for class and dialect."""
    classes = ["Person", "Dog", "Shop", "Token", "Odd", "Place"]
    for line in (VECTORS / "queries" / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        query = json.loads(line)
        choice = classes.index(query["class"]) << 1
        yield bytes([choice]) + query["query"].encode()
        if query["ok"]:
            yield bytes([choice | 1]) + query["description"].encode()


def rule_seeds() -> Iterator[bytes]:
    """Expressions of the recorded applications, with a user's data, at every place."""
    custom = _json({"teams": ["red", "blue"], "level": 5, "nil": None, "s": "a", "n": 1})
    path = VECTORS / "apps" / "clinic-expressions" / "expected.json"
    recorded = json.loads(path.read_text(encoding="utf-8"))
    for entry in recorded["filters"] + recorded["refused_filters"]:
        for use in range(4):
            yield bytes([use]) + custom + _json(entry["expression"])
    for name in ("name", "age", "tags", "money", "born", "oid", "val", "boss", "friends"):
        for op in ("eq", "ne", "gt", "lte", "in", "nin", "all"):
            for value in ("a", 1, 0.5, None, ["a", 1, None], "%%user.custom_data.teams"):
                yield b"\0" + custom + _json({"%not": {name: {"$" + op: value}}})


def _json(value: Any) -> bytes:
    """In the bytes of csrc/fuzz/rules_fuzz.cpp."""
    match value:
        case None:
            return b"\0"
        case bool():
            return b"\1" if value else b"\2"
        case int():
            return struct.pack("<Bb", 3, value % 128)
        case float():
            return struct.pack("<Bd", 4, value)
        case str():
            return b"\5" + _text(value)
        case list():
            return bytes([7, len(value)]) + b"".join(map(_json, value))
    if "$oid" in value:
        return b"\11" + bytes.fromhex(value["$oid"])
    pairs = (_text(key) + _json(item) for key, item in value.items())
    return bytes([8, len(value)]) + b"".join(pairs)


def _text(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


def _step(kind: int, back: int, timestamp: int, changeset: str) -> bytes:
    payload = bytes.fromhex(changeset)
    head = bytes((kind, min(back, 255), timestamp % 256))
    return head + len(payload).to_bytes(2, "big") + payload


TARGETS = {
    "changeset": Target(changeset_seeds),
    "client": Target(client_seeds, max_size=16384),
    "merge": Target(merge_seeds, max_size=16384),
    "query": Target(query_seeds),
    "rules": Target(rule_seeds),
    "server": Target(server_seeds, max_size=16384),
    "wire": Target(wire_seeds),
}


def compile_source(source: Path) -> str:
    out = BUILD / "objects" / (str(source.relative_to(ROOT / "csrc")).replace("/", "-") + ".o")
    subprocess.run([*CXX, *FLAGS, SQLITE, "-c", str(source), "-o", str(out)], cwd=ROOT, check=True)
    return str(out)


def compile_sqlite() -> str:
    """As it is in the product: it is not what is searched for faults."""
    out = BUILD / "objects" / "sqlite-amalgamation.c.o"
    flags = ["-O2", "-fPIC", SQLITE, "-x", "c"]
    command = [*CXX, *flags, "-c", "csrc/sqlite/amalgamation.c", "-o", str(out)]
    subprocess.run(command, cwd=ROOT, check=True)
    return str(out)


@functools.cache  # by all targets, each of which takes out what it needs
def core_library() -> Path:
    library = BUILD / "core.a"
    library.unlink(missing_ok=True)
    (BUILD / "objects").mkdir(parents=True, exist_ok=True)
    outside = {"bindings", "fuzz", "runtime"}
    sources = [
        path
        for path in sorted((ROOT / "csrc").rglob("*.cpp"))
        if path.relative_to(ROOT / "csrc").parts[0] not in outside
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sqlite = pool.submit(compile_sqlite)  # first: it takes longest
        objects = [*pool.map(compile_source, sources), sqlite.result()]
    subprocess.run(["ar", "rcs", str(library), *objects], check=True)
    return library


def build(name: str) -> Path:
    program = BUILD / f"{name}_fuzz"
    core = core_library()
    target = compile_source(ROOT / "csrc" / "fuzz" / f"{name}_fuzz.cpp")
    link = [*CXX, "-fsanitize=fuzzer,address,undefined", target, str(core)]
    subprocess.run([*link, "-ldeflate", "-o", str(program)], cwd=ROOT, check=True)
    return program


def run(name: str, target: Target) -> bool:
    """True if nothing was found."""
    program = build(name)
    corpus = BUILD / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number:05}").write_bytes(seed)
    command = [
        str(program),
        f"-max_total_time={SECONDS}",
        f"-max_len={target.max_size}",
        "-rss_limit_mb=2048",
        "-timeout=10",
        "-print_final_stats=1",
        "-verbosity=0",
        f"-artifact_prefix={BUILD / name}/",
        str(corpus),
    ]
    print(f"{name}: {SECONDS} s from {len(list(corpus.iterdir()))} inputs", flush=True)
    return subprocess.run(command, cwd=ROOT).returncode == 0


def main() -> int:
    selected = sys.argv[1:] or list(TARGETS)
    unlisted = {p.name.removesuffix("_fuzz.cpp") for p in (ROOT / "csrc/fuzz").glob("*_fuzz.cpp")}
    unlisted -= TARGETS.keys()
    if unlisted:
        print(f"targets without an entry in TARGETS: {', '.join(sorted(unlisted))}")
        return 1
    failed = [name for name in selected if not run(name, TARGETS[name])]
    for name in failed:
        print(f"findings in {name}:")
        for path in (p for p in sorted((BUILD / name).iterdir()) if p.is_file()):
            print(f"  {path.relative_to(ROOT)}: {path.read_bytes()[:2000].hex()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
