"""How the parts of the store reach the database: whose transactions they are.

Reading is one statement at a time, each of which sees one moment. Writing is one transaction.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from threading import Lock
from typing import Any, Final, Protocol, TypeVar

import attrs
from sqlalchemy import Engine, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.driver_connections import is_begun
from exam_sharing.adapters.sqlalchemy.engines import READS
from exam_sharing.adapters.sqlalchemy.held_connections import held_connection, holding
from exam_sharing.adapters.sqlalchemy.questions import Question
from exam_sharing.adapters.sqlalchemy.rendering import rendered
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.errors import Conflict, StoreFailed
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.retries import LOCK_TIMEOUT

__all__ = [
    "Database",
    "OwnTransactions",
    "Transactions",
    "insert_unless_there",
    "is_inserted",
]

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
