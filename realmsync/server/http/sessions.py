"""What a user with a token does about himself: profile, new access token, log-out, deletion.

Specification: app-services-http.md sections 9 and 10.
"""

from __future__ import annotations

from aiohttp import web

from realmsync.server.http.call import Call
from realmsync.server.http.replies import reply, reply_nothing


async def profile(call: Call) -> web.Response:
    """The user's identities and data."""
    user = call.principal.user
    return reply(
        {
            "user_id": user.id,
            "type": user.type,
            "identities": [
                {"id": identity.id, "provider_type": identity.provider}
                for identity in user.identities
            ],
            "data": user.data,
        }
    )


async def refresh(call: Call) -> web.Response:
    """A new access token of this log-in."""
    return reply({"access_token": await call.services.auth.new_access_token(call.principal)}, 201)


async def log_out(call: Call) -> web.Response:
    """Ends this log-in."""
    await call.services.auth.users.close_session(call.principal.session_id)
    return reply_nothing()


async def delete_user(call: Call) -> web.Response:
    """Forgets the user."""
    await call.services.auth.users.delete_user(call.principal.user.id)
    return reply_nothing()
