"""The server's side of recorded conversations in flexible sync, played to our client engine.

The recorded SDK commits more versions of its file than we do, so the client versions in what the
server sends are those of our uploads instead. What the application did (writes, new sets, waits) is
done when the recording sends what came of it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from pathlib import Path
from typing import Any

from client_driver import upload_entries, words
from flexible_client import FlexibleClient, SubscribedFile
from realmsync.errors import BadMessageError
from realmsync.inspect import decode_message

Said = tuple[Any, ...]  # a client's message, by its meaning


def texts_of(body: str) -> list[tuple[str | None, str, str]]:
    """Subscriptions that make a body."""
    return [
        (f"{cls}{number}", cls, text)
        for cls, texts in json.loads(body).items()
        for number, text in enumerate(texts[1:-1].split(") OR ("))
    ]


def canonical(body: str) -> Any:
    """A body, with the members of IN lists in one order (facts 27)."""

    def sort(found: re.Match[str]) -> str:
        return "{" + ", ".join(sorted(found[1].split(", "))) + "}"

    return {cls: re.sub(r"\{([^{}]*)\}", sort, text) for cls, text in json.loads(body).items()}


class Engine:
    """One recorded client: its engine and its one file."""

    def __init__(self) -> None:
        self.client = FlexibleClient()
        self.file: SubscribedFile = self.client.subscribe_file()
        self.sent: list[bytes] = []
        self.versions: list[tuple[int, int]] = [(0, 0)]  # of the recording, and ours

    def take(self) -> None:
        self.sent += self.client.take()

    def ours(self, version: int) -> int:
        at = bisect_right(self.versions, (version, 1 << 62)) - 1
        return self.versions[at][1]

    def has_sent(self, said: Said) -> bool:
        return said in map(meaning, self.sent)

    def prepare(self, message: bytes) -> None:
        """What the application did that made the SDK send this."""
        client, kind = self.client, words(message)[0]
        said = meaning(message)
        if kind == "query":
            version = int(words(message)[2])
            if version not in self.file.sets():
                made = self.file.subscribe(texts_of(message.partition(b"\n")[2].decode()))
                assert made == version
        elif kind == "upload":
            for version, _, timestamp, changeset in upload_entries(message):
                made = self.file.commit(changeset, timestamp)
                self.versions.append((version, made))
        elif kind == "bind" and self.sent:
            client.sleep(1_500)
        elif kind == "mark" and not self.has_sent(said):
            client.wait(self.file.file, "download")
        self.take()
        if kind == "upload":
            progress = int(words(message)[5])
            if progress > self.versions[-1][0]:
                self.versions.append((progress, self.file.version()))

    def receive(self, message: bytes) -> None:
        if words(message)[0] == "download":
            message = self.renumbered(message)
        self.client.receive(message)
        self.take()

    def renumbered(self, message: bytes) -> bytes:
        try:
            items = decode_message(message, from_client=False)["entries"]
        except BadMessageError:  # deliberately so
            return message
        fields = words(message)
        fields[3], fields[6] = (str(self.ours(int(fields[n]))) for n in (3, 6))
        if fields[6] == "0":
            fields[7] = "0"
        entries = b""
        for item in items:
            heads = [
                item["server_version"],
                self.ours(item["client_version"]),
                item["origin_timestamp"],
                item["origin_file_ident"],
                item["original_size"],
                len(item["changeset"]),
            ]
            entries += " ".join(map(str, heads)).encode() + b" " + item["changeset"]
        fields[12] = str(len(entries))
        return " ".join(fields).encode() + b"\n" + entries


def meaning(message: bytes) -> Said:
    """A client's message without numbers of versions of its file."""
    kind, *fields = words(message)
    body = message.partition(b"\n")[2].decode(errors="replace")
    match kind:
        case "bind":
            return kind, fields[0], fields[3], json.loads(body)
        case "ident":
            cursors = fields[3], fields[5], fields[6]
            return kind, *fields[:3], cursors, fields[7], canonical(body)
        case "query":
            return kind, *fields[:2], canonical(body)
        case "upload":
            return kind, fields[0], [(at, data) for _, _, at, data in upload_entries(message)]
    return kind, *fields


def is_news(message: bytes) -> bool:
    """Neither a PING nor an UPLOAD without changesets, which depends on the number of commits."""
    if message.startswith(b"ping"):
        return False
    return not message.startswith(b"upload") or bool(upload_entries(message))


class FlexibleReplay:
    """A recording, and our engines for its clients, by app."""

    def __init__(self, path: Path) -> None:
        self.lines = [json.loads(line) for line in path.read_text().splitlines()]
        self.result = json.loads(path.with_suffix("").with_suffix(".result.json").read_text())
        self.engines: dict[str, Engine] = {}
        self.conns: dict[int, Engine] = {}
        self.expected: dict[int, list[Said]] = {}  # by engine

    def run(self) -> None:
        """Up to the end, or until ours has ended a connection for what the server did."""
        for line in self.lines:
            self.step(line)
            if any(engine.client.closed for engine in self.conns.values()):
                return

    def first_mark(self, conn: int) -> int:
        """The number of the first MARK of a connection."""
        return next(
            int(words(bytes.fromhex(line["hex"]))[2])
            for line in self.lines
            if line.get("conn") == conn
            and line["t"] == "c2s"
            and line["hex"].startswith("6d61726b")
        )

    def step(self, line: dict[str, Any]) -> None:
        if line["t"] == "ws-open":
            if "realm-query-sync#" not in str(line["headers"]):
                return  # a partition-based realm of the same app
            app = line["path"].split("/")[5]
            if app not in self.engines:
                self.engines[app] = Engine()
                for _ in range(self.first_mark(line["conn"]) - 1):  # opened by downloading
                    self.engines[app].client.wait(self.engines[app].file.file, "download")
            engine = self.engines[app]
            self.conns[line["conn"]] = engine
            sockets = len([e for e in self.conns.values() if e is engine])
            while len(engine.client.sockets) < sockets:
                engine.client.sleep(500)
        engine = self.conns.get(line.get("conn", 0), None)
        if engine is None:
            return
        match line["t"]:
            case "ws-accept":
                engine.client.connect()
                engine.take()
            case "s2c" if not line["hex"].startswith("706f6e67"):  # PONGs to PINGs of the SDK
                engine.receive(bytes.fromhex(line["hex"]))
            case "c2s":
                message = bytes.fromhex(line["hex"])
                engine.prepare(message)
                if is_news(message):
                    self.expected.setdefault(id(engine), []).append(meaning(message))
            case "s-close" if line.get("cut"):
                engine.client.cut()

    def compare(self) -> None:
        """Ours has sent what the SDK did."""
        for engine in self.engines.values():
            ours = [meaning(message) for message in engine.sent if is_news(message)]
            assert ours == self.expected[id(engine)]

    def errors(self) -> list[tuple[int, bool, str]]:
        """Code, whether fatal, message: of what our application was told."""
        return [
            (facts["code"], facts["is_fatal"], facts["message"])
            for engine in self.engines.values()
            for (facts,) in engine.file.file.of("error")
        ]

    def recorded_errors(self) -> list[tuple[int, bool, str]]:
        """The same of the recorded application."""
        told = [event[2] for event in self.result["events"] if event[1] == "onError"]
        return [(error["code"], error["isFatal"], error["message"]) for error in told]
