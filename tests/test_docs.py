"""The documentation keeps its word: its examples run, its links resolve, its lists are complete.

Every ```python block of a page runs, in order, in one namespace and with `await` allowed, as in
`python -m asyncio`, in an empty folder and against an empty server at localhost:9090. Comments
behind `print(...)` are what it prints. ```sql blocks run on the file of the page's realm.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gc
import importlib.util
import inspect
import io
import re
import sqlite3
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync.cli import serve
from realmsync.model.realm import Realm
from realmsync.sync.app import App
from realmsync.sync.client import SyncClient
from realmsync.testing import ServerProcess, run_server

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += [ROOT / "csrc" / "README.md", ROOT / "tests" / "vectors" / "README.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
# Blocks of docs/protocol show the original, other languages and designs: nothing that could run.
EXAMPLES = [page for page in PAGES if ROOT / "docs" / "protocol" not in page.parents]
BLOCK = re.compile(r"^```(python|sql)\n(.*?)^```$", re.M | re.S)
PRINTS = re.compile(r"^\s*print\(.*\)  # (.*)$", re.M)
SERVER = "http://localhost:9090"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """Language, text and number of the first line of each block that runs."""
    text = page.read_text()
    return [(m[1], m[2], text.count("\n", 0, m.start()) + 2) for m in BLOCK.finditer(text)]


class Page:
    """The namespace of a page: a module, so that annotations of classes find their names."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self.module = types.ModuleType("documentation_page")

    async def run(self, language: str, text: str, line: int) -> None:
        text = text.replace(SERVER, self.url)
        if language == "sql":
            self.query(text)
            return
        # Line numbers of the page, so that a failure points there.
        tree = ast.parse("\n" * (line - 1) + text, str(self.path))
        code = compile(tree, str(self.path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            if "asyncio.run(" in text:  # a whole program
                await asyncio.to_thread(exec, code, self.module.__dict__)
            elif inspect.iscoroutine(result := eval(code, self.module.__dict__)):
                await result
        expected = PRINTS.findall(text)
        if expected:
            assert output.getvalue().splitlines() == expected

    def query(self, text: str) -> None:
        path = self.module.__dict__["realm"].path
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            for statement in filter(str.strip, text.split(";")):
                database.execute(statement).fetchall()

    async def close(self) -> None:
        values = list(self.module.__dict__.values())
        for realm in filter(lambda value: isinstance(value, Realm), values):
            realm.close()
        for app in filter(lambda value: isinstance(value, App), values):
            await app.close()
        # Those of functions, which leave it to the end of the program.
        for client in [one for one in gc.get_objects() if isinstance(one, SyncClient)]:
            await asyncio.to_thread(client.stop)
        for server in filter(lambda value: isinstance(value, ServerProcess), values):
            server.stop()


async def run_page(path: Path, url: str) -> None:
    page = Page(path, url)
    sys.modules["documentation_page"] = page.module
    try:
        for block in blocks(path):
            await page.run(*block)
    finally:
        await page.close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for processes that examples start
    yield tmp_path
    sys.modules.pop("documentation_page", None)


@pytest.mark.no_asan
@pytest.mark.parametrize("path", [p for p in EXAMPLES if blocks(p)], ids=name_of)
async def test_examples_run(path: Path, here: Path) -> None:
    with run_server() as server:
        await run_page(path, server.url)


# On one loop, as each page runs on both for itself.
@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.no_asan
async def test_a_reader_goes_through_all_pages_with_one_server(here: Path) -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    linked = [ROOT / "docs" / name for name in re.findall(r"\]\(([^)#\s]+\.md)\)", index)]
    pages = [ROOT / "README.md", *(page for page in linked if page in EXAMPLES and blocks(page))]
    assert len(pages) > 10
    with run_server() as server:
        for path in pages:
            await run_page(path, server.url)


def test_the_readme_example_is_short() -> None:
    [(_, text, _)] = blocks(ROOT / "README.md")
    assert len([line for line in text.splitlines() if line.strip()]) <= 20


def anchors(page: Path) -> set[str]:
    """What headings of a page can be linked as, by the rules of GitHub."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.S), re.M
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.name == "README.md" or str(page.relative_to(ROOT / "docs")) in index, page


MAPS = [ROOT / name for name in ("CONTRIBUTING.md", "tests/README.md", "bench/README.md")]


@pytest.mark.parametrize("page", MAPS, ids=name_of)
def test_files_that_a_map_names_exist(page: Path) -> None:
    rows = re.findall(r"^\|.*\|$", page.read_text(), re.M)
    named = [name for row in rows for name in re.findall(r"`([\w./]+(?:/|\.[a-z]{2,3}))`", row)]
    assert len(named) >= 10
    for name in named:
        here = ROOT if page.parent == ROOT else page.parent
        assert (here / name).exists() or (here / "merge" / name).exists(), name


def test_every_benchmark_is_in_the_list() -> None:
    text = (ROOT / "bench" / "README.md").read_text()
    for path in (ROOT / "bench").glob("*.py"):
        assert f"`{path.name}`" in text, path.name


def test_the_page_of_figures_is_written_from_reports() -> None:
    tool = load_tool("performance")
    machine = {"system": "Linux 6", "machine": "x86_64", "cpus": 2, "python": "3.11.7"}
    slow = {"name": "write", "ratio": 0.3, "must": 0.4, "rate": True}
    fast = slow | {"ratio": 0.5}
    part = {"name": "decode", "ratio": 0.25, "must": None, "rate": False}
    one = {"machine": machine, "ratios": [slow, part], "time": "20260102-030405"}
    two = one | {"ratios": [fast, part]}
    assert "2026-01-02, one run: Linux 6, x86_64, 2 CPUs, Python 3.11.7." in tool.render([one])
    assert "| write | 0.30 × |  | ≥ 0.40 × | missed by 25% |\n" in tool.render([one])
    assert "| write | 0.40 × |  | ≥ 0.40 × |  |\n" in tool.render([one, two])
    assert "| decode |  | 0.25 × |  |  |\n" in tool.render([one])
    other = one | {"ratios": [part | {"name": "encode"}]}
    assert "one run" in tool.render([one, other])
    assert "| encode |  | 0.25 × |" in tool.render([one, other])
    assert "medians of up to 2 runs" in tool.render([one, two, other])
    page = (ROOT / "docs" / "performance.md").read_text()
    assert page.startswith(tool.HEAD) and "**Measured** 20" in page


def load_tool(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_states_of_a_binding_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "protocol" / "session-states.md").read_text()
    assert page == load_tool("state_tables").render(), "run tools/state_tables.py"


def test_the_reference_is_what_the_code_says() -> None:
    page = (ROOT / "docs" / "reference.md").read_text()
    assert page == load_tool("reference").render(), "run tools/reference.py"
    missing = [name for name in realmsync.__all__ if not re.search(rf"\b{name}\b", page)]
    assert not missing


def test_the_server_page_names_every_option() -> None:
    page = (ROOT / "docs" / "guides" / "run-the-server.md").read_text()
    options = {name for parameter in serve.params for name in parameter.opts}
    assert {o for o in options if f"`{o}" not in page} == set()
    section = page.partition("## Options")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(--[a-z-]+)", section, re.M)) == options


def test_the_checklist_names_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "internals" / "session-checklist.md").read_text()
    files = dict(re.findall(r"^\| (\w\w) \| `(.+?)` \|$", page, re.MULTILINE))
    rows = [line for line in page.splitlines() if re.match(r"\| \d+\.\d+ ", line)]
    assert len(rows) >= 70
    for row in rows:
        file = ""
        for named, name in re.findall(r"([\w/]+(?:\.py)?)?::(test_\w+)", row):
            file = files.get(named, named) or file
            source = (ROOT / "tests" / file).read_text()
            assert re.search(rf"def {name}\b", source), f"{file}::{name}"
