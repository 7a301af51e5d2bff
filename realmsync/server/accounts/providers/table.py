"""Which provider answers to which name: the ways to log in that this server knows.

Which of them an app has is in its model.
"""

from __future__ import annotations

from collections.abc import Mapping

from realmsync.server.accounts.key_sets import KeySets
from realmsync.server.accounts.providers.anonymous import Anonymous
from realmsync.server.accounts.providers.api_key import ApiKeyProvider
from realmsync.server.accounts.providers.custom_function import CustomFunction
from realmsync.server.accounts.providers.custom_token import CustomToken
from realmsync.server.accounts.providers.email_password import EmailPassword
from realmsync.server.accounts.providers.openid import ISSUERS, OpenId
from realmsync.server.accounts.providers.provider import Provider
from realmsync.server.accounts.users import Users


def all_providers(users: Users, key_sets: KeySets) -> Mapping[str, Provider]:
    """By the names that clients use."""
    return {
        "anon-user": Anonymous(),
        "local-userpass": EmailPassword(users),
        "custom-token": CustomToken(key_sets),
        "custom-function": CustomFunction(),
        **{name: OpenId(name, key_sets) for name in ISSUERS},
        "api-key": ApiKeyProvider(users),
    }
