"""From the files of an exported application to a Bundle: which generation, and what all share.

What the two layouts hold where is in layout_current.py and layout_services.py. Specification:
app-configuration.md 3.1 to 3.4.
"""

from __future__ import annotations

from typing import NamedTuple

from realmsync.apps.bundle import Bundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.layout_current import read_current
from realmsync.apps.layout_services import read_services
from realmsync.apps.reader import Reader
from realmsync.apps.toml import FILE_NAME
from realmsync.apps.tree import Tree, joined


class _Generation(NamedTuple):
    root: str
    version: int
    is_current: bool
    needs_version: bool  # in its root file


# In the order in which they are looked for.
_GENERATIONS = (
    _Generation("root_config.json", 20210101, True, False),
    _Generation("realm_config.json", 20210101, True, False),
    _Generation("config.json", 20200603, False, True),
    _Generation("stitch.json", 20180301, False, False),
)
# Those that are never anything else.
ROOT_FILES = tuple(g.root for g in _GENERATIONS if not g.needs_version)
_VERSIONS = sorted({generation.version for generation in _GENERATIONS})


def read(tree: Tree, findings: Findings) -> Bundle | None:
    """The configuration in a tree; None when it has none, or findings say what is wrong."""
    reader = Reader(tree, findings)
    found = _find_root(reader)
    if found is None:
        return None
    generation, root = found
    if not _is_version_known(generation, root, findings):
        return None
    bundle = read_current(reader, root) if generation.is_current else read_services(reader, root)
    return None if findings.is_refused else bundle


def _find_root(reader: Reader) -> tuple[_Generation, Source] | None:
    present = [g for g in _GENERATIONS if _is_root(reader, g, "")]
    if len(present) > 1:
        names = " and ".join(g.root for g in present)
        reader.findings.error(
            "config.ambiguous_root", ".", f"{names} are both here: remove all but one"
        )
        return None
    if not present:
        if not reader.findings.is_refused:
            reader.findings.error("config.not_found", ".", _nothing_found(reader))
        return None
    root = reader.object(present[0].root)
    if root is None and not reader.findings.is_refused:
        text = "the file must hold an object, not null"
        reader.findings.error("config.bad_value", present[0].root, text)
    return None if root is None else (present[0], root)


def _is_root(reader: Reader, generation: _Generation, folder: str) -> bool:
    if generation.root not in reader.names(folder).files:
        return False
    if not generation.needs_version:
        return True
    # Many folders hold a file of this name: what makes it a root file is the version in it.
    unheard = Reader(reader.tree, Findings())
    document = unheard.json(joined(folder, generation.root))
    return (
        document is not None
        and isinstance(document.content, dict)
        and "config_version" in document.content
    )


def _nothing_found(reader: Reader) -> str:
    names = ", ".join(generation.root for generation in _GENERATIONS)
    text = f"no root file: none of {names}, which exports have, and no {FILE_NAME}"
    unheard = Reader(reader.tree, Findings())
    below = [
        folder
        for folder in unheard.names("").folders
        if any(_is_root(unheard, g, folder) for g in _GENERATIONS)
    ]
    return f"{text}; there is one in {below[0]}/: give that folder" if len(below) == 1 else text


def _is_version_known(generation: _Generation, root: Source, findings: Findings) -> bool:
    version = root.content.get("config_version")
    if version is None or (version == generation.version and not isinstance(version, bool)):
        return True
    versions = ", ".join(map(str, _VERSIONS))
    text = (
        f"this file is of version {generation.version}"
        if version in _VERSIONS
        else f"known are {versions}"
    )
    findings.error(
        "config.unknown_version", root.path, f"version {version!r:.40}: {text}", "config_version"
    )
    return False
