"""The source distribution: everything that a build needs, and a page that can be read elsewhere."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run(
        [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", folder, "sdist", "-d", folder],
        cwd=ROOT,
        env=os.environ | {"REALMSYNC_PREBUILT": "1"},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def files(root: Path, *suffixes: str) -> set[str]:
    found = (p for p in root.rglob("*") if p.suffix in suffixes)
    return {str(p.relative_to(root)) for p in found}


def link_targets(markdown: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", markdown)


def test_a_build_finds_all_it_needs(source: Path) -> None:
    native = (".cpp", ".hpp", ".c", ".h")
    assert files(source / "csrc", *native) == files(ROOT / "csrc", *native)
    python = (".py", ".pyx", ".pxd", ".pyi", ".typed")
    assert files(source / "realmsync", *python) == files(ROOT / "realmsync", *python)
    for name in ("pyproject.toml", "setup.py", "tools/sqlite_source.py", "LICENSE", "README.md"):
        assert (source / name).read_bytes() == (ROOT / name).read_bytes()


def test_cibuildwheel_finds_what_it_is_told_to_run(source: Path) -> None:
    """It builds from the source distribution, which is its project folder then."""
    configuration = (ROOT / "pyproject.toml").read_text()
    named = set(re.findall(r"\{project\}/([\w./]+)", configuration))
    assert {"tools/wheel_libraries.sh", "tools/wheel_smoke.py"} <= named
    assert all((source / name).is_file() for name in named)


def test_the_site_links_within_itself() -> None:
    """What lies outside of docs/ is named instead, as mkdocs --strict demands."""
    within = runpy.run_path(str(ROOT / "tools" / "docs_site.py"))["within"]
    text = "[a](x.md#b), [c](../guides/y.md), [d](../../bench/README.md#e), [f](https://g), [h](#i)"
    named = text.replace("[d](../../bench/README.md#e)", "d (`bench/README.md`)")
    assert within(text, "concepts/z.md") == named


def test_sqlite_is_inside(source: Path) -> None:
    """Where the pinned source is in place, its fetcher has nothing to do and needs no network."""
    fetcher = source / "tools" / "sqlite_source.py"
    subprocess.run([sys.executable, fetcher], env={"PATH": ""}, check=True)
    assert "SQLite" in (source / "third_party" / "sqlite" / "sqlite3.c").read_text()[:400]


def test_nothing_is_inside_that_was_built(source: Path) -> None:
    assert files(source, ".so", ".o", ".pyc") == set()
    assert files(source / "realmsync", ".c") == set()
    assert not (source / "tests").exists()


def test_the_page_of_a_package_index_leads_nowhere_wrong(source: Path) -> None:
    """Its links are complete, and what README.md links to in the repository is named, and there."""
    page = (source / "PKG-INFO").read_text()
    assert all(re.match("https://|#", target) for target in link_targets(page))
    files = [t for t in link_targets((ROOT / "README.md").read_text()) if ":" not in t]
    assert len(files) > 5
    for name in files:
        assert f"(`{name}`)" in page
        assert (source / name).is_file(), name


def test_no_address_is_claimed(source: Path) -> None:
    """None is public yet. With the first one this becomes a test that they are the project's."""
    assert "Project-URL:" not in (source / "PKG-INFO").read_text()
    assert "Home-page:" not in (source / "PKG-INFO").read_text()


def test_picows_is_the_one_that_was_compiled_against() -> None:
    pins = re.findall(r'"picows(.*?)"', (ROOT / "pyproject.toml").read_text())
    assert len(pins) == 2 and pins[0] == pins[1]
    assert re.fullmatch(r">=(\d+)\.(\d+),<\d+\.\d+", pins[0])
