"""Events in one line each, for people who read why a promise broke.

Specification: flexible-sync.md 5.
"""

from __future__ import annotations

from typing import Any

from flexible.naive.objects import Instruction, named

_SHOWN = ("request", "file_ident", "query_version", "query", "code", "body", "message")


def spelled_event(kind: str, message: dict[str, Any], head: int) -> str:
    """What happened, to whom, and where the history was."""
    if kind not in ("client", "server"):
        return f"[{head}] {kind}"
    arrow = "→" if kind == "client" else "←"
    what = message["type"]
    if what == "download":
        what = _download(message)
    elif what == "upload":
        what = f"upload up to {message['upload_client_version']}/{message['upload_server_version']}"
    else:
        what += "".join(f" {message[name]}" for name in _SHOWN if name in message)
    lines = [f"[{head}] {arrow} {what}", *map(_entry, message.get("entries", ()))]
    return "\n".join(lines)


def _download(message: dict[str, Any]) -> str:
    state = {0: "part", 1: "last part", 2: "steady"}.get(message["batch_state"], "unknown")
    return (
        f"download {state} of {message['query_version']}: at {message['download_server_version']}"
        f"/{message['download_client_version']}, confirms {message['upload_client_version']}"
    )


def _entry(entry: dict[str, Any]) -> str:
    said = ", ".join(map(spelled, entry["instructions"])) or "nothing"
    return f"      {entry['server_version']}/{entry['client_version']}: {said}"


def spelled(instruction: Instruction) -> str:
    """An instruction: its operation, its place and its value."""
    about = named(instruction)
    place = instruction["table"] + (f"[{about[1][1]}]" if about is not None else "")
    if "field" in instruction:
        place += f".{instruction['field']}" + "".join(f"/{p}" for p in instruction.get("path", ()))
    value = instruction.get("value")
    text = f" = {value.get('v', value['t'])}" if isinstance(value, dict) else ""
    return f"{instruction['op']} {place}{text}"
