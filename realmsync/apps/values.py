"""Values and environments: what rules and functions are given by name.

Specification: app-configuration.md 9.2 and 9.3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.keys import Keys
from realmsync.apps.secrets import Secrets

NO_ENVIRONMENT = "no-environment"


class Values(NamedTuple):
    """Values by name."""

    all: dict[str, Any]
    from_secrets: dict[str, str]  # the name of the secret, by that of the value


def read_values(bundle: Bundle, secrets: Secrets, findings: Findings) -> Values:
    """All values; those whose secret is not known are missing."""
    values = Values({}, {})
    for name, source in bundle.values.items():
        keys = Keys.of(source, findings)
        is_secret = keys.flag("from_secret", keys.flag("private"))
        if not is_secret:
            values.all[name] = keys.said("value")
            continue
        secret = keys.text("value")
        values.from_secrets[name] = secret
        content = secrets.find(secret)
        if content is not None:
            values.all[name] = content
        else:
            findings.warning(
                "values.secret_missing",
                keys.path,
                f"the content of the secret {secret!r:.100} is not known: the value is missing",
                "value",
            )
    return values


def read_environment(bundle: Bundle, tag: str, findings: Findings) -> dict[str, Any]:
    """The values of one environment."""
    source = bundle.environments.get(tag or NO_ENVIRONMENT)
    return dict(Keys.of(source, findings).object("values").content)
