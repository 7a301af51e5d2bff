"""The API does what its description says, whatever is sent: the description is made from the table
of routes, and schemathesis makes requests from the description."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
import schemathesis
from click.testing import CliRunner
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from realmsync.cli import main
from realmsync.server.config import HttpLimits
from realmsync.server.http.description import describe
from realmsync.server.http.endpoints import ROUTES
from realmsync.testing import run_server
from sdk_http import APP_ID, CLIENT

DESCRIPTION = describe(ROUTES)
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
# Nobody is refused for how many requests there have been.
LIMITS = HttpLimits(requests_burst=1_000_000, log_ins_burst=1_000_000)
# What ends a log-in would end that of all other requests.
ENDS = {f"{CLIENT}/auth/delete", f"{CLIENT}/auth/session"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with run_server(http=LIMITS) as server:
        yield server.url


@pytest.fixture(scope="module")
def tokens(url: str) -> dict[str, str]:
    path = f"{url}{CLIENT}/app/{APP_ID}/auth/providers/anon-user/login"
    reply = requests.post(path, json={}, timeout=20)
    assert reply.status_code == 200
    found: dict[str, str] = reply.json()
    return found


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_requests_from_the_description(
    case: schemathesis.Case, url: str, tokens: dict[str, str]
) -> None:
    kinds = {name for kind in case.operation.definition.raw["security"] for name in kind}
    headers = {}
    if case.path not in ENDS:
        for kind, token in (("accessToken", "access_token"), ("refreshToken", "refresh_token")):
            if kind in kinds:
                headers["Authorization"] = f"Bearer {tokens[token]}"
    # Not that what is well-formed is accepted: nobody has a mailed token, for one.
    case.call_and_validate(
        base_url=url, headers=headers, timeout=20, excluded_checks=[positive_data_acceptance]
    )


def test_the_description_is_an_openapi_description() -> None:
    SCHEMA.validate()
    ids = [
        operation["operationId"]
        for methods in DESCRIPTION["paths"].values()
        for operation in methods.values()
    ]
    assert len(ids) == len(set(ids)) == len(ROUTES)


def test_operators_are_given_the_description(url: str) -> None:
    assert requests.get(f"{url}/api/openapi.json", timeout=20).json() == DESCRIPTION
    foreign = {"X-Forwarded-For": "192.0.2.1"}
    assert requests.get(f"{url}/api/openapi.json", headers=foreign, timeout=20).status_code == 403


def test_the_command_prints_the_description() -> None:
    result = CliRunner().invoke(main, ["openapi"])
    assert (result.exit_code, json.loads(result.output)) == (0, DESCRIPTION)
