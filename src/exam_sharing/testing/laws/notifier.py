"""The laws of sending notices: `Notifier`.

Specification: `#delivery`, `#personal-messages`.
"""

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import get_ident
from typing import Any, Final, TypeAlias

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing.events import ShareNotice
from exam_sharing.ports import Notifier
from exam_sharing.testing.edges import EDGES, START
from exam_sharing.testing.laws.law import Law, Laws, capability, insist, needed, same
from exam_sharing.testing.opening import entered
from exam_sharing.validation import is_callable

OpenNotifier: TypeAlias = Callable[[], Notifier | AbstractContextManager[Notifier]]
"""Returns a notifier that has sent nothing, or a context manager around one."""

_PRIVATE: Final = "the liver of Ms Kowalska, born 1950"
_ADDRESS: Final = "ms.kowalska@clinic.example"


@attrs.frozen(kw_only=True)
class _Trial:
    open_notifier: OpenNotifier = attrs.field(validator=is_callable)
    open_broken: OpenNotifier | None = capability()
    received: Callable[[Any], Iterable[tuple[str, str]]] | None = capability()

    @contextmanager
    def opened(self) -> "Iterator[_Opened]":
        with entered(self.open_notifier()) as notifier:
            yield _Opened(notifier, self)


@attrs.frozen
class _Opened:
    notifier: Notifier
    trial: _Trial

    def received(self) -> list[tuple[str, str]] | None:
        """Return the ids and texts that arrived; `None` if nobody can read them."""
        read = self.trial.received
        return None if read is None else list(read(self.notifier))

    def require_arrival(self, *messages: str) -> None:
        """Send messages; break the law unless each arrives once, if they can be read."""
        for number, message in enumerate(messages):
            self.notifier.send(_notice(f"n{number}", message))
        received = self.received()
        if received is None:
            return
        same("the number of notices that arrived", len(received), len(messages))
        texts = [text.replace("\r\n", "\n") for _, text in received]
        for message in messages:
            arrived = any(message in text for text in texts)
            insist(arrived, f"this message did not arrive: {message!a}")


law: Final = Laws(_Trial.opened)


def _notice(name: str, message: str | None = None) -> ShareNotice:
    return ShareNotice(
        id=es.NoticeId(name),
        to=es.UserId("ben"),
        address=_ADDRESS,
        actor=es.UserId("anna"),
        exams=1,
        permission=es.Permission.VIEW,
        until=None,
        message=message,
    )


@law
def a_sent_notice_raises_nothing(opened: _Opened) -> None:
    """`send` sends a notice of any kind, and raises only if the notice was not sent."""
    plain, send = _notice("plain"), opened.notifier.send
    send(plain)
    send(attrs.evolve(plain, id=es.NoticeId("download"), permission=es.Permission.DOWNLOAD))
    send(attrs.evolve(plain, id=es.NoticeId("for good"), exams=1_000_000, until=EDGES[-1]))
    send(attrs.evolve(plain, id=es.NoticeId("soon over"), exams=2, until=START))


@law
def a_notice_may_be_sent_again(opened: _Opened) -> None:
    """A repeated notice has the same id, by which a receiver can drop it."""
    for name in ("first", "second", "first"):
        opened.notifier.send(_notice(name))
    received = opened.received()
    if received is not None:
        ids = [notice_id for notice_id, _ in received]
        insist(len(ids) in {2, 3}, f"of two notices, one of them sent twice, {len(ids)} arrived")
        same("the number of ids", len(set(ids)), 2)


@law
def a_message_arrives_as_plain_text(opened: _Opened) -> None:
    """The personal message travels in the notice as plain text, never as markup."""
    opened.require_arrival(
        *("Please look at the second series.", "two\n\nparagraphs\tand a tab", "x" * 2_000),
        *("From the ward\n.\n..\n\n.hidden", "z\u00e9ro \u6f22\u5b57 \U0001f9b4 e\u0301"),
        "<b>not bold</b> & <script>alert(1)</script> {{ 7*7 }} ${HOME} %s",
    )


@law
def a_repr_shows_no_message(opened: _Opened) -> None:
    """No `repr` shows a message or an address, as they may be patient data."""
    opened.notifier.send(_notice("n", _PRIVATE))
    _require_private("the `repr` of the notifier", f"{opened.notifier!r} {opened.notifier}")


def _require_private(what: str, shown: str) -> None:
    insist(_PRIVATE not in shown, f"{what} shows a message")
    insist(_ADDRESS not in shown, f"{what} shows an address")


def _require_private_error(error: Exception) -> None:
    name = type(error).__name__
    _require_private(name, f"{error!r} {error}")
    _require_private(f"the traceback of {name}", "".join(traceback.format_exception(error)))


@law
def a_message_keeps_its_white_space(opened: _Opened) -> None:
    """A message arrives with the white space around it, and with all its lines."""
    opened.require_arrival(
        *("  indented, and with space behind  ", "\n\nafter two empty lines"),
        *("\tafter a tab\nand before one\t", "before two line ends\n\n"),
        "inner\n\n\n\nlines  \n   of  every\t\tkind",
    )


@law
def a_notice_without_an_address_is_not_lost(opened: _Opened) -> None:
    """A notice to a user without an address arrives in another way, or `send` raises."""
    try:
        opened.notifier.send(attrs.evolve(_notice("n", _PRIVATE), address=None))
    except Exception as error:  # noqa: BLE001  any error is allowed
        _require_private_error(error)
    else:
        insist(opened.received() != [], "nothing was raised, and nothing arrived")


class _Heard(logging.Handler):
    """Keeps the log records of the thread that made it; another may be a mail server of tests."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self._thread = get_ident()
        self.texts: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.thread in {None, self._thread}:
            self.texts.append(repr(vars(record)))
            with suppress(Exception):  # A malformed log call is not our concern.
                self.texts.append(logging.Formatter().format(record))


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect everything that is logged, whatever the levels of the loggers are."""
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


@law.of_trial()
def no_message_or_address_is_logged(trial: _Trial) -> None:
    """No log line of any level has a message or an address, whether or not a notice was sent."""
    for open_notifier in (trial.open_notifier, trial.open_broken):
        if open_notifier is None:
            continue
        with entered(open_notifier()) as notifier, _heard() as texts:
            for address in (_ADDRESS, f"{_ADDRESS}, not one address"):
                with suppress(Exception):
                    notifier.send(attrs.evolve(_notice("n", _PRIVATE), address=address))
        for text in texts:
            _require_private("a log line", text)


@law.of_trial("open_broken")
def a_failed_send_raises_without_private_data(trial: _Trial) -> None:
    """`send` raises if it cannot send; the error and its causes show no message or address."""
    with entered(needed(trial.open_broken)()) as notifier:
        try:
            notifier.send(_notice("n", _PRIVATE))
        except Exception as error:  # noqa: BLE001  any error is allowed
            _require_private_error(error)
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
        open_notifier: returns a notifier that has sent nothing, or a context manager around one.
        received: returns what arrived from an opened notifier: for each notice, the id by which
            its receiver can drop a repeat, and its text.
        open_broken: returns a notifier that cannot send, for example because its server is down.

    Raises:
        InvalidValue: an argument is not callable.
    """
    trial = _Trial(open_notifier=open_notifier, open_broken=open_broken, received=received)
    return tuple(law.of(trial))
