"""MongoDB extended JSON: from JSON values to Python's and back, canonical or relaxed.

Bodies of functions, expressions of rules, custom user data and documents of an import are written
in it. Decoding takes canonical and relaxed forms mixed. The work is pymongo's, behind one door with
one set of options. Specification: app-services-http.md section 18, app-configuration.md 11.1.
"""

from __future__ import annotations

import json
from typing import Any

from bson import json_util
from bson.binary import UuidRepresentation
from bson.errors import BSONError
from bson.json_util import DatetimeRepresentation, JSONMode, JSONOptions

# Dates as milliseconds: the SDKs' reader knows no ISO texts. Read are both.
_OPTIONS: JSONOptions = JSONOptions(
    json_mode=JSONMode.CANONICAL,
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_representation=DatetimeRepresentation.NUMBERLONG,
    tz_aware=True,
)


def decode(value: Any) -> Any:
    """What a JSON value stands for, with every extended form in it decoded.

    Raises ValueError for a form that is malformed, or nested too deeply.
    """
    try:
        text = json.dumps(value)
    except RecursionError as error:
        raise ValueError(f"malformed extended JSON: {error}") from error
    return loads(text)


def loads(text: str | bytes) -> Any:
    """What a JSON text stands for. Raises ValueError as decode does."""
    try:
        return json_util.loads(text, json_options=_OPTIONS)
    except (BSONError, TypeError, KeyError, RecursionError, ArithmeticError) as error:
        raise ValueError(f"malformed extended JSON: {error}") from error


def dumps(value: Any) -> str:
    """Canonical extended JSON of a value. Raises TypeError for what no form stands for."""
    return json_util.dumps(value, json_options=_OPTIONS)
