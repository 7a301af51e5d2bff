"""Error codes have one number each, in Python and in the engine."""

from __future__ import annotations

import re
from pathlib import Path

from realmsync import errors
from realmsync.codes import AppCode, SyncCode

CORE = Path(__file__).parents[1] / "csrc"
FAILURES = CORE / "client" / "failure.hpp"  # of the client itself
STATUSES = CORE / "wire" / "error_code.cpp"  # that errors of the protocol stand for


def test_python_and_the_engine_agree() -> None:
    lines = re.findall(r"std::int32_t k(\w+) = (\d+);", FAILURES.read_text())
    lines += re.findall(r'Status k\w+\{"(\w+)", (\d+)\}', STATUSES.read_text())
    engine = {name: int(number) for name, number in lines}
    python = {code.name: int(code) for kind in (SyncCode, AppCode) for code in kind}
    for name, error in vars(errors).items():
        if isinstance(getattr(error, "code", None), int):
            python[name.removesuffix("Error")] = error.code
    shared = engine.keys() & python.keys()
    assert shared >= {*SyncCode.__members__, "AuthError", "BadChangeset", "LimitExceeded"}
    assert {name: python[name] for name in shared} == {name: engine[name] for name in shared}


def test_codes_of_the_service_have_no_gap() -> None:
    assert [code for code in AppCode if code >= 4300] == list(range(4300, 4356))
