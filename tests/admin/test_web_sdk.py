"""What the Web SDK asks (realm-web 2.0.1, observed by hand), and which members it must find."""

from __future__ import annotations

import pytest

from importer import ANONYMOUS, API_KEY, EMAIL, SUM, Importer
from realmsync.server.process import Server
from sdk_http import CLIENT, LOGIN

pytestmark = pytest.mark.no_asan

IDS = {"access_token", "user_id", "device_id"}
ACCOUNT = {"email": "a@b.c", "password": "secret12"}
NAMES = {"username": "a@b.c", "password": "secret12"}


async def test_a_session_of_the_web_sdk(admin: Importer, server: Server) -> None:
    made = await admin.import_app(None, [ANONYMOUS, EMAIL, API_KEY], (SUM,))
    http, app = admin.http, f"{CLIENT}/app/{made['client_app_id']}"
    assert (await http("GET", f"{app}/location")).json["hostname"] == server.url
    guest = (await http("POST", f"{app}/auth/providers/anon-user/login", LOGIN)).json
    assert {*IDS, "refresh_token"} <= set(guest)
    profile = (await http("GET", f"{CLIENT}/auth/profile", token=guest["access_token"])).json
    assert profile["type"] == "normal" and profile["identities"]
    body = {"name": "sumFunc", "arguments": [{"$numberInt": str(n)} for n in (1, 2, 3)]}
    called = await http("POST", f"{app}/functions/call", body, token=guest["access_token"])
    assert called.json == {"$numberInt": "6"}
    accounts = f"{app}/auth/providers/local-userpass"
    assert (await http("POST", f"{accounts}/register", ACCOUNT)).status == 201
    link = f"{accounts}/login?link=true"
    linked = (await http("POST", link, NAMES, token=guest["access_token"])).json
    assert set(linked) >= IDS and linked["user_id"] == guest["user_id"]
    user = (await http("POST", f"{accounts}/login", NAMES)).json
    keys = f"{CLIENT}/auth/api_keys"
    key = (await http("POST", keys, {"name": "mykey"}, token=user["refresh_token"])).json
    assert set(key) >= {"_id", "key", "name", "disabled"}
    assert len((await http("GET", keys, token=user["refresh_token"])).json) == 1
    session = f"{CLIENT}/auth/session"
    assert (await http("POST", session, token=user["refresh_token"])).status == 201
    assert (await http("DELETE", session, token=user["refresh_token"])).status == 204
    gone = await http("DELETE", f"{CLIENT}/auth/delete", token=guest["access_token"])
    assert gone.status == 204
