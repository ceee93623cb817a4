"""Processes that share, unshare and send notices over a database until they are killed.

A *nursery* is a process, one for each database, that has imported everything and compiled every
statement, so that it forks a *life* within milliseconds. A life writes its next step and the result
of each act into its diary, line by line. The diary outlives it.
"""

import os
import pickle
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import attrs
import sqlalchemy

import exam_sharing as es
from databases import engine_at
from exam_sharing.adapters.sqlalchemy import SqlStore, open_sharing
from exam_sharing.events import ActRefused, ExamShared
from exam_sharing.history import Stretch
from exam_sharing.ports import Notifier
from test_serial_order import EXAMS, Portal, act_of, something
from where_kept import delete_rows
from world import START, FailingNotifier, grant_id

MORTAL: Final = "mortal"
"""The name of the connections of lives in PostgreSQL."""

PATIENCE: Final = 30
"""How many seconds anything may take."""

DELIVER: Final = "deliver"
"""Among requests, this one means: send the notices that are due."""


@attrs.frozen(kw_only=True)
class Life:
    """What a process will do.

    Attributes:
        number: from 1, for each database.
        requests: what it does; by default an endless series that depends on its number.
        dies_at: the line of its diary after which it kills itself, from 1; `None` to be killed.
    """

    number: int
    folder: Path
    requests: tuple[Any, ...] | None = None
    dies_at: int | None = None

    @property
    def now(self):
        """Its time: by the next life, claims of this one have lapsed."""
        return START + self.number * timedelta(minutes=10)

    @property
    def diary(self) -> Path:
        return self.folder / f"diary {self.number}"

    def lines(self) -> list[list[str]]:
        """Return the lines of its diary, in words."""
        return [line.split(" ") for line in self.diary.read_text().splitlines()]

    def all_requests(self) -> Iterator[Any]:
        """Yield its requests, the same each time."""
        if self.requests is not None:
            yield from self.requests
            return
        chance, grants = random.Random(self.number), [es.GrantId("none")]
        for number in range(10_000):
            if chance.random() < 0.25:
                yield DELIVER
                continue
            request = something(chance, grants)
            if isinstance(request, es.ShareRequest):
                act = f"life{self.number}x{number}"
                grants += [grant_id(act, request.exam, each) for each in request.recipients]
            if isinstance(request, es.ShareRequest | es.UnshareRequest | es.NarrowRequest):
                request = attrs.evolve(request, request_id=f"life{self.number} {number}")
            yield request


class Diary:
    """What a life writes down, line by line, until it dies."""

    def __init__(self, life: Life) -> None:
        life.diary.parent.mkdir(exist_ok=True)
        self._file = os.open(life.diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._left = life.dies_at

    def write(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())
        if self._left is not None:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


class Mailbox(Notifier):
    """A file that holds the ids of all notices that arrived."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "mailbox"
        self.diary: Diary | None = None

    def send(self, notice: es.ShareNotice) -> None:
        if self.diary is not None:
            self.diary.write(f"sends {notice.id}")
        with self._file.open("a") as file:
            file.write(f"{notice.id}\n")
        if self.diary is not None:
            self.diary.write("sent")

    def empty(self) -> None:
        self._file.unlink(missing_ok=True)

    def ids(self) -> list[es.NoticeId]:
        if not self._file.exists():
            return []
        return [es.NoticeId(line) for line in self._file.read_text().splitlines()]


def portal_over(engine: sqlalchemy.Engine, store: SqlStore, mailbox: Mailbox) -> Portal:
    def open_over(store: SqlStore, **more: Any) -> es.Sharing:
        return open_sharing(engine, **more)

    return Portal(store=store, notifier=mailbox, open_over=open_over)


class Mortal:
    """A portal over a database; any act can be its last."""

    def __init__(self, url: str, folder: Path) -> None:
        self.engine = engine_at(url, connect_args={"application_name": MORTAL})
        self.mailbox = Mailbox(folder)
        self.portal = portal_over(self.engine, SqlStore.over(self.engine), self.mailbox)

    def live(self, life: Life) -> None:
        diary = self.mailbox.diary = Diary(life)
        sqlalchemy.event.listen(
            self.engine, "before_cursor_execute", partial(_note_statement, diary)
        )
        if self.engine.dialect.name != "sqlite":  # There, a commit is a statement.
            sqlalchemy.event.listen(self.engine, "commit", lambda _: diary.write("commits"))
        for number, request in enumerate(life.all_requests()):
            diary.write(f"asks {number}")
            answer = self.do(life, request, f"life{life.number}x{number}")
            diary.write("returns")
            diary.write(f"done {number} {pickle.dumps(answer).hex()}")

    def do(self, life: Life, request: Any, act: str) -> Any:
        """Return the receipt of an act, or `None` if it is refused; or how many were sent."""
        if request == DELIVER:
            self.portal.own.now = life.now
            return self.portal.sharing.admin.deliver_notices()
        return self.portal.do(request, act, life.now)


def _note_statement(diary, _connection, _cursor, statement, *_):
    if statement == "COMMIT":
        diary.write("commits")
    elif not statement.startswith(("BEGIN", "PRAGMA")):
        diary.write("reads" if statement.lstrip().startswith("SELECT") else "writes")


class Nursery:
    """The other end of a nursery."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def begin(self, life: Life) -> int:
        self._pipe.send(life)
        return self._pipe.recv()

    def end(self) -> int:
        """Wait until the life has ended, and return by which signal, 0 where by none."""
        status = self._pipe.recv()
        assert status in (0, signal.SIGKILL)
        return status


@contextmanager
def nursery(url: str, warm_up: Life) -> Iterator[Nursery]:
    """Open a nursery; the warm-up does everything once and is not killed."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_nurse, args=(url, warm_up, there))
    process.start()
    there.close()
    assert here.recv() == "warm"
    try:
        yield Nursery(here)
    finally:
        here.send(None)
        process.join()


def _nurse(url: str, warm_up: Life, pipe: Connection) -> None:
    mortal = Mortal(url, warm_up.folder)
    for number, request in enumerate(warm_up.requests):
        mortal.do(warm_up, request, f"warm{number}")
    # A fork must not inherit open connections.
    mortal.engine.dispose()
    pipe.send("warm")
    while (life := pipe.recv()) is not None:
        child = os.fork()
        if not child:
            try:
                mortal.live(life)
            except BaseException:  # noqa: BLE001  the child must not go on as its parent
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        pipe.send(child)
        _, status = os.waitpid(child, 0)
        pipe.send(status)


class Witness:
    """Looks at what a database holds, and does the same in memory, act by act.

    It repeats in memory what the audit trail records. The two must not differ in anything: grants,
    endings, shares, receipts, notices. Half an act would be a difference.
    """

    def __init__(self, engine, tables, folder):
        delete_rows(engine, tables)
        self._engine = engine
        self.mailbox = Mailbox(folder)
        self.mailbox.empty()
        self.kept = portal_over(engine, SqlStore.over(engine, tables=tables), self.mailbox)
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
        for exam in EXAMS:
            # No event is without what it is found by.
            assert found_of(kept, exam) == found_of(memory, exam)
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


def found_of(portal, exam):
    """Return the acts in the history of an exam; the memory repeats no refusals."""
    entries = portal.store.happened(exam, None, Stretch(limit=999))
    return [each.what for each in entries if not isinstance(each.what, ActRefused)]


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
