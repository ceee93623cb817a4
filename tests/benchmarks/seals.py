"""What leaves cost an act, and how many records a second are sealed and verified.

Run it from the root of a checkout as `python -m tests.benchmarks.seals`. Many writers share and
unshare exams of their own in PostgreSQL, in turns with leaves and without. Then records are sealed
and verified: refusals, and as many shares, each with a grant. `--quick` takes sizes that are too
small to judge, and is for seeing that it works.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

import sqlalchemy
from tests.benchmarks import harness

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import (
    Tables,
    create_all,
    documents,
    logs,
    open_sharing,
    seal,
    verify,
)
from exam_sharing.events import ActRefused, ExamShared
from exam_sharing.identifiers import GrantId, ShareId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.policy.plans import Attestation, Share

WRITERS: Final = 16
LEAF, RATE = 1.15, 50_000
START: Final = datetime(2030, 1, 1, tzinfo=UTC)
OWNER, BEN = es.UserId("owner"), es.UserId("ben")


def acts(engine: sqlalchemy.Engine, tables: Tables, rounds: int, each: int) -> harness.Row:
    """Compare acts of many writers with leaves and without."""
    directory = MemoryDirectory()
    for user in (OWNER, BEN):
        directory.add(es.User(id=user, name=str(user)))
    sharing = open_sharing(engine, tables=tables, directory=directory)
    exams = harness.uploaded(sharing, "batch", OWNER, map(str, range(WRITERS)), START)

    def work(exam: es.ExamId) -> None:
        for _ in range(each):
            share = es.ShareRequest(actor=OWNER, exam=exam, recipients=(BEN,), attested=True)
            sharing.share(share)
            sharing.unshare(es.UnshareRequest(actor=OWNER, exam=exam, recipient=BEN))

    best = {"leaf": float("inf"), "none": float("inf")}
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, exams))
        for _ in range(rounds):
            for name, leafless in (("leaf", nullcontext), ("none", without_leaves)):
                with leafless():
                    began = perf_counter()
                    list(pool.map(work, exams))
                    best[name] = min(best[name], perf_counter() - began)
    ratio = best["leaf"] / best["none"]
    acts = 2 * each * WRITERS
    harness.progress(f"{acts / best['leaf']:.0f} acts a second with {WRITERS} writers")
    return harness.at_most(f"an act / without a leaf, {WRITERS} writers", acts, ratio, LEAF)


@contextmanager
def without_leaves() -> Iterator[None]:
    """Let events be written without anything that is random or hashed."""
    with (
        patch.object(logs, "new_salt", bytes),
        patch.object(logs, "leaf_of", lambda *_: b""),
        patch.object(documents, "rows_named_in", lambda _: ()),
    ):
        yield


def shared(number: int) -> ExamShared:
    """Return the event of a share of one exam with one user."""
    exam, at = es.ExamId(f"exam-{number:08}"), START + timedelta(seconds=number)
    request = es.ShareRequest(actor=OWNER, exam=exam, recipients=(BEN,), attested=True)
    share = Share(
        id=ShareId(f"share-{number:08}"),
        at=at,
        actor=OWNER,
        performed_by=None,
        exam=exam,
        exams=(exam,),
        recipients=(BEN,),
        permission=es.Permission.VIEW,
        scope=es.Scope.EXAM,
        until=None,
        attestation=Attestation(by=OWNER, at=at, wording=es.Policy().attestation_wording),
    )
    grant = es.Grant(
        id=GrantId(f"grant-{number:08}"),
        exam=exam,
        grantor=OWNER,
        recipient=BEN,
        permission=es.Permission.VIEW,
        until=None,
        version=1,
        basis=es.OWNER,
        share=share.id,
        made_at=at,
    )
    return ExamShared(at=at, request=request, share=share, versions={exam: 1}, made=(grant,))


def fill(engine: sqlalchemy.Engine, tables: Tables, records: int) -> None:
    """Write the records of many shares, as their acts would."""
    for start in range(0, records, 5_000):
        made = [*map(shared, range(start, min(start + 5_000, records)))]
        given = [documents.GRANTS.row_of(event.made[0]) | {"uploaded_at": START} for event in made]
        with engine.begin() as connection:
            connection.execute(tables.grants.insert(), given)
            shares = [documents.row_of_share(event.share) for event in made]
            connection.execute(tables.shares.insert(), shares)
            connection.execute(tables.events.insert(), [*map(logs.event_row, made)])


def refused(number: int) -> ActRefused:
    """Return the event of a refusal, which names no rows."""
    reasons = (es.Reason(code=es.ReasonCode.EXAM_NOT_FOUND),)
    event = shared(number)
    return ActRefused(at=event.at, request=event.request, reasons=reasons)


def rates(engines: Mapping[str, sqlalchemy.Engine], records: int) -> Iterator[harness.Row]:
    """Measure how many records are sealed and verified in a second."""
    for name, engine in engines.items():
        tables = create_all(engine)
        with engine.begin() as connection:
            for table in (tables.events, tables.grants, tables.shares):
                connection.execute(table.delete())
            rows = [logs.event_row(refused(number)) for number in range(records)]
            connection.execute(tables.events.insert(), rows)
        sealed = partial(seal, engine, tables=tables)
        found = partial(verify, engine, tables=tables)
        yield rate(f"records sealed, {name}", records, sealed, None)
        yield rate(f"records verified, {name}", records, found, RATE)
        fill(engine, tables, records)
        sealed()
        assert found().whole
        both = f"records and rows verified, with shares, {name}"
        yield rate(both, 4 * records, found, RATE)


def rate(what: str, records: int, run: Any, least: int | None) -> harness.Row:
    """Return how many are done in a second; the best of some, where it can be repeated."""
    times = []
    for _ in range(1 if least is None else 3):
        began = perf_counter()
        run()
        times.append(perf_counter() - began)
    measured = round(records / min(times))
    if least is None:
        return harness.Row(what, records, measured, "a second")
    budget, holds = f"at least {least:,}", measured >= least
    return harness.Row(what, records, measured, "a second", budget, holds)


def rows(*, quick: bool) -> Iterator[harness.Row]:
    """Measure everything."""
    with harness.databases() as engines:
        postgresql = engines["PostgreSQL"]
        yield acts(postgresql, create_all(postgresql), *((1, 1) if quick else (5, 20)))
        yield from rates(engines, 100 if quick else 20_000)


if __name__ == "__main__":
    asked = harness.options(".seals", __doc__).parse_args()
    harness.report(rows(quick=asked.quick), as_json=asked.json, judges=not asked.quick)
