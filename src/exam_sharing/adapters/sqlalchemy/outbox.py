"""Notices that wait in the database until a relay sends them."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, or_, select, update
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.adapters.sqlalchemy.rows import notice_of_row
from exam_sharing.adapters.sqlalchemy.times import Instant
from exam_sharing.events import WaitingNotice
from exam_sharing.identifiers import NoticeId, ShareId
from exam_sharing.ports import Outbox

__all__ = ["SqlOutbox"]

CLAIM_LASTS: Final = timedelta(minutes=5)
"""After this long a claim that was never settled lapses, and the notice is sent again."""


class SqlOutbox(Outbox):
    """The notices of one database; several relays may send them side by side.

    A notice is deleted, with its message, once it was sent or dropped.
    """

    def __init__(self, database: Database) -> None:
        """Prepare the statements."""
        self._database = database
        notices = database.tables.notices.c
        claimed_until = notices.claimed_until
        free = or_(claimed_until.is_(None), claimed_until <= bindparam("now", type_=Instant()))
        self._next = (
            select(notices.number)
            .where(free)
            .order_by(notices.attempts, notices.number)
            .limit(bindparam("limit"))
            .with_for_update(skip_locked=True)
        )

    @override
    @in_our_words
    def claim(self, now: datetime, limit: int, share: ShareId | None) -> tuple[WaitingNotice, ...]:
        notices = self._database.tables.notices
        asked: dict[str, Any] = {"now": now, "limit": limit, "then": now + CLAIM_LASTS}
        chosen = self._next
        if share is not None:
            chosen = chosen.where(notices.c.share == bindparam("of_share"))
            asked["of_share"] = share.value
        claim = (
            update(notices)
            .where(notices.c.number.in_(chosen.scalar_subquery()))
            .values(claimed_until=bindparam("then", type_=Instant()))
            .returning(notices)
        )
        with self._database.writing() as connection:
            claimed = connection.execute(claim, asked).all()
        # What is returned by an update has no order.
        in_turn = sorted(claimed, key=lambda row: (row.attempts, row.number))
        return tuple(map(notice_of_row, in_turn))

    @override
    @in_our_words
    def settle(self, notice: NoticeId, *, done: bool) -> None:
        notices = self._database.tables.notices
        this_one = notices.c.id == notice.value
        again = (
            update(notices)
            .where(this_one)
            .values(attempts=notices.c.attempts + 1, claimed_until=None)
        )
        with self._database.writing() as connection:
            connection.execute(delete(notices).where(this_one) if done else again)

    @in_our_words
    def waiting(self) -> tuple[WaitingNotice, ...]:
        """Return what waits, oldest first, claimed or not."""
        notices = self._database.tables.notices
        with self._database.reading() as connection:
            rows = connection.execute(select(notices).order_by(notices.c.number))
            return tuple(map(notice_of_row, rows))
