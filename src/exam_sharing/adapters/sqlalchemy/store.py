"""Everything that is kept, over one database: exams, grants, receipts, notices, audit trail."""

from sqlalchemy import Engine
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database, own_database
from exam_sharing.adapters.sqlalchemy.host import SqlSharingStore
from exam_sharing.adapters.sqlalchemy.outbox import SqlOutbox
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail
from exam_sharing.adapters.sqlalchemy.writing import SqlExams, SqlGrants
from exam_sharing.errors import StoreFailed
from exam_sharing.events import ShareNotice
from exam_sharing.ports import Directory, HostFacts, NoHostFacts, Notifier, Ports
from exam_sharing.validation import require_instance, require_kind

__all__ = ["NoNotifier", "SqlStore", "sql_ports"]


class SqlStore(SqlExams, SqlGrants, SqlTrail):
    """Every port that keeps something, over SQLAlchemy; safe for threads and for processes.

    Attributes:
        outbox: the notices that wait.
    """

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        require_kind("database", database, Database)
        SqlExams.__init__(self, database)
        self.outbox: SqlOutbox = SqlOutbox(database)

    @classmethod
    def over(cls, engine: Engine, *, tables: Tables | None = None) -> "SqlStore":
        """Return a store with transactions of its own.

        Args:
            engine: of a database that has the tables.
            tables: by default those of `define_tables`.

        Raises:
            InvalidValue: the engine cannot be used.
            StoreFailed: the database does not answer, or does not have these tables.
        """
        return cls(own_database(engine, tables))


class NoNotifier(Notifier):
    """Sends nothing, so that notices wait for a relay with a notifier."""

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
    """Return every port, over one store.

    Without a notifier, notices wait, and no try to send one is counted.
    """
    require_instance("store", store, SqlStore, SqlSharingStore)
    return Ports(
        exams=store,
        uploads=store,
        grants=store,
        writer=store,
        access=store,
        outbox=store.outbox.held_back() if notifier is None else store.outbox,
        directory=directory,
        notifier=NoNotifier() if notifier is None else notifier,
        audit=store,
        host_facts=NoHostFacts() if host_facts is None else host_facts,
    )
