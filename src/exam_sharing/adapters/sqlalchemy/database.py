"""How the parts of the store reach the database, and whose transactions they are.

Reading is one statement at a time, each of which sees one moment. Writing is one transaction.

While an act holds locks, or a host its transaction, everything of ours that reads the same database
reads over their connection. Threads that wait for those locks can then use up a pool, and the one
that they wait for still goes on.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from threading import Lock, get_ident
from typing import Any, Final, Protocol, TypeVar

import attrs
from sqlalchemy import Engine, Table, func, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.engines import (
    READS,
    checked_engine,
    given_tables,
    is_begun,
    require_connection,
)
from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.adapters.sqlalchemy.questions import Question, rendered
from exam_sharing.adapters.sqlalchemy.tables import SCHEMA, Tables
from exam_sharing.errors import Conflict, StoreFailed
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.retries import LOCK_TIMEOUT
from exam_sharing.validation import require_kind

__all__ = [
    "Database",
    "OwnTransactions",
    "Transactions",
    "check_schema",
    "create_all",
    "held_connection",
    "holding",
    "insert_unless_there",
    "is_inserted",
    "is_same_database",
    "record_schema",
    "schema_found",
]

_HELD: Final[ContextVar[tuple[Connection, Engine, int] | None]] = ContextVar("_HELD", default=None)


@contextmanager
def holding(connection: Connection, engine: Engine) -> Iterator[None]:
    """Let this thread read over a connection in a transaction, instead of over the engine."""
    token = _HELD.set((connection, engine, get_ident()))
    try:
        yield
    finally:
        _HELD.reset(token)


def held_connection(engine: Engine) -> Connection | None:
    """Return the connection over which this thread is to read what the engine would."""
    held = _HELD.get()
    if held is None:
        return None
    connection, beside, thread = held
    # A host that is asked meanwhile may begin threads and tasks with a copy of this context. They
    # have no part in the transaction, and may outlive it.
    if thread != get_ident() or connection.closed:
        return None
    return connection if is_same_database(connection, beside, engine) else None


def is_same_database(connection: Connection, beside: Engine, engine: Engine) -> bool:
    """Say whether statements of an engine find the same tables over a connection.

    Args:
        connection: the connection.
        beside: the engine that makes connections beside it.
        engine: the one that is asked about.
    """
    names = "schema_translate_map"
    translated = connection.get_execution_options().get(names)
    same_names = engine.get_execution_options().get(names) == translated
    return engine.pool is beside.pool and same_names


AnswerT = TypeVar("AnswerT")

_WAIT: Final = text("SELECT set_config('lock_timeout', '1s', true)")
"""An act that races waits so long for others: whom it waits for most likely makes it lose."""

_WAIT_IN_TURN: Final = text(
    f"SELECT set_config('lock_timeout', '{LOCK_TIMEOUT:.0f}s', true), "
    "set_config('idle_in_transaction_session_timeout', '10s', true)"
)
"""An act that asks for its turn waits longer. In its turn, it may leave the database idle so long:
PostgreSQL then ends the turn, so that a process that hangs holds up nobody for good."""


class Transactions(Protocol):
    """Where statements are executed."""

    @property
    def postgresql(self) -> bool:
        """Whether it is PostgreSQL; it is SQLite otherwise."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a connection for one statement that reads."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a connection for statements that are written together or not at all."""

    def writing_once(self) -> AbstractContextManager[Connection]:
        """Open a connection for one statement that writes, and loses no race to others."""

    def racing(self, exams: Collection[ExamId]) -> AbstractContextManager[Connection]:
        """Open a connection for what an act writes, which waits for others but a moment."""

    def in_turn(self, exams: Collection[ExamId]) -> AbstractContextManager[Connection | None]:
        """Open a transaction in which an act may lock, read and write; it commits itself.

        `None` where this cannot be.

        Raises:
            Conflict: others of this process had their turns for as long as one may wait.
        """


class OwnTransactions(Transactions):
    """Transactions of our own.

    Args:
        engine: one that `checked_engine` or `quiet_engine` made of the host's.
    """

    def __init__(self, engine: Engine) -> None:
        """Keep the engine."""
        self._engine = engine
        # One act of this process has its turn at a time, on some exams.
        self._turns = Lock()
        self._taken: frozenset[ExamId] = frozenset()
        # A statement alone is a transaction already; on SQLite it must not lock writers out.
        self._reader = (
            engine.execution_options(isolation_level="AUTOCOMMIT")
            if self.postgresql
            else engine.execution_options(**{READS: True})
        )

    @property
    @override
    def postgresql(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    @override
    def reading(self) -> AbstractContextManager[Connection]:
        held = held_connection(self._engine)
        return self._reader.connect() if held is None else nullcontext(held)

    @override
    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self._require_no_wait_for_itself()
        with self._engine.connect() as connection:
            self._isolate(connection)
            with connection.begin():
                _require_begun(connection)
                yield connection

    def _require_no_wait_for_itself(self) -> None:
        # On SQLite, what writes beside a transaction of the same thread waits for it in vain. That
        # of an act in its turn ends here, and the act races again.
        if not self.postgresql and held_connection(self._engine) is not None:
            raise Conflict(1)

    def _isolate(self, connection: Connection) -> None:
        if self.postgresql:
            # Versions are locked and compared, which is all that acts need. Where the host runs
            # everything stricter, others would make what merely waits for them fail.
            connection.execution_options(isolation_level="READ COMMITTED")

    @override
    @contextmanager
    def racing(self, exams: Collection[ExamId]) -> Iterator[Connection]:
        self._require_no_wait_for_itself()
        with ExitStack() as until_written:
            # Those who wait here wait without a connection, which the one in its turn may need.
            if not self.postgresql:
                # There is one writer at a time, whatever it writes.
                self._wait_for_turn(until_written)
            elif not self._taken.isdisjoint(exams):
                with ExitStack() as at_once:
                    self._wait_for_turn(at_once)
            connection = until_written.enter_context(self.writing())
            if self.postgresql:
                connection.execute(_WAIT)
            yield connection

    def _wait_for_turn(self, until: ExitStack) -> bool:
        its_turn = self._turns.acquire(timeout=LOCK_TIMEOUT)
        if its_turn:
            until.callback(self._turns.release)
        return its_turn

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
            until_left.callback(self._none_taken)
            connection = self._engine.connect()
            until_left.callback(_give_back, connection)
            self._isolate(connection)
            connection.begin()
            _require_begun(connection)
            if self.postgresql:
                connection.execute(_WAIT_IN_TURN)
            until_left.enter_context(holding(connection, self._engine))
            yield connection

    def _none_taken(self) -> None:
        self._taken = frozenset()

    @override
    @contextmanager
    def writing_once(self) -> Iterator[Connection]:
        self._require_no_wait_for_itself()
        with self._engine.connect() as connection:
            if self.postgresql:
                # A statement alone is a transaction already, and none that others can make fail.
                # Said of the connection, it also overrides what the host said of the engine.
                connection.execution_options(isolation_level="AUTOCOMMIT")
            with connection.begin():
                yield connection


def _require_begun(connection: Connection) -> None:
    # What was so when the engine was checked, an event of the host's may have changed.
    if not is_begun(connection):
        raise StoreFailed("the engine begins no transaction; see that nothing prevents it")


@attrs.frozen
class Database:
    """A database that has our tables."""

    transactions: Transactions
    tables: Tables

    @property
    def postgresql(self) -> bool:
        """Whether it is PostgreSQL; it is SQLite otherwise."""
        return self.transactions.postgresql

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a connection for one statement that reads."""
        return self.transactions.reading()

    def ask(self, question: Question[AnswerT]) -> AnswerT:
        """Put a question, and return its answer."""
        with self.reading() as connection:
            if connection.get_execution_options().get("schema_translate_map"):
                # The names in the text are then other ones, which SQLAlchemy alone can put there.
                return question.answer(connection.execute(question.statement, question.parameters))
            written = rendered(question.statement, connection.dialect)
            result = connection.exec_driver_sql(written.text, written.values(question.parameters))
            return question.answer(written.rows(result.all()))

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a connection for statements that are written together or not at all."""
        return self.transactions.writing()

    def writing_once(self) -> AbstractContextManager[Connection]:
        """Open a connection for one statement that writes, and loses no race to others."""
        return self.transactions.writing_once()

    def racing(self, exams: Collection[ExamId]) -> AbstractContextManager[Connection]:
        """Open a connection for what an act writes, which waits for others but a moment."""
        return self.transactions.racing(exams)


def _give_back(connection: Connection) -> None:
    """Roll back what was not committed, and return the connection to its pool."""
    try:
        connection.rollback()
    except SQLAlchemyError:
        # The database ended the session, and rolled back itself.
        connection.invalidate()
    connection.close()


def insert_unless_there(database: Database, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """Return an insert that does nothing where a row with the same key is there."""
    if database.postgresql:
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def is_inserted(
    connection: Connection, database: Database, table: Table, row: Mapping[str, Any]
) -> bool:
    """Insert a row unless one with the same key is there, and say whether it was inserted."""
    # How many rows an insert has written, drivers do not tell reliably; what it returns, they do.
    insert = insert_unless_there(database, table).returning(*table.primary_key)
    return connection.execute(insert, row).first() is not None


_CREATING: Final = 0x6578616D5F7368
"""The number of the lock under which PostgreSQL creates the tables; no other use of it is known."""


def create_all(engine: Engine, tables: Tables | None = None) -> Tables:
    """Create the tables that are not there, and record their shape; return them.

    For hosts without migrations; any number of processes may do so at once. Tables of an older
    shape are left as they are, and where all tables are there, nothing is written.

    Args:
        engine: of the database.
        tables: by default those of `define_tables` with a `MetaData` of their own.

    Raises:
        InvalidValue: the engine cannot be used.
        StoreFailed: the database cannot be written, or holds tables of another shape.
        WrongKind: the tables are none of ours.
    """
    kept = given_tables(tables)
    own = checked_engine(engine)
    if not _are_there(own, kept):
        _create(own, kept)
    check_schema(own, kept)
    return kept


@in_our_words
def _are_there(engine: Engine, tables: Tables) -> bool:
    """Say whether every table is there, and their shape is recorded."""
    with engine.execution_options(**{READS: True}).connect() as connection:
        found = inspect(connection).get_table_names(schema=tables.schema.schema)
        if not {each.name for each in tables.all()} <= set(found):
            return False
        return connection.scalar(select(tables.schema.c.number)) is not None


@in_our_words
def _create(engine: Engine, tables: Tables) -> None:
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # Serializable, as hosts may run everything, the transaction would not see what another
            # process created while this one waited for the lock.
            connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_CREATING)))
            tables.metadata.create_all(connection, tables=list(tables.all()))
            if connection.scalar(select(tables.schema.c.number)) is None:
                record_schema(connection, tables)


def record_schema(connection: Connection, tables: Tables) -> None:
    """Record the shape of tables that were created just now, as `create_all` does itself.

    Recording it again changes nothing.

    Raises:
        InvalidValue: the connection is asynchronous.
        StoreFailed: the database cannot be written.
        WrongKind: it is no connection, or the tables are none of ours.
    """
    require_connection(connection)
    require_kind("tables", tables, Tables)
    _put_shape(connection, tables)


@in_our_words
def _put_shape(connection: Connection, tables: Tables) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    put = dialect.insert(tables.schema).on_conflict_do_nothing()
    connection.execute(put, {"number": SCHEMA})


def check_schema(engine: Engine, tables: Tables) -> None:
    """Make sure that the tables are of the shape that this version of the package needs.

    Raises:
        StoreFailed: they are not there, older, or newer.
    """
    found = schema_found(engine, tables)
    if found is None:
        raise StoreFailed("the tables are not there; create them with create_all or a migration")
    if found != SCHEMA:
        older = found < SCHEMA
        how, remedy = ("older", "migrate them") if older else ("newer", "upgrade exam-sharing")
        raise StoreFailed(
            f"the tables are of shape {found}, {how} than the {SCHEMA} needed here; {remedy}"
        )


@in_our_words
def schema_found(engine: Engine, tables: Tables) -> int | None:
    """Return the number of the shape of the tables, or `None` where there are none.

    Raises:
        StoreFailed: the database does not answer, or the tables do not say of what shape they are.
    """
    with engine.execution_options(**{READS: True}).connect() as connection:
        table = tables.schema
        if not engine.dialect.has_table(connection, table.name, schema=table.schema):
            return None
        found: int | None = connection.scalar(select(table.c.number))
    if found is None:
        raise StoreFailed(
            "the tables do not say of what shape they are; what created them must record it"
        )
    return found
