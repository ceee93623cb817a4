"""When a grant gives something, and when an exam is one's own: said here, for every statement.

Checks, pages and a host's own queries are made of these conditions, so that lists and checks agree.
Which recipients are meant, which exams, and how much is to be given, each statement adds itself.

INVARIANT: a grant without a `closed_version` has not been ended, and its exam is not withdrawn.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column, select, true
from sqlalchemy.sql import FromClause

__all__ = ["counts", "owned"]


def counts(
    grants: FromClause, *, user: ColumnElement[str], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Return the condition that a grant stands, and gives something to whom it reaches.

    A grant gives nothing to its own grantor: SPEC section 11.
    """
    # Written so that PostgreSQL does not guess from its statistics that next to nothing counts, as
    # it would where one account makes all grants: it would then read and sort all that a principal
    # sees, instead of reading a page in the order of its index.
    grantor = grants.c.grantor.concat(literal_column("''"))
    over = grants.c.until <= now
    return and_(grants.c.closed_version.is_(None), grantor != user, over.is_not(true()))


def owned(
    exam: ColumnElement[Any],
    owner: ColumnElement[Any],
    versions: FromClause,
    *,
    user: ColumnElement[str],
) -> ColumnElement[bool]:
    """Return the condition that an exam is the user's own, and was not withdrawn.

    An exam that was never shared may have no version.
    """
    gone = select(versions.c.exam).where(versions.c.exam == exam, versions.c.withdrawn)
    # Looked up for each exam: joined, all that were ever withdrawn could be gone through for each.
    return and_(owner == user, gone.scalar_subquery().is_(None))
