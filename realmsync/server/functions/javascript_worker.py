"""A process that runs JavaScript: one function at a time, and the functions that it calls.

It is started as a script and imports nothing of realmsync. A process of its own, since the engine
cannot be interrupted everywhere (sorting a huge array), and a function must harm nobody: the server
ends the process when its time is over. Messages on standard input and output are a length of four
bytes, big-endian, and JSON; javascript.py is the other end. Specification: app-configuration.md
6.6.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

import quickjs

_MEMORY = 64 << 20  # bytes of one context
_ADDRESS_SPACE = 1 << 30  # bytes of the process
_STACK = 4 << 20  # of the 8 MiB that a process has; depths are checked before it is used up
_MESSAGE = 4 << 20
# Times a call's seconds after which a process that nobody watches any more ends by itself.
_GRACE = 4
_CONTEXTS = 16  # a function that calls another one, and so on


class Run:
    """One call of a function, in a context of its own."""

    def __init__(self, prelude: str, seconds: float) -> None:
        self._context = quickjs.Context()
        self._context.set_memory_limit(_MEMORY)
        self._context.set_max_stack_size(_STACK)
        self._context.set_time_limit(seconds)
        self._context.eval(prelude)
        self._start, self._take, self._answer = (
            self._context.eval(f"__worker.{name}") for name in ("start", "take", "answer")
        )
        self._context.eval("delete globalThis.__worker")

    def start(self, source: str, context: str, arguments: str) -> None:
        """Reads the source and calls what it exports."""
        self._context.eval(source)
        self._start(context, arguments)

    def answer(self, call: int, text: str, is_error: bool) -> None:
        """The server's answer to one of its calls."""
        self._answer(call, text, is_error)

    def proceed(self) -> dict[str, Any]:
        """Goes on as far as it can: {calls, outcome, waiting}."""
        while self._context.execute_pending_job():
            pass
        taken: dict[str, Any] = json.loads(self._take())
        return taken


class Worker:
    """Reads messages and answers them."""

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source = source
        self._target = target
        self._prelude = Path(__file__).with_name("prelude.js").read_text()
        self._runs: dict[int, Run] = {}

    def serve(self) -> None:
        """Until the server closes standard input."""
        self._write({"run": 0, "kind": "ready", "payload": None})
        while (message := self._read()) is not None:
            run = message["run"]
            try:
                self._handle(run, message)
            except quickjs.JSException as error:
                self._end(run, _failure(error))
            except (MemoryError, RecursionError):
                self._end(run, {"error": "out of memory"})

    def _handle(self, number: int, message: dict[str, Any]) -> None:
        if message["kind"] == "call":
            if len(self._runs) == _CONTEXTS:
                self._end(number, {"error": "functions call each other too deeply"})
                return
            _allow_processor_time(_GRACE * message["seconds"])
            run = self._runs[number] = Run(self._prelude, message["seconds"])
            run.start(message["source"], message["context"], message["arguments"])
        else:
            run = self._runs[number]
            run.answer(message["call"], message["text"], message["is_error"])
        state = run.proceed()
        for call in state["calls"]:
            self._write({"run": number, **call})
        if state["outcome"] is not None:
            self._end(number, state["outcome"])
        elif not state["waiting"]:
            self._end(number, {"error": "it waits for a promise that nobody settles"})

    def _end(self, number: int, outcome: dict[str, Any]) -> None:
        self._runs.pop(number, None)
        self._write({"run": number, "kind": "outcome", "payload": outcome})

    def _read(self) -> dict[str, Any] | None:
        head = self._source.read(4)
        if len(head) < 4:
            return None
        message: dict[str, Any] = json.loads(self._source.read(*struct.unpack(">I", head)))
        return message

    def _write(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        if len(data) > _MESSAGE:
            if message["kind"] != "outcome":
                raise MemoryError
            data = json.dumps({**message, "payload": {"error": "the result is too large"}}).encode()
        self._target.write(struct.pack(">I", len(data)) + data)
        self._target.flush()


def _failure(error: quickjs.JSException) -> dict[str, str]:
    """What went wrong, and the first line of the engine's trace."""
    text, _, trace = str(error).partition("\n")
    return {"error": _reason(text), "place": trace.partition("\n")[0].strip()[:200]}


def _reason(text: str) -> str:
    if text == "InternalError: interrupted":
        return "it took too long"
    if text == "null":  # there was no memory for the error either
        return "out of memory"
    return text.removeprefix("Error: ").removeprefix("InternalError: ")


def _allow_processor_time(seconds: float) -> None:
    """From now on; then the system ends the process, whatever it is busy with."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (end, hard))


def main() -> None:
    """Runs the worker on standard input and output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    Worker(sys.stdin.buffer, sys.stdout.buffer).serve()


if __name__ == "__main__":
    main()
