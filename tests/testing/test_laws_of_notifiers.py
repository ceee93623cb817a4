"""Laws of what a notifier tells by the way, and of what it loses: each finds its bugs."""

import logging
from threading import Thread

import attrs
import pytest

from exam_sharing import NotifierFailed
from exam_sharing.memory import MemoryNotifier
from exam_sharing.testing.laws import LawBroken, notifier_laws

LOGGER = logging.getLogger("mailer")


class LogsItsMail(MemoryNotifier):
    """What is sent is logged at the lowest level, for a search for errors."""

    def send(self, notice):
        LOGGER.debug("to %s: %s", notice.id, notice.message)
        super().send(notice)


class LogsAddressesBesides(MemoryNotifier):
    """The address is no part of the text that is logged, and stands beside it."""

    def send(self, notice):
        LOGGER.info("sent", extra={"rcpt": notice.address})
        super().send(notice)


def refuse(text):
    raise ValueError(text)


class LogsWhatItDoesNotTell(MemoryNotifier):
    """The error that is raised is silent, and the one that is logged is not."""

    def send(self, notice):
        try:
            refuse(str(notice.message))
        except ValueError:
            LOGGER.exception("not sent")
        raise NotifierFailed("Refused")


class TellsTheCause(MemoryNotifier):
    """The error is silent, and was raised from one that is not."""

    def send(self, notice):
        try:
            refuse(str(notice.message))
        except ValueError as error:
            raise NotifierFailed("Refused") from error


class TellsTheContext(MemoryNotifier):
    """The error is silent, and was raised where one was handled that is not."""

    def send(self, notice):
        try:
            refuse(notice.address)
        except ValueError:
            raise NotifierFailed("Refused")  # noqa: B904  it is the bug


class SkipsWithoutAddress(MemoryNotifier):
    """Who has no address is passed over, as if the notice were sent."""

    def send(self, notice):
        if notice.address is not None:
            super().send(notice)


class TellsOfWhomItCannotReach(MemoryNotifier):
    """The error that says that there is no address quotes the message."""

    def send(self, notice):
        if notice.address is None:
            refuse(str(notice.message))
        super().send(notice)


class Strips(MemoryNotifier):
    def send(self, notice):
        message = notice.message and str(notice.message).strip()
        super().send(attrs.evolve(notice, message=message))


class StripsLines(MemoryNotifier):
    def send(self, notice):
        lines = str(notice.message or "").split("\n")
        super().send(attrs.evolve(notice, message="\n".join(map(str.rstrip, lines))))


class JoinsParagraphs(MemoryNotifier):
    def send(self, notice):
        lines = [line for line in str(notice.message or "").split("\n") if line]
        super().send(attrs.evolve(notice, message="\n".join(lines)))


def received(notifier):
    return [(str(notice.id), str(notice.message)) for notice in notifier.sent]


LOGGED = "no-message-or-address-is-logged"
RAISES = "a-failed-send-raises-without-private-data"
LOST = "a-notice-without-an-address-is-not-lost"
SPACE = "a-message-keeps-its-white-space"


def law_named(name, notifier, broken):
    laws = notifier_laws(notifier, received=received, open_broken=broken)
    return next(law for law in laws if law.name == name)


@pytest.mark.parametrize(
    ("notifier", "broken", "name"),
    [
        (LogsItsMail, None, LOGGED),
        (LogsAddressesBesides, None, LOGGED),
        (MemoryNotifier, LogsWhatItDoesNotTell, LOGGED),
        (MemoryNotifier, TellsTheCause, RAISES),
        (MemoryNotifier, TellsTheContext, RAISES),
        (SkipsWithoutAddress, None, LOST),
        (TellsOfWhomItCannotReach, None, LOST),
        (Strips, None, SPACE),
        (StripsLines, None, SPACE),
        (JoinsParagraphs, None, SPACE),
    ],
)
def test_a_notifier_with_the_bug_breaks_the_law(notifier, broken, name):
    with pytest.raises(LawBroken):
        law_named(name, notifier, broken).check()


def test_what_is_logged_is_heard_whatever_was_turned_off_and_that_is_so_again_afterwards():
    root = logging.getLogger()
    before = root.level, [*root.handlers]
    logging.disable(logging.CRITICAL)
    try:
        with pytest.raises(LawBroken, match="a log line shows a message"):
            law_named(LOGGED, LogsItsMail, None).check()
        assert logging.root.manager.disable == logging.CRITICAL
    finally:
        logging.disable(logging.NOTSET)
    assert (root.level, root.handlers) == before


def test_what_others_log_meanwhile_is_not_the_notifiers():
    class Served(MemoryNotifier):
        def send(self, notice):
            server = Thread(target=LOGGER.info, args=("RCPT TO %s", notice.address))
            server.start()
            server.join()
            super().send(notice)

    law_named(LOGGED, Served, None).check()
