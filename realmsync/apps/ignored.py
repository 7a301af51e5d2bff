"""What a configuration holds that no part of this server uses: one notice each, with advice.

Specification: app-configuration.md 9.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from realmsync.apps.bundle import Bundle, Source
from realmsync.apps.diagnostics import Findings


def note_ignored(bundle: Bundle, findings: Findings) -> None:
    """Notices; none for what is empty or only says the default."""
    for kind, source in bundle.ignored:
        _NOTES[kind](source, findings)
    for service in bundle.services.values():
        rules = [service.default_rule, *(c.rules for c in service.collections.values())]
        for rule in rules:
            if rule is not None and rule.content.get("filters"):
                findings.notice(
                    "ignored.query_filter",
                    rule.path,
                    "filters applied to requests of the MongoDB service alone, never to sync",
                    "filters",
                )


def _trigger(source: Source, findings: Findings) -> None:
    kind = _shown(source, "type")
    instead = {
        "DATABASE": "use a change listener in Python",
        "AUTHENTICATION": "if it makes the document of custom user data, use "
        "on_user_creation_function_name; else a hook of log-in",
        "SCHEDULED": "use cron",
    }.get(kind, "do its work in Python")
    function = source.content.get("function_name") or _processor(source.content)
    calls = f", which calls {function!r:.100}" if isinstance(function, str) else ""
    findings.notice(
        "ignored.trigger",
        source.path,
        f"trigger {_shown(source, 'name')!r} ({kind or 'no type'}){calls} does not run: {instead}",
    )


def _processor(content: dict[str, Any]) -> Any:
    """Later exports name the function among event processors."""
    found: Any = content
    for key in ("event_processors", "FUNCTION", "config", "function_name"):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _http_endpoint(source: Source, findings: Findings) -> None:
    content = source.content
    if isinstance(content, dict):  # the settings of the data API
        if content.get("disabled") is False:
            findings.notice("ignored.http_endpoint", source.path, "there is no data API here")
        return
    for index, endpoint in enumerate(content if isinstance(content, list) else ()):
        if isinstance(endpoint, dict):
            route, function = endpoint.get("route"), endpoint.get("function_name")
            findings.notice(
                "ignored.http_endpoint",
                source.path,
                f"endpoint {route!r:.100}, which calls {function!r:.100}, is not served: put a web "
                "server beside this one",
                f"[{index}]",
            )


def _graphql(source: Source, findings: Findings) -> None:
    content = source.content
    is_default = isinstance(content, dict) and not content.keys() - {"use_natural_pluralization"}
    if content and not is_default:
        findings.notice("ignored.graphql", source.path, "there is no GraphQL here")


def _hosting(source: Source, findings: Findings) -> None:
    if isinstance(source.content, dict) and source.content.get("enabled"):
        findings.notice("ignored.hosting", source.path, "files are not hosted: use a web server")


def _log_forwarder(source: Source, findings: Findings) -> None:
    if source.content:
        findings.notice(
            "ignored.log_forwarder", source.path, "logs go where the server's own logs go"
        )


def _service(source: Source, findings: Findings) -> None:
    kind = _shown(source, "type") or "no type"
    findings.notice(
        "ignored.service",
        source.path,
        f"service {_shown(source, 'name')!r} of type {kind} is not there: call it from Python",
    )


def _shown(source: Source, key: str) -> str:
    value = source.content.get(key) if isinstance(source.content, dict) else None
    return value[:100] if isinstance(value, str) else ""


_NOTES: dict[str, Callable[[Source, Findings], None]] = {
    "trigger": _trigger,
    "http_endpoint": _http_endpoint,
    "graphql": _graphql,
    "hosting": _hosting,
    "log_forwarder": _log_forwarder,
    "service": _service,
}
