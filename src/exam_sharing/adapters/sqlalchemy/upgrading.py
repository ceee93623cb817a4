"""The tables are created, their shape is recorded, and those of an earlier release are upgraded.

Each step is one transaction, under locks:

- **PostgreSQL.** An advisory lock lets others wait who create or upgrade the tables. Every act
  reads the number of the shape. So an exclusive lock on the table of this number waits for acts
  that have begun, and lets later ones wait. A `TRUNCATE` replaces the number: a transaction with an
  older snapshot then finds none, and not the old number.
- **SQLite.** A transaction that writes locks the whole file, and every act reads the number inside
  of such a transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import MappingProxyType
from typing import Final, TypeAlias

from sqlalchemy import DDL, Engine, delete, func, insert, inspect, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import ExecutableDDLElement

from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.adapters.sqlalchemy.database import (
    OwnTransactions,
    check_schema,
    insert_unless_there,
    require_schema,
    schema_found,
    schema_over,
)
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.tables import SCHEMA, Tables, given_tables
from exam_sharing.errors import InvalidArgument
from exam_sharing.validation import require_kind

Step: TypeAlias = Callable[[Connection, Tables], None]

STEPS: Final[Mapping[int, Step]] = MappingProxyType({})
"""From each earlier shape, what makes the next one of it."""

# The number of the lock under which PostgreSQL changes the tables; no other use of it is known.
_CHANGING: Final = 0x6578616D5F7368
# All acts wait behind a step that waits for a reader.
_BRIEFLY: Final = text("SELECT set_config('lock_timeout', '10s', true)")
_LOCK: Final = "LOCK TABLE %(fullname)s IN ACCESS EXCLUSIVE MODE"
_EMPTY: Final = "TRUNCATE TABLE %(fullname)s"


def create_all(engine: Engine, tables: Tables | None = None) -> Tables:
    """Create the missing tables, record their shape, and return them.

    For hosts without migrations; any number of processes may do so at once. The default tables are
    those of `define_tables`. Tables of an earlier release are left as they are: see `upgrade`.
    Where all tables are there, nothing is written.

    Raises:
        InvalidValue: the engine cannot be used.
        StoreFailed: the database cannot be written, or has tables of another shape.
    """
    kept = given_tables(tables)
    own = engines.checked_engine(engine)
    _create(OwnTransactions(own), kept)
    check_schema(own, kept)
    return kept


@in_our_words
def _create(transactions: OwnTransactions, tables: Tables) -> None:
    with transactions.reading() as connection:
        found = inspect(connection).get_table_names(schema=tables.schema.schema)
        all_there = {each.name for each in tables.all()} <= set(found)
        if all_there and connection.scalar(select(tables.schema.c.number)) is not None:
            return
    with transactions.writing() as connection:
        _let_others_wait(connection)
        tables.schema.create(connection, checkfirst=True)
        number = connection.scalar(select(tables.schema.c.number))
        if number is not None:
            # Tables of a later shape must not appear among those of an earlier one.
            require_schema(number)
        tables.metadata.create_all(connection, tables=list(tables.all()))
        if number is None:
            record_schema(connection, tables)


def record_schema(connection: Connection, tables: Tables) -> None:
    """Record the shape of tables that were just created, as `create_all` does itself.

    A second call changes nothing.
    """
    engines.require_connected("connection", connection, Connection)
    require_kind("tables", tables, Tables)
    put = in_our_words(connection.execute)
    put(insert_unless_there(connection, tables.schema), {"number": SCHEMA})


def upgrade(database: Engine | Connection, *, tables: Tables | None = None) -> None:
    """Bring the tables of an earlier release to the shape that this release needs.

    Any number of processes may do so at once. Where nothing is to do, nothing is written. The
    default tables are those of `define_tables`.

    Over an engine, each step is a transaction: where a process is killed, the next one goes on. A
    connection is that of a migration, and all steps are part of its transaction.

    Stop the processes of the earlier release first. Acts of those that still run wait until a step
    is done, then write nothing and raise `StoreFailed`.

    Raises:
        InvalidValue: the engine or the connection cannot be used.
        StoreBusy: a transaction has kept the tables in use for 10 seconds; the step was undone.
        StoreFailed: there are no tables, they are those of a later release, or a step failed and
            was undone.
    """
    known = given_tables(tables)
    if isinstance(database, Connection):
        _require_begun(database)
        _do_steps(lambda: nullcontext(database), known)
        return
    own = engines.checked_engine(database)
    if schema_found(own, known) != SCHEMA:
        transactions = OwnTransactions(own)
        _do_steps(lambda: _waiting_briefly(transactions), known)


def _require_begun(connection: Connection) -> None:
    engines.require_dialect(connection.engine)
    if not engines.is_begun(connection):
        raise InvalidArgument(
            "database",
            "must be a connection in a transaction, and on SQLite that of an engine which "
            "`sqlite_engine` or `set_up_sqlite` has set up",
        )


@in_our_words
def _do_steps(opened: Callable[[], AbstractContextManager[Connection]], tables: Tables) -> None:
    found: int | None = None
    while found != SCHEMA:
        with opened() as connection:
            found = _after_a_step(connection, tables)


def _after_a_step(connection: Connection, tables: Tables) -> int:
    """Do the next step, if there is one, and return the number of the shape."""
    _let_others_wait(connection)
    found = schema_over(connection, tables)
    if found is None or found not in STEPS:
        return require_schema(found)
    is_postgresql = connection.dialect.name == "postgresql"
    if is_postgresql:
        _execute(connection, _LOCK, tables)
    STEPS[found](connection, tables)
    if is_postgresql:
        _execute(connection, _EMPTY, tables)
    connection.execute(delete(tables.schema))
    connection.execute(insert(tables.schema), {"number": found + 1})
    return found + 1


@contextmanager
def _waiting_briefly(transactions: OwnTransactions) -> Iterator[Connection]:
    """Open a transaction that waits for other upgrades, and for readers only briefly."""
    with transactions.writing() as connection:
        _let_others_wait(connection)
        if transactions.postgresql:
            connection.execute(_BRIEFLY)
        yield connection


def _let_others_wait(connection: Connection) -> None:
    # SQLite has one writer at a time.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_CHANGING)))


def _execute(connection: Connection, statement: str, tables: Tables) -> None:
    ddl: ExecutableDDLElement = DDL(statement)  # type: ignore[no-untyped-call]
    connection.execute(ddl.against(tables.schema))
