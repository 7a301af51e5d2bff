"""Answers of a service, made by hand."""

from __future__ import annotations

import json
from typing import Any

from realmsync.account.http import HttpResponse

JSON = {"Content-Type": "application/json"}


def reply(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, JSON, body if isinstance(body, str) else json.dumps(body))
