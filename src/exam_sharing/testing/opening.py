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

from exam_sharing.conformance import asynchronous_methods, lacking
from exam_sharing.errors import CallerError
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.ports import (
    AccessReader,
    AuditTrail,
    Directory,
    ExamReader,
    ExamWriter,
    GrantReader,
    GrantWriter,
    HostFacts,
    NoHostFacts,
    Notifier,
    Outbox,
    Ports,
)

__all__ = [
    "OpenStore",
    "StoreNotUsable",
    "StorePorts",
    "Upload",
    "entered",
    "opened",
    "place_of",
    "require_open_store",
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


@contextmanager
def opened(open_store: OpenStore) -> Iterator[StorePorts]:
    """Open a store, and close it in the end.

    Raises:
        StoreNotUsable: `open_store` raised, or what it gave is no store.
    """
    with contextlib.ExitStack() as closing:
        with _blaming_open_store("raised", "; call open_store() yourself to see what it says"):
            given = _called(open_store)
            store = closing.enter_context(_closed_well(given)) if _opens(given) else given
        yield _ports_of(store)


def entered(
    given: ValueT | AbstractContextManager[ValueT],
) -> AbstractContextManager[ValueT]:
    """Return a context around a value, where what was given is not one already."""
    return given if isinstance(given, AbstractContextManager) else nullcontext(given)


def require_open_store(open_store: object) -> None:
    """Insist that `open_store` can be called.

    Raises:
        StoreNotUsable: it cannot.
    """
    if not callable(open_store):
        raise StoreNotUsable(f"must be callable, not {type(open_store).__name__}")


_AT_ONCE: Final = "the kit tests stores that answer at once"


def _called(open_store: OpenStore) -> object:
    require_open_store(open_store)
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
    """Return where somebody else's code failed, as ` in stores.py, line 7`.

    That is the deepest line in the first of their files.
    """
    if isinstance(error, SyntaxError):
        return f" in {Path(error.filename or '').name}, line {error.lineno}"
    passed = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in passed if not frame.filename.startswith(_ON_THE_WAY)]
    first = (theirs or passed[-1:])[0].filename
    deepest = [frame for frame in passed if frame.filename == first][-1]
    return f" in {Path(first).name}, line {deepest.lineno}"


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
        raise StoreNotUsable(f"gave the class {store.__name__}, and must call it")
    found, kind = _found_ports(store), type(store).__name__
    if None not in found.values():
        return StorePorts(**found, store=store)
    if isinstance(store, contextlib.AbstractAsyncContextManager):
        raise StoreNotUsable(f"gave {kind}, which is asynchronous; {_AT_ONCE}")
    for later in _asynchronous_methods(store):
        raise StoreNotUsable(f"gave {kind}, whose {later}; {_AT_ONCE}")
    if all(port is None for port in found.values()):
        raise StoreNotUsable(f"gave {kind}, which answers no port of a store")
    lacking = (each for name, port in found.items() if port is None for each in _lacks(store, name))
    raise StoreNotUsable(f"gave {kind}, which lacks {', '.join(lacking)}")


def _found_ports(store: object) -> dict[str, Any]:
    """Return what answers each port; `None` where nothing does."""
    return {name: _answering(store, name, protocol) for name, protocol in _PORTS.items()}


def _answering(store: object, name: str, protocol: type) -> object | None:
    """Return the attribute of that name, or else the store itself, if it answers the port."""
    candidates = (getattr(store, name, None), store)
    return next((each for each in candidates if not lacking(each, protocol)), None)


def _lacks(store: object, name: str) -> Iterator[str]:
    """Yield the methods of a port that the store lacks."""
    yield from (f"{name}.{each}" for each in lacking(getattr(store, name, store), _PORTS[name]))


def _asynchronous_methods(store: object) -> Iterator[str]:
    """Yield what the asynchronous methods of the store are, each with its name."""
    for name, protocol in _PORTS.items():
        for later in asynchronous_methods(getattr(store, name, store), protocol):
            yield f"{name}.{later}"
