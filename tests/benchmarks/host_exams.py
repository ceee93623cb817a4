"""What it costs that every yes looks the exam up: over our tables, and over a host's own.

Run it from the root of a checkout as `python -m tests.benchmarks.host_exams`. `--grants` says how
large the worlds are. Each number is how many times as long something takes as `SELECT 1` on a
connection of the pool: the best of several rounds. The host's table is in the same database, holds
each exam once, and is asked by one statement, which SQLAlchemy has compiled before.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Column, Engine, MetaData, String, Table, bindparam, select, tuple_
from tests.benchmarks.harness import best_of, databases, progress, table
from tests.benchmarks.sql_worlds import ASKED, Place, filled
from typing_extensions import override

from exam_sharing import BatchId, Exam, ExamId, Permission, UserId
from exam_sharing.adapters.sqlalchemy import HostExams, SqlSharingStore, may
from exam_sharing.adapters.sqlalchemy.database import own_database
from exam_sharing.adapters.sqlalchemy.reading import asked_by
from exam_sharing.adapters.sqlalchemy.tables import Instant

PAGE: Final = 50
VIEW: Final = Permission.VIEW


class Studies(HostExams):
    """Exams in a table of the host's own."""

    def __init__(self, engine: Engine) -> None:
        self.connect = engine.execution_options(isolation_level="AUTOCOMMIT").connect
        text = String(255).with_variant(String(255, collation="C"), "postgresql")
        self.table = Table(
            "portal_studies",
            MetaData(),
            Column("id", text, primary_key=True),
            Column("owner", text, index=True),
            Column("batch", text, index=True),
            Column("uploaded_at", Instant()),
        )
        columns = self.table.c
        self._find = select(self.table).where(columns.id.in_(bindparam("ids", expanding=True)))
        disc = select(columns.batch).where(columns.id == bindparam("id")).scalar_subquery()
        self._batch_of = select(self.table).where(columns.batch == disc)

    def fill(self, place: Place) -> None:
        exams = place.tables.exams.c
        rows = select(exams.id, exams.owner, exams.batch, exams.uploaded_at)
        with place.engine.begin() as connection:
            self.table.create(connection)
            connection.execute(self.table.insert().from_select([*self.table.c.keys()], rows))
        with self.connect() as connection:
            connection.exec_driver_sql("ANALYZE")

    @override
    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        return self._read(self._find, ids=[exam.value for exam in exams])

    @override
    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        return self._read(self._batch_of, id=exam.value)

    @override
    def owned_by(
        self, user: UserId, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[Exam, ...]:
        columns = self.table.c
        newest_first = columns.uploaded_at.desc(), columns.id.desc()
        own = select(self.table).where(columns.owner == user.value).order_by(*newest_first)
        if after is not None:
            own = own.where(tuple_(columns.uploaded_at, columns.id) < after)
        return self._read(own.limit(limit))

    def _read(self, statement: Any, **asked: Any) -> tuple[Exam, ...]:
        with self.connect() as connection:
            return tuple(
                Exam(
                    id=ExamId(row.id),
                    owner=UserId(row.owner),
                    batch=BatchId(row.batch),
                    uploaded_at=row.uploaded_at,
                )
                for row in connection.execute(statement, asked)
            )


def contestants(place: Place, rounds: int) -> Iterator[tuple[str, float]]:
    """Yield what is measured, each with its ratio."""
    studies = Studies(place.engine)
    studies.fill(place)
    host = SqlSharingStore(own_database(place.engine, place.tables), studies)
    user = place.world.user(7)
    keys = place.world.principals_of(user)
    page = place.store.visible(user, keys, None, PAGE, ASKED, own=False)
    exam, many = page[0].exam, tuple(each.exam for each in page)
    of_grants = {**asked_by(user, keys, ASKED), "exams": [exam.value]}
    asker = {"user": user, "principals": keys, "now": ASKED, "tables": place.tables}
    mine = may(studies.table.c.id, studies.table.c.owner, permission=VIEW, **asker)
    row = select(studies.table).where(studies.table.c.id == exam.value, mine)
    stores = {"in our tables": place.store, "in the host's table": host}

    def of_both(what: str, ask: Callable[[Any], object]) -> dict[str, Callable[[], object]]:
        return {f"{what} {where}": partial(ask, store) for where, store in stores.items()}

    def page_of(store: Any) -> object:
        return store.visible(user, keys, None, PAGE, ASKED, own=True)

    some = f"of {len(many)}"
    asked: Mapping[str, Callable[[], object]] = {
        **of_both("a check, exams", lambda store: store.holds(user, keys, VIEW, exam, ASKED)),
        "- of it, our statement": partial(host._transactions.ask, host._questions.given, of_grants),
        "- of it, the host's `find`": partial(studies.find, (exam,)),
        "the host's row, with `may` in its statement": partial(_executed, studies, row),
        **of_both(f"a check {some} exams,", lambda s: s.holding(user, keys, VIEW, many, ASKED)),
        **of_both(f"a page {some}, exams", page_of),
    }
    batches = {"SELECT 1": partial(_executed, studies, select(1)), **asked}
    times = best_of(rounds, {name: [ask] for name, ask in batches.items()}, 1)
    for what in asked:
        yield what, times[what] / times["SELECT 1"]


def _executed(studies: Studies, statement: Any) -> object:
    with studies.connect() as connection:
        return connection.execute(statement).all()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.host_exams")
    parser.add_argument("--grants", type=int, default=100_000, help="how large the worlds are")
    parser.add_argument("--rounds", type=int, default=300)
    chosen = parser.parse_args()
    found: dict[str, list[str]] = {}
    with databases() as engines:
        for name, engine in engines.items():
            place = filled(engine, chosen.grants)
            progress(f"{name}: asking")
            for what, ratio in contestants(place, chosen.rounds):
                found.setdefault(what, []).append(f"{ratio:.1f}")
    heads = (f"× `SELECT 1`, {chosen.grants:,} grants", *engines)
    lines = [(what, *ratios) for what, ratios in found.items()]
    print(table(heads, lines, right=range(1, len(heads))))


if __name__ == "__main__":
    main()
