"""How the parts of the store reach the database: whose transactions they are.

Reading is one statement at a time, each of which sees one moment. Writing is one transaction.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

import attrs
from sqlalchemy import Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.driver_connections import is_begun
from exam_sharing.adapters.sqlalchemy.engines import READS
from exam_sharing.adapters.sqlalchemy.questions import Question
from exam_sharing.adapters.sqlalchemy.rendering import rendered
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.errors import StoreFailed

__all__ = [
    "Database",
    "OwnTransactions",
    "Transactions",
    "insert_unless_there",
    "is_inserted",
]

AnswerT = TypeVar("AnswerT")


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


class OwnTransactions(Transactions):
    """Transactions of our own.

    Args:
        engine: one that `checked_engine` or `quiet_engine` made of the host's.
    """

    def __init__(self, engine: Engine) -> None:
        """Keep the engine."""
        self._engine = engine
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
        return self._reader.connect()

    @override
    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            # What was so when the engine was checked, an event of the host's may have changed.
            if not is_begun(connection):
                raise StoreFailed("the engine begins no transaction; see that nothing prevents it")
            yield connection

    @override
    @contextmanager
    def writing_once(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            if self.postgresql:
                # A statement alone is a transaction already, and none that others can make fail.
                # Said of the connection, it also overrides what the host said of the engine.
                connection.execution_options(isolation_level="AUTOCOMMIT")
            with connection.begin():
                yield connection


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
