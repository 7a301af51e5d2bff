"""Mails to the owners of accounts: sent by a function of the operator's, or by an SMTP server.

Nobody waits for a mail: it is put into a line, which one task works off. What cannot be sent is
logged with its reason; the account stays, and its owner may ask for another mail. What is in a mail
is said in accounts/email_accounts.py. Specification: app-configuration.md 8.1.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from realmsync.server.logs import one_line

_logger = logging.getLogger("realmsync.server")

# Mails that wait; more are not sent. Some megabytes at most.
_WAITING = 1000
# Seconds that an SMTP server may take for each of its answers.
_SMTP_TIMEOUT = 30.0
# Seconds that a function of the operator's may take, and that the end of a server waits.
_HOOK_TIMEOUT = 60.0
_SETTLE_TIMEOUT = 5.0


@dataclass(frozen=True)
class Mail:
    """One mail to the owner of an account."""

    app_id: str
    to: str  # the account's name: what somebody called an e-mail address
    purpose: str  # "confirm" or "reset"
    subject: str
    text: str
    link: str  # which is in the text, too
    token: str
    token_id: str


# Sends one mail; it may be a coroutine function. Others run on a thread.
MailFunction: TypeAlias = Callable[[Mail], Awaitable[None] | None]


@dataclass(frozen=True)
class SmtpServer:
    """Where mails are handed in."""

    host: str
    sender: str  # address that mails come from
    port: int = 587
    username: str | None = None
    password: str | None = None
    security: str = "starttls"  # or "tls" from the first byte on, or "none"

    @staticmethod
    def from_url(url: str, sender: str) -> SmtpServer:
        """From smtp://user:password@host:587, smtps://… for TLS from the first byte on.

        smtp+plain://… is without TLS, for a server on the same machine. Raises ValueError.
        """
        securities = {"smtp": ("starttls", 587), "smtps": ("tls", 465), "smtp+plain": ("none", 25)}
        parts = urlsplit(url)
        if parts.scheme not in securities or not parts.hostname:
            raise ValueError("a mail server is smtp://[user:password@]host[:port], or smtps://…")
        security, port = securities[parts.scheme]
        return SmtpServer(
            host=parts.hostname,
            sender=sender,
            port=parts.port or port,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            security=security,
        )

    def __post_init__(self) -> None:
        if self.security not in ("starttls", "tls", "none"):
            raise ValueError(f"mail is secured by starttls, tls or none, not {self.security!r}")
        try:
            Address(addr_spec=self.sender)
        except (ValueError, IndexError, MessageError):
            raise ValueError(f"mails come from one address, not {self.sender!r}") from None

    def __repr__(self) -> str:
        return f"SmtpServer({self.host}:{self.port}, sender={self.sender!r})"  # no password

    def send(self, mail: Mail) -> None:
        """Hands a mail in. Blocks. Raises OSError, SMTPException, ValueError for bad addresses."""
        message = EmailMessage()
        message["From"] = Address(addr_spec=self.sender)
        # One address: a name with a comma would be several to the server.
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
        message.set_content(mail.text)
        context = ssl.create_default_context()
        with self._connected(context) as smtp:
            if self.security == "starttls":
                smtp.starttls(context=context)
            if self.username is not None:
                smtp.login(self.username, self.password or "")
            smtp.send_message(message, self.sender, [mail.to])

    def _connected(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_SMTP_TIMEOUT, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=_SMTP_TIMEOUT)


def mail_server(url: str | None, sender: str | None) -> SmtpServer | None:
    """That of the options --smtp and --mail-from. Raises ValueError for one without the other."""
    if url is None and sender is None:
        return None
    if url is None or sender is None:
        raise ValueError("--smtp and --mail-from go together")
    return SmtpServer.from_url(url, sender)


class Mailer:
    """The line of mails of one server."""

    def __init__(self, way: MailFunction | SmtpServer | None) -> None:
        """`way`: how they are sent; None: their links are logged, for the operator to pass on."""
        self._send = way.send if isinstance(way, SmtpServer) else way
        self._line: asyncio.Queue[Mail] = asyncio.Queue(_WAITING)
        self._task: asyncio.Task[None] | None = None

    @property
    def sends(self) -> bool:
        """Whether there is a way to send mails."""
        return self._send is not None

    def post(self, mail: Mail) -> None:
        """Has a mail sent soon; never waits, and never raises."""
        what = f"{mail.purpose} mail to '{one_line(mail.to)}' of app {one_line(mail.app_id)}"
        if self._send is None:
            _logger.warning("no way to send mails is configured; %s: %s", what, mail.link)
            return
        try:
            self._line.put_nowait(mail)
        except asyncio.QueueFull:
            _logger.error("too many mails wait; not sent: %s", what)
            return
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        """Sends what waits, for a few seconds."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_SETTLE_TIMEOUT)
            if self._task is not None:
                self._task.cancel()
                _logger.warning("%d mails were not sent", self._line.qsize() + 1)

    async def _work(self) -> None:
        try:
            while not self._line.empty():
                await self._deliver(self._line.get_nowait())
        finally:
            self._task = None

    async def _deliver(self, mail: Mail) -> None:
        what = f"{mail.purpose} mail to '{one_line(mail.to)}' of app {one_line(mail.app_id)}"
        try:
            await asyncio.wait_for(self._call(mail), _HOOK_TIMEOUT)
            _logger.info("sent: %s", what)
        except asyncio.TimeoutError:
            _logger.error("cannot send %s: it takes too long", what)
        except Exception as error:  # of the operator's function, or of the network
            _logger.error("cannot send %s: %s", what, one_line(str(error) or repr(error)))

    async def _call(self, mail: Mail) -> None:
        assert self._send is not None
        if inspect.iscoroutinefunction(self._send):
            await self._send(mail)
            return
        result = await asyncio.to_thread(self._send, mail)
        if inspect.isawaitable(result):
            await result
