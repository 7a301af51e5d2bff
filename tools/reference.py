"""Writes docs/reference.md from the public names, their signatures and docstrings.

tests/test_docs.py fails when the page is not what this gives. Run: python tools/reference.py
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from realmsync.model.containers import Collection  # noqa: E402  # the package of this tree

# Sections: title, module and names. What realmsync exports must be among them (tests/test_docs.py).
SECTIONS: list[tuple[str, str, list[str]]] = [
    ("Apps and users", "realmsync", ["App", "AppConfiguration", "Credentials", "User"]),
    ("", "realmsync.account.email_password", ["EmailPasswordAuth"]),
    ("", "realmsync.account.functions", ["Functions"]),
    ("", "realmsync.account.api_keys", ["ApiKeyAuth", "ApiKey", "SecretApiKey"]),
    ("", "realmsync.account.app", ["MetadataMode"]),
    ("", "realmsync.account.user", ["UserIdentity"]),
    ("", "realmsync.enums", ["UserState"]),
    ("Opening a realm", "realmsync", ["Realm", "Configuration", "SyncConfiguration"]),
    (
        "Subscriptions",
        "realmsync.sync",
        [
            "SubscriptionSet",
            "MutableSubscriptionSet",
            "Subscription",
            "SubscriptionSetState",
            "WaitForSync",
        ],
    ),
    ("", "realmsync", ["OpenRealmBehaviorConfiguration", "OpenRealmTask"]),
    ("", "realmsync", ["ClientResetConfiguration", "SSLConfiguration"]),
    ("Declaring classes", "realmsync", ["Object", "EmbeddedObject", "primary_key", "property"]),
    ("Values and collections", "realmsync", ["Results", "List", "Set", "Dictionary"]),
    ("", "realmsync", ["CollectionChanges", "ObjectChanges"]),
    ("", "realmsync", ["Counter", "Timestamp", "Float32"]),
    ("Queries in Python", "realmsync", ["Field", "Condition", "Expression", "backlinks"]),
    ("Places on the Earth", "realmsync", ["GeoPoint", "GeoBox", "GeoCircle", "GeoPolygon"]),
    ("", "realmsync", ["Distance"]),
    ("Sync sessions", "realmsync", ["SyncSession", "Progress", "CompensatingWriteInfo"]),
    ("", "realmsync", ["tqdm_bar", "rich_bar"]),
    ("", "realmsync.sync", ["AppSync"]),
    ("Logs", "realmsync", ["set_log_level", "set_logger", "LogMessage"]),
    ("", "realmsync", ["LogLevel", "LogCategory"]),
    ("", "realmsync.sync", ["NumericLogLevel"]),
    (
        "Enumerations",
        "realmsync",
        [
            "ConnectionState",
            "DownloadPhase",
            "SessionState",
            "SessionLifecycleState",
            "SessionStopPolicy",
            "ProgressDirection",
            "ProgressMode",
            "OpenRealmBehaviorType",
            "OpenRealmTimeOutBehavior",
            "ClientResetMode",
        ],
    ),
    (
        "Inspection",
        "realmsync.inspect",
        [
            "decode_changeset",
            "encode_changeset",
            "decode_message",
            "MergePeer",
            "ReceivedChangeset",
        ],
    ),
    ("Server", "realmsync.server.process", ["Server", "serve"]),
    (
        "",
        "realmsync.server.config",
        ["ServerConfig", "UserQuotas", "Durability", "HttpLimits", "TransportLimits"],
    ),
    ("", "realmsync.server.mail", ["Mail", "SmtpServer"]),
    ("", "realmsync.server.apps.sources", ["AppFolder"]),
    ("", "realmsync.server.apps.hosting", ["AppReport"]),
    ("", "realmsync.server.functions.registry", ["AppFunctions"]),
    (
        "",
        "realmsync.server.functions.context",
        ["FunctionContext", "FunctionCalls", "FunctionStore", "Environment"],
    ),
    ("", "realmsync.server.functions.port", ["AppUser", "FunctionRequest"]),
    ("", "realmsync.server.accounts.old_tokens", ["OldTokens", "OldTokenPolicy"]),
    ("", "realmsync.server.accounts.custom_data", ["CustomData"]),
    ("", "realmsync.server.authorization", ["AuthorizationRequest", "Permission"]),
    ("Configurations of apps", "realmsync.apps.load", ["load_path", "Loaded"]),
    ("", "realmsync.apps.diagnostics", ["Findings", "Diagnostic", "Severity"]),
    ("", "realmsync.apps.report", ["report", "page"]),
    ("Testing", "realmsync.testing", ["run_server", "ServerProcess", "FaultProxy"]),
]

HEAD = """# Reference

The public names with their signatures; made from the code by `tools/reference.py`. How they are
used is told in the [guides](README.md). `realmsync.__version__` is the version, as text.
"""


def documentation(subject: Any) -> str:
    """The docstring, with what it indents, code, as blocks."""
    text = inspect.getdoc(subject) or ""
    if not text:
        subject = getattr(subject, "fget", subject)
        raise SystemExit(f"{getattr(subject, '__qualname__', subject)} has no docstring")
    paragraphs = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("    "):
            paragraph = f"```\n{textwrap.dedent(paragraph)}\n```"
        if paragraph != "::":
            paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)


def parameter_text(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = stars + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {parameter.annotation}"
    if parameter.default is not parameter.empty:
        # Sentinels have no text worth reading.
        shown = "..." if type(parameter.default) is object else repr(parameter.default)
        text += f" = {shown}"
    return text


def signature(name: str, subject: Any, *, method: bool = False) -> str:
    """The signature on one line, annotations as they stand in the source."""
    parsed = inspect.signature(subject)
    parameters = list(parsed.parameters.values())[1 if method else 0 :]
    texts = [parameter_text(p) for p in parameters]
    kinds = [p.kind for p in parameters]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        texts.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    prefix = "async " if inspect.iscoroutinefunction(subject) else ""
    returned = parsed.return_annotation
    arrow = "" if returned in (parsed.empty, "None") else f" -> {returned}"
    return f"{prefix}{name}({', '.join(texts)}){arrow}"


def members(cls: type) -> Iterator[str]:
    """The public members that the class or a private base of the package defines."""
    seen: set[str] = set()
    for owner in cls.__mro__:
        if not owner.__module__.startswith("realmsync"):
            continue
        for name, value in vars(owner).items():
            if name.startswith("_") or name in seen or isinstance(value, type):
                continue
            seen.add(name)
            if issubclass(cls, Collection) and not value.__doc__:
                continue  # as in Python's own
            if isinstance(value, property | cached_property):
                yield f"- `{name}`: {one_line(value)}"
            elif isinstance(value, staticmethod | classmethod):
                bound = getattr(cls, name)
                yield f"- `{signature(name, bound)}`: {one_line(bound)}"
            elif inspect.isfunction(value):
                yield f"- `{signature(name, value, method=True)}`: {one_line(value)}"


def one_line(subject: Any) -> str:
    return re.sub(r"\s*\n\s*", " ", documentation(subject))


def comments(cls: type) -> dict[str, str]:
    """The comment above or behind each field or enumeration member of a class."""
    found, above = {}, []
    for line in inspect.getsource(cls).splitlines():
        text = line.strip()
        if text.startswith("#"):
            above.append(text.lstrip("# "))
            continue
        field = re.match(r"(\w+)(?:: .*| = .*)$", text)
        if field:
            behind = text.rpartition("  # ")
            found[field[1]] = behind[2] if behind[1] else " ".join(above)
        above = []
    return found


def fields(cls: type) -> Iterator[str]:
    told = comments(cls)
    for f in dataclasses.fields(cls):
        default = ""
        if f.default is not dataclasses.MISSING:
            shown = str(f.default) if isinstance(f.default, Enum) else repr(f.default)
            if isinstance(f.default, frozenset) and f.default:  # in the same order each time
                shown = f"frozenset({sorted(f.default)})"
            default = "" if shown.startswith("_Missing") else f" = {shown}"
        elif f.default_factory is not dataclasses.MISSING:
            factory = f.default_factory
            default = f" = {'{}' if factory is dict else f'{factory.__name__}()'}"
        note = f": {told[f.name]}" if told.get(f.name) else ""
        yield f"- `{f.name}: {f.type}{default}`{note}".replace(" | _Missing", "")


def items(cls: type) -> Iterator[str]:
    """The fields of a named tuple."""
    told = comments(cls)
    for name, kind in cls.__annotations__.items():
        note = f": {told[name]}" if told.get(name) else ""
        yield f"- `{name}: {getattr(kind, '__forward_arg__', kind)}`{note}"


def entry(name: str, subject: Any) -> Iterator[str]:
    yield f"### {name}\n"
    if inspect.isclass(subject) and issubclass(subject, Enum):
        yield documentation(subject) + "\n"
        told = comments(subject)
        for member in subject:
            note = f": {told[member.name]}" if told.get(member.name) else ""
            yield f"- `{member.name} = {member.value!r}`{note}"
    elif inspect.isclass(subject):
        if dataclasses.is_dataclass(subject):
            yield documentation(subject) + "\n"
            yield from fields(subject)
            yield from members(subject)
        elif issubclass(subject, tuple):
            yield documentation(subject) + "\n"
            yield from items(subject)
        else:
            if constructible(subject):
                yield f"`{signature(name, subject.__init__, method=True)}`\n"
            yield documentation(subject) + "\n"
            yield from members(subject)
    else:
        yield f"`{signature(name, subject)}`\n"
        yield documentation(subject)
    yield ""


def constructible(cls: type) -> bool:
    """Whether applications make objects of the class themselves."""
    return cls.__name__ in ("App", "Realm", "MergePeer", "Server", "ServerProcess", "FaultProxy")


def errors() -> Iterator[str]:
    module = importlib.import_module("realmsync.errors")
    yield "## Errors\n"
    yield "All derive from `RealmError`; some from Python's own exceptions too.\n"
    yield "| Error | Also a | Code | Meaning |\n|---|---|---|---|"
    for name, error in vars(module).items():
        if not inspect.isclass(error) or not issubclass(error, Exception):
            continue
        bases = [b.__name__ for b in error.__bases__ if b not in (Exception, module.RealmError)]
        code = vars(error).get("code")
        code = code if isinstance(code, int) else ""
        meaning = one_line(error)
        yield f"| `{name}` | {', '.join(f'`{b}`' for b in bases)} | {code} | {meaning} |"


def render() -> str:
    """The text of docs/reference.md."""
    lines = [HEAD]
    for title, module_name, names in SECTIONS:
        module = importlib.import_module(module_name)
        if title:
            lines.append(f"## {title}\n")
            if module_name != "realmsync":
                lines.append(f"In `{module_name}`.\n")
        for name in names:
            shown = name if module_name == "realmsync" else f"{module_name}.{name}"
            lines += entry(shown, getattr(module, name))
    lines += errors()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "reference.md").write_text(render())
