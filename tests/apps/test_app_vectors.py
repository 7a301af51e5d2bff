"""Every folder of an exported application gives what its expected.json says."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.vectors import disagreements, folders
from vector_case import Case
from vector_parts import COMPARED, LEFT_ASIDE

VECTORS = Path(__file__).parent.parent / "vectors" / "apps"


@pytest.mark.parametrize(
    "folder", list(folders([VECTORS])), ids=lambda path: str(path.relative_to(VECTORS))
)
def test_folders_agree(folder: Path) -> None:
    assert disagreements(Case(folder)) == []


def test_every_part_is_compared_or_left_aside() -> None:
    parts = {key for folder in folders([VECTORS]) for key in Case(folder).expected}
    assert parts - LEFT_ASIDE == set(COMPARED)


def test_a_disagreement_is_found(tmp_path: Path) -> None:
    """In a folder without anything, which is refused."""
    (tmp_path / "app").mkdir()
    (tmp_path / "expected.json").write_text('{"accepted": true, "diagnostics": []}')
    [folder] = folders([tmp_path])
    found = disagreements(Case(folder))
    assert [disagreement.what for disagreement in found] == ["accepted", "diagnostics"]
