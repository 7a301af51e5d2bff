"""What makes code hard to read and no tool of the lint finds: long functions, rulers, dead names.

Read with regular expressions, which the formatter makes possible: it lays out all code alike.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from for_each import for_each
from source_graph import statements

ROOT = Path(__file__).parent.parent
CORE = sorted(p for s in ("*.cpp", "*.hpp", "*.h", "*.c") for p in (ROOT / "csrc").rglob(s))
PACKAGE = sorted((ROOT / "realmsync").rglob("*.py"))
TREE = ("realmsync", "tests", "bench", "tools", "examples")
PYTHON = sorted(p for folder in TREE for p in (ROOT / folder).rglob("*.py"))
CYTHON = sorted((ROOT / "realmsync").rglob("*.pyx"))

LONGEST = 70  # lines of a function: what a page holds, its head included
# Longer for a reason.
LONG = {"direct": "tests/merge/naive: the table of the specification, a case for each rule"}
# Called by their names from outside: by whom.
CALLED_FROM_OUTSIDE = {
    "_from_iterable": "collections.abc.Set",
    "_missing_": "enum.Enum",
    "connection_lost": "asyncio",
}

NOT_CODE = re.compile(
    r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*(?:.|\n)*?\*/'
)
NO_FUNCTION = re.compile(r"(?:namespace|class|struct|enum|union)\b")
WORD = re.compile(r"[A-Za-z_]\w*")
# A function or a constant that a header makes known.
DECLARED = re.compile(
    r"^ *(?!return\b)[A-Za-z_][\w:<>,&* ]*[ &*](\w+)\([^;{}]*\)[^;{}()]*(?:\{|;|= 0;)"
    r"|\b(k[A-Z]\w*)\b",
    re.M,
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_of(text: str) -> str:
    """C++ with strings and comments blanked out, line by line."""
    return NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def functions(text: str) -> Iterator[tuple[str, int]]:
    """The first line of each function body or other block with parentheses, and its length."""
    code = code_of(text)
    opened: list[tuple[int, str]] = []
    for brace in re.finditer(r"[{}]", code):
        line = code.count("\n", 0, brace.start())
        if brace[0] == "{":
            head = re.split(r"[;{}]", code[: brace.start()])[-1].strip()
            opened.append((line - head.count("\n"), head))
            continue
        first, head = opened.pop()
        if "(" in head and not NO_FUNCTION.match(head):
            yield head.partition("\n")[0], line - first + 1


@for_each(CORE, name_of)
def test_functions_of_the_core_fit_a_page(path: Path) -> None:
    assert [f for f in functions(path.read_text()) if f[1] > LONGEST] == []


def test_long_functions_are_found() -> None:
    lines = ["int f(int a,", "      char b = '{') { // {\""]
    lines += ["    g();"] * (LONGEST - 2)
    text = "namespace n {\n" + "\n".join([*lines, "}"]) + "\n}\n"
    assert list(functions(text)) == [("int f(int a,", LONGEST + 1)]


@for_each(PYTHON, name_of)
def test_functions_of_python_fit_a_page(path: Path) -> None:
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST or node.name in LONG, node.name


@for_each(CORE + PYTHON + CYTHON, name_of)
def test_no_rulers(path: Path) -> None:
    """A file that needs headings is two files; what follows is told by a name, not by a line."""
    assert not re.findall(r"^\s*(?://|#) ?[-=*#]{3}.*$", path.read_text(), re.M)


def test_what_headers_declare_is_used() -> None:
    codes = {path: code_of(path.read_text()) for path in CORE}
    uses = Counter(word for code in codes.values() for word in WORD.findall(code))
    uses.update(word for path in CYTHON for word in WORD.findall(path.read_text()))
    dead = {
        f"{name_of(path)}: {name}"
        for path, code in codes.items()
        if path.suffix != ".cpp"
        for match in DECLARED.finditer(code)
        for name in [match[1] or match[2]]
        if uses[name] == 1
    }
    assert dead == set()


def test_what_the_package_defines_is_used() -> None:
    texts = [p.read_text() for p in [*PYTHON, *CYTHON, *CORE]]
    texts += [p.read_text() for p in (ROOT / "docs").rglob("*.md")]
    uses = Counter(word for text in texts for word in WORD.findall(text))
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = {
        node.name
        for path in PACKAGE
        for node in statements(ast.parse(path.read_text()))
        if isinstance(node, definitions) and not node.name.startswith("__")
    }
    dead = {name for name in defined if uses[name] == 1}
    assert dead - set(CALLED_FROM_OUTSIDE) == set()
    assert defined >= set(CALLED_FROM_OUTSIDE), "an exception that nothing needs any more"
