"""What every notifier promises: `Notifier`."""

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import wraps
from threading import get_ident
from typing import Any, Final, TypeAlias

import attrs
from typing_extensions import override

from exam_sharing.events import ShareNotice
from exam_sharing.grants import Permission
from exam_sharing.identifiers import NoticeId, UserId
from exam_sharing.ports import Notifier
from exam_sharing.testing.laws.law import (
    Law,
    insist,
    is_capability,
    laws_of,
    same,
)
from exam_sharing.testing.moments import EDGES, START
from exam_sharing.testing.opening import entered
from exam_sharing.validation import is_callable

__all__ = ["notifier_laws"]

OpenNotifier: TypeAlias = Callable[[], Notifier | AbstractContextManager[Notifier]]
"""Gives a notifier that has sent nothing, or a context manager around one."""

_PRIVATE: Final = "the liver of Ms Kowalska, born 1950"
_ADDRESS: Final = "ms.kowalska@clinic.example"


@attrs.frozen(kw_only=True)
class _Trial:
    """How to have a notifier; the fields are the arguments of `notifier_laws`."""

    open_notifier: OpenNotifier = attrs.field(validator=is_callable)
    open_broken: OpenNotifier | None = attrs.field(validator=is_capability)
    received: Callable[[Any], Iterable[tuple[str, str]]] | None = attrs.field(
        validator=is_capability
    )


_Check: TypeAlias = Callable[[_Trial], None]


def _sending(check: Callable[[Notifier, _Trial], None]) -> _Check:
    @wraps(check)
    def opening(trial: _Trial) -> None:
        __tracebackhide__ = True
        with entered(trial.open_notifier()) as notifier:
            check(notifier, trial)

    return opening


def _notice(name: str, message: str | None = None) -> ShareNotice:
    return ShareNotice(
        id=NoticeId(name),
        to=UserId("ben"),
        address=_ADDRESS,
        actor=UserId("anna"),
        exams=1,
        permission=Permission.VIEW,
        until=None,
        message=message,
    )


_MESSAGES: Final = (
    "Please look at the second series.",
    "two\n\nparagraphs\tand a tab",
    "<b>not bold</b> & <script>alert(1)</script> {{ 7*7 }} ${HOME} %s",
    "From the ward\n.\n..\n\n.hidden",
    "z\u00e9ro \u6f22\u5b57 \U0001f9b4 e\u0301",
    "x" * 2_000,
)


@_sending
def a_notice_that_was_sent_raises_nothing(notifier: Notifier, _trial: _Trial) -> None:
    """`send` sends the notice, of whatever kind, and raises only when it was not sent."""
    plain = _notice("plain")
    notifier.send(plain)
    notifier.send(attrs.evolve(plain, id=NoticeId("download"), permission=Permission.DOWNLOAD))
    notifier.send(attrs.evolve(plain, id=NoticeId("for good"), exams=1_000_000, until=EDGES[-1]))
    notifier.send(attrs.evolve(plain, id=NoticeId("soon over"), exams=2, until=START))


@_sending
def the_same_notice_may_come_again(notifier: Notifier, trial: _Trial) -> None:
    """Notices have an id by which a receiver can drop a repeat: SPEC 7."""
    for name in ("first", "second", "first"):
        notifier.send(_notice(name))
    if trial.received is not None:
        ids = [notice_id for notice_id, _ in trial.received(notifier)]
        insist(len(ids) in {2, 3}, f"of two notices, one of them sent twice, {len(ids)} arrived")
        same("how many ids arrived", len(set(ids)), 2)


@_sending
def a_message_arrives_as_plain_text(notifier: Notifier, trial: _Trial) -> None:
    """The personal message travels in the notice. It is plain text, never markup: SPEC 7."""
    for number, message in enumerate(_MESSAGES):
        notifier.send(_notice(f"n{number}", message))
    if trial.received is None:
        return
    texts = [text.replace("\r\n", "\n") for _, text in trial.received(notifier)]
    same("how many arrived", len(texts), len(_MESSAGES))
    for message in _MESSAGES:
        insist(any(message in text for text in texts), f"this message did not arrive: {message!a}")


@_sending
def nothing_shows_what_was_sent(notifier: Notifier, _trial: _Trial) -> None:
    """A message may hold patient data: never in a `repr` or a log: SPEC 7."""
    notifier.send(_notice("n", _PRIVATE))
    for shown in (repr(notifier), str(notifier)):
        insist(_PRIVATE not in shown, "the `repr` of the notifier shows a message")
        insist(_ADDRESS not in shown, "the `repr` of the notifier shows an address")


_SPACED: Final = (
    "  indented, and with space behind  ",
    "\n\nafter two empty lines",
    "\tafter a tab\nand before one\t",
    "before two line ends\n\n",
    "inner\n\n\n\nlines  \n   of  every\t\tkind",
)


@_sending
def a_message_keeps_its_space(notifier: Notifier, trial: _Trial) -> None:
    """A message arrives as it was written, with the space around it and the lines within it."""
    for number, message in enumerate(_SPACED):
        notifier.send(_notice(f"n{number}", message))
    if trial.received is None:
        return
    texts = [text.replace("\r\n", "\n") for _, text in trial.received(notifier)]
    for message in _SPACED:
        insist(any(message in text for text in texts), f"this message did not arrive: {message!a}")


@_sending
def a_notice_without_an_address_is_not_lost(notifier: Notifier, trial: _Trial) -> None:
    """A notice to somebody without an address arrives in another way, or `send` raises."""
    try:
        notifier.send(attrs.evolve(_notice("n", _PRIVATE), address=None))
    except Exception as error:  # noqa: BLE001  anything may be raised
        _require_silent(error)
        return
    if trial.received is not None:
        arrived = len(list(trial.received(notifier)))
        insist(arrived, "nothing was raised, and nothing arrived")


class _Heard(logging.Handler):
    """Keeps what the thread that made it logs, in full.

    What other threads log is not the notifier's: a mail server of the tests may be one of them.
    """

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self._thread = get_ident()
        self.texts: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.thread in {None, self._thread}:
            self.texts.append(repr(vars(record)))
            with suppress(Exception):  # Whoever logs badly is not to be told by us.
                self.texts.append(logging.Formatter().format(record))


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Give all that is logged meanwhile, whatever the levels of the root and of everything are."""
    handler, root = _Heard(), logging.getLogger()
    level, disabled = root.level, root.manager.disable
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    logging.disable(logging.NOTSET)
    try:
        yield handler.texts
    finally:
        logging.disable(disabled)
        root.setLevel(level)
        root.removeHandler(handler)


def nothing_of_a_notice_is_logged(trial: _Trial) -> None:
    """No log line of any level holds message or address, whether or not the notice was sent."""
    opening = [trial.open_notifier]
    if trial.open_broken is not None:
        opening.append(trial.open_broken)
    for open_notifier in opening:
        with entered(open_notifier()) as notifier, _heard() as texts:
            for address in (_ADDRESS, f"{_ADDRESS}, not one address"):
                with suppress(Exception):
                    notifier.send(attrs.evolve(_notice("n", _PRIVATE), address=address))
        for text in texts:
            insist(_PRIVATE not in text, "a log line shows a message")
            insist(_ADDRESS not in text, "a log line shows an address")


def _require_silent(error: Exception) -> None:
    """Break the law if the error, or what led to it, shows message or address."""
    name = type(error).__name__
    for shown, what in (
        (f"{error!r} {error}", name),
        ("".join(traceback.format_exception(error)), f"what led to {name}"),
    ):
        insist(_PRIVATE not in shown, f"{what} shows the message")
        insist(_ADDRESS not in shown, f"{what} shows the address")


def what_cannot_be_sent_raises(trial: _Trial) -> None:
    """What cannot be sent raises; neither the error nor what led to it tells message or address."""
    if trial.open_broken is None:
        return
    with entered(trial.open_broken()) as notifier:
        try:
            notifier.send(_notice("n", _PRIVATE))
        except Exception as error:  # noqa: BLE001  anything may be raised
            _require_silent(error)
        else:
            insist(holds=False, problem="a notifier that cannot send raised nothing")


def notifier_laws(
    open_notifier: OpenNotifier,
    *,
    received: Callable[[Any], Iterable[tuple[str, str]]] | None = None,
    open_broken: OpenNotifier | None = None,
) -> tuple[Law, ...]:
    """Return the laws of a notifier, each to be checked by itself.

    Args:
        open_notifier: gives a notifier that has sent nothing, or a context manager around one.
        received: returns what has arrived by an opened notifier: for each, the id by which its
            receiver can drop a repeat, and its text.
        open_broken: gives a notifier that cannot send, say since its server is down.

    Raises:
        InvalidValue: one of them cannot be called.
    """
    trial = _Trial(open_notifier=open_notifier, open_broken=open_broken, received=received)
    checks: list[_Check] = [
        a_notice_that_was_sent_raises_nothing,
        the_same_notice_may_come_again,
        a_message_arrives_as_plain_text,
        nothing_shows_what_was_sent,
        a_message_keeps_its_space,
        a_notice_without_an_address_is_not_lost,
        nothing_of_a_notice_is_logged,
    ]
    if open_broken is not None:
        checks.append(what_cannot_be_sent_raises)
    return laws_of(trial, checks)
