"""How the parts of the store reach the database: transactions, connections, and the tables.

A read is one statement, which sees one moment. A write is one transaction. An act first races with
other acts. After lost races it takes a turn: a transaction in which it locks before it reads.

In a turn, or in a host's open transaction, the thread reads the database over that connection only.
Otherwise threads that wait for the locks could use up the pool, and this thread could not go on. In
an event loop, the same holds for tasks.
"""

from abc import ABC, abstractmethod
from asyncio import Task, current_task
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import lru_cache
from threading import Lock, get_ident
from typing import Any, Final, TypeAlias, TypeVar

import attrs
from sqlalchemy import Engine, Row, Select, Table, literal_column, null, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, RootTransaction
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.adapters.sqlalchemy.confirming import Standbys
from exam_sharing.adapters.sqlalchemy.direct import DirectReader
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.reading import Asked, Question, rendered
from exam_sharing.adapters.sqlalchemy.tables import SCHEMA, Tables, given_tables
from exam_sharing.errors import Conflict, StoreFailed, Unconfirmed
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.retries import LOCK_TIMEOUT

AnswerT = TypeVar("AnswerT")

# A commit is then confirmed once every standby for which the primary waits has applied it, so that
# checks on that standby know of it. Without such a standby, this waits for nothing.
CONFIRMED: Final = ("set_config('synchronous_commit', 'remote_apply', true)",)
_WAITS: Final = "current_setting('synchronous_standby_names') <> ''"
# For what decides nothing, while standbys are gone.
UNCONFIRMED: Final = text("SELECT set_config('synchronous_commit', 'local', true)")
# Something to wait for: it follows in the log all that was read before, and changes nothing.
_MARK: Final = text("SELECT pg_logical_emit_message(true, 'exam_sharing', '')")
# How long a racing act waits for a lock: the act that holds it longer will most likely win.
_BRIEFLY: Final = ("set_config('lock_timeout', '1s', true)", *CONFIRMED)
# An act in its turn waits longer. PostgreSQL ends a turn that is idle for 10 seconds, so that a
# process that hangs does not hold the locks for good.
_IN_TURN: Final = (
    f"set_config('lock_timeout', '{LOCK_TIMEOUT:.0f}s', true)",
    "set_config('idle_in_transaction_session_timeout', '10s', true)",
    *CONFIRMED,
)
_OLDER: Final = "older", "upgrade them with `exam-sharing upgrade` or a migration"
_NEWER: Final = "newer", "upgrade the package exam-sharing, and start this process again"
_UNRECORDED: Final = "the shape of the tables was not recorded; record it where you create them"
TRANSLATED: Final = "schema_translate_map"
# A thread, and the task of asyncio that it runs, if any.
_Runner: TypeAlias = tuple[int, "Task[Any] | None"]
_HELD: Final[ContextVar[tuple[Connection, Engine, _Runner] | None]] = ContextVar(
    "_HELD", default=None
)


@contextmanager
def holding(connection: Connection, engine: Engine) -> Iterator[None]:
    """Let this thread or task read over a connection in a transaction, not over the engine."""
    token = _HELD.set((connection, engine, _runner()))
    try:
        yield
    finally:
        _HELD.reset(token)


def held_connection(engine: Engine) -> Connection | None:
    """Return the connection that this thread or task must read over, not the engine, if any."""
    held = _HELD.get()
    if held is None:
        return None
    connection, beside, runner = held
    # The host's code may start threads and tasks with a copy of this context. They have no part in
    # the transaction, and may outlive it.
    if runner != _runner() or connection.closed:
        return None
    translated = connection.get_execution_options().get(TRANSLATED)
    same_names = engine.get_execution_options().get(TRANSLATED) == translated
    return connection if engine.pool is beside.pool and same_names else None


def _runner() -> _Runner:
    try:
        return get_ident(), current_task()
    except RuntimeError:  # The thread runs no event loop.
        return get_ident(), None


class Transactions(ABC):
    """Where statements are executed: in PostgreSQL or in SQLite.

    A transaction that writes reads the shape of the tables first. This holds a lock against a
    change of the shape until the transaction has ended. A single statement follows such a read.
    """

    def __init__(self, dialect: Dialect, schema: Table | None = None) -> None:
        """Keep the table with the number of the shape; without it, the shape is not checked."""
        self.dialect: Dialect = dialect
        self._schema = schema
        self.postgresql: bool = dialect.name == "postgresql"
        self.asynchronous: bool = dialect.is_async
        self.standbys: Standbys = Standbys(awaited=self.postgresql)

    @property
    def joined(self) -> bool:
        """Whether it is the host's transaction: an act is decided once, and sends no notice."""
        return False

    @property
    def records_last(self) -> bool:
        """Whether what is written in `recording` is there for good, and can be relied on later."""
        return True

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Open a connection for one statement that reads."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Open a connection for statements that are written together or not at all."""

    def writing_inside(self) -> AbstractContextManager[Connection]:
        """Do the same, inside of the transaction over whose connection this thread reads, if any.

        Otherwise it would wait for a lock of that transaction.
        """
        return self.writing()

    def writing_once(self) -> AbstractContextManager[Connection]:
        """Open a connection for a single statement that writes, and that cannot lose a race.

        What it writes decides nothing, and need not be confirmed by a standby.
        """
        return self.writing()

    def recording(self) -> AbstractContextManager[Connection]:
        """Open a connection for the record of a refusal."""
        return self.writing_once()

    def racing(
        self,
        exams: Collection[ExamId],  # noqa: ARG002  whatever they are
    ) -> AbstractContextManager[Connection]:
        """Open a connection for what an act writes; it waits only briefly for locks."""
        return self.writing()

    def in_turn(
        self,
        exams: Collection[ExamId],  # noqa: ARG002  whatever they are
    ) -> AbstractContextManager[Connection | None]:
        """Open the transaction of a turn, which the act commits; `None` if no turn is possible.

        Raises:
            Conflict: other acts of this process had their turns until the longest wait was over.
        """
        return nullcontext()

    def commit(self, connection: Connection) -> None:
        """Commit the transaction of a turn."""
        connection.commit()

    def is_confirmed(self) -> bool:
        """Return whether standbys have confirmed all that was read so far; this waits for them.

        In a transaction of the host's, its commit waits.
        """
        if self.postgresql and self._reads_waits():
            try:
                with self.writing() as connection:
                    connection.execute(_MARK)
            except Unconfirmed:
                return False
        return True

    def _reads_waits(self) -> bool:
        with self.reading() as connection:
            return bool(connection.scalar(select(literal_column(_WAITS))))

    def _set_up(self, connection: Connection, settings: tuple[str, ...]) -> None:
        """Execute the first statement of a transaction that writes, with settings of PostgreSQL."""
        if not self.postgresql:
            require_shape(connection, self._schema)
            return
        first = connection.execute(_first_statement(settings, self._schema)).one()
        self.standbys.awaited = first.waits
        if self._schema is not None:
            _require_recorded(first.shape)

    def rows(self, statement: Select[Any], **asked: object) -> Sequence[Row[Any]]:
        """Execute a statement that reads, and return its rows."""
        with self.reading() as connection:
            return connection.execute(statement, asked).all()

    @in_our_words
    def ask(self, question: Question[AnswerT], asked: Asked) -> AnswerT:
        """Execute a question with its parameters, and return its answer."""
        with self.reading() as connection:
            if connection.get_execution_options().get(TRANSLATED):
                # SQLAlchemy alone can put translated names into the text.
                return question.answer(connection.execute(question.statement, asked))
            written = rendered(question.statement, connection.dialect)
            result = connection.exec_driver_sql(written.text, written.values(asked))
            return question.answer(written.rows(result.all()))


class OwnTransactions(Transactions):
    """Transactions of our own, over an engine that `checked_engine` made of the host's."""

    def __init__(self, engine: Engine, schema: Table | None = None) -> None:
        super().__init__(engine.dialect, schema)
        self._engine = engine
        self._direct = DirectReader(engine)
        # Only one act of this process has a turn at a time; `_taken` are its exams.
        self._turns = Lock()
        self._taken: frozenset[ExamId] = frozenset()
        # A single statement is a transaction already; on SQLite it must not lock writers out.
        self._reader = (
            engine.execution_options(isolation_level="AUTOCOMMIT")
            if self.postgresql
            else engine.execution_options(**{engines.READS: True})
        )

    @override
    def reading(self) -> AbstractContextManager[Connection]:
        held = held_connection(self._engine)
        return self._reader.connect() if held is None else nullcontext(held)

    @override
    @in_our_words
    def ask(self, question: Question[AnswerT], asked: Asked) -> AnswerT:
        direct = self._direct
        if (_HELD.get() is None or held_connection(self._engine) is None) and direct.is_usable():
            written = rendered(question.statement, direct.dialect)
            rows = direct.rows(written.text, written.values(asked))
            if rows is not None:
                by_place = question.by_place and not written.is_converted
                return question.answer(rows if by_place else written.rows(rows))
        return super().ask(question, asked)

    def reads_with(self, other: Transactions) -> bool:
        """Return whether another one reads the same database over the same pool."""
        return isinstance(other, OwnTransactions) and self._engine.pool is other._engine.pool  # noqa: SLF001

    @override
    def writing(self) -> AbstractContextManager[Connection]:
        return self._writing(CONFIRMED)

    @override
    @contextmanager
    def writing_inside(self) -> Iterator[Connection]:
        held = held_connection(self._engine)
        if held is None:
            with self.writing() as connection:
                yield connection
            return
        with held.begin_nested():
            yield held

    @contextmanager
    def _writing(self, settings: tuple[str, ...]) -> Iterator[Connection]:
        """Open a transaction with settings of PostgreSQL."""
        self._require_no_wait_for_itself()
        with self._engine.connect() as connection, ExitStack() as until_ended:
            until_ended.enter_context(self._begin(connection))
            self._set_up(connection, settings)
            yield connection
            with self.standbys.bounded(connection):
                until_ended.close()

    @override
    @contextmanager
    def writing_once(self) -> Iterator[Connection]:
        self._require_no_wait_for_itself()
        with self._engine.connect() as connection:
            if self.standbys.are_gone():
                with self._begin(connection):
                    connection.execute(UNCONFIRMED)
                    require_shape(connection, self._schema)
                    yield connection
                return
            if self.postgresql:
                # A single statement is a transaction already, and others cannot make it fail. As an
                # option of the connection, this overrides the host's option of the engine.
                connection.execution_options(isolation_level="AUTOCOMMIT")
            with suppress(Unconfirmed), self.standbys.bounded(connection), connection.begin():
                require_shape(connection, self._schema)
                yield connection

    @override
    @contextmanager
    def racing(self, exams: Collection[ExamId]) -> Iterator[Connection]:
        self._require_no_wait_for_itself()
        with ExitStack() as until_written:
            # Acts wait here without a connection, since the act in its turn may need one.
            if not self.postgresql:
                # SQLite has one writer at a time, whatever it writes.
                self._wait_for_turn(until_written)
            elif not self._taken.isdisjoint(exams):
                with ExitStack() as at_once:
                    self._wait_for_turn(at_once)
            yield until_written.enter_context(self._writing(_BRIEFLY))

    @override
    @contextmanager
    def in_turn(self, exams: Collection[ExamId]) -> Iterator[Connection | None]:
        if held_connection(self._engine) is not None:
            yield None
            return
        with ExitStack() as until_left:
            if not self._wait_for_turn(until_left):
                raise Conflict(1)
            self._taken = frozenset(exams)
            until_left.callback(setattr, self, "_taken", frozenset())
            connection = self._engine.connect()
            until_left.callback(_give_back, connection)
            self._begin(connection)
            self._set_up(connection, _IN_TURN)
            until_left.enter_context(holding(connection, self._engine))
            yield connection

    @override
    def commit(self, connection: Connection) -> None:
        with self.standbys.bounded(connection):
            connection.commit()

    @override
    def is_confirmed(self) -> bool:
        held = held_connection(self._engine)
        if held is None:
            return super().is_confirmed()
        try:
            # A turn that finds its act already done ends here.
            held.execute(_MARK)
            self.commit(held)
        except Unconfirmed:
            return False
        return True

    def _require_no_wait_for_itself(self) -> None:
        # On SQLite, a second writer in the same thread would wait for the first for ever. The error
        # ends the act's turn, and the act races again.
        if not self.postgresql and held_connection(self._engine) is not None:
            raise Conflict(1)

    def _begin(self, connection: Connection) -> RootTransaction:
        if self.postgresql:
            # Acts lock and compare versions, and need no more. Under a host's stricter isolation,
            # an act would fail when it waits for another, and a process that waits to create tables
            # would not see the tables that another process has created.
            connection.execution_options(isolation_level="READ COMMITTED")
        begun = connection.begin()
        # A listener of the host's may have changed the engine since it was checked.
        if not engines.is_begun(connection):
            raise StoreFailed("the engine begins no transaction; see that nothing prevents it")
        return begun

    def _wait_for_turn(self, until: ExitStack) -> bool:
        its_turn = engines.is_acquired(self._turns, LOCK_TIMEOUT)
        if its_turn:
            until.callback(self._turns.release)
        return its_turn


def _give_back(connection: Connection) -> None:
    """Roll back what was not committed, and return the connection to its pool."""
    try:
        connection.rollback()
    except SQLAlchemyError:
        # The database ended the session, and rolled back itself.
        connection.invalidate()
    connection.close()


@attrs.frozen
class Database:
    """A database that has our tables."""

    transactions: Transactions
    tables: Tables


def own_database(engine: Engine, tables: Tables | None) -> Database:
    """Return a database with transactions of our own, after a check of its tables."""
    known = given_tables(tables)
    own = engines.checked_engine(engine)
    check_schema(own, known)
    return Database(OwnTransactions(own, known.schema), known)


@lru_cache
def _first_statement(settings: tuple[str, ...], schema: Table | None) -> Select[Any]:
    shape: Any = null() if schema is None else select(schema.c.number).scalar_subquery()
    columns: list[Any] = [literal_column(each) for each in settings]
    columns += [literal_column(_WAITS).label("waits"), shape.label("shape")]
    return select(*columns)


def insert_unless_there(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an insert that does nothing where a row with the same key is there."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def is_inserted(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless one with the same key is there, and return whether it was inserted."""
    # Drivers do not report the number of inserted rows reliably; they do report returned rows.
    insert = insert_unless_there(connection, table).returning(*table.primary_key)
    return connection.execute(insert, row).first() is not None


def check_schema(engine: Engine, tables: Tables) -> None:
    """Raise `StoreFailed` unless the tables have the shape that this version needs."""
    require_schema(schema_found(engine, tables))


def require_schema(found: int | None) -> int:
    """Return the number of a shape; raise `StoreFailed` unless this version needs this shape."""
    if found is None:
        raise StoreFailed("the tables are not there; create them with create_all or a migration")
    if found != SCHEMA:
        how, remedy = _OLDER if found < SCHEMA else _NEWER
        raise StoreFailed(
            f"the tables are of shape {found}, {how} than the {SCHEMA} needed here; {remedy}"
        )
    return found


@in_our_words
def schema_found(engine: Engine, tables: Tables) -> int | None:
    """Return the number of the shape of the tables, or `None` where there are none."""
    with engine.execution_options(**{engines.READS: True}).connect() as connection:
        return schema_over(connection, tables)


def schema_over(connection: Connection, tables: Tables) -> int | None:
    """Do the same as `schema_found` over a connection."""
    table = tables.schema
    if not connection.dialect.has_table(connection, table.name, schema=table.schema):
        return None
    found: int | None = connection.scalar(select(table.c.number))
    if found is None:
        raise StoreFailed(_UNRECORDED)
    return found


def require_shape(connection: Connection, schema: Table | None) -> None:
    """Raise `StoreFailed` if the tables were upgraded, and this process must write no more.

    The table holds the number of the shape; without it, nothing is checked.
    """
    if schema is not None:
        _require_recorded(connection.scalar(select(schema.c.number)))


def _require_recorded(found: int | None) -> None:
    if found is None:
        raise StoreFailed(_UNRECORDED)
    require_schema(found)
