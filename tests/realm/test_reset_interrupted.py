"""A process that dies between the two commits of a client reset: of the reset the file has the note
alone, and what may be tried after it is what client-session.md 13.5 says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from instructions import update
from realm.resets import Story
from realmsync import Realm, _core, _testbed
from realmsync.errors import RealmError

PROGRAM = """
import sys
from realmsync import _core
file, fresh = map(_core.RealmFile.open, sys.argv[1:])
file.reset(fresh, "recoverUnsyncedChanges")
"""
LIMIT = 30.0


def killed_between_the_commits(story: Story) -> None:
    """Somebody else writes the fresh file, for which the reset waits when it has made its note."""
    fresh = str(story.fresh().path)
    with Realm(path=fresh) as busy:
        busy.begin_transaction()
        child = subprocess.Popen([sys.executable, "-c", PROGRAM, story.file.path, fresh])
        end = time.monotonic() + LIMIT
        while not story.file.has_reset() and child.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        assert child.poll() is None, "it waits"
        child.kill()
        child.wait()
        busy.cancel_transaction()


@pytest.mark.parametrize("mode", ["recover", "recover_or_discard", "discard"])
def test_killed_between_the_two_commits(tmp_path: Path, mode: str) -> None:
    story = Story(tmp_path)
    story.offline(update("Dog", 1, "name", "local"))
    story.server(update("Dog", 1, "name", "server"))
    before = _testbed.objects(story.file), _testbed.history(story.file)
    killed_between_the_commits(story)
    assert story.file.has_reset()
    assert (_testbed.objects(story.file), _testbed.history(story.file)) == before
    if mode == "recover":
        with pytest.raises(RealmError, match="A previous 'Recover' mode reset .* did not succeed"):
            story.reset(mode)
        assert (_testbed.objects(story.file), _testbed.history(story.file)) == before
        return
    kept = tmp_path / "kept.realm"
    assert story.reset(mode, copy=str(kept))["Dog"][0]["name"] == "server"
    assert story.outcome == (False, True)
    assert _testbed.objects(_core.RealmFile.open(str(kept))) == before[0]
