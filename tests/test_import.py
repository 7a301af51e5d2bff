"""`import realmsync` loads what a local realm needs; sockets, HTTP and the server come with their
first use, so that short programs start quickly."""

from __future__ import annotations

import json
import subprocess
import sys

LATER = {
    "aiohappyeyeballs",
    "aiohttp",
    "picows",
    "uvloop",
    "jwt",
    "click",
    "rich",
    "realmsync.server",
}
LATER |= {"realmsync.transport", "realmsync.testing", "realmsync.cli"}
# Of the standard library and bson: what only a log-in, a request or a wrong name needs.
LATER |= {"sqlite3", "hashlib", "shutil", "difflib", "bson.json_util"}


def test_import_leaves_the_rest_for_later() -> None:
    program = "import realmsync, json, sys; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    modules = set(json.loads(output))
    assert "realmsync.sync" in modules
    assert LATER & modules == set()
