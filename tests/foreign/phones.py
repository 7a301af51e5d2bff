"""Programs over the core of published SDKs, which obey commands: see core/phone.cpp.

Each is a process with files of its own. What sessions report on their own is kept as events.
"""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

LIMIT = 60.0


class Phone:
    """One program, with one user and one realm at a time."""

    def __init__(self, program: Path, url: str, app_id: str, folder: Path) -> None:
        folder.mkdir()
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            [program, url, app_id, folder, "trace"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._events: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Phone:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(LIMIT)
        self._log.close()

    def __call__(self, *words: object) -> str:
        """What the program answers to a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._answers.get(timeout=LIMIT)

    def event(self) -> str:
        """The next report of a session."""
        return self._events.get(timeout=LIMIT)

    @property
    def has_no_events(self) -> bool:
        return self._events.empty()

    def user(self, *words: str) -> str:
        """Logs in with a command; gives the user's id."""
        answer = self(*words)
        assert answer.startswith("user "), answer
        return answer.removeprefix("user ")

    def settle(self) -> None:
        """Sends what there is and gets what others sent."""
        assert [self("upload"), self("download")] == ["done", "done"]

    @property
    def keys(self) -> list[int]:
        """The keys of all notes of the realm."""
        return [int(key) for key in self("keys").split()[1:]]

    def until(self, words: str, wanted: str) -> None:
        """Asks until the answer is the one that is wanted."""
        end = time.monotonic() + LIMIT
        while (answer := self(words)) != wanted:
            assert time.monotonic() < end, (words, answer)
            time.sleep(0.05)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            line = line.rstrip("\n")
            if line.startswith("event "):
                self._events.put(line.removeprefix("event "))
            else:
                self._answers.put(line)
