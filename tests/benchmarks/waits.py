"""How long a share of a whole batch waits among short acts on its exams, in PostgreSQL.

Run it from the root of a checkout as `python -m tests.benchmarks.waits`. Eight writers in a process
of their own share and unshare exams of a batch, so many acts a second together, while its owner
shares all of it again and again: once by a store in which an act that lost a few races has its
turn, and once by one in which it only races. Each number is how many times as long the share takes
as on the same batch alone, in the same run; the longest of several.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from multiprocessing import get_context
from random import Random
from time import monotonic, sleep
from typing import Any, Final
from uuid import uuid4

import attrs
import sqlalchemy
from sqlalchemy import Engine
from tests.benchmarks.harness import Row, fresh, options, progress, report, server, uploaded

import exam_sharing as es
from exam_sharing.adapters import sqlalchemy as sql

WRITERS: Final = 8
OWNER: Final = es.UserId("owner")
RECIPIENTS: Final = tuple(es.UserId(f"writer {number}") for number in range(WRITERS))


@attrs.frozen
class Settings:
    """Exams of the batch, short acts in a second, and shares of the batch for each rate."""

    exams: int = 300
    rates: tuple[int, ...] = (4, 50)
    shares: int = 8


QUICK: Final = Settings(exams=20, rates=(20,), shares=2)


class RacingStore(sql.SqlStore):
    """A store in which an act races until it wins, as all did once."""

    def locked(self, exams: tuple[es.ExamId, ...]) -> AbstractContextManager[Any]:
        del exams
        return nullcontext()


def opened(engine: Engine, store: type[sql.SqlStore] = sql.SqlStore) -> es.Sharing:
    ports = sql.sql_ports(store.over(engine), directory=people(engine))
    return es.Sharing(
        policy=es.Policy(),
        ports=ports,
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid4()),
        sends_at_once=False,
    )


def people(engine: Engine) -> sql.SqlDirectory:
    return sql.SqlDirectory(engine, sql.define_tables(sqlalchemy.MetaData()).directory)


def fill(engine: Engine, settings: Settings) -> tuple[es.ExamId, ...]:
    """Create the tables, with the batch and everybody in them, and return the exams."""
    directory = sql.SqlDirectory(engine, sql.create_all(engine).directory)
    for user in (OWNER, *RECIPIENTS):
        directory.add(es.User(id=user, name=user.value))
    exams = [f"e{number:04}" for number in range(settings.exams)]
    return uploaded(opened(engine), "batch", OWNER, exams, datetime.now(UTC))


def write(url: str, exams: Sequence[es.ExamId], rate: int, stop: Any, begun: Any) -> None:
    """Share and unshare, in as many threads as there are writers, until told to stop."""
    engine = sqlalchemy.create_engine(url)
    sharing = opened(engine)

    def act(number: int) -> None:
        chance, recipient = Random(number), RECIPIENTS[number]
        due = monotonic() + chance.random() * WRITERS / rate
        while not stop.is_set():
            sleep(max(0.0, due - monotonic()))
            due = max(monotonic(), due + 2 * WRITERS / rate)
            exam = chance.choice(exams)
            share = es.ShareRequest(actor=OWNER, exam=exam, recipients=(recipient,), attested=True)
            sharing.share(share)
            sharing.unshare(es.UnshareRequest(actor=OWNER, exam=exam, recipient=recipient))

    begun.set()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(act, range(WRITERS)))
    engine.dispose()


@contextmanager
def among_writers(url: str, exams: Sequence[es.ExamId], rate: int) -> Iterator[None]:
    processes = get_context("spawn")
    stop, begun = processes.Event(), processes.Event()
    writers = processes.Process(target=write, args=(url, exams, rate, stop, begun))
    writers.start()
    begun.wait()
    try:
        yield
    finally:
        stop.set()
        writers.join()


def waits(
    engine: Engine, store: type[sql.SqlStore], exam: es.ExamId, shares: int, name: str
) -> tuple[list[float], int]:
    """Return how many seconds each share of the batch took, and how many gave up."""
    sharing, directory = opened(engine, store), people(engine)
    seconds: list[float] = []
    gave_up = 0
    for number in range(shares):
        user = es.UserId(f"{name} {number}")
        directory.add(es.User(id=user, name=user.value))
        request = es.ShareRequest(
            actor=OWNER, exam=exam, recipients=(user,), scope=es.Scope.BATCH, attested=True
        )
        start = monotonic()
        try:
            sharing.share(request)
        except es.Conflict:
            gave_up += 1
        seconds.append(monotonic() - start)
    return seconds, gave_up


def measured(url: str, settings: Settings) -> Iterator[Row]:
    with fresh(url) as engine:
        exams = fill(engine, settings)
        address = engine.url.render_as_string(hide_password=False)
        stores = {"in its turn": sql.SqlStore, "racing only": RacingStore}
        alone, _ = waits(engine, sql.SqlStore, exams[0], settings.shares, "alone")
        progress(f"alone: {min(alone):.2f} s")
        for rate in settings.rates:
            for words, store in stores.items():
                what = f"{rate} acts a second, {words}"
                progress(what)
                with among_writers(address, exams, rate):
                    taken, gave_up = waits(engine, store, exams[0], settings.shares, what)
                grants = len(exams) * len(taken)
                usual = sorted(taken)[len(taken) // 2]
                yield Row(f"{what}: half of the shares", grants, usual / min(alone))
                yield Row(f"{what}: the longest", grants, max(taken) / min(alone))
                yield Row(f"{what}: gave up", grants, gave_up, unit=f"of {len(taken)}")


if __name__ == "__main__":
    parser = options(".waits", __doc__)
    parser.add_argument("--shares", type=int, help="how often the batch is shared")
    chosen = parser.parse_args()
    settings = QUICK if chosen.quick else Settings()
    if chosen.shares is not None:
        settings = attrs.evolve(settings, shares=chosen.shares)
    with server() as url:
        report(measured(url, settings), as_json=chosen.json)
