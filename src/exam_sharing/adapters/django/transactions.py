"""Transactions over the connections that Django has open.

Django keeps one connection for each thread and database, and every statement is executed by it.
Outside of `atomic()`, a question is a transaction by itself, and an act opens `atomic()`. Inside of
`atomic()`, an act is part of the host's transaction, which the host alone commits or rolls back: it
is decided once.

Commits of our own wait for standbys as elsewhere, and not for ever.

The transaction of a `TestCase` stands for the database itself, as for `durable=True` and in every
other part of Django. So a host's tests see acts as its users do.

INVARIANT: nothing here commits or rolls back a transaction that it has not begun.
"""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.db import Error, connections, transaction
from sqlalchemy import Engine, NullPool, Table, create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.adapters.sqlalchemy.database import (
    CONFIRMED,
    UNCONFIRMED,
    Transactions,
    require_shape,
)
from exam_sharing.adapters.sqlalchemy.joined import lend
from exam_sharing.errors import StoreFailed, Unconfirmed
from exam_sharing.identifiers import ExamId

DRIVERS: Final = {"sqlite": "sqlite+pysqlite://", "postgresql": "postgresql+psycopg://"}
"""The driver of SQLAlchemy for each kind of database, by Django's name of the kind."""


class _OurAtomic(transaction.Atomic):
    """A transaction of our own, where Django has none open."""


class DjangoTransactions(Transactions):
    """Transactions of one of Django's databases; safe for threads, as Django's connections are."""

    def __init__(self, using: str, schema: Table | None = None) -> None:
        self._using = using
        self._engine: Engine = create_engine(DRIVERS[self._wrapper.vendor], poolclass=NullPool)
        self._lent: WeakKeyDictionary[Any, Connection] = WeakKeyDictionary()
        super().__init__(self._engine.dialect, schema)

    @property
    def _wrapper(self) -> Any:
        return connections[self._using]

    @property
    @override
    def joined(self) -> bool:
        wrapper = self._wrapper
        if wrapper.atomic_blocks:
            return not all(map(_counts_for_none, wrapper.atomic_blocks))
        # Where a host has switched autocommit off, it ends the transaction.
        return wrapper.connection is not None and not wrapper.autocommit

    @override
    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._noting_failures():
            yield self._connection_of(self._wrapper)

    @override
    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._noting_failures(), ExitStack() as until_ended:
            self._require_usable()
            ends = not (self._wrapper.in_atomic_block or self.joined)
            until_ended.enter_context(_OurAtomic(self._using, savepoint=True, durable=False))
            connection = self._connection_of(self._wrapper)
            # In a transaction of the host's, it holds for the commit of the host.
            self._set_up(connection, CONFIRMED)
            yield connection
            if ends:
                with self.standbys.bounded(connection, self._close) as over:
                    # What the host does after a commit takes as long as it takes.
                    transaction.on_commit(over, using=self._using)
                    until_ended.close()

    @override
    def writing_once(self) -> AbstractContextManager[Connection]:
        inside = self._wrapper.in_atomic_block or self.joined
        return self.writing() if inside else self._writing_alone()

    @contextmanager
    def _writing_alone(self) -> Iterator[Connection]:
        if self.standbys.are_gone():
            with self._noting_failures(), _OurAtomic(self._using, savepoint=True, durable=False):
                connection = self._connection_of(self._wrapper)
                connection.execute(UNCONFIRMED)
                require_shape(connection, self._schema)
                yield connection
            return
        # A single statement is a transaction already.
        with (
            self.reading() as connection,
            suppress(Unconfirmed),
            self.standbys.bounded(connection, self._close),
        ):
            require_shape(connection, self._schema)
            yield connection

    def _close(self) -> None:
        wrapper = self._wrapper
        if wrapper.connection is not None:
            # A pool of Django's keeps none that is closed.
            wrapper.connection.close()
            wrapper.close()

    @property
    @override
    def records_last(self) -> bool:
        return self.postgresql or not self.joined

    @override
    @contextmanager
    def recording(self) -> Iterator[Connection]:
        if not (self.postgresql and self.joined):
            # SQLite has one writer at a time, and that is the host: a rollback of the host's takes
            # the refusal with it.
            with self.writing_once() as connection:
                yield connection
            return
        beside = self._wrapper.copy()
        # Outside of a pool: hosts that each hold a connection of the pool and wait for a second one
        # would wait for each other.
        beside.settings_dict["OPTIONS"].pop("pool", None)
        try:
            with self._noting_failures():
                connection = self._connection_of(beside)
                with suppress(Unconfirmed), self.standbys.bounded(connection, beside.close):
                    require_shape(connection, self._schema)
                    yield connection
        finally:
            beside.close()

    @override
    @contextmanager
    def in_turn(self, exams: Collection[ExamId]) -> Iterator[Connection | None]:
        if self.joined:
            yield None
            return
        failed = None
        try:
            with self.writing() as connection:
                yield connection
                if connection.in_transaction():  # The act has not committed.
                    transaction.set_rollback(True, using=self._using)
        except DBAPIError as error:
            failed = error
        if failed is not None:
            _raise_in_our_words(failed)

    def _require_usable(self) -> None:
        if self._wrapper.needs_rollback:
            raise StoreFailed(
                "an earlier error has broken the transaction of atomic(): let the exception leave "
                "the block, and begin again"
            )

    def _connection_of(self, wrapper: Any) -> Connection:
        """Return a connection of SQLAlchemy that executes by Django's, the same each time."""
        self._require_usable()
        wrapper.close_if_health_check_failed()
        wrapper.ensure_connection()
        found = self._lent.get(wrapper)
        if found is None or found.invalidated or not _is_over(found, wrapper.connection):
            found = lend(wrapper.connection, self._engine)
            engines.require_unmixed_statements("DATABASES", found)
            self._lent[wrapper] = found
        return found

    @contextmanager
    def _noting_failures(self) -> Iterator[None]:
        """Turn Django's errors into those of SQLAlchemy, and let Django check the connection."""
        failed = None
        try:
            yield
        except DBAPIError:
            self._wrapper.errors_occurred = True
            raise
        except Error as error:
            failed = _failure(error)
        if failed is not None:
            raise failed


def _counts_for_none(block: Any) -> bool:
    """Return whether a block is ours, or that of a `TestCase`."""
    return isinstance(block, _OurAtomic) or getattr(block, "_from_testcase", False)


def _is_over(connection: Connection, driver_connection: object) -> bool:
    lent: Any = connection.connection.dbapi_connection
    return getattr(lent, "lent", None) is driver_connection


def _failure(error: Error) -> DBAPIError:
    """Return an error of Django's as SQLAlchemy's, with the code of the driver's error."""
    cause = error.__cause__
    return DBAPIError(None, None, cause if isinstance(cause, Exception) else error)


@engines.or_conflict
def _raise_in_our_words(error: DBAPIError) -> None:
    raise error


def lent_connection(wrapper: Any) -> Connection:
    """Return a connection of SQLAlchemy over one of Django's, such as that of a migration."""
    wrapper.ensure_connection()
    engine = create_engine(DRIVERS[wrapper.vendor], poolclass=NullPool)
    connection = lend(wrapper.connection, engine)
    connection.begin()  # Django has begun it: this only tells SQLAlchemy.
    return connection
