"""Accesses: recording a repeat beside a check, and what a full table costs.

`PYTHONPATH=src python -m tests.benchmarks.accesses` (from the root; `--quick` for a smoke test).
Memory, SQLite and PostgreSQL; `EXAM_SHARING_TEST_POSTGRESQL` names a server, else one is started.
"""

from collections.abc import Iterator
from time import perf_counter_ns
from typing import Any

import attrs
from tests.benchmarks import harness

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import SqlDirectory, create_all, open_sharing
from exam_sharing.memory import MemoryDirectory
from exam_sharing.memory import open_sharing as open_in_memory
from exam_sharing.testing.edges import START

RECORDED = 1.5
UNSLOWED = 1.2
EXAM, OWNER, BEN = es.ExamId("exam"), es.UserId("owner"), es.UserId("ben")
VIEW = es.Permission.VIEW


@attrs.frozen
class Sizes:
    """How much is measured; batches are short, so that many are not interrupted."""

    calls: int
    rounds: int
    rows: int


FULL, QUICK = Sizes(1_000, 200, 100_000), Sizes(20, 2, 200)


def shared(sharing: es.Sharing, people: Any) -> es.Sharing:
    """Let the owner share one exam with Ben."""
    for user in (OWNER, BEN):
        people.add(es.User(id=user, name=str(user)))
    batch = es.UploadBatch(id=es.BatchId("cd"), uploader=OWNER, received_at=START)
    exam = es.Exam(id=EXAM, owner=OWNER, batch=batch.id, uploaded_at=START)
    sharing.add_upload(batch, [exam])
    sharing.share(es.ShareRequest(actor=OWNER, exam=EXAM, recipients=[BEN], attested=True))
    return sharing


def fastest(call: Any, arguments: tuple[Any, ...], calls: int, rounds: int) -> int:
    """Return nanoseconds of one batch of calls, the best of several."""
    found = []
    for _ in range(rounds):
        began = perf_counter_ns()
        for _ in range(calls):
            call(*arguments)
        found.append(perf_counter_ns() - began)
    return min(found)


def ratio(one: Any, other: Any, calls: int, rounds: int) -> float:
    """Return how much longer one call takes than another, both measured in turns."""
    times = [(fastest(*one, calls, 1), fastest(*other, calls, 1)) for _ in range(rounds)]
    return min(a for a, _ in times) / min(b for _, b in times)


def filled(sharing: es.Sharing, rows: int) -> None:
    """Put many accesses to other exams, and by Ben, into the store."""
    log = sharing._ports.accesses
    assert log is not None
    for start in range(0, rows, 500):
        log.put(
            tuple(
                es.Access(
                    user=BEN if number % 10 == 0 else es.UserId(f"user {number}"),
                    exam=es.ExamId(f"exam {number}"),
                    permission=VIEW,
                    window=START,
                    first=START,
                    last=START,
                )
                for number in range(start, min(start + 500, rows))
            )
        )


def measured(where: str, sharing: es.Sharing, sizes: Sizes) -> Iterator[harness.Row]:
    """Yield the rows of one store."""
    calls = sizes.calls if where == "memory" else max(sizes.calls // 50, 10)
    rounds = sizes.rounds if where == "memory" else max(sizes.rounds // 10, 1)
    record = sharing.record_access, (BEN, EXAM, VIEW, "TREATMENT", "10.0.0.1")
    check = sharing.can, (BEN, VIEW, EXAM)
    page = sharing.shared_with, (BEN,)
    accesses = (lambda: sharing.accesses(OWNER, EXAM)), ()
    record[0](*record[1])
    what = f"record_access / can, {where}"
    yield harness.at_most(what, 1, ratio(record, check, calls, rounds), RECORDED)
    before = {
        name: fastest(*asked, max(calls // 10, 1), rounds)
        for name, asked in (("can", check), ("shared_with", page), ("accesses", accesses))
    }
    filled(sharing, sizes.rows)
    for name, asked in (("can", check), ("shared_with", page), ("accesses", accesses)):
        after = fastest(*asked, max(calls // 10, 1), rounds)
        what = f"{name} beside {sizes.rows:,} accesses / beside one, {where}"
        yield harness.at_most(what, 1, after / before[name], UNSLOWED)


def rows(sizes: Sizes) -> Iterator[harness.Row]:
    """Yield every row."""
    people = MemoryDirectory()
    in_memory = open_in_memory(directory=people)
    yield from measured("memory", shared(in_memory, people), sizes)
    with harness.databases() as engines:
        for where, engine in engines.items():
            tables = create_all(engine)
            directory = SqlDirectory(engine, tables.directory)
            sharing = open_sharing(engine, directory=directory)
            yield from measured(where, shared(sharing, directory), sizes)


if __name__ == "__main__":
    chosen = harness.options(".accesses", __doc__).parse_args()
    found = rows(QUICK if chosen.quick else FULL)
    harness.report(found, as_json=chosen.json, judges=not chosen.quick)
