"""Mails are handed to an SMTP server, one address each, and nobody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from realmsync.server import mail as mail_module
from realmsync.server.mail import Mail, Mailer, SmtpServer


def a_mail(to: str = "ada@example.org") -> Mail:
    link = "https://example.org/confirm?token=t&tokenId=i"
    return Mail("app", to, "confirm", "Grüße", f"Confirm:\n\n{link}\n", link, "t", "i")


@dataclass
class Postbox:
    """An SMTP server that takes everything."""

    port: int = 0
    envelopes: list[tuple[str, list[str], str]] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, receivers = "", []
        writer.write(b"220 postbox\r\n")
        while line := (await reader.readline()).decode().strip():
            command = line.upper()
            if command.startswith("MAIL"):
                sender = line
            elif command.startswith("RCPT"):
                receivers.append(line)
            elif command == "DATA":
                writer.write(b"354 go on\r\n")
                text = (await reader.readuntil(b"\r\n.\r\n")).decode()
                self.envelopes.append((sender, receivers, text))
            writer.write(b"250 ok\r\n")
            await writer.drain()
        writer.close()


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    box = Postbox()
    async with await asyncio.start_server(box.talk, "127.0.0.1", 0) as server:
        box.port = server.sockets[0].getsockname()[1]
        yield box


async def test_by_smtp(postbox: Postbox) -> None:
    mailer = Mailer(SmtpServer.from_url(f"smtp+plain://127.0.0.1:{postbox.port}", "app@here.org"))
    assert mailer.sends
    mailer.post(a_mail())
    mailer.post(a_mail("bob@example.org"))
    await mailer.close()
    (first, second) = postbox.envelopes
    assert "<app@here.org>" in first[0]
    assert [len(first[1]), len(second[1])] == [1, 1]
    assert "<ada@example.org>" in first[1][0]
    assert "To: ada@example.org" in first[2]
    assert "https://example.org/confirm?token=t&tokenId=i" in first[2]


@pytest.mark.parametrize(
    "name", ["ada", "ada@x.org, bob@x.org", "ada@x.org\r\nBcc: bob@x.org", "<ada@x.org> <b@x>", ""]
)
async def test_names_that_are_no_addresses(
    postbox: Postbox, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody may register under any name: it must not become a mail to somebody else."""
    mailer = Mailer(SmtpServer("127.0.0.1", "app@here.org", postbox.port, security="none"))
    mailer.post(a_mail(name))
    mailer.post(a_mail())
    await mailer.close()
    assert [len(receivers) for _, receivers, _ in postbox.envelopes] == [1]
    assert "cannot send confirm mail to '" in caplog.text
    assert "\nBcc" not in caplog.text


async def test_a_server_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    mailer = Mailer(SmtpServer("127.0.0.1", "app@here.org", port, security="none"))
    mailer.post(a_mail())
    await mailer.close()
    assert "cannot send confirm mail to 'ada@example.org' of app app: " in caplog.text


async def test_nobody_waits_and_the_line_is_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mail_module, "_WAITING", 3)
    sent: list[Mail] = []
    may_send = asyncio.Event()

    async def send(mail: Mail) -> None:
        await may_send.wait()
        sent.append(mail)

    mailer = Mailer(send)
    for _ in range(5):
        mailer.post(a_mail())
    assert caplog.text.count("too many mails wait") == 2
    may_send.set()
    await mailer.close()
    assert len(sent) == 3


async def test_a_function_that_never_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mail_module, "_HOOK_TIMEOUT", 0.01)
    sent: list[str] = []

    async def send(mail: Mail) -> None:
        if mail.to == "ada@example.org":
            await asyncio.Event().wait()
        sent.append(mail.to)

    mailer = Mailer(send)
    mailer.post(a_mail())
    mailer.post(a_mail("bob@example.org"))
    await mailer.close()
    assert sent == ["bob@example.org"]
    assert "it takes too long" in caplog.text


async def test_what_was_not_sent_when_the_server_stops(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mail_module, "_SETTLE_TIMEOUT", 0.01)
    was_cancelled = asyncio.Event()

    async def send(mail: Mail) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    mailer = Mailer(send)
    mailer.post(a_mail())
    mailer.post(a_mail())
    await asyncio.sleep(0)
    await mailer.close()
    await was_cancelled.wait()
    assert "2 mails were not sent" in caplog.text


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("smtp://mail.org", ("mail.org", 587, None, None, "starttls")),
        ("smtps://u%40x:p%2F@mail.org", ("mail.org", 465, "u@x", "p/", "tls")),
        ("smtp+plain://[::1]:2525", ("::1", 2525, None, None, "none")),
    ],
)
def test_addresses_of_mail_servers(url: str, settings: tuple[Any, ...]) -> None:
    server = SmtpServer.from_url(url, "app@here.org")
    found = (server.host, server.port, server.username, server.password, server.security)
    assert found == settings
    assert "p/" not in repr(server)


@pytest.mark.parametrize(
    ("url", "sender", "told"),
    [
        ("http://mail.org", "app@here.org", "a mail server is smtp://"),
        ("smtp://", "app@here.org", "a mail server is smtp://"),
        ("mail.org", "app@here.org", "a mail server is smtp://"),
        ("smtp://mail.org:99999", "app@here.org", "range"),
        ("smtp://mail.org", "nobody, somebody@x", "mails come from one address"),
        ("smtp://mail.org", "", "mails come from one address"),
    ],
)
def test_addresses_that_are_none(url: str, sender: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SmtpServer.from_url(url, sender)


def test_ways_to_secure_that_are_none() -> None:
    with pytest.raises(ValueError, match="starttls, tls or none"):
        SmtpServer("mail.org", "app@here.org", security="ssl")
