"""JSON web tokens that others have signed: whether they are good, and whom they name.

Pure: keys and time are given, nothing is fetched or stored; where keys come from
and how a log-in goes on is decided elsewhere. Specification: app-configuration.md 8.2.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import jwt

from realmsync import ejson
from realmsync.server.extent import is_deeper

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# A secret's text for HS256; for RS256 a public key as PEM, or read already.
Key: TypeAlias = "str | RSAPublicKey"

ALGORITHMS = ("HS256", "RS256")
MOST_KEYS = 3  # tried for one token
_SECRET_CHARACTERS = range(32, 513)
_RSA_BITS = range(2048, 8193)

_SUBJECT_BYTES = 1024
_DEPTH = 100  # of what is copied out of a token
# Seconds by which its maker's clock may be ahead. What has run out has run out.
_AHEAD = 60.0

_SIGNATURES = jwt.PyJWS()


class BadToken(Exception):
    """A token that proves nothing, and why."""


@dataclass(frozen=True)
class TokenIdentity:
    """Whom a good token names."""

    sub: str
    data: Mapping[str, Any]  # for the profile


@dataclass(frozen=True)
class MetadataField:
    """A claim that is copied into the profile."""

    path: tuple[str, ...]
    target: str
    required: bool


@dataclass(frozen=True)
class TokenRules:
    """What a token must be to be good."""

    audiences: tuple[str, ...]  # at least one
    any_audience: bool = False  # one of them is enough
    algorithm: str = "HS256"
    issuers: tuple[str, ...] = ()  # () is anyone who has the key
    # Of the user's e-mail address, which the issuer has verified; () is any, or none.
    domains: tuple[str, ...] = ()
    metadata: tuple[MetadataField, ...] = ()


def token_rules(
    config: Mapping[str, Any], metadata: Sequence[Mapping[str, Any]], app_id: str
) -> TokenRules:
    """Those of a `custom-token` provider. Raises ValueError for a configuration that has none."""
    algorithm = config.get("signingAlgorithm") or "HS256"
    if algorithm not in ALGORITHMS:
        raise ValueError(f"signingAlgorithm is one of {', '.join(ALGORITHMS)}, not {algorithm!r}")
    given = config.get("audience")
    audiences = [given] if isinstance(given, str) else given or []
    if not isinstance(audiences, list | tuple) or not all(isinstance(a, str) for a in audiences):
        raise ValueError("audience is a string or a list of strings")
    return TokenRules(
        audiences=tuple(filter(None, audiences)) or (app_id,),
        # The documentation has a string here.
        any_audience=config.get("requireAnyAudience") in (True, "true"),
        algorithm=algorithm,
        metadata=metadata_fields(metadata),
    )


def metadata_fields(fields: Sequence[Mapping[str, Any]]) -> tuple[MetadataField, ...]:
    """What `metadata_fields` of a provider stands for. Raises ValueError for what is no field."""
    return tuple(map(_metadata_field, fields))


def _metadata_field(field: Mapping[str, Any]) -> MetadataField:
    name, target = field.get("name"), field.get("field_name")
    if not isinstance(name, str) or not name:
        raise ValueError("a metadata field has a name")
    path = tuple(part.replace("\\.", ".") for part in re.split(r"(?<!\\)\.", name))
    if not isinstance(target, str) or not target:
        target = path[-1]
    return MetadataField(path, target, field.get("required") in (True, "true"))


def verify(rules: TokenRules, token: str, keys: Sequence[Key], now: float) -> TokenIdentity:
    """Whom a token names that one of the keys has signed, at this time. Raises BadToken.

    `now` is in seconds since 1970. Not more than MOST_KEYS keys are tried.
    """
    claims = _signed_claims(token, list(keys)[:MOST_KEYS], rules.algorithm)
    _check_times(claims, now)
    _check_audience(rules, claims.get("aud"))
    if rules.issuers and claims.get("iss") not in rules.issuers:
        raise BadToken("its issuer is somebody else")
    if rules.domains and _verified_domain(claims) not in {d.lower() for d in rules.domains}:
        raise BadToken("its e-mail address is not of a domain that may log in")
    return TokenIdentity(_subject(claims.get("sub")), _data(rules.metadata, claims))


def key_id(token: str) -> str | None:
    """Which key it says it was signed with. Raises BadToken for what is no token at all."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise BadToken("it is no JSON web token") from None
    return kid if isinstance(kid, str) else None


def _signed_claims(token: str, keys: Sequence[Key], algorithm: str) -> dict[str, Any]:
    """The claims of a token that one of the keys has signed with just this algorithm.

    A token says itself how it was signed; believing it would let a public key serve as the secret
    of an HMAC, or "none" as a signature.
    """
    for key in keys:
        prepared = usable_key(key, algorithm)
        if prepared is None:
            continue
        try:
            decoded = _SIGNATURES.decode_complete(token, prepared, algorithms=[algorithm])
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidAlgorithmError:
            raise BadToken(f"it is not signed with {algorithm}") from None
        # Strangers' tokens may be no text at all, or nested deeper than Python reads.
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise BadToken("it is no JSON web token") from None
        return _claims(decoded["payload"])
    raise BadToken("its signature is not of a key that is known here")


def what_a_key_is(algorithm: str) -> str:
    """What usable_key() takes, for texts."""
    if algorithm == "HS256":
        characters = _SECRET_CHARACTERS
        return f"a secret of {characters.start} to {characters.stop - 1} characters, and no PEM"
    return f"a public RSA key in PEM of {_RSA_BITS.start} to {_RSA_BITS.stop - 1} bits"


def usable_key(key: Key, algorithm: str) -> Key | None:
    """The key as an algorithm takes it; None for one that would be no protection or is no key."""
    if algorithm == "HS256":
        is_secret = isinstance(key, str) and len(key) in _SECRET_CHARACTERS
        return key if is_secret and not str(key).lstrip().startswith("-----BEGIN") else None
    try:
        read: RSAPublicKey = _SIGNATURES.get_algorithm_by_name(algorithm).prepare_key(key)
    except (jwt.InvalidKeyError, ValueError, TypeError):
        return None
    return read if read.key_size in _RSA_BITS else None


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise BadToken("its payload is no JSON object")
    return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    if _moment(claims, "exp", required=True) <= now:
        raise BadToken("it has expired")
    for name in ("iat", "nbf"):
        if _moment(claims, name, required=False) > now + _AHEAD:
            raise BadToken(f"it is not valid yet: {name} is in the future")


def _moment(claims: Mapping[str, Any], name: str, *, required: bool) -> float:
    moment = claims.get(name)
    if moment is None and not required:
        return -math.inf
    # NaN would be neither before nor after now, and true is 1 for Python.
    if isinstance(moment, bool) or not isinstance(moment, int | float) or moment != moment:
        raise BadToken(f"{name} must be a number of seconds")
    return moment


def _check_audience(rules: TokenRules, aud: Any) -> None:
    given = {aud} if isinstance(aud, str) else set(_texts(aud))
    is_met = any if rules.any_audience else all
    if not is_met(audience in given for audience in rules.audiences):
        raise BadToken("it is for another audience")


def _verified_domain(claims: Mapping[str, Any]) -> str | None:
    email, is_verified = claims.get("email"), claims.get("email_verified")
    if not isinstance(email, str) or is_verified not in (True, "true"):  # Apple's is a text
        return None
    return email.rpartition("@")[2].lower()


def _texts(value: Any) -> Iterator[str]:
    return (
        (item for item in value if isinstance(item, str)) if isinstance(value, list) else iter(())
    )


def _subject(sub: Any) -> str:
    if not isinstance(sub, str) or not sub:
        raise BadToken("sub must be a string that is not empty")
    return checked_subject(sub)


def checked_subject(sub: str) -> str:
    """The name of an identity, as others have it. Raises BadToken for what cannot be one."""
    try:
        is_short = 0 < len(sub.encode()) <= _SUBJECT_BYTES
    except UnicodeEncodeError:
        raise BadToken("the identity is not valid Unicode") from None
    if not is_short or any(character < " " or character == "\x7f" for character in sub):
        raise BadToken(f"an identity has 1 to {_SUBJECT_BYTES} bytes, without control characters")
    return sub


def _data(fields: Sequence[MetadataField], claims: Mapping[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for field in fields:
        value = _at(claims, field.path)
        if value is not None:
            data[field.target] = value
        elif field.required:
            raise BadToken(f"claim {'.'.join(field.path)} is missing")
    return checked_data(data)


def _at(claims: Any, path: Sequence[str]) -> Any:
    """The value at a path; null says as little as nothing does."""
    for name in path:
        if not isinstance(claims, Mapping):
            return None
        claims = claims.get(name)
    return claims


def checked_data(data: dict[str, Any]) -> dict[str, Any]:
    """What may stand in a profile: SDKs read it as extended JSON. Raises BadToken otherwise."""
    if is_deeper(data, _DEPTH):
        raise BadToken(f"its claims are nested deeper than {_DEPTH}")
    try:
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        ejson.decode(data)
    except ValueError:
        raise BadToken("its claims are no extended JSON in valid Unicode") from None
    return data
