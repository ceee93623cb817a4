"""Everything that is kept, over one database: exams, grants, receipts, notices, audit trail."""

from sqlalchemy import Engine

from exam_sharing.adapters.sqlalchemy.access import SqlAccess
from exam_sharing.adapters.sqlalchemy.database import Database, OwnTransactions
from exam_sharing.adapters.sqlalchemy.engines import checked_engine
from exam_sharing.adapters.sqlalchemy.exams import SqlExams
from exam_sharing.adapters.sqlalchemy.grants import SqlGrants
from exam_sharing.adapters.sqlalchemy.kinds import given_tables
from exam_sharing.adapters.sqlalchemy.outbox import SqlOutbox
from exam_sharing.adapters.sqlalchemy.schema import check_schema
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.adapters.sqlalchemy.trail import SqlTrail
from exam_sharing.validation import require_kind

__all__ = ["SqlStore", "own_database"]


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
