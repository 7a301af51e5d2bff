"""The admin API does what its description says, whatever is sent; as tests/http/test_openapi.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    negative_data_rejection,
    positive_data_acceptance,
)

from importer import ACCOUNT, ANONYMOUS, API, PARTITION, SUM
from realmsync.server.admin.access import AdminAccount
from realmsync.server.admin.endpoints import ADMIN_ROUTES
from realmsync.server.config import HttpLimits
from realmsync.server.http.description import describe
from realmsync.testing import run_server

pytestmark = pytest.mark.no_asan

SCHEMA = schemathesis.openapi.from_dict(describe(ADMIN_ROUTES))
LIMITS = HttpLimits(requests_burst=1_000_000, log_ins_burst=1_000_000)
SERVICE = {
    "name": "mongodb",
    "type": "mongodb",
    "config": {"sync": {"state": "enabled", "database_name": "db", "partition": PARTITION}},
}
# One entry of each part, which requests are about.
ENTRIES = {
    "services": SERVICE,
    "functions": SUM,
    "auth_providers": ANONYMOUS,
    "secrets": {"name": "s", "value": "x"},
    "values": {"name": "v", "value": "x"},
    "environment_values": {"name": "e", "values": {"": "x"}},
    "schemas": {"metadata": {"data_source": "mongodb", "database": "db", "collection": "c"}},
    "api_keys": {"name": "k"},
    "users": {"email": "a@b.c", "password": "secret12"},
    "drafts": None,
}


@dataclass
class World:
    """A server, the admin's session, and an app that is made anew whenever it has gone."""

    url: str
    token: str = ""
    group: str = ""

    def __call__(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return requests.request(
            method, f"{self.url}{API}/{path}", json=body, headers=headers, timeout=20
        )

    def app(self) -> str:
        """The path of an app."""
        apps = f"groups/{self.group}/apps"
        there = self("GET", apps).json()
        return f"{apps}/{(there or [self('POST', apps, {'name': 'app'}).json()])[0]['_id']}"

    def entry(self, app: str, part: str) -> str:
        """The id of an entry, made where there is none."""
        if part == "deployments":
            return str(self("GET", f"{app}/{part}").json()[0]["_id"])
        found = self("GET", f"{app}/{part}").json()
        found = found or [self("POST", f"{app}/{part}", ENTRIES[part]).json()]
        return str(found[0].get("_id", "none"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    account = AdminAccount(ACCOUNT["username"], ACCOUNT["password"])
    with run_server(http=LIMITS, admin=account) as server:
        world = World(server.url)
        login = world("POST", "auth/providers/local-userpass/login", ACCOUNT)
        world.token = login.json()["access_token"]
        world.group = world("GET", "auth/profile").json()["roles"][0]["group_id"]
        yield world


@SCHEMA.parametrize()
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_requests_from_the_description(case: schemathesis.Case, world: World) -> None:
    _, _, below = case.path.partition("/apps/{id}/")
    if below and "private" not in case.path:
        app = world.app()
        case.path_parameters |= {"group": world.group, "id": app.rpartition("/")[2]}
        part, *rest = below.split("/")
        if rest and rest[0].startswith("{") and part in (*ENTRIES, "deployments"):
            case.path_parameters[rest[0].strip("{}")] = world.entry(app, part)
    headers = {}
    if "adminToken" in str(case.operation.definition.raw["security"]):
        headers["Authorization"] = f"Bearer {world.token}"
    # Not that what is well-formed is accepted: what is said has to make sense as a whole. Where a
    # name and a parameter both fit, the methods of both are allowed.
    excluded = [positive_data_acceptance, allow_header_conformance]
    if case.method == "GET":  # tools send parameters that mean nothing here
        excluded.append(negative_data_rejection)
    case.call_and_validate(
        base_url=world.url, headers=headers, timeout=20, excluded_checks=excluded
    )


def test_the_description_is_an_openapi_description(world: World) -> None:
    SCHEMA.validate()
    described = requests.get(f"{world.url}/api/openapi.json", timeout=20).json()
    assert {route.path for route in ADMIN_ROUTES} <= set(described["paths"])
