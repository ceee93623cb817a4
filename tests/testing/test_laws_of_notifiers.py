"""The laws of notifiers find small bugs."""

import html
import logging
from threading import Thread

import attrs
import pytest

from exam_sharing import NotifierFailed
from exam_sharing.memory import MemoryNotifier
from exam_sharing.testing.laws import LawBroken, notifier_laws

LOGGER = logging.getLogger("mailer")


class Swallows(MemoryNotifier):
    def send(self, notice):
        pass


class Escapes(MemoryNotifier):
    def send(self, notice):
        super().send(attrs.evolve(notice, message=html.escape(notice.message or "")))


class Shows(MemoryNotifier):
    def __repr__(self):
        return f"Shows({[str(notice.message) for notice in self.sent]})"


class NewIds(MemoryNotifier):
    def send(self, notice):
        super().send(attrs.evolve(notice, id=type(notice.id)(f"{notice.id} {len(self.sent)}")))


class LogsItsMail(MemoryNotifier):
    """The message is logged at the level of debugging."""

    def send(self, notice):
        LOGGER.debug("to %s: %s", notice.id, notice.message)
        super().send(notice)


class LogsAddressesBesides(MemoryNotifier):
    """The address is an extra field of the log record."""

    def send(self, notice):
        LOGGER.info("sent", extra={"rcpt": notice.address})
        super().send(notice)


def refuse(text):
    raise ValueError(text)


class LogsTheError(MemoryNotifier):
    """The logged error shows the message; the raised one does not."""

    def send(self, notice):
        try:
            refuse(str(notice.message))
        except ValueError:
            LOGGER.exception("not sent")
        raise NotifierFailed("Refused")


class ShowsInTheCause(MemoryNotifier):
    """The cause of the error shows the message."""

    def send(self, notice):
        try:
            refuse(str(notice.message))
        except ValueError as error:
            raise NotifierFailed("Refused") from error


class ShowsInTheContext(MemoryNotifier):
    """The context of the error shows the address."""

    def send(self, notice):
        try:
            refuse(notice.address)
        except ValueError:
            raise NotifierFailed("Refused")  # noqa: B904  it is the bug


class SkipsWithoutAddress(MemoryNotifier):
    """A notice without an address counts as sent."""

    def send(self, notice):
        if notice.address is not None:
            super().send(notice)


class ShowsWithoutAddress(MemoryNotifier):
    """The error for a missing address shows the message."""

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
        (Swallows, None, "a-message-arrives-as-plain-text"),
        (Escapes, None, "a-message-arrives-as-plain-text"),
        (Shows, None, "a-repr-shows-no-message"),
        (NewIds, None, "a-notice-may-be-sent-again"),
        (MemoryNotifier, Swallows, RAISES),
        (LogsItsMail, None, LOGGED),
        (LogsAddressesBesides, None, LOGGED),
        (MemoryNotifier, LogsTheError, LOGGED),
        (MemoryNotifier, ShowsInTheCause, RAISES),
        (MemoryNotifier, ShowsInTheContext, RAISES),
        (SkipsWithoutAddress, None, LOST),
        (ShowsWithoutAddress, None, LOST),
        (Strips, None, SPACE),
        (StripsLines, None, SPACE),
        (JoinsParagraphs, None, SPACE),
    ],
)
def test_a_notifier_with_the_bug_breaks_the_law(notifier, broken, name):
    with pytest.raises(LawBroken):
        law_named(name, notifier, broken).check()


def test_the_levels_of_logging_are_restored():
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


def test_log_lines_of_other_threads_are_ignored():
    class Served(MemoryNotifier):
        def send(self, notice):
            server = Thread(target=LOGGER.info, args=("RCPT TO %s", notice.address))
            server.start()
            server.join()
            super().send(notice)

    law_named(LOGGED, Served, None).check()
