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


class NewIds(MemoryNotifier):
    def send(self, notice):
        super().send(attrs.evolve(notice, id=type(notice.id)(f"{notice.id} {len(self.sent)}")))


class Shows(MemoryNotifier):
    def __repr__(self):
        return f"Shows({[str(notice.message) for notice in self.sent]})"


def writing(change):
    """Return a notifier that sends every message as it is changed here."""

    class Writes(MemoryNotifier):
        def send(self, notice):
            super().send(attrs.evolve(notice, message=change(str(notice.message or ""))))

    return Writes


def logging_with(log):
    """Return a notifier that logs each notice, and sends it."""

    class Logs(MemoryNotifier):
        def send(self, notice):
            log(notice)
            super().send(notice)

    return Logs


def refuse(text):
    raise ValueError(text)


def raising(handle, *, private="message"):
    """Return a notifier that fails with private text, and handles that error."""

    class Raises(MemoryNotifier):
        def send(self, notice):
            try:
                refuse(str(getattr(notice, private)))
            except ValueError as error:
                handle(error)

    return Raises


def logs(error):
    LOGGER.error("not sent", exc_info=error)
    raise NotifierFailed("Refused") from None


def keeps_the_cause(error):
    raise NotifierFailed("Refused") from error


def keeps_the_context(error):
    raise NotifierFailed("Refused")


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


LOGGED = "no-message-or-address-is-logged"
RAISES = "a-failed-send-raises-without-private-data"
LOST = "a-notice-without-an-address-is-not-lost"
PLAIN = "a-message-arrives-as-plain-text"
SPACE = "a-message-keeps-its-white-space"

LogsItsMail = logging_with(lambda notice: LOGGER.debug("to %s: %s", notice.id, notice.message))
LogsAddresses = logging_with(lambda notice: LOGGER.info("sent", extra={"rcpt": notice.address}))


def law_named(name, notifier, broken):
    laws = notifier_laws(
        notifier,
        received=lambda notifier: [(str(n.id), str(n.message)) for n in notifier.sent],
        open_broken=broken,
    )
    return next(law for law in laws if law.name == name)


@pytest.mark.parametrize(
    ("notifier", "broken", "name"),
    [
        (Swallows, None, PLAIN),
        (writing(html.escape), None, PLAIN),
        (Shows, None, "a-repr-shows-no-message"),
        (NewIds, None, "a-notice-may-be-sent-again"),
        (MemoryNotifier, Swallows, RAISES),
        (LogsItsMail, None, LOGGED),
        (LogsAddresses, None, LOGGED),
        (MemoryNotifier, raising(logs), LOGGED),
        (MemoryNotifier, raising(keeps_the_cause), RAISES),
        (MemoryNotifier, raising(keeps_the_context, private="address"), RAISES),
        (SkipsWithoutAddress, None, LOST),
        (ShowsWithoutAddress, None, LOST),
        (writing(str.strip), None, SPACE),
        (writing(lambda text: "\n".join(map(str.rstrip, text.split("\n")))), None, SPACE),
        (writing(lambda text: "\n".join(filter(None, text.split("\n")))), None, SPACE),
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


def log_elsewhere(notice):
    server = Thread(target=LOGGER.info, args=("RCPT TO %s", notice.address))
    server.start()
    server.join()


def test_log_lines_of_other_threads_are_ignored():
    law_named(LOGGED, logging_with(log_elsewhere), None).check()
