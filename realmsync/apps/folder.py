"""Where a configuration is: a directory, a zip, or a file.

Specification: app-configuration.md 3.1.
"""

from __future__ import annotations

from pathlib import Path

from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.json_text import BadText
from realmsync.apps.layout import read
from realmsync.apps.tree import DirectoryTree, ZipTree


def read_folder(path: Path, findings: Findings) -> Bundle | None:
    """The configuration in a directory or zip; None when findings say why there is none."""
    try:
        if path.is_dir():
            return read(DirectoryTree(path), findings)
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
