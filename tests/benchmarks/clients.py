"""Clients that ask a database at the same time: threads of one process, or processes."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from enum import Enum
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, TypeAlias

import attrs
import psycopg
import sqlalchemy
from sqlalchemy import Engine, MetaData
from tests.benchmarks.sql_plans import Statement
from tests.benchmarks.worlds import ASKED

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import SqlDirectory, define_tables, open_sharing
from exam_sharing.identifiers import PrincipalKey

OWNER: Final = es.UserId("acts-owner")
GUEST: Final = es.UserId("acts-guest")


class What(Enum):
    """What clients do over and over."""

    CHECK = "a check"
    LOOKED_UP = "a check that looks groups up"
    ON_STANDBY = "a check on the standby"
    SENT = "the text of a check, sent by psycopg alone"
    POOLED = "the text of a check, sent by psycopg over a connection of SQLAlchemy's pool"
    BOTH_SENT = "both texts, sent by psycopg alone"
    ACT = "an act"


@attrs.frozen
class Check:
    """A check, and the statements that it sends if it looks groups up; the last is the check's."""

    user: es.UserId
    principals: frozenset[PrincipalKey]
    permission: es.Permission
    exam: es.ExamId
    sent: tuple[Statement, ...] = ()


@attrs.frozen
class Site:
    """What clients need to know: the servers, what to check, and the exams of acts, one each."""

    primary: str
    standby: str
    checks: tuple[Check, ...]
    exams: tuple[es.ExamId, ...]

    def directory(self, engine: Engine) -> SqlDirectory:
        return SqlDirectory(engine, define_tables(MetaData()).directory)

    def opened(self, engine: Engine, **more: Any) -> es.Sharing:
        return open_sharing(engine, directory=self.directory(engine), clock=lambda: ASKED, **more)


@attrs.frozen
class Done:
    """What clients have done in some seconds, and the seconds of processors that Python took."""

    calls: int
    seconds: float
    python: float


Run: TypeAlias = Callable[[What, float], Done]
"""Lets clients do something for some seconds, all at the same time."""


class _Client:
    """A client with engines that clients of the same process share, and what it has yet to do."""

    def __init__(self, site: Site, number: int, engines: Sequence[Engine]) -> None:
        primary, standby = engines
        self._engine = primary
        self._site, self._exam = site, site.exams[number]
        self._one, self._pair = site.opened(primary), site.opened(primary, reading=standby)
        address = primary.url.set(drivername="postgresql")
        self._alone = psycopg.connect(
            address.render_as_string(hide_password=False), autocommit=True
        )
        self._next = {what: cycle(self._calls(what)) for what in What}

    def repeat(self, what: What, seconds: float) -> int:
        """Do something for some seconds, and return how many times."""
        calls, done, end = self._next[what], 0, perf_counter() + seconds
        for call in calls:
            call()
            done += 1
            if perf_counter() > end:
                break
        return done

    def close(self) -> None:
        self._alone.close()

    def _calls(self, what: What) -> list[Callable[[], object]]:
        checks = self._site.checks
        match what:
            case What.CHECK | What.ON_STANDBY:
                sharing = self._one if what is What.CHECK else self._pair
                return [self._check(sharing, each) for each in checks]
            case What.LOOKED_UP:
                can = self._one.can
                return [partial(can, each.user, each.permission, each.exam) for each in checks]
            case What.SENT:
                return [partial(self._send, each.sent[-1:]) for each in checks]
            case What.POOLED:
                return [partial(self._send_pooled, *each.sent[-1:]) for each in checks]
            case What.BOTH_SENT:
                return [partial(self._send, each.sent) for each in checks]
            case What.ACT:
                share = es.ShareRequest(
                    actor=OWNER, exam=self._exam, recipients=(GUEST,), attested=True
                )
                unshare = es.UnshareRequest(actor=OWNER, exam=self._exam, recipient=GUEST)
                return [partial(self._one.share, share), partial(self._one.unshare, unshare)]

    def _check(self, sharing: es.Sharing, check: Check) -> Callable[[], object]:
        viewer = attrs.evolve(sharing.viewer(check.user), principals=check.principals)
        return partial(viewer.can, check.permission, check.exam)

    def _send_pooled(self, statement: Statement) -> None:
        """Do the least for a read that leaves the connection as it was."""
        lent = self._engine.pool.connect()
        driver: Any = lent.dbapi_connection
        driver.set_autocommit(True)
        driver.execute(statement.text, statement.parameters).fetchall()
        driver.set_autocommit(False)
        lent.close()

    def _send(self, statements: Sequence[Statement]) -> None:
        for each in statements:
            self._alone.execute(each.text, each.parameters).fetchall()


@contextmanager
def _clients(site: Site, numbers: range) -> Iterator[list[_Client]]:
    """Open some of the clients in this process."""
    urls = site.primary, site.standby
    engines = [sqlalchemy.create_engine(url, pool_size=len(numbers)) for url in urls]
    opened = [_Client(site, number, engines) for number in numbers]
    yield opened
    for client in opened:
        client.close()
    for engine in engines:
        engine.dispose()


@contextmanager
def threads(site: Site, number: int) -> Iterator[Run]:
    """Open clients that are threads of this process, and yield what lets them run."""
    with _clients(site, range(number)) as opened, ThreadPoolExecutor(number) as pool:

        def run(what: What, seconds: float) -> Done:
            began, used = perf_counter(), process_time()
            calls = sum(pool.map(lambda client: client.repeat(what, seconds), opened))
            return Done(calls, perf_counter() - began, process_time() - used)

        yield run


@contextmanager
def processes(site: Site, number: int) -> Iterator[Run]:
    """Open clients that are processes, and yield what lets them run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pipes, running = [], []
    for each in range(number):
        here, there = context.Pipe()
        running.append(context.Process(target=_obey, args=(there, site, each), daemon=True))
        running[-1].start()
        there.close()
        pipes.append(here)

    def run(what: What, seconds: float) -> Done:
        for pipe in pipes:
            pipe.send((what, seconds))
        done: list[Done] = [pipe.recv() for pipe in pipes]
        calls, python = sum(each.calls for each in done), sum(each.python for each in done)
        return Done(calls, max(each.seconds for each in done), python)

    yield run
    for pipe in pipes:
        pipe.close()
    for process in running:
        process.join()


def _obey(pipe: Pipe, site: Site, number: int) -> None:
    with _clients(site, range(number, number + 1)) as (client,), suppress(EOFError):
        while True:
            what, seconds = pipe.recv()
            began, used = perf_counter(), process_time()
            calls = client.repeat(what, seconds)
            pipe.send(Done(calls, perf_counter() - began, process_time() - used))


class Backends:
    """The processes of servers that answer clients, on this machine."""

    def __init__(self, *urls: str) -> None:
        addresses = (sqlalchemy.make_url(url).set(drivername="postgresql") for url in urls)
        self._asked = [
            psycopg.connect(each.render_as_string(hide_password=False), autocommit=True)
            for each in addresses
        ]

    def seconds(self) -> dict[int, float]:
        """Return the seconds of processors that each has taken; none where nothing tells."""
        found = {}
        for asked in self._asked:
            for (process,) in asked.execute(_PROCESSES):
                with suppress(OSError):
                    found[process] = _processor_time(Path(f"/proc/{process}/stat").read_text())
        return found

    def close(self) -> None:
        for each in self._asked:
            each.close()


_PROCESSES: Final = """
SELECT pid FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


def _processor_time(stat: str) -> float:
    # The name of the command is in parentheses, and may hold blanks.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK
