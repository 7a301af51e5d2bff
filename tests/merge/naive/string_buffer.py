"""Where the String and Binary payloads of a changeset stand in its string buffer: the concatenation
of all definitions of names and all such payloads, in the order of the bytes. Defect R5 of
merge-rules.md is the one thing that can see it, so this reads just enough of each instruction to
step over it; the layouts are those of changeset-format.md 8."""

from __future__ import annotations

DEFINITION = 63
NAME_FOLLOWS = -1  # path element
LINK, DICTIONARY, EMBEDDED = 9, 2, 1  # type, collection type, table type


class Scanner:
    """Reads through a well-formed changeset; `end` is the size of the buffer so far."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.end = 0
        self.payload: int | None = None  # of the instruction being read

    def offsets(self) -> list[int | None]:
        """One per instruction, None without such a payload."""
        offsets: list[int | None] = []
        while self.at < len(self.data):
            code = self.integer()
            if code == DEFINITION:
                self.integer()
                self.text()
                continue
            self.payload = None
            self.instruction(code)
            offsets.append(self.payload)
        return offsets

    def integer(self) -> int:
        value, shift = 0, 0
        while self.data[self.at] & 0x80:
            value |= (self.data[self.at] & 0x7F) << shift
            shift += 7
            self.at += 1
        last = self.data[self.at]
        self.at += 1
        value |= (last & 0x3F) << shift
        return -value - 1 if last & 0x40 else value

    def coefficient(self) -> None:
        while self.data[self.at] & 0x80:
            self.at += 1
        self.at += 1

    def text(self) -> None:
        size = self.integer()
        self.at += size
        self.end += size

    def integers(self, count: int) -> None:
        for _ in range(count):
            self.integer()

    def instruction(self, code: int) -> None:
        self.integer()  # class
        match code:
            case 0:
                if self.integer() != EMBEDDED:
                    self.integers(3)
            case 1:
                pass
            case 2 | 3:
                self.key()
            case 6:
                self.integer()
                kind = self.integer()
                self.integer()
                collection = self.integer()
                self.integers((kind == LINK) + (collection == DICTIONARY))
            case 7:
                self.integer()
            case _:
                self.key()
                self.integer()
                self.path()
                if code in (4, 8, 12, 13):
                    self.value()
                # the addition, the target of a move, sizes, flags
                self.integers({4: 1, 5: 1, 8: 1, 9: 2, 10: 1, 11: 1}.get(code, 0))

    def key(self) -> None:
        match self.integer():
            case 1 | 3:
                self.integer()
            case -1:
                self.integers(2)
            case 10:
                self.at += 12
            case 11:
                self.at += 16

    def path(self) -> None:
        for _ in range(self.integer()):
            if self.integer() == NAME_FOLLOWS:
                self.integer()

    def value(self) -> None:
        match self.integer():
            case 1 | 2:
                self.integer()
            case 3 | 4:
                self.payload = self.end
                self.text()
            case 5:
                self.integers(2)
            case 6:
                self.at += 4
            case 7:
                self.at += 8
            case 8:
                self.coefficient()
                self.integers(2)
            case 9:
                self.integer()
                self.key()
            case 10:
                self.at += 12
            case 11:
                self.at += 16
