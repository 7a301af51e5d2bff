"""Log-in with Google, Apple or Facebook, by the ID token that each gives to an app.

A token is verified with the keys that the provider publishes, from the file or address that the
operator has configured; without one nobody can log in. Codes that would have to be exchanged for
tokens (`authCode`) and opaque access tokens are not taken: this server asks no one. Specification:
app-configuration.md 8.1, app-services-http.md 8.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from realmsync.apps.model import Provider
from realmsync.codes import AppCode
from realmsync.server.accounts.foreign_tokens import (
    MetadataField,
    TokenRules,
    metadata_fields,
)
from realmsync.server.accounts.key_sets import KeySets
from realmsync.server.accounts.providers.custom_token import identity_of, unusable
from realmsync.server.accounts.providers.provider import Attempt, ProvenIdentity
from realmsync.server.accounts.refusals import AuthError, no_provider


@dataclass(frozen=True)
class Issuer:
    """What a provider writes into its tokens, and where an SDK puts them."""

    member: str  # of the body of a log-in
    issuers: tuple[str, ...]
    # The service's names of claims, where they are not those of OpenID.
    claims: Mapping[str, str]


_NAMES = {
    "first_name": "given_name",
    "last_name": "family_name",
    "picture_url": "picture",
    "birthday": "birthdate",
}
ISSUERS = {
    "oauth2-google": Issuer(
        "id_token", ("https://accounts.google.com", "accounts.google.com"), _NAMES
    ),
    "oauth2-apple": Issuer("id_token", ("https://appleid.apple.com",), _NAMES),
    "oauth2-facebook": Issuer(
        "accessToken",
        ("https://www.facebook.com", "https://limited.facebook.com", "https://facebook.com"),
        {**_NAMES, "gender": "user_gender", "birthday": "user_birthday"},
    ),
}


class OpenId:
    """Who has an ID token for this app is whom that token names."""

    def __init__(self, name: str, key_sets: KeySets) -> None:
        """`name` is one of ISSUERS."""
        self._name = name
        self._issuer = ISSUERS[name]
        self._key_sets = key_sets

    async def prove(self, attempt: Attempt) -> ProvenIdentity:
        """Whom the token in a log-in names. Raises AuthError."""
        app = attempt.app
        provider = app.model.providers[self._name]
        place = app.key_sets.get(self._name)
        if place is None:
            raise no_provider(self._name)
        try:
            rules = openid_rules(self._name, provider)
        except ValueError as error:
            raise unusable(app, self._name, str(error)) from None
        token = attempt.body.get(self._issuer.member)
        if token is None and "authCode" in attempt.body:
            raise AuthError(
                f"{self._name}: authCode is not supported by this server, log in with an ID token",
                AppCode.BadRequest,
            )
        return await identity_of(rules, self._key_sets.at(place), token)


def openid_rules(name: str, provider: Provider) -> TokenRules:
    """What a token of one of ISSUERS must be. Raises ValueError for a configuration that has no
    rules."""
    client_id = provider.config.get("clientId")
    if not isinstance(client_id, str) or not client_id:
        # Tokens for any app of anybody would be good.
        raise ValueError("it has no clientId")
    issuer = ISSUERS[name]
    return TokenRules(
        audiences=(client_id,),
        algorithm="RS256",
        issuers=issuer.issuers,
        domains=provider.domain_restrictions,
        metadata=tuple(
            _claim(field, issuer.claims) for field in metadata_fields(provider.metadata_fields)
        ),
    )


def _claim(field: MetadataField, claims: Mapping[str, str]) -> MetadataField:
    """The field as the provider's claim of that meaning; it keeps its name in profiles."""
    claim = claims.get(".".join(field.path))
    return field if claim is None else replace(field, path=(claim,))
