"""What the core of published SDKs does at our server: checks of cores.py, each a function.

Specification: client-session.md 12, wire-protocol.md 4.4, 10, server-behaviour.md 13.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phones import Phone
from realmsync.testing import ServerProcess

APP = "foreign"
PUBLIC = "open-"  # what anybody may write begins with it


@dataclass
class Bench:
    """A server, and what makes programs that use it."""

    program: Path
    server: ServerProcess
    folder: Path
    admin_password: str

    def phone(self, name: str, app: str = APP) -> Phone:
        return Phone(self.program, self.server.url, app, self.folder / name)

    def operator(self, *words: str) -> None:
        """`realmsync user …` beside the server that runs."""
        command = [sys.executable, "-m", "realmsync", "user", *words]
        subprocess.run([*command, "--data", str(self.server.data)], check=True, capture_output=True)

    def force_reset(self, ident: str, client_app_id: str = APP) -> None:
        """Gives a client file up, by the admin API."""
        account = {"username": "operator", "password": self.admin_password}
        token = self._admin("POST", "auth/providers/local-userpass/login", account)["access_token"]
        group = self._admin("GET", "auth/profile", token=token)["roles"][0]["group_id"]
        apps = self._admin("GET", f"groups/{group}/apps", token=token)
        (app,) = (each for each in apps if each["client_app_id"] == client_app_id)
        path = f"groups/{group}/apps/{app['_id']}/sync/force_reset"
        self._admin("PUT", path, {"file_ident": int(ident)}, token)

    def _admin(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(
            f"{self.server.url}/api/admin/v3.0/{path}",
            None if body is None else json.dumps(body).encode(),
            headers if token else {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
        return json.loads(text) if text else None


@contextlib.contextmanager
def two(bench: Bench, name: str, mode: str = "manual") -> Iterator[tuple[Phone, Phone]]:
    """Two programs with users of their own and one partition, both with a note."""
    with bench.phone(f"{name} a") as phone, bench.phone(f"{name} b") as other:
        for each in (phone, other):
            each.user("anonymous")
            each("open", f"{PUBLIC}{name.replace(' ', '-')}", mode, "realm")
        other("add", 1)
        other.settle()
        phone.settle()
        assert phone.keys == [1]
        yield phone, other


def exchange(bench: Bench) -> None:
    with two(bench, "exchange") as (phone, other):
        phone("add", 2)
        phone.settle()
        other.settle()
        other("erase", 1)
        other.settle()
        phone.settle()
        assert phone.keys == other.keys == [2]


def _reset(bench: Bench, mode: str, kept: list[int], word: str) -> None:
    with two(bench, mode, mode) as (phone, other):
        old = phone("ident")
        phone("pause")
        phone("add", 2)
        other("add", 3)
        other.settle()
        bench.force_reset(old)
        phone("resume")
        assert phone.event() == "before 1 2"
        assert phone.event() == f"after{''.join(f' {key}' for key in kept)} {word}"
        phone.settle()
        other.settle()
        assert phone.keys == other.keys == kept
        assert phone("ident") != old
        phone("add", 4)
        phone.settle()
        other.settle()
        assert other.keys == [*kept, 4]
        assert phone.has_no_events


def reset_with_recovery(bench: Bench) -> None:
    _reset(bench, "recover", [1, 2, 3], "recovered")


def reset_without(bench: Bench) -> None:
    _reset(bench, "discard", [1, 3], "discarded")


def reset_as_it_goes(bench: Bench) -> None:
    _reset(bench, "either", [1, 2, 3], "recovered")


def reset_by_hand(bench: Bench) -> None:
    with two(bench, "manual") as (phone, _):
        phone("pause")
        bench.force_reset(phone("ident"))
        phone("resume")
        assert "operator has reset" in phone.event()


def restarts(bench: Bench) -> None:
    """A server that is killed, and one that is stopped: programs come back by themselves."""
    with two(bench, "restarts") as (phone, other):
        for number, end in enumerate((bench.server.kill, bench.server.stop), 2):
            end()
            phone("add", number)
            bench.server.start()
            phone.settle()
            other.settle()
            assert other.keys == phone.keys == list(range(1, number + 1))


def forbidden(bench: Bench) -> None:
    with bench.phone("forbidden") as phone:
        phone.user("anonymous")
        phone("open", "secret", "manual", "secret")
        assert "may not read" in phone.event()
        phone("close")
        phone("open", "news-today", "manual", "news")
        phone.settle()
        phone("add", 1)
        assert "only read" in phone.event()


def locked_out(bench: Bench) -> None:
    for word, more in {"disable": (), "delete": ("--yes",), "log-out": ()}.items():
        with bench.phone(f"locked {word}") as phone:
            name = f"sure-core-{word}@example.org"
            assert phone("register", name, "password") == "registered"
            user = phone.user("account", name, "password")
            phone("open", user, "manual", "own")
            phone("add", 1)
            phone.settle()
            bench.operator(word, name, *more)
            phone.until("state", "0")  # logged out
            if word == "delete":
                continue
            if word == "disable":
                assert "user disabled" in phone("account", name, "password")
                bench.operator("enable", name)
            assert phone.user("account", name, "password") == user
            phone("add", 2)
            phone.settle()


CHECKS = (
    exchange,
    reset_with_recovery,
    reset_without,
    reset_as_it_goes,
    reset_by_hand,
    forbidden,
    locked_out,
    restarts,
)
