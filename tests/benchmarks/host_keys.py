"""What checks and pages cost over a host's own exams, by the type of its keys.

Run it from the root of a checkout as `python -m tests.benchmarks.host_keys`. The exams are in a
table of the host, with keys that are text, whole numbers or UUIDs; text keys in PostgreSQL have the
collation of our columns. Each number is how many times as long something takes as `SELECT 1` on a
connection of the pool: the best of several rounds.
"""

import argparse
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Column, Engine, MetaData, Table, select
from tests.benchmarks.harness import best_of, databases, progress, table
from tests.benchmarks.sql_worlds import ASKED

from exam_sharing import ExamId, GroupId, Permission, UserId
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy.columns import as_text
from exam_sharing.adapters.sqlalchemy.database import own_database
from exam_sharing.adapters.sqlalchemy.host import SqlTableStore
from exam_sharing.adapters.sqlalchemy.tables import ByDialect, Instant

PAGE: Final = 50
VIEW: Final = Permission.VIEW
OWNERS: Final = 1_000
RECIPIENTS: Final = 4_000
GRANTS: Final = 2
TEXT: Final = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
KEYS: Final = {"text": TEXT, "numbers": sa.BigInteger(), "UUIDs": sa.Uuid()}


def key_of(keys: str, number: int) -> str:
    """Return the text of a key."""
    return str(UUID(int=number)) if keys == "UUIDs" else str(number)


def counted(keys: str, number: Any) -> Any:
    """Return the expression of the key that a number has in a column."""
    if keys == "numbers":
        return sa.cast(number, sa.BigInteger())
    if keys == "text":
        return sa.cast(number, sa.Text())
    digits = sa.func.lpad(sa.func.to_hex(number), 32, "0")
    return ByDialect(sa.cast(digits, sa.Uuid()), sa.func.printf("%032x", number))


class Portal:
    """A host's table of exams, and grants on them."""

    def __init__(self, engine: Engine, keys: str, exams: int) -> None:
        self.engine, self.keys = engine, keys
        metadata, kind = MetaData(), KEYS[keys]
        self.table = Table(
            f"studies_{keys.lower()}",
            metadata,
            Column("id", kind, primary_key=True, autoincrement=False),
            Column("owner", kind, index=True),
            Column("disc", kind),
            Column("arrived", Instant()),
        )
        columns = self.table.c
        self.exams = sql.TableExams(
            id=columns.id, owner=columns.owner, batch=columns.disc, uploaded_at=columns.arrived
        )
        self.exams.define_indexes()
        metadata.create_all(engine)
        self.tables = sql.define_tables(MetaData(), prefix=f"{keys.lower()}_")
        sql.create_all(engine, self.tables)
        self._fill(exams)
        self.store = SqlTableStore(own_database(engine, self.tables), self.exams)

    def _fill(self, exams: int) -> None:
        numbers = select(sa.literal(1).label("n")).cte("numbers", recursive=True)
        numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < exams))
        n, keyed = numbers.c.n, partial(counted, self.keys)
        second = sa.literal(timedelta(seconds=1), sa.Interval())
        start = sa.literal(ASKED - timedelta(days=9), Instant())
        at = ByDialect(start + n * second, start + n * 1_000_000)
        columns, ours = self.table.c, self.tables
        host = select(keyed(n), keyed(n % OWNERS), keyed(n // 4), sa.type_coerce(at, Instant()))
        versions = select(as_text(columns.id), sa.literal(1), sa.false())
        with self.engine.begin() as connection:
            connection.execute(self.table.insert().from_select([*columns.keys()], host))
            names = ["exam", "version", "withdrawn"]
            connection.execute(ours.versions.insert().from_select(names, versions))
            for number in range(GRANTS):
                connection.execute(self._grants(numbers, number))
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")

    def _grants(self, numbers: Any, number: int) -> Any:
        columns, n = self.table.c, numbers.c.n
        keyed, kind = partial(counted, self.keys), "g:" if number else "u:"
        recipient = (n * 7919 + number) % RECIPIENTS
        exam = as_text(columns.id)
        of_recipient = as_text(sa.type_coerce(keyed(recipient), columns.id.type))
        row = {
            "id": exam.concat(f"-{number}"),
            "exam": exam,
            "grantor": as_text(columns.owner),
            "recipient": sa.literal(kind).concat(of_recipient),
            "permission": sa.literal(1),
            "version": sa.literal(1),
            "share": sa.literal("s"),
            "made_at": columns.arrived,
            "uploaded_at": columns.arrived,
        }
        rows = select(*row.values()).join_from(numbers, self.table, columns.id == keyed(n))
        return self.tables.grants.insert().from_select([*row], rows)

    def contestants(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield what is asked."""
        user = UserId(key_of(self.keys, 7))
        keys = frozenset({user.key, *(GroupId(key_of(self.keys, n)).key for n in range(5))})
        page = self.store.visible(user, keys, None, PAGE, ASKED, own=True)
        assert len(page) == PAGE
        many = tuple(each.exam for each in page)
        columns = self.table.c
        asker = {"user": user, "principals": keys, "now": ASKED, "tables": self.tables}
        may = sql.may(columns.id, columns.owner, permission=VIEW, **asker)
        mine = select(columns.id).where(may).order_by(columns.arrived.desc()).limit(PAGE)
        middle = page[PAGE // 2]
        behind = middle.uploaded_at, middle.exam.value
        unknown = ExamId(key_of(self.keys, 10**9))
        yield "a check", lambda: self.store.holds(user, keys, VIEW, many[3], ASKED)
        yield (
            "a check of an unknown exam",
            lambda: self.store.holds(user, keys, VIEW, unknown, ASKED),
        )
        yield f"a check of {PAGE} exams", lambda: self.store.holding(user, keys, VIEW, many, ASKED)
        yield f"a page of {PAGE}", partial(self._page, user, keys, None)
        yield "a page further down", partial(self._page, user, keys, behind)
        yield f"{PAGE} own rows by `may`", partial(self._executed, mine)

    def _page(self, user: UserId, keys: Any, after: Any) -> object:
        return self.store.visible(user, keys, after, PAGE, ASKED, own=True)

    def _executed(self, statement: Any) -> object:
        with self.engine.connect() as connection:
            return connection.execute(statement).all()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.host_keys")
    parser.add_argument("--exams", type=int, default=200_000, help="how many the host has")
    parser.add_argument("--rounds", type=int, default=100)
    chosen = parser.parse_args()
    with databases() as engines:
        portals, asked = {}, {}
        for database, engine in engines.items():
            for keys in KEYS:
                progress(f"{database}: filling a portal with {keys}")
                portals[database, keys] = portal = Portal(engine, keys, chosen.exams)
                asked |= {(database, keys, what): ask for what, ask in portal.contestants()}
            plain = partial(portals[database, "text"]._executed, select(1))
            asked[database, "", "SELECT 1"] = plain
        progress("asking")
        times = best_of(chosen.rounds, {str(name): [ask] for name, ask in asked.items()}, 1)
    found: dict[str, list[str]] = {}
    for database, keys, what in asked:
        if keys:
            ratio = times[str((database, keys, what))] / times[str((database, "", "SELECT 1"))]
            found.setdefault(what, []).append(f"{ratio:.1f}")
    heads = [f"{database}, {keys}" for database, keys in portals]
    first = f"× `SELECT 1`, {chosen.exams:,} exams"
    lines = [(what, *ratios) for what, ratios in found.items()]
    print(table((first, *heads), lines, right=range(1, len(heads) + 1)))


if __name__ == "__main__":
    main()
