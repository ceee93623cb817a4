"""Opening the store under test; a store that cannot be tested is not one that breaks a law.

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
"""Returns a new, empty store on each call, or a context manager around one."""

Upload: TypeAlias = Callable[[Any, UploadBatch, tuple[Exam, ...]], None]
"""Records an upload in a store that `open_store` returned."""


class StoreNotUsable(CallerError):
    """`open_store` returns something that cannot be tested; no law was checked.

    Args:
        problem: what is wrong, in words without data.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        """Return the problem."""
        return f"open_store {self.problem}"


@attrs.frozen(kw_only=True)
class StorePorts:
    """The ports of a store, as in `Ports`; the directory is not one of them.

    Attributes:
        exams: reads exams.
        uploads: records uploads.
        grants: reads grants.
        writer: writes acts.
        access: answers checks and lists.
        outbox: keeps waiting notices.
        audit: records refusals.
        store: what `open_store` returned, for capabilities beyond the ports.
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
        """Return these ports with the ones that a store does not have."""
        return Ports(
            **{name: getattr(self, name) for name in _PORTS},
            directory=directory,
            notifier=notifier,
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
    """Open a store, and close it at the end.

    Raises:
        StoreNotUsable: `open_store` raised, or did not return a store.
    """
    with contextlib.ExitStack() as closing:
        with _blaming_open_store("raised", "; call open_store() yourself to see the message"):
            given = _called(open_store)
            store = closing.enter_context(_closed_well(given)) if _opens(given) else given
        yield _ports_of(store)


def entered(
    given: ValueT | AbstractContextManager[ValueT],
) -> AbstractContextManager[ValueT]:
    """Return a context manager around a value, or the value if it is one already."""
    return given if isinstance(given, AbstractContextManager) else nullcontext(given)


def require_open_store(open_store: object) -> None:
    """Raise `StoreNotUsable` unless `open_store` is callable."""
    if not callable(open_store):
        raise StoreNotUsable(f"must be callable, not {type(open_store).__name__}")


_AT_ONCE: Final = "the kit tests synchronous stores"


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
    except ValueError:  # Some callables in C have no signature.
        return
    try:
        signature.bind()
    except TypeError:
        raise StoreNotUsable("must take no argument") from None


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


def _opens(given: object) -> TypeGuard[AbstractContextManager[object]]:
    """Return whether this must be entered to become a store."""
    return isinstance(given, AbstractContextManager) and None in _found_ports(given).values()


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
        return StorePorts(**found, store=store)
    if isinstance(store, contextlib.AbstractAsyncContextManager):
        raise StoreNotUsable(f"returned {kind}, which is asynchronous; {_AT_ONCE}")
    for later in _asynchronous_methods(store):
        raise StoreNotUsable(f"returned {kind}, whose {later}; {_AT_ONCE}")
    if all(port is None for port in found.values()):
        raise StoreNotUsable(f"returned {kind}, which has no port of a store")
    lacking = (each for name, port in found.items() if port is None for each in _lacks(store, name))
    raise StoreNotUsable(f"returned {kind}, which lacks {', '.join(lacking)}")


def _found_ports(store: object) -> dict[str, Any]:
    """Return the object for each port; `None` for a missing port."""
    return {name: _answering(store, name, protocol) for name, protocol in _PORTS.items()}


def _answering(store: object, name: str, protocol: type) -> object | None:
    """Return the attribute with that name, or else the store itself, if it has the port."""
    candidates = (getattr(store, name, None), store)
    return next((each for each in candidates if not lacking(each, protocol)), None)


def _lacks(store: object, name: str) -> Iterator[str]:
    """Yield the missing methods of a port."""
    yield from (f"{name}.{each}" for each in lacking(getattr(store, name, store), _PORTS[name]))


def _asynchronous_methods(store: object) -> Iterator[str]:
    """Yield the name and kind of each asynchronous method."""
    for name, protocol in _PORTS.items():
        for later in asynchronous_methods(getattr(store, name, store), protocol):
            yield f"{name}.{later}"
