"""Checks and lists that a standby answers, and the primary where the standby must not.

Acts, and whatever an act reads, stay on the primary.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from datetime import datetime
from math import inf
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.adapters.sqlalchemy.database import Database, OwnTransactions, Transactions
from exam_sharing.adapters.sqlalchemy.direct import DirectReader, OneRow
from exam_sharing.adapters.sqlalchemy.directory import SqlDirectory
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.host import HostExams, store_over
from exam_sharing.adapters.sqlalchemy.reading import Asked, Cursor, Exams, Keys, Question, rendered
from exam_sharing.adapters.sqlalchemy.standby_guard import Guard, NotFollowing, Position
from exam_sharing.adapters.sqlalchemy.table_directory import TableDirectory
from exam_sharing.adapters.sqlalchemy.table_exams import TableExams
from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, UserId
from exam_sharing.policy.facts import Involvement
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import AccessReader, Directory, Ports, Readers, Reading
from exam_sharing.validation import require_instance

AnswerT = TypeVar("AnswerT")


class _StandbyTransactions(Transactions):
    """Reads on a standby, each after the guard has let it pass."""

    def __init__(
        self, engine: Engine, guard: Guard, after: Position | None, *, all_wait: bool
    ) -> None:
        super().__init__(engine.dialect)
        self._standby, self._direct = OwnTransactions(engine), DirectReader(engine)
        self._guard, self._after, self._all_wait = guard, after, all_wait

    @override
    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self._guard.require_word()
        try:
            with (
                self._standby.reading() as connection,
                self._guard.bounded(connection.connection.driver_connection),
            ):
                until = self._until(lambda asked: connection.exec_driver_sql(asked).one())
                yield connection
        except engines.FAILURES:
            self._guard.failed()
            raise
        _require_in_time(until)

    @override
    @in_our_words
    def ask(self, question: Question[AnswerT], asked: Asked) -> AnswerT:
        if not self._direct.is_usable():
            return super().ask(question, asked)
        self._guard.require_word()
        written, until = rendered(question.statement, self._direct.dialect), [0.0]

        @contextmanager
        def followed(driver: object, ask: OneRow) -> Iterator[None]:
            with self._guard.bounded(driver):
                until[0] = self._until(ask)
                yield

        rows = self._direct.rows(written.text, written.values(asked), followed)
        if rows is None:
            self._guard.failed()
            raise NotFollowing("the standby does not answer")
        _require_in_time(until[0])
        return question.answer(written.rows(rows))

    def _until(self, ask: OneRow) -> float:
        return self._guard.require_following(ask, self._after, all_wait=self._all_wait)

    @override
    def writing(self) -> AbstractContextManager[Connection]:
        raise StoreFailed("nothing is written on a standby")


def _require_in_time(until: float) -> None:
    # The process may have been stopped between the two statements.
    if monotonic() > until:
        raise NotFollowing("the answer of the standby came too late")


class _FirstTheStandby(AccessReader):
    """Asks the standby, and the primary if the standby does not answer."""

    def __init__(self, standby: AccessReader, primary: AccessReader) -> None:
        self._standby, self._primary = standby, primary

    @override
    def involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime
    ) -> Involvement | None:
        return self._primary.involved(user, principals, named, now)

    @override
    def holds(
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> bool:
        return self._first(lambda store: store.holds(user, principals, permission, exam, now))

    @override
    def holding(
        self, user: UserId, principals: Keys, permission: Permission, exams: Exams, now: datetime
    ) -> frozenset[ExamId]:
        named = tuple(exams)
        return self._first(lambda store: store.holding(user, principals, permission, named, now))

    @override
    def visible(
        self, user: UserId, principals: Keys, after: Cursor, limit: int, now: datetime, *, own: bool
    ) -> tuple[VisibleExam, ...]:
        return self._first(
            lambda store: store.visible(user, principals, after, limit, now, own=own)
        )

    def _first(self, ask: Callable[[AccessReader], AnswerT]) -> AnswerT:
        return _first(lambda: ask(self._standby), lambda: ask(self._primary))


def _first(on_standby: Callable[[], AnswerT], on_primary: Callable[[], AnswerT]) -> AnswerT:
    try:
        return on_standby()
    except StoreFailed:
        pass
    # Outside of the handler, so that the caught error is not the context of another.
    return on_primary()


class StandbyReading(Reading):
    """The ports of a store and of a directory that answer on a standby."""

    def __init__(
        self,
        engine: Engine,
        primary: Database,
        ports: Ports,
        exams: HostExams | TableExams | None,
        *,
        accepted: float | None,
    ) -> None:
        """Check that the standby of the engine may answer, if it is there."""
        self._ports, self._exams, self._tables = ports, exams, primary.tables
        self._engine = _checked(engine)
        self._guard = Guard(primary, self._engine, accepted=accepted)
        self._people_here = _reads_over(primary.transactions, ports.directory)

    @override
    def token(self) -> str:
        return str(self._guard.position())

    @override
    def readers(self, token: str | None) -> Readers:
        after = None if token is None else self._guard.position_of(token)

        def transactions(*, all_wait: bool) -> Transactions:
            return _StandbyTransactions(self._engine, self._guard, after, all_wait=all_wait)

        exams = transactions(all_wait=isinstance(self._exams, TableExams))
        there = store_over(Database(exams, self._tables), self._exams)
        access, directory = _FirstTheStandby(there, self._ports.access), self._ports.directory
        if not self._people_here:
            return Readers(access=access)
        people: Any = copy(directory)
        # This package alone writes the memberships of a `SqlDirectory`.
        of_host = isinstance(directory, TableDirectory)
        people._transactions = transactions(all_wait=of_host)  # noqa: SLF001  one adapter

        def principals_of(user: UserId) -> Keys:
            return _first(lambda: people.principals_of(user), lambda: directory.principals_of(user))

        return Readers(access=access, principals_of=principals_of)


def standby_reading(
    engine: Engine | None,
    primary: Database,
    ports: Ports,
    exams: HostExams | TableExams | None,
    accepted: float | None,
) -> StandbyReading | None:
    """Return the ports that answer on a standby, if the host gives its engine."""
    if accepted is not None:
        require_instance("stale_seconds_accepted", accepted, int, float)
        if isinstance(accepted, bool) or not 0 < accepted < inf:
            raise InvalidArgument("stale_seconds_accepted", "must be a number above 0")
    if engine is None:
        if accepted is None:
            return None
        raise InvalidArgument("reading", "must be given where staleness is accepted")
    return StandbyReading(engine, primary, ports, exams, accepted=accepted)


def _checked(engine: Engine) -> Engine:
    try:
        engines.require_dialect(engine)
    except InvalidArgument as error:
        raise InvalidArgument("reading", error.problem) from None
    if engine.dialect.name != "postgresql":
        raise InvalidArgument("reading", "must be of a standby of PostgreSQL")
    return engines.quiet_engine(engine)


def _reads_over(primary: Transactions, directory: Directory) -> bool:
    """Return whether a directory of ours reads the database of the primary."""
    if not isinstance(directory, SqlDirectory | TableDirectory):
        return False
    asked = type(directory).principals_of
    if asked not in {SqlDirectory.principals_of, TableDirectory.principals_of}:
        return False  # A subclass answers in its own way.
    there = directory._transactions  # noqa: SLF001  one adapter
    return isinstance(there, OwnTransactions) and there.reads_with(primary)
