"""Logs by Realm's categories (node-sdk-surface.md 19): levels at run time, and one's own logger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

import realmsync
from realmsync import InvalidArgumentError, LogCategory, LogLevel, LogMessage, Realm
from realmsync.callbacks import Callback


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    realmsync.set_logger(None)
    for category in LogCategory:
        logger_of(category).setLevel(logging.NOTSET)


def logger_of(category: LogCategory) -> logging.Logger:
    return logging.getLogger("realmsync" + category.value[len("Realm") :].lower())


def heard(*records: tuple[str, int]) -> list[LogMessage]:
    """What a logger of one's own hears when something is logged by these loggers and levels."""
    messages: list[LogMessage] = []
    realmsync.set_logger(messages.append)
    for name, level in records:
        logging.getLogger(name).log(level, "said by %s", name)
    return messages


def test_realms_default_is_warn() -> None:
    quiet = ("realmsync.sync.client.session", logging.INFO)
    loud = ("realmsync.sync.client.session", logging.WARNING)
    assert heard(quiet, loud) == [
        (LogCategory.SESSION, LogLevel.WARN, "said by realmsync.sync.client.session")
    ]


@pytest.mark.parametrize("level", ["debug", LogLevel.DEBUG, 2])
def test_a_level_holds_for_what_lies_below(level: LogLevel | str | int) -> None:
    realmsync.set_log_level("off", "Realm.Sync.Client.Network")
    realmsync.set_log_level(level, "Realm.Sync")
    below = ("realmsync.sync.client.network", logging.DEBUG)
    beside = ("realmsync.app", logging.DEBUG)
    assert [m.category for m in heard(below, beside)] == [LogCategory.NETWORK]


def test_one_below_may_have_another_afterwards() -> None:
    Realm.set_log_level("all")
    Realm.set_log_level("error", "Realm.Sync.Client")
    client = ("realmsync.sync.client", logging.WARNING)
    session = ("realmsync.sync.client.session", logging.WARNING)
    server = ("realmsync.sync.server", 1)
    assert [(m.category, m.level) for m in heard(client, session, server)] == [
        (LogCategory.SERVER, LogLevel.ALL)
    ]


def test_every_level_there_and_back() -> None:
    numbers = [1, 5, 10, 15, 20, 30, 40, 50]
    realmsync.set_log_level(LogLevel.ALL)
    levels = [m.level for m in heard(*(("realmsync", number) for number in numbers))]
    assert levels == list(LogLevel)[:-1]
    realmsync.set_log_level(LogLevel.OFF)
    assert heard(("realmsync", logging.CRITICAL)) == []


def test_loggers_without_a_category_belong_to_the_next_above() -> None:
    assert heard(("realmsync.http", logging.ERROR))[0].category is LogCategory.REALM


def test_two_parameters_get_level_and_text() -> None:
    seen: list[tuple[str, str]] = []
    Realm.set_logger(lambda level, message: seen.append((level, message)))
    logging.getLogger("realmsync.sync").error("it is %d", 1)
    assert seen == [("error", "it is 1")]


def test_the_last_one_set_is_asked() -> None:
    first = heard(("realmsync", logging.ERROR))
    second = heard(("realmsync", logging.ERROR))
    realmsync.set_logger(None)
    logging.getLogger("realmsync").error("nobody hears it")
    assert (len(first), len(second)) == (1, 1)


def test_what_a_traceback_says_is_told() -> None:
    messages = heard()
    try:
        raise KeyError("lost")
    except KeyError:
        logging.getLogger("realmsync").exception("it failed")
    assert messages[0].message.startswith("it failed\nTraceback")


async def test_on_the_loop_that_set_it() -> None:
    messages = heard()
    await asyncio.to_thread(logging.getLogger("realmsync").error, "from a thread")
    await asyncio.sleep(0)
    assert [m.message for m in messages] == ["from a thread"]


def test_a_logger_that_fails_or_logs_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[LogMessage] = []

    def fails(message: LogMessage) -> None:
        calls.append(message)
        logging.getLogger("realmsync").error("on and on")
        raise ValueError("no place left")

    realmsync.set_logger(fails)
    logging.getLogger("realmsync").error("once")
    Callback(lambda: [][0])()  # whose failure is logged
    assert [m.message.partition("\n")[0] for m in calls] == ["once", "callback failed"]


@pytest.mark.parametrize("kind", ["function", "coroutine"])
async def test_on_a_loop_what_it_logs_is_not_told_to_it(kind: str) -> None:
    calls: list[LogMessage] = []

    def hears(message: LogMessage) -> None:
        calls.append(message)
        logging.getLogger("realmsync").error("on and on")

    async def hears_later(message: LogMessage) -> None:
        await asyncio.sleep(0)
        hears(message)

    realmsync.set_logger(hears if kind == "function" else hears_later)
    for text in ("one", "two"):
        logging.getLogger("realmsync").error(text)
    for _ in range(10):
        await asyncio.sleep(0)
    assert [m.message for m in calls] == ["one", "two"]


def test_when_its_loop_is_closed_nobody_hears() -> None:
    messages: list[LogMessage] = []

    async def register() -> None:
        realmsync.set_logger(messages.append)

    asyncio.run(register())
    realmsync.set_log_level("all")
    logging.getLogger("realmsync").error("lost")
    assert messages == []


@pytest.mark.parametrize("level", ["loud", 9, -1, True, None])
def test_unknown_levels(level: object) -> None:
    with pytest.raises(InvalidArgumentError, match="LogLevel: it must be 'all'"):
        realmsync.set_log_level(level)  # type: ignore[arg-type]


def test_unknown_categories() -> None:
    with pytest.raises(InvalidArgumentError, match="LogCategory: it must be 'Realm'"):
        realmsync.set_log_level("debug", "Realm.Sink")
    with pytest.raises(InvalidArgumentError, match="must be callable"):
        realmsync.set_logger("print")  # type: ignore[arg-type]
