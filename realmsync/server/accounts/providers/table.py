"""Which provider answers to which name: the ways to log in that this server knows.

Which of them an app has is in its model.
"""

from __future__ import annotations

from collections.abc import Mapping

from realmsync.server.accounts.providers.anonymous import Anonymous
from realmsync.server.accounts.providers.email_password import EmailPassword
from realmsync.server.accounts.providers.provider import Provider
from realmsync.server.accounts.users import Users


def all_providers(users: Users) -> Mapping[str, Provider]:
    """By the names that clients use."""
    return {
        "anon-user": Anonymous(),
        "local-userpass": EmailPassword(users),
    }
