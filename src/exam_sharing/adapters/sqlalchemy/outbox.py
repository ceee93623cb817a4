"""Notices in the database: those that wait for a relay, and those that were given up.

The column `due` holds the time from which a relay may claim a notice, whatever the notice waits
for: another try, or the lapse of a claim. For a new notice that time is long ago; for one that was
given up it is null. So a claim is a short walk along one index, however many notices wait.
"""

from datetime import datetime
from functools import cached_property
from typing import Any, Final, assert_never
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, Update, any_, bindparam, delete, func, select, update
from sqlalchemy.sql.dml import ReturningUpdate
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.documents import listed_notice_of_row, notice_of_row
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.questions import one_of
from exam_sharing.adapters.sqlalchemy.tables import Instant
from exam_sharing.events import Claim, ListedNotice, WaitingNotice
from exam_sharing.identifiers import NoticeId, ShareId
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, Settlement, TryAgain
from exam_sharing.ports import Outbox
from exam_sharing.validation import checks_arguments, require_kind

__all__ = ["HeldBackOutbox", "SqlOutbox"]

_BEFORE_ALL: Final = 0


@checks_arguments
class SqlOutbox(Outbox):
    """The notices of one database; several relays may send them side by side.

    A notice is deleted, with its message, once it was sent or dropped.
    """

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        require_kind("database", database, Database)
        self._database, self._transactions = database, database.transactions
        self._notices = database.tables.notices

    # Made on demand: those who join a transaction make an outbox each time, and claim nothing.
    @cached_property
    def _claim(self) -> ReturningUpdate[Any]:
        return self._claim_of(self._due())

    @cached_property
    def _claim_in_share(self) -> ReturningUpdate[Any]:
        return self._claim_of(self._due().where(self._notices.c.share == bindparam("of_share")))

    def _due(self) -> Select[tuple[int]]:
        notices = self._notices.c
        return (
            select(notices.number)
            .where(notices.due <= bindparam("now", type_=Instant()))
            .order_by(notices.due, notices.attempts, notices.number)
            .limit(bindparam("limit"))
            .with_for_update(skip_locked=True)
        )

    def _claim_of(self, due: Select[tuple[int]]) -> ReturningUpdate[Any]:
        notices = self._notices
        chosen: ColumnElement[bool] = notices.c.number.in_(due)
        if self._transactions.postgresql:
            # An array is chosen once; in a join, PostgreSQL could choose again for every row.
            chosen = notices.c.number == any_(func.array(due.scalar_subquery()))
        return (
            update(notices)
            .where(chosen)
            .values(due=bindparam("lapses", type_=Instant()), claimed_by=bindparam("token"))
            .returning(notices)
        )

    def held_back(self) -> "SqlOutbox":
        """Return an outbox of the same notices that lets no relay claim any."""
        return HeldBackOutbox(self._database)

    @override
    @in_our_words
    def claim(
        self, now: datetime, until: datetime, limit: int, share: ShareId | None
    ) -> tuple[Claim, ...]:
        token = str(uuid4())
        asked: dict[str, Any] = {"now": now, "lapses": until, "limit": limit, "token": token}
        statement = self._claim
        if share is not None:
            statement = self._claim_in_share
            asked["of_share"] = share.value
        with self._transactions.writing_once() as connection:
            claimed = connection.execute(statement, asked).all()
        # What an update returns has no order.
        in_turn = sorted(claimed, key=lambda row: (row.attempts, row.number))
        return tuple(Claim(notice=notice_of_row(row), token=token, until=until) for row in in_turn)

    @override
    @in_our_words
    def settle(self, claim: Claim, settlement: Settlement) -> None:
        notices = self._notices
        still_claimed = (notices.c.id == claim.notice.id.value) & (
            notices.c.claimed_by == claim.token
        )
        failed = (
            update(notices)
            .where(still_claimed)
            .values(attempts=notices.c.attempts + 1, claimed_by=None)
        )
        match settlement:
            case Done():
                statement: Update | Any = delete(notices).where(still_claimed)
            case TryAgain(at=at, problem=problem):
                statement = failed.values(due=at, problem=problem)
            case GivenUp(at=at, problem=problem):
                statement = failed.values(due=None, problem=problem, given_up_at=at, message=None)
            case other:
                assert_never(other)
        with self._transactions.writing_once() as connection:
            connection.execute(statement)

    @override
    @in_our_words
    def listed(
        self, after: int | None, limit: int, *, given_up: bool | None
    ) -> tuple[ListedNotice, ...]:
        notices = self._notices
        # Everything but the contents.
        shown = [column for column in notices.c if column.name not in {"message", "exams"}]
        statement = (
            select(*shown)
            .where(notices.c.number > (_BEFORE_ALL if after is None else after))
            .order_by(notices.c.number)
            .limit(limit)
        )
        if given_up is not None:
            were = notices.c.given_up_at.is_not(None)
            statement = statement.where(were if given_up else ~were)
        with self._transactions.reading() as connection:
            return tuple(map(listed_notice_of_row, connection.execute(statement)))

    @override
    @in_our_words
    def requeue(self, notices: tuple[NoticeId, ...] | None) -> int:
        table = self._notices
        statement = (
            update(table)
            .where(table.c.given_up_at.is_not(None))
            .values(attempts=0, due=AT_ONCE, given_up_at=None, problem=None)
        )
        asked: dict[str, Any] = {}
        if notices is not None:
            named = one_of(table.c.id, "named")
            statement = statement.where(named)
            asked["named"] = [each.value for each in notices]
        with self._transactions.writing_once() as connection:
            return connection.execute(statement, asked).rowcount

    @in_our_words
    def waiting(self) -> tuple[WaitingNotice, ...]:
        """Return the notices that wait, oldest first, claimed or not."""
        notices = self._notices
        statement = (
            select(notices).where(notices.c.given_up_at.is_(None)).order_by(notices.c.number)
        )
        with self._transactions.reading() as connection:
            return tuple(map(notice_of_row, connection.execute(statement)))


@checks_arguments
class HeldBackOutbox(SqlOutbox):
    """Lets no relay claim a notice: a relay elsewhere sends them."""

    @override
    def claim(
        self, now: datetime, until: datetime, limit: int, share: ShareId | None
    ) -> tuple[Claim, ...]:
        return ()
