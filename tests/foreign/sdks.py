"""Runs published Realm SDKs against a server of ours: `make test-foreign`, see README.md.

    sdks.py [FILE.test.mjs …] [--log debug]

Installs the SDKs from npm beside this file, starts `realmsync serve` with the app of this folder,
and has Node.js run the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from realmsync.testing import ServerProcess

HERE = Path(__file__).parent
TOKEN_KEY = "thirty-two letters of a test's key"
ADMIN_PASSWORD = "operator of the foreign app"


def install() -> None:
    """Puts the SDKs at the versions of package.json into node_modules; runs no script of theirs."""
    if not (HERE / "node_modules").exists():
        npm = ["npm", "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]
        subprocess.run(npm, cwd=HERE, check=True)


def serve(data: Path) -> ServerProcess:
    """The server with the apps of this folder."""
    secrets = data / "secrets.json"
    secrets.write_text(json.dumps({"tokenKey": TOKEN_KEY}))
    os.environ["REALMSYNC_ADMIN_PASSWORD"] = ADMIN_PASSWORD
    os.environ["PYTHONPATH"] = str(HERE)
    options = ("--functions", "app_functions:functions", "--javascript", "--secrets", str(secrets))
    admin = ("--admin", "operator", "--accept-breaking")
    apps = [word for name in ("app", "flexible_app") for word in ("--app", str(HERE / name))]
    return ServerProcess(data / "server", *apps, *options, *admin, durability="process")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", nargs="*", help="files of this folder; all of them")
    parser.add_argument("--log", choices=["debug", "trace"], help="what the SDKs log")
    arguments = parser.parse_args()
    tests = arguments.tests or sorted(path.name for path in HERE.glob("*.test.mjs"))
    install()
    with tempfile.TemporaryDirectory() as data, serve(Path(data)) as server:
        environment = {
            **os.environ,
            "FOREIGN_URL": server.url,
            "FOREIGN_DATA": str(server.data),
            "FOREIGN_PYTHON": sys.executable,
            "FOREIGN_LOG": arguments.log or "",
            "FOREIGN_TOKEN_KEY": TOKEN_KEY,
        }
        command = ["node", "--test", "--test-reporter", "spec", *map(os.path.basename, tests)]
        return subprocess.run(command, cwd=HERE, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
