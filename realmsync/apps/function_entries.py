"""Functions as a configuration declares them, and what of the configuration depends on them.

Calling them is server/functions'. Specification: app-configuration.md 8.1, 9.1 and 9.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from realmsync.apps.auth import FunctionUse
from realmsync.apps.bundle import Bundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.keys import Keys
from realmsync.apps.model import Function, PartitionConfiguration, Role

_CALLS = ("%function", "$function")


def read_functions(bundle: Bundle, findings: Findings) -> dict[str, Function]:
    """The functions by name."""
    functions: dict[str, Function] = {}
    for name, declared in bundle.functions.items():
        keys = Keys.of(declared.config, findings)
        source = declared.source
        can_evaluate = keys.said("can_evaluate")
        functions[name] = Function(
            name=name,
            source=None if source is None else source.content,
            private=keys.flag("private"),
            can_evaluate={} if can_evaluate is None else can_evaluate,
            run_as_system=keys.flag("run_as_system"),
            run_as_user_id=keys.text("run_as_user_id") or None,
            disable_arg_logs=keys.flag("disable_arg_logs"),
            implementation=declared.implementation,
            path=declared.config.path if source is None else source.path,
        )
    return functions


def implemented(functions: Iterable[Function], javascript: bool) -> frozenset[str]:
    """Those whose configuration says where their implementation is."""
    return frozenset(
        function.name
        for function in functions
        if function.implementation is not None or (javascript and function.source is not None)
    )


def of_expression(expression: Any, path: str, key: str, what: str) -> Iterator[FunctionUse]:
    """The functions that an expression calls."""
    waiting = [expression]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for name, operand in value.items():
                waiting.append(operand)
                if name in _CALLS and isinstance(operand, dict):
                    called = operand.get("name")
                    if isinstance(called, str):
                        yield FunctionUse(called, path, key, what)


def of_partition(partition: PartitionConfiguration, path: str) -> Iterator[FunctionUse]:
    """Those that decide about partitions."""
    for right, expression in (("read", partition.read), ("write", partition.write)):
        key = f"partition.permissions.{right}"
        yield from of_expression(expression, path, key, f"the right to {right} partitions")


def of_roles(roles: Iterable[Role], path: str) -> Iterator[FunctionUse]:
    """Those that decide whose a role is."""
    for index, role in enumerate(roles):
        key = f"roles[{index}].apply_when"
        yield from of_expression(role.apply_when, path, key, f"role {role.name!r}")


def check_uses(
    functions: Mapping[str, Function],
    uses: Iterable[FunctionUse],
    callables: Set[str],
    findings: Findings,
) -> None:
    """Finds the functions that something depends on and that are not there or cannot be called."""
    needed: dict[str, list[str]] = {}
    for use in uses:
        if use.name in functions:
            needed.setdefault(use.name, []).append(use.what)
        elif use.name not in callables:
            findings.warning(
                "functions.missing",
                use.path,
                f"{use.what} needs the function {use.name!r:.100}, which is not there"
                if use.name
                else f"{use.what} needs a function, and none is named",
                use.key,
            )
    for function in functions.values():
        if function.name in callables:
            continue
        of_what = list(dict.fromkeys(needed.get(function.name, ())))
        if of_what:
            findings.warning(
                "functions.needed",
                function.path,
                f"{_listed(of_what)} depends on function {function.name!r:.100}, which has no "
                f"implementation on this server: {_how_to_give(function)}",
            )
        else:
            findings.notice(
                "functions.not_available",
                function.path,
                f"function {function.name!r:.100} has no implementation on this server",
            )


def _how_to_give(function: Function) -> str:
    """What an operator says to have an implementation."""
    in_javascript = "" if function.source is None else ", or run what was exported: --javascript"
    return f"give one in Python: --functions MODULE:NAME{in_javascript}"


def path_of(source: Source | None) -> str:
    """The file of a document that may not be there."""
    return "." if source is None else source.path


def _listed(texts: list[str]) -> str:
    shown = ", ".join(texts[:3])
    return shown if len(texts) <= 3 else f"{shown} and {len(texts) - 3} more"
