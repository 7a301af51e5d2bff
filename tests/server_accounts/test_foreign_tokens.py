"""Custom JSON web tokens: what makes one good, and the forms that attackers try.

Specification: app-configuration.md 8.2.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from key_pairs import KeyPair, key_pair
from realmsync.server.accounts import foreign_tokens
from realmsync.server.accounts.foreign_tokens import BadToken, TokenIdentity

NOW = 1_700_000_000.0
SECRET = "k" * 32
APP = "guild"
OURS = key_pair("ours")
GOOD: dict[str, Any] = {"aud": APP, "sub": "M7", "exp": NOW + 60}


def verified(
    claims: dict[str, Any] | str,
    config: dict[str, Any] | None = None,
    fields: tuple[dict[str, Any], ...] = (),
    *,
    keys: tuple[str, ...] = (SECRET,),
    sign: str = SECRET,
    algorithm: str = "HS256",
) -> TokenIdentity:
    rules = foreign_tokens.token_rules(config or {}, fields, APP)
    token = claims if isinstance(claims, str) else jwt.encode(claims, sign, algorithm)
    return foreign_tokens.verify(rules, token, keys, NOW)


def raw(header: Any, payload: bytes, signature: bytes = b"x") -> str:
    parts = (json.dumps(header).encode(), payload, signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def signed(payload: bytes) -> str:
    """A token of any payload whose signature is right."""
    return jwt.PyJWS().encode(payload, SECRET, "HS256")


def test_the_identity_is_the_subject() -> None:
    assert verified(GOOD) == TokenIdentity("M7", {})


@pytest.mark.parametrize("audience", ["", [], None, [""]])
def test_the_audience_is_the_app_unless_said(audience: Any) -> None:
    assert verified(GOOD, {"audience": audience}).sub == "M7"
    with pytest.raises(BadToken, match="audience"):
        verified({**GOOD, "aud": "other"}, {"audience": audience})


@pytest.mark.parametrize(
    ("audience", "any_audience", "aud", "accepted"),
    [
        ("a", False, "a", True),
        ("a", False, ["x", "a"], True),
        ("a", False, "b", False),
        ("a", False, [], False),
        ("a", False, [["a"]], False),
        ("a", False, {"a": 1}, False),
        (["a", "b"], False, "a", False),
        (["a", "b"], False, ["a", "b", "c"], True),
        (["a", "b"], True, "b", True),
        (["a", "b"], "true", ["b"], True),
        (["a", "b"], "false", ["b"], False),
        (["a", "b"], True, "c", False),
    ],
)
def test_forms_of_audiences(audience: Any, any_audience: Any, aud: Any, accepted: bool) -> None:
    config = {"audience": audience, "requireAnyAudience": any_audience}
    if accepted:
        assert verified({**GOOD, "aud": aud}, config).sub == "M7"
    else:
        with pytest.raises(BadToken, match="audience"):
            verified({**GOOD, "aud": aud}, config)


@pytest.mark.parametrize("claim", ["aud", "sub", "exp"])
def test_claims_that_must_be_there(claim: str) -> None:
    with pytest.raises(BadToken):
        verified({name: value for name, value in GOOD.items() if name != claim})


@pytest.mark.parametrize("exp", [NOW, NOW - 1, 0, -1, "4070908800", None, True, [NOW + 9]])
def test_what_has_run_out(exp: Any) -> None:
    with pytest.raises(BadToken):
        verified(signed(json.dumps({**GOOD, "exp": exp}).encode()))


@pytest.mark.parametrize("number", ["NaN", "-Infinity"])
def test_an_end_that_is_no_number(number: str) -> None:
    with pytest.raises(BadToken):
        verified(signed(b'{"aud": "guild", "sub": "M7", "exp": %s}' % number.encode()))


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_times_that_may_be_there(claim: str) -> None:
    assert verified({**GOOD, claim: int(NOW)}).sub == "M7"
    for wrong in (NOW + 3600, "now", True):
        with pytest.raises(BadToken, match=claim):
            verified(signed(json.dumps({**GOOD, claim: wrong}).encode()))


@pytest.mark.parametrize("sub", ["", 7, None, ["a"], "a\x00", "a\n", "é" * 600, "\ud800"])
def test_subjects_that_are_none(sub: Any) -> None:
    with pytest.raises(BadToken):
        verified(signed(json.dumps({**GOOD, "sub": sub}).encode()))


def test_three_keys_any_may_match() -> None:
    others = ("x" * 32, "y" * 512)
    assert verified(GOOD, keys=(*others, SECRET)).sub == "M7"
    with pytest.raises(BadToken, match="signature"):
        verified(GOOD, keys=(*others, "z" * 40, SECRET))
    with pytest.raises(BadToken, match="signature"):
        verified(GOOD, keys=())


@pytest.mark.parametrize("length", [1, 31, 513])
@pytest.mark.filterwarnings("ignore::Warning")
def test_secrets_that_are_too_short_or_long(length: int) -> None:
    with pytest.raises(BadToken, match="signature"):
        verified(GOOD, keys=("s" * length,), sign="s" * length)


def test_public_keys() -> None:
    config = {"signingAlgorithm": "RS256"}
    private, public, other = OURS.private, OURS.public, key_pair("other").public
    found = verified(GOOD, config, keys=("no key", other, public), sign=private, algorithm="RS256")
    assert found.sub == "M7"
    with pytest.raises(BadToken, match="signature"):
        verified(GOOD, config, keys=(other,), sign=private, algorithm="RS256")


@pytest.mark.filterwarnings("ignore::Warning")
def test_public_keys_that_protect_nothing() -> None:
    config = {"signingAlgorithm": "RS256"}
    weak = KeyPair(1024)
    elliptic = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    with pytest.raises(BadToken, match="signature"):
        verified(GOOD, config, keys=(weak.public, elliptic), sign=weak.private, algorithm="RS256")


def test_algorithms_are_not_the_tokens_to_choose() -> None:
    payload = json.dumps(GOOD).encode()
    for algorithm in ("none", "None", "NONE", "", "HS512", "RS256", 5, None, ["HS256"]):
        with pytest.raises(BadToken):
            verified(raw({"alg": algorithm, "typ": "JWT"}, payload))
        with pytest.raises(BadToken):
            verified(raw({"alg": algorithm}, payload, b""))


def test_a_public_key_is_no_secret() -> None:
    """What everybody knows must not sign."""
    forged = raw({"alg": "HS256"}, json.dumps(GOOD).encode())
    for config in ({"signingAlgorithm": "RS256"}, {"signingAlgorithm": "HS256"}):
        with pytest.raises(BadToken):
            verified(forged, config, keys=(OURS.public,))
    assert foreign_tokens.usable_key(OURS.public, "HS256") is None


@pytest.mark.parametrize("algorithm", ["none", "HS512", "ES256", 5])
def test_algorithms_that_nobody_can_configure(algorithm: Any) -> None:
    with pytest.raises(ValueError, match="signingAlgorithm"):
        foreign_tokens.token_rules({"signingAlgorithm": algorithm}, (), APP)


CLAIMS = {
    **GOOD,
    "name": "Ada",
    "profile": {"nick": "Finch", "age": 7},
    "https://guild.example/rank": "smith",
    "a.b": {"c.d": 1},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ({"name": "name"}, {"name": "Ada"}),
        ({"name": "profile.nick"}, {"nick": "Finch"}),
        ({"name": "profile.nick", "field_name": "called"}, {"called": "Finch"}),
        ({"name": "profile.nick", "field_name": ""}, {"nick": "Finch"}),
        ({"name": "profile"}, {"profile": {"nick": "Finch", "age": 7}}),
        ({"name": r"https://guild\.example/rank", "field_name": "rank"}, {"rank": "smith"}),
        ({"name": r"https://guild\.example/rank"}, {"https://guild.example/rank": "smith"}),
        ({"name": r"a\.b.c\.d"}, {"c.d": 1}),
        ({"name": "sub", "field_name": "member"}, {"member": "M7"}),
        ({"name": "gone"}, {}),
        ({"name": "nothing"}, {}),
        ({"name": "name.more"}, {}),
        ({"name": "https://guild.example/rank"}, {}),
    ],
)
def test_metadata(field: dict[str, Any], data: dict[str, Any]) -> None:
    assert verified(CLAIMS, fields=(field,)).data == data
    required = ({**field, "required": True},)
    if data:
        assert verified(CLAIMS, fields=required).data == data
    else:
        with pytest.raises(BadToken, match="missing"):
            verified(CLAIMS, fields=required)


@pytest.mark.parametrize("field", [{}, {"name": ""}, {"name": 5}, {"field_name": "x"}])
def test_what_is_no_metadata_field(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="name"):
        foreign_tokens.metadata_fields((field,))


@pytest.mark.parametrize(
    "value",
    ["[" * 500 + "]" * 500, "1e999", "NaN", r'"\ud800"', '{"$oid": 5}', '{"$numberDecimal": "x"}'],
)
def test_claims_that_no_profile_can_hold(value: str) -> None:
    payload = b'{"aud": "guild", "sub": "M7", "exp": 1800000000, "name": %s}' % value.encode()
    assert verified(signed(payload)).sub == "M7"
    with pytest.raises(BadToken, match="claims"):
        verified(signed(payload), fields=({"name": "name"},))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "\ud800.a.b",
        "\x00",
        "é.é.é",
        "a" * 1_000_000,
        "." * 100_000,
        raw({"alg": "HS256"}, b"[]"),
        raw({"alg": "HS256", "crit": ["b64"], "b64": False}, b""),
        raw({"alg": "HS256", "kid": {"a": []}}, b"{}"),
        raw([], b"{}"),
        raw(None, b"{}"),
    ],
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(BadToken):
        verified(token)


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"5", b"[" * 100_000, b"\xff", b"{"])
def test_payloads_that_are_no_claims(payload: bytes) -> None:
    with pytest.raises(BadToken):
        verified(signed(payload))


def test_a_head_that_is_nested_too_deeply() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).rstrip(b"=").decode()
    for token in (f"{deep}.e30.eA", f"{deep}.{deep}.{deep}"):
        with pytest.raises(BadToken):
            verified(token)
        with pytest.raises(BadToken):
            foreign_tokens.key_id(token)


def test_the_key_that_a_token_names() -> None:
    assert foreign_tokens.key_id(raw({"alg": "RS256", "kid": "one"}, b"{}")) == "one"
    assert foreign_tokens.key_id(raw({"alg": "RS256"}, b"{}")) is None
