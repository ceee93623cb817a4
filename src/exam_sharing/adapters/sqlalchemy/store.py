"""Everything that is kept, over one database: exams, grants, receipts, notices, audit trail."""

from sqlalchemy import Engine
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database, OwnTransactions, check_schema
from exam_sharing.adapters.sqlalchemy.engines import checked_engine, given_tables
from exam_sharing.adapters.sqlalchemy.host import SqlSharingStore
from exam_sharing.adapters.sqlalchemy.outbox import SqlOutbox
from exam_sharing.adapters.sqlalchemy.reading import SqlAccess
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail
from exam_sharing.adapters.sqlalchemy.writing import SqlExams, SqlGrants
from exam_sharing.errors import StoreFailed
from exam_sharing.events import ShareNotice
from exam_sharing.ports import Directory, HostFacts, NoHostFacts, Notifier, Ports
from exam_sharing.validation import require_instance, require_kind

__all__ = ["NoNotifier", "SqlStore", "own_database", "sql_ports"]


class SqlStore(SqlExams, SqlGrants, SqlAccess, SqlTrail):
    """Every port that keeps something, over SQLAlchemy; safe for threads and for processes.

    Attributes:
        outbox: the notices that wait.
    """

    def __init__(self, database: Database) -> None:
        """Prepare every part."""
        require_kind("database", database, Database)
        SqlExams.__init__(self, database)
        SqlGrants.__init__(self, database)
        SqlAccess.__init__(self, database)
        SqlTrail.__init__(self, database)
        self.outbox: SqlOutbox = SqlOutbox(database)

    @classmethod
    def over(cls, engine: Engine, *, tables: Tables | None = None) -> "SqlStore":
        """Return a store with transactions of its own.

        Args:
            engine: of a database that has the tables.
            tables: by default those of `define_tables`.

        Raises:
            InvalidValue: the engine cannot be used.
            StoreFailed: the database does not answer, or has not these tables.
        """
        return cls(own_database(engine, tables))


def own_database(engine: Engine, tables: Tables | None) -> Database:
    """Return a database with transactions of our own, once its tables were looked at.

    Raises:
        InvalidValue: the engine cannot be used.
        StoreFailed: the database does not answer, or has not these tables.
        WrongKind: the tables are none of ours.
    """
    known = given_tables(tables)
    own = checked_engine(engine)
    check_schema(own, known)
    return Database(OwnTransactions(own), known)


class NoNotifier(Notifier):
    """Sends nothing, so that notices wait until somebody comes who can."""

    @override
    def send(self, notice: ShareNotice) -> None:
        raise StoreFailed("no notifier was given, so notices wait")


def sql_ports(
    store: SqlStore | SqlSharingStore,
    *,
    directory: Directory,
    notifier: Notifier | None = None,
    host_facts: HostFacts | None = None,
) -> Ports:
    """Return every port, with all that is kept in one store.

    Without a notifier, notices wait: none is taken out to be sent in vain.
    """
    require_instance("store", store, SqlStore, SqlSharingStore)
    outbox = store.outbox.held_back() if notifier is None else store.outbox
    return Ports(
        exams=store,
        uploads=store,
        grants=store,
        writer=store,
        access=store,
        outbox=outbox,
        directory=directory,
        notifier=NoNotifier() if notifier is None else notifier,
        audit=store,
        host_facts=NoHostFacts() if host_facts is None else host_facts,
    )
