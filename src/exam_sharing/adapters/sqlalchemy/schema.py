"""Creating the tables, and making sure that this version of the package can use them."""

from typing import Final

from sqlalchemy import Engine, func, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy.engines import READS, checked_engine
from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.adapters.sqlalchemy.kinds import given_tables, require_connection
from exam_sharing.adapters.sqlalchemy.tables import SCHEMA, Tables
from exam_sharing.errors import StoreFailed
from exam_sharing.validation import require_kind

__all__ = ["check_schema", "create_all", "record_schema", "schema_found"]

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
