"""Sharing over SQLAlchemy 2, in PostgreSQL or in a file of SQLite.

Needs the extra `sql`; for PostgreSQL also its driver, psycopg 3. A host without migrations makes an
engine, creates the tables with `create_all`, and calls `open_sharing`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from exam_sharing.adapters.sqlalchemy.database import own_database
from exam_sharing.adapters.sqlalchemy.directory import SqlDirectory
from exam_sharing.adapters.sqlalchemy.engines import set_up_sqlite, sqlite_engine
from exam_sharing.adapters.sqlalchemy.host import (
    HostExams,
    NoNotifier,
    SqlSharingStore,
    sql_ports,
    store_over,
)
from exam_sharing.adapters.sqlalchemy.joined import (
    DriverConnection,
    directory_inside,
    joined_store,
    over_driver_connection,
    owner_changed,
)
from exam_sharing.adapters.sqlalchemy.memberships import GroupColumns, MemberColumns, UserColumns
from exam_sharing.adapters.sqlalchemy.outbox import SqlOutbox
from exam_sharing.adapters.sqlalchemy.sealing import seal
from exam_sharing.adapters.sqlalchemy.standbys import standby_reading
from exam_sharing.adapters.sqlalchemy.statements import (
    Statement,
    Statements,
    may,
    permission_held,
    visible_exams,
)
from exam_sharing.adapters.sqlalchemy.store import SqlStore
from exam_sharing.adapters.sqlalchemy.sweeps import sweep_deleted, sweep_expired
from exam_sharing.adapters.sqlalchemy.table_directory import TableDirectory
from exam_sharing.adapters.sqlalchemy.table_exams import TableExams
from exam_sharing.adapters.sqlalchemy.tables import (
    SCHEMA,
    DirectoryTables,
    Tables,
    define_directory_tables,
    define_tables,
    given_tables,
)
from exam_sharing.adapters.sqlalchemy.upgrading import create_all, record_schema, upgrade
from exam_sharing.adapters.sqlalchemy.verifying import verify
from exam_sharing.errors import InvalidArgument
from exam_sharing.policy.settings import Policy
from exam_sharing.ports import Directory, HostFacts, Notifier, Ports, Reading
from exam_sharing.sharing import Sharing

__all__ = ["SCHEMA", "DirectoryTables", "DriverConnection", "GroupColumns", "HostExams"]
__all__ += ["MemberColumns", "NoNotifier", "TableDirectory", "TableExams", "UserColumns"]
__all__ += ["SqlDirectory", "SqlOutbox", "SqlSharingStore", "SqlStore", "Statement", "Statements"]
__all__ += ["Tables", "create_all", "define_directory_tables", "define_tables", "joined", "may"]
__all__ += ["open_sharing", "over_driver_connection", "owner_changed", "permission_held"]
__all__ += ["record_schema", "seal", "set_up_sqlite", "sql_ports", "sqlite_engine", "sweep_deleted"]
__all__ += ["sweep_expired", "upgrade", "verify", "visible_exams"]


def open_sharing(  # noqa: PLR0913  one for each port that a host may bring
    engine: Engine,
    *,
    policy: Policy | None = None,
    directory: Directory | None = None,
    notifier: Notifier | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    tables: Tables | None = None,
    host_facts: HostFacts | None = None,
    exams: HostExams | TableExams | None = None,
    reading: Engine | None = None,
    stale_seconds_accepted: float | None = None,
) -> Sharing:
    """Return a `Sharing` over a database; notices wait for `deliver_notices`.

    Args:
        engine: of a database that has the tables, not in AUTOCOMMIT mode. For SQLite: made by
            `sqlite_engine`, or set up by `set_up_sqlite`. Over a pooler: one that prepares no
            statements (`connect_args={"prepare_threshold": None}`).
        policy: the deployment's settings; by default `Policy()`.
        directory: users and groups; by default a `SqlDirectory` in the same database, in which
            everybody may see everybody. With `exams` it has no default.
        notifier: without one, notices wait.
        clock: returns the time, aware; by default the machine's.
        new_id: returns a new identifier for each act; by default a random UUID. People may see
            it, and a counter would reveal the number of acts.
        tables: by default those of `define_tables`.
        host_facts: facts for the host's own rules.
        exams: the host's exams, if it keeps them itself: `TableExams` for a table of the same
            database, else `HostExams`. The host then records uploads there, and our tables of exams
            and batches are not used.
        reading: of a standby, which answers checks and lists. It answers only while every commit
            waits until the standby has applied it; otherwise the primary answers. So no answer is
            stale. Its role, and that of `engine`, need `pg_read_all_stats`. A standby that is away
            is checked once it is back, before its first answer.
        stale_seconds_accepted: lets any standby answer with what was true at most so many seconds
            ago: a person may still see an exam for so long after their access was ended. A receipt
            has a token, with which `Sharing.viewer` sees at least that act.

    Raises:
        InvalidValue: the clock returns a naive time, an engine cannot be used, the standby is there
            and may be stale, or an argument does not implement its port.
        StoreFailed: the primary does not answer, or its tables are missing, older or newer, or
            those of a standby that is there.
        WrongKind: the policy or the tables are of another type.
    """
    if exams is not None and directory is None:
        raise InvalidArgument(
            "directory",
            "must be given where the host keeps its exams itself; the default would be an empty "
            "SqlDirectory: if you add users and groups to one, give SqlDirectory(engine, …)",
        )
    known = given_tables(tables)
    database = own_database(engine, known)
    store = store_over(database, exams)
    now = (lambda: datetime.now(UTC)) if clock is None else clock
    people = SqlDirectory(engine, known.directory, clock=now) if directory is None else directory
    ports = sql_ports(store, directory=people, notifier=notifier, host_facts=host_facts)
    standby = standby_reading(reading, database, ports, exams, stale_seconds_accepted)
    return _sharing(ports, policy, clock, new_id, standby)


def joined(
    transaction: Connection | Session,
    *,
    directory: Directory,
    policy: Policy | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    tables: Tables | None = None,
    host_facts: HostFacts | None = None,
    exams: HostExams | TableExams | None = None,
) -> Sharing:
    """Return a `Sharing` inside an open transaction, which the host alone commits or rolls back.

    Its acts take effect when the host commits. An act is decided once: if another act was faster,
    this one raises `Conflict`, and the host rolls back and begins again. Exams whose sharing is
    read are locked until the transaction ends. A relay outside sends the notices after the commit.

    A refusal is recorded in a transaction of its own, on a new connection, so that it survives a
    rollback. SQLite has one writer at a time, so there it is recorded in the host's transaction.
    Nothing else needs a second connection.

    Give a connection or a session whose transaction has begun; flush a session first. A host on
    another framework makes a connection by `over_driver_connection`. A `SqlDirectory` or a
    `TableDirectory` over the same engine reads inside of the transaction; any other directory reads
    as usual. Other arguments are as for `open_sharing`.

    Raises:
        InvalidValue: the clock returns a naive time, there is no transaction, an argument does not
            implement its port, or the connection is over a pooler and prepares statements.
        WrongKind: the transaction, the policy or the tables are of another type.
    """
    store = joined_store(transaction, tables=tables, exams=exams)
    people = directory_inside(transaction, directory)
    ports = sql_ports(store, directory=people, host_facts=host_facts)
    return _sharing(ports, policy, clock, new_id)


def _sharing(
    ports: Ports,
    policy: Policy | None,
    clock: Callable[[], datetime] | None,
    new_id: Callable[[], str] | None,
    reading: Reading | None = None,
) -> Sharing:
    return Sharing(
        policy=Policy() if policy is None else policy,
        ports=ports,
        clock=(lambda: datetime.now(UTC)) if clock is None else clock,
        new_id=(lambda: str(uuid4())) if new_id is None else new_id,
        sends_at_once=False,
        reading=reading,
    )
