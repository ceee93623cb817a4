"""Sharing over an `AsyncEngine`, or in the transaction of an `AsyncSession`.

SQLAlchemy runs synchronous code over its asynchronous drivers in a greenlet, which gives way to the
event loop whenever it waits. Needs the extra `asyncio`, and a driver: psycopg 3 or asyncpg.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar, final

from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only, greenlet_spawn
from typing_extensions import override

from exam_sharing.adapters import sqlalchemy as synchronous
from exam_sharing.adapters.sqlalchemy.host import HostExams
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.bridge import (
    AsyncDirectory,
    AsyncHostFacts,
    AsyncNotifier,
    Bridge,
    Later,
    ThreadBridge,
)
from exam_sharing.errors import InvalidArgument
from exam_sharing.exams import Exam
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.settings import Policy
from exam_sharing.ports import Directory, HostFacts, Notifier
from exam_sharing.sharing import Sharing
from exam_sharing.validation import require_instance

__all__ = ["AsyncHostExams", "joined_async", "open_async_sharing", "run_sync"]

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

_NEVER_BLOCK: Final = frozenset({MemoryDirectory, MemoryNotifier})


class AsyncHostExams(Protocol):
    """`HostExams` of which any method may be a coroutine function."""

    def find(self, exams: tuple[ExamId, ...]) -> Later[tuple[Exam, ...]]: ...
    def batch_of(self, exam: ExamId) -> Later[tuple[Exam, ...]]: ...
    def owned_by(
        self, user: UserId, after: tuple[datetime, str] | None, limit: int
    ) -> Later[tuple[Exam, ...]]: ...


@final
class _GreenletBridge(Bridge):
    """Runs synchronous code in greenlets; of its ports, those that may block run in threads."""

    @override
    async def run(
        self, call: Callable[ParamsT, ResultT], /, *args: ParamsT.args, **kwargs: ParamsT.kwargs
    ) -> ResultT:
        return await greenlet_spawn(partial(call, *args, **kwargs))

    @override
    def wait_for(self, awaitable: Awaitable[ResultT]) -> ResultT:
        return await_only(awaitable)

    @override
    def in_thread(self, call: Callable[[], ResultT]) -> ResultT:
        return await_only(asyncio.to_thread(call))

    @override
    def is_crossed(self, given: object, protocol: type) -> bool:
        # A port over the asynchronous engine gives way by itself, and works in no thread.
        return type(given) not in _NEVER_BLOCK and not getattr(given, "gives_way", False)


async def open_async_sharing(  # noqa: PLR0913  as `open_sharing`
    engine: AsyncEngine | Engine,
    *,
    policy: Policy | None = None,
    directory: AsyncDirectory | None = None,
    notifier: AsyncNotifier | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    tables: Tables | None = None,
    host_facts: AsyncHostFacts | None = None,
    exams: AsyncHostExams | None = None,
    reading: AsyncEngine | Engine | None = None,
    stale_seconds_accepted: float | None = None,
) -> AsyncSharing:
    """Return an `AsyncSharing` over a database; notices wait for `deliver_notices` or a relay.

    The arguments and the errors are as for `open_sharing`. Over a synchronous engine, as of SQLite,
    calls run in threads.

    Methods of `directory`, `notifier`, `host_facts` and `exams` may be coroutine functions, which
    run on the event loop. The others run in threads, except in `MemoryDirectory`, `MemoryNotifier`
    and a `SqlDirectory` over an `AsyncEngine`, which do not block. Rules of the policy and of
    visibility, the clock and `new_id` must not block.
    """
    bridge: Bridge = _GreenletBridge() if isinstance(engine, AsyncEngine) else ThreadBridge()

    def opened() -> Sharing:
        return synchronous.open_sharing(
            _synchronous(engine),
            policy=policy,
            directory=bridge.port(directory, Directory),
            notifier=bridge.port(notifier, Notifier),
            clock=clock,
            new_id=new_id,
            tables=tables,
            host_facts=bridge.port(host_facts, HostFacts),
            exams=bridge.port(exams, HostExams),
            reading=None if reading is None else _synchronous(reading),
            stale_seconds_accepted=stale_seconds_accepted,
        )

    if reading is not None and isinstance(reading, AsyncEngine) != isinstance(engine, AsyncEngine):
        raise InvalidArgument("reading", "must be asynchronous as the engine is, or not as it is")
    return AsyncSharing(await bridge.run(opened), bridge)


async def joined_async(
    transaction: AsyncConnection | AsyncSession,
    *,
    directory: AsyncDirectory,
    policy: Policy | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    tables: Tables | None = None,
    host_facts: AsyncHostFacts | None = None,
    exams: AsyncHostExams | None = None,
) -> AsyncSharing:
    """Return an `AsyncSharing` inside an open transaction, which the host alone ends: `joined`.

    The arguments and the errors are as for `joined`, and ports as for `open_async_sharing`. As the
    connection and the session themselves, it serves one task at a time.

    Raises:
        WrongKind: the transaction is neither an `AsyncConnection` nor an `AsyncSession`.
    """
    require_instance("transaction", transaction, AsyncConnection, AsyncSession)
    bridge = _GreenletBridge()

    def join(inside: Connection | Session) -> Sharing:
        return synchronous.joined(
            inside,
            directory=bridge.port(directory, Directory),
            policy=policy,
            clock=clock,
            new_id=new_id,
            tables=tables,
            host_facts=bridge.port(host_facts, HostFacts),
            exams=bridge.port(exams, HostExams),
        )

    return AsyncSharing(await transaction.run_sync(join), bridge)


async def run_sync(
    engine: AsyncEngine | Engine,
    call: Callable[Concatenate[Engine, ParamsT], ResultT],
    *args: ParamsT.args,
    **kwargs: ParamsT.kwargs,
) -> ResultT:
    """Call a synchronous function with the engine, as `create_all`, beside the event loop.

    Over an `AsyncEngine` the function gets the engine's `sync_engine`, and runs in a greenlet, so
    that it may use whatever reads by this engine: `SqlDirectory` and its methods, sweeps.
    """
    bridge: Bridge = _GreenletBridge() if isinstance(engine, AsyncEngine) else ThreadBridge()
    return await bridge.run(call, _synchronous(engine), *args, **kwargs)


def _synchronous(engine: AsyncEngine | Engine) -> Engine:
    return engine.sync_engine if isinstance(engine, AsyncEngine) else engine
