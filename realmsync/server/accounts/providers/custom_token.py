"""Log-in with a token that the app's own service has signed.

What makes a token good is in ../foreign_tokens.py. Specification: app-configuration.md 8.2,
app-services-http.md 8.3.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from realmsync.apps.model import Provider
from realmsync.codes import AppCode
from realmsync.server.accounts.foreign_tokens import (
    BadToken,
    TokenRules,
    key_id,
    token_rules,
    verify,
)
from realmsync.server.accounts.key_sets import FixedKeys, Keys, KeySets, KeysUnavailable
from realmsync.server.accounts.providers.provider import Attempt, ProvenIdentity
from realmsync.server.accounts.refusals import AuthError, no_provider
from realmsync.server.apps.running import RunningApp
from realmsync.server.logs import one_line

_logger = logging.getLogger("realmsync.server")

NAME = "custom-token"


class CustomToken:
    """Who has a token of the app's own service is whom that token names."""

    def __init__(self, key_sets: KeySets) -> None:
        self._key_sets = key_sets

    async def prove(self, attempt: Attempt) -> ProvenIdentity:
        """Whom the token in a log-in names. Raises AuthError."""
        app = attempt.app
        provider = app.model.providers[NAME]
        try:
            rules = token_rules(provider.config, provider.metadata_fields, app.model.id)
        except ValueError as error:
            raise unusable(app, NAME, str(error)) from None
        return await identity_of(rules, self._keys(app, provider), attempt.body.get("token"))

    def _keys(self, app: RunningApp, provider: Provider) -> Keys:
        if provider.config.get("useJWKURI") is not True:
            return FixedKeys(list(provider.secrets.get("signingKeys", ())))
        place = place_of_keys(provider, app.key_sets)
        if place is None:
            raise no_provider(NAME)
        return self._key_sets.at(place)


def place_of_keys(provider: Provider, key_sets: Mapping[str, str]) -> str | None:
    """Where the keys of a provider are that has them published; None if nobody says it."""
    place, address = key_sets.get(NAME), provider.config.get("jwkURI")
    if place is None and isinstance(address, str) and address.startswith(("https:", "http:")):
        return address  # files are for the operator to name, and not for what he was given
    return place


def unusable(app: RunningApp, provider: str, reason: str) -> AuthError:
    """The refusal for a provider whose configuration lets nobody in; the reason is logged."""
    _logger.error(
        "nobody can log in to app %s with %s: %s",
        one_line(app.model.id),
        provider,
        one_line(reason),
    )
    return no_provider(provider)


async def identity_of(rules: TokenRules, keys: Keys, token: Any) -> ProvenIdentity:
    """Whom a token names by these rules, with the keys that it needs. Raises AuthError."""
    try:
        if not isinstance(token, str):
            raise BadToken("it is no text")
        identity = verify(rules, token, await keys.find(key_id(token)), time.time())
    except BadToken as error:
        raise AuthError(f"the token is refused: {error}", AppCode.AuthError) from None
    except KeysUnavailable:
        raise AuthError(
            "the keys that verify this token cannot be read now", AppCode.MaintenanceInProgress
        ) from None
    return ProvenIdentity(identity.sub, identity.data)
