"""The bridge between an event loop and synchronous code, so that neither blocks the other.

The loop calls synchronous code by `Bridge.run`. Such a call runs beside the loop: in a thread, or,
in the adapter of SQLAlchemy, in a greenlet. Inside of it, coroutines of the host run on the loop,
and what may block runs in a thread.
"""

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import local
from typing import Any, Final, ParamSpec, Protocol, TypeAlias, TypeVar, final

from typing_extensions import get_protocol_members, override

from exam_sharing.errors import CallerError, StoreFailed
from exam_sharing.events import ShareNotice
from exam_sharing.identifiers import ExamId, GroupId, Keys, PrincipalId, UserId
from exam_sharing.policy.facts import MembersSeen, PeopleBehind, Profile
from exam_sharing.policy.requests import ShareRequest
from exam_sharing.ports import Principals

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

Later: TypeAlias = ResultT | Awaitable[ResultT]
"""An answer, or an awaitable of it."""

Found: TypeAlias = tuple[tuple[PrincipalId, str], ...]
"""Principals with their names."""

_MOST_THREADS: Final = 32
_BETWEEN_LOOKS: Final = 1.0
"""Seconds until a thread that waits for the loop looks whether the loop is closed."""
_LOOP_CLOSED: Final = "the event loop was closed during an act"


class AsyncDirectory(Protocol):
    """A `Directory` of which any method may be a coroutine function."""

    def principals_of(self, user: UserId) -> Later[Keys]: ...
    def profiles(self, users: Iterable[UserId]) -> Later[Mapping[UserId, Profile]]: ...
    def people_behind(self, principals: Iterable[PrincipalId]) -> Later[PeopleBehind]: ...
    def seen_by(self, actor: UserId, principals: Iterable[PrincipalId]) -> Later[Principals]: ...
    def members_seen_by(self, actor: UserId, groups: Iterable[GroupId]) -> Later[MembersSeen]: ...
    def names(self, principals: Iterable[PrincipalId]) -> Later[Mapping[PrincipalId, str]]: ...
    def path(self, user: UserId, principal: PrincipalId) -> Later[tuple[PrincipalId, ...]]: ...
    def suggest(
        self, actor: UserId, text: str, limit: int, leave_out: Principals, *, whole: bool = False
    ) -> Later[Found]: ...
    def listed(
        self, actor: UserId, after: tuple[str, str] | None, limit: int, leave_out: Principals
    ) -> Later[Found]: ...


class AsyncNotifier(Protocol):
    """A `Notifier` whose method may be a coroutine function."""

    def send(self, notice: ShareNotice) -> Later[None]: ...


class AsyncHostFacts(Protocol):
    """`HostFacts` whose method may be a coroutine function."""

    def about(self, request: ShareRequest, exams: tuple[ExamId, ...]) -> object: ...


class Bridge(ABC):
    """How an event loop calls synchronous code, and how that code calls back."""

    @abstractmethod
    async def run(
        self, call: Callable[ParamsT, ResultT], /, *args: ParamsT.args, **kwargs: ParamsT.kwargs
    ) -> ResultT:
        """Call synchronous code from the loop, and return its answer."""

    @abstractmethod
    def wait_for(self, awaitable: Awaitable[ResultT]) -> ResultT:
        """Let the loop await something, from inside of `run`, and return its answer."""

    @abstractmethod
    def in_thread(self, call: Callable[[], ResultT]) -> ResultT:
        """Call what may block, from inside of `run`, and return its answer."""

    @abstractmethod
    def is_crossed(self, given: object, protocol: type) -> bool:
        """Return whether a port must be called over the bridge."""

    def port(self, given: object, protocol: type) -> Any:  # noqa: ANN401  of the protocol
        """Return a port with synchronous methods, for calls inside of `run`; `None` for `None`."""
        kind = type(given)
        if given is None or isinstance(given, type) or not self.is_crossed(given, protocol):
            return given
        # A method that is missing or a stub of the protocol stays so, and is reported later.
        methods = {
            name: staticmethod(self._crossing(getattr(given, name)))
            for name in get_protocol_members(protocol)
            if callable(getattr(given, name, None))
            and getattr(kind, name, None) is not getattr(protocol, name)
        }
        return type(kind.__name__, (), methods)()

    def _crossing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def crossing(*args: object, **kwargs: object) -> object:
            call = partial(method, *args, **kwargs)
            answer = call() if inspect.iscoroutinefunction(method) else self.in_thread(call)
            return self.wait_for(answer) if inspect.isawaitable(answer) else answer

        return crossing


def _close(awaitable: Awaitable[object]) -> None:
    """Close a coroutine, so that Python does not warn that nothing awaited it."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()


async def _awaited(awaitable: Awaitable[ResultT]) -> ResultT:
    return await awaitable


async def _ended(running: asyncio.Future[Any]) -> None:
    """Wait for the end of a call, whatever comes of it, also if the task is cancelled again."""
    while not running.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([running])


@final
class ThreadBridge(Bridge):
    """Runs synchronous code in threads of its own; a cancelled call ends with its thread."""

    def __init__(self) -> None:
        # The threads of the loop stay free: a coroutine of a port may need one.
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="exam_sharing")
        self._caller = local()

    @override
    async def run(
        self, call: Callable[ParamsT, ResultT], /, *args: ParamsT.args, **kwargs: ParamsT.kwargs
    ) -> ResultT:
        loop = asyncio.get_running_loop()
        called = partial(self._call, loop, partial(call, *args, **kwargs))
        running = loop.run_in_executor(self._threads, copy_context().run, called)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # Whoever cancelled may end the transaction in which the thread still works.
            await _ended(running)
            raise

    def _call(self, loop: asyncio.AbstractEventLoop, call: Callable[[], ResultT]) -> ResultT:
        self._caller.loop = loop
        try:
            return call()
        finally:
            del self._caller.loop

    @override
    def wait_for(self, awaitable: Awaitable[ResultT]) -> ResultT:
        loop: asyncio.AbstractEventLoop | None = getattr(self._caller, "loop", None)
        if loop is None:
            _close(awaitable)
            raise CallerError("call a port with coroutines by an AsyncSharing alone")
        awaiting = _awaited(awaitable)
        try:
            answer = asyncio.run_coroutine_threadsafe(awaiting, loop)
        except RuntimeError:
            _close(awaiting)
            _close(awaitable)
            raise StoreFailed(_LOOP_CLOSED) from None
        while not wait([answer], _BETWEEN_LOOKS).done:
            if loop.is_closed():
                raise StoreFailed(_LOOP_CLOSED)
        return answer.result()

    @override
    def in_thread(self, call: Callable[[], ResultT]) -> ResultT:
        return call()

    @override
    def is_crossed(self, given: object, protocol: type) -> bool:
        methods = (getattr(given, each, None) for each in get_protocol_members(protocol))
        return any(map(inspect.iscoroutinefunction, methods))
