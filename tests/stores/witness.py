"""A witness for a database whose clients, or whose server, are killed.

It repeats in memory what the audit trail records. The two must not differ in anything: grants,
endings, shares, receipts, notices. Half an act would be a difference.
"""

import time

import attrs
import sqlalchemy
from lives import MORTAL, Mailbox

from exam_sharing.adapters.sqlalchemy import SqlStore, open_sharing
from exam_sharing.events import ExamShared
from test_serial_order import Portal, act_of
from where_kept import delete_rows
from world import FailingNotifier

PATIENCE = 30


class Witness:
    """Looks at what a database holds, and does the same in memory, act by act."""

    def __init__(self, engine, tables, folder):
        delete_rows(engine, tables)
        self._engine = engine
        self.mailbox = Mailbox(folder)
        self.mailbox.empty()
        self.kept = Portal(
            store=SqlStore.over(engine, tables=tables),
            notifier=self.mailbox,
            open_over=lambda store, **more: open_sharing(engine, **more),
        )
        self.memory = Portal(notifier=FailingNotifier())
        self.passed = 0
        self.may_be_dropped = set()

    def do(self, request, act, now):
        return self.kept.do(request, act, now)

    def look(self):
        """Do what has been done since the last look, and see that all is the same."""
        wait_for_the_dead(self._engine)
        kept, memory = self.kept, self.memory
        done = kept.done()
        new, self.passed = done[self.passed :], len(done)
        for event in new:
            memory.do(event.request, act_of(event), event.at)
            self._note_what_is_over()
        assert memory.done() == done
        assert kept.kept() == memory.kept()
        for event in new:
            if isinstance(event, ExamShared):
                assert kept.store.share_record(event.share.id) == event.share
            receipts = [receipt_of(portal, event.request) for portal in (kept, memory)]
            assert receipts[0] == receipts[1]
        self._look_at_notices()

    def wait_until(self, now):
        """Let time pass, so that some of what was written may be over."""
        self.kept.own.now = self.memory.own.now = now
        self._note_what_is_over()

    def _note_what_is_over(self):
        self.may_be_dropped |= {each.id for each in waiting_in(self.memory) if self._is_over(each)}

    def _is_over(self, notice):
        reader = self.memory.directory.principals_of(notice.to)
        grants = self.memory.store.grants_of_share(notice.share, notice.exam_ids, reader)
        return all(grant.expired(self.memory.own.now) for grant in grants)

    def _look_at_notices(self):
        written = {each.id: said_by(each) for each in waiting_in(self.memory)}
        waiting = {each.id: said_by(each) for each in waiting_in(self.kept)}
        arrived = set(self.mailbox.ids())
        assert waiting.items() <= written.items()
        assert arrived <= written.keys()
        assert written.keys() <= waiting.keys() | arrived | self.may_be_dropped


def waiting_in(portal):
    return portal.store.outbox.waiting()


def receipt_of(portal, request):
    """Return what is kept under the id of a request, if it has one."""
    id_ = getattr(request, "request_id", None)
    return None if id_ is None else portal.store.receipt(request.actor, id_).receipt


def as_first_given(receipt):
    """Return a receipt as it was kept, whether it came again or not."""
    return None if receipt is None else attrs.evolve(receipt, repeated=False, names={})


def said_by(notice):
    """Return what a notice says but for the message, which no audit trail has."""
    return attrs.evolve(notice, message=None, attempts=0, problem=None)


def wait_for_the_dead(engine):
    """Wait until PostgreSQL has noticed that who asked it for something is no more."""
    if engine.dialect.name != "postgresql":
        return
    lingering = sqlalchemy.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = :name"
    )
    deadline = time.monotonic() + PATIENCE
    while True:
        with engine.connect() as connection:
            if not connection.scalar(lingering, {"name": MORTAL}):
                return
        assert time.monotonic() < deadline
        time.sleep(0.001)


def repeated(arrived):
    """Return what arrived more than once."""
    return {notice for notice, times in arrived.items() if times > 1}
