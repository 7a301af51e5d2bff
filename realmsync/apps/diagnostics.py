"""What loading an application found: each finding with a code, a severity and the file it is about.

Codes are those of app-configuration.md and never change; texts may. How a report is shown is
report.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from realmsync.enums import Text

_MOST = 2000  # characters of a line


class Severity(Text):
    """How much a finding matters."""

    ERROR = "error"  # the configuration is refused
    WARNING = "warning"  # it is loaded, and something is denied, left out or changed
    NOTICE = "notice"  # something is ignored


def printable(text: str) -> str:
    """A text in one line that is not too long, without what a terminal would obey.

    Names in files may hold anything.
    """
    head = text[:_MOST]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in head)
    return shown if len(text) <= _MOST else f"{shown}…"


@dataclass(frozen=True)
class Diagnostic:
    """One finding."""

    code: str  # such as "schema.no_primary_key"
    severity: Severity
    path: str  # of the file, from the configuration's folder on, with "/"; "." is the folder
    text: str  # what is wrong, and what to do about it
    key: str = ""  # where in the file, such as "roles[0].apply_when"

    def __str__(self) -> str:
        where = f"{self.path}: {self.key}" if self.key else self.path
        return printable(f"{self.severity.value} {self.code} {where}: {self.text}")


@dataclass
class Findings:
    """Collects what the steps of loading find, in the order in which they find it."""

    all: list[Diagnostic] = field(default_factory=list)

    def error(self, code: str, path: str, text: str, key: str = "") -> None:
        """The configuration is refused."""
        self.all.append(Diagnostic(code, Severity.ERROR, path, text, key))

    def warning(self, code: str, path: str, text: str, key: str = "") -> None:
        """Something is denied, left out or changed."""
        self.all.append(Diagnostic(code, Severity.WARNING, path, text, key))

    def notice(self, code: str, path: str, text: str, key: str = "") -> None:
        """Something is ignored."""
        self.all.append(Diagnostic(code, Severity.NOTICE, path, text, key))

    @property
    def is_refused(self) -> bool:
        """Whether there is an error among them."""
        return any(finding.severity is Severity.ERROR for finding in self.all)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.all)
