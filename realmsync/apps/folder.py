"""Where a configuration is: a directory, a zip, or a file.

Specification: app-configuration.md 3.1.
"""

from __future__ import annotations

from pathlib import Path

from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.json_text import BadText
from realmsync.apps.layout import ROOT_FILES, read
from realmsync.apps.toml import FILE_NAME, MOST_BYTES, read_toml
from realmsync.apps.tree import DirectoryTree, ZipTree


def read_folder(path: Path, findings: Findings) -> Bundle | None:
    """The configuration in a directory, zip or realmsync.toml; None when findings say why not."""
    try:
        if path.is_dir():
            return _read_directory(path, findings)
        if path.suffix == ".toml":
            return read_toml(_bytes_of(path), findings, path.name)
        tree = ZipTree(path)
    except OSError as error:
        findings.error("config.not_found", ".", f"cannot be read: {error.strerror or error}")
        return None
    except BadText as error:
        findings.error(error.code, ".", str(error))
        return None
    try:
        return read(tree, findings)
    finally:
        tree.close()


def _read_directory(path: Path, findings: Findings) -> Bundle | None:
    """An exported folder, or one with a realmsync.toml and nothing exported in it."""
    of_toml = path / FILE_NAME
    if of_toml.is_file():
        bundle = read_toml(_bytes_of(of_toml), findings)
        exported = [name for name in ROOT_FILES if (path / name).exists()]
        if exported:
            findings.error(
                "config.ambiguous_root",
                ".",
                f"{FILE_NAME} and {exported[0]} are both here: remove one of them",
            )
        return None if findings.is_refused else bundle
    return read(DirectoryTree(path), findings)


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
