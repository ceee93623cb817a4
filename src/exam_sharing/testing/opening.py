"""Opening the store that is to be tested, and telling *cannot be tested* from *breaks a law*.

An `open_store` is a callable without arguments. Each call gives an empty store, apart from all
others: one with the ports of `StorePorts` as attributes, or one that is those ports itself. It may
also give a context manager around such a store, which is then closed after each use. The kit has
one store open at a time.
"""

import contextlib
import importlib
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeGuard, TypeVar

import attrs
from typing_extensions import get_protocol_members

from exam_sharing.errors import CallerError
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, ShareId, UserId
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, NoHostFacts
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.requests import ShareRequest, UnshareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.ports import (
    AccessReader,
    AuditTrail,
    Directory,
    ExamReader,
    ExamWriter,
    GrantReader,
    GrantWriter,
    HostFacts,
    Notifier,
    Outbox,
    Ports,
)
from exam_sharing.principals import User
from exam_sharing.sharing import Sharing
from exam_sharing.testing.moments import START

__all__ = [
    "PROBE",
    "OpenStore",
    "StoreNotUsable",
    "StorePorts",
    "Trace",
    "entered",
    "opened",
    "place_of",
    "require_callable",
    "require_isolated",
]

ValueT = TypeVar("ValueT")

OpenStore: TypeAlias = Callable[[], object]
"""Gives an empty store each time, or a context manager around one."""

Upload: TypeAlias = Callable[[Any, UploadBatch, tuple[Exam, ...]], None]
"""Records an upload in what `open_store` gave."""


class StoreNotUsable(CallerError):
    """What `open_store` gave cannot be tested; whoever wrote `open_store` must change it.

    Nothing is said about the store with this: no law was asked.

    Args:
        problem: what is wrong, in words that hold no data.
    """

    def __init__(self, problem: str) -> None:
        """Keep the problem."""
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        """Say what is wrong with `open_store`."""
        return f"open_store {self.problem}"


@attrs.frozen(kw_only=True)
class StorePorts:
    """Everything that a store answers; people are no part of it.

    Attributes:
        exams: as in `Ports`, like all that follow.
        uploads: the kit lets exams arrive by it.
        grants: the facts of sharing.
        writer: where acts are written.
        access: the questions of every page view.
        outbox: the notices that wait.
        audit: where refusals are recorded.
        store: what `open_store` gave, for capabilities that are no port.
    """

    exams: ExamReader
    uploads: ExamWriter
    grants: GrantReader
    writer: GrantWriter
    access: AccessReader
    outbox: Outbox
    audit: AuditTrail
    store: Any = None

    def with_people(
        self, directory: Directory, *, notifier: Notifier, host_facts: HostFacts | None = None
    ) -> Ports:
        """Return every port, with those that a store does not answer."""
        return Ports(
            exams=self.exams,
            uploads=self.uploads,
            grants=self.grants,
            writer=self.writer,
            access=self.access,
            outbox=self.outbox,
            directory=directory,
            notifier=notifier,
            audit=self.audit,
            host_facts=NoHostFacts() if host_facts is None else host_facts,
        )


Trace: TypeAlias = Callable[[StorePorts], bool]
"""Says whether a store holds something that was left in the one before."""

_NO_TRACES: Final[Mapping[str, Trace]] = MappingProxyType({})

PROBE: Final = ShareId("exam-sharing-probe")
"""The share that is made to see whether the next store is empty."""

_PORTS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "exams": ExamReader,
        "uploads": ExamWriter,
        "grants": GrantReader,
        "writer": GrantWriter,
        "access": AccessReader,
        "outbox": Outbox,
        "audit": AuditTrail,
    }
)

_MAY_BE_INHERITED: Final = frozenset({"step_aside"})
"""Methods that do something sensible as the protocols have them."""


@contextmanager
def opened(open_store: OpenStore) -> Iterator[StorePorts]:
    """Open a store, and close it in the end.

    Raises:
        StoreNotUsable: `open_store` raised, or what it gave is no store.
    """
    with contextlib.ExitStack() as closing:
        with _blaming_open_store("raised"):
            given = _called(open_store)
            store = closing.enter_context(_closed_well(given)) if _opens(given) else given
        yield _ports_of(store)


def entered(
    given: ValueT | AbstractContextManager[ValueT],
) -> AbstractContextManager[ValueT]:
    """Return a context around a value, where what was given is not one already."""
    return given if isinstance(given, AbstractContextManager) else nullcontext(given)


def require_callable(open_store: object) -> None:
    """Insist that `open_store` can be called.

    Raises:
        StoreNotUsable: it cannot.
    """
    if not callable(open_store):
        raise StoreNotUsable(f"must be callable, not {type(open_store).__name__}")


def require_isolated(
    open_store: OpenStore,
    beside: Mapping[str, Trace] = _NO_TRACES,
    upload: Upload | None = None,
) -> None:
    """Insist that a store is empty when it is opened, whatever was done to the one before.

    A store that cannot take what is written to it here, or raises when it is asked, is left to the
    laws.

    Args:
        open_store: opens the stores.
        beside: for each thing that no port tells, whether a store holds it.
        upload: records an upload, where that is not what the port `uploads` does.

    Raises:
        StoreNotUsable: the second store holds what was written to the first; or as for `opened`.
    """
    with opened(open_store) as first, contextlib.suppress(Exception):
        _let_exams_arrive(first, upload)
        _leave_traces(first)
    with opened(open_store) as second:
        traces = {**_TRACES, **beside}
        found = [what for what, asked in traces.items() if _finds(asked, second)]
    if found:
        raise StoreNotUsable(
            "must give an empty store each time, apart from all others; "
            f"a new one held, from the one before: {', '.join(found)}"
        )


_AT_ONCE: Final = "the kit tests stores that answer at once"


def _called(open_store: OpenStore) -> object:
    require_callable(open_store)
    _require_no_argument(open_store)
    given = open_store()
    if inspect.iscoroutine(given):
        given.close()
        raise StoreNotUsable(f"is a coroutine function; {_AT_ONCE}")
    if inspect.isasyncgen(given):
        raise StoreNotUsable(f"is an asynchronous generator; {_AT_ONCE}")
    if inspect.isgenerator(given):
        given.close()
        raise StoreNotUsable("is a generator; decorate it with contextlib.contextmanager")
    return given


def _require_no_argument(open_store: Callable[..., object]) -> None:
    try:
        signature = inspect.signature(open_store)
    except ValueError:  # Some that are written in C do not tell theirs.
        return
    try:
        signature.bind()
    except TypeError:
        raise StoreNotUsable("must take no argument") from None


_ON_THE_WAY: Final = (str(Path(__file__).parents[1]), contextlib.__file__, importlib.__file__, "<")


def place_of(error: BaseException) -> str:
    """Return where somebody else's code failed, as ` in stores.py, line 7`."""
    if isinstance(error, SyntaxError):
        return f" in {Path(error.filename or '').name}, line {error.lineno}"
    passed = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in passed if not frame.filename.startswith(_ON_THE_WAY)]
    frame = (theirs or passed)[0 if theirs else -1]
    return f" in {Path(frame.filename).name}, line {frame.lineno}"


def _opens(given: object) -> TypeGuard[AbstractContextManager[object]]:
    """Say whether this is to be entered: a store that is a context manager too is one already."""
    return isinstance(given, AbstractContextManager) and None in _found_ports(given).values()


@contextmanager
def _closed_well(given: AbstractContextManager[object]) -> Iterator[object]:
    """Enter; in leaving, do not let a failure to close hide why a law failed."""
    store = given.__enter__()
    try:
        yield store
    except BaseException as error:
        with contextlib.suppress(Exception):
            given.__exit__(type(error), error, error.__traceback__)
        raise
    else:
        with _blaming_open_store("could not close its store:"):
            given.__exit__(None, None, None)


@contextmanager
def _blaming_open_store(did: str) -> Iterator[None]:
    try:
        yield
    except StoreNotUsable:
        raise
    except Exception as error:
        raise StoreNotUsable(f"{did} {type(error).__name__}{place_of(error)}") from error


def _ports_of(store: object) -> StorePorts:
    if isinstance(store, type):
        raise StoreNotUsable(f"gave the class {store.__name__}, and must call it")
    found, kind = _found_ports(store), type(store).__name__
    if None not in found.values():
        return StorePorts(**found, store=store)
    if isinstance(store, contextlib.AbstractAsyncContextManager):
        raise StoreNotUsable(f"gave {kind}, which is asynchronous; {_AT_ONCE}")
    if all(port is None for port in found.values()):
        raise StoreNotUsable(f"gave {kind}, which answers no port of a store")
    lacking = (each for name, port in found.items() if port is None for each in _lacks(store, name))
    raise StoreNotUsable(f"gave {kind}, which lacks {', '.join(lacking)}")


def _found_ports(store: object) -> dict[str, Any]:
    """Return what answers each port; `None` where nothing does."""
    return {name: _answering(store, name, protocol) for name, protocol in _PORTS.items()}


def _answering(store: object, name: str, protocol: type) -> object | None:
    """Return the attribute of that name, or else the store itself, if it answers the port."""
    for candidate in (getattr(store, name, None), store):
        if all(_has(candidate, protocol, each) for each in get_protocol_members(protocol)):
            return candidate
    return None


def _lacks(store: object, name: str) -> Iterator[str]:
    """Yield the methods of a port that the store lacks."""
    protocol, candidate = _PORTS[name], getattr(store, name, store)
    for each in sorted(get_protocol_members(protocol)):
        if not _has(candidate, protocol, each):
            yield f"{name}.{each}"


def _has(candidate: object, protocol: type, method: str) -> bool:
    """Say whether the method is there; what a protocol leaves empty is not."""
    if getattr(type(candidate), method, None) is getattr(protocol, method):
        return method in _MAY_BE_INHERITED
    return callable(getattr(candidate, method, None))


_OLGA: Final = UserId("exam-sharing-probe-olga")
_BEN: Final = UserId("exam-sharing-probe-ben")
_CLEO: Final = UserId("exam-sharing-probe-cleo")
_EXAM: Final = ExamId("exam-sharing-probe")
_GONE: Final = ExamId("exam-sharing-probe-gone")
_NEVER: Final = ExamId("exam-sharing-probe-never")
"""In no store at all: what is said of it, rightly or not, is no trace."""
_BATCH: Final = BatchId("exam-sharing-probe")
_REQUEST: Final = "exam-sharing-probe"


def _let_exams_arrive(store: StorePorts, upload: Upload | None) -> None:
    batch = UploadBatch(id=_BATCH, uploader=_OLGA, received_at=START)
    exams = tuple(
        Exam(id=each, owner=_OLGA, batch=_BATCH, uploaded_at=START) for each in (_EXAM, _GONE)
    )
    if upload is None:
        store.uploads.add(batch, exams)
    else:
        upload(store.store, batch, exams)


def _leave_traces(store: StorePorts) -> None:
    """Leave a trace of each kind: of what stands, of what has ended, and of what is gone."""
    directory = MemoryDirectory()
    acts = iter((str(PROBE), "exam-sharing-probe-2", "exam-sharing-probe-3"))
    for user in (_OLGA, _BEN, _CLEO):
        directory.add(User(id=user, name=str(user)))
    sharing = Sharing(
        policy=Policy(),
        ports=store.with_people(directory, notifier=MemoryNotifier()),
        clock=lambda: START,
        new_id=acts.__next__,
        sends_at_once=False,
    )
    sharing.share(
        ShareRequest(
            actor=_OLGA, exam=_EXAM, recipients=(_BEN, _CLEO), attested=True, request_id=_REQUEST
        )
    )
    sharing.unshare(UnshareRequest(actor=_OLGA, exam=_EXAM, recipient=_CLEO))
    sharing.withdraw(_GONE, performed_by=_OLGA, why="to see whether it is gone from the next store")


_TRACES: Final[Mapping[str, Trace]] = MappingProxyType(
    {
        "exams": lambda store: bool(store.exams.find((_EXAM,))),
        "versions": lambda store: _sharing(store, _EXAM).version != _sharing(store, _NEVER).version,
        "grants": lambda store: bool(
            _sharing(store, _EXAM).grants or store.grants.exams_granted_to(_BEN)
        ),
        "ended grants": lambda store: bool(_sharing(store, _EXAM).ended),
        "withdrawn exams": lambda store: (
            _sharing(store, _GONE).withdrawn != _sharing(store, _NEVER).withdrawn
        ),
        "receipts": lambda store: store.grants.receipt(_OLGA, _REQUEST) is not None,
        "notices": lambda store: bool(store.outbox.listed(None, 1, given_up=None)),
    }
)


def _sharing(store: StorePorts, exam: ExamId) -> ExamGrants:
    return store.grants.read((exam,), ended=True)[exam]


def _finds(asked: Trace, store: StorePorts) -> bool:
    try:
        return asked(store)
    except Exception:  # noqa: BLE001  what a store must answer is a law's affair
        return False
