"""A user's program passes both strict type checkers, and they do look: wrong ones do not.

basedpyright is pyright as a wheel with all it needs; the standard rules of pyright apply.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PROGRAM = HERE / "user_program.py"
CHECKERS = {
    "mypy": ["-m", "mypy", "--strict", "--config-file=", "--no-error-summary"],
    "pyright": ["-m", "basedpyright", "--project", str(HERE / "pyrightconfig.json")],
}
MISTAKES = {
    "a class of another realm's type": ("assert_type(task, Task)", "assert_type(task, Owner)"),
    "a key that may be missing": ("assert_type(found, Task | None)", "found.title"),
    "no such mode": ('"modified")', '"sometimes")'),
    "a text for a number": ("timeout=10", 'timeout="10"'),
    "no such member of a session": ("session.paused()", "session.passed()"),
    "no such member of an opening": ("opening.cancel()", "opening.cancle()"),
    "a property that the class lacks": ("task.done = True", "task.doen = True"),
    "a property read by a wrong name": ("print(task.tags)", "print(task.tag)"),
    "a value of another type": ("task.title = ", "task.title = 5 or "),
    "an attribute that realms lack": ("realm.is_empty", "realm.isEmpty"),
    "an attribute that results lack": ("len(tasks)", "tasks.filterd('x')"),
    "an unknown method of a field": ("Step.title.begins_with", "Step.title.beginswith"),
    "a field compared with another type": ("Step.weight > 3", 'Step.weight > "x"'),
    "a method of texts for a number": ("Step.title.contains", "Step.weight.contains"),
    "a text as a condition": ("steps.where(Step.done)", "steps.where('done')"),
    "a field set to another type": ("step.weight = 2.5", 'step.weight = "2.5"'),
    "an attribute that sessions lack": ("session.pause()", "session.puase()"),
    "an attribute that users lack": ("user.log_out()", "user.logOut()"),
    "an unknown field of a realm": ("path=FILE", "pth=FILE"),
    "an unknown field of an opening": (
        "opening = Realm.open(schema=",
        "opening = Realm.open(shema=",
    ),
    "an unknown field of exists": ("exists(path=", "exists(file="),
    "an unknown durability": ('durability="process"', 'durability="none"'),
    "an unknown field of an app": ("base_file_path=folder", "baseFilePath=folder"),
    "an unknown field of sync": ('partition_value="home"', 'partitionValue="home"'),
    "an unknown stop policy": ('session_stop_policy="never"', 'session_stop_policy="soon"'),
    "an unknown behavior": ('type="openImmediately"', 'type="open"'),
    "an object made by calling its class": ("return realm.objects(Task)", "return Task(_id=5)"),
}


def check(checker: str, program: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *CHECKERS[checker], str(program)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_typed_program_is_accepted(checker: str) -> None:
    result = check(checker, PROGRAM)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("checker", CHECKERS)
def test_mistakes_are_found(checker: str, tmp_path: Path) -> None:
    text = PROGRAM.read_text()
    lines = []
    for right, wrong in MISTAKES.values():
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
        lines.append(text[: text.index(wrong)].count("\n") + 1)
    program = tmp_path / "wrong_program.py"
    program.write_text(text)
    output = check(checker, program).stdout
    for name, line in zip(MISTAKES, lines, strict=True):
        assert f"wrong_program.py:{line}:" in output, f"{checker} accepts {name}\n{output}"
