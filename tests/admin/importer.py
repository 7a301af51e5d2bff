"""What the SDKs' own test-suites do with the admin API, as they do it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from realmsync.server.admin.document import EVERYTHING
from sdk_http import Reply, SdkHttp

API = "/api/admin/v3.0"
ACCOUNT = {"username": "unique_user@domain.com", "password": "password"}
PARTITION = {
    "key": "partition",
    "type": "string",
    "required": False,
    "permissions": {"read": True, "write": True},
}
JWT_SECRET = "2k66QfKeTRk3MdZ5vpDYgZCu2k66QfKeTRk3MdZ5vpDYgZCu"
ANONYMOUS = {"name": "anon-user", "type": "anon-user", "disabled": False}
EMAIL = {
    "name": "local-userpass",
    "type": "local-userpass",
    "disabled": False,
    "config": {"autoConfirm": True, "resetPasswordUrl": "http://localhost/resetPassword"},
}
API_KEY = {"name": "api-key", "type": "api-key", "disabled": False}
CUSTOM_TOKEN = {
    "name": "custom-token",
    "type": "custom-token",
    "disabled": False,
    "config": {"audience": "", "signingAlgorithm": "HS256", "useJWKURI": False},
    "secret_config": {"signingKeys": ["jwt-secret"]},
    "metadata_fields": [{"required": True, "name": "name", "field_name": "name"}],
}
SUM = {
    "name": "sumFunc",
    "private": False,
    "can_evaluate": {},
    "source": "exports = function (...args) { return args.reduce((a, b) => a + b, 0); };",
}


@dataclass
class Importer:
    """The admin's session."""

    http: SdkHttp
    token: str = ""
    group: str = ""

    async def __call__(self, method: str, path: str, body: Any = None) -> Reply:
        reply = await self.http(method, f"{API}/{path}", body, token=self.token or None)
        assert reply.status < 300, (method, path, reply.status, reply.text)
        if reply.text:
            assert reply.content_type == "application/json", "to the letter"
        return reply

    async def log_in(self) -> None:
        login = await self("POST", "auth/providers/local-userpass/login", ACCOUNT)
        self.token = login.json["access_token"]
        roles = (await self("GET", "auth/profile")).json["roles"]
        (self.group,) = {role["group_id"] for role in roles}

    async def import_app(
        self,
        config: dict[str, Any] | None,
        providers: list[dict[str, Any]],
        functions: tuple[dict[str, Any], ...] = (),
    ) -> dict[str, Any]:
        """An app like those of the suites: name, service, roles, functions, ways to log in."""
        body = {"name": "simple", "sync": {"development_mode_enabled": True}}
        app: dict[str, Any] = (await self("POST", f"groups/{self.group}/apps", body)).json
        await self.configure(app, config, providers, functions)
        return app

    async def configure(
        self,
        app: dict[str, Any],
        config: dict[str, Any] | None,
        providers: list[dict[str, Any]],
        functions: tuple[dict[str, Any], ...] = (),
    ) -> None:
        """Steps 3 to 11 of an import."""
        base = f"groups/{self.group}/apps/{app['_id']}"
        await asyncio.gather(
            self("POST", f"{base}/secrets", {"name": "mongodb_uri", "value": "mongodb://x:26000"}),
            self("POST", f"{base}/secrets", {"name": "jwt-secret", "value": JWT_SECRET}),
        )
        if config is not None:
            await self("PUT", f"{base}/sync/config", {"development_mode_enabled": True})
            service = {
                "name": "mongodb",
                "type": "mongodb",
                "config": config,
                "secret_config": {"uri": "mongodb_uri"},
            }
            made = (await self("POST", f"{base}/services", service)).json
            roles = {"roles": [EVERYTHING]}
            await self("POST", f"{base}/services/{made['_id']}/default_rule", roles)
        for function in functions:
            await self("POST", f"{base}/functions", function)
        await self("GET", f"{base}/functions")
        there = (await self("GET", f"{base}/auth_providers")).json
        for provider in providers:
            same = [p for p in there if p["type"] == provider["type"]]
            if same:
                body = {"_id": same[0]["_id"], **provider}
                await self("PATCH", f"{base}/auth_providers/{same[0]['_id']}", body)
            else:
                await self("POST", f"{base}/auth_providers", provider)
