"""How long a share of a whole batch waits among short acts on its exams, in PostgreSQL.

Run it from the root of a checkout as `python -m tests.benchmarks.waits`. Eight writers in a process
of their own share and unshare exams of a batch, so many acts a second together, while its owner
shares all of it again and again: once by a store in which an act that lost a few races has its
turn, and once by one in which it only races. Each number is how many times as long the share takes
as on the same batch alone, in the same run; the longest of several.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from random import Random
from time import monotonic, sleep
from typing import Any, Final
from uuid import uuid4

import attrs
import sqlalchemy
from sqlalchemy import Engine
from tests.benchmarks.rows import Row, printed, progress
from tests.benchmarks.sql import fresh, server

import exam_sharing as es
from exam_sharing.adapters import sqlalchemy as sql

WRITERS: Final = 8
OWNER: Final = es.UserId("owner")
RECIPIENTS: Final = tuple(es.UserId(f"writer {number}") for number in range(WRITERS))


@attrs.frozen
class Settings:
    """How much to measure.

    Attributes:
        exams: how many the batch has.
        rates: how many short acts there are in a second.
        shares: how often the batch is shared, for each rate.
    """

    exams: int = 300
    rates: tuple[int, ...] = (4, 50)
    shares: int = 8


QUICK: Final = Settings(exams=20, rates=(20,), shares=2)


class RacingStore(sql.SqlStore):
    """A store in which an act races until it wins, as all did once."""

    def locked(self, exams: tuple[es.ExamId, ...]) -> AbstractContextManager[Any]:
        """Give no lock."""
        del exams
        return nullcontext()


def people(engine: Engine) -> sql.SqlDirectory:
    """Return the users in the database."""
    return sql.SqlDirectory(engine, sql.define_tables(sqlalchemy.MetaData()).directory)


def sharing_over(engine: Engine, store: type[sql.SqlStore] = sql.SqlStore) -> es.Sharing:
    """Return a `Sharing` with users in the same database."""
    tables = sql.define_tables(sqlalchemy.MetaData())
    return es.Sharing(
        policy=es.Policy(),
        ports=sql.sql_ports(store.over(engine, tables=tables), directory=people(engine)),
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid4()),
        sends_at_once=False,
    )


def exams_of(settings: Settings) -> tuple[es.ExamId, ...]:
    """Return the exams of the batch."""
    return tuple(es.ExamId(f"e{number:04}") for number in range(settings.exams))


def fill(engine: Engine, settings: Settings) -> None:
    """Create the tables, with the batch and everybody in them."""
    directory = sql.SqlDirectory(engine, sql.create_all(engine).directory)
    for user in (OWNER, *RECIPIENTS):
        directory.add(es.User(id=user, name=user.value))
    at = datetime.now(UTC)
    batch = es.UploadBatch(id=es.BatchId("batch"), uploader=OWNER, received_at=at)
    exams = [
        es.Exam(id=each, owner=OWNER, batch=batch.id, uploaded_at=at) for each in exams_of(settings)
    ]
    sharing_over(engine).add_upload(batch, exams)


def write(url: str, settings: Settings, rate: int, stop: Any, begun: Any) -> None:
    """Share and unshare, in as many threads as there are writers, until told to stop."""
    engine = sqlalchemy.create_engine(url)
    sharing, exams = sharing_over(engine), exams_of(settings)

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
def among_writers(url: str, settings: Settings, rate: int) -> Iterator[None]:
    """Let others write meanwhile."""
    processes = get_context("spawn")
    stop, begun = processes.Event(), processes.Event()
    writers = processes.Process(target=write, args=(url, settings, rate, stop, begun))
    writers.start()
    begun.wait()
    try:
        yield
    finally:
        stop.set()
        writers.join()


def waits(
    engine: Engine, store: type[sql.SqlStore], settings: Settings, name: str
) -> tuple[list[float], int]:
    """Return how many seconds each share of the batch took, and how many gave up."""
    sharing, directory = sharing_over(engine, store), people(engine)
    seconds: list[float] = []
    gave_up = 0
    for number in range(settings.shares):
        user = es.UserId(f"{name} {number}")
        directory.add(es.User(id=user, name=user.value))
        request = es.ShareRequest(
            actor=OWNER,
            exam=exams_of(settings)[0],
            recipients=(user,),
            scope=es.Scope.BATCH,
            attested=True,
        )
        start = monotonic()
        try:
            sharing.share(request)
        except es.Conflict:
            gave_up += 1
        seconds.append(monotonic() - start)
    return seconds, gave_up


def measured(url: str, settings: Settings) -> Iterator[Row]:
    """Measure all of it."""
    with fresh(url) as engine:
        fill(engine, settings)
        address = engine.url.render_as_string(hide_password=False)
        stores = {"in its turn": sql.SqlStore, "racing only": RacingStore}
        alone, _ = waits(engine, sql.SqlStore, settings, "alone")
        progress(f"alone: {min(alone):.2f} s")
        for rate in settings.rates:
            for words, store in stores.items():
                progress(f"{rate} acts a second, {words}")
                with among_writers(address, settings, rate):
                    taken, gave_up = waits(engine, store, settings, f"{rate} {words}")
                row = partial(Row, grants=settings.exams * len(taken))
                what = f"{rate} acts a second, {words}"
                longest, usual = max(taken) / min(alone), sorted(taken)[len(taken) // 2]
                yield row(f"{what}: half of the shares", measured=usual / min(alone))
                yield row(f"{what}: the longest", measured=longest)
                yield row(f"{what}: gave up", measured=gave_up, unit=f"of {len(taken)}")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.waits", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small batch, fewer shares")
    parser.add_argument("--shares", type=int, help="how often the batch is shared")
    parser.add_argument("--json", action="store_true", help="rows for machines")
    chosen = parser.parse_args()
    settings = QUICK if chosen.quick else Settings()
    if chosen.shares is not None:
        settings = attrs.evolve(settings, shares=chosen.shares)
    with server() as url:
        rows = list(measured(url, settings))
    print(printed(rows, as_json=chosen.json))


if __name__ == "__main__":
    main()
