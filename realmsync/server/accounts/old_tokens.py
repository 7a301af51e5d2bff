"""Refresh tokens of the service that an app left: who shows one waits, logs in, or goes on.

They are signed with a key that nobody has. What is answered decides over data on devices: a client
that hears 401 logs its user out, and one whose user is anonymous then deletes that user's files,
unsent changes included; 503 costs nothing. Here is the decision alone; adopted tokens are stored by
file/adopted_tokens.py. Specification: app-configuration.md 12.3.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from realmsync.enums import Text

# More is no refresh token: those of the service have some 400 bytes.
_MOST_CHARACTERS = 8192
_USER_ID = re.compile(r"[0-9a-f]{24}")
_DEVICE_CHARACTERS = 64
# Seconds by which a token may seem younger than the log-in that it is of: two clocks wrote them.
_CLOCKS_DIFFER = 60.0
_LAST_MOMENT = 253_402_300_799.0  # of the year 9999


class OldTokenPolicy(Text):
    """What is answered to a client that shows one."""

    HOLD = "hold"  # come again later: 503
    REFUSE = "refuse"  # log in again: 401
    ADOPT = "adopt"  # go on: the token stays the key of this device


@dataclass(frozen=True)
class OldTokens:
    """What becomes of the refresh tokens that the former service issued.

    `adopt` proves nothing: who knows a user's id can make such a token. So it has an end, and each
    user a number of devices.
    """

    # By who the token says its user is: an imported anonymous user, or another imported one.
    anonymous: OldTokenPolicy = OldTokenPolicy.HOLD
    others: OldTokenPolicy = OldTokenPolicy.REFUSE
    # Nobody who was imported. These cannot be adopted.
    unknown: OldTokenPolicy = OldTokenPolicy.REFUSE
    # Seconds since 1970: nothing is adopted later, and clients are refused, anonymous ones held.
    # Needed for adopting.
    adopt_until: float | None = None
    # Devices that a user may bring along.
    devices_per_user: int = 3
    # The domain ids that tokens of the old app have; empty: any, or none.
    domain_ids: frozenset[str] = frozenset()
    # Whether users may be adopted who, by a role for some users only, may write everything.
    adopt_privileged: bool = False

    def __post_init__(self) -> None:
        for name in ("anonymous", "others", "unknown"):
            object.__setattr__(self, name, OldTokenPolicy(getattr(self, name)))
        if self.unknown is OldTokenPolicy.ADOPT:
            raise ValueError("old tokens of users who are not known cannot be adopted")
        if OldTokenPolicy.ADOPT in (self.anonymous, self.others) and self.adopt_until is None:
            raise ValueError("adopting old tokens needs an end: adopt_until")
        if self.devices_per_user < 1:
            raise ValueError(f"a user has at least one device, not {self.devices_per_user}")


@dataclass(frozen=True)
class OldToken:
    """What such a token says, none of which is proved."""

    user_id: str
    device_id: str  # one of the token's own where it names none
    domain_id: str | None
    issued: float | None  # seconds since 1970
    hash: bytes  # of the token as a whole


@dataclass(frozen=True)
class KnownUser:
    """The user of this server that a token names."""

    is_imported: bool
    is_anonymous: bool
    last_authentication: int | None  # where he came from, in seconds since 1970


def in_utc(time: datetime) -> float:
    """Seconds since 1970; a time without a zone is in UTC."""
    return time.replace(tzinfo=time.tzinfo or timezone.utc).timestamp()


def shown_in_utc(moment: float) -> str:
    """A moment, given in seconds since 1970, to the minute."""
    shown = datetime.fromtimestamp(min(moment, _LAST_MOMENT), timezone.utc)
    return shown.strftime("%Y-%m-%d %H:%M UTC")


def read_settings(policies: Mapping[str, str], adopt_until: float | None) -> OldTokens:
    """The settings of a command line. Raises ValueError."""
    unknown = policies.keys() - {"anonymous", "others", "unknown"}
    if unknown:
        raise ValueError(f"old tokens are of anonymous, others or unknown, not {min(unknown)}")
    usual = OldTokens()
    return OldTokens(
        anonymous=OldTokenPolicy(policies.get("anonymous", usual.anonymous)),
        others=OldTokenPolicy(policies.get("others", usual.others)),
        unknown=OldTokenPolicy(policies.get("unknown", usual.unknown)),
        adopt_until=adopt_until,
    )


def warnings_of_old_tokens(settings: OldTokens, now: float) -> Iterator[str]:
    """What an operator hears of his settings at a start; `now` is in seconds since 1970."""
    adopted = [
        name for name in ("anonymous", "others") if getattr(settings, name) is OldTokenPolicy.ADOPT
    ]
    if not adopted or settings.adopt_until is None:
        return
    end = shown_in_utc(settings.adopt_until)
    if settings.adopt_until <= now:
        yield f"the end of adopting old log-ins, {end}, has passed: none is adopted"
    elif "others" in adopted:
        yield (
            "WHOEVER KNOWS THE ID OF AN IMPORTED USER CAN BE THAT USER, as old log-ins of users "
            f"with a name are adopted, until {end}"
        )


def token_hash(token: str) -> bytes:
    """What is kept of a token: enough to know it again, not enough to show it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def read_old_token(token: str) -> OldToken | None:
    """What a token of the service says; None for what is none."""
    claims = _claims(token) if len(token) <= _MOST_CHARACTERS else None
    user_id = claims.get("sub") if claims else None
    if claims is None or not isinstance(user_id, str) or not _USER_ID.fullmatch(user_id):
        return None
    hashed = token_hash(token)
    device_id = _text(claims, "baas_device_id", "stitch_devId")
    issued = claims.get("iat")
    is_time = isinstance(issued, int | float) and not isinstance(issued, bool)
    return OldToken(
        user_id=user_id,
        device_id=device_id or hashed.hex()[:24],
        domain_id=_text(claims, "baas_domain_id", "stitch_domainId"),
        issued=issued if is_time else None,
        hash=hashed,
    )


def decide(
    settings: OldTokens, token: OldToken, user: KnownUser | None, now: float
) -> OldTokenPolicy:
    """What is answered to the client with this token, as far as the token and its user tell."""
    if user is None or not user.is_imported:
        return settings.unknown
    policy = settings.anonymous if user.is_anonymous else settings.others
    if policy is OldTokenPolicy.ADOPT and not _may_be_adopted(settings, token, user, now):
        return not_adopted(user)
    return policy


def not_adopted(user: KnownUser) -> OldTokenPolicy:
    """What is answered instead of adopting: what destroys nothing."""
    return OldTokenPolicy.HOLD if user.is_anonymous else OldTokenPolicy.REFUSE


def _may_be_adopted(settings: OldTokens, token: OldToken, user: KnownUser, now: float) -> bool:
    if settings.adopt_until is None or now >= settings.adopt_until:
        return False
    if settings.domain_ids and token.domain_id not in settings.domain_ids:
        return False
    # It cannot be younger than the last log-in of the user.
    return user.last_authentication is None or (
        token.issued is not None and token.issued <= user.last_authentication + _CLOCKS_DIFFER
    )


def _claims(token: str) -> Mapping[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        return None
    try:
        head, payload = (json.loads(_decoded(part)) for part in parts[:2])
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(head, dict) and isinstance(payload, dict) else None


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _text(claims: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = claims.get(name)
        if isinstance(value, str) and 0 < len(value) <= _DEVICE_CHARACTERS and value.isascii():
            return value
    return None
