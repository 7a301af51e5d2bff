"""What comments and docstrings cite is there: files, sections, and rules such as D21 or R3.

A section or a rule without a document belongs to one that the head of the file names (its first
comment or docstring; a .cpp file shares the head of its header) or the comment itself. Links of
the documentation are checked in test_docs.py; that sections named in docs/protocol exist, here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from for_each import for_each

ROOT = Path(__file__).parent.parent
TREES = ("csrc", "realmsync", "tests", "bench", "tools")
PROTOCOL = ROOT / "docs" / "protocol"

NUMBER = r"\d+(?:\.\d+)*"
NUMBERS = rf"{NUMBER}(?:(?:,\s+and\s+|,\s*|\s+and\s+|\s+to\s+|\s*–\s*)§?{NUMBER})*"
RULE = r"[A-Z]\d{1,2}[a-z]?"
FILE_NAME = re.compile(r"(?<![\w./*<-])((?:[\w-]+/)*[\w-]+\.(?:md|cpp|hpp|pyx|pyi|py))(?!\w)")
# "merge-rules.md 3.2 and 3.4", "`wire-protocol.md` §14", "data-model.md section 25"
WITH_DOCUMENT = re.compile(rf"([\w-]+\.md)[`*]{{0,2}},?\s+(?:§|sections?\s+)?({NUMBERS})(?![\w%])")
# "section 3", "§12", "(10.7 R4)", "(8.1 to 8.4)"
BARE = re.compile(
    rf"(?:§|\b[Ss]ections?\s+)({NUMBERS})|\(({NUMBER})(?:\s+{RULE})?\)|\(({NUMBERS})\)"
)
# "D21", "U10 to U16", "E42b"; the letter must be that of a rule of some document
RULES = re.compile(rf"(?<![\w+./{{<-])({RULE})(?:(?:\s+to\s+|-)({RULE}))?(?![\w/>(]|\.\w)")
OTHER_STANDARD = re.compile(r"(?:RFC\s+\d+,?|IEEE\s+\d+)\s+$")


@dataclass(frozen=True)
class Document:
    sections: frozenset[str]
    rules: frozenset[str]


@dataclass(frozen=True)
class Comment:
    line: int
    text: str  # with its line breaks, without the marks of comments


def read_document(text: str) -> Document:
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    sections = re.findall(rf"^#+ ({NUMBER})\.? ", prose, re.M)
    rules = set(re.findall(rf"(?:^#+ |^\| |\*\*)({RULE})\b", prose, re.M))
    return Document(frozenset(sections), frozenset(rules))


@cache
def documents() -> dict[str, Document]:
    return {p.name: read_document(p.read_text()) for p in PROTOCOL.glob("*.md")}


@cache
def citable() -> frozenset[str]:
    """All files that can be cited: their paths, with any number of folders left out in front."""
    folders = (*TREES, "docs", "examples")
    files = [p for folder in folders for p in (ROOT / folder).rglob("*")] + list(ROOT.glob("*"))
    parts = (p.relative_to(ROOT).parts for p in files if p.is_file())
    return frozenset("/".join(path[i:]) for path in parts for i in range(len(path)))


def cpp_comments(text: str) -> Iterator[Comment]:
    token = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|//([^\n]*)|/\*(.*?)\*/', re.S)
    block: list[str] = []
    first = 0
    for m in token.finditer(text):
        words = m[2] if m[2] is not None else m[3]
        if words is None:
            continue
        line = text.count("\n", 0, m.start()) + 1
        if block and line != first + len(block):
            yield Comment(first, "\n".join(block))
            block = []
        if not block:
            first = line
        block += words.split("\n")
    if block:
        yield Comment(first, "\n".join(block))


# Strings, of which one that is alone at the start of a line may be a statement, and comments.
PYTHON_TOKEN = re.compile(
    r"(?P<alone>^[ \t]*)?(?P<prefix>\b[rRbBfFuU]{1,2})?"
    r"(?P<string>\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}"
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|\#(?P<comment>[^\n]*)",
    re.M | re.S,
)


def python_comments(text: str) -> Iterator[Comment]:
    """Comments, those of adjacent lines as one, and strings in triple quotes that begin a line."""
    block: list[str] = []
    first = line = counted = 0
    for token in PYTHON_TOKEN.finditer(text):
        begin = token.start("string" if token["comment"] is None else 0)
        line, counted = line + text.count("\n", counted, begin), begin
        if token["comment"] is None:
            if token["alone"] is not None and token["string"].startswith('"""'):
                yield Comment(line + 1, token["string"].strip('"'))
            continue
        if block and line + 1 != first + len(block):
            yield Comment(first, "\n".join(block))
            block = []
        if not block:
            first = line + 1
        block.append(token["comment"].lstrip("#: "))
    if block:
        yield Comment(first, "\n".join(block))


def comments(path: Path, text: str) -> list[Comment]:
    found = cpp_comments(text) if path.suffix in (".cpp", ".hpp", ".h") else python_comments(text)
    # A path may be broken behind a slash.
    joined = (Comment(c.line, re.sub(r"(\w/)\n\s*(?=\w)", r"\1", c.text)) for c in found)
    return sorted(joined, key=lambda comment: comment.line)


def head(path: Path, own: list[Comment]) -> str:
    """The first comment if it stands at the top, with that of the header of a .cpp file."""
    result = own[0].text if own and own[0].line <= 2 else ""
    header = path.with_suffix(".hpp")
    if path.suffix == ".cpp" and header.exists():
        first = re.match(r"(?://[^\n]*\n)+", header.read_text())
        result += "\n" + (first[0] if first else "")
    return result


def numbers(text: str) -> list[str]:
    return re.findall(NUMBER, text)


def rule_range(first: str, last: str) -> list[str]:
    if not last:
        return [first]
    return [f"{first[0]}{n}" for n in range(int(first[1:].rstrip("ab")), int(last[1:]) + 1)]


def check_comment(comment: Comment, named: set[str]) -> Iterator[tuple[int, str]]:
    """Position and fault of each citation of a comment; `named`: the documents of its file."""
    text = comment.text
    known = documents()
    near = {name for name in named | set(re.findall(r"[\w-]+\.md", text)) if name in known}
    for m in FILE_NAME.finditer(text):
        if "NAME" not in m[1] and m[1] not in citable():
            yield m.start(), f"no file {m[1]}"
    taken: list[tuple[int, int]] = []
    for m in WITH_DOCUMENT.finditer(text):
        taken.append(m.span())
        if m[1] in known:
            for number in numbers(m[2]):
                if number not in known[m[1]].sections:
                    yield m.start(), f"no section {number} in {m[1]}"
    for m in BARE.finditer(text):
        inside = any(a <= m.start() < b for a, b in taken)
        if inside or OTHER_STANDARD.search(text[: m.start()]):
            continue
        for number in numbers(m[1] or m[2] or m[3]):
            if m[1] is None and "." not in number:
                continue  # "(3)" is no section
            if not any(number in known[name].sections for name in near):
                yield m.start(), f"no section {number} in {sorted(near) or 'any named document'}"
    families = {rule[0] for document in known.values() for rule in document.rules}
    for m in RULES.finditer(text):
        if m[1][0] not in families:
            continue
        for rule in rule_range(m[1], m[2]):
            if not any(rule in known[name].rules for name in near):
                yield m.start(), f"no rule {rule} in {sorted(near) or 'any named document'}"


def faults(path: Path, text: str) -> list[str]:
    """What is wrong with the citations of a file, one line each."""
    found = comments(path, text)
    named = set(re.findall(r"[\w-]+\.md", head(path, found)))
    return [
        f"{path.name}:{comment.line + comment.text.count(chr(10), 0, position)}: {fault}"
        for comment in found
        for position, fault in check_comment(comment, named)
    ]


SOURCES = sorted(
    path
    for folder in TREES
    for suffix in (("*.cpp", "*.hpp", "*.h") if folder == "csrc" else ("*.py", "*.pyx", "*.pyi"))
    for path in (ROOT / folder).rglob(suffix)
)


@for_each(SOURCES, lambda path: str(path.relative_to(ROOT)))
def test_citations_resolve(path: Path) -> None:
    if path != Path(__file__):
        assert faults(path, path.read_text()) == []


@for_each(sorted(documents().keys() - {"README.md"}))
def test_documents_name_sections_that_exist(name: str) -> None:
    """Sections cited inside a document without a link are its own."""
    text = re.sub(r"^```.*?^```$", "", (PROTOCOL / name).read_text(), flags=re.M | re.S)
    text = re.sub(r"\[[^\[\]]*\]\([^)]*\)", "", text)
    cited = [
        number
        for m in re.finditer(rf"(?:§|\b[Ss]ections?\s+)({NUMBERS})", text)
        for number in numbers(m[1])
    ]
    assert set(cited) - documents()[name].sections == set()


def test_every_document_has_sections_and_the_rules_are_found() -> None:
    known = documents()
    assert all(doc.sections for name, doc in known.items() if name != "README.md")
    assert {"D1", "D29", "N8", "R11", "S10", "M4", "E47"} <= known["merge-rules.md"].rules
    assert {"U18", "I1"} <= known["server-behaviour.md"].rules


CPP_CITATIONS = """\
// Bytes (changeset-format.md 10.5, 2 and 99.1). Writing is in changeset/nowhere.cpp:run and
// in encode.cpp; see `wire-protocol.md` §77.
const char* text = "no comment: // absent.hpp (55.5)";
int x; // as said (2.4) and (44.4), by D99 and by Section 66
"""

PYTHON_CITATIONS = '''\
"""Of merge-rules.md sections 3.2, 3.99 and of D1 to D30.

Not in docs/nowhere.md."""
x = "absent.py (55.5)"  # RFC 4648 section 98 is none of ours, (3.3) is, R3 too, (3.98) is not
'''


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "planted.cpp",
            CPP_CITATIONS,
            [
                "1: no file changeset/nowhere.cpp",
                "1: no section 10.5 in changeset-format.md",
                "1: no section 99.1 in changeset-format.md",
                "2: no section 77 in wire-protocol.md",
                "4: no rule D99 in ['changeset-format.md', 'wire-protocol.md']",
                "4: no section 44.4 in ['changeset-format.md', 'wire-protocol.md']",
                "4: no section 66 in ['changeset-format.md', 'wire-protocol.md']",
            ],
        ),
        (
            "planted.py",
            PYTHON_CITATIONS,
            [
                "1: no rule D30 in ['merge-rules.md']",
                "1: no section 3.99 in merge-rules.md",
                "3: no file docs/nowhere.md",
                "4: no section 3.98 in ['merge-rules.md']",
            ],
        ),
        ("headless.py", "x = 1\n# as in (8.4)\n", ["2: no section 8.4 in any named document"]),
    ],
)
def test_bad_citations_are_found(name: str, text: str, expected: list[str]) -> None:
    found = faults(Path(name), text)
    assert sorted(fault.partition(":")[2] for fault in found) == expected
