"""Opening the store under test; a store that cannot be tested does not break a law.

An `open_store` is a callable without arguments. Each call returns a new, empty store: an object
with the ports of `StorePorts` as attributes, or one that is those ports itself. It may also return
a context manager around such a store, which is closed after each use. The kit has one store open at
a time.
"""

import contextlib
import importlib
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, get_type_hints

import attrs

import exam_sharing as es
from exam_sharing import ports
from exam_sharing.conformance import asynchronous_methods, lacking
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.testing.edges import START

ValueT = TypeVar("ValueT")

OpenStore: TypeAlias = Callable[[], object]
"""Returns a new, empty store on each call, or a context manager around one."""

Upload: TypeAlias = Callable[[Any, es.UploadBatch, tuple[es.Exam, ...]], None]
"""Records an upload in a store that `open_store` returned."""

Transfer: TypeAlias = Callable[[Any, es.ExamId, es.UserId, datetime], None]
"""Gives an exam in a store to another owner, at a time."""

Hide: TypeAlias = Callable[[Any, es.ExamId, bool], object]
"""Removes an exam from the host of a store, or brings it back."""


class StoreNotUsable(es.CallerError):
    """`open_store` returns something that cannot be tested; `problem` says why, without data."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"open_store {self.problem}"


@attrs.frozen(kw_only=True)
class StorePorts:
    """The ports of a store, as in `Ports`; the directory is not one of them.

    Attributes:
        store: what `open_store` returned, for capabilities beyond the ports.
        history: what the store keeps of the past; `None` where it keeps nothing.
        accesses: where the store keeps accesses; `None` where it keeps none.
    """

    exams: ports.ExamReader
    uploads: ports.ExamWriter
    grants: ports.GrantReader
    writer: ports.GrantWriter
    access: ports.AccessReader
    outbox: ports.Outbox
    audit: ports.AuditTrail
    store: Any = None
    history: ports.SharingHistory | None = None
    accesses: ports.AccessLog | None = None

    def with_people(self, directory: ports.Directory, *, notifier: ports.Notifier) -> ports.Ports:
        """Return these ports with the ones that a store does not have."""
        return ports.Ports(
            **{name: getattr(self, name) for name in (*_PORTS, *_OPTIONAL)},
            directory=directory,
            notifier=notifier,
            host_facts=ports.NoHostFacts(),
        )


_OPTIONAL: Final[Mapping[str, type]] = MappingProxyType(
    {"history": ports.SharingHistory, "accesses": ports.AccessLog}
)
_PORTS: Final[Mapping[str, type]] = MappingProxyType(
    {
        name: port
        for name, port in get_type_hints(StorePorts).items()
        if name not in {"store", *_OPTIONAL}
    }
)


@contextmanager
def opened(open_store: OpenStore) -> Iterator[StorePorts]:
    """Open a store, and close it at the end.

    Raises:
        StoreNotUsable: `open_store` raised, or did not return a store.
    """
    with contextlib.ExitStack() as closing:
        with _blaming_open_store("raised", "; call open_store() yourself to see the message"):
            store = _called(open_store)
            if isinstance(store, AbstractContextManager) and None in _found_ports(store).values():
                store = closing.enter_context(_closed_well(store))
        yield _ports_of(store)


def entered(given: ValueT | AbstractContextManager[ValueT]) -> AbstractContextManager[ValueT]:
    """Return a context manager around a value, or the value if it is one already."""
    return given if isinstance(given, AbstractContextManager) else nullcontext(given)


def is_open_store(_instance: object, _attribute: object, value: OpenStore) -> None:
    """Accept what can be called, as an attrs validator; raise `StoreNotUsable` otherwise."""
    if not callable(value):
        raise StoreNotUsable(f"must be callable, not {type(value).__name__}")


_AT_ONCE: Final = "the kit tests synchronous stores"


def _called(open_store: OpenStore) -> object:
    is_open_store(None, None, open_store)
    # Some callables in C have no signature.
    with contextlib.suppress(ValueError):
        signature = inspect.signature(open_store)
        try:
            signature.bind()
        except TypeError:
            raise StoreNotUsable("must take no argument") from None
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


_ON_THE_WAY: Final = (str(Path(__file__).parents[1]), contextlib.__file__, importlib.__file__, "<")


def place_of(error: BaseException) -> str:
    """Return where the user's code failed, as ` in stores.py, line 7`.

    That is the deepest line in the first file that is not ours.
    """
    if isinstance(error, SyntaxError):
        return f" in {Path(error.filename or '').name}, line {error.lineno}"
    passed = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in passed if not frame.filename.startswith(_ON_THE_WAY)]
    first = (theirs or passed[-1:])[0].filename
    deepest = [frame for frame in passed if frame.filename == first][-1]
    return f" in {Path(first).name}, line {deepest.lineno}"


@contextmanager
def _closed_well(given: AbstractContextManager[object]) -> Iterator[object]:
    """Enter a store; on leaving, an error of closing never hides why a law failed."""
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
def _blaming_open_store(did: str, advice: str = "") -> Iterator[None]:
    try:
        yield
    except StoreNotUsable:
        raise
    except Exception as error:
        problem = f"{did} {type(error).__name__}{place_of(error)}{advice}"
        raise StoreNotUsable(problem) from error


def _ports_of(store: object) -> StorePorts:
    if isinstance(store, type):
        raise StoreNotUsable(f"returned the class {store.__name__} instead of calling it")
    found, kind = _found_ports(store), type(store).__name__
    if None not in found.values():
        for name, protocol in _OPTIONAL.items():
            port = getattr(store, name, store)
            found[name] = None if lacking(port, protocol) else port
        return StorePorts(**found, store=store)
    if isinstance(store, contextlib.AbstractAsyncContextManager):
        raise StoreNotUsable(f"returned {kind}, which is asynchronous; {_AT_ONCE}")
    missing: list[str] = []
    for name, protocol in _PORTS.items():
        port = getattr(store, name, store)
        for later in asynchronous_methods(port, protocol):
            raise StoreNotUsable(f"returned {kind}, whose {name}.{later}; {_AT_ONCE}")
        if found[name] is None:
            missing += [f"{name}.{method}" for method in lacking(port, protocol)]
    if all(port is None for port in found.values()):
        raise StoreNotUsable(f"returned {kind}, which has no port of a store")
    raise StoreNotUsable(f"returned {kind}, which lacks {', '.join(missing)}")


def _found_ports(store: object) -> dict[str, Any]:
    """Return, for each port, the attribute with its name or the store itself; `None` without it."""
    return {
        name: next(
            (each for each in (getattr(store, name, None), store) if not lacking(each, protocol)),
            None,
        )
        for name, protocol in _PORTS.items()
    }


Trace: TypeAlias = Callable[[StorePorts], bool]
"""Returns whether a store holds something that was written to the one before."""

PROBE: Final = es.ShareId("exam-sharing-probe")
"""The share that the probe writes."""


def require_isolated(
    open_store: OpenStore,
    beside: Mapping[str, Trace] = MappingProxyType({}),
    upload: Upload | None = None,
) -> None:
    """Raise `StoreNotUsable` unless a second store is empty after writing to a first one.

    A store that raises on writing, or at some questions, is left to the laws. `beside` has the
    traces that only a capability reads; `upload` records an upload, instead of the port `uploads`.
    """
    with opened(open_store) as first, contextlib.suppress(Exception):
        _write_probe(first, upload)
    with opened(open_store) as second:
        found = _found_in(second)
        for what, asked in beside.items():
            with contextlib.suppress(Exception):
                found += [what] if asked(second) else []
    if found:
        raise StoreNotUsable(
            "must return a new, empty store on each call; "
            f"a new store held, from the one before: {', '.join(found)}"
        )


def require_answers(open_store: OpenStore) -> None:
    """Raise `StoreNotUsable` if a new store raises at every question: its server may be down."""
    with opened(open_store) as store:
        _found_in(store)


def _found_in(store: StorePorts) -> list[str]:
    """Return which traces a store holds; raise `StoreNotUsable` if it raises at every one."""
    traces, held, errors = tuple(_traces(store)), list[str](), list[Exception]()
    for what, asked in traces:
        try:
            held += [what] if asked() else []
        except Exception as error:  # noqa: BLE001  a law will report it
            errors.append(error)
    if len(errors) == len(traces):
        raised = f"it raised {type(errors[0]).__name__}{place_of(errors[0])}"
        raise StoreNotUsable(f"returned a store that answers nothing: {raised}") from errors[0]
    return held


_OLGA, _BEN, _CLEO = (es.UserId(f"exam-sharing-probe-{name}") for name in ("olga", "ben", "cleo"))
_EXAM: Final = es.ExamId("exam-sharing-probe")
_GONE: Final = es.ExamId("exam-sharing-probe-gone")
_NEVER: Final = es.ExamId("exam-sharing-probe-never")
"""In no store, so that an answer about it is no trace."""
_BATCH: Final = es.BatchId("exam-sharing-probe")
_REQUEST: Final = "exam-sharing-probe"


def _write_probe(store: StorePorts, upload: Upload | None) -> None:
    batch = es.UploadBatch(id=_BATCH, uploader=_OLGA, received_at=START)
    exams = tuple(
        es.Exam(id=each, owner=_OLGA, batch=_BATCH, uploaded_at=START) for each in (_EXAM, _GONE)
    )
    if upload is None:
        store.uploads.add(batch, exams)
    else:
        upload(store.store, batch, exams)
    directory = MemoryDirectory()
    for user in (_OLGA, _BEN, _CLEO):
        directory.add(es.User(id=user, name=str(user)))
    sharing = es.Sharing(
        policy=es.Policy(),
        ports=store.with_people(directory, notifier=MemoryNotifier()),
        clock=lambda: START,
        new_id=iter((str(PROBE), f"{PROBE}-2", f"{PROBE}-3")).__next__,
        sends_at_once=False,
    )
    to = (_BEN, _CLEO)
    sharing.share(
        es.ShareRequest(actor=_OLGA, exam=_EXAM, recipients=to, attested=True, request_id=_REQUEST)
    )
    sharing.unshare(es.UnshareRequest(actor=_OLGA, exam=_EXAM, recipient=_CLEO))
    sharing.admin.withdraw(_GONE, performed_by=_OLGA, why="the next store must not have it")


def _traces(store: StorePorts) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what the probe wrote, and whether a store holds it."""

    def sharing(exam: es.ExamId) -> ExamGrants:
        return store.grants.read((exam,), ended=True)[exam]

    granted = store.grants.exams_granted_to
    yield "exams", lambda: store.exams.find((_EXAM,))
    yield "versions", lambda: sharing(_EXAM).version != sharing(_NEVER).version
    yield "grants", lambda: sharing(_EXAM).grants or granted(_BEN)
    yield "ended grants", lambda: sharing(_EXAM).ended
    yield "withdrawn exams", lambda: sharing(_GONE).withdrawn != sharing(_NEVER).withdrawn
    yield "receipts", lambda: store.grants.receipt(_OLGA, _REQUEST)
    yield "notices", lambda: store.outbox.listed(None, 1, given_up=None)
