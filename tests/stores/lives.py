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

from exam_sharing import GrantId, NarrowRequest, NoticeId, ShareNotice, ShareRequest, UnshareRequest
from exam_sharing.adapters.sqlalchemy import SqlStore, open_sharing, sqlite_engine
from exam_sharing.ports import Notifier
from test_serial_order import Portal, something
from world import START, grant_id

MORTAL: Final = "mortal"
"""The name of the connections of lives, in databases that name connections."""

DELIVER: Final = "deliver"
"""Among requests, this one means: send the notices that are due."""


@attrs.frozen(kw_only=True)
class Life:
    """What a process will do.

    Attributes:
        number: from 1, for each database.
        folder: where its diary is, and the mailbox of them all.
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
        """The file of its diary."""
        return self.folder / f"diary {self.number}"

    def lines(self) -> list[list[str]]:
        """Return the lines of its diary, in words."""
        return [line.split(" ") for line in self.diary.read_text().splitlines()]

    def all_requests(self) -> Iterator[Any]:
        """Yield its requests, the same each time."""
        if self.requests is not None:
            yield from self.requests
            return
        chance, grants = random.Random(self.number), [GrantId("none")]
        for number in range(10_000):
            if chance.random() < 0.25:
                yield DELIVER
                continue
            request = something(chance, grants)
            if isinstance(request, ShareRequest):
                act = f"life{self.number}x{number}"
                grants += [grant_id(act, request.exam, each) for each in request.recipients]
            if isinstance(request, ShareRequest | UnshareRequest | NarrowRequest):
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

    def send(self, notice: ShareNotice) -> None:
        if self.diary is not None:
            self.diary.write(f"sends {notice.id}")
        with self._file.open("a") as file:
            file.write(f"{notice.id}\n")
        if self.diary is not None:
            self.diary.write("sent")

    def empty(self) -> None:
        """Throw away what arrived."""
        self._file.unlink(missing_ok=True)

    def ids(self) -> list[NoticeId]:
        """Return the ids of the notices that arrived, as often as they did."""
        if not self._file.exists():
            return []
        return [NoticeId(line) for line in self._file.read_text().splitlines()]


class Mortal:
    """A portal over a database; any act can be its last."""

    def __init__(self, url: str, folder: Path) -> None:
        self.engine = engine_for(url)
        self.mailbox = Mailbox(folder)
        self.portal = Portal(
            store=SqlStore.over(self.engine),
            notifier=self.mailbox,
            open_over=lambda store, **more: open_sharing(self.engine, **more),
        )

    def live(self, life: Life) -> None:
        """Perform every request of the life."""
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


def engine_for(url: str) -> sqlalchemy.Engine:
    """Return an engine as a host would make it, whose connections have a name."""
    address = sqlalchemy.make_url(url)
    if address.get_backend_name() == "sqlite":
        return sqlite_engine(address.database)
    return sqlalchemy.create_engine(address, connect_args={"application_name": MORTAL})


class Nursery:
    """The other end of a nursery."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def begin(self, life: Life) -> int:
        """Let a life begin, and return the number of its process."""
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
