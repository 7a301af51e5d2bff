"""Registration and passwords of e-mail accounts: the requests that come before a log-in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from realmsync.account.credentials import require_text
from realmsync.naming import Explained


class EmailPasswordAuth(Explained):
    """E-mail accounts of an app. Every method raises AppError, or ArgumentTypeError."""

    def __init__(self, post: Callable[[str, dict[str, Any]], Awaitable[object]]) -> None:
        self._post_app = post

    async def register_user(self, email: str, password: str) -> None:
        """Creates an account."""
        await self._post("register", email=email, password=password)

    async def confirm_user(self, token: str, token_id: str) -> None:
        """Confirms an account by what was mailed."""
        await self._post("confirm", token=token, tokenId=token_id)

    async def resend_confirmation_email(self, email: str) -> None:
        """Has the confirmation mailed again."""
        await self._post("confirm/send", email=email)

    async def retry_custom_confirmation(self, email: str) -> None:
        """Runs the app's confirmation function again."""
        await self._post("confirm/call", email=email)

    async def reset_password(self, token: str, token_id: str, password: str) -> None:
        """Sets a new password by what was mailed."""
        await self._post("reset", token=token, tokenId=token_id, password=password)

    async def send_reset_password_email(self, email: str) -> None:
        """Has a mail for a new password sent."""
        await self._post("reset/send", email=email)

    async def call_reset_password_function(
        self, email: str, password: str, *arguments: Any
    ) -> None:
        """Runs the app's function for a new password."""
        await self._post("reset/call", email=email, password=password, arguments=list(arguments))

    async def _post(self, path: str, **body: Any) -> None:
        for name, value in body.items():
            if name != "arguments":
                require_text("token_id" if name == "tokenId" else name, value)
        await self._post_app(f"/auth/providers/local-userpass/{path}", body)
