"""Rules of the tree that no reviewer should have to check: layers, sizes, foreign paths, lint."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from for_each import for_each
from source_graph import circles, import_graph, include_graph, typing_graph

ROOT = Path(__file__).parent.parent
CSRC = ROOT / "csrc"

# Which folders a folder's files may include, besides itself. Ports belong to the engines, so that
# client and server know no storage; every store stands above the engine it serves.
FORMATS = {"base", "changeset", "wire"}
DATA = {"base", "changeset", "model", "sqlite", "tables"}
# The stages of a query, each with those that it builds upon; what all share lies beside them.
STAGES: dict[str, set[str]] = {
    "query": set(),
    "query/values": set(),
    "query/strings": {"query/values"},
    "query/geometry": set(),
    "query/tree": {"query/values", "query/strings", "query/geometry"},
    "query/parsing": set(),
    "query/printing": {"query/tree", "query/geometry", "query/parsing"},
    "query/evaluation": {"query/tree", "query/values", "query/strings", "query/geometry"},
    "query/sql": {"query/tree", "query/values", "query/strings"},
}
STAGES["query/binding"] = {
    stage for stage in STAGES if stage not in ("query/evaluation", "query/sql")
}
QUERY = set(STAGES)
ENGINES = FORMATS | {"client", "server", "runtime"}
LAYERS = {
    "base": set(),
    "changeset": {"base"},
    "wire": {"base"},
    "merge": {"base", "changeset"},
    "model": {"base", "changeset"},
    **{stage: {"base", "changeset", "model", "query"} | below for stage, below in STAGES.items()},
    "rules": {"base", "changeset", "model"} | QUERY,
    "views": FORMATS | {"model", "rules"} | QUERY,
    "client": FORMATS,
    "server": FORMATS | {"rules", "views"},
    "runtime": FORMATS | {"client", "server"},
    "sqlite": {"base"},
    "tables": DATA | QUERY,
    "realm": DATA | QUERY | {"wire", "merge", "client"},
    "partitions": DATA | QUERY | {"wire", "merge", "server", "rules", "views"},
    "simulation": DATA | QUERY | ENGINES | {"merge", "realm", "partitions"},
    "bindings/values": DATA | QUERY | {"wire", "merge"},
    "bindings/rules": DATA | QUERY | {"rules", "bindings/values"},
    "bindings/realm": DATA | QUERY | {"wire", "merge", "client", "realm", "bindings/values"},
    "bindings/engines": (
        DATA | ENGINES | {"merge", "realm", "partitions", "rules", "bindings/values"}
    ),
    "bindings/inspection": DATA | {"wire", "merge", "realm", "bindings/values"},
}
BOUND = {folder for folder in LAYERS if folder.startswith("bindings/")}
LAYERS["bindings/testbed"] = LAYERS["simulation"] | BOUND | {"simulation", "rules", "views"}
LAYERS["fuzz"] = LAYERS["simulation"] | {"simulation", "rules"}
# Bindings of every folder see what they register with.
EVERYWHERE = {"tuning.hpp", "bindings/bind.hpp"}

CPP_FILES = sorted(p for s in ("*.cpp", "*.hpp", "*.h", "*.c") for p in CSRC.rglob(s))
PYTHON_FILES = sorted(
    p
    for folder in ("realmsync", "tests", "bench", "tools", "examples")
    for s in ("*.py", "*.pyx", "*.pyi")
    for p in (ROOT / folder).rglob(s)
)
TEXT_FILES = CPP_FILES + PYTHON_FILES + sorted((ROOT / "docs").rglob("*.md")) + [ROOT / "README.md"]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def includes(path: Path, opening: str) -> list[str]:
    return re.findall(rf"^\s*#include {opening}([^>\"]+)[>\"]", path.read_text(), re.M)


def folder_of(path: Path) -> str:
    """base, client, …; bindings by what they bind, and the stages of a query, are told apart."""
    folders = path.parts[:-1]
    return "/".join(folders[: 2 if folders[:1] in (("bindings",), ("query",)) else 1])


@for_each(CPP_FILES, relative)
def test_layers(path: Path) -> None:
    folder = folder_of(path.relative_to(CSRC))
    if folder == "":  # tuning.hpp is for everyone
        return
    allowed = {folder} | LAYERS.get(folder, set())  # module.cpp includes nothing but bind.hpp
    for include in includes(path, '"'):
        assert include in EVERYWHERE or folder_of(Path(include)) in allowed, (
            f"{folder}/ must not include {include}"
        )


@for_each(CPP_FILES, relative)
def test_system_headers_stay_where_they_belong(path: Path) -> None:
    folder = path.relative_to(CSRC).parts[0]
    system = includes(path, "<")
    if folder != "bindings":
        foreign = [h for h in system if h.startswith("pybind11/") or h == "Python.h"]
        assert not foreign, foreign
    if folder not in ("bindings", "runtime", "sqlite", "realm", "partitions", "simulation"):
        threads = {"thread", "mutex", "condition_variable", "shared_mutex"} & set(system)
        assert not threads, threads
    if folder != "sqlite":
        assert not {"sqlite3.h", "sqlite3.c"} & set(system)


# Neither POSIX nor C++: macOS or musl lack the header or what is used of it.
OF_ONE_SYSTEM = re.compile(r"<(malloc|sys/(eventfd|epoll|inotify|prctl|sendfile)|linux/.*)\.h>")


@for_each(CPP_FILES, relative)
def test_what_one_system_has_stands_behind_a_condition(path: Path) -> None:
    depth, bare = 0, []
    for line in path.read_text().splitlines():
        depth += line.startswith("#if") - line.startswith("#endif")
        if line.startswith("#include") and OF_ONE_SYSTEM.search(line) and depth == 0:
            bare.append(line)
    assert not bare


@for_each(CPP_FILES, relative)
def test_engines_read_no_clock_and_no_chance(path: Path) -> None:
    if path.relative_to(CSRC).parts[0] in ("base", "runtime", "bindings"):
        return
    found = re.findall(r"\w+_clock::now|\brand\(|random_device|time\(nullptr\)", path.read_text())
    assert not found


@for_each(CPP_FILES + PYTHON_FILES, relative)
def test_files_stay_readable(path: Path) -> None:
    limit = 1300 if path.suffix == ".pyi" else 800  # a stub is as long as its module has names
    assert len(path.read_text().splitlines()) <= limit


@for_each(TEXT_FILES, relative)
def test_no_machine_paths(path: Path) -> None:
    if path == Path(__file__):
        return
    assert not re.findall(r"/(?:work|home|root|tmp)/\w", path.read_text())


@for_each([p for p in CPP_FILES if p.suffix == ".hpp"], relative)
def test_headers_say_what_lives_there(path: Path) -> None:
    assert path.read_text().startswith("// "), "a header starts with what lives in it"


def test_modules_of_tests_have_names_of_their_own() -> None:
    """Those of all folders are imported by their names alone; programs are not imported."""
    names = [
        path.name
        for path in sorted((ROOT / "tests").glob("*/*.py"))
        if path.name not in ("conftest.py", "__init__.py")
        and '__name__ == "__main__"' not in path.read_text()
    ]
    assert sorted(names) == sorted(set(names))


def test_lint() -> None:
    """Formatting, ruff and mypy; the same command as `make lint`."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "lint.py")], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


# Which rooms of the Python package a room may import. Files beside the folders are the ground that
# everybody stands on, but for these: what stands on all, or is for the command line.
ROOMS: dict[str, set[str]] = {
    "ground": set(),
    "transport": {"ground"},
    "model": {"ground"},
    "account": {"ground"},
    "sync": {"ground", "transport", "model", "account"},
    "apps": {"ground"},
    "server": {"ground", "transport", "apps"},
    "inspect": {"ground"},
    "testing": {"ground", "transport", "model", "account", "sync", "apps", "server"},
    "cli": {
        "ground",
        "transport",
        "server",
        "inspect",
        "cli_app_folders",
        "cli_apps",
        "cli_query",
        "cli_user_data",
        "cli_serving",
        "cli_users",
    },
    "cli_app_folders": {"ground", "apps", "server"},
    "cli_apps": {"ground", "apps", "server", "cli_app_folders"},
    "cli_query": {"ground", "model"},
    "cli_data": {"ground", "server"},
    "cli_user_data": {"ground", "server", "cli_data"},
    "cli_serving": {"ground", "server", "cli_app_folders", "cli_data"},
    "cli_users": {"ground", "server", "cli_data"},
    "__main__": {"cli"},
}
IMPORTS = import_graph(ROOT / "realmsync")
PACKAGES = {m for m in IMPORTS if any(other.startswith(f"{m}.") for other in IMPORTS)}


# Said without being known: a realm has a session, and callbacks are given it; it has a migration,
# which is given it. A server in this process is imported by who has one alone: it is heavy.
SAID = {
    "realmsync.model.lifetime": {"realmsync.sync.session"},
    "realmsync.model.migration": {"realmsync.model.lifetime"},
    "realmsync.model.realm": {"realmsync.sync.subscriptions"},
    "realmsync.sync.app_sync": {"realmsync.sync.client"},
    "realmsync.sync.config": {"realmsync.model.realm", "realmsync.sync.session"},
    "realmsync.testing.servers": {"realmsync.server.process"},
}


def test_what_is_imported_for_types_alone() -> None:
    assert typing_graph(ROOT / "realmsync") == SAID


def room(module: str) -> str:
    name = module.split(".")[1]
    return name if name in ROOMS else "ground"


@for_each(sorted(set(IMPORTS) - {"realmsync"}))
def test_layers_of_python(module: str) -> None:
    own = room(module)
    for target in IMPORTS[module]:
        # Packages only export: their names are for those who use realmsync.
        assert target not in PACKAGES, f"{module} takes a name from {target}"
        assert room(target) in {own, *ROOMS[own]}, f"{module} must not import {target}"


@for_each([p for p in PYTHON_FILES if p.is_relative_to(ROOT / "realmsync")], relative)
def test_every_import_is_a_statement(path: Path) -> None:
    """Imports by string would be invisible to the two tests around this one."""
    assert not re.findall(r"\b(?:importlib|import_module|__import__)\b", path.read_text())
    if path.suffix == ".pyx":  # known to the two by its stub, so it knows its neighbours alone
        imported = re.findall(r"^\s*(?:c?import|from) (realmsync[\w.]*)", path.read_text(), re.M)
        neighbours = f"realmsync.{path.parent.name}."
        assert [name for name in imported if not name.startswith(neighbours)] == []


@for_each([p for p in PYTHON_FILES if p.is_relative_to(ROOT / "realmsync")], relative)
def test_the_package_does_without_the_testbed(path: Path) -> None:
    """Wheels are built without it."""
    if path.name not in ("_core.pyi", "_testbed.pyi"):
        assert "_testbed" not in path.read_text()


def test_nothing_imports_or_includes_itself() -> None:
    assert circles(IMPORTS) == []
    assert circles(include_graph(CSRC)) == []


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"c"}}) == [["c"]]
    assert circles({"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": set()}) == [["a", "b", "c"]]


def test_each_of_many_that_fails_is_told() -> None:
    @for_each([1, 2, 3])
    def is_even(number: int) -> None:
        assert number % 2 == 0

    with pytest.raises(AssertionError, match=r"(?s)1: .*\n3: "):
        is_even()
