"""Exams in a table of the host's own, of which the host names the columns.

The rows of the host are read as rows of our table of exams: every id as text, and every time as we
store times. So each question is the same statement as over our table, and a check, a page and the
owners in it are one statement. An exam that the host's table does not have is not there.
"""

from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Index, Table
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.expression import Grouping

from exam_sharing.adapters.sqlalchemy.columns import (
    Given,
    as_text,
    id_of,
    instant_of,
    table_of,
    truth_of,
)
from exam_sharing.errors import InvalidArgument

# The longest name of a table in the name of an index, in bytes of PostgreSQL.
_LONGEST: Final = 40


@attrs.frozen(kw_only=True, eq=False)
class TableExams:
    """The columns of a host's exams, all of one table, alias or subquery.

    The table is in the database of our tables. The time of upload of an exam never changes, since
    lists keep a copy of it. The id of an exam is never used for another: an exam that is deleted
    for good is withdrawn, or swept by `sweep_deleted`. The host reports a change of owner by
    `owner_changed`. A row without an owner, a batch or a time of upload is no exam.

    Attributes:
        id: text, a whole number or a UUID.
        owner: the id of the user who owns the exam.
        batch: the id of what was uploaded together with the exam.
        uploaded_at: the time of the upload; a naive time is in UTC.
        subject: the host's reference to the patient.
        where: the condition under which a row is an exam that is there.

    Raises:
        InvalidArgument: columns are of two tables, or of another type.
        WrongKind: a column is none.
    """

    id: Given
    owner: Given
    batch: Given
    uploaded_at: Given
    subject: Given | None = None
    where: Given | bool = True
    rows: FromClause = attrs.field(init=False, repr=False)

    @rows.default
    def _rows(self) -> FromClause:
        """Return the rows as rows of our table of exams."""
        columns, there = self._columns, truth_of("exams.where", self.where)
        filled = [column.is_not(None) for column in columns.values()]
        if self.subject is None:
            columns["subject"] = sa.cast(sa.null(), sa.Text())
        else:
            columns["subject"] = as_text(id_of("exams.subject", self.subject))
        rows = sa.select(*(column.label(name) for name, column in columns.items()))
        return rows.select_from(self._table).where(there, *filled).subquery("host_exams")

    @property
    def _table(self) -> FromClause:
        given = self.id, self.owner, self.batch, self.uploaded_at, self.subject, self.where
        return table_of("exams", *given)

    @property
    def _columns(self) -> dict[str, ColumnElement[Any]]:
        ids = {
            name: id_of(f"exams.{name}", getattr(self, name)) for name in ("id", "owner", "batch")
        }
        texts = {name: as_text(column) for name, column in ids.items()}
        return texts | {"uploaded_at": instant_of("exams.uploaded_at", self.uploaded_at)}

    def define_indexes(self) -> tuple[Index, ...]:
        """Define the indexes that checks and pages need, in the metadata of the host's table.

        Call it where the table is defined, so that `create_all` and Alembic see them. A second call
        changes nothing.

        Raises:
            InvalidArgument: the columns are those of no table, but of an alias or a subquery.
        """
        table = self._table
        if not isinstance(table, Table):
            raise InvalidArgument("exams", "must have the columns of a table, to define indexes")
        columns = self._columns
        newest = columns["owner"], columns["uploaded_at"], columns["id"]
        wanted = {"id": (columns["id"],), "owner": newest, "batch": (columns["batch"],)}
        there = {str(index.name): index for index in table.indexes}
        name = table.name.encode()[:_LONGEST].decode(errors="ignore")
        return tuple(
            there.get(f"ix_{name}_shared_{kind}")
            or Index(f"ix_{name}_shared_{kind}", *map(Grouping, of), _table=table)
            for kind, of in wanted.items()
        )
