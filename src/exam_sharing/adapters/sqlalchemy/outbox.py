"""Notices in the database: those that wait for a relay, and those that were given up.

The column `due` has the time from which a relay may claim a notice: the next attempt, or the end
of another relay's claim. For a new notice that time is long ago; for one that was given up it is
null. So a claim is a short walk along one index, however many notices wait.
"""

from datetime import datetime
from typing import Any, Final, assert_never
from uuid import uuid4

from sqlalchemy import Update, any_, delete, func, select, update
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.documents import LISTED_NOTICES, NOTICES
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.tables import ByDialect, one_of
from exam_sharing.events import Claim, ListedNotice, WaitingNotice
from exam_sharing.identifiers import NoticeId, ShareId
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, Settlement, TryAgain
from exam_sharing.ports import Outbox
from exam_sharing.validation import checks_arguments, require_kind

_BEFORE_ALL: Final = 0


@checks_arguments
class SqlOutbox(Outbox):
    """The notices of one database; several relays may send them side by side.

    A notice is deleted, with its message, once it was sent or dropped.
    """

    def __init__(self, database: Database, *, held_back: bool = False) -> None:
        """Keep the database; an outbox that is `held_back` lets no relay claim a notice."""
        require_kind("database", database, Database)
        self._held_back = held_back
        self._database, self._transactions = database, database.transactions
        self._notices = database.tables.notices

    def held_back(self) -> "SqlOutbox":
        """Return an outbox of the same notices that lets no relay claim them."""
        return SqlOutbox(self._database, held_back=True)

    @override
    @in_our_words
    def claim(
        self, now: datetime, until: datetime, limit: int, share: ShareId | None
    ) -> tuple[Claim, ...]:
        if self._held_back or self._transactions.joined:
            return ()
        notices, token = self._notices, str(uuid4())
        due = (
            select(notices.c.number)
            .where(notices.c.due <= now)
            .order_by(notices.c.due, notices.c.attempts, notices.c.number)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        if share is not None:
            due = due.where(notices.c.share == share.value)
        number = notices.c.number
        # PostgreSQL selects the array once; a join could select the due notices for every row.
        chosen = ByDialect(number == any_(func.array(due.scalar_subquery())), number.in_(due))
        keep = update(notices).where(chosen).values(due=until, claimed_by=token).returning(notices)
        with self._transactions.writing_once() as connection:
            rows = connection.execute(keep).all()
        # What an update returns has no order.
        in_turn = sorted(rows, key=lambda row: (row.attempts, row.number))
        claimed = NOTICES.values_of(in_turn)
        return tuple(Claim(notice=notice, token=token, until=until) for notice in claimed)

    @override
    @in_our_words
    def settle(self, claim: Claim, settlement: Settlement) -> None:
        notices = self._notices
        still_claimed = notices.c.id == claim.notice.id.value, notices.c.claimed_by == claim.token
        failed = update(notices).where(*still_claimed)
        failed = failed.values(attempts=notices.c.attempts + 1, claimed_by=None)
        match settlement:
            case Done():
                statement: Update | Any = delete(notices).where(*still_claimed)
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
        return LISTED_NOTICES.values_of(self._transactions.rows(statement))

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
        waiting = select(notices).where(notices.c.given_up_at.is_(None)).order_by(notices.c.number)
        return NOTICES.values_of(self._transactions.rows(waiting))
