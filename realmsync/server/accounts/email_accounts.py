"""Accounts with e-mail and password: how they come to be, are confirmed and get a password.

An app has one of three ways to confirm: at once, by a function, by a mail with a token. The secret
part of a token is in the mail (or with the function) alone; the file has its hash. What is done
with passwords that users give at log-in is in providers/email_password.py. Specification:
app-services-http.md 11; app-configuration.md 8.1, 11.7.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from realmsync.codes import AppCode
from realmsync.server.accounts.credentials import (
    BadCredential,
    check_name,
    check_password,
    new_secret,
    secret_hash,
)
from realmsync.server.accounts.file.database import new_id
from realmsync.server.accounts.file.mail_tokens import MailToken
from realmsync.server.accounts.file.records import Account, Gone, LogInEnd, NameInUse
from realmsync.server.accounts.file.user_file import UserFile
from realmsync.server.accounts.refusals import AuthError, bad_request
from realmsync.server.accounts.users import Users, to_the_end
from realmsync.server.apps.running import RunningApp
from realmsync.server.functions.port import (
    FunctionFailed,
    FunctionForbidden,
    FunctionNotCallable,
    FunctionNotFound,
    FunctionRequest,
)
from realmsync.server.logs import one_line
from realmsync.server.mail import Mail, Mailer

Result = TypeVar("Result")

_logger = logging.getLogger("realmsync.server")

PROVIDER = "local-userpass"
CONFIRM, RESET = "confirm", "reset"
# Seconds for which a mailed token is good: as at the original service.
TOKEN_LIFETIME = 30 * 60


@dataclass(frozen=True)
class _Ways:
    """How an app confirms accounts and lets their owners set a new password."""

    at_once: bool
    confirm_function: str | None
    confirm_url: str | None
    confirm_subject: str
    reset_function: str | None
    reset_url: str | None
    reset_subject: str


def _ways(app: RunningApp) -> _Ways:
    config = _config(app)
    return _Ways(
        at_once=config.get("autoConfirm") is True,
        confirm_function=_function(app, "runConfirmationFunction", "confirmationFunctionName"),
        confirm_url=_text(config, "emailConfirmationUrl"),
        confirm_subject=_text(config, "confirmEmailSubject") or "Confirm your e-mail address",
        reset_function=_function(app, "runResetFunction", "resetFunctionName"),
        reset_url=_text(config, "resetPasswordUrl"),
        reset_subject=_text(config, "resetPasswordSubject") or "Set a new password",
    )


def _config(app: RunningApp) -> Mapping[str, Any]:
    provider = app.model.providers.get(PROVIDER)
    return {} if provider is None else provider.config


def _function(app: RunningApp, switch: str, key: str) -> str | None:
    """The function of a step that is switched on; a step without its function is off (8.1)."""
    config = _config(app)
    name = _text(config, key) if config.get(switch) is True else None
    if name is None or name in app.model.functions or app.functions.is_callable(name):
        return name
    return None


def _text(config: Mapping[str, Any], name: str) -> str | None:
    value = config.get(name)
    return value if isinstance(value, str) and value else None


def mail_link(url: str, token: str, token_id: str) -> str:
    """The address with which a mail leads to the page of the app."""
    query = urlencode({"token": token, "tokenId": token_id})
    return f"{url}{'&' if '?' in url else '?'}{query}"


def new_mail_token(
    app_id: str, email: str, purpose: str, password: bytes | None = None
) -> tuple[MailToken, str]:
    """A token to be stored, and its secret part."""
    secret = new_secret()
    expires = int(time.time()) + TOKEN_LIFETIME
    return (
        MailToken(new_id(), app_id, email, purpose, secret_hash(secret), expires, password),
        secret,
    )


class Turn(Protocol):
    """Does what hashes a password when it is its caller's turn: strangers could ask for much."""

    async def __call__(self, work: Callable[[], Awaitable[Result]]) -> Result: ...


class EmailAccounts:
    """The accounts of all apps of one server. All calls raise AuthError for what is refused."""

    def __init__(self, users: Users, mailer: Mailer, registration: bool) -> None:
        """`registration`: whether strangers may make accounts."""
        self._users = users
        self._mailer = mailer
        self._registration = registration

    async def register(
        self,
        app: RunningApp,
        email: str,
        password: str,
        in_turn: Turn,
        request: FunctionRequest | None,
    ) -> None:
        """Makes an account, which is confirmed at once or has to be."""
        try:
            check_name(email)
        except BadCredential as error:
            raise bad_request(str(error)) from error
        if not self._registration and not await self._is_imported(app, email):
            # What the original says when its confirmation function refuses somebody.
            raise bad_request(f'failed to confirm user "{email}": registration is closed')
        hashed = await self._hash(password, in_turn)
        ways = _ways(app)
        if not await self._add(app, email, hashed, is_confirmed=ways.at_once):
            await self._claim(app, ways, email, hashed)
            return
        if ways.at_once:
            return
        if ways.confirm_function is not None:
            await to_the_end(self._confirm_new(app, ways.confirm_function, email, request))
        elif ways.confirm_url is not None:
            await self._mail_confirmation(app, ways, email)
        else:
            _logger.warning(
                "'%s' of app %s waits for an operator: realmsync user confirm",
                one_line(email),
                one_line(app.key),
            )

    async def confirm(self, app: RunningApp, token: str, token_id: str) -> None:
        """Lets an account log in whose owner has got a mail."""

        def use(file: UserFile) -> None:
            used = _use(file, app, CONFIRM, token, token_id)
            file.accounts.confirm(app.key, used.email, used.password)

        await self._users.change(use)

    async def send_confirmation(self, app: RunningApp, email: str) -> None:
        """Sends the mail for confirmation once more."""
        account, ways = await self._known(app, email), _ways(app)
        if account is None or account.is_confirmed:
            raise AuthError("already confirmed", AppCode.UserAlreadyConfirmed)
        if ways.confirm_url is None:
            raise bad_request("error processing request")
        await self._mail_confirmation(app, ways, email)

    async def call_confirmation(
        self, app: RunningApp, email: str, request: FunctionRequest | None
    ) -> None:
        """Runs the confirmation function once more."""
        account, ways = await self._known(app, email), _ways(app)
        if account is None or ways.at_once:
            raise bad_request(
                f"cannot run confirmation for {email}: automatic confirmation is enabled"
            )
        if account.is_confirmed:
            raise AuthError("already confirmed", AppCode.UserAlreadyConfirmed)
        if ways.confirm_function is None:
            raise bad_request(
                f"cannot run confirmation for {email}: there is no confirmation function"
            )
        status = await self._ask_to_confirm(app, ways.confirm_function, email, request)
        if status == "success":
            await self._change(lambda file: file.accounts.confirm(app.key, email))
        elif status != "pending":
            raise bad_request(f'failed to confirm user "{email}"')

    async def send_reset(self, app: RunningApp, email: str) -> None:
        """Sends a mail with which the owner may set a new password."""
        await self._known(app, email)
        ways = _ways(app)
        if ways.reset_function is not None:
            raise bad_request("please use reset password via function")
        if ways.reset_url is None:
            raise bad_request("error processing request")
        token, secret = await self._new_token(app, email, RESET)
        self._post(app, token, secret, ways.reset_url, ways.reset_subject)
        if not self._mailer.sends:  # the operator has the link; nobody gets a mail
            raise bad_request("error processing request")

    async def reset(
        self, app: RunningApp, token: str, token_id: str, password: str, in_turn: Turn
    ) -> None:
        """Sets the password of the account whose owner has got a mail."""
        known = secret_hash(token)
        # Strangers must not have passwords hashed for nothing; `use` looks again.
        if not await self._users.read(
            lambda file: file.mail_tokens.is_good(app.key, RESET, token_id, known, time.time())
        ):
            raise _bad_token()
        hashed = await self._hash(password, in_turn)

        def use(file: UserFile) -> list[str]:
            used = _use(file, app, RESET, token, token_id)
            return file.accounts.reset_password(app.key, used.email, hashed, log_out=True)

        await self._users.end(LogInEnd.ENDED, use)

    async def call_reset(
        self,
        app: RunningApp,
        email: str,
        password: str,
        arguments: Sequence[Any],
        in_turn: Turn,
        request: FunctionRequest | None,
    ) -> None:
        """Asks the reset function, with the caller's arguments, for a new password."""
        await self._known(app, email)
        function = _ways(app).reset_function
        failed = bad_request(f'failed to reset password for user "{email}"')
        if app.is_open or function is None:
            raise failed
        hashed = await self._hash(password, in_turn)
        is_current = await in_turn(lambda: self._users.check_password(app.key, email, password))
        token, secret = await self._new_token(app, email, RESET)
        first = {
            "token": secret,
            "tokenId": token.id,
            "username": email,
            "password": password,
            "currentPasswordValid": is_current is not None,
        }

        async def ask() -> str:
            status = await self._ask(app, function, (first, *arguments), request)
            if status == "success":
                await self._reset(app.key, email, hashed)
            return status

        if await to_the_end(ask()) not in ("success", "pending"):
            await self._change(lambda file: file.mail_tokens.drop(app.key, email, RESET))
            raise failed

    async def adopt_password(
        self,
        app: RunningApp,
        email: str,
        password: str,
        in_turn: Turn,
        request: FunctionRequest | None,
    ) -> bool:
        """Whether an imported account has taken this password, the first one that it has."""
        adoption = app.adopt_passwords
        if adoption is None or time.time() >= adoption.until or not _is_fit(password):
            return False
        user_id = await self._users.read(
            lambda file: file.accounts.without_password(app.key, email)
        )
        if user_id is None:
            return False
        hashed = await self._hash(password, in_turn)
        first = {"username": email, "password": password, "userId": user_id}

        async def ask() -> bool:
            status = await self._ask(app, adoption.function, (first,), request)
            adopted = status == "success" and await self._users.change(
                lambda file: file.accounts.adopt_password(app.key, email, hashed)
            )
            verb = "was" if adopted else "was not"
            _logger.warning("user %s: a first password %s adopted", user_id, verb)
            return adopted

        return await to_the_end(ask())

    async def _hash(self, password: str, in_turn: Turn) -> bytes:
        try:
            check_password(password)
        except BadCredential as error:
            raise bad_request(str(error)) from error
        return await in_turn(lambda: self._users.hash(password))

    async def _reset(self, app_id: str, email: str, password: bytes) -> None:
        def change(file: UserFile) -> list[str]:
            file.mail_tokens.drop(app_id, email, RESET)
            return file.accounts.reset_password(app_id, email, password, log_out=True)

        try:
            await self._users.end(LogInEnd.ENDED, change)
        except Gone:
            raise _unknown() from None

    async def _known(self, app: RunningApp, email: str) -> Account | None:
        """The account. Nobody looks in open apps, where no text needs to tell what there is."""
        if app.is_open:
            return None
        account = await self._users.read(lambda file: file.accounts.find(app.key, email))
        if account is None:
            raise _unknown()
        return account

    async def _add(
        self, app: RunningApp, email: str, password: bytes, *, is_confirmed: bool
    ) -> bool:
        """Whether there is a new account; the name may be taken, or registration closed."""
        if not self._registration:
            return False
        try:
            await self._users.change(
                lambda file: file.accounts.add(app.key, email, password, is_confirmed=is_confirmed)
            )
        except NameInUse:
            return False
        return True

    async def _is_imported(self, app: RunningApp, email: str) -> bool:
        """Whether it is the name of an account that waits for its first password."""
        account = await self._users.read(lambda file: file.accounts.find(app.key, email))
        return account is not None and account.password is None

    async def _claim(self, app: RunningApp, ways: _Ways, email: str, password: bytes) -> None:
        """Registration of an imported account that has no password: its owner gets a mail."""
        if ways.confirm_url is None or not await self._is_imported(app, email):
            raise AuthError("name already in use", AppCode.AccountNameInUse)
        await self._mail_confirmation(app, ways, email, password)

    async def _confirm_new(
        self, app: RunningApp, function: str, email: str, request: FunctionRequest | None
    ) -> None:
        status = await self._ask_to_confirm(app, function, email, request)
        if status == "success":
            await self._change(lambda file: file.accounts.confirm(app.key, email))
        elif status != "pending":
            await self._change(lambda file: file.accounts.delete_unconfirmed(app.key, email))
            raise bad_request(f'failed to confirm user "{email}"')

    async def _ask_to_confirm(
        self, app: RunningApp, function: str, email: str, request: FunctionRequest | None
    ) -> str:
        token, secret = await self._new_token(app, email, CONFIRM)
        first = {"token": secret, "tokenId": token.id, "username": email}
        return await self._ask(app, function, (first,), request)

    async def _ask(
        self,
        app: RunningApp,
        function: str,
        arguments: Sequence[Any],
        request: FunctionRequest | None,
    ) -> str:
        """The status that a function gives; "fail" for whatever is none."""
        try:
            result = await app.functions.call(function, arguments, None, request)
        except (FunctionNotFound, FunctionNotCallable, FunctionFailed, FunctionForbidden) as error:
            _logger.warning(
                "function '%s' of app %s: %s", function, one_line(app.key), one_line(str(error))
            )
            return "fail"
        status = result.get("status") if isinstance(result, Mapping) else None
        return status if isinstance(status, str) else "fail"

    async def _mail_confirmation(
        self, app: RunningApp, ways: _Ways, email: str, password: bytes | None = None
    ) -> None:
        token, secret = await self._new_token(app, email, CONFIRM, password)
        assert ways.confirm_url is not None
        self._post(app, token, secret, ways.confirm_url, ways.confirm_subject)

    def _post(self, app: RunningApp, token: MailToken, secret: str, url: str, subject: str) -> None:
        link = mail_link(url, secret, token.id)
        text = f"{subject}:\n\n{link}\n\nThis link is good for {TOKEN_LIFETIME // 60} minutes.\n"
        self._mailer.post(
            Mail(app.model.id, token.email, token.purpose, subject, text, link, secret, token.id)
        )

    async def _new_token(
        self, app: RunningApp, email: str, purpose: str, password: bytes | None = None
    ) -> tuple[MailToken, str]:
        token, secret = new_mail_token(app.key, email, purpose, password)
        await self._change(lambda file: file.mail_tokens.add(token))
        return token, secret

    async def _change(self, work: Callable[[UserFile], None]) -> None:
        try:
            await self._users.change(work)
        except Gone:  # the account was deleted meanwhile
            raise _unknown() from None


def _is_fit(password: str) -> bool:
    try:
        check_password(password)
    except BadCredential:
        return False
    return True


def _unknown() -> AuthError:
    return AuthError("user not found", AppCode.UserNotFound)


def _use(file: UserFile, app: RunningApp, purpose: str, token: str, token_id: str) -> MailToken:
    used = file.mail_tokens.use(app.key, purpose, token_id, secret_hash(token), time.time())
    if used is None:
        raise _bad_token()
    return used


def _bad_token() -> AuthError:
    return bad_request("invalid token data")
