"""What is read out of the service's answers and put into requests, without a connection."""

from __future__ import annotations

from typing import Any

import pytest

from account.replies import reply
from realmsync.account.credentials import Credentials
from realmsync.account.http import HttpResponse, check, token_claims
from realmsync.account.places import partition_name
from realmsync.codes import APP_ERROR_CODES
from realmsync.errors import AppError, ArgumentTypeError, BadPartitionValueError


@pytest.mark.parametrize("value", [True, 1.5, b"x", [], 1 << 63, 2**70, "\ud800"])
def test_bad_partition_values(value: Any) -> None:
    error = BadPartitionValueError if isinstance(value, int | str) else ArgumentTypeError
    with pytest.raises(ArgumentTypeError if value is True else error):
        partition_name(value)


# what a reply means


@pytest.mark.parametrize(
    ("response", "code", "message"),
    [
        (reply({"error": "no", "error_code": "InvalidPassword"}, 401), 4349, "no"),
        (reply({"error": "no", "error_code": "InvalidPassword"}), 4349, "no"),
        (reply({"error_code": "Whatever"}, 400), 4355, "no error message"),
        (reply({"error": "no", "error_code": ""}, 400), 4351, "no"),
        (reply({"error": "no"}), 4351, "no"),
        (
            reply({"error": "no", "link": None}, 401),
            4309,
            'http error code considered fatal: {"error": "no", "link": null}. Client Error: 401',
        ),
        (
            HttpResponse(401, {"Content-Type": "application/json; charset=utf-8"}, '{"error":"n"}'),
            4309,
            'http error code considered fatal: {"error":"n"}. Client Error: 401',
        ),
        (HttpResponse(500), 4309, "http error code considered fatal. Server Error: 500"),
        (HttpResponse(304), 4309, "http error code considered fatal. Redirection: 304"),
        (HttpResponse(700), 4309, "http error code considered fatal. Unknown HTTP Error: 700"),
        (HttpResponse(0, custom_status=-1), 4000, "non-zero custom status code considered fatal"),
        (HttpResponse(200, body="text", custom_status=7), 4000, "text"),
        (HttpResponse(400, {"content-type": "application/json"}, '{"error":"n"}'), 4351, "n"),
    ],
)
def test_errors(response: HttpResponse, code: int, message: str) -> None:
    with pytest.raises(AppError) as caught:
        check(response)
    assert (caught.value.code, str(caught.value)) == (code, message)


def test_error_details() -> None:
    with pytest.raises(AppError) as caught:
        check(reply({"error": "e", "error_code": "Nonsense", "link": "http://log"}, 403))
    error = caught.value
    assert (error.name, error.server_error, error.link, error.status) == (
        "AppServerError",
        "Nonsense",
        "http://log",
        403,
    )


@pytest.mark.parametrize(
    "response",
    [HttpResponse(0), HttpResponse(204), reply({"a": 1}), reply([]), reply("{"), reply("", 299)],
)
def test_success(response: HttpResponse) -> None:
    check(response)


def test_codes() -> None:
    assert APP_ERROR_CODES["MissingAuthReq"] == 4300
    assert APP_ERROR_CODES["FunctionNotFound"] == 4325
    assert APP_ERROR_CODES["APIKeyNotFound"] == 4334
    assert APP_ERROR_CODES["UserNotFound"] == 4344
    assert APP_ERROR_CODES["AppServerError"] == 4355


def test_worked_token() -> None:
    claims = token_claims(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
        ".eyJleHAiOjE3NjAwMDE4MDAsImlhdCI6MTc2MDAwMDAwMCwic3ViIjoiNjVmMGMwZmZlZTAxMjM0NTY3ODlh"
        "YmNkIiwidHlwIjoiYWNjZXNzIn0"
        ".3CliraINBOSOYbmwLm61OtJori5U2i615Z8TrCBhlgs"
    )
    assert (claims.expires_at, claims.issued_at) == (1760001800, 1760000000)


# credentials


def test_credentials() -> None:
    assert Credentials.api_key("k").payload == {"provider": "api-key", "key": "k"}
    assert Credentials.jwt("t").payload == {"provider": "custom-token", "token": "t"}
    assert Credentials.function({"a": 1}).payload == {"a": 1}
    assert Credentials.google(auth_code="c").payload["authCode"] == "c"
    assert Credentials.google(id_token="c").payload["id_token"] == "c"
    assert Credentials.facebook("f").payload["accessToken"] == "f"
    assert Credentials.apple("a").payload["id_token"] == "a"
    assert "secret12" not in repr(Credentials.email_password("a@b.c", "secret12"))
    with pytest.raises(ValueError, match="Must not supply both"):
        Credentials.google(auth_code="c", id_token="t")
    with pytest.raises(ValueError, match="Must supply either"):
        Credentials.google()
    with pytest.raises(TypeError, match="Expected 'password' to be a string"):
        Credentials.email_password("a", None)
